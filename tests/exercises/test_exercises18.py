"""The exercises of 18_kaggle_starter: the right answer passes, each plausible slip gets its own hint."""

import re

import numpy as np

from nbhelpers.exercises.lesson18 import check_bowl, check_code, check_dice
from nbhelpers.kaggle import dice, rle_encode
from tests.exercises.exercise_tester import (  # noqa: F401
    pytest_generate_tests,
    test_a_slip_gets_its_hint,
    test_every_check_is_tested,
    test_none_is_no_answer_yet,
    test_the_right_answer_is_accepted,
)

MASK = np.array([[0, 1, 1], [1, 0, 1]])
CODES = [
    (rle_encode(MASK, order="C"), "along the rows"),
    (rle_encode(MASK, base=0), "counts from 0"),
    (rle_encode(MASK, order="C", base=0), "along the rows and counts from 0"),
    ("2 3 5 6", "first and last pixels"),
    ("2 1 3 1 5 1 6 1", "are one run"),
    ("1 1", "number the pixels down the columns"),
]
BOWL = [
    (0.4, "at 0.50 alone"),
    (0.486, "that is F1"),
    (0.567, "hit nothing count too"),
    (0.425, "were missed count too"),
    (0.307, "are seven"),
    (0.353, "seven thresholds, not eight"),
    (0.34, "what was predicted for it is an FP"),
    (0.9, "write down TP, FP and FN"),
]


def plain(a, b):
    return 2 * (a * b).sum() / (a.sum() + b.sum())


DICES = [
    (plain, "for two empty masks it gives nan"),
    (lambda a, b: 2 * int((a * b).sum()) / int(a.sum() + b.sum()), "divides by zero"),
    (lambda a, b: plain(a, b) if (a + b).any() else 0.0, "for two empty masks it gives 0.0"),
    (lambda a, b: plain(a, b) if a.any() and b.any() else 1.0, "only one of the two is empty"),
    (lambda a, b: (a * b).sum() / ((a + b) > 0).sum(), "that is the IoU"),
    (lambda a, b: (a * b).sum() / (a.sum() + b.sum()), "twice"),
    (lambda a, b: 2 * (a * b).sum(), "divide by the sum"),
    (lambda a, b: 0.1, "it should give 4/6"),
]
RIGHT = [
    (check_code, rle_encode(MASK)),
    (check_code, "2, 2, 5, 2"),
    (check_bowl, (7 * 2 / 5 + 3 * 1 / 6) / 10),
    (check_bowl, 0.33),
    (check_dice, dice),
]
WRONG = [
    (check, answer, re.escape(hint))
    for check, slips in {check_code: CODES, check_bowl: BOWL, check_dice: DICES}.items()
    for answer, hint in slips
]
