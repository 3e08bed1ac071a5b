"""Masks as worse and worse networks would draw them, to ask what a mask is worth."""

import zlib

import numpy as np

from nbhelpers.iris.boundaries import Boundaries, check_mask
from nbhelpers.iris.fitting import Pair

# How far an edge moves, in radii of the iris; and how its radius changes, times or over exp of this.
PUPIL_OFF = 0.05, 0.15
LIMBUS_OFF = 0.08, 0.08


def degrade(mask: np.ndarray, boundaries: Boundaries, step: int) -> np.ndarray:
    """Spoil the mask of an iris, bool (H, W), whose boundaries are known, in three steps, each on top of the one before.

    1: lids, lashes and reflections are forgotten: the whole ring between pupil and limbus counts as iris, as if
       the network drew what it expects instead of what it sees. Both edges stay right.
    2: the pupil's edge is off as well: moved by PUPIL_OFF[0] of the iris' radius in some direction, and larger or
       smaller by PUPIL_OFF[1], as where dark iris is taken for pupil. So the inner rows of the rubber sheet are wrong.
    3: the limbus is off as well, by LIMBUS_OFF, as where it is blurred or in shadow. So all rows are wrong.
    Directions and signs are drawn at random, but from the mask itself: the same mask is always spoiled alike.
    Raises ValueError for another step, dtype or shape.
    """
    if step not in (1, 2, 3):
        raise ValueError(f"step is {step!r}; it must be 1, 2 or 3, the worst")
    mask, pair = check_mask(mask), boundaries.pair
    rng = np.random.default_rng(zlib.crc32(np.packbits(mask).tobytes()))
    pupil_way, pupil_times = _way(rng) * PUPIL_OFF[0], np.exp(rng.choice([-1, 1]) * PUPIL_OFF[1])
    limbus_way, limbus_times = _way(rng) * LIMBUS_OFF[0], np.exp(rng.choice([-1, 1]) * LIMBUS_OFF[1])
    if step >= 2:
        pair = pair._replace(pupil=pair.pupil + pupil_way, ratio=pair.ratio * pupil_times)
    if step == 3:  # the pupil stays where it is: on the disc of the limbus it moves the other way
        pair = Pair(
            centre=pair.centre + pair.matrix @ limbus_way,
            matrix=pair.matrix * limbus_times,
            pupil=(pair.pupil - limbus_way) / limbus_times,
            ratio=pair.ratio / limbus_times,
        )
    reach = np.linalg.norm(pair.matrix, axis=1) + 1  # from the middle of the limbus to the sides of its box
    left, top = np.maximum(pair.centre - reach, 0).astype(int)
    right, bottom = (pair.centre + reach).astype(int)
    spoilt = np.zeros(mask.shape, bool)
    box = spoilt[top:bottom, left:right]
    y, x = np.indices(box.shape) + np.array([top, left])[:, None, None] + 0.5  # the middles of the pixels
    box[:] = pair.holds(np.stack([x, y], axis=-1).reshape(-1, 2)).reshape(box.shape)
    return spoilt


def _way(rng: np.random.Generator) -> np.ndarray:
    turn = rng.uniform(0, 2 * np.pi)
    return np.array([np.cos(turn), np.sin(turn)])
