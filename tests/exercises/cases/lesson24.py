"""Lesson 24: answers that are right, and wrong ones with what the hint must say."""

from math import sqrt

import numpy as np
import torch

from nbhelpers.exercises.lesson24 import check_epochs, check_front, check_least

LEAST = [
    ((6, 16), "for single trainings"),
    ((1.5, 16), "square root of n less"),
    ((0.6, 16), "standard error of one mean"),
    ((5 * 1.2 / sqrt(2), 16), "is in q already"),
    ((5 * torch.tensor(1.2) * torch.tensor(0.5).sqrt(), 16), "is in q already"),  # float32
    ((3, 8), "take off the square root of two"),
    ((1.5, 8), "square root of n less"),
    ((3, 4), "half of it is asked for"),
    ((3, 2), "fewer seeds make it larger"),
    ((16, 3), "the difference comes first"),
    ((2, 16), "divide the deviation"),
    (3, "give two numbers"),
]
EPOCHS = [
    ((25, 6), "the looks at val count"),
    ((25, 25), "gets fewer epochs"),
    ((23, 5), "nearer to 6"),
    ((23, 23), "gets fewer epochs"),
    ((23, 92), "not more"),
    ((6, 23), "the cheaper network comes first"),
    ((851, 222), "those are the steps"),
    ((24, 6), "23 come nearer"),
    ((7500, 1875), "the number of scenes"),
    ((20, 5), "cost 0.1 s"),
    ((22, 6), "how many are nearest"),
    (23, "give two numbers"),
]


def by_loops(costs, scores):
    def beats(i, j):
        return (
            costs[i] <= costs[j] and scores[i] >= scores[j] and (costs[i], scores[i]) != (costs[j], scores[j])
        )

    return [not any(beats(i, j) for i in range(len(costs))) for j in range(len(costs))]


def by_sorting(costs, scores):
    """From the cheapest on, a network must score more than all that are cheaper; of equal costs the best alone."""
    kept, best = np.zeros(len(costs), bool), -np.inf
    for cost in np.unique(costs):
        same = costs == cost
        if scores[same].max() > best:
            best = scores[same].max()
            kept |= same & (scores == best)
    return kept


def by_torch(costs, scores):
    costs, scores = torch.as_tensor(costs), torch.as_tensor(scores)
    no_worse = (costs[None] <= costs[:, None]) & (scores[None] >= scores[:, None])
    better = (costs[None] < costs[:, None]) | (scores[None] > scores[:, None])
    return ~(no_worse & better).any(1)


def by_counting(costs, scores):
    """As many are at least as good in both as are equal in both."""
    as_good = (costs[None] <= costs[:, None]) & (scores[None] >= scores[:, None])
    equal = (costs[None] == costs[:, None]) & (scores[None] == scores[:, None])
    return as_good.sum(1) == equal.sum(1)


def by_a_walk(costs, scores):
    """From the cheapest on, the best of equal costs first: who joins beats the last that joined, or is its twin."""
    front = []
    for place in sorted(range(len(costs)), key=lambda place: (costs[place], -scores[place])):
        last = front[-1] if front else None
        twin = front and (costs[place], scores[place]) == (costs[last], scores[last])
        if not front or twin or scores[place] > scores[last]:
            front.append(place)
    return np.isin(np.arange(len(costs)), front)


def strictly(costs, scores):
    return [
        not any(c < cost and s > score for c, s in zip(costs, scores)) for cost, score in zip(costs, scores)
    ]


def without_twins(costs, scores):
    return [
        sum(c <= cost and s >= score for c, s in zip(costs, scores)) == 1
        for cost, score in zip(costs, scores)
    ]


FRONT = [
    (lambda costs, scores: [not kept for kept in by_loops(costs, scores)], "the ones that are beaten"),
    (strictly, "who costs the same and scores less is beaten"),
    (without_twins, "two that are equal in both"),
    (lambda costs, scores: np.zeros(len(costs), bool), "nobody beats itself"),
    (lambda costs, scores: by_sorting(-costs, scores), "less cost is better."),
    (lambda costs, scores: by_sorting(costs, -scores), "more score is better"),
    (lambda costs, scores: by_sorting(-costs, -scores), "less cost is better, and more score"),
    (lambda costs, scores: scores == np.max(scores), "the most accurate is one of them"),
    (lambda costs, scores: costs == np.min(costs), "the cheapest is one of them"),
    (
        lambda costs, scores: (costs == np.min(costs)) | (scores == np.max(scores)),
        "the two ends are among them",
    ),
    (lambda costs, scores: scores / costs >= np.max(scores / costs), "a ratio picks one"),
    (lambda costs, scores: np.ones(len(costs), bool), "it should give"),
    (lambda costs, scores: np.flatnonzero(by_sorting(costs, scores)), "one True or False for each network"),
]
RIGHT = [
    (check_least, (5 * 1.2 / sqrt(4), 4 * 4)),
    (check_least, (3, 16)),
    (check_epochs, (round(30 / 1.3), round(30 / 5.2))),
    (check_epochs, (23, 6)),
    (check_front, by_loops),
    (check_front, by_sorting),
    (check_front, by_torch),
    (check_front, by_counting),
    (check_front, by_a_walk),
]
WRONG = [
    (check, answer, hint)
    for check, slips in {check_least: LEAST, check_epochs: EPOCHS, check_front: FRONT}.items()
    for answer, hint in slips
]
