"""Pedestrians and cyclists, drawn limb by limb."""

import math
from random import Random

import numpy as np

from nbhelpers.datasets.street_parts.canvas import BICYCLIST, PEDESTRIAN, Canvas, Sheet
from nbhelpers.datasets.street_parts.paint import BLACK, Colour, any_colour, lit, mix


def pedestrian(canvas: Canvas, rng: Random, x: float, z: float, yaw: float) -> None:
    """Someone walking (or standing) towards `yaw`, in any clothes, perhaps with a bag."""
    sheet = Sheet(canvas, PEDESTRIAN, (x, 0.1, z), shade=canvas.light.ambient + 0.55 * canvas.light.direct)
    size = rng.uniform(0.92, 1.08) if rng.random() < 0.85 else rng.uniform(0.68, 0.8)
    coat, trousers, shoes = any_colour(rng), any_colour(rng), lit(any_colour(rng, 0.3), 0.5)
    skin = _skin(rng)
    stride = 0.0 if rng.random() < 0.2 else rng.uniform(0.2, 0.38)
    ahead, across = math.sin(yaw), abs(math.cos(yaw))
    wide = 0.13 + 0.1 * across
    swing = stride * rng.choice((-1, 1))

    def p(side: float, forward: float, up: float) -> tuple[float, float]:
        return (size * (side * across + forward * ahead), size * up)

    def leg(side: int, forward: float, tone: float) -> None:
        lift = 0.12 if forward < 0 else 0.0
        knee = p(side * 0.1, 0.55 * forward + 0.06, 0.48)
        foot = p(side * 0.1, forward, 0.06 + lift * abs(forward) * 2)
        sheet.line([p(side * 0.08, 0, 0.9), knee], 0.18 * size, lit(trousers, tone))
        sheet.line([knee, foot], 0.14 * size, lit(trousers, tone))
        toe = (foot[0] + 0.12 * size * (ahead if abs(ahead) > 0.3 else 0), foot[1] - 0.03)
        sheet.line([foot, toe], 0.11 * size, shoes)

    def arm(side: int, forward: float, tone: float) -> None:
        elbow, hand = (
            p(side * (wide + 0.07), 0.5 * forward - 0.04, 1.13),
            p(side * (wide + 0.06), forward, 0.9),
        )
        sheet.line([p(side * wide, 0, 1.4), elbow, hand], 0.115 * size, lit(coat, tone))
        sheet.disc(*hand, 0.06 * size, lit(skin, tone))

    arm(-1, -swing * 0.8, 0.72)
    leg(-1, swing, 0.72)
    leg(1, -swing, 1.0)
    hem = 0.55 if rng.random() < 0.3 else 0.82
    flare = 1.25 if hem < 0.8 else 1.0
    torso = [
        (-wide * 0.9 * flare, hem),
        (wide * 0.9 * flare, hem),
        (wide * 0.85, 1.1),
        (wide + 0.04, 1.38),
        (wide * 0.5, 1.47),
        (-wide * 0.5, 1.47),
        (-wide - 0.04, 1.38),
        (-wide * 0.85, 1.1),
    ]
    sheet.polygon(size * np.array(torso), coat)
    sheet.polygon(
        size
        * np.array(
            [(0.02, hem), (wide * 0.9 * flare, hem), (wide * 0.85, 1.1), (wide + 0.04, 1.38), (0.05, 1.45)]
        ),
        lit(coat, 0.86),
    )
    bag = rng.random()
    if bag < 0.25:
        sheet.box(
            *(
                size * v
                for v in (
                    -wide - 0.08 if ahead >= 0 else 0.02,
                    1.0,
                    -0.02 if ahead >= 0 else wide + 0.08,
                    1.4,
                )
            ),
            any_colour(rng),
        )
    elif bag < 0.45:
        sheet.box(*(size * v for v in (wide, 0.55, wide + 0.24, 0.85)), any_colour(rng))
    arm(1, swing * 0.8, 0.95)
    head(sheet, rng, p(0, 0.02, 1.62), size, ahead, skin)


def head(
    sheet: Sheet,
    rng: Random,
    at: tuple[float, float],
    size: float,
    ahead: float,
    skin: Colour,
    helmet: bool = False,
) -> None:
    """Neck, face and hair (or hat, or helmet) about `at`; `ahead` says which way it looks."""
    s, t = at
    sheet.line([(s - 0.01 * ahead, t - 0.2 * size), (s, t - 0.05)], 0.11 * size, lit(skin, 0.8))
    sheet.disc(s, t, 0.135 * size, skin, 0.86)
    hair = (
        any_colour(rng, 0.9)
        if helmet or rng.random() < 0.25
        else mix((30, 22, 18), (190, 150, 90), rng.random() ** 2)
    )
    turn = np.linspace(0.0, np.pi, 8)
    cap = np.stack([0.13 * np.cos(turn), 0.06 + 0.115 * np.sin(turn)], axis=-1)
    sheet.polygon(cap * size + (s, t - 0.03 * size), hair)
    if not helmet:
        sheet.disc(s - 0.06 * ahead * size, t + 0.01, 0.105 * size, hair, 0.7)


