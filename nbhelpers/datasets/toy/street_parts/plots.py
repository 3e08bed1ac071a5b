"""What lines the toy street: houses, trees, hedges and fences."""

from random import Random
from typing import NamedTuple

import numpy as np

from nbhelpers.datasets.toy.street_parts.canvas import BUILDING, FENCE, TREE, Canvas, Sheet
from nbhelpers.datasets.toy.street_parts.paint import (
    BUSHES,
    CONIFERS,
    CROWNS,
    WHITE,
    Colour,
    any_colour,
    foliage,
    leaf,
    lit,
    mix,
    plaster,
    stone,
)

# ------------------------------------------------------------------------------------------------- houses


class Look(NamedTuple):
    """What the walls of one house have in common; lengths in metres."""

    wall: Colour
    trim: Colour
    frame: Colour
    glass: Colour
    storey: float
    pitch: float  # from one window to the next
    window: tuple[float, float]  # width, height
    bricks: bool
    bands: bool  # between the storeys
    balcony: bool


def sample_look(canvas: Canvas, rng: Random) -> Look:
    """Any look; glass mirrors some of the sky."""
    paint = plaster(rng)
    return Look(
        wall=paint,
        trim=lit(paint, rng.choice((0.75, 1.15, 1.25))),
        frame=mix(any_colour(rng, 0.4), WHITE, rng.random()),
        glass=mix((40, 50, 66), canvas.light.haze, 0.4 * rng.random()),
        storey=rng.uniform(2.7, 3.4),
        pitch=rng.uniform(1.9, 3.2),
        window=(rng.uniform(0.9, 1.4), rng.uniform(1.2, 1.75)),
        bricks=rng.random() < 0.4,
        bands=rng.random() < 0.35,
        balcony=rng.random() < 0.3,
    )


def wall(
    sheet: Sheet, rng: Random, length: float, height: float, look: Look, glazed: bool = True, first: int = 0
) -> None:
    """A wall from (0, 0) to (length, height) of a sheet, with rows of windows from storey `first` upwards."""
    sheet.box(0, 0, length, height, look.wall)
    if look.bricks and sheet.depth < 14:
        courses = [0.3 + 0.42 * k for k in range(int(height / 0.42))]
        sheet.boxes([(0, t, length, t + 0.07) for t in courses], lit(look.wall, 0.9))
    columns, floors = int(length / look.pitch), int((height - 0.4) / look.storey)
    if glazed and columns and floors > first:
        across = [(k + 0.5) * length / columns for k in range(columns)]
        levels = [k * look.storey + 0.95 for k in range(first, floors)]
        windows(sheet, rng, [(s, t) for t in levels for s in across], look)
    bands = [(0, k * look.storey, length, k * look.storey + 0.16) for k in range(1, floors + 1) if look.bands]
    sheet.boxes([*bands, (0, height - 0.35, length, height)], look.trim)


def windows(sheet: Sheet, rng: Random, sills: list[tuple[float, float]], look: Look) -> None:
    """Windows over the middles of their sills: glass, some of it bright, and from near frame, bar and ledge."""
    (w, h), dusk, near = look.window, sheet.canvas.light.dusk, sheet.depth < 22
    half = w / 2
    if near:
        frames = [(s - half - 0.12, t - 0.12, s + half + 0.12, t + h + 0.12) for s, t in sills]
        sheet.boxes(frames, look.frame)
    dull, lively = [], []
    for s, t in sills:
        (lively if rng.random() < 0.35 else dull).append((s - half, t, s + half, t + h))
    sheet.boxes(dull, look.glass)
    sheet.boxes(lively, (400, 330, 210) if dusk else mix(look.glass, sheet.canvas.light.haze, 0.45))
    if near:
        sheet.boxes([(s - 0.05, t, s + 0.05, t + h) for s, t in sills], look.frame)
        sheet.boxes([(s - half - 0.2, t - 0.24, s + half + 0.2, t - 0.1) for s, t in sills], look.trim)


