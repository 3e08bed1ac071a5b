"""A volume by a network for pictures: slice by slice along each axis, and the mean of what the axes say."""

from collections.abc import Iterable, Sequence
from itertools import takewhile

import numpy as np
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
    up_to,
)
from nbhelpers.inference.tta import TTA


def predict_volume(
    model: nn.Module,
    volume: np.ndarray | Tensor,
    *,
    axes: Sequence[int] = (0, 1, 2),
    offsets: Sequence[int] = (0,),
    classes: Sequence[int] | None = None,
    out: np.ndarray | None = None,
    tta: TTA = PLAIN,
    stride: int = 32,
    batch_size: int = 4,
    precision: str = "fp32",
    progress: bool = True,
) -> Tensor:
    """The probabilities of each voxel's classes, float32 (classes, D, H, W): the mean over the axes.

    Args:
        volume: grey, (D, H, W), uint8, uint16 or floats in 0..1; an array, or a memory map, of which only slices are read.
            uint16 is divided by 65535, and refused if it uses no more than 14 of its bits, as in `predict`.
        axes: across which the slices lie, each in turn. A network that was trained on slices of one axis knows the others
            where voxels are cubes; else take that one alone.
        offsets: the neighbours that are channels beside each slice, as in `nbhelpers.datasets.Neighbours`; beyond the
            ends the first and the last slice are repeated. For (0,) a grey slice becomes as many channels as the model takes.
        classes: those whose probabilities are kept, such as (1,), which takes half the memory of two; default: all.
        out: an array to fill, a memory map for a result larger than memory: float32 (classes, D, H, W).
        tta, stride, precision: as in `predict`. batch_size: slices in one forward.

    Returns the result, which shares memory with `out`. Beside volume and result it takes the forward of a batch of slices,
    however many there are. Raises ValueError for what is no such volume, for axes, offsets, classes or an `out` that do not
    fit, and as `predict` does; FloatingPointError for logits that are not finite.
    """
    check_positive(stride=stride, batch_size=batch_size)
    if len(volume.shape) != 3 or 0 in volume.shape:
        raise ValueError(
            f"the volume is {tuple(volume.shape)}; it must be grey, (D, H, W), with a voxel at least"
        )
    for name, several in {
        "axes": axes,
        "offsets": offsets,
        "classes": () if classes is None else classes,
    }.items():
        if not isinstance(several, Iterable):
            raise ValueError(f"{name} is {several!r}; it must hold numbers, such as ({several!r},)")
    axes = tuple(axes)
    if not axes or len(set(axes)) < len(axes) or set(axes) - {0, 1, 2}:
        raise ValueError(f"axes is {axes}; it must hold some of 0, 1 and 2, each once")
    if 0 not in offsets:
        raise ValueError(
            f"offsets are {tuple(offsets)}; they must hold 0, the slice itself, such as (-1, 0, 1)"
        )
    check_depth(takewhile(has_16_bits, (volume[number] for number in range(volume.shape[0]))))
    grey, result, kept = grey_channels(model), None, None
    with (
        Forward(model, precision) as forward,
        progress_bar(sum(volume.shape[axis] for axis in axes), "slice", progress) as bar,
    ):
        for axis in axes:
            height, width = (side for other, side in enumerate(volume.shape) if other != axis)
            sides = [up_to(height, stride), up_to(width, stride)]
            for first in range(0, volume.shape[axis], batch_size):
                numbers = range(first, min(first + batch_size, volume.shape[axis]))
                batch = torch.stack(
                    [reflected(_slice(volume, axis, number, offsets, grey), sides) for number in numbers]
                )
                maps = forward(batch, tta, stride)[..., :height, :width]  # (batch, num_classes, h, w)
                if result is None:
                    kept = _checked_classes(classes, maps.shape[1])
                    result = array_to_fill(out, (len(kept), *volume.shape), np.float32)
                    result[:] = 0
                slab = np.moveaxis(result, axis + 1, 1)[:, numbers.start : numbers.stop]  # a view
                slab += (maps[:, kept] / len(axes)).transpose(0, 1).cpu().numpy()
                bar.update(len(numbers))
    if isinstance(result, np.memmap):
        result.flush()
    return torch.from_numpy(result)


def _slice(volume: np.ndarray | Tensor, axis: int, number: int, offsets: Sequence[int], grey: int) -> Tensor:
    """Slice `number` and its neighbours: float (len(offsets), h, w), or (grey, h, w) for one alone."""
    last = volume.shape[axis] - 1
    window: list[slice | int] = [slice(None)] * 3
    slices = []
    for offset in offsets:
        window[axis] = min(max(number + offset, 0), last)
        slices.append(np.asarray(volume[tuple(window)]))
    return as_floats(slices[0], grey) if len(slices) == 1 else as_floats(np.stack(slices, axis=-1))


def _checked_classes(classes: Sequence[int] | None, num_classes: int) -> list[int]:
    kept = list(range(num_classes)) if classes is None else list(classes)
    if not kept or not set(kept) <= set(range(num_classes)):
        raise ValueError(
            f"classes are {tuple(kept)}; the model tells 0..{num_classes - 1}, of which some must be named"
        )
    return kept
