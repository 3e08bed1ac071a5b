"""Lesson 4: every exercise accepts the right answer, and tells plausible wrong ones what went wrong."""

import torch

from nbhelpers.exercises import lesson04
from nbhelpers.metrics import ConfusionMatrix
from tests.exercises.exercise_tester import (  # noqa: F401
    pytest_generate_tests,
    test_a_slip_gets_its_hint,
    test_every_check_is_tested,
    test_none_is_no_answer_yet,
    test_the_right_answer_is_accepted,
)

IGNORE = 255


def by_matrix(logits, masks, index):
    confusion = ConfusionMatrix(logits.shape[1])
    confusion.update(logits.argmax(1), masks)
    return confusion.iou[index]


def counts(logits, masks, index):
    """Predicted, true and both, of pixels that are not void."""
    predicted, true = (logits.argmax(1) == index) & (masks != IGNORE), masks == index
    return predicted.sum(), true.sum(), (predicted & true).sum()


def by_hand(logits, masks, index):
    predicted, true, both = counts(logits, masks, index)
    return both / (predicted + true - both)


def void_is_wrong(logits, masks, index):
    predicted, true = logits.argmax(1) == index, masks == index
    return (predicted & true).sum() / (predicted | true).sum()


def void_is_right(logits, masks, index):
    masks = torch.where(masks == IGNORE, logits.argmax(1), masks)
    return void_is_wrong(logits, masks, index)


def dice(logits, masks, index):
    predicted, true, both = counts(logits, masks, index)
    return 2 * both / (predicted + true)


def counted_twice(logits, masks, index):
    predicted, true, both = counts(logits, masks, index)
    return both / (predicted + true)


def accuracy(logits, masks, index):
    return ((logits.argmax(1) == masks) & (masks != IGNORE)).sum() / (masks != IGNORE).sum()


# name: (check, right answers, [(wrong answer, what the hint says)])
CHECKS = {
    "saving": (
        lesson04.check_saving,
        [0.4, 1 - (16 / 4 + 14) / 30],
        [
            (8 / 30, "a quarter of the pixels, not half"),
            (0.27, "a quarter of the pixels, not half"),
            (0.533, "not free"),
            (0.75, "if all 30 epochs were small"),
            (0.6, "the share it takes"),
            (18, "the share of 30 that is saved"),
            (12, "as a share of 30"),
            (40, "a fraction from 0 to 1"),
            (0.35, "not the other way round"),
            (0.9, "count in full epochs"),
        ],
    ),
    "rates": (
        lesson04.check_rates,
        [(1e-5, 1e-4, 1e-3), [1e-5, 0.0001, 0.001]],
        [
            ((1e-5, 5.05e-4, 1e-3), "linear scale"),
            ((1e-5, 5e-4, 1e-3), "linear scale"),
            ((1e-3, 1e-4, 1e-5), "smallest rate"),
            ((1e-3, 1e-3, 1e-3), "a rate of its own"),
            ((1e-4, 1e-4, 1e-3), "both ends are given"),
            ((1e-5, 1e-5, 1e-3), "both ends are given"),
            ((1e-5, 1e-3), "three rates"),
            (1e-4, "three rates"),
            ((1e-5, 2e-4, 1e-3), "one and the same factor"),
        ],
    ),
    "IoU": (
        lesson04.check_iou,
        [by_matrix, by_hand],
        [
            (void_is_wrong, "leave them out of the union"),
            (void_is_right, "counts nowhere"),
            (dice, "that is Dice"),
            (counted_twice, "counted twice"),
            (accuracy, "that is pixel accuracy"),
            (lambda *a: counts(*a)[2] / counts(*a)[0], "that is precision"),
            (lambda *a: counts(*a)[2] / counts(*a)[1], "that is recall"),
            (lambda *a: counts(*a)[2], "divide by the pixels"),
            (lambda logits, masks, index: by_hand(logits, masks, 1), "not always for class 1"),
            (lambda logits, masks, index: 0.9, "0.571, but it gives 0.900"),
        ],
    ),
}
RIGHT = [(check, answer) for check, right, _ in CHECKS.values() for answer in right]
WRONG = [(check, answer, hint) for check, _, wrong in CHECKS.values() for answer, hint in wrong]
