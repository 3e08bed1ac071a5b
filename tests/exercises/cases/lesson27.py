"""Lesson 27: answers that are right, and wrong ones with what the hint must say."""

from itertools import combinations
from math import comb

import numpy as np
import scipy
import torch

from nbhelpers.exercises.lesson27 import check_p, check_taken, check_tau

ONE = 2 / comb(10, 5)
P = [
    ((ONE / 2, 6 * ONE / 2), "one side"),
    ((0.004, 0.0238), "one side"),
    ((ONE, ONE), "multiplied by six"),
    ((ONE, ONE / 6), "larger, not smaller"),
    ((ONE, 5 * ONE), "the next by five"),
    ((6 * ONE, ONE), "comes first"),
    ((2 / 1024, 12 / 1024), "ten coins"),
    ((2 / 32, 12 / 32), "five pairs"),
    ((1 / 32, 6 / 32), "five pairs"),
    ((2 / 45, 12 / 45), "not two"),
    ((0.05, 0.3), "in how many ways"),
    (ONE, "give two numbers"),
]
TAU = [
    ((4, 1 / 3), "that many pairs are ordered alike"),
    ((2, 2 / 3), "takes the others away"),
    ((2, -1 / 3), "above 0"),
    ((2, 1 / 6), "not twelve"),
    ((2, 0.5), "not four"),
    ((2, 0.4), "Spearman's"),
    ((2, 2), "divided by the number"),
    ((3, 0), "among themselves"),
    ((1, 2 / 3), "behind C"),
    ((0, 1), "go through AB"),
    (2, "give two numbers"),
]


def by_permutations():
    """All ways to share ten scores out to two groups of five, counted one by one."""
    scores = np.arange(10.0)
    found = [
        abs(scores[[*five]].mean() - np.delete(scores, five).mean()) for five in combinations(range(10), 5)
    ]
    return np.mean(np.isclose(found, 5.0))


def by_scipy():
    def gap(one, other, axis):
        return one.mean(axis=axis) - other.mean(axis=axis)

    few, many = np.arange(5.0), np.arange(5.0, 10.0)
    return scipy.stats.permutation_test((few, many), gap, n_resamples=np.inf, vectorized=True).pvalue


DRAWN, SEEN = [0.50, 0.45, 0.40, 0.35], [0.42, 0.48, 0.46, 0.30]


def by_loops(old, new):
    taken = []
    for name in new:
        taken.append(False)
        if name in old:
            taken[-1] = tuple(old[name].shape) == tuple(new[name].shape)
    return taken


def by_sets(old, new):
    pairs = {(name, value.shape) for name, value in old.items()}
    return np.array([(name, value.shape) in pairs for name, value in new.items()])


def by_get(old, new):
    nothing = torch.zeros(0, 0, 0, 0, 0)
    return torch.tensor([old.get(name, nothing).shape == value.shape for name, value in new.items()])


def by_size(old, new):
    return (name in old and old[name].size() == new[name].size() for name in new)


def by_common_names(old, new):
    common = old.keys() & new.keys()
    same = {name for name in common if old[name].shape == new[name].shape}
    return [*map(same.__contains__, new)]


TAKEN = [
    (lambda old, new: [name in old for name in new], "a head of other classes"),
    (lambda old, new: [old[name].shape == new[name].shape for name in new], "it stops with KeyError"),
    (
        lambda old, new: [any(each.shape == value.shape for each in old.values()) for value in new.values()],
        "of the same name",
    ),
    (
        lambda old, new: [name in old and old[name].numel() == new[name].numel() for name in new],
        "hold six each",
    ),
    (lambda old, new: [name in old and len(old[name]) == len(new[name]) for name in new], "whole shapes"),
    (lambda old, new: [not taken for taken in by_loops(old, new)], "stay as they are"),
    (lambda old, new: by_loops(new, old), "go through those"),
    (lambda old, new: np.ones(len(new)), "no weight of that name and shape"),
    (
        lambda old, new: [name in old and torch.equal(old[name], new[name]) for name in new],
        "the values differ",
    ),
    (lambda old, new: sum(by_loops(old, new)), "one True or False for each"),
    (lambda old, new: [name for name in new if name in old], "return a list of True and False"),
    (lambda old, new: [False] * len(new), "the values differ"),
    (lambda old, new: [name == "a" for name in new], "it should give"),
]
RIGHT = [
    (check_p, (ONE, 6 * ONE)),
    (check_p, (by_permutations(), 6 * by_permutations())),
    (check_p, (by_scipy(), 6 * by_scipy())),
    (check_p, (0.0079, 0.0476)),
    (check_tau, (2, 1 / 3)),
    (check_tau, (2, scipy.stats.kendalltau(DRAWN, SEEN).statistic)),
    (check_tau, (2, 0.33)),
    *((check_taken, way) for way in (by_loops, by_sets, by_get, by_size, by_common_names)),
]
WRONG = [
    (check, answer, hint)
    for check, slips in {check_p: P, check_tau: TAU, check_taken: TAKEN}.items()
    for answer, hint in slips
]
