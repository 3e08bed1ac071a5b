"""Pedestrians and cyclists, drawn limb by limb on a sheet that faces the camera."""

import math
from random import Random

from nbhelpers.datasets.toy.street_parts.canvas import BICYCLIST, PEDESTRIAN, Canvas, Pair, Sheet, circle
from nbhelpers.datasets.toy.street_parts.paint import BLACK, Colour, any_colour, lit, mix

CLOSE = 8.0  # metres: from further away hands, shoes and spokes do not show


def pedestrian(canvas: Canvas, rng: Random, x: float, z: float, yaw: float) -> None:
    """Someone who walks or stands, facing `yaw` radians right of straight ahead; perhaps with a bag."""
    sheet = Sheet(canvas, PEDESTRIAN, (x, 0.06, z), shade=figure_shade(canvas))
    size = rng.uniform(0.92, 1.08) if rng.random() < 0.85 else rng.uniform(0.68, 0.8)
    coat = any_colour(rng)
    trousers = any_colour(rng)
    shoes = lit(any_colour(rng, 0.3), 0.5)
    skin = skin_colour(rng)
    ahead, across = math.sin(yaw), abs(math.cos(yaw))
    wide = 0.14 + 0.09 * across  # half the width of the shoulders
    stride = rng.choice((-1, 1)) * (0.05 if rng.random() < 0.2 else rng.uniform(0.2, 0.38))

    def at(side: float, forward: float, up: float) -> Pair:
        return (size * (side * across + forward * ahead), size * up)

    def leg(side: int, forward: float, tone: float) -> None:
        lift = 0.25 * max(-forward, 0)  # the heel of the leg behind
        hip, knee = at(0.09 * side, 0, 0.9), at(0.1 * side, 0.5 * forward + 0.06, 0.48)
        foot = at(0.1 * side, forward, 0.07 + lift)
        sheet.line([hip, knee, foot], 0.16 * size, lit(trousers, tone))
        if z < CLOSE:
            sheet.line([hip, knee], 0.2 * size, lit(trousers, tone))
            sheet.line([foot, (foot[0] + 0.13 * size * ahead, foot[1] - 0.03)], 0.11 * size, shoes)

    def arm(side: int, forward: float, tone: float) -> None:
        elbow = at(side * (wide + 0.06), 0.5 * forward - 0.04, 1.13)
        hand = at(side * (wide + 0.05), forward, 0.9)
        sheet.line([at(side * wide, 0, 1.38), elbow, hand], 0.115 * size, lit(coat, tone))
        if z < CLOSE:
            sheet.disc(*hand, 0.065 * size, lit(skin, tone))

    arm(-1, -0.8 * stride, 0.7)
    leg(-1, stride, 0.72)
    leg(1, -stride, 1.0)
    hem, flare = rng.choice(((0.82, 0.9), (0.82, 0.9), (0.5, 1.25)))  # jacket or long coat
    right = [(flare * wide, hem), (0.85 * wide, 1.1), (wide + 0.04, 1.36), (0.5 * wide, 1.47)]
    left = [(-s, t) for s, t in reversed(right)]
    sheet.polygon([(size * s, size * t) for s, t in right + left], coat)
    if z < CLOSE:  # one half in the shade
        folds = [(0.02, hem), *right, (0.05, 1.45)]
        sheet.polygon([(size * s, size * t) for s, t in folds], lit(coat, 0.84))
    bag = rng.random()
    if bag < 0.25:  # a rucksack
        low, high = (-wide - 0.1, 0.0) if ahead >= 0 else (0.0, wide + 0.1)
        sheet.box(size * low, size * 0.98, size * high, size * 1.4, any_colour(rng))
    elif bag < 0.45:
        sheet.box(size * wide, size * 0.55, size * (wide + 0.24), size * 0.85, any_colour(rng))
    arm(1, 0.8 * stride, 0.95)
    head(sheet, rng, at(0, 0.02, 1.62), size, yaw, skin, helmet=False)


def head(sheet: Sheet, rng: Random, at: Pair, size: float, yaw: float, skin: Colour, helmet: bool) -> None:
    """Neck, face, and hair, a hat or a helmet; `yaw` says which way the face looks."""
    (s, t), ahead = at, math.sin(yaw)
    hair = mix((35, 26, 20), (190, 150, 90), rng.random() ** 2)
    cover = any_colour(rng, 0.9) if helmet or rng.random() < 0.25 else hair
    sheet.line([(s - 0.01 * ahead, t - 0.2 * size), (s, t - 0.05)], 0.11 * size, lit(skin, 0.8))
    sheet.disc(s - 0.045 * ahead * size, t + 0.015, 0.135 * size, hair, 0.8)
    sheet.disc(s + 0.02 * ahead * size, t - 0.015, 0.115 * size, skin, 0.86)
    if math.cos(yaw) > 0.5:  # seen from behind
        sheet.disc(s, t - 0.01, 0.12 * size, hair, 0.86)
    dome = [(0.14 * math.cos(k * math.pi / 7), 0.04 + 0.115 * math.sin(k * math.pi / 7)) for k in range(8)]
    sheet.polygon([(s + size * u, t + size * v) for u, v in dome], cover)


