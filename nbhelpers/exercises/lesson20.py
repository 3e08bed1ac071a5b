"""The exercises of 20_masks_by_queries."""

from collections.abc import Callable

import torch
from torch import Tensor

from nbhelpers.exercises import exercise, expect, try_function


@exercise
def check_cheapest(answer: int) -> None:
    """What does the cheapest way to give each of three segments to a query of its own cost?

    The costs are [[1, 2, 9], [2, 5, 8], [7, 4, 6]], a row a query.
    """
    slips = {
        12: "that gives the first query its cheapest segment, then the second what is left; look at all six ways.",
        9: "that takes the cheapest query of each segment, and one of them twice.",
        7: "that takes the cheapest segment of each query, and one of them twice.",
        13: "that way costs more than another: go through all six.",
        15: "that way costs more than another: go through all six.",
        17: "that way costs more than another: go through all six.",
        21: "that way costs more than another: go through all six.",
        44: "that is the sum of all nine; three of them are chosen.",
        3: "that is the number of pairs; add their costs.",
        6: "that is the number of ways; what does the cheapest of them cost?",
    }
    expect(answer, 10, slips, "choose one number in each row and in each column, and add the three.")


@exercise
def check_idle(answer: int) -> None:
    """How many of 20 queries should answer "no object" for 11 nuclei on a background?"""
    slips = {
        9: "the background is a segment too, and takes a query.",
        7: "count the background once: 11 nuclei and one background.",
        12: "those have a segment each; the others have none.",
        11: "those are the nuclei; how many queries are left?",
        20: "twelve of them have a segment.",
        0: "one query answers for one segment; there are fewer segments than queries.",
        19: "each nucleus takes a query of its own, though all have one class.",
        18: "each nucleus takes a query of its own, though all have one class.",
        32: "segments take queries away.",
    }
    expect(answer, 8, slips, "each segment takes one query; which are the segments of this picture?")


@exercise
def check_dice_costs(dice_costs: Callable[[Tensor, Tensor], Tensor]) -> None:
    """What would each query pay for each segment, by 1 - Dice?"""
    generator = torch.Generator().manual_seed(20)
    trials = []
    for queries, segments, pixels in ((4, 3, 6), (2, 5, 7), (3, 3, 4), (1, 2, 5)):
        chances = torch.rand(queries, pixels, generator=generator)
        trials.append((chances, (torch.rand(segments, pixels, generator=generator) < 0.5).float()))
    slips = [
        (
            lambda chances, truths: 1 - _dice(chances, truths),
            "add 1 above and 1 below the line, which keeps empty masks defined.",
        ),
        (_dice_one, "that is Dice; a cost is 1 minus it."),
        (lambda chances, truths: _costs(chances, truths, twice=1), "what both have counts twice."),
        (lambda chances, truths: _costs(chances, truths).T, "rows are queries, columns are segments."),
        (
            lambda chances, truths: _costs((chances > 0.5).float(), truths),
            "a threshold has no slope: take the chances as they are.",
        ),
        (lambda chances, truths: _costs(chances, truths, above=0), "the 1 above the line is missing."),
        (lambda chances, truths: _costs(chances, truths, below=0), "the 1 below the line is missing."),
        (
            lambda chances, truths: _costs(chances, truths) - 1,
            "that is minus Dice, which would match as well, but is no loss: 1 - Dice.",
        ),
        (
            lambda chances, truths: (_costs(chances, truths)).diagonal(),
            "every query with every segment: a table of (queries, segments).",
        ),
    ]
    try_function(
        dice_costs,
        _costs,
        trials,
        slips,
        "compare with 1 - (2 * both + 1) / (chances + truths + 1), where both is chances @ truths.T.",
        gives="a tensor (queries, segments)",
        shape="it gives the shape {given}; a row for each query and a column for each segment is {right}.",
    )


def _costs(chances: Tensor, truths: Tensor, twice: int = 2, above: int = 1, below: int = 1) -> Tensor:
    both, sums = chances @ truths.T, chances.sum(1)[:, None] + truths.sum(1)
    return 1 - (twice * both + above) / (sums + below)


def _dice(chances: Tensor, truths: Tensor) -> Tensor:
    return 1 - _costs(chances, truths, above=0, below=0)


def _dice_one(chances: Tensor, truths: Tensor) -> Tensor:
    return 1 - _costs(chances, truths)
