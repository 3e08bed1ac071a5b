"""The exercises of lesson 6 accept the right answer, and tell plausible wrong ones what went wrong."""

import torch
import torch.nn.functional as F

from nbhelpers.exercises import lesson06
from tests.exercises.exercise_tester import (  # noqa: F401
    pytest_generate_tests,
    test_a_slip_gets_its_hint,
    test_every_check_is_tested,
    test_none_is_no_answer_yet,
    test_the_right_answer_is_accepted,
)


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
            (0, "four indices a byte"),
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


def test_a_check_does_not_change_what_it_checks_with():
    before = lesson06.MAP.clone()
    lesson06.check_pool(lambda x: x.fill_(7))
    assert torch.equal(lesson06.MAP, before)
