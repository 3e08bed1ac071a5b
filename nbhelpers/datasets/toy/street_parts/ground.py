"""Sky and ground of the toy street: clouds, asphalt with its marks, pavements, grass, shadows and haze."""

from random import Random

import cv2
import numpy as np

from nbhelpers.datasets.toy.street_parts.canvas import ONE, PAVEMENT, ROAD, SHIFT, SKY, TREE, Canvas, Sheet
from nbhelpers.datasets.toy.street_parts.paint import Colour, leaf, lit, mix, noise, stone

NEAR = 1.3  # metres: nothing flat begins closer to the camera
KERB = 0.12  # metres: how much the pavements are higher than the road
TEXELS = 14  # of the ground's texture, per metre


def sky(canvas: Canvas, rng: Random, zenith: Colour, horizon: Colour, cover: float) -> None:
    """Fill the picture with a sky from `zenith` to `horizon`; `cover` (-2..2) is how much of it is cloud."""
    height, width = canvas.pixels.shape[:2]
    rows = min(canvas.horizon_row() + round(canvas.unit / 12), height)
    top, left, spread = rng.randrange(300), rng.randrange(160), rng.uniform(0.4, 0.9)
    tile = noise(7)[top : top + 160, left : left + 320]
    # Clouds are soft: a quarter of the resolution is enough. Arrays are (rows / 4, width / 4, 1 or 4), last the id.
    clouds = cv2.resize(tile, (width // 4, rows // 4 + 1), interpolation=cv2.INTER_LINEAR)[..., None]
    alpha = np.clip(clouds * spread + cover, 0, 1) * rng.uniform(0.5, 0.95)
    down = np.linspace(0, 1, len(clouds), dtype=np.float32)[:, None, None] ** rng.uniform(0.7, 1.4)
    top_colour, low_colour = np.float32((*zenith, SKY)), np.float32((*horizon, SKY))
    level = rng.uniform(150, 250)
    cloud = np.float32((*mix((level, level, level), horizon, 0.35), SKY)) * (
        1.0 - 0.12 * np.clip(clouds, -1, 1.5)
    )
    picture = (top_colour + (low_colour - top_colour) * down) * (1 - alpha) + cloud * alpha
    cv2.resize(picture.astype(np.uint8), (width, rows), canvas.pixels[:rows], interpolation=cv2.INTER_LINEAR)


def ground_sheet(canvas: Canvas, class_id: int, height: float = 0.0) -> Sheet:
    """The ground, drawn on in (x, z) metres. Its haze comes later, row by row, in `weather`."""
    shade = canvas.light.shade((0, 1, 0))
    return Sheet(canvas, class_id, (0, height, 0), (1, 0, 0), (0, 0, 1), shade, depth=0)


def road(canvas: Canvas, rng: Random, left: float, right: float, end: float, zebra: float | None) -> None:
    """Asphalt with patches, lane marks, covers and, where `zebra` metres ahead are given, a crossing."""
    sheet = ground_sheet(canvas, ROAD)
    asphalt = lit(stone(rng), rng.uniform(0.6, 1.05))
    paint = mix(asphalt, (245, 245, 235), rng.uniform(0.45, 0.95))
    sheet.box(left, NEAR, right, 3 * end, asphalt)
    for _ in range(rng.randrange(4)):  # patches of newer or older asphalt
        x, z = rng.uniform(left, right - 1.5), rng.uniform(3, 14)
        far_side = min(x + rng.uniform(0.8, 3), right)
        sheet.box(x, z, far_side, z + rng.uniform(1, 6), lit(asphalt, rng.uniform(0.82, 1.12)))
    # gutters
    sheet.boxes([(left, NEAR, left + 0.3, end), (right - 0.3, NEAR, right, end)], lit(asphalt, 0.85))
    _centre_line(sheet, rng, (left + right) / 2, end, paint)
    if rng.random() < 0.55:
        kerbside = mix(paint, (230, 190, 60), rng.choice((0, 0.7)))
        sheet.boxes([(x - 0.06, NEAR, x + 0.06, end) for x in (left + 0.45, right - 0.45)], kerbside)
    if rng.random() < 0.5:
        x, z = rng.uniform(left + 1, right - 1), rng.uniform(3.5, 9)
        sheet.disc(x, z, 0.36, lit(asphalt, 0.75))
        sheet.disc(x, z, 0.29, lit(asphalt, 0.55))
    if rng.random() < 0.3:
        _arrow(
            sheet, (left + right) / 2 + rng.choice((-0.25, 0.25)) * (right - left), rng.uniform(4, 9), paint
        )
    if zebra is not None:
        sheet.boxes(
            [(x, zebra, x + 0.5, zebra + 2.6) for x in np.arange(left + 0.4, right - 0.6, 1.0)], paint
        )
        sheet.box(left, zebra - 1.5, (left + right) / 2, zebra - 1.15, paint)


def _centre_line(sheet: Sheet, rng: Random, x: float, end: float, paint: Colour) -> None:
    period, start, style = rng.uniform(3, 6), rng.uniform(0, 3), rng.random()
    if style < 0.7:
        dashes = np.arange(NEAR + start, end, period)
        sheet.boxes([(x - 0.07, z, x + 0.07, z + 0.55 * period) for z in dashes], paint)
    elif style < 0.85:
        sheet.boxes([(x + s, NEAR, x + s + 0.1, end) for s in (-0.16, 0.06)], paint)


def _arrow(sheet: Sheet, x: float, z: float, paint: Colour) -> None:
    sheet.box(x - 0.1, z, x + 0.1, z + 2, paint)
    sheet.polygon([(x - 0.4, z + 2), (x + 0.4, z + 2), (x, z + 3.4)], paint)


def pavements(canvas: Canvas, rng: Random, left: float, right: float, width: float, end: float) -> None:
    """A raised pavement on either side, with its kerb and the joints of its slabs."""
    slabs, kerb, pitch = stone(rng), stone(rng), rng.choice((0.75, 1.0, 1.5))
    sheet = ground_sheet(canvas, PAVEMENT, KERB)
    joints, fine = lit(slabs, 0.85), np.arange(2.5, 12, pitch)
    for edge, out in ((left, -1), (right, 1)):
        face = Sheet(
            canvas, PAVEMENT, (edge, 0, 0), (0, 0, 1), shade=0.7 * canvas.light.shade((0, 1, 0)), depth=0
        )
        sheet.box(edge, NEAR, edge + 60 * out, 3 * end, slabs)
        sheet.boxes([(edge, z, edge + out * width, z + 0.03 + 0.004 * z) for z in fine], joints)
        sheet.boxes([(x, NEAR, x + 0.04, 20) for x in edge + out * np.arange(pitch, width, pitch)], joints)
        sheet.box(edge, NEAR, edge + 0.2 * out, end, lit(kerb, 1.12))
        face.box(NEAR, 0, end, KERB, kerb)


def turning(canvas: Canvas, rng: Random, edge: float, side: int, near: float, far: float) -> None:
    """The mouth of a side street between two plots."""
    sheet = ground_sheet(canvas, ROAD)
    asphalt = lit(stone(rng), rng.uniform(0.6, 1.05))
    sheet.box(edge, near + 0.8, edge + 60 * side, far - 0.8, asphalt)
    paint = mix(asphalt, (245, 245, 235), 0.7)
    sheet.boxes(
        [(edge - 0.15, z, edge + 0.15, z + 0.5) for z in np.arange(near + 1.2, far - 1.2, 0.9)], paint
    )


def lawn(canvas: Canvas, rng: Random, edge: float, side: int, near: float, far: float) -> None:
    """Grass from `edge` outwards; as in CamVid, it counts to the trees."""
    sheet, colour = ground_sheet(canvas, TREE, KERB), lit(leaf(rng), 0.9)
    sheet.box(edge, near, edge + 60 * side, far, colour)
    tufts = [(edge + side * rng.uniform(0, 6), rng.uniform(near, far)) for _ in range(5)]
    sheet.boxes([(x, z, x + 0.5, z + 0.3) for x, z in tufts], lit(colour, rng.uniform(0.8, 1.2)))


def weather(canvas: Canvas, rng: Random, shadows: np.ndarray, spots: np.ndarray) -> None:
    """Lay texture, cast shadows, the darkness right under things (`spots`) and haze over the bare ground.

    `shadows` and `spots` are convex polygons (n, 4, 2) in (x, z) metres. Layers are painted at half the
    canvas's resolution, (rows of ground / 2, W), as they are soft anyway.
    """
    light, camera = canvas.light, canvas.camera
    first, (height, width) = canvas.horizon_row(), canvas.pixels.shape[:2]
    canvas.paint()
    soft = max(1, round(canvas.unit / 200))
    half = np.array([[0.5, 0, -0.25], [0, 0.5, -0.25 - first / 2], [0, 0, 1]])
    to_half = (
        half
        @ np.diag([1 / ONE, 1 / ONE, 1])
        @ np.stack([canvas.matrix[0], canvas.matrix[2], canvas.offset]).T
    )
    size = (width // 2, (height - first + 1) // 2)
    to_metres = np.array([[1 / TEXELS, 0, -rng.uniform(9, 27)], [0, 1 / TEXELS, 0], [0, 0, 1]])
    texture = cv2.warpPerspective(noise(5), to_half @ to_metres, size, borderMode=cv2.BORDER_WRAP)
    factor = 1 + rng.uniform(0.03, 0.08) * texture
    sunless = 0.9 * light.direct / (light.direct + light.ambient)
    for polygons, darkness, spread in ((shadows, sunless, 1), (spots, 0.55, 2)):
        layer = np.zeros(size[::-1], np.uint8)
        polygons = np.maximum(polygons, (-np.inf, NEAR))
        homogeneous = polygons @ to_half.T[:2] + to_half.T[2]
        for corners in (homogeneous[..., :2] / homogeneous[..., 2:] * ONE).astype(np.int32):
            cv2.fillConvexPoly(layer, corners, 255, cv2.LINE_8, SHIFT)
        factor *= 1 - cv2.blur(layer, (2 * spread * soft + 1, spread * soft + 1)) * np.float32(darkness / 255)
    below = (np.arange(height - first, dtype=np.float32) + 0.5) / canvas.unit
    clear = np.exp(-camera.focal * camera.height / (below * light.sight))[:, None]
    factor = cv2.resize(factor, (width, height - first), interpolation=cv2.INTER_LINEAR) * clear
    veil = np.zeros((height - first, 1, 4), np.uint8)
    veil[..., :3] = np.float32(light.haze) * (1 - clear)[..., None]
    ground = canvas.pixels[first:]
    faded = cv2.multiply(ground, cv2.merge([factor, factor, factor, np.ones_like(factor)]), dtype=cv2.CV_8U)
    cv2.add(faded, cv2.resize(veil, (width, height - first), interpolation=cv2.INTER_NEAREST), dst=ground)
