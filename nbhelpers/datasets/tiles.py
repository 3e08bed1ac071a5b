"""Tiles of large pictures: rare ones as often as common ones, and few empty ones as long as that helps."""

from collections.abc import Callable, Sequence

import cv2
import numpy as np
import torch
from torch.utils.data import Dataset

from nbhelpers.datasets.dataset import IGNORE, SegmentationDataset
from nbhelpers.datasets.gate import Gate, as_tensors
from nbhelpers.datasets.inside import Reader, chosen, told_by
from nbhelpers.datasets.transforms import draw


class Tiles(SegmentationDataset):
    """Square cut-outs of the pictures of `source`, drawn anew each time: a training set for `fit`.

    The grid is laid twice along each side, the second time shifted by half a tile, so that what one tile cuts in two lies
    whole in another. Tiles with foreground (any class but 0) fall into `bins` of equal width by the area of it, up to
    the largest; a draw takes a bin at random, then a tile of it, so that the few full ones come as often as the many that are grazed.

    source: a data set, or torch's Subset or ConcatDataset of some; keep it in memory (`in_memory`), or every draw reads a picture whole.
    indices: the pictures to take, those of the training folds, as numbers or as a bool for each; default: all.
    tile: side in pixels; smaller pictures are filled up with black, which is void in the mask.
    length: draws in an epoch; default: as many tiles as cover the pictures once.
    empty: the share of draws without foreground; or (first, last), from which to which it goes over the epochs of `fit`.
        Begin low, where the network must first learn what there is to find, and end at the share of the real pictures:
        `empty=(0.0, tiles.empty_share)`.

    Predictions of tiles are stitched by `nbhelpers.inference.predict_tiled`, with overlap=tile // 2 by windows that are
    shifted by half as these are. Raises ValueError for a mask that is none, and for arguments that cannot be.
    """

    draws = True  # `read` gives something else each time

    def __init__(
        self,
        source: Dataset,
        tile: int = 256,
        *,
        indices: Sequence[int] | None = None,
        length: int | None = None,
        bins: int = 4,
        empty: float | tuple[float, float] = 0.5,
        transform: Callable | None = None,
    ) -> None:
        super().__init__(transform)
        self.first, self.last = empty if isinstance(empty, tuple | list) else (empty, empty)
        if tile < 2 or bins < 1 or not (0 <= self.first <= 1 and 0 <= self.last <= 1):
            raise ValueError(
                f"tile is {tile}, bins {bins} and empty {empty}; there must be 2 pixels a side, 1 bin, and shares of 0 to 1"
            )
        self.source, self.tile, self.progress = source, int(tile), 0.0
        self.classes, self.palette = told_by(source, "classes"), told_by(source, "palette")
        self.void, self.indices, self.read_whole = IGNORE, chosen(indices, len(source)), Reader(source)
        places, areas, whole = [], [], 0
        gate = Gate(source, type(source).__name__)
        for index in self.indices:
            image, mask = self.read_whole(index)
            gate.judge(index, as_tensors(image, mask))
            whole += int(np.prod([-(-side // self.tile) for side in mask.shape]))
            for place, area in self._tiles_of(mask):
                places.append((index, *place))
                areas.append(area)
        gate.settle()  # 255 is void, not white
        if not places:
            raise ValueError("there is no tile with a labelled pixel; pass pictures with labels")
        self.places = np.array(places)  # (n, 3): picture, top, left
        # of its bin, rounded up: 0 is without foreground
        numbers = -(-np.array(areas) * bins // max(1, *areas))
        self.bins = [np.flatnonzero(numbers == number) for number in range(bins + 1)]
        self.length = whole if length is None else int(length)
        if self.length < 1:
            raise ValueError(f"length is {length}; there must be at least 1 draw in an epoch")

    @property
    def empty_share(self) -> float:
        """The share of all tiles that hold no foreground."""
        return len(self.bins[0]) / len(self.places)

    def __len__(self) -> int:
        return self.length

    def read(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """A tile by chance, whatever the index: image uint8 (tile, tile, C) and mask (tile, tile)."""
        share = self.first + (self.last - self.first) * self.progress
        filled = [tiles for tiles in self.bins[1:] if len(tiles)]
        if len(self.bins[0]) and (not filled or torch.rand(()).item() < share):
            tiles = self.bins[0]
        else:
            tiles = filled[draw(len(filled))]
        picture, top, left = self.places[tiles[draw(len(tiles))]].tolist()
        image, mask = self.read_whole(picture)
        window = np.s_[top : top + self.tile, left : left + self.tile]
        image, mask = image[window], mask[window]
        down, right = (self.tile - side for side in mask.shape)
        if down or right:
            image = np.pad(image, ((0, down), (0, right), (0, 0)))
            mask = np.pad(mask, ((0, down), (0, right)), constant_values=IGNORE)
        return np.ascontiguousarray(image), np.ascontiguousarray(mask)

    def _tiles_of(self, mask: np.ndarray) -> list[tuple[tuple[int, int], int]]:
        """(top, left) and pixels of foreground of the tiles that hold a labelled pixel."""
        labelled, found = mask != IGNORE, (mask != IGNORE) & (mask > 0)
        sums = [cv2.integral(part.astype(np.uint8)) for part in (labelled, found)]  # (H + 1, W + 1)
        rows, columns = (self._starts(side) for side in mask.shape)
        tiles = []
        for top in rows:
            for left in columns:
                bottom, right = min(top + self.tile, mask.shape[0]), min(left + self.tile, mask.shape[1])
                labels, area = (
                    int(total[bottom, right] - total[top, right] - total[bottom, left] + total[top, left])
                    for total in sums
                )
                if labels:
                    tiles.append(((top, left), area))
        return tiles

    def _starts(self, side: int) -> list[int]:
        last = max(0, side - self.tile)
        return [*range(0, last, max(1, self.tile // 2)), last]
