"""Lesson 6: answers that are right, and wrong ones with what the hint must say."""

import numpy as np
import torch
import torch.nn.functional as F

from nbhelpers.exercises import lesson06


def pool(x):
    values, places = F.max_pool2d(x[None], 2, return_indices=True)
    return values[0], places[0]


def by_hand(x):
    numbers = torch.arange(x.numel()).reshape(x.shape)
    corners = [(top, left) for top in (0, 1) for left in (0, 1)]
    values = torch.stack([x[top::2, left::2] for top, left in corners])
    places = torch.stack([numbers[top::2, left::2] for top, left in corners])
    best = values.argmax(dim=0, keepdim=True)
    return values.gather(0, best)[0], places.gather(0, best)[0]


def within_cells(x):
    cells = torch.stack([x[top::2, left::2] for top in (0, 1) for left in (0, 1)])
    return cells.max(dim=0)


def down_the_columns(x):
    values, places = pool(x)
    return values, places % x.shape[1] * x.shape[0] + places // x.shape[1]


def with_the_height(x):
    values, places = pool(x)
    return values, places // x.shape[1] * x.shape[0] + places % x.shape[1]


def first_corners(x):
    return pool(x)[0], torch.arange(x.numel()).reshape(x.shape)[::2, ::2]


def of_the_smallest(x):
    values, places = pool(-x)
    return -values, places


CHECKS = {  # check: (right answers, [(wrong answer, what the hint says)])
    lesson06.check_indices: (
        [[4, 3, 13, 10], (4, 3, 13, 10), pool(lesson06.MAP)[1].flatten().tolist()],
        [
            ([2, 1, 3, 0], "count within each cell"),
            ([5, 4, 14, 11], "count from 0"),
            ([1, 12, 7, 10], "along the rows"),
            ([6, 8, 9, 7], "those are the values"),
            ([5, 2, 12, 11], "of the smallest values"),
            ([13, 3, 10, 4], "by falling value"),
            ([3, 4, 10, 13], "places in order"),
            ([0, 0, 0, 0], "4 x row . column"),
        ],
    ),
    lesson06.check_bytes: (
        [345_600, 128 * 90 * 120 * 2 // 8],
        [
            (1_382_400, "so many indices there are"),
            (2_764_800, "those are bits"),
            (11_059_200, "64 bits each"),
            (5_529_600, "one index for every four"),
            (2_700, "each of the 128 channels"),
            (691_200, "that is the first pooling"),
            (22_118_400, "the map itself"),
            (0, "four indices per byte"),
        ],
    ),
    lesson06.check_pool: (
        [by_hand],
        [
            (pool, "calls max_pool2d; write it without"),
            (lambda x: pool(x)[0], "return two tensors"),
            (lambda x: None, "return two tensors"),
            (lambda x: (x, x), "both must be .2, 2., but they are .4, 4. and .4, 4."),
            (within_cells, "count through the whole map"),
            (of_the_smallest, "holds the smallest values"),
            (lambda x: (F.avg_pool2d(x[None], 2)[0], pool(x)[1]), "must hold the maximum of each cell"),
            (down_the_columns, "go down the columns"),
            (with_the_height, "as the map is wide"),
            (lambda x: (pool(x)[0], pool(x)[1] + 1), "count from 0"),
            (first_corners, "the corner was forgotten"),
            (
                lambda x: (pool(x)[0], 0 * pool(x)[1]),
                r"they stand at \[4, 3, 13, 10\], not at \[0, 0, 0, 0\]",
            ),
        ],
    ),
}
RIGHT = [(check, answer) for check, (right, _) in CHECKS.items() for answer in right]
WRONG = [(check, *slip) for check, (_, wrong) in CHECKS.items() for slip in wrong]


def by_unfold(x):
    height, width = x.shape
    cells = x.unfold(0, 2, 2).unfold(1, 2, 2).flatten(2)
    values, corner = cells.max(dim=2)
    row = torch.arange(0, height, 2)[:, None] + corner // 2
    return values, row * width + torch.arange(0, width, 2) + corner % 2


def by_loops(x):
    values, places = torch.zeros(2, x.shape[0] // 2, x.shape[1] // 2)
    for i, row in enumerate(values):
        for j, _ in enumerate(row):
            places[i, j] = max(
                ((2 * i + a) * x.shape[1] + 2 * j + b for a in (0, 1) for b in (0, 1)),
                key=lambda place: x.flatten()[place],
            )
            values[i, j] = x.flatten()[int(places[i, j])]
    return values, places


def by_numpy(x):
    height, width = x.shape
    cells = (
        x.numpy()
        .reshape(height // 2, 2, width // 2, 2)
        .transpose(0, 2, 1, 3)
        .reshape(height // 2, width // 2, 4)
    )
    numbers = (
        np.arange(x.numel()).reshape(height // 2, 2, width // 2, 2).transpose(0, 2, 1, 3).reshape(cells.shape)
    )
    best = cells.argmax(2)[..., None]
    return [np.take_along_axis(part, best, 2)[..., 0] for part in (cells, numbers)]


def in_float64(x):
    values, places = by_hand(x.double())
    return values, places.int()


RIGHT += [(lesson06.check_pool, function) for function in (by_unfold, by_loops, by_numpy, in_float64)]
RIGHT += [(lesson06.check_indices, F.max_pool2d(lesson06.MAP[None], 2, return_indices=True)[1])]
WRONG += [
    (lesson06.check_pool, torch.nn.MaxPool2d(2, return_indices=True), "stops with|return two|both must be"),
    (lesson06.check_pool, lambda x: by_hand(x)[::-1], "maxima come first"),
    (lesson06.check_pool, lambda x: by_hand(x.relu_()), "changes x"),
    (lesson06.check_pool, lambda x: by_hand(x.relu()), "must hold the maximum of each cell"),
    (lesson06.check_indices, [4, 3, 13], "give four indices, one for each cell; this holds 3"),
]
