"""The exercises of 10_gcn."""

from collections.abc import Callable

import torch
from torch import Tensor

from nbhelpers.exercises import UNANSWERED, verdict


def check_parameters(answer: int | None) -> str:
    """How many parameters has `GlobalConvolution(128, 11, kernel_size=15)`?"""
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
    return verdict(answer, 2 * (first + second + biases), slips, otherwise)


def check_covering(answer: int | None) -> str:
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
    return verdict(
        answer, 47, slips, "from one end of a row to the other are 23 steps; k reaches (k - 1) / 2."
    )


def check_dense(dense: Callable[[Tensor, Tensor], Tensor] | None) -> str:
    """Weights of a column (M, C, k, 1) and of the row behind it (O, M, 1, k) -> those of one kernel (O, C, k, k)."""
    if dense is None:
        return UNANSWERED
    random = torch.Generator().manual_seed(0)
    column = torch.randn(4, 3, 5, 1, generator=random)
    row = torch.randn(2, 4, 1, 5, generator=random)
    value = dense(column.clone(), row.clone())
    if not isinstance(value, Tensor):
        return f"Not yet: it gives {type(value).__name__}; return a tensor."
    right = torch.einsum("mci,omj->ocij", column[..., 0], row[:, :, 0])
    if value.shape == right.shape and torch.allclose(value, right, atol=1e-5):
        return "Right."
    slips = (
        (right.mT, "rows and columns are swapped: entry (i, j) is column[i] times row[j]."),
        (right.flip(2, 3), "nothing has to be flipped: torch's convolution does not flip its kernel."),
        (right / 4, "add over the maps in the middle; a mean is a quarter of the sum."),
        (right.transpose(0, 1), "the outputs come first: (O, C, k, k)."),
        (
            torch.einsum("ci,oj->ocij", column.sum(dim=0)[..., 0], row.sum(dim=1)[:, 0]),
            "each map in the middle has its own column and row: multiply first, and add over the maps then.",
        ),
    )
    for slip, hint in slips:
        if value.shape == slip.shape and torch.allclose(value, slip, atol=1e-5):
            return f"Not yet: {hint}"
    if value.shape != right.shape:
        return f"Not yet: it gives {tuple(value.shape)} where (O, C, k, k) is {tuple(right.shape)}."
    return "Not yet: entry (o, c, i, j) is the sum over m of column[m, c, i, 0] * row[o, m, 0, j]."
