"""Lesson 18: answers that are right, and wrong ones with what the hint must say."""

import re

import numpy as np
import torch

from nbhelpers.exercises.lesson18 import check_bowl, check_code, check_dice
from nbhelpers.kaggle import Convention, dice, rle_encode

MASK = np.array([[0, 1, 1], [1, 0, 1]])
CODES = [
    (rle_encode(MASK, convention=Convention("C")), "along the rows"),
    (rle_encode(MASK, convention=Convention(base=0)), "counts from 0"),
    (rle_encode(MASK, convention=Convention("C", 0)), "along the rows and counts from 0"),
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


def by_sets(a, b):
    a, b = ({*zip(*np.nonzero(mask))} for mask in (a, b))
    return 2 * len(a & b) / (len(a) + len(b)) if a or b else 1


def with_epsilon(a, b):
    return (2 * (a * b).sum() + 1e-7) / (a.sum() + b.sum() + 1e-7)


def by_bools(a, b):
    return 2 * (a & b).sum() / (a.sum() + b.sum()) if (a | b).any() else 1


def by_torch(a, b):
    a, b = torch.from_numpy(a).double(), torch.from_numpy(b).double()
    return (2 * (a * b).sum() / (a.sum() + b.sum())).nan_to_num(1)


def guarded(score):
    """With the rule for empty masks."""

    def scored(a, b):
        if not a.any() or not b.any():
            return float(a.any() == b.any())
        return score(a, b)

    return scored


RIGHT += [(check_dice, function) for function in (by_sets, with_epsilon, by_bools, by_torch)]
RIGHT += [(check_code, answer) for answer in ([2, 2, 5, 2], (2, 2, 5, 2), np.array([2, 2, 5, 2]), "2 2 5 2 ")]
WRONG += [
    (check_dice, guarded(lambda a, b: (a * b).sum() / b.sum()), "that is recall"),
    (check_dice, guarded(lambda a, b: (a * b).sum() / a.sum()), "that is precision"),
    (check_dice, guarded(lambda a, b: (a * b).sum() / min(a.sum(), b.sum())), "overlap coefficient"),
    (check_dice, guarded(lambda a, b: (a == b).mean()), "that is accuracy"),
    (check_dice, guarded(lambda a, b: 1 - plain(a, b)), "that is the loss"),
    (check_dice, lambda a, b: (2 * (a * b).sum() + 1) / (a.sum() + b.sum() + 1), "it should give 4/6"),
    (check_dice, guarded(lambda a, b: 2 * (a * b).sum(0) / (a + b).sum(0)), "return one number"),
    (check_bowl, float("nan"), "nan is not a number"),
    (check_bowl, 1 / 3, "take TP, FP and FN"),
    (check_code, "2 5", "a length behind it"),
    (check_code, "2 2 2 5", "the next run follows"),
    (check_code, [0, 1, 1, 0, 1, 1], "write the runs"),
    (check_code, "two two", "more than whole numbers"),
]
