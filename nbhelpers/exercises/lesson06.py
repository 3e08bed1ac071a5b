"""The exercises of 06_segnet."""

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from nbhelpers.exercises import UNANSWERED, verdict

MAP = torch.tensor(
    [[1.0, 3.0, 2.0, 8.0], [6.0, 0.0, 4.0, 5.0], [2.0, 1.0, 7.0, 3.0], [0.0, 9.0, 4.0, 6.0]],
)


def check_indices(answer: Sequence[int] | None) -> str:
    """Which indices does maximum pooling by 2 x 2 of `MAP` give, cell by cell?"""
    slips = {
        (2, 1, 3, 0): "those count within each cell; torch counts through the whole map, row by row.",
        (5, 4, 14, 11): "count from 0, as Python does.",
        (1, 12, 7, 10): "that goes down the columns; count along the rows.",
        (6, 8, 9, 7): "those are the values; asked for is where they stand.",
        (5, 2, 12, 11): "those are the places of the smallest values.",
        (13, 3, 10, 4): "those are the places by falling value; give them cell by cell, row by row.",
        (
            3,
            4,
            10,
            13,
        ): "those are the places in order; give them cell by cell: the first cell's maximum is 6.",
    }
    answer = tuple(answer) if isinstance(answer, list) else answer
    return verdict(
        answer, (4, 3, 13, 10), slips, "find the maximum of each cell; its index is 4 x row + column."
    )


def check_bytes(answer: int | None) -> str:
    """How many bytes do the indices of SegNet's second pooling take, 2 bits each: 128 channels of 180 x 240?"""
    cells = 128 * 90 * 120
    slips = {
        cells: "so many indices there are; four of 2 bits fit into a byte.",
        2 * cells: "those are bits; a byte has 8.",
        8 * cells: "that is how torch keeps them, 64 bits each.",
        4 * cells: "so many values go into the pooling; there is one index for every four of them.",
        90 * 120 // 4: "each of the 128 channels has indices of its own.",
        64 * 180 * 240 // 4: "that is the first pooling: 64 channels of 360 x 480.",
        16 * cells: "that is the map itself, 32 bits a value.",
    }
    return verdict(
        answer, cells // 4, slips, "one index for each cell of 2 x 2 in every channel, four indices a byte."
    )


def check_pool(pool: Callable[[Tensor], tuple[Tensor, Tensor]] | None) -> str:
    """Maximum pooling by 2 x 2 of a map (H, W) with even sides: maxima, and their indices as torch counts."""
    if pool is None:
        return UNANSWERED
    generator = torch.Generator().manual_seed(0)
    for x in (MAP, torch.randperm(24, generator=generator).reshape(4, 6).float()):
        fault = _pool_fault(pool(x.clone()), x)
        if fault:
            return f"Not yet: {fault}"
    return "Right."


def _pool_fault(answer: tuple[Tensor, Tensor], x: Tensor) -> str | None:
    if not isinstance(answer, (tuple, list)) or len(answer) != 2:
        return "return two tensors, the maxima and their indices."
    values, places = (torch.as_tensor(part) for part in answer)
    maxima, right = (part[0] for part in F.max_pool2d(x[None], 2, return_indices=True))
    if values.shape != maxima.shape or places.shape != maxima.shape:
        return (
            f"for a map of {tuple(x.shape)} both must be {tuple(maxima.shape)}, but they are "
            f"{tuple(values.shape)} and {tuple(places.shape)}."
        )
    if not torch.equal(values, maxima):
        smallest = -F.max_pool2d(-x[None], 2)[0]
        kind = "the smallest values" if torch.equal(values, smallest) else "something else"
        return f"the first of the two holds {kind}, but must hold the maximum of each cell."
    if torch.equal(places, right):
        return None
    height, width = x.shape
    row, column = right // width, right % width
    slips = {
        "those indices count within each cell; count through the whole map.": 2 * (row % 2) + column % 2,
        "those indices go down the columns: index = row x width + column.": column * height + row,
        "a row holds as many places as the map is wide, not as it is high.": row * height + column,
        "count from 0, as Python does.": right + 1,
        "the corner was forgotten: that is the first place of each cell.": (row - row % 2) * width
        + column
        - column % 2,
    }
    for hint, wrong in slips.items():
        if torch.equal(places, wrong):
            return hint
    return f"the maxima are right, but they stand at {right.flatten().tolist()}, not at {places.flatten().tolist()}."
