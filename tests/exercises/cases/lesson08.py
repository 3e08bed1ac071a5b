"""Lesson 8: answers that are right, and wrong ones with what the hint must say."""

from itertools import accumulate

import torch
import torch.nn.functional as F

from nbhelpers.exercises import lesson08

VALUES = {  # check: (right answer, {wrong: what the hint says})
    lesson08.check_level_size: (
        (5, 6),
        {
            (4, 6): "round up",
            (6, 5): "height comes first",
            (9, 12): "that is p3",
            (18, 24): "that is p2",
            (3, 3): "that is p5",
            (36, 48): "stride 2;",
            (72, 96): "halve four times",
        },
    ),
    lesson08.check_laterals: (
        984_064,
        {
            983_040: "a bias for its 256",
            983_296: "not one for all",
            986_880: "not for each that goes in",
            8_848_384: "1 x 1",
            1_000_704: "c1, of 64 channels",
            918_272: "c2 has a lateral",
            3_840: "count in x out",
        },
    ),
}


def top_down(laterals, mode="nearest"):
    levels = []
    for x in laterals:
        levels.append(x + F.interpolate(levels[-1], size=x.shape[-2:], mode=mode) if levels else x)
    return levels


def neighbours(laterals):
    pairs = zip(laterals, laterals[1:])
    return laterals[:1] + [x + F.interpolate(above, size=x.shape[-2:]) for above, x in pairs]


SLIPS = [  # (wrong function, what the hint says)
    (lambda laterals: None, "gives NoneType; return a list"),
    (lambda laterals: [x.numpy() for x in top_down(laterals)], "list of tensors"),
    (lambda laterals: top_down(laterals)[-1], "gives Tensor"),
    (lambda laterals: laterals, "come back unchanged"),
    (lambda laterals: top_down(laterals, "bilinear"), "mode='nearest'"),
    (neighbours, "p4 holds p5"),
    (lambda laterals: top_down(laterals)[::-1], "coarsest first"),
    (lambda laterals: top_down(laterals)[:2], "as large as the laterals"),
    (lambda laterals: [2 * x for x in top_down(laterals)], "should have the mean"),
]


RIGHT = [(check, answer) for check, (answer, _) in VALUES.items()]
RIGHT += [
    (lesson08.check_top_down, function) for function in (top_down, lambda laterals: tuple(top_down(laterals)))
]
WRONG = [(check, slip, hint) for check, (_, wrong) in VALUES.items() for slip, hint in wrong.items()]
WRONG += [(lesson08.check_top_down, function, hint) for function, hint in SLIPS]


def by_accumulate(laterals):
    def join(coarser, lateral):
        return lateral + F.interpolate(coarser, size=lateral.shape[-2:])

    return list(accumulate(laterals, join))


def by_index(laterals):
    levels = laterals[:1]
    for lateral in laterals[1:]:
        rows, columns = (
            torch.arange(new) * old // new for old, new in zip(levels[-1].shape[2:], lateral.shape[2:])
        )
        levels.append(lateral + levels[-1][:, :, rows][..., columns])
    return levels


def by_recursion(laterals):
    if len(laterals) == 1:
        return laterals
    above = by_recursion(laterals[:-1])
    return [*above, laterals[-1] + F.interpolate(above[-1], laterals[-1].shape[2:])]


def in_place(laterals):
    for above, lateral in zip(laterals, laterals[1:]):
        lateral += F.interpolate(above, lateral.shape[2:])
    return laterals


def only_enlarged(laterals):
    return laterals[:1] + [F.interpolate(laterals[0], x.shape[2:]) for x in laterals[1:]]


RIGHT += [(lesson08.check_top_down, function) for function in (by_accumulate, by_index, by_recursion)]
WRONG += [
    (lesson08.check_top_down, lambda laterals: top_down(laterals, "nearest-exact"), "write mode='nearest'"),
    (lesson08.check_top_down, in_place, "changes the laterals"),
    (lesson08.check_top_down, only_enlarged, "should have the mean"),
    (
        lesson08.check_top_down,
        lambda laterals: [x.relu() for x in top_down(laterals)],
        "should have the mean",
    ),
    (lesson08.check_top_down, lambda laterals: laterals[5], "stops with IndexError in line"),
    (lesson08.check_laterals, 524_544, "the lateral of c5 alone"),
    (lesson08.check_level_size, (4.5, 6), "whole rows"),
]
