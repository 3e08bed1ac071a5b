"""Toy street: street scenes drawn by code, with CamVid's eleven classes in CamVid's order."""

import math
from collections.abc import Callable, Iterable
from functools import partial
from random import Random

import numpy as np

from nbhelpers.datasets.palette import CAMVID, CAMVID_CLASSES
from nbhelpers.datasets.toy.drawing import ToyDataset
from nbhelpers.datasets.toy.kept import first_pairs
from nbhelpers.datasets.toy.street_parts import cars, furniture, ground, people, plots
from nbhelpers.datasets.toy.street_parts.canvas import Camera, Canvas, Light
from nbhelpers.datasets.toy.street_parts.paint import Colour, mix
from nbhelpers.datasets.toy.street_parts.photo import photograph
from nbhelpers.datasets.toy.street_parts.plan import Block, Plan, Thing

# Seen from the road, what stands on it hides the rails beside it, and they what stands on the pavement.
PAVED, RAILS, DRIVEN = range(3)
AHEAD, RIGHT, BACK, LEFT = 0.0, math.pi / 2, math.pi, -math.pi / 2  # headings, radians


class Street(ToyDataset):
    """Pairs of a drawn street and its class ids, the same for the same (split, seed, index) everywhere.

    `size` is (height, width) in pixels; the scene of an index does not depend on it, so that a scene can be
    drawn larger for a figure. It is composed for 3 : 4; another shape shows the middle of it. `length=None`
    means 600 scenes for train and 100 for val and test. `read(index)` gives image uint8 (H, W, 3) and mask
    uint8 (H, W) of ids 0..10, with 255 on a thin border between classes, as in hand-made labels. Errors as in
    `ToyDataset`.
    """

    classes = CAMVID_CLASSES
    palette = CAMVID

    def read(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        rng = Random(f"street {self.split} {self.seed} {self.place(index)}")
        return photograph(draw(rng, self.size), rng)

    def read_first(self, count: int) -> Iterable[tuple[np.ndarray, np.ndarray]]:
        if type(self) is not Street:  # a subclass may draw something else
            return super().read_first(count)
        return first_pairs(f"street-{self.split}-{self.seed}", self.size, count, self.read)


def draw(rng: Random, size: tuple[int, int]) -> Canvas:
    """Sample a scene, then paint it from back to front. No number drawn depends on `size`."""
    camera, light, air = sample_view(rng)
    plan = sample_plan(rng)
    blocks = [block for side in (-1, 1) for block in sample_blocks(rng, plan, side)]
    stuff = sample_stuff(rng, plan)
    canvas = Canvas(size, camera, light)
    ground.sky(canvas, rng, *air)
    ground.pavements(canvas, rng, plan.left, plan.right, plan.pavement, plan.end)
    ground.road(canvas, rng, plan.left, plan.right, plan.end, plan.zebra)
    for block in blocks:
        paint_ground(canvas, rng, plan, block)
    ground.weather(canvas, rng, *shadows(light, plan, blocks, stuff))
    plots.skyline(canvas, rng, plan.end)
    for block in sorted(blocks, key=lambda block: -block.far):
        paint_block(canvas, rng, plan, block)
    for thing in sorted(stuff, key=lambda thing: (thing.layer, -thing.z)):
        if canvas.sees(thing.x - thing.width, thing.x + thing.width, thing.z, thing.z):
            thing.paint(canvas, rng)
    canvas.paint()
    return canvas


# ------------------------------------------------------------------------------------------------- sampling


def sample_view(rng: Random) -> tuple[Camera, Light, tuple[Colour, Colour, float]]:
    """Camera, light, and the sky's (zenith colour, horizon colour, cloud cover)."""
    camera = Camera(
        height=rng.uniform(1.45, 2.2),
        focal=rng.uniform(1.0, 1.25),
        vanish=(rng.uniform(-0.16, 0.16), rng.uniform(-0.1, 0.05)),
        roll=rng.gauss(0, 0.012),
    )
    mood = rng.choices(("clear", "overcast", "low sun", "dusk", "fog"), (4, 3, 2, 1, 0.7))[0]
    across, up = rng.choice((-1, 1)) * rng.uniform(0.3, 1.2), rng.uniform(0.8, 1.6)
    direct, ambient, tint = rng.uniform(0.4, 0.6), rng.uniform(0.55, 0.68), (1.0, 1.0, 1.0)
    sight, cover = rng.uniform(90, 400), rng.uniform(-0.9, 0.5)
    if mood == "clear":
        zenith = (rng.uniform(60, 130), rng.uniform(120, 175), rng.uniform(190, 245))
        horizon = mix(zenith, (238, 240, 242), rng.uniform(0.4, 0.9))
    elif mood in ("overcast", "fog"):
        level = rng.uniform(100, 235)
        zenith = (0.92 * level, 0.96 * level, level)
        horizon = mix(zenith, (220, 220, 220), rng.uniform(0.1, 0.7))
        direct, ambient, cover = rng.uniform(0, 0.12), rng.uniform(0.78, 1.0), rng.uniform(-0.6, 1)
        sight = rng.uniform(30, 55) if mood == "fog" else sight
    elif mood == "low sun":
        zenith = (rng.uniform(90, 160), rng.uniform(120, 165), rng.uniform(150, 210))
        horizon = (rng.uniform(225, 255), rng.uniform(170, 215), rng.uniform(110, 170))
        tint, up = (1.15, 0.98, 0.8), rng.uniform(0.4, 0.65)
    else:
        zenith = (rng.uniform(45, 90), rng.uniform(55, 100), rng.uniform(100, 150))
        horizon = (rng.uniform(140, 225), rng.uniform(100, 160), rng.uniform(110, 160))
        tint, direct, ambient = (0.8, 0.8, 1.0), rng.uniform(0, 0.1), rng.uniform(0.6, 0.8)
    sun = np.array([across, up, rng.uniform(-1, 0.5)])
    haze = mix(horizon, zenith, 0.25)
    light = Light(sun / np.linalg.norm(sun), direct, ambient, tint, haze, sight, mood == "dusk")
    return camera, light, (zenith, horizon, cover)


def sample_plan(rng: Random) -> Plan:
    width = rng.uniform(5.5, 8.0)
    share = rng.uniform(0.3, 0.7)  # of the road to the left of the camera
    zebra = rng.uniform(6, 14) if rng.random() < 0.35 else None
    return Plan(-share * width, (1 - share) * width, rng.uniform(2.6, 4.6), rng.uniform(40, 80), zebra)


def sample_blocks(rng: Random, plan: Plan, side: int) -> list[Block]:
    """The plots of one side, nearest first; they grow with distance, as details shrink."""
    blocks, z, free = [], ground.NEAR, True
    built = rng.uniform(1.5, 8)
    while z < plan.end:
        kind = rng.choices(("house", "garden", "park", "turning"), (built, 2, 2.2, 0.7))[0]
        kind = "garden" if kind == "turning" and z < 6 else kind
        height = rng.choice((rng.uniform(5.5, 8), rng.uniform(7, 12), rng.uniform(9, 18)))
        far = z + (rng.uniform(6, 9) if kind == "turning" else rng.uniform(7, 14) * (1 + z / 50))
        blocks.append(Block(side, z, far, kind, height, free))
        z, free = far, kind != "house"
    return blocks


def sample_stuff(rng: Random, plan: Plan) -> list[Thing]:
    """Cars, people and street furniture, none standing in another."""
    stuff: list[Thing] = []

    def put(
        kind: Callable, x: float, z: float, room: float, tall: float, wide: float, **options: float
    ) -> None:
        if all(math.hypot(x - other.x, z - other.z) > room + other.room for other in stuff):
            layer = DRIVEN if plan.left < x < plan.right else PAVED
            paint = partial(kind, x=x, z=z, **options)
            stuff.append(Thing(x, z, room, tall, wide, layer, paint))

    def put_person(x: float, z: float, yaw: float) -> None:
        put(people.pedestrian, x, z, 0.35, 1.7, 0.5, yaw=yaw + rng.gauss(0, 0.3))

    drive = rng.choice((-1, 1))  # the side they drive on
    if rng.random() < 0.45:  # a cyclist who crosses
        x, yaw = rng.uniform(plan.left, plan.right), rng.choice((LEFT, RIGHT)) + rng.gauss(0, 0.3)
        put(people.cyclist, x, rng.uniform(4.5, 9), 1, 1.7, 1.6, yaw=yaw)
    for _ in range(rng.randrange(3) if plan.zebra else rng.choice((0, 1, 1, 2))):
        z = (plan.zebra or rng.uniform(6, 12)) + rng.uniform(0.4, 2)
        put_person(rng.uniform(plan.left, plan.right), z, rng.choice((LEFT, RIGHT)))
    for side in (-1, 1):
        edge, yaw = plan.edge(side), AHEAD if side == drive else BACK
        parked = rng.random() < 0.5
        for _ in range(rng.choice((0, 1, 1, 2))):
            x = edge - side * (rng.uniform(2.3, 2.8) if parked else rng.uniform(0.5, 1.1))
            put(people.cyclist, x, rng.uniform(4.2, 11), 0.9, 1.7, 0.5, yaw=yaw + rng.gauss(0, 0.12))
        z = rng.uniform(6, 12)
        while parked and z < 40:
            if rng.random() < 0.75:
                put(cars.car, edge - side * 1.05, z, 2.2, 1.4, 1.8, yaw=yaw + rng.gauss(0, 0.03))
            z += rng.uniform(5.4, 7)
        lane = edge - side * rng.uniform(0.2, 0.3) * (plan.right - plan.left)
        for _ in range(rng.choice((1, 2, 2))):
            put(cars.car, lane, 6.5 + 22 * rng.random() ** 1.5, 2.4, 1.4, 1.8, yaw=yaw + rng.gauss(0, 0.04))
        for _ in range(rng.choice((2, 3, 4))):
            x = edge + side * rng.uniform(0.6, plan.pavement - 0.3)
            put_person(x, in_frame(x) + 6 * rng.random() ** 1.3, rng.choice((AHEAD, BACK, RIGHT, LEFT)))
        sample_furniture(rng, plan, side, put)
        if rng.random() < 0.45:
            near = rng.uniform(3.5, 10)
            stuff.append(rail(edge + 0.25 * side, near, near + rng.uniform(4, 10), rng.uniform(0.9, 1.15)))
    return stuff


def sample_furniture(rng: Random, plan: Plan, side: int, put: Callable) -> None:
    """Signs, lamps and trees along the kerb."""
    kerb = plan.edge(side) + 0.5 * side
    for _ in range(rng.choice((1, 1, 2))):
        tall = rng.uniform(2.3, 3.1)
        kind = rng.choice((furniture.sign, furniture.sign, furniture.traffic_light))
        put(kind, kerb, in_frame(kerb) + rng.uniform(0.5, 6), 0.35, tall, 0.25, height=tall)
    z, step, tall = rng.uniform(4.5, 12), rng.uniform(11, 16), rng.uniform(5, 7.5)
    while z < 34:
        put(furniture.lamp, kerb, z, 0.35, tall, 0.25, height=tall)
        z += step
    z, step, planted = rng.uniform(6, 10), rng.uniform(7, 12), rng.random() < 0.5
    while planted and z < 36:
        tall = rng.uniform(5, 8.5)
        put(plots.tree, kerb + 0.2 * side, z, 0.5, tall, 2.5, height=tall, radius=rng.uniform(1.4, 2.5))
        z += step


def in_frame(x: float) -> float:
    """From how many metres ahead something at `x` metres to the side is in the picture."""
    return max(3.6, 1.5 * abs(x))


def rail(x: float, near: float, far: float, height: float) -> Thing:
    """A guard rail along the kerb."""
    z = (near + far) / 2
    return Thing(x, z, 0, height, 0, RAILS, partial(plots.fence, x=x, near=near, far=far, height=height))


# ------------------------------------------------------------------------------------------------- painting


def paint_ground(canvas: Canvas, rng: Random, plan: Plan, block: Block) -> None:
    """The ground of a plot, where it is not all built over."""
    edge, side = plan.edge(block.side), block.side
    if block.kind in ("garden", "park"):
        ground.lawn(canvas, rng, edge + side * plan.pavement, side, block.near, block.far)
    elif block.kind == "turning":
        ground.turning(canvas, rng, edge, side, block.near, block.far)


def paint_block(canvas: Canvas, rng: Random, plan: Plan, block: Block) -> None:
    """What stands on a plot, from back to front."""
    side, near, far, kind, height, free = block
    x = plan.edge(side) + side * plan.pavement
    if not canvas.sees(x, x, near, far):
        return
    if kind == "house":
        plots.house(canvas, rng, side, x, near, far, height, flush=True, free=free)
    elif kind == "garden":
        back = x + side * rng.uniform(3, 6)
        plots.house(canvas, rng, side, back, near + 0.5, far - 0.5, min(height, 9), flush=False, free=True)
        for z in sorted((rng.uniform(near, far) for _ in range(2)), reverse=True):
            if rng.random() < 0.5:
                plots.tree(canvas, rng, x + 2 * side, max(z, 4), rng.uniform(3.5, 7), rng.uniform(1.3, 2.2))
            else:
                plots.bush(
                    canvas, rng, x + 1.2 * side, max(z, 4), rng.uniform(0.9, 1.8), rng.uniform(0.7, 1.3)
                )
        boundary = plots.hedge if rng.random() < 0.25 and near > 4 else plots.fence
        boundary(canvas, rng, x, near, far, rng.uniform(0.9, 1.4))
    elif kind == "park":
        for away in (14, 8, 3.5):
            z = max(rng.uniform(near, far), 5)
            plots.tree(canvas, rng, x + away * side, z, rng.uniform(6, 11), rng.uniform(2.2, 4))
        if rng.random() < 0.75:
            plots.fence(canvas, rng, x, near, far, rng.uniform(0.9, 1.4))


def shadows(
    light: Light, plan: Plan, blocks: list[Block], stuff: list[Thing]
) -> tuple[np.ndarray, np.ndarray]:
    """What the sun casts on the ground, and the darkness right under things: (n, 4, 2) in (x, z) metres each."""
    away = -light.sun[[0, 2]] / light.sun[1]  # where the shadow of a metre's height ends
    walls = []
    for side, near, far, kind, height, _ in blocks:
        if kind == "house":
            x, (dx, dz) = plan.edge(side) + side * plan.pavement, away * height
            walls.append(((x, near), (x, far), (x + dx, far + dz), (x + dx, near + dz)))
    solid = [thing for thing in stuff if thing.width]
    feet = np.array([(thing.x, thing.z) for thing in solid]).reshape(-1, 1, 2)
    widths = np.array([thing.width for thing in solid]).reshape(-1, 1, 1)
    tips = np.array([min(thing.height, 6) for thing in solid]).reshape(-1, 1, 1) * away
    across = widths / 2 * np.array([away[1], -away[0]]) / np.hypot(*away)
    cast = np.concatenate([feet - across, feet + across, feet + tips + across, feet + tips - across], axis=1)
    spots = feet + 0.6 * np.minimum(widths, 1.8) * np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)])
    return np.concatenate([np.reshape(walls, (-1, 4, 2)), cast]), spots
