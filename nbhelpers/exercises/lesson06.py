"""The exercises of 06_segnet."""

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode

from nbhelpers.exercises import NotYet, as_numbers, call, exercise, expect, try_function

MAP = torch.tensor(
    [[1.0, 3.0, 2.0, 8.0], [6.0, 0.0, 4.0, 5.0], [2.0, 1.0, 7.0, 3.0], [0.0, 9.0, 4.0, 6.0]],
)


@exercise
def check_indices(answer: Sequence[int]) -> None:
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
    otherwise = "find the maximum of each cell; its index is 4 x row + column."
    expect(answer, (4, 3, 13, 10), slips, otherwise, wanted="four indices, one for each cell")


@exercise
def check_bytes(answer: int) -> None:
    """How many bytes do the indices of SegNet's second pooling take, 2 bits each: 128 channels of 180 x 240?"""
    cells = 128 * 90 * 120
    slips = {
        cells: "so many indices there are; four of 2 bits fit into a byte.",
        2 * cells: "those are bits; a byte has 8.",
        8 * cells: "that is how torch keeps them, 64 bits each.",
        4 * cells: "so many values go into the pooling; there is one index for every four of them.",
        90 * 120 // 4: "each of the 128 channels has indices of its own.",
        64 * 180 * 240 // 4: "that is the first pooling: 64 channels of 360 x 480.",
        16 * cells: "that is the map itself, 32 bits per value.",
    }
    expect(
        answer, cells // 4, slips, "one index for each cell of 2 x 2 in every channel, four indices per byte."
    )


class Noticed(TorchFunctionMode):
    """Notices whether torch's own pooling by maxima runs, by whatever name it was called."""

    found = False

    def __torch_function__(self, function, types, arguments=(), options=None):
        self.found |= "max_pool2d" in function.__name__ or "max_pool3d" in function.__name__
        return function(*arguments, **(options or {}))


@exercise
def check_pool(pool: Callable[[Tensor], tuple[Tensor, Tensor]]) -> None:
    """Maximum pooling by 2 x 2 of a map (H, W) with even sides: maxima, and their indices as torch counts."""
    random = torch.Generator().manual_seed(0)
    maps = [torch.randperm(h * w, generator=random).reshape(h, w).float() for h, w in ((4, 6), (8, 6))]
    maps = [MAP, *maps, -1 - maps[0]]  # and one without a number above 0

    def tried(x: Tensor) -> Tensor:
        """Maxima and indices, one upon the other."""
        answer = call(pool, (x,), ["x"])
        if not isinstance(answer, tuple | list) or len(answer) != 2:
            raise NotYet(
                f"it gives {type(answer).__name__}; return two tensors, the maxima and their indices."
            )
        values, places = map(as_numbers, answer)
        half = (x.shape[0] // 2, x.shape[1] // 2)
        if values.shape != half or places.shape != half:
            raise NotYet(
                f"for a map of {tuple(x.shape)} both must be {half}, but they are {values.shape} and {places.shape}."
            )
        return torch.tensor([values.tolist(), places.tolist()])

    def right(x: Tensor) -> Tensor:
        return torch.stack([part[0].float() for part in F.max_pool2d(x[None], 2, return_indices=True)])

    def elsewhere(change: Callable[..., Tensor]) -> Callable[[Tensor], Tensor]:
        """Right maxima, and other indices: a function of the map's height and width, the row and the column."""

        def slip(x: Tensor) -> Tensor:
            values, places = right(x)
            return torch.stack([values, change(*x.shape, places // x.shape[1], places % x.shape[1])])

        return slip

    def smallest(x: Tensor) -> Tensor:
        values, places = right(-x)
        return torch.stack([-values, places])

    slips = (
        (
            elsewhere(lambda height, width, y, x: 2 * (y % 2) + x % 2),
            "those indices count within each cell; count through the whole map.",
        ),
        (
            elsewhere(lambda height, width, y, x: x * height + y),
            "those indices go down the columns: index = row x width + column.",
        ),
        (
            elsewhere(lambda height, width, y, x: y * height + x),
            "a row holds as many places as the map is wide, not as it is high.",
        ),
        (elsewhere(lambda height, width, y, x: y * width + x + 1), "count from 0, as Python does."),
        (
            elsewhere(lambda height, width, y, x: (y - y % 2) * width + x - x % 2),
            "the corner was forgotten: that is the first place of each cell.",
        ),
        (smallest, "the first of the two holds the smallest values, but must hold the maximum of each cell."),
        (lambda x: right(x).flip(0), "the maxima come first, then their indices."),
    )

    def otherwise(given: Tensor, wanted: Tensor, x: Tensor) -> str:
        if (given[0] != wanted[0]).any():
            return "the first of the two holds something else, but must hold the maximum of each cell."
        here, there = (part[1].astype(int).ravel().tolist() for part in (wanted, given))
        return f"the maxima are right, but they stand at {here}, not at {there}."

    try_function(tried, right, [(x,) for x in maps], slips, otherwise)
    with Noticed() as torchs_own:
        call(pool, (MAP,), ["x"])
    if torchs_own.found:
        raise NotYet("all numbers are right, but it calls max_pool2d; write it without.")