def house(
    canvas: Canvas,
    rng: Random,
    side: int,
    x: float,
    near: float,
    far: float,
    height: float,
    flush: bool,
    free: bool,
) -> None:
    """A house from `near` to `far` whose front stands at `x`, on side -1 or 1 of the street.

    `flush`: it stands on the pavement. `free`: no neighbour hides the wall that faces the camera.
    """
    light, look, middle, length = canvas.light, sample_look(canvas, rng), (near + far) / 2, far - near
    depth, roof = rng.uniform(8, 12), any_colour(rng, 0.5) if rng.random() < 0.35 else lit(stone(rng), 0.8)
    pitched = height < 11.5 and rng.random() < 0.75
    gable = pitched and length < 10 and rng.random() < 0.3  # the ridge runs towards the street
    rise = rng.uniform(1.8, 3.6) if pitched else 0.0
    side_wall = Sheet(canvas, BUILDING, (x, 0, near), (side, 0, 0), shade=light.shade((0, 0, -1)))
    front = Sheet(canvas, BUILDING, (x, 0, near), (0, 0, 1), shade=light.shade((-side, 0, 0)), depth=middle)
    if rng.random() < 0.6:
        ridge, z = (x + side * depth / 2, height + rise), near + rng.uniform(0.5, length - 0.5)
        chimney(canvas, rng, ridge, z, look.wall)
    if pitched and not gable:
        shade = light.shade((-side * 0.45, 0.9, 0))
        eaves, upwards = (x, height, near), (side * depth / 2, rise, 0)
        slope = Sheet(canvas, BUILDING, eaves, (0, 0, 1), upwards, shade, middle)
        slope.box(0, -0.1, length, 1, roof)
        slope.boxes([(0, t, length, t + 0.05) for t in (0.1, 0.3, 0.5, 0.7)], lit(roof, 0.85))
        if rng.random() < 0.6:
            s = rng.uniform(0.15, 0.75) * length
            slope.boxes([(s, 0.25, s + 1, 0.6)], look.glass)
    wall(side_wall, rng, depth, height, look._replace(balcony=False, pitch=3.6), glazed=free)
    if pitched and not gable:
        side_wall.polygon(
            [(-0.1, height), (depth + 0.1, height), (depth / 2, height + rise)], lit(look.wall, 0.95)
        )
    shop = flush and rng.random() < 0.4
    wall(front, rng, length, height, look, first=int(shop))
    if gable:
        front.polygon([(0, height), (length, height), (length / 2, height + rise)], look.wall)
        front.boxes([(length / 2 - 0.5, height + 0.2, length / 2 + 0.5, height + 0.45 * rise)], look.glass)
    if look.balcony and middle < 30:
        balconies(canvas, rng, side, x, near, length, height, look)
    if shop:
        shop_front(canvas, rng, front, side, x, near, length, look)
    elif middle < 35:
        s = rng.uniform(0.8, max(0.9, length - 2))
        front.box(s - 0.15, 0, s + 1.25, 2.5, look.frame)
        front.box(s, 0, s + 1.1, 2.3, any_colour(rng))
        front.box(s + 0.2, 1.5, s + 0.9, 2.1, look.glass)


def chimney(canvas: Canvas, rng: Random, ridge: tuple[float, float], z: float, paint: Colour) -> None:
    """A stack with two pots on the ridge at (x, height)."""
    stack = Sheet(canvas, BUILDING, (*ridge, z), shade=canvas.light.shade((0, 0, -1)))
    stack.box(-0.5, -2, 0.5, 1.0, lit(paint, 0.85))
    stack.boxes([(-0.35, 1.0, -0.1, 1.4), (0.1, 1.0, 0.35, 1.4)], lit(stone(rng), 0.8))


def balconies(
    canvas: Canvas, rng: Random, side: int, x: float, near: float, length: float, height: float, look: Look
) -> None:
    """Parapets that stand out from the front, one row a storey."""
    out = Sheet(
        canvas,
        BUILDING,
        (x - 0.9 * side, 0, near),
        (0, 0, 1),
        shade=canvas.light.shade((-side, 0, 0)),
        depth=near + length / 2,
    )
    wide, paint = rng.uniform(1.6, 3), mix(look.trim, any_colour(rng), 0.4)
    middles = np.arange(1.8, length - 1.5, 2 * look.pitch)
    floors = np.arange(1, int(height / look.storey)) * look.storey
    out.boxes([(s - wide / 2, t, s + wide / 2, t + 0.95) for s in middles for t in floors], paint)
    out.boxes(
        [(s - wide / 2, t - 0.14, s + wide / 2, t + 0.06) for s in middles for t in floors], lit(paint, 0.6)
    )


def shop_front(
    canvas: Canvas, rng: Random, front: Sheet, side: int, x: float, near: float, length: float, look: Look
) -> None:
    """A shop on the ground floor: panes with goods behind, a name over them, perhaps an awning."""
    colour, top = any_colour(rng), look.storey
    edges = np.linspace(0.4, length - 0.4, max(2, int(length / 2.5)))
    panes = list(zip(edges + 0.12, edges[1:] - 0.12))
    front.box(0.2, 0, length - 0.2, top - 0.1, colour)
    front.boxes(
        [(a, 0.5, b, top - 0.95) for a, b in panes], (330, 280, 190) if canvas.light.dusk else look.glass
    )
    front.boxes([(a + 0.2, 0.55, (a + b) / 2 + 0.2, rng.uniform(1, 1.7)) for a, b in panes], any_colour(rng))
    front.box(0.25 * length, top - 0.65, 0.75 * length, top - 0.3, mix(colour, WHITE, rng.choice((0.6, 0.9))))
    if rng.random() < 0.55:
        cloth, light = any_colour(rng, 1), canvas.light
        awning = Sheet(
            canvas,
            BUILDING,
            (x, top - 0.75, near),
            (0, 0, 1),
            (-1.3 * side, -0.5, 0),
            light.shade((-0.4 * side, 0.9, 0)),
            front.depth,
        )
        awning.box(0.4, 0, length - 0.4, 1, cloth)
        awning.boxes([(s, 0, s + 0.5, 1) for s in np.arange(0.4, length - 0.9, 1)], mix(cloth, WHITE, 0.6))