def skin_colour(rng: Random) -> Colour:
    return mix((235, 195, 165), (85, 55, 40), rng.random())


def figure_shade(canvas: Canvas) -> float:
    """How bright something round and upright is, half of it in the sun."""
    return canvas.light.ambient + 0.55 * canvas.light.direct


def cyclist(canvas: Canvas, rng: Random, x: float, z: float, yaw: float) -> None:
    """Someone on a bicycle that heads `yaw` radians right of straight ahead."""
    sheet = Sheet(canvas, BICYCLIST, (x, 0, z), shade=figure_shade(canvas))
    ahead, away = math.sin(yaw), math.cos(yaw)
    coat = any_colour(rng)
    trousers = any_colour(rng)
    skin = skin_colour(rng)
    turn = rng.uniform(0, 2 * math.pi)
    rise = canvas.camera.height / z  # what is a metre further away shows this much higher

    def at(forward: float, up: float, side: float = 0.0) -> Pair:
        return (forward * ahead + side * away, up + forward * away * rise)

    def leg(side: float, phase: float, tone: float) -> None:
        foot = at(0.17 * math.cos(phase), 0.3 + 0.17 * math.sin(phase), side)
        knee = at(0.2 + 0.1 * math.cos(phase), 0.68 + 0.09 * math.sin(phase), side)
        sheet.line([at(-0.2, 0.98, 0.8 * side), knee, foot], 0.15, lit(trousers, tone))
        if z < CLOSE:
            sheet.line([at(-0.2, 0.98, 0.8 * side), knee], 0.19, lit(trousers, tone))
            sheet.line([foot, (foot[0] + 0.12 * ahead, foot[1] - 0.02)], 0.1, (40, 38, 38))

    def arm(side: float, tone: float) -> None:
        sheet.line(
            [at(0.16, 1.4, 0.75 * side), at(0.3, 1.18, 1.15 * side), at(0.42, 1.06, side)],
            0.11,
            lit(coat, tone),
        )
        if z < CLOSE:
            sheet.disc(*at(0.42, 1.05, side), 0.065, skin)

    far, near = (0.13, -0.13) if ahead * away > 0 else (-0.13, 0.13)
    wheels = [(at(hub, 0.35), turn) for hub in (-0.52, 0.55)]
    for middle, phase in wheels if away < 0 else wheels[::-1]:
        wheel(sheet, middle, max(abs(ahead), 0.1), phase, spokes=z < CLOSE)
    leg(far, turn + math.pi, 0.7)
    steel = any_colour(rng)
    crank, saddle, neck = at(0, 0.32), at(-0.22, 0.93), at(0.36, 0.85)
    sheet.line([at(-0.52, 0.35), crank, neck, saddle, at(-0.52, 0.35)], 0.055, steel)
    sheet.line([saddle, crank], 0.055, steel)
    sheet.line([at(0.55, 0.35), at(0.42, 1.02)], 0.06, steel)
    sheet.line([at(0.42, 1.02, -0.28), at(0.42, 1.02, 0.28)], 0.05, BLACK)
    sheet.line([at(-0.34, 0.96), at(-0.1, 0.97)], 0.1, BLACK)
    leg(near, turn, 1.0)
    arm(2 * far, 0.7)
    (hip, low), (shoulder, high), half = at(-0.22, 0.95), at(0.16, 1.45), 0.12 + 0.1 * abs(away)
    sheet.polygon(
        [(hip - half, low), (hip + half, low), (shoulder + half, high), (shoulder - half, high + 0.03)], coat
    )
    sheet.line([(hip, low), (shoulder, high)], 0.22, coat)
    arm(2 * near, 0.9)
    head(sheet, rng, at(0.24, 1.66), 1.0, yaw, skin, helmet=rng.random() < 0.6)


def wheel(sheet: Sheet, middle: Pair, squeeze: float, phase: float, spokes: bool) -> None:
    """A wheel one sees through, though its whole disc is labelled, as by hand."""
    rim = circle(*middle, 0.34, squeeze)
    sheet.label(rim)
    for k in range(3 if spokes else 0):
        s, t = 0.3 * squeeze * math.cos(phase + k * math.pi / 3), 0.3 * math.sin(phase + k * math.pi / 3)
        sheet.line([(middle[0] - s, middle[1] - t), (middle[0] + s, middle[1] + t)], 0.012, (135, 135, 138))
    sheet.line(rim, 0.07, (30, 30, 32), closed=True)
