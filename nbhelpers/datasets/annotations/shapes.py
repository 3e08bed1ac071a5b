"""What an annotator drew, and the pixels that it covers: a pixel belongs to a shape if its centre lies inside.

Coordinates are in pixels, x to the right and y down, with (0, 0) at the outer corner of the first pixel, whose centre
is (0.5, 0.5). A centre exactly on an edge belongs to the shape at its right, or below it where the edge is level, so
that two shapes that share an edge share no pixel and leave none out.
"""

import math
import posixpath
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any, Protocol

import numpy as np

# top, left, and bool (h, w): the covered pixels of a part of the picture
Window = tuple[int, int, np.ndarray]
NOTHING: Window = (0, 0, np.zeros((0, 0), bool))


class Shape(Protocol):
    def cover(self, size: tuple[int, int]) -> Window:
        """The pixels of a picture of `size` (height, width) that the shape covers; what lies beyond is cut off."""

    def moved(self, by: float) -> "Shape":
        """The same shape, moved right and down by so many pixels."""


@dataclass(frozen=True)
class Polygons:
    """The union of parts; a part is an outer ring and its holes, each (n, 2) of x, y, closed by itself.

    Within a part the even-odd rule holds: what two rings enclose is a hole, whichever way round they run.
    """

    parts: tuple[tuple[np.ndarray, ...], ...]

    def cover(self, size: tuple[int, int]) -> Window:
        if len(self.parts) == 1:
            return fill(self.parts[0], size)
        whole = np.zeros(size, bool)
        for part in self.parts:
            top, left, window = fill(part, size)
            whole[top : top + window.shape[0], left : left + window.shape[1]] |= window
        return 0, 0, whole

    def moved(self, by: float) -> "Polygons":
        return Polygons(tuple(tuple(ring + by for ring in part) for part in self.parts))


def fill(rings: Sequence[np.ndarray], size: tuple[int, int]) -> Window:
    """The pixels whose centres lie inside `rings` by the even-odd rule; `size` is (height, width).

    For each row the edges are cut at the height of the centres; from every cut on to the right, inside and outside
    change places.
    """
    height, width = size
    start = np.concatenate(rings)
    stop = np.concatenate([part for ring in rings for part in (ring[1:], ring[:1])])
    down = start[:, 1] <= stop[:, 1]  # each edge from above, so that both its owners cut it at the same x
    upper, lower = np.where(down[:, None], start, stop), np.where(down[:, None], stop, start)
    first = np.ceil(upper[:, 1] - 0.5).clip(0, height).astype(np.int64)
    counts = np.ceil(lower[:, 1] - 0.5).clip(0, height).astype(np.int64) - first
    total = int(counts.sum())
    if not total:
        return NOTHING
    edge = np.repeat(np.arange(len(counts)), counts)
    row = np.arange(total) - np.repeat(np.cumsum(counts) - counts - first, counts)
    level = np.where(counts > 0, lower[:, 1] - upper[:, 1], 1.0)
    slope = (lower[:, 0] - upper[:, 0]) / level
    cut = upper[edge, 0] + (row + 0.5 - upper[edge, 1]) * slope[edge]
    # the first centre that is not left of the cut
    column = np.ceil(cut - 0.5).clip(0, width).astype(np.int64)
    top, left = int(row.min()), int(column.min())
    shape = int(row.max()) + 1 - top, int(column.max()) + 1 - left
    flips = np.bincount((row - top) * shape[1] + column - left, minlength=shape[0] * shape[1])
    inside = np.cumsum(flips.reshape(shape), axis=1, dtype=np.uint8)[:, :-1] & 1
    return top, left, inside.view(bool)


@dataclass(frozen=True)
class Relative:
    """Polygons in shares of the picture's width and height."""

    polygons: Polygons

    def cover(self, size: tuple[int, int]) -> Window:
        scale = np.array(size[::-1])
        return Polygons(tuple(tuple(ring * scale for ring in part) for part in self.polygons.parts)).cover(
            size
        )

    def moved(self, by: float) -> "Relative":
        return self  # shares have no pixel whose centre could be meant


@dataclass(frozen=True)
class Box:
    """A rectangle from (left, top) to (right, bottom), turned clockwise by `degrees` about `pivot` (x, y)."""

    left: float
    top: float
    right: float
    bottom: float
    degrees: float = 0.0
    pivot: tuple[float, float] | None = None  # default: its middle

    def cover(self, size: tuple[int, int]) -> Window:
        corners = np.array([(self.left, self.top), (self.right, self.top), (self.right, self.bottom)])
        corners = np.vstack([corners, (self.left, self.bottom)])
        pivot = np.array(self.pivot or ((self.left + self.right) / 2, (self.top + self.bottom) / 2))
        return fill([pivot + (corners - pivot) @ _turn(self.degrees)], size)

    def moved(self, by: float) -> "Box":
        pivot = self.pivot and (self.pivot[0] + by, self.pivot[1] + by)
        return Box(self.left + by, self.top + by, self.right + by, self.bottom + by, self.degrees, pivot)


