"""Colours and textures of the toy street.

No class may be told by its colour, so everything draws from wide ranges that overlap.
"""

import colorsys
from functools import cache
from random import Random

import cv2
import numpy as np

Colour = tuple[float, float, float]  # red, green, blue in 0..255

BLACK: Colour = (28.0, 28.0, 32.0)
WHITE: Colour = (238.0, 238.0, 233.0)


def mix(a: Colour, b: Colour, share: float) -> Colour:
    """`a` with `share` (0..1) of `b` in it."""
    rest = 1 - share
    return (rest * a[0] + share * b[0], rest * a[1] + share * b[1], rest * a[2] + share * b[2])


def lit(colour: Colour, factor: float) -> Colour:
    """The colour, brighter (`factor` > 1) or darker."""
    return (colour[0] * factor, colour[1] * factor, colour[2] * factor)


def hsv(hue: float, saturation: float, value: float) -> Colour:
    """Hue, saturation and value, each in 0..1, as a colour."""
    return lit(colorsys.hsv_to_rgb(hue, saturation, value), 255)


def any_colour(rng: Random, saturation: float = 0.75) -> Colour:
    """Paint or cloth of any hue, often greyish, from near black to near white."""
    return hsv(rng.random(), saturation * rng.random() ** 1.5, 0.12 + 0.8 * rng.random())


def stone(rng: Random) -> Colour:
    """Asphalt, concrete, slabs, plaster: grey, with a cast towards warm or cold."""
    level, cast = rng.uniform(70, 190), rng.uniform(-14, 22)
    return (level + cast, level + 0.3 * cast, level - 0.8 * cast)


def plaster(rng: Random) -> Colour:
    """The wall of a house: brick, stone or plaster in any hue, more often warm."""
    if rng.random() < 0.25:
        return lit(stone(rng), 1.15)
    hue = rng.gauss(0.07, 0.04) % 1 if rng.random() < 0.5 else rng.random()
    return hsv(hue, 0.55 * rng.random() ** 1.5, rng.uniform(0.4, 0.95))


def leaf(rng: Random) -> Colour:
    """Leaves or grass: mostly green, some yellow, red, brown or nearly grey."""
    hue = rng.uniform(0.17, 0.42) if rng.random() < 0.65 else rng.uniform(0.0, 0.17)
    return hsv(hue, rng.uniform(0.12, 0.7), rng.uniform(0.25, 0.75))


@cache
def noise(octaves: int, size: int = 512) -> np.ndarray:
    """A fixed tile (size, size) of noise, float32, mean 0, deviation 1, from single pixels to 2^(octaves - 1)."""
    source = np.random.RandomState(octaves)  # its stream is frozen, so the pictures never change
    tile = np.zeros((size, size), np.float32)
    for octave in range(octaves):
        coarse = source.standard_normal((size >> octave, size >> octave)).astype(np.float32)
        tile += 1.6**octave * cv2.resize(coarse, (size, size), interpolation=cv2.INTER_CUBIC)
    return (tile - tile.mean()) / tile.std()


# ---------------------------------------------------------------------------------------- foliage, as sprites

CROWNS, CONIFERS, BUSHES = range(3)
SPRITE = 160  # pixels, the side of a sprite


@cache
def foliage(kind: int, number: int, flipped: bool) -> tuple[np.ndarray, ...]:
    """A clump of leaves at sides of 160, 80, 40 and 20 pixels, each uint8 (side, side, 2).

    Channel 0 is brightness (128 = the leaf's colour itself), channel 1 is over 127 where there are leaves.
    Light comes from the upper right, or from the upper left where `flipped`.
    """
    sprite = _leaves(np.random.RandomState(100 * kind + number), kind)
    sprite = np.ascontiguousarray(sprite[:, ::-1]) if flipped else sprite
    return tuple(
        cv2.resize(sprite, (SPRITE >> k, SPRITE >> k), interpolation=cv2.INTER_AREA) for k in range(4)
    )


def _leaves(source: np.random.RandomState, kind: int) -> np.ndarray:
    sprite = np.zeros((SPRITE, SPRITE, 2), np.uint8)
    for x, y, rx, ry in _clumps(source, kind):
        count = int(30 + 700 * rx * ry)
        far, angle = np.sqrt(source.uniform(0, 1, count)), source.uniform(0, 2 * np.pi, count)
        dx, dy = far * np.cos(angle), far * np.sin(angle)
        brightness = (
            96 + 44 * (0.5 * dx - 0.85 * dy) + 34 * (0.3 * x - 0.8 * y) + source.uniform(-22, 22, count)
        )
        cv2.ellipse(sprite, *_on_sprite(x, y, 0.86 * rx, 0.86 * ry), 0, 0, 360, (78, 255), -1)
        for i in np.argsort(brightness):  # the lightest lie on top
            centre, axes = _on_sprite(x + dx[i] * rx, y + dy[i] * ry, 0.05, 0.028)
            cv2.ellipse(sprite, centre, axes, source.uniform(0, 180), 0, 360, (float(brightness[i]), 255), -1)
    return sprite


def _clumps(source: np.random.RandomState, kind: int) -> list[tuple[float, float, float, float]]:
    """Ellipses (x, y, half width, half height) within -1..1, y downwards, that make up a shape; back to front."""
    if kind == CONIFERS:
        tiers = np.linspace(0.78, -0.82, 9)
        return [(source.uniform(-0.06, 0.06), y, 0.1 + 0.4 * (y + 0.95), 0.2) for y in tiers]
    if kind == BUSHES:
        return [
            (x, source.uniform(0.0, 0.4), 0.3, source.uniform(0.5, 0.6)) for x in np.linspace(-0.66, 0.66, 5)
        ]
    angles = 2.4 * np.arange(12) + source.uniform(0, 6)
    reach = 0.6 * np.sqrt((np.arange(12) + 0.3) / 12) * source.uniform(0.85, 1.1, 12)
    order = np.argsort(-reach)  # the middle one in front
    sizes = source.uniform(0.27, 0.4, 12)
    return [
        (reach[i] * np.cos(angles[i]), reach[i] * np.sin(angles[i]), sizes[i], 0.9 * sizes[i]) for i in order
    ]


def _on_sprite(x: float, y: float, rx: float, ry: float) -> tuple[tuple[int, int], tuple[int, int]]:
    half = SPRITE / 2
    return (round(half + x * half), round(half + y * half)), (
        max(1, round(rx * half)),
        max(1, round(ry * half)),
    )
