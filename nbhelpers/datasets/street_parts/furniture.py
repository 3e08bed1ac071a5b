"""Street furniture: lamps, signs and traffic lights, each on its pole."""

from random import Random

import numpy as np

from nbhelpers.datasets.street_parts.canvas import POLE, SIGN, Canvas, Sheet
from nbhelpers.datasets.street_parts.paint import BLACK, WHITE, Colour, any_colour, lit, mix, stone

SIGN_COLOURS = (
    (185, 40, 40),
    (40, 80, 170),
    (220, 180, 50),
    (40, 120, 80),
    (235, 235, 230),
    (120, 80, 50),
    (60, 60, 65),
)


def lamp(canvas: Canvas, rng: Random, x: float, z: float, height: float) -> None:
    """A street lamp whose arm reaches over the road."""
    sheet = Sheet(canvas, POLE, (x, 0, z), shade=canvas.light.ambient + 0.5 * canvas.light.direct)
    paint, reach = _pole_paint(rng), -np.sign(x) * rng.uniform(0.7, 1.8)
    sheet.polygon([(-0.13, 0), (0.13, 0), (0.1, height), (-0.1, height)], paint)
    sheet.polygon([(0.03, 0), (0.13, 0), (0.1, height), (0.02, height)], lit(paint, 0.7))
    sheet.box(-0.19, 0, 0.19, 0.9, lit(paint, 0.85))
    sheet.line([(0, height - 0.1), (0.35 * reach, height + 0.3), (reach, height + 0.4)], 0.15, paint)
    glow = (255, 240, 190) if canvas.light.dusk else mix(paint, WHITE, 0.5)
    sheet.polygon(
        [
            (reach * 0.8, height + 0.25),
            (reach * 1.35, height + 0.25),
            (reach * 1.3, height + 0.5),
            (reach * 0.8, height + 0.5),
        ],
        glow,
    )


def sign(canvas: Canvas, rng: Random, x: float, z: float, height: float) -> None:
    """A traffic sign or two on a post; plates are discs, triangles, boards or octagons."""
    shade = canvas.light.ambient + 0.55 * canvas.light.direct
    post = Sheet(canvas, POLE, (x, 0, z), shade=shade)
    paint = _pole_paint(rng)
    post.box(-0.1, 0, 0.1, height, paint)
    post.box(0.03, 0, 0.1, height, lit(paint, 0.72))
    plate = Sheet(canvas, SIGN, (x, 0, z - 0.05), shade=shade)
    colour, other = rng.sample(SIGN_COLOURS, 2)
    if rng.random() < 0.25:
        colour, other = any_colour(rng), any_colour(rng)
    radius, kind = rng.uniform(0.42, 0.6), rng.randrange(5)
    top = height - radius
    if kind == 0:
        plate.disc(0, top, radius, colour)
        plate.disc(0, top, 0.72 * radius, other)
        plate.box(-0.4 * radius, top - 0.12, 0.4 * radius, top + 0.12, colour)
    elif kind == 1:
        flip = rng.choice((-1, 1))
        corners = np.array([(-1, -0.8), (1, -0.8), (0, 0.95)]) * (radius * 1.12, radius * flip)
        plate.polygon(corners + (0, top), colour)
        plate.polygon(corners * 0.62 + (0, top - 0.04 * flip), other)
        plate.box(-0.05, top - 0.2, 0.05, top + 0.15, BLACK)
    elif kind == 2:
        wide = rng.uniform(1.1, 1.9)
        plate.box(-wide * radius, top - 0.75 * radius, wide * radius, top + 0.75 * radius, other)
        plate.box(
            -wide * radius + 0.08,
            top - 0.75 * radius + 0.08,
            wide * radius - 0.08,
            top + 0.75 * radius - 0.08,
            colour,
        )
        plate.boxes(
            [(-0.7 * wide * radius, top + d, 0.6 * wide * radius, top + d + 0.13) for d in (-0.28, 0.08)],
            other,
        )
    elif kind == 3:
        turn = np.linspace(0, 2 * np.pi, 8, endpoint=False) + np.pi / 8
        ring = np.stack([np.cos(turn), np.sin(turn)], axis=-1) * radius
        plate.polygon(ring + (0, top), other)
        plate.polygon(ring * 0.85 + (0, top), colour)
        plate.box(-0.62 * radius, top - 0.11, 0.62 * radius, top + 0.13, other)
    else:
        plate.polygon(
            [(0, top - radius * 1.1), (radius * 1.1, top), (0, top + radius * 1.1), (-radius * 1.1, top)],
            other,
        )
        plate.polygon(
            [(0, top - radius * 0.75), (radius * 0.75, top), (0, top + radius * 0.75), (-radius * 0.75, top)],
            colour,
        )
    if rng.random() < 0.3:
        low = top - 1.1 * radius - 0.5
        plate.box(-0.4, low, 0.4, low + 0.4, mix(other, WHITE, 0.4))
        plate.box(-0.25, low + 0.14, 0.25, low + 0.24, BLACK)


def traffic_light(canvas: Canvas, rng: Random, x: float, z: float, height: float) -> None:
    """Traffic lights on a post; their box counts to the signs, as in CamVid."""
    post = Sheet(canvas, POLE, (x, 0, z))
    paint = _pole_paint(rng)
    post.box(-0.1, 0, 0.1, height - 0.9, paint)
    box = Sheet(canvas, SIGN, (x, 0, z - 0.05))
    box.box(-0.32, height - 1.25, 0.32, height, mix(BLACK, any_colour(rng), 0.35))
    on = rng.randrange(3)
    for i, colour in enumerate(((235, 60, 50), (245, 180, 50), (80, 225, 140))):
        box.disc(0, height - 0.24 - 0.39 * i, 0.15, colour if i == on else lit(colour, 0.3))


def _pole_paint(rng: Random) -> Colour:
    return mix(stone(rng), any_colour(rng), rng.random() * 0.8)
