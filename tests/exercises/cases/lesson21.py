"""Lesson 21: answers that are right, and wrong ones with what the hint must say."""

import numpy as np
import torch
from scipy.spatial import cKDTree
from scipy.spatial.distance import cdist, directed_hausdorff

from nbhelpers.exercises.lesson21 import check_absent, check_hausdorff, check_percentiles
from nbhelpers.metrics import ConfusionMatrix, scores_per_image

THERE, BACK = [1] * 94 + [8] * 6, [1] * 100


def all_sky():
    """The prediction of exercise 2 on 100 pixels, scored with absent classes as 1."""
    matrix = ConfusionMatrix(11)
    truth = torch.tensor([[0] * 40 + [3] * 35 + [8] * 25])
    matrix.update(torch.zeros_like(truth), truth)
    return scores_per_image([matrix], absent="one").mean().item()


PERCENTILES = [
    ((1, 8), "the larger of the two percentiles comes first"),
    ((8, 8), "six distances of 8 are 3 %"),
    ((1, 1), "six distances of 8 are 6 %"),
    ((8, 4.5), "does not average the two percentiles"),
    ((4.5, 1), "takes the larger of the two"),
    ((8, np.mean(THERE + BACK)), "the mean of the pooled distances"),
    ((8, torch.tensor(THERE + BACK).float().mean()), "the mean of the pooled distances"),
    ((np.mean(THERE), np.mean(THERE + BACK)), "those are means"),
    ((7, 1), "after the first 95 of a hundred"),
    (8, "give two numbers"),
]
ABSENT = [
    (0.4 / 3, "leaves absent classes out"),
    (0.4 / 11, "counts absent classes as 0"),
    (0.4, "the sky alone"),
    (8 / 11, "the IoU of the sky is missing"),
    (10.4 / 11, "road and car are not absent"),
    (8.4, "that is the sum"),
    (8.4 / 9, "road and car belong into the mean"),
    (9 / 11, "the IoU of the sky is not 1"),
    (0.5, "eight classes are in neither"),
    ((0.76, 0.13), "give one number"),
]


def one_way(a, b):
    return cKDTree(b).query(a)[0].max()


def by_loops(a, b):
    ways = []
    for here, there in ((a, b), (b, a)):
        ways.append(max(min(float(np.hypot(*(point - other))) for other in there) for point in here))
    return max(ways)


def by_torch(a, b):
    distances = torch.cdist(torch.from_numpy(a), torch.from_numpy(b))
    return torch.maximum(distances.amin(1).amax(), distances.amin(0).amax())


HAUSDORFF = [
    (one_way, "one way only; points of b"),
    (lambda a, b: one_way(b, a), "one way only; points of a"),
    (lambda a, b: max(one_way(a, b), one_way(b[:1], a)), "one way only; points of b"),
    (lambda a, b: max(one_way(a[:1], b), one_way(b, a)), "one way only; points of a"),
    (lambda a, b: min(one_way(a, b), one_way(b, a)), "the larger one counts"),
    (lambda a, b: (one_way(a, b) + one_way(b, a)) / 2, "not their mean"),
    (lambda a, b: cdist(a, b).max(), "furthest apart"),
    (lambda a, b: cdist(a, b).min(), "closest to each other"),
    (lambda a, b: max(cdist(a, b).min(1).mean(), cdist(a, b).min(0).mean()), "a mean of the distances"),
    (lambda a, b: by_loops(a, b) ** 2, "the root is missing"),
    (
        lambda a, b: max(cdist(a, b, "cityblock").min(1).max(), cdist(a, b, "cityblock").min(0).max()),
        "along the axes",
    ),
    (lambda a, b: cdist(a, b).min(1), "give one number, not"),
    (lambda a, b: -1.0, "for each point of a take the nearest of b"),
]
RIGHT = [
    (
        check_percentiles,
        (
            max(np.percentile(THERE, 95), np.percentile(BACK, 95)),
            np.percentile(THERE + BACK, 95),
        ),
    ),
    (check_percentiles, (8, 1)),
    (check_absent, all_sky()),
    (check_absent, 0.76),
    (check_hausdorff, by_loops),
    (check_hausdorff, by_torch),
    (check_hausdorff, lambda a, b: max(one_way(a, b), one_way(b, a))),
    (check_hausdorff, lambda a, b: max(cdist(a, b).min(1).max(), cdist(a, b).min(0).max())),
    (check_hausdorff, lambda a, b: max(directed_hausdorff(a, b)[0], directed_hausdorff(b, a)[0])),
]
WRONG = [
    (check, answer, hint)
    for check, slips in {
        check_percentiles: PERCENTILES,
        check_absent: ABSENT,
        check_hausdorff: HAUSDORFF,
    }.items()
    for answer, hint in slips
]
