"""Every road that data takes into a training or a score passes the gate, and a refusal leaves the model as it was."""

import math

import pytest
import torch
from torch import nn
from torch.utils.data import Dataset

from benchmarks.gate_fuzz import run
from nbhelpers.checks import overfit_one_batch
from nbhelpers.doctor import doctor
from nbhelpers.training import evaluate, fit
from nbhelpers.training.comparison import compare

IMAGES = torch.randint(0, 255, (12, 3, 16, 16), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
IDS = (IMAGES[:, 0] > 180).to(torch.uint8)


class Mine(Dataset):
    num_classes = 2

    def __init__(self, change=lambda image, ids: (image, ids), only=range(12)):
        self.change, self.only, self.reads = change, only, 0

    def __len__(self):
        return 12

    def __getitem__(self, index):
        self.reads += 1
        if index in self.only:
            return self.change(IMAGES[index], IDS[index])
        return IMAGES[index], IDS[index]


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 2, 1))


def train(model, train_set, valid_set, epochs=2):
    return fit(model, train_set, valid_set, epochs=epochs, batch_size=4, precision="fp32", quiet=True)


def never(seed):
    raise AssertionError("valid must be judged before the first training")


ROADS = {
    "fit, train": lambda model, data: train(model, data, Mine()),
    "fit, valid": lambda model, data: train(model, Mine(), data),
    "evaluate": lambda model, data: evaluate(model, data, batch_size=4, precision="fp32"),
    "compare": lambda model, data: compare({"a": never}, data),
}
FAULTS = {
    "ids / 255": (lambda image, ids: (image, ids / 255), "masks are float32 .*divided by 255"),
    "black and white": (lambda image, ids: (image, ids * 255), "masks hold 0 and 255.*void = 255"),
    "an id too many": (lambda image, ids: (image, ids * 2), "masks hold 0 and 2"),
    "normalised": (lambda image, ids: (image / 100 - 1, ids), "take Normalize out"),
    "channels last": (lambda image, ids: (image.movedim(0, -1), ids), "channels come last"),
    "a dict": (lambda image, ids: {"image": image, "mask": ids}, "a sample is a dict"),
}
everywhere = pytest.mark.parametrize("fault", FAULTS)


@everywhere
@pytest.mark.parametrize("road", ROADS)
def test_a_faulty_set_is_refused(road, fault):
    change, words = FAULTS[fault]
    model = network()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with pytest.raises(ValueError, match=words):
        ROADS[road](model, Mine(change))
    torch.testing.assert_close(dict(model.state_dict()), before, rtol=0, atol=0)


@everywhere
@pytest.mark.parametrize("road", [road for road in ROADS if road != "compare"])
def test_one_faulty_sample_is_refused_before_it_counts(road, fault):
    change, words = FAULTS[fault]
    with pytest.raises(ValueError, match=f"{words}|a batch holds images"):
        ROADS[road](network(), Mine(change, only=[5]))


def test_a_set_without_a_label_is_refused_before_training_and_scores_nan():
    hidden = Mine(lambda image, ids: (image, ids * 0 + 255))
    for road in ("fit, train", "fit, valid", "compare"):
        with pytest.raises(ValueError, match="none of the 12 masks has a labelled pixel"):
            ROADS[road](network(), hidden)
    score = evaluate(network(), hidden)
    assert math.isnan(score.mean_iou) and "no labelled pixel" in repr(score)


def test_train_and_valid_must_have_the_same_classes():
    other = Mine()
    other.num_classes = 3
    with pytest.raises(ValueError, match="train tells 2 classes and valid 3"):
        train(network(), Mine(), other)


def test_a_sound_training_reads_each_set_once_an_epoch_and_a_batch_before():
    first, second = Mine(), Mine()
    train(network(), first, second)
    assert (first.reads, second.reads) == (4 + 2 * 12, 4 + 2 * 12)


@pytest.mark.parametrize("road", ["fit, train", "evaluate"])
def test_nan_in_eval_mode_names_the_layer(road):
    model = network()
    model[1].running_var[0] = math.nan
    with pytest.raises(FloatingPointError, match="in eval mode, first in the output of '1'"):
        ROADS[road](model, Mine())


def test_nan_that_comes_in_eval_mode_later_leaves_the_best_weights():
    class Spoils(nn.Module):
        """Its running variance is spoilt in the second epoch."""

        def __init__(self):
            super().__init__()
            self.net, self.steps = network(), 0

        def forward(self, images):
            self.steps += self.training
            if self.steps == 2 + 3 + 2:  # two of the rehearsal, an epoch
                self.net[1].running_var.fill_(math.nan)
            return self.net(images)

    model = Spoils()
    with pytest.raises(FloatingPointError, match="first in the output of 'net.1'") as error:
        train(model, Mine(), Mine(), epochs=3)
    assert len(error.value.history.rows) == 1
    assert model.net[1].running_var.isfinite().all()


class Wrapped(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = network()

    def forward(self, images):
        return {"out": self.net(images)}


def test_a_model_that_gives_a_dict_gets_one_sentence():
    batch = IMAGES[:4] / 255, IDS[:4].long()
    for road in ("fit, train", "evaluate"):
        with pytest.raises(
            ValueError, match=r'gives dict; it must give a tensor .*wrap it .*output\["out"\]'
        ):
            ROADS[road](Wrapped(), Mine())
    with pytest.raises(ValueError, match=r'gives dict; it must give a tensor .*wrap it .*output\["out"\]'):
        overfit_one_batch(Wrapped(), batch)
    (finding,) = (finding for finding in doctor(Wrapped(), batch) if finding.name == "forward")
    assert "gives dict; it must give a tensor" in finding.sentence and 'output["out"]' in finding.cure


def test_images_of_other_channels_are_told_from_the_model():
    with pytest.raises(ValueError, match="the model does not take images of 4 channels .*in_channels=4"):
        train(network(), Mine(lambda image, ids: (image[[0, 1, 2, 0]], ids)), Mine())


def test_random_faults_are_refused_in_our_words_and_never_scored_wrong():
    ends, defects = run(40, first=5000)  # `python -m benchmarks.gate_fuzz` tries 2,000
    assert defects == []
    assert sum(number for end, number in ends.items() if end.endswith("refused")) > 20
