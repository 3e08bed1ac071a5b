"""Lesson 11: right answers are accepted, plausible wrong ones get the hint that belongs to them."""

from itertools import product

import torch
import torch.nn.functional as F

from nbhelpers.exercises import lesson11
from tests.exercises.exercise_tester import (  # noqa: F401
    pytest_generate_tests,
    test_a_slip_gets_its_hint,
    test_every_check_is_tested,
    test_none_is_no_answer_yet,
    test_the_right_answer_is_accepted,
)

CHECKS = {  # check: (right answers, {wrong answer: what the hint says})
    lesson11.check_span: (
        [13, 1 + 2 * 6],
        {
            12: "distance from the first tap to the last",
            18: "two gaps between three taps",
            7: "that is one gap",
            6: "that is the rate",
            9: "number of weights",
            3: "kernel at rate 1",
            169: "that is the area",
            14: "stand at 0, 6 and 12",
        },
    ),
    lesson11.check_useless_rate: (
        [12],
        {
            9: "no tap above or below",
            11: "it is column 11",
            13: "a smaller one will do",
            6: "from the middle of the map",
            8: "row 0 and row 8",
            108: "number of cells",
            24: "torchvision's second rate",
            36: "torchvision's largest rate",
            10: "just misses the other end",
        },
    ),
}


def touched(rates):
    return {sum(steps) for steps in product(*((-rate, 0, rate) for rate in rates))}


SLIPS = [  # (wrong function, what the hint says)
    (lambda rates: len(touched(rates)), "it gives int; return a set"),
    (lambda rates: None, "it gives NoneType; return a set"),
    (lambda rates: set(range(-sum(rates), sum(rates) + 1)), "holes of a dilated kernel stay holes"),
    (lambda rates: {step for rate in rates for step in (-rate, 0, rate)}, "taps of each layer alone"),
    (lambda rates: {place for place in touched(rates) if place >= 0}, "a tap to the left as well"),
    (
        lambda rates: {sum(steps) for steps in product(*((-rate, rate) for rate in rates))},
        "a tap in its middle",
    ),
    (lambda rates: {-sum(rates), 0, sum(rates)}, "outermost places and the middle"),
    (lambda rates: touched(rates[:-1]) | {0}, "the place -2 is touched but missing"),
    (lambda rates: touched((*rates, 1)), "the place -3 is not touched|holes"),
]


RIGHT = [(check, answer) for check, (right, _) in CHECKS.items() for answer in right]
RIGHT += [(lesson11.check_touched, function) for function in (touched, lambda rates: sorted(touched(rates)))]
WRONG = [(check, slip, hint) for check, (_, wrong) in CHECKS.items() for slip, hint in wrong.items()]
WRONG += [(lesson11.check_touched, function, hint) for function, hint in SLIPS]


def test_the_answers_are_what_convolutions_do():
    """A kernel of ones: from rate 12 on every place of a 9 x 12 map gets one tap; at 11 some get two."""
    cells, ones = torch.ones(1, 1, 9, 12), torch.ones(1, 1, 3, 3)
    most = [F.conv2d(cells, ones, padding=rate, dilation=rate).max().item() for rate in range(1, 14)]
    assert lesson11.check_useless_rate(most.index(1) + 1) == "Right."

    impulse = F.conv2d(
        torch.eye(31)[15].reshape(1, 1, 1, 31), torch.ones(1, 1, 1, 3), padding=(0, 6), dilation=6
    )
    places = impulse.flatten().nonzero().flatten()
    assert lesson11.check_span(int(places.max() - places.min()) + 1) == "Right."

    line = torch.eye(31)[15].reshape(1, 1, 31)
    for rate in (2, 2, 2):
        line = F.conv1d(line, torch.ones(1, 1, 3), padding=rate, dilation=rate)
    assert {int(place) - 15 for place in line.flatten().nonzero()} == touched((2, 2, 2))
