"""What stands in a picture of a toy eye, and where: the person, the gaze, the lids, the ellipses. No painting.

An eye has its own frame: the origin is the middle of the line between its corners, the unit is the radius of
the iris, x points right and y down. An iris is a polar texture between pupil and limbus that stretches with
the pupil, as in Daugman's rubber sheet (2004, https://doi.org/10.1109/TCSVT.2003.818350).
"""

from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np

from nbhelpers.datasets.toy.drawing import smooth_noise

IRIS_COLOURS = np.array(  # RGB outside the collarette, RGB inside it
    [
        [(58, 36, 24), (46, 28, 18)],
        [(98, 60, 34), (120, 72, 36)],
        [(112, 88, 52), (140, 92, 44)],
        [(100, 112, 78), (146, 112, 58)],
        [(98, 128, 156), (130, 138, 138)],
        [(122, 136, 146), (150, 140, 120)],
    ]
)
SKIN_COLOURS = np.array([(236, 196, 174), (212, 164, 136), (164, 114, 88), (98, 66, 52)])  # RGB, by melanin
EYEBALL = 1.8  # from the eyeball's centre to the plane of the iris, in radii of the iris: 10.5 mm / 5.8 mm


class Ellipse(NamedTuple):
    """Centre, long and short semi-axis in pixels; `angle` of the long one in degrees, from x towards y.

    Pixel (row, column) covers y from row to row + 1 and x from column to column + 1.
    """

    x: float
    y: float
    a: float
    b: float
    angle: float


@dataclass(frozen=True)
class Eye:
    """What is known of one picture: lengths in its pixels, angles in degrees."""

    identity: int
    picture: int  # of this identity: 0, 1, ...
    light: str  # "visible" or "infrared"
    nose: str  # the side of the picture where the nose is: "left" or "right"
    gaze: tuple[float, float]  # away from the camera: to the right and down, before the roll
    roll: float  # of the head, from x towards y
    opening: float  # of the lids: 0 is closed, 1 shows the whole iris, more is wide open
    dilation: float  # radius of the pupil / radius of the iris
    blur: float  # standard deviation of the defocus
    glasses: bool
    iris: Ellipse
    pupil: Ellipse


def rotation(radians: float) -> np.ndarray:
    """The matrix that turns x towards y."""
    return np.array([[np.cos(radians), -np.sin(radians)], [np.sin(radians), np.cos(radians)]])


def bump(distance: np.ndarray, width: float) -> np.ndarray:
    """A bell of height 1 where `distance` is 0."""
    return np.exp(-np.square(distance * (1 / width)))