@dataclass(frozen=True)
class Ellipse:
    """An ellipse with radii `across` and `along`, turned clockwise by `degrees` about its centre (x, y)."""

    centre: tuple[float, float]
    across: float
    along: float
    degrees: float = 0.0

    def cover(self, size: tuple[int, int]) -> Window:
        if min(self.across, self.along) <= 0:
            return NOTHING
        reach = max(self.across, self.along)
        (top, left), x, y = _centres(self.centre, self.centre, reach, size)
        offset = np.stack([x - self.centre[0], y - self.centre[1]], axis=-1) @ _turn(-self.degrees)
        return top, left, (offset[..., 0] / self.across) ** 2 + (offset[..., 1] / self.along) ** 2 < 1

    def moved(self, by: float) -> "Ellipse":
        return Ellipse((self.centre[0] + by, self.centre[1] + by), self.across, self.along, self.degrees)


@dataclass(frozen=True)
class Stroke:
    """A line through `points` (n, 2), or points by themselves; it covers what is nearer than half a width."""

    points: np.ndarray
    joined: bool = True
    width: float | None = None  # in pixels; None until somebody decides it

    def cover(self, size: tuple[int, int]) -> Window:
        if self.width is None:
            raise ValueError(
                "a line or a point has no area; pass width= in pixels, or name its label in skip="
            )
        radius = self.width / 2
        (top, left), x, y = _centres(self.points.min(axis=0), self.points.max(axis=0), radius, size)
        near = np.zeros(np.broadcast_shapes(x.shape, y.shape), bool)
        starts = self.points[:-1] if self.joined and len(self.points) > 1 else self.points
        stops = self.points[1:] if self.joined and len(self.points) > 1 else self.points
        for (x0, y0), (x1, y1) in zip(starts, stops, strict=True):
            length = (x1 - x0) ** 2 + (y1 - y0) ** 2
            along = (((x - x0) * (x1 - x0) + (y - y0) * (y1 - y0)) / length).clip(0, 1) if length else 0.0
            near |= (x - x0 - along * (x1 - x0)) ** 2 + (y - y0 - along * (y1 - y0)) ** 2 < radius**2
        return top, left, near

    def moved(self, by: float) -> "Stroke":
        return Stroke(self.points + by, self.joined, self.width)


@dataclass(frozen=True)
class Bitmap:
    """Pixels that a tool stored as such: bool (h, w), its first pixel at row `top` and column `left`."""

    pixels: np.ndarray
    top: int = 0
    left: int = 0

    def cover(self, size: tuple[int, int]) -> Window:
        rows = slice(max(0, -self.top), max(0, size[0] - self.top))
        columns = slice(max(0, -self.left), max(0, size[1] - self.left))
        return max(0, self.top), max(0, self.left), self.pixels[rows, columns]

    def moved(self, by: float) -> "Bitmap":
        return self  # pixels are pixels, wherever a tool sees the corner of the first


@dataclass(frozen=True)
class Object:
    """A shape with its label. `void`: it says only that nobody knows (a crowd). `where` is what errors call it."""

    label: str
    shape: Shape
    where: str
    z: float = 0.0
    void: bool = False


@dataclass(frozen=True)
class Picture:
    """What an export says of one image: its file's name, its (height, width) if it tells, and its objects in order."""

    name: str
    size: tuple[int, int] | None
    objects: tuple[Object, ...]
    where: str
    embedded: bytes | None = field(default=None, repr=False)  # the image file itself, as labelme may keep it
    painted: Any = None  # a `painted.Painted`, where the tool gives a mask and no objects
    folder: str = ""  # of the image, where the export tells it apart from the name

    @property
    def path(self) -> PurePosixPath:
        """Where the image lies, as far as the export tells."""
        return PurePosixPath(posixpath.normpath(posixpath.join(self.folder, self.name).replace("\\", "/")))


def _turn(degrees: float) -> np.ndarray:
    """For row vectors (x, y): clockwise as seen on the screen, where y points down."""
    sine, cosine = math.sin(math.radians(degrees)), math.cos(math.radians(degrees))
    return np.array([[cosine, sine], [-sine, cosine]])


def _centres(
    low: Sequence[float], high: Sequence[float], reach: float, size: tuple[int, int]
) -> tuple[tuple[int, int], np.ndarray, np.ndarray]:
    """The corner (top, left) of the pixels within `reach` of a box, and their centres: x (1, w) and y (h, 1)."""
    height, width = size
    left, right = (int(np.clip(end, 0, width)) for end in (low[0] - reach - 1, high[0] + reach + 1))
    top, bottom = (int(np.clip(end, 0, height)) for end in (low[1] - reach - 1, high[1] + reach + 1))
    y, x = np.mgrid[top:bottom, left:right] + 0.5
    return (top, left), x, y
