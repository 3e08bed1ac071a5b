"""The patients of lesson 16: each fault is found by the doctor, by its own check."""

import pytest
import torch

from nbhelpers.datasets import Street, in_memory
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


def test_taken_keeps_order_and_drops_the_transform(recipe):
    part = patients.taken(recipe.train, [3, 0])
    assert part.images[0] is recipe.train.images[3] and part.images[1] is recipe.train.images[0]
    assert len(part) == 2 and part.transform is None