def _skin(rng: Random) -> Colour:
    return mix((235, 195, 165), (85, 55, 40), rng.random())


def cyclist(canvas: Canvas, rng: Random, x: float, z: float, yaw: float) -> None:
    """Someone on a bicycle that heads `yaw`; seen from the side two wheels and a frame, from the ends one."""
    sheet = Sheet(canvas, BICYCLIST, (x, 0, z), shade=canvas.light.ambient + 0.55 * canvas.light.direct)
    ahead, across = math.sin(yaw), abs(math.cos(yaw))
    steel, coat, trousers, skin = any_colour(rng), any_colour(rng), any_colour(rng), _skin(rng)
    away = math.cos(yaw) > 0
    step = rng.random() * 2 * math.pi

    def p(forward: float, up: float, side: float = 0.0) -> tuple[float, float]:
        return (forward * ahead + side * across * (1 if away else -1), up)

    squeeze = max(abs(ahead), 0.1)
    turn = np.linspace(0, 2 * np.pi, 20, endpoint=False)
    for hub in (-0.52, 0.55):
        s, t = p(hub, 0.35)
        rim = np.stack([s + 0.34 * squeeze * np.cos(turn), t + 0.34 * np.sin(turn)], axis=-1)
        sheet.label(rim)
        sheet.line(rim, 0.07, (30, 30, 32), closed=True)
        if abs(ahead) > 0.5:
            for k in range(4):
                a = step + k * math.pi / 4
                d = np.array([0.3 * squeeze * math.cos(a), 0.3 * math.sin(a)])
                sheet.line([(s - d[0], t - d[1]), (s + d[0], t + d[1])], 0.012, (130, 130, 132))
    crank, saddle, bars, pedal = p(0, 0.32), p(-0.22, 0.95), p(0.42, 1.02), 0.17

    def leg(phase: float, side: float, tone: float) -> None:
        foot = p(pedal * math.cos(phase), 0.3 + pedal * math.sin(phase), side)
        hip = p(-0.2, 0.98, side * 0.8)
        knee = p(0.18 + 0.1 * math.cos(phase), 0.68 + 0.5 * pedal * math.sin(phase), side)
        sheet.line([hip, knee], 0.18, lit(trousers, tone))
        sheet.line([knee, foot], 0.13, lit(trousers, tone))
        sheet.line([foot, (foot[0] + 0.12 * ahead, foot[1] - 0.02)], 0.1, (40, 38, 38))

    leg(step + math.pi, -0.13, 0.7)
    sheet.line([p(-0.52, 0.35), crank, p(0.36, 0.85), saddle, p(-0.52, 0.35)], 0.055, steel)
    sheet.line([saddle, crank], 0.055, steel)
    sheet.line([p(0.55, 0.35), bars], 0.06, steel)
    sheet.line([p(0.42, 1.02, -0.28), p(0.42, 1.02, 0.28)], 0.055, BLACK)
    sheet.line([p(-0.34, 0.96), p(-0.1, 0.97)], 0.1, BLACK)
    leg(step, 0.13, 1.0)
    shoulder, hips = p(0.16, 1.45), p(-0.22, 0.98)
    width = 0.11 + 0.1 * across
    torso = [
        (hips[0] - width, hips[1]),
        (hips[0] + width, hips[1]),
        (shoulder[0] + width + 0.02, shoulder[1]),
        (shoulder[0] - width - 0.02, shoulder[1] + 0.02),
    ]
    sheet.polygon(torso, coat)
    sheet.line([hips, shoulder], 0.24, coat)
    for side, tone in ((-0.26, 0.75), (0.26, 0.9)):
        if across > 0.5 or side > 0:
            hand = p(0.42, 1.05, side)
            elbow = p(0.3, 1.18, side * 1.15)
            sheet.line([p(0.16, 1.4, side * 0.75), elbow, hand], 0.11, lit(coat, tone))
            sheet.disc(*hand, 0.06, skin)
    at = p(0.24, 1.66)
    head(sheet, rng, at, 1.0, ahead, skin, helmet=rng.random() < 0.6)
