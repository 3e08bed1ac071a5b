"""The exercises of 18_kaggle_starter: the right answer passes, each plausible slip gets its own hint."""

import numpy as np
import pytest

from nbhelpers.exercises import UNANSWERED
from nbhelpers.exercises.lesson18 import check_bowl, check_code, check_dice
from nbhelpers.kaggle import dice, rle_encode


def test_unanswered():
    assert {check(None) for check in (check_code, check_bowl, check_dice)} == {UNANSWERED}


def test_right():
    mask = np.array([[0, 1, 1], [1, 0, 1]])
    assert check_code(rle_encode(mask)) == check_code("2, 2, 5, 2") == "Right."
    assert check_bowl((7 * 2 / 5 + 3 * 1 / 6) / 10) == check_bowl(0.33) == "Right."
    assert check_dice(dice) == "Right."


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (rle_encode(np.array([[0, 1, 1], [1, 0, 1]]), order="C"), "along the rows"),
        (rle_encode(np.array([[0, 1, 1], [1, 0, 1]]), base=0), "counts from 0"),
        (rle_encode(np.array([[0, 1, 1], [1, 0, 1]]), order="C", base=0), "along the rows and counts from 0"),
        ("2 3 5 6", "first and last pixels"),
        ("2 1 3 1 5 1 6 1", "are one run"),
        ("1 1", "number the pixels down the columns"),
    ],
)
def test_codes(answer, hint):
    assert hint in check_code(answer)


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (0.4, "at 0.50 alone"),
        (0.486, "that is F1"),
        (0.567, "hit nothing count too"),
        (0.425, "were missed count too"),
        (0.307, "are seven"),
        (0.353, "seven thresholds, not eight"),
        (0.34, "what was predicted for it is an FP"),
        (0.9, "write down TP, FP and FN"),
    ],
)
def test_bowl(answer, hint):
    assert hint in check_bowl(answer)


def plain(a, b):
    return 2 * (a * b).sum() / (a.sum() + b.sum())


@pytest.mark.parametrize(
    ("function", "hint"),
    [
        (plain, "for two empty masks it gives nan"),
        (lambda a, b: 2 * int((a * b).sum()) / int(a.sum() + b.sum()), "divides by zero"),
        (lambda a, b: plain(a, b) if (a + b).any() else 0.0, "for two empty masks it gives 0.0"),
        (lambda a, b: plain(a, b) if a.any() and b.any() else 1.0, "only one of the two is empty"),
        (lambda a, b: (a * b).sum() / ((a + b) > 0).sum(), "that is the IoU"),
        (lambda a, b: (a * b).sum() / (a.sum() + b.sum()), "twice"),
        (lambda a, b: 2 * (a * b).sum(), "divide by the sum"),
        (lambda a, b: 0.1, "it should give 4/6"),
    ],
)
def test_dice(function, hint):
    assert hint in check_dice(function)
