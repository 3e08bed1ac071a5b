"""The exercises of 10_gcn."""

from collections.abc import Callable

import torch
from torch import Tensor

from nbhelpers.exercises import exercise, expect, try_function


@exercise
def check_parameters(answer: int) -> None:
    """How many parameters does `GlobalConvolution(128, 11, kernel_size=15)` have?"""
    first, second, biases = 15 * 128 * 11, 15 * 11 * 11, 2 * 11
    slips = {
        first
        + second
        + biases: "that is one branch; column and then row is one, row and then column the other.",
        2 * (first + second): "each of the four convolutions has a bias for each of its 11 maps.",
        2
        * (
            2 * first + biases
        ): "the second convolution of a branch takes the 11 maps that the first one gives.",
        15 * 15 * 128 * 11: "that is the full kernel of 15 x 15, which it stands for.",
        15 * 15 * 128 * 11 + 11: "that is the full kernel of 15 x 15, which it stands for.",
        4 * first: "the second convolution of a branch takes 11 maps, and there are biases.",
        2 * (first + second + 11): "both convolutions of a branch have a bias.",
    }
    otherwise = "two branches; in each 15 x 128 x 11 and 15 x 11 x 11 weights, and a bias a map."
    expect(answer, 2 * (first + second + biases), slips, otherwise)


@exercise
def check_covering(answer: int) -> None:
    """The smallest k at which every place of a map of 18 x 24 sees every other."""
    slips = {
        24: "a kernel as wide as the map sees all of it from the middle only; ask a corner. And k is odd.",
        23: "that sees all of it from near the middle only; ask a corner.",
        25: "that sees all of it from the middle only; ask a corner.",
        35: "that covers the 18 rows, but the map has 24 columns.",
        48: "k is odd, or the scores shift by half a place; one less is enough.",
        49: "a place is 23 steps from the farthest one, not 24.",
        12: "half the map to each side of a place is not enough in a corner, and k counts both sides.",
        47 * 4: "k counts places of the map, not pixels of the picture.",
    }
    expect(answer, 47, slips, "from one end of a row to the other are 23 steps; k reaches (k - 1) / 2.")


@exercise
def check_dense(dense: Callable[[Tensor, Tensor], Tensor]) -> None:
    """Weights of a column (M, C, k, 1) and of the row behind it (O, M, 1, k) -> those of one kernel (O, C, k, k)."""
    random = torch.Generator().manual_seed(0)
    trials = [
        (torch.randn(4, c, k, 1, generator=random), torch.randn(o, 4, 1, k, generator=random))
        for c, o, k in ((3, 2, 5), (2, 5, 3))
    ]

    def right(column: Tensor, row: Tensor) -> Tensor:
        return torch.einsum("mci,omj->ocij", column[..., 0], row[:, :, 0])

    def summed_first(column: Tensor, row: Tensor) -> Tensor:
        return torch.einsum("ci,oj->ocij", column.sum(dim=0)[..., 0], row.sum(dim=1)[:, 0])

    flipped = "nothing has to be flipped: torch's convolution does not flip its kernel."
    slips = (
        (
            lambda c, r: right(c, r).mT,
            "rows and columns are swapped: entry (i, j) is column[i] times row[j].",
        ),
        (lambda c, r: right(c, r).flip(2, 3), flipped),
        (lambda c, r: right(c, r).flip(2), flipped),
        (lambda c, r: right(c, r).flip(3), flipped),
        (
            lambda c, r: right(c, r) / len(c),
            "add over the maps in the middle; a mean is a quarter of the sum.",
        ),
        (lambda c, r: right(c, r).transpose(0, 1), "the outputs come first: (O, C, k, k)."),
        (
            summed_first,
            "each map in the middle has its own column and row: multiply first, and add over the maps then.",
        ),
        (
            lambda c, r: right(c[:1], r[:, :1]),
            "that is the first map in the middle alone; add over all of them.",
        ),
        (
            lambda c, r: c[..., 0].sum(0)[None, :, :, None] + r[:, :, 0].sum(1)[:, None, None],
            "a column and a row are multiplied, not added.",
        ),
    )
    try_function(
        dense,
        right,
        trials,
        slips,
        "entry (o, c, i, j) is the sum over m of column[m, c, i, 0] * row[o, m, 0, j].",
        shape="it gives {given} where (O, C, k, k) is {right}.",
    )
