"""Cars, vans and buses, as solids of flat faces that can be seen from any side."""

import math
from functools import cache
from random import Random
from typing import NamedTuple

import numpy as np

from nbhelpers.datasets.toy.street_parts.canvas import CAR, Canvas
from nbhelpers.datasets.toy.street_parts.paint import WHITE, any_colour, lit, mix, stone

CLOSE, SMALL = 16.0, ("plate", "shade", "hub")  # from further away, in metres, these parts do not show


class Shape(NamedTuple):
    """A make of car, in metres. Outlines are seen from the side, as (ahead, up)."""

    body: tuple[tuple[float, float], ...]  # from the rear bumper over the bonnet to the front bumper
    cabin: tuple[tuple[float, float], ...]  # rear foot, rear of the roof, front of the roof, front foot
    half: float  # half the width of the body
    roof: float  # half the width of the roof
    panes: tuple[tuple[float, float], ...]  # side windows, as shares of the cabin's length


SHAPES = (
    Shape(  # saloon
        (
            (-2.2, 0.32),
            (-2.25, 0.7),
            (-2.1, 0.95),
            (-1.4, 1.0),
            (1.0, 0.98),
            (2.0, 0.82),
            (2.25, 0.62),
            (2.2, 0.32),
        ),
        ((-1.75, 0.97), (-1.0, 1.44), (0.2, 1.46), (1.05, 0.97)),
        0.88,
        0.68,
        ((0.07, 0.48), (0.53, 0.93)),
    ),
    Shape(  # hatchback
        ((-1.9, 0.32), (-1.95, 0.75), (-1.85, 1.0), (0.8, 1.0), (1.75, 0.85), (1.95, 0.65), (1.9, 0.32)),
        ((-1.85, 0.98), (-1.5, 1.48), (0.0, 1.52), (0.9, 0.98)),
        0.86,
        0.68,
        ((0.07, 0.46), (0.51, 0.93)),
    ),
    Shape(  # estate
        ((-2.3, 0.4), (-2.35, 0.8), (-2.25, 1.1), (0.9, 1.1), (2.0, 0.98), (2.25, 0.75), (2.2, 0.4)),
        ((-2.25, 1.08), (-2.0, 1.68), (0.1, 1.72), (0.95, 1.08)),
        0.92,
        0.76,
        ((0.05, 0.32), (0.36, 0.62), (0.66, 0.94)),
    ),
    Shape(  # van
        ((-2.5, 0.4), (-2.5, 1.2), (-2.45, 1.25), (1.9, 1.2), (2.4, 1.0), (2.5, 0.7), (2.45, 0.4)),
        ((-2.48, 1.2), (-2.45, 2.1), (1.0, 2.15), (1.85, 1.2)),
        0.95,
        0.86,
        ((0.68, 0.94),),
    ),
    Shape(  # small bus
        ((-3.2, 0.4), (-3.25, 1.3), (-3.2, 1.35), (3.1, 1.35), (3.2, 1.2), (3.25, 0.8), (3.2, 0.4)),
        ((-3.2, 1.3), (-3.15, 2.7), (2.9, 2.75), (3.2, 1.3)),
        1.2,
        1.15,
        tuple((k / 5 + 0.012, (k + 1) / 5 - 0.012) for k in range(5)),
    ),
)
WEIGHTS = (4, 5, 3, 2, 0.4)


class Face(NamedTuple):
    """One flat face: corners (k, 3) in metres (right, up, ahead) of the car's middle, and what it is made of."""

    corners: np.ndarray
    material: str


def car(canvas: Canvas, rng: Random, x: float, z: float, yaw: float) -> None:
    """A car whose middle stands on the road at (x, z) and that heads `yaw` radians right of straight ahead."""
    light, paint = canvas.light, any_colour(rng, 0.9)
    corners, parts, normals = solid(rng.choices(range(len(SHAPES)), WEIGHTS)[0])
    cos, sin = math.cos(yaw), math.sin(yaw)
    turn = np.array([[cos, 0, -sin], [0, 1, 0], [sin, 0, cos]])
    corners, normals = corners @ turn + (x, 0, z), normals @ turn
    materials = {
        "paint": paint,
        "glass": mix((34, 40, 50), light.haze, rng.uniform(0.05, 0.25)),
        "rubber": (26, 26, 28),
        "hub": mix(stone(rng), WHITE, 0.3),
        "shade": lit(paint, 0.5),
        "tail": (245, 60, 45) if light.dusk or rng.random() < 0.3 else (150, 30, 30),
        "head": (300, 295, 260) if light.dusk else (215, 218, 215),
        "plate": rng.choice(((235, 235, 225), (230, 200, 70))),
        "grille": (40, 40, 44),
    }
    firsts = corners[[part.start for part, _ in parts]]
    seen = np.einsum("fi,fi->f", (0, canvas.camera.height, 0) - firsts, normals) > 0  # the others face away
    shades, pixels, faces = light.shade(normals).tolist(), canvas.project(corners), []
    (gr, gg, gb), (vr, vg, vb) = light.seen_at(1.0, z)
    for (part, material), shade, visible in zip(parts, shades, seen.tolist()):
        if visible and not (z > CLOSE and material in SMALL):
            r, g, b = materials[material]
            shade = 1.0 if material in ("tail", "head") else shade
            faces.append((pixels[part], (r * gr * shade + vr, g * gg * shade + vg, b * gb * shade + vb, CAR)))
    canvas.note(lambda: [canvas.fill(*face) for face in faces])