class Person:
    """What stays the same in every picture of one eye."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.nose = 1 if rng.random() < 0.5 else -1  # the direction of x in which the nose lies
        self.melanin = rng.random()
        self.skin = np.array([np.interp(3 * self.melanin, range(4), c) for c in SKIN_COLOURS.T]) / 255
        colour = rng.integers(2 if self.melanin > 0.6 else len(IRIS_COLOURS))  # brown eyes in dark skin
        self.iris, self.inner = IRIS_COLOURS[colour] / 255 * rng.normal(1, 0.08, (2, 3))
        self.pupil = np.array([0.05 * self.nose, 0.02]) + rng.normal(0, 0.02, 2)  # its centre in the iris
        self.half_width = rng.uniform(2.1, 2.6)  # of the lids' opening
        self.tilt = rng.normal(0.08, 0.06)  # the outer corner stands higher
        self.crease = rng.uniform(0.25, 0.7)  # its height over the lid's edge
        self.crease_depth = rng.uniform(0.0, 0.45)
        self.pores = rng.uniform(0.01, 0.06)  # how uneven the skin is
        self.brow = rng.uniform(1.9, 3.2)  # its height over the eye
        self.brow_thickness = rng.uniform(0.12, 0.34)
        self.brow_density = rng.uniform(0.45, 0.95)
        self.brow_hairs = int(rng.integers(80, 320))
        self.brow_width = rng.uniform(0.02, 0.045)  # of one hair
        self.hair = np.array([0.10, 0.07, 0.05]) * rng.uniform(0.4, 3) ** (1 - self.melanin)
        made_up = rng.random() < 0.2
        self.liner = rng.uniform(0.3, 1) if made_up else 0.0  # a dark line along both lids
        self.straight_lashes = rng.random() < 0.25
        self.lashes = int(rng.integers(40, 140))
        self.lash_width = rng.uniform(0.03, 0.055) if made_up else rng.uniform(0.012, 0.04)
        self.lash_length = rng.uniform(0.5, 1.2)
        self.tufts = float(rng.uniform(6, 16) if made_up or rng.random() < 0.3 else 300)  # half their number
        self.untidy = rng.uniform(0.08, 0.3)  # deviation of the lashes' direction
        self.texture = _iris_texture(rng)


def _iris_texture(rng: np.random.Generator) -> np.ndarray:
    """Polar picture of an iris, float32 (36, 288, 2): rows from pupil to limbus, columns all around.

    The first channel is brightness around 0, the second how far a pixel lies inside the collarette, 0..1.
    """
    height, width, joint = 36, 288, 32
    ramp = np.linspace(1, 0, joint, dtype=np.float32)

    def noise(rows: int, columns: int) -> np.ndarray:
        """Noise whose two ends meet: (height, width), or (1, width) from a single row."""
        wide = smooth_noise(rng, (rows, columns), (height if rows > 1 else 1, width + joint))
        wide[:, :joint] += (wide[:, width:] - wide[:, :joint]) * ramp
        return wide[:, :width]

    u = np.linspace(0, 1, height, dtype=np.float32)[:, None]
    collarette = rng.uniform(0.22, 0.4) + 0.05 * noise(1, 30)
    fibres = 0.5 - np.abs(noise(3, 60)) + 0.6 * (0.5 - np.abs(noise(5, 120)))  # ridges along the radius
    value = rng.uniform(0.15, 0.4) * fibres + 0.15 * noise(4, 10)
    value += rng.uniform(0.1, 0.5) * bump(u - collarette, 0.06)
    for _ in range(rng.integers(0, 4)):  # furrows: arcs that fold when the pupil widens
        value -= 0.3 * bump(u - rng.uniform(0.5, 0.9) - 0.02 * noise(1, 8), 0.025) * (noise(1, 6) > 0)
    crypts = np.zeros((height, width), np.float32)
    for _ in range(rng.integers(0, 14)):
        centre = int(rng.integers(8, width - 8)), int(height * rng.normal(0.42, 0.12))
        cv2.ellipse(crypts, centre, (int(rng.integers(2, 7)), int(rng.integers(2, 5))), 0, 0, 360, 1.0, -1)
    value -= rng.uniform(0.2, 0.6) * cv2.GaussianBlur(crypts, (0, 0), 1)
    value -= rng.uniform(0.3, 0.8) * bump(u - 1, rng.uniform(0.08, 0.25))  # the dark ring at the limbus
    value -= 0.4 * bump(u, 0.06)  # the ruff at the pupil
    return np.dstack([value, 1 / (1 + np.exp((u - collarette) / 0.06))]).astype(np.float32)


@dataclass(frozen=True)
class Lid:
    """The edge of a lid: a parabola that joins the corners of the eye, its peak moved sideways by `skew`."""

    half_width: float
    corner: float
    tilt: float
    peak: float
    skew: float

    def height(self, x: np.ndarray | float) -> np.ndarray | float:
        t = x / self.half_width
        moved = t + self.skew * (1 - t * t)
        return self.corner + self.tilt * t + (self.peak - self.corner) * (1 - moved * moved)

    def below(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """About the distance of points below the edge, negative above it."""
        t = x / self.half_width
        moved = t + self.skew * (1 - t * t)
        slope = self.tilt - 2 * (self.peak - self.corner) * moved * (1 - 2 * self.skew * t)  # over t
        slope = slope / self.half_width  # over x
        return (y - self.height(x)) / np.sqrt(1 + slope * slope)


class Scene:
    """One picture of a person's eye. Lengths are in the eye's frame, where not said otherwise."""

    def __init__(
        self, size: tuple[int, int], identity: int, picture: int, person: Person, rng: np.random.Generator
    ) -> None:
        self.size, self.person = size, person
        height, width = size
        share = 0.15 * 4.8 ** rng.random()  # the iris is 15 to 72 % as wide as a 4 : 3 picture
        self.radius = 0.5 * share * min(width, height * 4 / 3)  # px
        self.infrared = bool(rng.random() < 0.6)
        centre = rng.normal(0.5, 0.1, 2).clip(0.25, 0.75) * (width, height)
        turn = np.clip(rng.normal(0, (14, 9)), -32, 32)  # of the eye in the head, degrees
        gaze = turn + (rng.uniform(-28, 28, 2) if rng.random() < 0.3 else 0)  # a camera may stand aside
        gaze *= min(1, 50 / np.hypot(*gaze))
        roll = float(rng.normal(0, 6))
        opening = float(np.clip(rng.normal(0.82, 0.2), 0.2, 1.3))
        if rng.random() < 0.06:  # closed, or nearly
            opening = max(0.0, rng.uniform(-0.15, 0.3))
        dilation = rng.uniform(0.2, 0.66)

        along = rotation(np.arctan2(gaze[1], gaze[0]))  # the iris is foreshortened along the gaze
        self.frame = self.radius * rotation(np.radians(roll))  # the eye's frame -> pixels
        shorter = np.diag([np.cos(np.radians(np.hypot(*gaze))), 1])
        self.disc = self.frame @ along @ shorter @ along.T  # the unit disc -> the iris in pixels
        self.iris = tuple(float(value) for value in EYEBALL * np.sin(np.radians(turn)))  # its centre
        self.origin = centre - self.frame @ self.iris  # px
        self.eye = Eye(
            identity=identity,
            picture=picture,
            light="infrared" if self.infrared else "visible",
            nose="right" if person.nose > 0 else "left",
            gaze=(float(gaze[0]), float(gaze[1])),
            roll=roll,
            opening=opening,
            dilation=dilation,
            blur=width * max(0.0, rng.normal(0.002, 0.005)),
            glasses=bool(rng.random() < 0.15),
            iris=_ellipse(centre, self.disc),
            pupil=_ellipse(centre + self.disc @ person.pupil, self.disc * dilation),
        )
        lower = 0.95 + 0.3 * self.iris[1] - max(0.0, rng.normal(0, 0.12))  # the lids follow the gaze
        upper = lower + (0.7 * self.iris[1] - 0.95 - lower) * opening
        shape = person.half_width, 0.2, person.tilt * person.nose
        skew = 0.1 * person.nose
        self.lower = Lid(*shape, lower, skew)
        # an open upper lid has its peak nearer to the nose; closed lids share one edge
        self.upper = Lid(*shape, upper, skew - 0.18 * person.nose * min(1, opening))

    def pixels(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Points of the eye's frame -> pixels, (..., 2)."""
        return np.stack([x, y], -1) @ self.frame.T + self.origin

    def grids(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Where the centre of each pixel lies, float32 (H, W): x, y in the eye's frame; x, y in the iris' unit disc."""
        rows, columns = np.indices(self.size, np.float32, sparse=True)
        grids = []
        for matrix, centre in ((self.frame, self.origin), (self.disc, self.eye.iris[:2])):
            (a, b), (c, d) = np.linalg.inv(matrix).tolist()
            dx, dy = columns + float(0.5 - centre[0]), rows + float(0.5 - centre[1])
            grids += [a * dx + b * dy, c * dx + d * dy]
        return tuple(grids)


def _ellipse(centre: np.ndarray, matrix: np.ndarray) -> Ellipse:
    """The image of the unit circle: `centre` + `matrix` @ circle."""
    axes, lengths, _ = np.linalg.svd(matrix)
    angle = np.degrees(np.arctan2(axes[1, 0], axes[0, 0])) % 180
    return Ellipse(*(float(value) for value in (*centre, *lengths, angle)))
