"""The paper and the pencils of the toy street: one camera, one light, and flat sheets to draw on.

The scene is measured in metres: x to the right, y up from the road, z away from the camera. Image and
class ids are painted by the same call, as four channels of one array at twice the size asked for, so
that they cannot disagree: red, green, blue, class id.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import chain

import cv2
import numpy as np

from nbhelpers.datasets.palette import CAMVID_CLASSES
from nbhelpers.datasets.toy.street_parts.paint import Colour, lit

SKY, BUILDING, POLE, ROAD, PAVEMENT, TREE, SIGN, FENCE, CAR, PEDESTRIAN, BICYCLIST = range(
    len(CAMVID_CLASSES)
)
OVERSAMPLING = 2
SHIFT = 4  # cv2 takes coordinates in fixed point:
ONE = 1 << SHIFT  # sixteenths of a pixel
FRAME = (3, 4)  # the scene is composed for this shape; another shape shows a crop of it
RAMP = np.linspace(0, 1, 256)[:, None]
CIRCLE = [(math.cos(k * math.pi / 7), math.sin(k * math.pi / 7)) for k in range(14)]
Brush = Callable[[np.ndarray], object]
Pair, Triple = tuple[float, float], tuple[float, float, float]
Box = tuple[float, float, float, float]  # left, bottom, right, top


def circle(s: float, t: float, radius: float, squeeze: float = 1.0) -> list[Pair]:
    """Corners of a circle about (s, t), narrowed sideways by `squeeze`."""
    return [(s + radius * squeeze * cos, t + radius * sin) for cos, sin in CIRCLE]


@dataclass(frozen=True)
class Camera:
    """A pinhole camera over the road, looking along it. Lengths in the picture are in frame heights."""

    height: float  # metres above the road
    focal: float
    vanish: tuple[float, float]  # where the road vanishes, from the frame's centre
    roll: float  # radians


@dataclass(frozen=True)
class Light:
    """Sun, sky and air of one scene."""

    sun: np.ndarray  # (3,), unit vector towards the sun
    direct: float
    ambient: float
    tint: Colour  # factors of red, green and blue
    haze: Colour
    sight: float  # metres after which haze has taken 63 % of a colour
    dusk: bool  # lamps and some windows are lit

    def shade(self, normal: tuple[float, float, float] | np.ndarray) -> float | np.ndarray:
        """How bright a surface of this normal (..., 3) is; 1 is the brightness of its paint."""
        return self.ambient + self.direct * np.maximum(np.dot(normal, self.sun), 0)

    def seen_at(self, shade: float, depth: float) -> tuple[Colour, Colour]:
        """`(gain, veil)`: paint of colour c arrives at the camera from `depth` metres as c * gain + veil."""
        clear = math.exp(-depth / self.sight)
        return lit(self.tint, shade * clear), lit(self.haze, 1 - clear)


class Canvas:
    """The picture while it is painted: `pixels` is uint8 (2H, 2W, 4), red, green, blue and class id.

    Strokes are noted first, each with its sheet and its points; `paint` then projects them all at once, which
    is much cheaper than one by one, and lays them down in their order.
    """

    def __init__(self, size: tuple[int, int], camera: Camera, light: Light) -> None:
        height, width = (OVERSAMPLING * side for side in size)
        self.camera, self.light = camera, light
        self.pixels = np.zeros((height, width, 4), np.uint8)
        self.unit = max(height, width * FRAME[0] / FRAME[1])  # pixels per frame height
        cos, sin = (ONE * self.unit * f(camera.roll) for f in (math.cos, math.sin))
        focal, (vx, vy) = camera.focal, camera.vanish
        # The frame's (x, y) in frame heights -> cv2's fixed point pixels, whose centres are at whole numbers.
        to_pixels = np.array(
            [[cos, sin, 0], [-sin, cos, 0], [ONE * (width - 1) / 2, ONE * (height - 1) / 2, 1]]
        )
        to_frame = np.array([[focal, 0, 0], [0, -focal, 0], [vx, vy, 1]])
        self.matrix = to_frame @ to_pixels  # (x, y, z) @ matrix + offset = (column, row, 1) * z
        self.offset = np.array([0, focal * camera.height, 0]) @ to_pixels
        self.frames: list[tuple[Triple, Triple, Triple]] = []  # of the sheets: along, up, origin
        self.strokes: list[tuple[int, list[float], Brush]] = []  # sheet, its points as s, t, s, t..., brush

    def project(self, points: np.ndarray) -> np.ndarray:
        """Metres (n, 3) -> cv2's fixed point pixels (n, 2), int32."""
        homogeneous = points @ self.matrix + self.offset
        return (homogeneous[:, :2] / homogeneous[:, 2:]).astype(np.int32)

    def paint(self) -> None:
        """Lay down the strokes noted since the last call."""
        sheets, numbers, brushes = zip(*self.strokes)
        counts = [len(some) // 2 for some in numbers]
        matrices = np.array(self.frames, dtype=float) @ self.matrix  # (sheets, 3, 3)
        matrices[:, 2] += self.offset
        frames = np.repeat(matrices[list(sheets)], counts, axis=0)  # (n, 3, 3), of each point
        points = np.fromiter(chain.from_iterable(numbers), dtype=float).reshape(-1, 2, 1)
        homogeneous = points[:, 0] * frames[:, 0] + points[:, 1] * frames[:, 1] + frames[:, 2]
        pixels = (homogeneous[:, :2] / homogeneous[:, 2:]).astype(np.int32)
        start = 0
        for count, brush in zip(counts, brushes):
            brush(pixels[start : start + count])
            start += count
        self.strokes.clear()

    def note(self, brush: Callable[[], object]) -> None:
        """Remember a stroke that has been projected already."""
        self.strokes.append((0, [], lambda _: brush()))

    def fill(self, corners: np.ndarray, tone: Sequence[float]) -> None:
        """Fill a convex polygon of fixed point pixels (k, 2) with red, green, blue and class id."""
        cv2.fillConvexPoly(self.pixels, corners, tone, cv2.LINE_8, SHIFT)

    def sees(self, left: float, right: float, near: float, far: float) -> bool:
        """Whether something from `left` to `right` of the camera, `near` to `far`, can be in the frame."""
        edge, middle, focal = FRAME[1] / FRAME[0] / 2 + 0.05, self.camera.vanish[0], self.camera.focal
        leftmost, rightmost = left / (near if left < 0 else far), right / (far if right < 0 else near)
        return middle + focal * leftmost < edge and middle + focal * rightmost > -edge

    def horizon_row(self) -> int:
        """The first row (of the oversampled picture) in which ground may show."""
        rows = self.project(np.array([(-7e3, 0, 1e4), (7e3, 0, 1e4)]))[:, 1] >> SHIFT
        return int(np.clip(rows.min(), 0, self.pixels.shape[0] - 2))


class Sheet:
    """A flat sheet in the scene, drawn on in metres: (s, t) is the point `origin + s * along + t * up`.

    `shade` is how brightly it is lit, `depth` the distance that decides its haze and the width of lines.
    """

    def __init__(
        self,
        canvas: Canvas,
        class_id: int,
        origin: Triple,
        along: Triple = (1, 0, 0),
        up: Triple = (0, 1, 0),
        shade: float = 1.0,
        depth: float | None = None,
    ) -> None:
        self.canvas, self.class_id = canvas, class_id
        self.depth = origin[2] if depth is None else depth
        self.gain, self.veil = canvas.light.seen_at(shade, self.depth)
        self.number = len(canvas.frames)
        canvas.frames.append((along, up, origin))

    def tone(self, colour: Colour) -> tuple[float, float, float, int]:
        """The paint's colour as it arrives at the camera, and the class id."""
        (r, g, b), (gr, gg, gb), (vr, vg, vb) = colour, self.gain, self.veil
        return (r * gr + vr, g * gg + vg, b * gb + vb, self.class_id)

    def note(self, points: Iterable[Pair], brush: Brush) -> None:
        """Remember a stroke: `brush` gets the points as fixed point pixels (n, 2) when its turn comes."""
        self.canvas.strokes.append((self.number, list(chain.from_iterable(points)), brush))

    def polygon(self, points: Iterable[Pair], colour: Colour) -> None:
        """Fill one polygon, not necessarily convex."""
        pixels, tone = self.canvas.pixels, self.tone(colour)
        self.note(points, lambda corners: cv2.fillPoly(pixels, [corners], tone, cv2.LINE_8, SHIFT))

    def box(self, left: float, bottom: float, right: float, top: float, colour: Colour) -> None:
        """Fill one upright rectangle."""
        canvas, tone = self.canvas, self.tone(colour)
        numbers = [left, bottom, right, bottom, right, top, left, top]
        canvas.strokes.append((self.number, numbers, lambda corners: canvas.fill(corners, tone)))

    def boxes(self, boxes: Iterable[Box], colour: Colour) -> None:
        """Fill upright rectangles that do not overlap, each (left, bottom, right, top)."""
        pixels, tone, numbers = self.canvas.pixels, self.tone(colour), []
        for left, bottom, right, top in boxes:
            numbers += (left, bottom, right, bottom, right, top, left, top)

        def brush(corners: np.ndarray) -> None:
            cv2.fillPoly(pixels, list(corners.reshape(-1, 4, 2)), tone, cv2.LINE_8, SHIFT)

        if numbers:
            self.canvas.strokes.append((self.number, numbers, brush))

    def disc(self, s: float, t: float, radius: float, colour: Colour, squeeze: float = 1.0) -> None:
        """Fill a disc; `squeeze` narrows it sideways."""
        tone = self.tone(colour)
        self.note(circle(s, t, radius, squeeze), lambda corners: self.canvas.fill(corners, tone))

    def line(self, points: Iterable[Pair], width: float, colour: Colour, closed: bool = False) -> None:
        """Draw a line with round ends, `width` metres wide but at least a pixel."""
        pixels, tone = self.canvas.pixels, self.tone(colour)
        metre = self.canvas.unit * self.canvas.camera.focal / self.depth  # in pixels
        thickness = max(1, round(width * metre))
        self.note(points, lambda c: cv2.polylines(pixels, [c], closed, tone, thickness, cv2.LINE_8, SHIFT))

    def label(self, points: Iterable[Pair]) -> None:
        """Give the class to a convex polygon without painting it, as for the gaps of a fence."""

        def brush(corners: np.ndarray) -> None:
            low, high = corners.min(axis=0) >> SHIFT, (corners.max(axis=0) >> SHIFT) + 2
            (x0, y0), (x1, y1) = np.maximum(low, 0), np.minimum(high, self.canvas.pixels.shape[1::-1])
            if x0 < x1 and y0 < y1:
                ids = self.canvas.pixels[y0:y1, x0:x1, 3].copy()
                cv2.fillConvexPoly(
                    ids, corners - (x0 << SHIFT, y0 << SHIFT), self.class_id, cv2.LINE_8, SHIFT
                )
                self.canvas.pixels[y0:y1, x0:x1, 3] = ids

        self.note(points, brush)

    def stamp(self, sprite: Sequence[np.ndarray], box: Box, colour: Colour) -> None:
        """Print a sprite into a box (left, bottom, right, top) of a sheet that faces the camera.

        A sprite is uint8 (side, side, 2) in several sides, largest first. Channel 0 is brightness (128 = the
        colour itself), channel 1 is over 127 where to print.
        """
        dark, bright = np.array((self.tone((0, 0, 0)), self.tone(lit(colour, 255 / 128))))
        table = np.clip(dark + (bright - dark) * RAMP, 0, 255).astype(np.uint8)  # brightness -> what to print

        def brush(corners: np.ndarray) -> None:
            (x0, y1), (x1, y0) = (corners >> SHIFT).tolist()
            height, width = self.canvas.pixels.shape[:2]
            u0, v0, u1, v1 = max(x0, 0), max(y0, 0), min(x1, width), min(y1, height)
            if u0 >= u1 or v0 >= v1:
                return
            fitting = [level for level in sprite if len(level) >= max(x1 - x0, y1 - y0)] or sprite[:1]
            sized = cv2.resize(fitting[-1], (x1 - x0, y1 - y0), interpolation=cv2.INTER_LINEAR)
            sized = sized[v0 - y0 : v1 - y0, u0 - x0 : u1 - x0]
            _, here = cv2.threshold(cv2.extractChannel(sized, 1), 127, 255, cv2.THRESH_BINARY)
            cv2.copyTo(table.take(sized[..., 0], axis=0), here, self.canvas.pixels[v0:v1, u0:u1])

        self.note([box[:2], box[2:]], brush)
