"""The patients of lesson 16: each fault is found by the doctor, by its own check."""

import copy

import numpy as np
import pytest
import torch

from nbhelpers.datasets import IGNORE, Street, in_memory
from nbhelpers.exercises import patients, symptoms
from nbhelpers.training import fit

CHECK_OF = {
    "A": "mask ids",
    "B": "learning rate",
    "C": "image scaling",
    "D": "mode",
    "E": "probabilities",
    "F": "loss in void",
    "G": "mask resizing",
    "H": "split overlap",
}


@pytest.fixture(scope="module")
def recipe():
    train, valid, fresh = (
        in_memory(Street(split, (72, 96), length=8 if split == "train" else 4))
        for split in ("train", "val", "test")
    )
    return patients.healthy(train, valid, fresh)


@pytest.fixture(scope="module")
def healthy(recipe):
    return patients.practise(recipe, epochs=1)


def test_the_doctor_finds_nothing_in_the_healthy_but_that_it_is_untrained(healthy):
    assert {finding.name for finding in symptoms.examine(healthy)} <= {"baseline"}


@pytest.mark.parametrize("name", patients.FAULTS)
def test_the_doctor_names_the_fault(name, recipe, healthy):
    before = [mask.copy() for mask in recipe.train.masks]
    patient = patients.practise(patients.spoilt(recipe, patients.FAULTS[name]), epochs=1)
    found = [finding.name for finding in symptoms.examine(patient)]
    assert found[0] == CHECK_OF[name]
    assert set(found[1:]) <= {"baseline", "loss value"}, "consequences, after one epoch"
    assert all((old == new).all() for old, new in zip(before, recipe.train.masks)), (
        "the recipe itself changed"
    )
    assert recipe.train.num_classes == 11 and recipe.lr == 1e-2 and recipe.calls_eval
    for words in (symptoms.curve_symptom, symptoms.picture_symptom):
        assert words(patient, healthy)
    assert 0 <= patients.honest_iou(patient) <= 1


def test_every_fault_has_its_check():
    assert list(patients.FAULTS) == list(CHECK_OF)


def test_fit_refuses_black_and_white_masks(recipe):
    sick = patients.spoilt(recipe, patients.black_and_white_masks)
    with pytest.raises(ValueError, match="masks hold 0 and 255, .*pass binary=True"):
        fit(sick.model(), sick.train, sick.valid, epochs=1, quiet=True)


def test_scoring_twice_differs_only_where_eval_was_forgotten(recipe, healthy):
    forgetful = patients.practise(patients.spoilt(recipe, patients.eval_forgotten), epochs=1)
    (one, two), (three, four) = healthy.predict((0, 0)), forgetful.predict((0, 0))
    assert torch.equal(one, two) and not torch.equal(three, four)


class Reads(torch.nn.Module):
    """Predicts the ids that its images hold."""

    def forward(self, images):
        return torch.nn.functional.one_hot((255 * images[:, 0]).round().long(), 11).movedim(-1, 1).float()


def told(recipe, sky, classes):
    """A patient that predicts the truth of the first `classes`, and sky in the share `sky` of void."""
    recipe = copy.copy(recipe)
    for name in ("valid", "fresh"):
        data = copy.copy(getattr(recipe, name))
        setattr(recipe, name, data)
        data.images = []
        for mask in data.masks:
            ids = np.where(mask < classes, mask, patients.ROAD)
            void = np.flatnonzero(mask == IGNORE)
            ids.flat[void[: round(sky * len(void))]] = 0
            data.images.append(np.repeat(ids[..., None], 3, axis=-1))
    return patients.Patient(recipe, Reads(), [{"mean_iou": 0.0}])


@pytest.mark.parametrize(
    ("sky", "classes", "words"),
    [  # the healthy one of lesson 16 predicts 7 classes, and sky in 16 % of void
        (0.26, 7, "26% of the borders painted Sky (healthy 16%)"),
        (0.26, 6, "26% of the borders painted Sky (healthy 16%)"),
        (0.17, 5, "5 of 11 classes ever predicted (healthy 7)"),
        (0.16, 7, "nothing that can be counted"),
        (0.16, 11, "nothing that can be counted"),
    ],
)
def test_a_picture_is_judged_by_the_healthy_one(sky, classes, words, recipe):
    assert symptoms.picture_symptom(told(recipe, sky, classes), told(recipe, 0.16, 7)).startswith(words)


def test_taken_keeps_order_and_drops_the_transform(recipe):
    part = patients.taken(recipe.train, [3, 0])
    assert part.images[0] is recipe.train.images[3] and part.images[1] is recipe.train.images[0]
    assert len(part) == 2 and part.transform is None
