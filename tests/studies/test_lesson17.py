"""The study of lesson 17: what is learnt from, at which rate, and what is measured by condition."""

import numpy as np
import pytest
import torch
from torch import nn

from nbhelpers.datasets import Eyes
from nbhelpers.iris import OPEN
from studies import close_ups, lesson17, load
from studies.close_ups import NETWORKS, SCORED, SIZE, CloseUps, conditions_of, cut_out, open_eyes, parameters
from studies.lesson17 import CHOSEN, IRIS, iou, of_the_iris
from studies.lesson17_tuning import RATES, tried

FEW = {"length": 24, "pictures_per_identity": 6}


@pytest.fixture(autouse=True, scope="module")
def few():
    with pytest.MonkeyPatch.context() as patch:
        for module in (close_ups, lesson17):
            patch.setattr(module, "TEST", FEW)
        parameters.cache_clear()
        cut_out.cache_clear()
        yield
    parameters.cache_clear()
    cut_out.cache_clear()


def the_few():
    return cut_out("test", FEW["length"]), open_eyes("test", FEW["length"])


class Dark(nn.Module):
    """Iris is what is darker than half."""

    def forward(self, images):
        grey = images.mean(dim=1, keepdim=True)
        return torch.cat([grey, 1 - grey], dim=1)


def test_measures_are_those_of_each_condition():
    test, eyes = the_few()
    measures = of_the_iris(Dark(), test)
    small = torch.stack([image for image, _ in test]).float() / 255
    small = nn.functional.interpolate(small, SIZE, mode="bilinear", antialias=True)
    grey = nn.functional.interpolate(small.mean(1, keepdim=True), SCORED, mode="bilinear")[:, 0]
    found, true = (grey < 0.5).numpy(), np.stack(test.masks) == 1
    assert measures["E1, %"] == pytest.approx(100 * (found != true).mean(), rel=1e-3)
    for name in ("infrared", "visible light"):
        chosen = [eye.light == name.split()[0] for eye in eyes]
        common, either = (found & true)[chosen].sum(), (found | true)[chosen].sum()
        assert measures[f"{IRIS}, {name}"] == pytest.approx(common / either, rel=1e-3)
    assert len(measures) == 3 + 10


def test_a_close_up_stands_beside_its_own_eye():
    test, eyes = the_few()
    drawn = Eyes("test", (240, 320), **FEW)
    kept = [drawn.parameters(index) for index in range(len(drawn))]
    assert eyes == [eye for eye in kept if eye.opening > OPEN] and len(test) == len(eyes)
    assert {mask.shape for mask in test.masks} == {SCORED}


def test_conditions_are_pairs_that_exclude_each_other():
    _, eyes = the_few()
    names = list(conditions_of(eyes[0]))
    for easy, hard in zip(names[::2], names[1::2]):
        assert not any(conditions_of(eye)[easy] and conditions_of(eye)[hard] for eye in eyes)


def test_only_what_is_trained_on_is_changed():
    protocol = CloseUps(scenes=12)
    train, val = protocol.data("train"), protocol.data("val")
    assert train.transform is not None and val.transform is None and protocol.drawn == len(train) <= 12
    assert str(protocol).startswith(f"{len(train)} close-ups of 48 x 64, ")


def test_a_rate_is_the_one_that_val_chose():
    tuning, study = load("17_tuning"), load("17")
    scores = {way: values[0] for way, values in tuning.scores().items()}
    assert len(scores) == len(NETWORKS) * len(RATES)
    for name, way in study.ways.items():
        assert CHOSEN[name] == way.terms["lr"] == max(RATES, key=lambda rate: scores[tried(name, rate)])
        assert way.terms.keys() == {"lr"}  # equal terms otherwise
    assert 2 * tuning.protocol.steps == study.protocol.steps
    assert tuning.protocol.data("test") is tuning.protocol.data("val")


def test_iou_of_masks_together():
    found, true = np.zeros((2, 2, 2), bool), np.zeros((2, 2, 2), bool)
    found[0], true[0, 0] = True, True
    assert iou(found, true) == 0.5
