"""From the mask of an iris to its two boundaries: the pupil's edge and the limbus, where the white of the eye begins.

The mask shows what is visible, so its outline is a mixture: arcs of the limbus, arcs of the pupil, edges of lids,
lashes and reflections. As in RANSAC (Fischler and Bolles, 1981, https://doi.org/10.1145/358669.358692), ellipses
through a few points of the outline are proposed, and the pair that explains most of it wins. Then both are fitted
together to the points near them by least squares, with the weights of Tukey's biweight, so that what lies
elsewhere has no say. Both edges are circles in one plane, seen aslant: their ellipses share shape and direction,
which tells what lids hide of one from what is seen of the other.
"""

from typing import NamedTuple

import cv2
import numpy as np

from nbhelpers.datasets.toy.eye_scene import Ellipse, rotation
from nbhelpers.iris.fitting import Pair, arcs, find_pair, outline_of

LEAST = 40  # pixels of a mask
LIMBUS_SEEN, PUPIL_SEEN = 0.2, 1 / 3  # least shares of the two edges that must show: below, fits go astray
HELD = 0.9  # least share of the mask between the edges
SPECK = 0.02  # share of the largest piece of the mask below which another is left out
STRAY = 0.1  # share of the mask that, elsewhere, may be a second eye


class NoIris(ValueError):
    """The mask gives no honest pair of boundaries; the message says why, and what to do."""

    def __init__(self, why: str, cure: str) -> None:
        super().__init__(f"no iris found: {why}; {cure}")


class Boundaries(NamedTuple):
    """The two edges of an iris, in pixels as `Ellipse` counts them."""

    pupil: Ellipse
    limbus: Ellipse

    @property
    def pair(self) -> Pair:
        """The same as the eight numbers that are fitted."""
        matrix, centre = matrix_of(self.limbus), np.array([self.limbus.x, self.limbus.y])
        pupil = np.linalg.solve(matrix, np.array([self.pupil.x, self.pupil.y]) - centre)
        return Pair(
            centre, matrix, pupil, (self.pupil.a * self.pupil.b / self.limbus.a / self.limbus.b) ** 0.5
        )


def check_mask(mask: np.ndarray) -> np.ndarray:
    """The mask as an array; ValueError unless it is bool (H, W)."""
    mask = np.asarray(mask)
    if mask.dtype != bool or mask.ndim != 2:
        raise ValueError(
            f"the mask is {mask.dtype} {mask.shape}, but must be bool (H, W), True where the iris is visible: "
            "pass mask == 1 for class ids, mask == 255 or mask > 127 for a grey picture"
        )
    return mask


def matrix_of(ellipse: Ellipse) -> np.ndarray:
    """The symmetric matrix (2, 2) that maps the unit circle to the ellipse around its centre."""
    axes = rotation(np.radians(ellipse.angle))
    return axes @ np.diag([ellipse.a, ellipse.b]) @ axes.T


def fit_boundaries(mask: np.ndarray) -> Boundaries:
    """Pupil and limbus of the iris in a mask, bool (H, W): the visible iris without the pupil.

    Raises NoIris where the mask gives no honest pair of boundaries, ValueError for another dtype or shape.
    """
    mask = check_mask(mask)
    pieces = _pieces(mask)
    starts = [pieces > 0]
    if (pieces > 1).any():  # lashes cut an iris to pieces, but a piece may also be a brow, or another eye
        starts.append(pieces == 1)
    failures = []
    for start in starts:
        try:
            best = _fit(start, pieces)
            break
        except NoIris as failure:
            failures.append(failure)
    else:
        raise failures[0]
    stray = (pieces > 0) & ~best.home
    if stray.sum() > STRAY * best.home.sum() and _is_iris(stray):
        raise NoIris("the mask holds two irises", "cut the picture so that it shows one eye")
    pair = best.pair
    return Boundaries(
        pupil=_ellipse(pair.centre + pair.matrix @ pair.pupil, pair.ratio * pair.matrix),
        limbus=_ellipse(pair.centre, pair.matrix),
    )


class _Fit(NamedTuple):
    """A sound pair, and the mask's pieces in its ring, bool (H, W)."""

    pair: Pair
    home: np.ndarray


def _is_iris(mask: np.ndarray) -> bool:
    try:
        _fit(mask, mask.astype(int))
    except NoIris:
        return False
    return True


def _pieces(mask: np.ndarray) -> np.ndarray:
    """Number of the connected piece of each pixel, int32 (H, W), the largest 1; 0 for no piece and for specks."""
    if not mask.any():  # OpenCV crashes on a mask without pixels
        return np.zeros(mask.shape, np.int32)
    _, pieces, statistics, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    areas = statistics[1:, cv2.CC_STAT_AREA]
    order = np.argsort(-areas, kind="stable")
    numbers = np.zeros(len(areas) + 1, np.int32)
    numbers[1 + order] = 1 + np.arange(len(areas))
    numbers[1:][areas < SPECK * areas.max()] = 0
    return numbers[pieces]


def _fit(mask: np.ndarray, pieces: np.ndarray) -> _Fit:
    """Fit to a mask, a part of all `pieces`; NoIris where the fit is not sound."""
    seen = int(mask.sum())
    if seen < LEAST:
        raise NoIris(
            f"the mask holds {seen} pixels, but a ring needs {LEAST}",
            "the eye may be closed or far away; take another picture, or a larger one",
        )
    outline = outline_of(mask)
    pair = find_pair(outline, np.random.default_rng(0))  # the same mask is fitted alike each time
    if pair is None:
        raise NoIris(
            "the outline of the mask holds no pupil within a limbus",
            "the mask must be a ring that leaves the pupil out; check the model, or take another picture",
        )
    limbus, pupil = arcs(outline, pair)
    for name, share, least in (("limbus", limbus, LIMBUS_SEEN), ("pupil's edge", pupil, PUPIL_SEEN)):
        if share < least:
            raise NoIris(
                f"{int(100 * share)} % of the {name} can be seen, but {100 * least:.0f} % are needed",
                "lids may hide the rest, or the mask is no ring; take a picture with the eye open and whole",
            )
    y, x = np.nonzero(pieces)
    numbers = pieces[y, x]
    held = pair.holds(np.stack([x + 0.5, y + 0.5], axis=-1))
    at_home = np.bincount(numbers, held) > 0.5 * np.bincount(numbers)  # pieces mostly in the ring
    home = at_home[pieces]  # False for 0, which counts nothing
    share = held[home[y, x]].mean() if home.any() else 0.0
    if share < HELD or 2 * home.sum() < seen:
        raise NoIris(
            f"{100 * held.mean():.0f} % of the mask lie between the best limbus and pupil, too little to trust them",
            "check the mask: one ring, cut by lids, and small errors are allowed",
        )
    return _Fit(pair, home)


def _ellipse(centre: np.ndarray, matrix: np.ndarray) -> Ellipse:
    (b, a), axes = np.linalg.eigh(matrix)
    angle = np.degrees(np.arctan2(axes[1, 1], axes[0, 1])) % 180
    return Ellipse(float(centre[0]), float(centre[1]), float(a), float(b), float(angle))
