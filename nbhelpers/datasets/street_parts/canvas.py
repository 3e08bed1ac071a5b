"""The paper and the pencils of the toy street: one camera, one light, and flat sheets to draw on.

The scene is measured in metres: x to the right, y up from the road, z away from the camera. Image and
class ids are painted by the same call, as four channels of one array at twice the size asked for, so
that they cannot disagree: red, green, blue, class id.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from nbhelpers.datasets.palette import CAMVID_CLASSES
from nbhelpers.datasets.street_parts.paint import Colour, lit

SKY, BUILDING, POLE, ROAD, PAVEMENT, TREE, SIGN, FENCE, CAR, PEDESTRIAN, BICYCLIST = range(
    len(CAMVID_CLASSES)
)
OVERSAMPLING = 2
SHIFT = 4  # cv2 takes coordinates in sixteenths of a pixel
FRAME = (3, 4)  # the scene is composed for this shape; another shape shows a crop of it
RAMP = np.linspace(0, 1, 256)[:, None]
BOX_CORNERS = np.array([[0, 1], [2, 1], [2, 3], [0, 3]])  # of (left, bottom, right, top)
CIRCLE = np.stack([f(np.linspace(0, 2 * np.pi, 14, endpoint=False)) for f in (np.cos, np.sin)], axis=-1)


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
    """The picture while it is painted: `pixels` is uint8 (2H, 2W, 4), red, green, blue and class id."""

    def __init__(self, size: tuple[int, int], camera: Camera, light: Light) -> None:
        height, width = (OVERSAMPLING * side for side in size)
        self.camera, self.light = camera, light
        self.pixels = np.zeros((height, width, 4), np.uint8)
        self.unit = max(height, width * FRAME[0] / FRAME[1])  # pixels per frame height
        one = 1 << SHIFT
        cos, sin = (one * self.unit * f(camera.roll) for f in (math.cos, math.sin))
        focal, (vx, vy) = camera.focal, camera.vanish
        # The frame's (x, y) in frame heights -> cv2's fixed point pixels, whose centres are at whole numbers.
        to_pixels = np.array(
            [[cos, sin, 0], [-sin, cos, 0], [one * (width - 1) / 2, one * (height - 1) / 2, 1]]
        )
        to_frame = np.array([[focal, 0, 0], [0, -focal, 0], [vx, vy, 1]])
        self.matrix = to_frame @ to_pixels  # (x, y, z) @ matrix + offset = (column, row, 1) * z
        self.offset = np.array([0, focal * camera.height, 0]) @ to_pixels

    def project(self, points: np.ndarray) -> np.ndarray:
        """Metres (..., 3) -> pixels (..., 2) as cv2's fixed point numbers, int32."""
        homogeneous = points @ self.matrix + self.offset
        return (homogeneous[..., :2] / homogeneous[..., 2:]).astype(np.int32)

    def fill(self, corners: np.ndarray, colour: Colour, class_id: int) -> None:
        """Fill one convex polygon given in cv2's fixed point pixels (k, 2); the colour is as seen."""
        cv2.fillConvexPoly(self.pixels, corners, (*colour, class_id), cv2.LINE_8, SHIFT)

    def sees(self, x: float, near: float, far: float) -> bool:
        """Whether anything at `x` metres to the right, between `near` and `far`, can be in the frame."""
        edge = FRAME[1] / FRAME[0] / 2 + 0.05
        columns = [self.camera.vanish[0] + self.camera.focal * x / z for z in (near, far)]
        return min(columns) < edge and max(columns) > -edge

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
        origin: Sequence[float],
        along: Sequence[float] = (1, 0, 0),
        up: Sequence[float] = (0, 1, 0),
        shade: float = 1.0,
        depth: float | None = None,
    ) -> None:
        self.canvas, self.class_id = canvas, class_id
        self.depth = origin[2] if depth is None else depth
        self.matrix = np.array((along, up, origin), dtype=float).dot(canvas.matrix)  # (s, t, 1) -> pixels
        self.matrix[2] += canvas.offset
        self.upright = along[2] == up[2] == 0  # faces the camera: no division needed
        if self.upright:
            self.matrix /= self.matrix[2, 2]
            self.linear, self.start = self.matrix[:2, :2], self.matrix[2, :2]
        else:
            self.linear, self.start = self.matrix[:2], self.matrix[2]
        self.gain, self.veil = canvas.light.seen_at(shade, self.depth)

    @property
    def metre(self) -> float:
        """Pixels per metre at the sheet's depth, for the width of lines."""
        return self.canvas.unit * self.canvas.camera.focal / self.depth

    def tone(self, colour: Colour) -> tuple[float, float, float, int]:
        """The paint's colour as it arrives at the camera, and the class id."""
        (r, g, b), (gr, gg, gb), (vr, vg, vb) = colour, self.gain, self.veil
        return (r * gr + vr, g * gg + vg, b * gb + vb, self.class_id)

    def to_pixels(self, points: Sequence | np.ndarray) -> np.ndarray:
        """Sheet metres (..., 2) -> cv2's fixed point pixels (..., 2), int32."""
        pixels = np.dot(points, self.linear)
        pixels += self.start
        if not self.upright:
            pixels = pixels[..., :2] / pixels[..., 2:]
        return pixels.astype(np.int32)

    def polygon(self, points: Sequence | np.ndarray, colour: Colour) -> None:
        """Fill one polygon (k, 2), not necessarily convex."""
        cv2.fillPoly(self.canvas.pixels, [self.to_pixels(points)], self.tone(colour), cv2.LINE_8, SHIFT)

    def polygons(self, points: np.ndarray, colour: Colour) -> None:
        """Fill polygons (n, k, 2) of one colour; where an even number overlap, what is below shows."""
        if len(points):
            cv2.fillPoly(
                self.canvas.pixels, list(self.to_pixels(points)), self.tone(colour), cv2.LINE_8, SHIFT
            )

    def boxes(self, boxes: Sequence | np.ndarray, colour: Colour) -> None:
        """Fill upright rectangles (n, 4), each left, bottom, right, top."""
        boxes = np.asarray(boxes, dtype=float).reshape(-1, 4)
        self.polygons(boxes[:, BOX_CORNERS], colour)

    def box(self, left: float, bottom: float, right: float, top: float, colour: Colour) -> None:
        """Fill one upright rectangle."""
        corners = self.to_pixels(((left, bottom), (right, bottom), (right, top), (left, top)))
        cv2.fillConvexPoly(self.canvas.pixels, corners, self.tone(colour), cv2.LINE_8, SHIFT)

    def disc(self, s: float, t: float, radius: float, colour: Colour, squeeze: float = 1.0) -> None:
        """Fill a disc; `squeeze` narrows it sideways."""
        corners = self.to_pixels(CIRCLE * (radius * squeeze, radius) + (s, t))
        cv2.fillConvexPoly(self.canvas.pixels, corners, self.tone(colour), cv2.LINE_8, SHIFT)

    def line(self, points: Sequence | np.ndarray, width: float, colour: Colour, closed: bool = False) -> None:
        """Draw a line with round ends through points (k, 2), `width` metres wide but at least a pixel."""
        corners, thickness = self.to_pixels(points), max(1, round(width * self.metre))
        cv2.polylines(self.canvas.pixels, [corners], closed, self.tone(colour), thickness, cv2.LINE_8, SHIFT)

    def label(self, points: Sequence | np.ndarray) -> None:
        """Give the class to a convex polygon (k, 2) without painting it, as for the gaps of a fence."""
        corners = self.to_pixels(points)
        low, high = corners.min(axis=0) >> SHIFT, (corners.max(axis=0) >> SHIFT) + 2
        (x0, y0), (x1, y1) = np.maximum(low, 0), np.minimum(high, self.canvas.pixels.shape[1::-1])
        if x0 < x1 and y0 < y1:
            inside = np.zeros((y1 - y0, x1 - x0), np.uint8)
            cv2.fillConvexPoly(inside, corners - (x0 << SHIFT, y0 << SHIFT), 1, cv2.LINE_8, SHIFT)
            self.canvas.pixels[y0:y1, x0:x1, 3][inside > 0] = self.class_id

    def stamp(
        self,
        sprite: Sequence[np.ndarray],
        left: float,
        bottom: float,
        right: float,
        top: float,
        colour: Colour,
    ) -> None:
        """Print a sprite into a rectangle of an upright sheet.

        A sprite is uint8 (side, side, 2) in several sides, largest first. Channel 0 is brightness (128 = the
        colour itself), channel 1 is over 127 where to print.
        """
        (x0, y1), (x1, y0) = (self.to_pixels(((left, bottom), (right, top))) >> SHIFT).tolist()
        height, width = self.canvas.pixels.shape[:2]
        u0, v0, u1, v1 = max(x0, 0), max(y0, 0), min(x1, width), min(y1, height)
        if u0 >= u1 or v0 >= v1:
            return
        fitting = [level for level in sprite if len(level) >= max(x1 - x0, y1 - y0)] or sprite[:1]
        print_ = cv2.resize(fitting[-1], (x1 - x0, y1 - y0), interpolation=cv2.INTER_LINEAR)
        print_ = print_[v0 - y0 : v1 - y0, u0 - x0 : u1 - x0]
        dark, bright = np.array((self.tone((0, 0, 0)), self.tone(lit(colour, 255 / 128))))
        table = np.clip(dark + (bright - dark) * RAMP, 0, 255).astype(np.uint8)
        _, here = cv2.threshold(cv2.extractChannel(print_, 1), 127, 255, cv2.THRESH_BINARY)
        cv2.copyTo(table.take(print_[..., 0], axis=0), here, self.canvas.pixels[v0:v1, u0:u1])
