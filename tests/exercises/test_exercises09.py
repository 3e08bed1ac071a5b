"""The exercises of lesson 9 accept the right answer, and tell plausible wrong ones what went wrong."""

import re

import torch
import torch.nn.functional as F

from nbhelpers.exercises import lesson09
from nbhelpers.models.pspnet import PyramidPooling, grid_means
from tests.exercises.exercise_tester import (  # noqa: F401
    pytest_generate_tests,
    test_a_slip_gets_its_hint,
    test_every_check_is_tested,
    test_none_is_no_answer_yet,
    test_the_right_answer_is_accepted,
)


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


def test_the_cell_of_the_second_exercise_is_that_of_the_model():
    """The rows that move the mean of cell 3: the gradient finds them."""
    x = torch.zeros(1, 1, 9, 1, requires_grad=True)
    grid_means(x, 6)[0, 0, 3, 0].backward()
    rows = x.grad[0, 0, :, 0].nonzero().flatten()
    assert lesson09.check_cell((int(rows.min()), int(rows.max()) + 1)) == "Right."
