"""Street furniture: lamps, signs and traffic lights, each on its pole."""

import math
from random import Random

from nbhelpers.datasets.toy.street_parts.canvas import POLE, SIGN, Canvas, Sheet
from nbhelpers.datasets.toy.street_parts.paint import BLACK, WHITE, Colour, any_colour, lit, mix, stone

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
    paint, reach = _pole_paint(rng), math.copysign(1, -x) * rng.uniform(0.7, 1.8)
    sheet.polygon([(-0.13, 0), (0.13, 0), (0.1, height), (-0.1, height)], paint)
    sheet.polygon([(0.03, 0), (0.13, 0), (0.1, height), (0.02, height)], lit(paint, 0.7))
    sheet.box(-0.16, 0, 0.16, 0.9, lit(paint, 0.85))
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
    radius, kind = rng.uniform(0.42, 0.6), rng.choice(("disc", "triangle", "board", "octagon", "diamond"))
    top = height - radius
    if kind == "disc":
        plate.disc(0, top, radius, colour)
        plate.disc(0, top, 0.72 * radius, other)
        plate.box(-0.4 * radius, top - 0.12, 0.4 * radius, top + 0.12, colour)
    elif kind == "board":
        half, tall = radius * rng.uniform(1.1, 1.9), 0.75 * radius
        plate.box(-half, top - tall, half, top + tall, other)
        plate.box(-half + 0.08, top - tall + 0.08, half - 0.08, top + tall - 0.08, colour)
        plate.boxes([(-0.7 * half, top + t, 0.6 * half, top + t + 0.13) for t in (-0.28, 0.08)], other)
    else:
        corners, start, flip = {
            "triangle": (3, 0.25, rng.choice((-1, 1))),
            "octagon": (8, 0.0625, 1),
            "diamond": (4, 0, 1),
        }[kind]
        turns = [2 * math.pi * (start + k / corners) for k in range(corners)]
        for share, paint in ((1.12, other), (0.78, colour)):
            plate.polygon(
                [(share * radius * math.cos(a), top + flip * share * radius * math.sin(a)) for a in turns],
                paint,
            )
        plate.box(-0.07, top - 0.25 * radius, 0.07, top + 0.4 * radius, mix(other, BLACK, 0.5))
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
