"""Lesson 5: answers that are right, and wrong ones with what the hint must say."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from nbhelpers.exercises import lesson05
from nbhelpers.models.fcn8 import bilinear_upsampling, convolution


def slope(factor):
    return 1 - (torch.arange(2 * factor) + 0.5 - factor).abs() / factor


def kernel(factor):
    return slope(factor)[:, None] * slope(factor)


def off_by_half(factor):
    line = 1 - (torch.arange(2 * factor) - factor).abs() / factor
    return line[:, None] * line


def from_the_start(factor):
    line = 1 - (torch.arange(2 * factor) + 0.5) / (2 * factor)
    return line[:, None] * line


def gauss(factor):
    line = torch.exp(-((torch.arange(2 * factor) + 0.5 - factor) ** 2) / factor)
    return line[:, None] * line


CHECKS = {  # check: (right answers, [(wrong answer, what the hint says)])
    lesson05.check_separable: (
        [2_126_848, sum(p.numel() for p in convolution(512, 4096, 7, separable=True).parameters())],
        [
            (2_122_240, "both steps have a bias"),
            (2_126_336, "each of its 512 channels too"),
            (2_122_752, "each of its 4096 channels too"),
            (102_764_544, "that is the standard kind: each output"),
            (102_760_448, "without its biases"),
            (25_600, "mixes the channels is missing"),
            (2_101_248, "the depthwise step is missing"),
            (2_306_048, "sit on the 512 channels"),
            (2_106_368, "7 x 7, not 3 x 3"),
            (4096, "count 7 x 7 x 512"),
        ],
    ),
    lesson05.check_size: (
        [(80, 104), tuple(nn.ConvTranspose2d(1, 1, 16, stride=8)(torch.rand(1, 1, 9, 12)).shape[2:])],
        [
            ((72, 96), "with a padding of 4"),
            ((104, 80), "height comes first"),
            ((88, 112), "the first one begins at 0"),
            ((64, 88), "it is 16 pixels long"),
            ((144, 192), "they overlap"),
            ((76, 100), "at both sides"),
            ((9, 12), "begins at .n - 1. x stride"),
        ],
    ),
    lesson05.check_kernel: (
        [kernel, lambda factor: bilinear_upsampling(1, factor).weight[0, 0]],
        [
            (lambda factor: None, "gives NoneType; return a tensor"),
            (slope, "that is one direction"),
            (
                lambda factor: kernel(factor)[:-1, :-1],
                "for a factor of 2 the kernel is 4 x 4, but it is .3, 3.",
            ),
            (lambda factor: kernel(factor) / kernel(factor).sum(), "sums to 1"),
            (lambda factor: torch.ones(2 * factor, 2 * factor), "all ones"),
            (off_by_half, "between two cells"),
            (lambda factor: (slope(factor)[:, None] + slope(factor)) / 2, "multiplied, a column by a row"),
            (from_the_start, "not from the start"),
            (gauss, "differs from F.interpolate by up to"),
            (lambda factor: kernel(2), "for a factor of 4 the kernel is 8 x 8"),
        ],
    ),
}
RIGHT = [(check, answer) for check, (right, _) in CHECKS.items() for answer in right]
WRONG = [(check, *slip) for check, (_, wrong) in CHECKS.items() for slip in wrong]


def of_an_impulse(factor):
    """What F.interpolate makes of a single one."""
    impulse = torch.zeros(1, 1, 5, 5)
    impulse[0, 0, 2, 2] = 1
    start = 2 * factor - factor // 2
    inside = slice(start, start + 2 * factor)
    return F.interpolate(impulse, scale_factor=factor, mode="bilinear")[0, 0, inside, inside]


def by_outer(factor):
    return np.outer(slope(factor).numpy(), slope(factor).numpy())


def by_lists(factor):
    line = [1 - abs(place + 0.5 - factor) / factor for place in range(2 * factor)]
    return [[down * along for along in line] for down in line]


RIGHT += [(lesson05.check_kernel, function) for function in (of_an_impulse, by_outer, by_lists)]
WRONG += [
    (lesson05.check_kernel, lambda factor: slope(factor).expand(2 * factor, -1), "along the rows alone"),
    (
        lesson05.check_kernel,
        lambda factor: (1 - slope(factor)) * (1 - slope(factor))[:, None],
        "low in the middle",
    ),
    (lesson05.check_kernel, lambda factor: "bilinear", "gives str; return a tensor"),
    (lesson05.check_kernel, lambda factor: [[1, 2], [3]], "gives list; return a tensor"),
    (lesson05.check_size, (9,), "give two numbers"),
]
