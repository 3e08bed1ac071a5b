"""Lesson 9: answers that are right, and wrong ones with what the hint must say."""

import re

import torch
import torch.nn.functional as F
from torch import nn

from nbhelpers.exercises import lesson09
from nbhelpers.models.pspnet import PyramidPooling, grid_means


def context(x, cells):
    return F.interpolate(F.adaptive_avg_pool2d(x, cells), x.shape[-2:], mode="bilinear")


def by_hand(x, cells):
    return F.interpolate(grid_means(x, cells), x.shape[-2:], mode="bilinear", align_corners=False)


def pooled_to(x, size, mode="bilinear", **options):
    return F.interpolate(x, size.shape[-2:], mode=mode, **options)


CHECKS = {  # check: (right answers, [(wrong answer, what the hint says)])
    lesson09.check_parameters: (
        [4_198_400, sum(p.numel() for p in PyramidPooling(2048).parameters())],
        [
            (1_049_600, "there are four"),
            (4_194_304, "batch norm adds a weight and a bias"),
            (4_196_352, "a bias and a weight a channel"),
            (4_200_448, "no bias of their own"),
            (37_752_832, "are 1 x 1"),
            (16_793_600, "cuts 2,048 channels"),
            (52_480_000, "share one convolution"),
            (2048, "count 1 x 1 x in x out"),
        ],
    ),
    lesson09.check_cell: (
        [(4, 6)],
        [
            ((4, 5), "first row that is not in"),
            ((5, 6), "rounded down"),
            ((3, 5), "that is cell 2"),
            ((6, 8), "that is cell 4"),
            ((4.5, 6), "a row is in a cell or not"),
            ((3, 4), "higher than the grid"),
            ((0, 9), "from floor"),
        ],
    ),
    lesson09.check_context: (
        [context, by_hand],
        [
            (lambda x, cells: None, "gives NoneType; return a tensor"),
            (F.adaptive_avg_pool2d, "enlarge them"),
            (lambda x, cells: context(x, cells)[..., :-1], "as large as x"),
            (lambda x, cells: x, "x itself"),
            (lambda x, cells: pooled_to(F.adaptive_max_pool2d(x, cells), x), "take means"),
            (
                lambda x, cells: pooled_to(F.adaptive_avg_pool2d(x, cells), x, align_corners=True),
                "align_corners=True stretches",
            ),
            (lambda x, cells: pooled_to(F.adaptive_avg_pool2d(x, cells), x, "nearest"), "bilinearly"),
            (lambda x, cells: context(x, 1), "grid of 3 x 3"),
            (
                lambda x, cells: context(x, cells).mean(dim=1, keepdim=True).expand_as(x),
                "do not mix them",
            ),
            (lambda x, cells: context(x, cells) + 1, "the values differ"),
        ],
    ),
}
RIGHT = [(check, answer) for check, (right, _) in CHECKS.items() for answer in right]
WRONG = [(check, slip, re.escape(hint)) for check, (_, wrong) in CHECKS.items() for slip, hint in wrong]


def in_float64(x, cells):
    return context(x.double(), cells)


def by_loops(x, cells):
    means = torch.zeros(*x.shape[:2], cells, cells)
    for i in range(cells):
        for j in range(cells):
            (top, end), (left, right) = (
                (k * side // cells, -(-(k + 1) * side // cells))
                for k, side in ((i, x.shape[2]), (j, x.shape[3]))
            )
            means[:, :, i, j] = x[:, :, top:end, left:right].mean((2, 3))
    return F.interpolate(means, size=x.shape[2:], mode="bilinear")


def by_modules(x, cells):
    return nn.Sequential(nn.AdaptiveAvgPool2d(cells), nn.Upsample(x.shape[2:], mode="bilinear"))(x)


def of_equal_blocks(x, cells):
    return pooled_to(F.avg_pool2d(x, (x.shape[2] // cells, x.shape[3] // cells)), x)


RIGHT += [(lesson09.check_context, function) for function in (in_float64, by_loops, by_modules)]
WRONG += [
    (lesson09.check_context, of_equal_blocks, re.escape("blocks of h // cells rows")),
    (lesson09.check_context, lambda x, cells: context(x[:1].expand_as(x), cells), "the values differ"),
    (
        lesson09.check_context,
        lambda x, cells: context(x.mean(0, keepdim=True).expand_as(x), cells),
        "each picture keeps means",
    ),
    (
        lesson09.check_context,
        lambda x, cells: pooled_to(F.adaptive_avg_pool2d(x, cells), x, "bicubic"),
        "cubic",
    ),
    (lesson09.check_context, lambda x, cells: context(x, 3), "the values differ|size of x|the means"),
    (lesson09.check_cell, (6, 4), "the first row comes first"),
    (lesson09.check_cell, 4, "give two numbers: .first, end."),
]