def skyline(canvas: Canvas, rng: Random, end: float) -> None:
    """Far houses and trees that close the street; only those in the middle show their windows."""
    x = -0.7 * end
    while x < 0.7 * end:
        width, z = rng.uniform(10, 22), end * rng.uniform(1.02, 1.3)
        if rng.random() < 0.6:
            look = sample_look(canvas, rng)._replace(pitch=3.2)
            sheet = Sheet(canvas, BUILDING, (x, 0, z), shade=canvas.light.shade((0, 0, -1)))
            wall(sheet, rng, width, rng.uniform(5, 15), look, glazed=abs(x + width / 2) < 0.35 * end)
        else:
            tree(canvas, rng, x + width / 2, z, rng.uniform(8, 14), 0.7 * width)
        x += width * rng.uniform(0.8, 1.02)


# ------------------------------------------------------------------------------------------------- green


def tree(canvas: Canvas, rng: Random, x: float, z: float, height: float, radius: float) -> None:
    """A tree whose crown is about `radius` metres wide to each side: trunk, branches, leaves."""
    if not canvas.sees(x - radius, x + radius, z, z):
        return
    sheet, colour = Sheet(canvas, TREE, (x, 0, z)), leaf(rng)
    bark, flipped = lit(mix((90, 75, 60), stone(rng), rng.random()), 0.7), bool(canvas.light.sun[0] < 0)
    if rng.random() < 0.14:
        sheet.box(-0.15, 0, 0.15, 0.2 * height, bark)
        sprite = foliage(CONIFERS, rng.randrange(4), flipped)
        sheet.stamp(sprite, (-0.75 * radius, 0.06 * height, 0.75 * radius, height), colour)
        return
    bottom = max(height - 2.4 * radius, min(2.1, 0.35 * height))
    middle, w, lean = (bottom + height) / 2, 0.03 * height * rng.uniform(0.7, 1.2), rng.uniform(-0.3, 0.3)
    sheet.polygon([(-w, 0), (-0.6 * w + lean, middle), (0.6 * w + lean, middle), (w, 0)], bark)
    sheet.polygon([(0.1 * w, 0), (lean, middle), (0.6 * w + lean, middle), (w, 0)], lit(bark, 0.72))
    for out in (-0.55, 0.5):
        sheet.line([(lean * 0.5, bottom * 0.85), (out * radius, middle)], 0.9 * w, lit(bark, 0.85))
    sprite = foliage(CROWNS, rng.randrange(10), flipped)
    sheet.stamp(sprite, (lean - radius, bottom, lean + radius, height), colour)


def bush(canvas: Canvas, rng: Random, x: float, z: float, height: float, radius: float) -> None:
    """A bush, all leaves from the ground up."""
    sprite = foliage(BUSHES, rng.randrange(4), bool(canvas.light.sun[0] < 0))
    Sheet(canvas, TREE, (x, 0, z)).stamp(sprite, (-radius, -0.1 * height, radius, height), leaf(rng))


def hedge(canvas: Canvas, rng: Random, x: float, near: float, far: float, height: float) -> None:
    """A hedge along the street, a row of bushes that touch."""
    colour, flipped = lit(leaf(rng), 0.9), bool(canvas.light.sun[0] < 0)
    for z in np.arange(far, near, -1.6):
        sheet = Sheet(canvas, TREE, (x, 0, float(z)))
        top = height * rng.uniform(0.92, 1.05)
        sheet.stamp(foliage(BUSHES, rng.randrange(4), flipped), (-1.2, -0.1, 1.2, top), colour)


def fence(canvas: Canvas, rng: Random, x: float, near: float, far: float, height: float) -> None:
    """A fence along the street: planks, or bars between which one sees what is behind."""
    shade = canvas.light.shade((-np.sign(x), 0, 0))
    sheet = Sheet(canvas, FENCE, (x, 0.08, near), (0, 0, 1), shade=shade, depth=(near + far) / 2)
    length, paint = far - near, any_colour(rng)
    if rng.random() < 0.3:
        sheet.box(0, 0, length, height, paint)
        sheet.boxes([(s, 0, s + 0.07, height) for s in np.arange(0, length, 0.35)], lit(paint, 0.66))
        sheet.box(0, height - 0.12, length, height, lit(paint, 1.15))
        return
    pitch, bar = rng.choice(((0.36, 0.2), (0.32, 0.1), (0.45, 0.12)))
    pitch = pitch if near < 12 else 0.6
    sheet.label([(0, 0), (length, 0), (length, height), (0, height)])
    sheet.boxes([(s, 0, s + bar, height) for s in np.arange(0, length, pitch)], paint)
    rails = [(0, t * height, length, t * height + 0.11) for t in (0.12, 0.88)]
    sheet.boxes([(s, 0, s + 0.18, height + 0.1) for s in np.arange(0, length, 2.4)], lit(paint, 0.8))
    for rail in rails:
        sheet.box(*rail, lit(paint, 1.12))
