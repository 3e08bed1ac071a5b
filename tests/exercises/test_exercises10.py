"""The exercises of lesson 10 accept the right answer, and tell plausible wrong ones what went wrong."""

import re

import torch

from nbhelpers.exercises import lesson10
from nbhelpers.models.gcn import GlobalConvolution
from tests.exercises.exercise_tester import (  # noqa: F401
    pytest_generate_tests,
    test_a_slip_gets_its_hint,
    test_every_check_is_tested,
    test_none_is_no_answer_yet,
    test_the_right_answer_is_accepted,
)


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
            (
                lambda column, row: (
                    column.sum(0)[None, :, :, :] * row.sum(1)[:, None]
                ),  # (1, C, k, 1) by (O, 1, 1, k)
                "multiply first",
            ),
            (lambda column, row: dense(column, row)[0], "it gives (3, 5, 5)"),
            (lambda column, row: dense(column, row) + 1, "is the sum over m"),
        ],
    ),
}
RIGHT = [(check, answer) for check, (right, _) in CHECKS.items() for answer in right]
WRONG = [(check, slip, re.escape(hint)) for check, (_, wrong) in CHECKS.items() for slip, hint in wrong]


def test_the_kernel_of_the_second_exercise_covers_the_map_and_a_smaller_one_does_not():
    """Whether the last column is reached from the first: by the gradient, on a map of 1 x 24."""

    def covers(kernel_size):
        layer = GlobalConvolution(1, 1, kernel_size=kernel_size)
        x = torch.zeros(1, 1, 1, 24, requires_grad=True)
        layer(x)[..., 0].sum().backward()
        return bool(x.grad[..., -1])

    assert covers(47) and not covers(45)
    assert lesson10.check_covering(47) == "Right."
