"""Lesson 11: answers that are right, and wrong ones with what the hint must say."""

from itertools import product

import torch
import torch.nn.functional as F

from nbhelpers.exercises import lesson11

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


def by_unique(rates):
    places = torch.tensor([0])
    for rate in rates:
        places = (places[:, None] + torch.tensor([-rate, 0, rate])).unique()
    return places


def by_convolution(rates):
    reach = sum(rates)
    line = torch.eye(2 * reach + 1)[reach].reshape(1, 1, -1)
    for rate in rates:
        line = F.conv1d(line, torch.ones(1, 1, 3), padding=rate, dilation=rate)
    return line.flatten().nonzero().flatten() - reach


def by_recursion(rates):
    if not rates:
        return [0]
    return [place + step for place in by_recursion(rates[1:]) for step in (-rates[0], 0, rates[0])]


RIGHT += [(lesson11.check_touched, function) for function in (by_unique, by_convolution, by_recursion)]
RIGHT += [(lesson11.check_touched, lambda rates: (place for place in touched(rates)))]
WRONG += [
    (
        lesson11.check_touched,
        lambda rates: (place for place in range(-sum(rates), sum(rates) + 1)),
        "holes of a dilated kernel stay holes",
    ),
    (lesson11.check_touched, lambda rates: {place / 2 for place in touched(rates)}, "the place"),
    (lesson11.check_touched, lambda rates: touched(rates[:3]), "for rates .3, 5, 1, 9. the place"),
    (lesson11.check_touched, lambda rates: {"left", "middle", "right"}, "gives set; return a set of whole"),
    (lesson11.check_touched, lambda rates: rates.pop(), "stops with AttributeError in line"),
]
