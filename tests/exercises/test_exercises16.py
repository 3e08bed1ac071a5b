"""The exercises of lesson 16, and its patients: each fault is found by the doctor, and by its own check."""

import math

import pytest
import torch

from nbhelpers.datasets import Street, in_memory
from nbhelpers.doctor import CHECKS
from nbhelpers.doctor.case import name_of
from nbhelpers.exercises import lesson16, patients, symptoms
from tests.exercises.exercise_tester import (  # noqa: F401
    pytest_generate_tests,
    test_a_slip_gets_its_hint,
    test_every_check_is_tested,
    test_none_is_no_answer_yet,
    test_the_right_answer_is_accepted,
)

RIGHT_STORIES = dict(lesson16.STORIES)


def by_hash(train, valid):
    seen = {image.numpy().tobytes() for image in train}
    return sum(image.numpy().tobytes() in seen for image in valid)


def by_comparison(train, valid):
    return sum(any(torch.equal(image, other) for other in train) for image in valid)


RIGHT = [
    (lesson16.check_floor, math.log(1 + 10 / math.e)),
    (lesson16.check_floor, 1.54),
    (lesson16.check_stories, RIGHT_STORIES),
    (lesson16.check_stories, {name: check.title() for name, check in RIGHT_STORIES.items()}),
    (lesson16.check_leak, by_hash),
    (lesson16.check_leak, by_comparison),
]
WRONG = [
    (lesson16.check_floor, 0, "floor for logits"),
    (lesson16.check_floor, 2.40, "what guessing costs"),
    (lesson16.check_floor, 3.34, "the largest loss"),
    (lesson16.check_floor, 2.30, r"exp\(0\) = 1"),
    (lesson16.check_floor, 0.21, "minus its logarithm"),
    (lesson16.check_floor, 2.23, "the natural one"),
    (lesson16.check_floor, 1.0, "largest probability is 1"),
    (lesson16.check_floor, 7, "ten zeros"),
    (lesson16.check_stories, {}, "Mia waits"),
    (lesson16.check_stories, RIGHT_STORIES | {"Mia": "learning rate"}, "for Mia, .*random"),
    (lesson16.check_stories, RIGHT_STORIES | {"Jon": "baseline"}, "for Jon, .*too good"),
    (lesson16.check_stories, RIGHT_STORIES | {"Ada": "loss value"}, "for Ada, .*larger than 1"),
    (lesson16.check_stories, RIGHT_STORIES | {"Tom": "mode"}, "for Tom, .*web page"),
    (lesson16.check_leak, lambda train, valid: sum(a is b for a in train for b in valid), "another object"),
    (
        lesson16.check_leak,
        lambda train, valid: sum(torch.equal(a, b) for a, b in zip(train, valid)),
        "at another place",
    ),
    (
        lesson16.check_leak,
        lambda train, valid: sum(any(a.float().mean() == b.float().mean() for a in train) for b in valid),
        "only resemble",
    ),
    (
        lesson16.check_leak,
        lambda train, valid: sum(torch.equal(a, b) for a in train for b in set(valid)),
        "another object|counts once|twice",
    ),
    (lesson16.check_leak, lambda train, valid: len(valid), "only resemble"),
    (
        lesson16.check_leak,
        lambda train, valid: len({b.numpy().tobytes() for b in valid} & {a.numpy().tobytes() for a in train}),
        "valid repeats it",
    ),
    (lesson16.check_leak, lambda train, valid: by_hash(train, valid) / 3 + 0.1, "not a share"),
    (lesson16.check_leak, lambda train, valid: None, "gives None"),
]


def test_the_floor_is_that_of_cross_entropy():
    probabilities = torch.zeros(1, 11)
    probabilities[0, 0] = 1
    loss = torch.nn.functional.cross_entropy(probabilities, torch.tensor([0])).item()
    assert lesson16.check_floor(loss) == "Right."


def test_the_stories_name_checks_of_the_doctor():
    assert set(RIGHT_STORIES.values()) <= {name_of(check) for check in CHECKS}
    assert set(lesson16.HINTS) == set(RIGHT_STORIES.values())


# ------------------------------------------------------------------------------------------- the patients

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


def test_scoring_twice_differs_only_where_eval_was_forgotten(recipe, healthy):
    forgetful = patients.practise(patients.spoilt(recipe, patients.eval_forgotten), epochs=1)
    (one, two), (three, four) = healthy.predict((0, 0)), forgetful.predict((0, 0))
    assert torch.equal(one, two) and not torch.equal(three, four)


def test_taken_keeps_order_and_drops_the_transform(recipe):
    part = patients.taken(recipe.train, [3, 0])
    assert part.images[0] is recipe.train.images[3] and part.images[1] is recipe.train.images[0]
    assert len(part) == 2 and part.transform is None