@cache
def solid(number: int) -> tuple[np.ndarray, list[tuple[slice, str]], np.ndarray]:
    """A shape's faces in the order of painting: all corners (n, 3), each face's (corners, material), normals."""
    shape = SHAPES[number]
    faces = [*_tyres(shape), *_hull(shape), *_glass(shape), *_sides(shape), *_ends(shape)]
    normals, parts, start = [], [], 0
    for corners, material in faces:
        normal = np.cross(corners[1] - corners[0], corners[2] - corners[0])
        outwards = np.sign(normal @ (corners.mean(axis=0) - (0, 0.8, 0)))
        normals.append(outwards * normal / np.linalg.norm(normal))
        parts.append((slice(start, start + len(corners)), material))
        start += len(corners)
    return np.concatenate([face.corners for face in faces]), parts, np.array(normals)


def _axles(shape: Shape) -> tuple[float, float]:
    return shape.body[0][0] + 0.75, shape.body[-1][0] - 0.8


def _upright(x0: float, y0: float, x1: float, y1: float, z: float, material: str) -> Face:
    """A rectangle that faces straight ahead or back."""
    return Face(np.array([(x0, y0, z), (x1, y0, z), (x1, y1, z), (x0, y1, z)]), material)


def _tyres(shape: Shape) -> list[Face]:
    """The wheels as seen from the ends, below the bumpers."""
    inner, outer = shape.half - 0.24, shape.half
    sides = ((-outer, -inner), (inner, outer))
    return [
        _upright(a, 0, b, 0.5, z + end, "rubber")
        for z in _axles(shape)
        for a, b in sides
        for end in (-0.3, 0.3)
    ]


def _hull(shape: Shape) -> list[Face]:
    """Body and cabin: for each, both sides and the strips between them."""
    (rear, *top, front), faces = shape.cabin, []
    body = [(shape.half, y, z) for z, y in shape.body]
    cabin = [
        (shape.half, rear[1], rear[0]),
        *((shape.roof, y, z) for z, y in top),
        (shape.half, front[1], front[0]),
    ]
    for outline in (body, cabin):
        right = np.array(outline)
        left = right * (-1, 1, 1)
        faces += [
            Face(np.array([left[i], left[i + 1], right[i + 1], right[i]]), "paint")
            for i in range(len(right) - 1)
        ]
        faces += [Face(left, "paint"), Face(right, "paint")]
    return faces


def _glass(shape: Shape) -> list[Face]:
    """Rear window, windscreen and side windows, a finger's breadth inside the cabin's edges."""
    rear, rear_top, front_top, front = np.array(shape.cabin)
    faces = []
    for foot, head in ((rear, rear_top), (front, front_top)):
        (z0, y0), (z1, y1) = foot + 0.12 * (head - foot), foot + 0.88 * (head - foot)
        w0, w1 = (0.86 * (shape.half + share * (shape.roof - shape.half)) for share in (0.12, 0.88))
        faces.append(Face(np.array([(-w0, y0, z0), (w0, y0, z0), (w1, y1, z1), (-w1, y1, z1)]), "glass"))
    for side in (-1, 1):
        for a, b in shape.panes:
            corners = []
            for along, up in ((a, 0.12), (b, 0.12), (b, 0.85), (a, 0.85)):
                foot, head = rear + along * (front - rear), rear_top + along * (front_top - rear_top)
                z, y = foot + up * (head - foot)
                corners.append((side * (shape.half + up * (shape.roof - shape.half) + 0.01), y, z))
            faces.append(Face(np.array(corners), "glass"))
    return faces


def _sides(shape: Shape) -> list[Face]:
    """What lies on the flanks: sill, door, wheel arches, wheels."""
    rear, front = _axles(shape)
    middle, turn = (rear + front) / 2, np.linspace(0, 2 * np.pi, 12, endpoint=False)
    faces = []
    for side in (-1, 1):
        x = side * (shape.half + 0.01)
        for z0, y0, z1, y1 in ((rear, 0.36, front, 0.46), (middle, 0.46, middle + 0.04, 0.95)):
            faces.append(Face(np.array([(x, y0, z0), (x, y0, z1), (x, y1, z1), (x, y1, z0)]), "shade"))
        for z in (rear, front):
            for radius, material in ((0.43, "shade"), (0.35, "rubber"), (0.2, "hub")):
                ring = (0 * turn + x, 0.35 + radius * np.sin(turn), z + radius * np.cos(turn))
                faces.append(Face(np.stack(ring, axis=-1), material))
    return faces


def _ends(shape: Shape) -> list[Face]:
    """Lights, plates, bumpers and grille."""
    rear, nose, half = shape.body[1][0] - 0.02, shape.body[-2][0] + 0.02, shape.half
    waist, bonnet = shape.body[1][1], shape.body[-2][1]
    faces = [
        _upright(-0.9 * half, 0.33, 0.9 * half, 0.46, rear, "shade"),
        _upright(-0.27, 0.52, 0.27, 0.64, rear, "plate"),
        _upright(-0.9 * half, 0.33, 0.9 * half, 0.4, nose, "shade"),
        _upright(-0.5, bonnet - 0.12, 0.5, bonnet + 0.06, nose, "grille"),
        _upright(-0.25, 0.42, 0.25, 0.52, nose, "plate"),
    ]
    for a, b in ((-half + 0.03, -half + 0.32), (half - 0.32, half - 0.03)):
        faces.append(_upright(a, waist - 0.12, b, waist + 0.1, rear, "tail"))
        faces.append(_upright(a, bonnet - 0.06, b, bonnet + 0.12, nose, "head"))
    return faces
