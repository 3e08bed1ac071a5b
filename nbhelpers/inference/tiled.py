"""Predict an image of any extent in windows whose results blend without a seam, in bounded memory.

Two neighbours share `overlap` pixels. Of these each gives up the outer quarter, where it lacks context, and in
the half between the quarters the one fades into the other. So the result equals that of the whole image as long
as an output pixel looks no further than overlap / 4 pixels to each side; windows begin at multiples of the
stride, because pooling in a shifted grid would give other values. Resizing shifts the grid too: with `TTA(scales=...)`
the two are close, not equal.
"""

from collections.abc import Iterator
from itertools import product, takewhile
from typing import Protocol

import numpy as np
import PIL.Image
import torch
from torch import Tensor, nn

from nbhelpers.inference.predict import (
    PLAIN,
    Forward,
    array_to_fill,
    as_floats,
    check_depth,
    check_positive,
    grey_channels,
    has_16_bits,
    progress_bar,
    reflected,
    to_uint_ids,
    up_to,
)
from nbhelpers.inference.tta import TTA

# of probabilities that wait for their neighbours; a wider image is done in several columns
BAND_BYTES = 2**28


class Sliceable(Protocol):
    """An array in memory or on disk: a shape (H, W, C) or (H, W), and windows by `image[top:bottom, left:right]`."""

    shape: tuple[int, ...]

    def __getitem__(self, window: tuple[slice, slice]) -> np.ndarray: ...


