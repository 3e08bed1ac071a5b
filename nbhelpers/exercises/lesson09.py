"""The exercises of 09_pspnet."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from nbhelpers.exercises import UNANSWERED, verdict


def check_parameters(answer: int | None) -> str:
    """How many parameters has `PyramidPooling(2048)`, the module of the paper?"""
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
    return verdict(answer, 4 * (weights + norm), slips, "count 1 x 1 x in x out for each of the four levels.")


def check_cell(answer: tuple[int, int] | None) -> str:
    """Which rows of a map 9 high does cell 3, counted from 0, of a grid of 6 take? (first, end), end not in it."""
    slips = {
        (4, 5): "`end` is the first row that is not in the cell any more: rows 4 and 5 end at 6.",
        (5, 6): "the first row is rounded down: 3 x 9 / 6 = 4.5 begins in row 4, which cell 2 has as well.",
        (3, 5): "that is cell 2; cells are counted from 0.",
        (6, 8): "that is cell 4; cells are counted from 0.",
        (4.5, 6): "a row is in a cell or not: round the first down and the end up.",
        (3, 4): "cell 3 begins at 3 x 9 / 6, not at row 3: the map is higher than the grid.",
    }
    return verdict(answer, (4, 6), slips, "from floor(3 x 9 / 6) up to ceil(4 x 9 / 6).")


def check_context(context: Callable[[Tensor, int], Tensor] | None) -> str:
    """The mean of each cell of a grid, shown to every pixel: (N, C, h, w), cells -> (N, C, h, w), bilinearly."""
    if context is None:
        return UNANSWERED
    x = torch.arange(2 * 3 * 6 * 9, dtype=torch.float32).reshape(2, 3, 6, 9).sin()
    for cells in (1, 3):
        fault = _context_fault(context(x.clone(), cells), x, cells)
        if fault:
            return f"Not yet: {fault}"
    return "Right."


def _context_fault(value: Tensor, x: Tensor, cells: int) -> str | None:
    if not isinstance(value, Tensor):
        return f"it gives {type(value).__name__}; return a tensor."
    means = F.adaptive_avg_pool2d(x, cells)
    if value.shape == means.shape and cells > 1 or value.shape == (*x.shape[:2], 1, 1):
        return "these are the means; enlarge them to the size of x, so that every pixel has them beside it."
    if value.shape != x.shape:
        return f"for x of {tuple(x.shape)} it gives {tuple(value.shape)}; it must be as large as x."

    def enlarged(grid: Tensor, mode: str = "bilinear", **options: bool) -> Tensor:
        return F.interpolate(grid, x.shape[-2:], mode=mode, **options)

    if torch.allclose(value, enlarged(means), atol=1e-5):
        return None
    slips = (
        (x, "this is x itself: pool it before you enlarge it."),
        (enlarged(F.adaptive_max_pool2d(x, cells)), "these are the largest values of the cells; take means."),
        (
            enlarged(means, align_corners=True),
            "align_corners=True stretches the grid; leave it at False, as torch does by itself.",
        ),
        (enlarged(means, "nearest"), "blocks with hard edges: enlarge bilinearly, as the paper does."),
        (
            enlarged(F.adaptive_avg_pool2d(x, 1)),
            f"this is the mean of the whole map; make a grid of {cells} x {cells}.",
        ),
        (
            enlarged(means.mean(dim=1, keepdim=True)).expand_as(x),
            "each channel keeps means of its own; do not mix them.",
        ),
    )
    for slip, hint in slips:
        if torch.allclose(value, slip, atol=1e-5):
            return hint
    return f"for a grid of {cells} the values differ: F.adaptive_avg_pool2d, then F.interpolate, bilinear."
