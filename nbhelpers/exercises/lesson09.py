"""The exercises of 09_pspnet."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from nbhelpers.exercises import exercise, expect, try_function


@exercise
def check_parameters(answer: int) -> None:
    """How many parameters does `PyramidPooling(2048)`, the paper's module, have?"""
    weights, norm = 2048 * 512, 2 * 512
    slips = {
        weights + norm: "that is one level; there are four.",
        4 * weights: "batch norm adds a weight and a bias for each of the 512 channels of a level.",
        4 * (weights + 512): "batch norm has a bias and a weight a channel.",
        4 * (weights + norm + 512): "these convolutions have no bias of their own: batch norm has one.",
        4 * (9 * weights + norm): "the convolutions of the levels are 1 x 1.",
        4 * (2048 * 2048 + 2 * 2048): "a level cuts 2,048 channels to 2,048 / 4 = 512.",
        (1 + 4 + 9 + 36) * (weights + norm): "all cells of a grid share one convolution.",
    }
    expect(answer, 4 * (weights + norm), slips, "count 1 x 1 x in x out for each of the four levels.")


@exercise
def check_cell(answer: tuple[int, int]) -> None:
    """Which rows of a map 9 high does cell 3, counted from 0, of a grid of 6 take? (first, end), end not in it."""
    slips = {
        (4, 5): "`end` is the first row that is not in the cell any more: rows 4 and 5 end at 6.",
        (5, 6): "the first row is rounded down: 3 x 9 / 6 = 4.5 begins in row 4, which cell 2 has as well.",
        (3, 5): "that is cell 2; cells are counted from 0.",
        (6, 8): "that is cell 4; cells are counted from 0.",
        (4.5, 6): "a row is in a cell or not: round the first down and the end up.",
        (3, 4): "cell 3 begins at 3 x 9 / 6, not at row 3: the map is higher than the grid.",
        (6, 4): "the first row comes first, then the end.",
    }
    otherwise = "from floor(3 x 9 / 6) up to ceil(4 x 9 / 6)."
    expect(answer, (4, 6), slips, otherwise, wanted="two numbers: (first, end)")


@exercise
def check_context(context: Callable[[Tensor, int], Tensor]) -> None:
    """The mean of each cell of a grid, shown to every pixel: (N, C, h, w), cells -> (N, C, h, w), bilinearly."""
    random = torch.Generator().manual_seed(9)
    trials = [
        (torch.randn(2, channels, *side, generator=random), cells)
        for channels, side, cells in ((3, (6, 9), 1), (3, (6, 9), 3), (2, (9, 12), 6), (4, (10, 7), 4))
    ]

    def enlarged(
        pool: Callable[[Tensor, int], Tensor], mode: str = "bilinear", **options: bool
    ) -> Callable[[Tensor, int], Tensor]:
        return lambda x, cells: F.interpolate(pool(x, cells), x.shape[-2:], mode=mode, **options)

    means = F.adaptive_avg_pool2d

    def blocks(x: Tensor, cells: int) -> Tensor:
        return F.avg_pool2d(x, (x.shape[2] // cells, x.shape[3] // cells))

    of_the_grid = (
        "these are the means; enlarge them to the size of x, so that every pixel has them beside it."
    )
    corners = "align_corners=True stretches the grid; leave it at False, as torch does by itself."
    hard = "blocks with hard edges: enlarge bilinearly, as the paper does."
    slips = (
        (means, of_the_grid),
        (lambda x, cells: means(x, 1), of_the_grid),
        (lambda x, cells: x, "this is x itself: pool it before you enlarge it."),
        (enlarged(F.adaptive_max_pool2d), "these are the largest values of the cells; take means."),
        (enlarged(means, align_corners=True), corners),
        (enlarged(means, "nearest"), hard),
        (enlarged(means, "nearest-exact"), hard),
        (enlarged(means, "bicubic"), "this enlarges by cubic curves; the paper's way is bilinear."),
        (
            enlarged(
                lambda x, cells: means(x, cells).mean(dim=1, keepdim=True).expand(-1, x.shape[1], -1, -1)
            ),
            "each channel keeps means of its own; do not mix them.",
        ),
        (
            enlarged(lambda x, cells: means(x, cells).mean(dim=0, keepdim=True).expand(len(x), -1, -1, -1)),
            "each picture keeps means of its own; do not mix them.",
        ),
        (
            enlarged(blocks),
            "a grid need not divide the map: blocks of h // cells rows leave a rest, or make more cells; "
            "F.adaptive_avg_pool2d lets the cells overlap.",
        ),
    )

    def otherwise(given: Tensor, wanted: Tensor, x: Tensor, cells: int) -> str:
        if torch.allclose(torch.as_tensor(given), enlarged(means)(x, 1).double(), atol=1e-5):
            return f"this is the mean of the whole map; make a grid of {cells} x {cells}."
        return (
            f"for a grid of {cells} the values differ: F.adaptive_avg_pool2d, then F.interpolate, bilinear."
        )

    shape = "it gives {given} where x is {right}; it must be as large as x."
    try_function(context, enlarged(means), trials, slips, otherwise, shape=shape)