def predict_tiled(
    model: nn.Module,
    image: Tensor | Sliceable,
    tile: int = 512,
    overlap: int = 128,
    *,
    ids: bool = False,
    out: np.ndarray | None = None,
    tta: TTA = PLAIN,
    stride: int = 32,
    batch_size: int = 1,
    precision: str = "fp32",
    progress: bool = True,
) -> Tensor:
    """As `predict`, for one image that is read and predicted window by window.

    Args:
        image: a tensor (3, H, W), or whatever gives windows as arrays: numpy's array or memory map, `TiledTiff`,
            an HDF5 or Zarr array. Only windows of it are read. uint16 is divided by 65535, and refused as in
            `predict` if no window uses more than 14 of its bits; for this they are read beforehand, until one does.
        tile: the windows' side in pixels, overlap: how much neighbours share; both multiples of `stride`, and
            overlap at most half of tile. With overlap=0 seams show.
        out: an array to fill, a memory map for results larger than memory: float32 (num_classes, H, W), or with
            `ids` uint8 (H, W). Default: a new one.
        tta, stride, precision, ids: as in `predict`. batch_size: windows in one forward.

    Returns the result, which shares memory with `out`. Beside image and result it takes a window's forward and
    at most 256 MB (or one window's column), however large the image. Raises ValueError as `predict` does, and for
    a tile, overlap or out that does not fit.
    """
    check_grid(tile, overlap, stride)
    check_positive(batch_size=batch_size)
    # fastai gives pictures one
    shape = None if isinstance(image, PIL.Image.Image) else getattr(image, "shape", None)
    if shape is None or len(shape) not in (2, 3):
        shape = "" if shape is None else f" of shape {tuple(shape)}"
        raise ValueError(
            f"image is {type(image).__name__}{shape}; it must be one tensor (3, H, W), or an array (H, W, 3) or (H, W) of "
            "which windows are read: pictures of Pillow's, batches and lists go to predict"
        )
    height, width = image.shape[-2:] if isinstance(image, Tensor) else image.shape[:2]
    rows, columns = Axis(height, tile, overlap, stride), Axis(width, tile, overlap, stride)
    grey = grey_channels(model)
    sides = rows.size, columns.size
    places = product(rows.starts, columns.starts)
    check_depth(takewhile(has_16_bits, (_part(image, *place, sides) for place in places)))
    with Forward(model, precision) as forward:

        def predicted(top: int, starts: list[int]) -> Tensor:
            batch = torch.stack(
                [reflected(as_floats(_part(image, top, left, sides), grey), sides) for left in starts]
            )
            return forward(batch, tta, stride)

        first = [predicted(0, columns.starts[:batch_size])]  # it tells the number of classes
        num_classes = first[0].shape[1]
        result = _result(out, num_classes, (height, width), ids)
        widest = max(tile, BAND_BYTES // (4 * num_classes * rows.size))
        parts = [(left, min(left + widest, width)) for left in range(0, width, widest)]
        count = sum(len(rows.starts) * len(columns.within(*part)) for part in parts)
        with progress_bar(count, "tile", progress) as bar:
            for left, right in parts:
                windows = columns.within(left, right)
                band = torch.zeros(num_classes, rows.size, right - left, device=forward.device)
                for row, top in enumerate(rows.starts):
                    for chunk in _chunks(windows, batch_size):
                        starts = [columns.starts[column] for column in chunk]
                        for column, maps in zip(chunk, first.pop() if first else predicted(top, starts)):
                            _add(band, maps, rows.weights[row], columns, column, left, right)
                        bar.update(len(chunk))
                    bottom = rows.starts[row + 1] if row + 1 < len(rows.starts) else height
                    done = band[:, : bottom - top]  # no later window reaches these rows
                    values = (to_uint_ids(done) if ids else done).cpu().numpy()
                    result[..., top:bottom, left:right] = values
                    _move_up(band, bottom - top)
    if isinstance(result, np.memmap):
        result.flush()
    return torch.from_numpy(result)


class Axis:
    """Where windows begin along one side, and how much each counts: weights (windows, size), of sum 1 a pixel."""

    def __init__(self, length: int, tile: int, overlap: int, stride: int) -> None:
        whole = up_to(length, stride)
        self.size = min(tile, whole)
        self.starts = [*range(0, whole - self.size, tile - overlap), whole - self.size]
        weights = np.stack(
            [self._fade(start > 0, start + self.size < whole, overlap) for start in self.starts]
        )
        total = np.zeros(whole)
        for row, start in zip(weights, self.starts):
            total[start : start + self.size] += row
        for row, start in zip(weights, self.starts):
            row /= total[start : start + self.size]
        self.weights = torch.from_numpy(weights).float()

    def _fade(self, at_start: bool, at_end: bool, overlap: int) -> np.ndarray:
        distance = np.arange(self.size) + 0.5  # of a pixel's centre from the window's edge
        ramp = np.clip((distance - overlap / 4) / (overlap / 2), 0, 1) if overlap else np.ones(self.size)
        return (ramp if at_start else 1.0) * (ramp[::-1] if at_end else np.ones(self.size))

    def within(self, first: int, last: int) -> list[int]:
        """The numbers of the windows that touch the pixels first..last-1."""
        return [n for n, start in enumerate(self.starts) if start < last and start + self.size > first]


def _add(band: Tensor, maps: Tensor, down: Tensor, columns: Axis, column: int, left: int, right: int) -> None:
    """Add a window's probabilities (C, h, w) by their weights to the band (C, h, right - left)."""
    start = columns.starts[column]
    first, last = max(start, left), min(start + columns.size, right)
    inside = slice(first - start, last - start)
    weight = down[:, None] * columns.weights[column][None, inside]  # (h, 1) * (1, w)
    band[:, :, first - left : last - left].addcmul_(maps[:, :, inside], weight.to(band.device))


def _move_up(band: Tensor, by: int) -> None:
    """Drop the first rows of (C, h, w) and add as many zeros; a part at a time, or it would take a second band."""
    left = band.shape[1] - by
    for first in range(0, left, by):
        last = min(first + by, left)
        band[:, first:last] = band[:, first + by : last + by]
    band[:, left:].zero_()


def _part(image: Tensor | Sliceable, top: int, left: int, sides: tuple[int, int]) -> Tensor | np.ndarray:
    """What the image holds from there on, at most `sides`."""
    window = slice(top, top + sides[0]), slice(left, left + sides[1])
    return image[(..., *window)] if isinstance(image, Tensor) else image[window]


def _chunks(items: list[int], size: int) -> Iterator[list[int]]:
    for first in range(0, len(items), size):
        yield items[first : first + size]


def check_grid(tile: int, overlap: int, stride: int) -> None:
    """Raise ValueError unless windows of `tile` pixels that share `overlap` fit a model of this stride."""
    check_positive(stride=stride)
    if tile < stride or tile % stride or overlap % stride:
        side = up_to(max(tile, 1), stride)
        most = side // 2 // stride * stride
        raise ValueError(
            f"tile is {tile} and overlap {overlap}; both must be multiples of the stride, {stride}: "
            f"such as tile={side}, overlap={min(up_to(max(overlap, 0), stride), most)}"
        )
    if not 0 <= overlap <= tile // 2:
        raise ValueError(f"overlap is {overlap}; it must be 0 to half of the tile, {tile // 2}")


def _result(out: np.ndarray | None, num_classes: int, size: tuple[int, int], ids: bool) -> np.ndarray:
    if ids:
        return array_to_fill(out, size, np.uint8 if num_classes <= 256 else np.int32)
    return array_to_fill(out, (num_classes, *size), np.float32)
