"""Lesson 10: answers that are right, and wrong ones with what the hint must say."""

import re

import numpy as np
import torch
import torch.nn.functional as F

from nbhelpers.exercises import lesson10
from nbhelpers.models.gcn import GlobalConvolution


def dense(column, row):
    return torch.einsum("mci,omj->ocij", column[..., 0], row[:, :, 0])


def by_matrix_product(column, row):
    maps, channels, side, _ = column.shape
    left = row[:, :, 0].permute(0, 2, 1).reshape(-1, maps)  # (O k, M)
    product = left @ column[..., 0].reshape(maps, -1)  # (O k, C k)
    return product.reshape(len(row), side, channels, side).permute(0, 2, 3, 1)


CHECKS = {  # check: (right answers, [(wrong answer, what the hint says)])
    lesson10.check_parameters: (
        [45_914, sum(p.numel() for p in GlobalConvolution(128, 11, kernel_size=15).parameters())],
        [
            (22_957, "that is one branch"),
            (45_870, "has a bias for each"),
            (84_524, "takes the 11 maps"),
            (316_800, "the full kernel"),
            (316_811, "the full kernel"),
            (84_480, "takes 11 maps, and there are biases"),
            (45_892, "both convolutions of a branch"),
            (15, "two branches"),
        ],
    ),
    lesson10.check_covering: (
        [47],
        [
            (24, "ask a corner"),
            (23, "ask a corner"),
            (25, "ask a corner"),
            (35, "has 24 columns"),
            (48, "k is odd"),
            (49, "23 steps from the farthest"),
            (12, "counts both sides"),
            (188, "not pixels"),
            (15, "are 23 steps"),
        ],
    ),
    lesson10.check_dense: (
        [dense, by_matrix_product],
        [
            (lambda column, row: None, "gives NoneType; return a tensor"),
            (lambda column, row: dense(column, row).mT, "rows and columns are swapped"),
            (lambda column, row: dense(column, row).flip(2, 3), "nothing has to be flipped"),
            (lambda column, row: dense(column, row) / len(column), "a quarter of the sum"),
            (lambda column, row: dense(column, row).transpose(0, 1), "outputs come first"),
            # (1, C, k, 1) by (O, 1, 1, k)
            (lambda column, row: column.sum(0)[None, :, :, :] * row.sum(1)[:, None], "multiply first"),
            (lambda column, row: dense(column, row)[0], "it gives (3, 5, 5)"),
            (lambda column, row: dense(column, row) + 1, "is the sum over m"),
        ],
    ),
}
RIGHT = [(check, answer) for check, (right, _) in CHECKS.items() for answer in right]
WRONG = [(check, slip, re.escape(hint)) for check, (_, wrong) in CHECKS.items() for slip, hint in wrong]


def by_loops(column, row):
    kernels = torch.zeros(len(row), column.shape[1], column.shape[2], row.shape[3])
    for m in range(len(column)):
        kernels += row[:, m, 0][:, None, None, :] * column[m, :, :, 0][None, :, :, None]
    return kernels


def by_numpy(column, row):
    return np.einsum("mci,omj->ocij", column[..., 0].double().numpy(), row[:, :, 0].double().numpy())


def by_broadcasting(column, row):
    return (column[None, ...] * row[:, :, None]).sum(dim=1)


def of_impulses(column, row):
    """What the two convolutions, one behind the other, make of a single one in each channel."""
    side = column.shape[2]
    impulses = torch.zeros(column.shape[1], column.shape[1], 2 * side - 1, 2 * side - 1)
    for channel, impulse in enumerate(impulses):
        impulse[channel, side - 1, side - 1] = 1
    return F.conv2d(F.conv2d(impulses, column), row).flip(2, 3).transpose(0, 1)


RIGHT += [(lesson10.check_dense, function) for function in (by_loops, by_numpy, by_broadcasting, of_impulses)]
WRONG += [
    (
        lesson10.check_dense,
        lambda column, row: dense(column[:1], row[:, :1]),
        "first map in the middle alone",
    ),
    (lesson10.check_dense, lambda column, row: dense(column, row).flip(3), "nothing has to be flipped"),
    (lesson10.check_dense, lambda column, row: column + row, re.escape("stops with RuntimeError in line")),
    (lesson10.check_dense, lambda column, row: dense(column.abs(), row), "is the sum over m"),
]
