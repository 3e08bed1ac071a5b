"""Masks of irises drawn from known ellipses, and what hides parts of them."""

import cv2
import numpy as np

from nbhelpers.datasets.toy.eye_scene import Ellipse
from nbhelpers.iris import Boundaries
from nbhelpers.iris.boundaries import matrix_of

SHAPE = (240, 320)
ROUND = Boundaries(pupil=Ellipse(163, 118, 24, 24, 0), limbus=Ellipse(160, 120, 60, 60, 0))
# seen 40 degrees aslant
ASLANT = Boundaries(pupil=Ellipse(152, 122, 30, 23, 70), limbus=Ellipse(150, 120, 75, 57.5, 70))
SMALL = Boundaries(pupil=Ellipse(100, 80, 7, 6.3, 20), limbus=Ellipse(100, 80, 20, 18, 20))


def inside(ellipse: Ellipse, shape: tuple[int, int] = SHAPE) -> np.ndarray:
    """Which pixels have their middle in the ellipse."""
    y, x = np.indices(shape) + 0.5
    u, v = np.linalg.inv(matrix_of(ellipse)) @ np.stack([(x - ellipse.x).ravel(), (y - ellipse.y).ravel()])
    return (u * u + v * v < 1).reshape(shape)


def ring(boundaries: Boundaries, shape: tuple[int, int] = SHAPE) -> np.ndarray:
    return inside(boundaries.limbus, shape) & ~inside(boundaries.pupil, shape)


def under_lids(mask: np.ndarray, boundaries: Boundaries, share: float) -> np.ndarray:
    """The mask without `share` of it: an arched upper lid comes down, the lower one hides a quarter of that."""
    limbus = boundaries.limbus
    y, x = np.indices(mask.shape) + 0.5
    arch = 0.25 * ((x - limbus.x - 5) / limbus.a) ** 2 * limbus.a + 0.15 * (x - limbus.x)
    from_above = np.where(mask, y - arch, np.nan)
    upper, lower = np.nanquantile(from_above, (0.8 * share, 1 - 0.2 * share))
    return mask & (from_above > upper) & (from_above < lower)


def with_lashes(mask: np.ndarray, boundaries: Boundaries) -> np.ndarray:
    """Nine lashes that hang over the upper half of the iris, to its pupil."""
    limbus, lashes = boundaries.limbus, np.zeros(mask.shape, np.uint8)
    for left in np.linspace(-1, 0.8, 9):
        root, tip = (left, -1.1), (left + 0.15, -0.35)
        ends = [(round(limbus.x + x * limbus.a), round(limbus.y + y * limbus.a)) for x, y in (root, tip)]
        cv2.line(lashes, *ends, 1, 2)
    return mask & (lashes == 0)


def farthest(found: Ellipse, true: Ellipse) -> float:
    """Largest distance in pixels between the two ellipses, point by point."""
    turn = np.linspace(0, 2 * np.pi, 90)
    circle = np.stack([np.cos(turn), np.sin(turn)])
    away = (matrix_of(found) - matrix_of(true)) @ circle + np.array([[found.x - true.x], [found.y - true.y]])
    return float(np.linalg.norm(away, axis=0).max())
