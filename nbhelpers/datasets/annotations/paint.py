"""From the objects of a picture to its mask: who covers whom, and what becomes void."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from nbhelpers.datasets.annotations.shapes import Object, Stroke
from nbhelpers.datasets.dataset import IGNORE

ORDERS = ("file", "area", "z")
OVERLAPS = ("cover", "void", "error")
CROWDS = ("void", "object", "skip")


@dataclass(frozen=True)
class Rules:
    """How objects become a mask.

    order: who is painted later and so covers: "file", as the export lists them; "area", the smaller one;
        "z", the one that the tool put on top (then as listed).
    overlap: a pixel of two classes is "cover", the later one's; "void"; or an "error".
    crowd: objects that the export marks as a crowd or to be ignored are "void", like others ("object"), or left out
        ("skip").
    width: of lines and points, in pixels; None makes them an error, for they have no area.
    centres: the tool puts (0, 0) on the centre of the first pixel, not on its corner.
    """

    order: str = "file"
    overlap: str = "cover"
    crowd: str = "void"
    width: float | None = None
    centres: bool = False

    def __post_init__(self) -> None:
        for name, value, known in (
            ("order", self.order, ORDERS),
            ("overlap", self.overlap, OVERLAPS),
            ("crowd", self.crowd, CROWDS),
        ):
            if value not in known:
                raise ValueError(f"{name} is {value!r}; it must be one of {', '.join(map(repr, known))}")
        if self.width is not None and not 0 < self.width < float("inf"):
            raise ValueError(f"width is {self.width}; it must be a positive number of pixels, or None")


def paint(
    objects: Iterable[Object], size: tuple[int, int], ids: Mapping[str, int], background: int, rules: Rules
) -> np.ndarray:
    """The mask uint8 (H, W): the id of each pixel's object, `background` where there is none.

    ids: of each label; 255 makes its objects void, and a label that is missing is left out. Raises ValueError for
    lines and points without a width, and with overlap="error" for two classes on one pixel, naming both objects.
    """
    windows = []
    for one in objects:
        if one.label not in ids or one.void and rules.crowd == "skip":
            continue
        value = IGNORE if one.void and rules.crowd == "void" else ids[one.label]
        windows.append((one, value, _cover(one, size, rules)))
    if rules.order == "z":
        windows.sort(key=lambda item: item[0].z)
    elif rules.order == "area":
        windows.sort(key=lambda item: -np.count_nonzero(item[2][2]))
    mask = np.full(size, background, np.uint8)
    taken = None if rules.overlap == "cover" else np.zeros(size, bool)
    for one, value, (top, left, window) in windows:
        place = slice(top, top + window.shape[0]), slice(left, left + window.shape[1])
        if taken is None:
            mask[place][window] = value
            continue
        clash = window & taken[place] & (mask[place] != value)
        if rules.overlap == "error" and clash.any():
            raise ValueError(
                f"{one.where}: {int(clash.sum())} pixels of {one.label!r} belong to another class too; pass "
                "overlap='cover' (the later one wins) or overlap='void'"
            )
        mask[place][window] = value
        mask[place][clash] = IGNORE
        taken[place] |= window
    return mask


def _cover(one: Object, size: tuple[int, int], rules: Rules) -> tuple[int, int, np.ndarray]:
    shape = one.shape.moved(0.5) if rules.centres else one.shape
    if isinstance(shape, Stroke) and shape.width is None:
        shape = replace(shape, width=rules.width)
    try:
        return shape.cover(size)
    except ValueError as error:
        raise ValueError(f"{one.where} ({one.label!r}): {error}") from error
