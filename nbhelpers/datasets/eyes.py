"""Toy eyes: photographs of one eye in visible or near-infrared light, drawn by code, with exact masks."""

from collections.abc import Callable

import cv2
import numpy as np

from nbhelpers.datasets.eye_scene import Eye, Person, Scene, bump, rotation
from nbhelpers.datasets.palette import BINARY, EYE_PARTS
from nbhelpers.datasets.toy import ToyDataset, check_integer, curves, develop, filled, smooth_noise, strokes

SCLERA, IRIS, PUPIL = 1, 2, 3
GLARE = 1.8  # a reflection is brighter than white paper, which is 1


class Eyes(ToyDataset):
    """Toy eyes: image uint8 (3, H, W), mask uint8 (H, W); infrared pictures are grey.

    The classes are background and iris, as in the NICE contests, where the pupil is background; with
    `parts=True` they are background, sclera, iris and pupil. What hides the eye is background in both: lids,
    and lashes and reflections where they cover more than half of a pixel. So the iris is the same in both.
    `pictures_per_identity` pictures in a row show one eye (iris, lids, skin, brow) anew: light, gaze, dilation
    and camera change. An identity belongs to one split and one seed. Raises ValueError for bad arguments.
    """

    def __init__(
        self,
        split: str = "train",
        size: tuple[int, int] = (96, 128),
        length: int | None = None,
        seed: int = 0,
        parts: bool = False,
        transform: Callable | None = None,
        pictures_per_identity: int = 1,
    ) -> None:
        super().__init__(split, size, length, seed, transform)
        check_integer("pictures_per_identity", pictures_per_identity, 1)
        self.parts, self.pictures_per_identity = parts, pictures_per_identity
        self.classes = ("Background", "Sclera", "Iris", "Pupil") if parts else ("Background", "Iris")
        self.palette = EYE_PARTS if parts else BINARY

    def parameters(self, index: int) -> Eye:
        """What is known of picture `index`, without drawing it; IndexError if there is no such picture."""
        return self._scene(index, self.rng(index)).eye

    def read(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        rng = self.rng(index)
        scene = self._scene(index, rng)
        image, mask = _draw(scene, rng)
        image = _photograph(scene, image, rng, self.rng(index, stream=2))
        return image, mask if self.parts else (mask == IRIS).astype(np.uint8)

    def _scene(self, index: int, rng: np.random.Generator) -> Scene:
        identity, picture = divmod(index % len(self), self.pictures_per_identity)
        return Scene(self.size, identity, picture, Person(self.rng(identity, stream=1)), rng)


def _colours(scene: Scene, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Colours under the scene's light: float32, (3, 1, 1) in visible light and (1, 1, 1) in infrared."""
    person = scene.person
    if scene.infrared:  # melanin hardly shows: skin and iris are bright, the pupil is the darkest
        sclera = rng.uniform(0.5, 0.8)
        iris = sclera * rng.uniform(0.45, 0.85)
        colours = {
            "skin": rng.uniform(0.55, 0.95) - 0.1 * person.melanin,
            "sclera": sclera,
            "iris": iris,
            "inner": iris * rng.uniform(0.85, 1.1),
            "pupil": rng.uniform(0.01, 0.12),
            "hair": rng.uniform(0.1, 0.35),
            "pink": sclera * rng.uniform(0.9, 1.1),
            "blood": 0.75 * sclera,
        }
    else:
        sclera = np.array([0.86, 0.82, 0.78]) * rng.uniform(0.8, 1.08)
        colours = {
            "skin": person.skin,
            "sclera": sclera,
            "iris": person.iris,
            "inner": person.inner,  # of the collarette
            "pupil": np.full(3, 0.03),
            "hair": person.hair,
            "pink": 0.5 * person.skin + (0.42, 0.28, 0.26),  # the lids' margins, the flesh in the corner
            "blood": sclera * (0.9, 0.5, 0.45),
        }
    return {name: np.reshape(colour, (-1, 1, 1)).astype(np.float32) for name, colour in colours.items()}


def _over(image: np.ndarray, colour: np.ndarray | float, alpha: np.ndarray) -> np.ndarray:
    """Lay `colour`, (C, 1, 1) or (C, H, W), over the image (C, H, W) with the opacity `alpha` (H, W)."""
    return image + (colour - image) * alpha


def _draw(scene: Scene, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """The scene in even light, float32 (C, H, W), and the ids of its parts, uint8 (H, W)."""
    x, y, *disc = scene.grids()
    above, under = scene.upper.below(x, y), -scene.lower.below(x, y)  # both positive between the lids
    within = scene.person.half_width - np.abs(x)  # positive between the corners, where the edges cross
    gap = np.minimum(np.minimum(above, under), within)
    lids = np.clip(gap * scene.radius + 0.5, 0, 1)
    colours = _colours(scene, rng)
    image = _skin(scene, colours, x, y, above, under, rng)
    ball, mask = _eyeball(scene, colours, x, y, disc, above, rng)
    image = _over(image, ball, lids)
    image = _over(image, colours["hair"], 0.6 * bump(above + 0.03, 0.05) * (within > 0))
    reflections = _corneal_reflections(scene, rng)
    image = _over(image, GLARE, reflections * lids)
    lashes = _lashes(scene, rng)
    image = _over(image, colours["hair"] * rng.uniform(0.5, 1), lashes)
    glasses = _glasses(scene, rng)
    image = _over(image, GLARE, glasses)
    mask[(lids <= 0.5) | (reflections > 0.5) | (lashes > 0.5) | (glasses > 0.5)] = 0
    return image, mask


def _skin(
    scene: Scene,
    colours: dict[str, np.ndarray],
    x: np.ndarray,
    y: np.ndarray,
    above: np.ndarray,
    under: np.ndarray,
    rng: np.random.Generator,
) -> np.ndarray:
    """Skin, lid margins and brow, (C, H, W)."""
    person, nose = scene.person, scene.person.nose
    near = np.clip((1.2 * person.half_width - np.abs(x)) / 0.4, 0, 1)
    shade = 1 + 0.04 * smooth_noise(rng, (4, 5), scene.size) + 0.03 * smooth_noise(rng, (60, 80), scene.size)
    shade -= person.crease_depth * bump(above + person.crease, 0.07) * near
    shade -= 0.6 * person.crease_depth * bump(above + person.crease + 0.15, 0.3) * near
    shade += rng.uniform(0, 0.15) * bump(above + 0.5 * person.crease, 0.5 * person.crease) * near
    shade -= rng.uniform(0, 0.15) * bump(under + rng.uniform(0.3, 0.9), 0.12) * near  # the fold under the eye
    shade += rng.uniform(0, 0.12) * bump(under + 1.6, 0.8)  # the cheek
    shade -= rng.uniform(0, 0.4) * bump(np.hypot(x * nose - 2.8, y + 0.6), 1.3)  # the hollow beside the nose
    shade -= rng.uniform(0, 0.3) * bump(np.hypot(x * 0.5, y + 1.4), 1.0)  # and under the brow
    shade -= rng.uniform(0.1, 0.3) * np.exp(np.abs(np.minimum(above, under)) * (-1 / 0.15)) * near
    skin = colours["skin"] * shade
    skin = _over(skin, colours["pink"], 0.7 * bump(under + 0.08, 0.07) * (np.abs(x) < person.half_width))

    along = rng.uniform(-1, 1, person.brow_hairs)  # from the temple to the nose
    thick = 0.22 * np.sqrt(1 - along**2) * (1 + 0.3 * along)
    start = 0.4 * along**2 - person.brow + rng.uniform(-1, 1, along.size) * thick
    length = rng.uniform(0.3, 0.7, along.size)
    steep = 0.25 + 0.35 * along + rng.normal(0, 0.15, along.size)  # upright at the nose, flat at the temple
    rise = steep * length
    hairs = curves(
        scene.pixels(nose * 2.9 * along, start),
        scene.pixels(nose * (2.9 * along - 0.4 * length), start - 0.7 * rise),
        scene.pixels(nose * (2.9 * along - length), start - 0.8 * rise),
    )
    brow = strokes([(hairs, person.brow_width * scene.radius)], scene.size)
    return _over(skin, colours["hair"], 0.75 * brow)


def _eyeball(
    scene: Scene,
    colours: dict[str, np.ndarray],
    x: np.ndarray,
    y: np.ndarray,
    disc: list[np.ndarray],
    above: np.ndarray,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """Sclera with veins, iris and pupil as if there were no lids, (C, H, W), and their ids (H, W)."""
    person, radius, dilation = scene.person, scene.radius, scene.eye.dilation
    count = int(rng.integers(4, 40))
    side = rng.choice([-1, 1], count)
    start = rng.normal(0.2, 0.5, count)
    lines = curves(
        scene.pixels(side * person.half_width, start),
        scene.pixels(side * 1.9, start + rng.normal(0, 0.4, count)),
        scene.pixels(side * rng.uniform(1, 1.8, count) + scene.iris[0], start + rng.normal(0, 0.3, count)),
    )
    veins = rng.uniform(0.1, 0.6) * strokes([(lines, 0.02 * radius)], scene.size)
    ball = _over(colours["sclera"], colours["blood"], veins)
    corner = person.nose * person.half_width
    away = np.hypot(x - corner, 0.7 * (y - scene.upper.height(corner)))
    flesh = np.clip((rng.uniform(0.25, 0.5) - away) / 0.15 + 0.5, 0, 1)  # the caruncle, beside the nose
    ball = _over(ball, 0.9 * colours["pink"], flesh)
    mask = np.where(flesh > 0.5, 0, SCLERA).astype(np.uint8)

    r, angle = np.hypot(*disc), np.arctan2(disc[1], disc[0])
    # the pupil's edge as seen from the iris' centre: a circle of radius `dilation` about (px, py)
    px, py = person.pupil.tolist()
    toward = px * np.cos(angle) + py * np.sin(angle)
    edge = toward + np.sqrt(toward * toward + (dilation**2 - px * px - py * py))
    texture = person.texture
    columns = min(texture.shape[1], int(2 * np.pi * radius))  # no finer than the picture, or it would alias
    rows = min(texture.shape[0], max(2, int(radius * (1 - dilation))))
    texture = cv2.resize(texture, (columns, rows), interpolation=cv2.INTER_AREA)
    across = (angle / (2 * np.pi) + 0.5) * columns - 0.5
    outward = np.clip((r - edge) / (1 - edge), 0, 1) * (rows - 1)
    texture = cv2.remap(texture, across, outward, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)
    contrast = rng.uniform(0.3, 0.7) if scene.infrared else rng.uniform(0.7, 1.1)
    iris = _over(colours["iris"], colours["inner"], texture[..., 1]) * (1 + contrast * texture[..., 0])
    soft = 2 / rng.uniform(0.02, 0.08)  # the limbus is no sharp line
    ball = _over(ball, iris, 1 / (1 + np.exp(np.clip((r - 1) * soft, -30, 30))))
    ball = _over(ball, colours["pupil"], np.clip((edge - r) * radius + 0.5, 0, 1))
    mask[r < 1] = IRIS
    mask[r < edge] = PUPIL

    from_middle = (np.square(x - 0.3 * scene.iris[0]) + np.square(y)) / person.half_width**2
    shade = 1 - rng.uniform(0.1, 0.35) * from_middle
    shade -= rng.uniform(0.1, 0.6) * np.exp(np.maximum(above, 0) / -0.25)  # under the upper lid
    return ball * np.clip(shade, 0.4, 1), mask


def _lashes(scene: Scene, rng: np.random.Generator) -> np.ndarray:
    """How far lashes cover each pixel, (H, W): they leave the lids in a fan, then bend."""
    person = scene.person
    droop = rng.uniform(-0.9, 0.7)  # of the upper tips: 1 hangs over the eye, -1 curls up
    groups = []
    for lid, count, length, width, bend, tip in (
        (scene.upper, person.lashes, person.lash_length, person.lash_width, max(droop, 0.25), droop),
        (scene.lower, person.lashes // 2, 0.35 * person.lash_length, 0.6 * person.lash_width, 0.6, 1.0),
    ):
        along = rng.uniform(-0.96, 0.98, count)
        x = along * person.half_width
        y = lid.height(x)
        fan = 0.6 * along + rng.normal(0, 0.2, count)
        lengths = length * rng.uniform(0.4, 1.1, count)
        lines = curves(
            scene.pixels(x, y),
            scene.pixels(x + 0.3 * fan * lengths, y + 0.4 * bend * lengths),
            scene.pixels(x + fan * lengths, y + tip * lengths),
        )
        groups.append((lines, width * scene.radius))
    return strokes(groups, scene.size)


def _corneal_reflections(scene: Scene, rng: np.random.Generator) -> np.ndarray:
    """Lamps in infrared, a lamp or windows in visible light; opacity (H, W)."""
    lamps = scene.infrared or rng.random() < 0.5
    count = int(rng.integers(1, 7 if scene.infrared else 3))
    angles = np.linspace(0, 2 * np.pi, 17) if lamps else np.pi * np.arange(0.25, 2, 0.5)
    radii = np.repeat(rng.uniform(0.04, 0.12), 2) if lamps else rng.uniform(0.08, 0.28, 2)
    outline = np.stack([np.cos(angles), np.sin(angles)], -1) * radii @ rotation(rng.normal(0, 0.2))
    ring = rng.uniform(0, 2 * np.pi) + rng.uniform(0.6, 1.6) * np.arange(count)  # lamps surround the camera
    places = rng.uniform(0.2, 0.45) * np.stack([np.cos(ring), np.sin(ring)], -1)
    places += scene.iris + rng.normal(0, 0.2, 2) + rng.normal(0, 0.05, (count, 2))
    points = places[:, None] + outline  # (count, corners, 2)
    return rng.uniform(0.85, 1) * filled(list(scene.pixels(points[..., 0], points[..., 1])), scene.size)


def _glasses(scene: Scene, rng: np.random.Generator) -> np.ndarray:
    """Glints of glasses, in one picture of eight, anywhere; opacity (H, W)."""
    if rng.random() > 0.125:
        return np.zeros(scene.size, np.float32)
    polygons = []
    angles = np.linspace(0, 2 * np.pi, 33)[:-1]
    for _ in range(rng.integers(1, 4)):
        wobble = 1 + 0.25 * np.cos(2 * angles + rng.uniform(0, 6))
        wobble += 0.1 * np.cos(3 * angles + rng.uniform(0, 6))
        outline = np.stack([np.cos(angles), rng.uniform(0.3, 1) * np.sin(angles)], -1) * wobble[:, None]
        points = rng.normal(0, 1.2, 2) + rng.uniform(0.12, 0.5) * outline @ rotation(rng.normal(0, 0.5))
        polygons.append(scene.pixels(points[:, 0], points[:, 1]))
    return rng.uniform(0.75, 1) * filled(polygons, scene.size)


def _photograph(
    scene: Scene, image: np.ndarray, rng: np.random.Generator, noise: np.random.Generator
) -> np.ndarray:
    """Uneven light, low resolution, defocus, motion, a noisy sensor: float (C, H, W) -> uint8 (H, W, 3)."""
    height, width = scene.size
    x = np.linspace(-1, 1, width, dtype=np.float32)
    y = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    tilt_x, tilt_y = np.clip(rng.normal(0, 0.15, 2), -0.4, 0.4).tolist()
    light = 1 + tilt_x * x + tilt_y * y - rng.uniform(0, 0.35) * (x * x + y * y) / 2
    exposure = rng.uniform(0.65, 1.15) if scene.infrared else rng.uniform(0.35, 1.1)
    tint = np.float32(exposure * rng.normal(1, 0 if scene.infrared else 0.035, (len(image), 1, 1)))
    image = np.clip(image * light, 0, GLARE) ** rng.uniform(0.85, 1.25) * tint
    image = np.ascontiguousarray(image.transpose(1, 2, 0))  # (C, H, W) -> (H, W, C)
    coarse, resolution = rng.random() < 0.25, rng.uniform(0.35, 1)
    shaken, motion, heading = rng.random() < 0.2, rng.uniform(0, 0.03) * width, rng.uniform(0, np.pi)
    grain = rng.uniform(0.002, 0.03) / exposure**0.5
    if coarse:
        small = max(8, int(width * resolution)), max(8, int(height * resolution))
        image = cv2.resize(cv2.resize(image, small, interpolation=cv2.INTER_AREA), (width, height))
    if scene.eye.blur > 0.3:
        image = cv2.GaussianBlur(image, (0, 0), scene.eye.blur)
    if shaken and motion > 1:
        half = int(np.ceil(motion / 2))
        tip = np.round(np.array([np.cos(heading), np.sin(heading)]) * motion / 2).astype(int)
        kernel = np.zeros((2 * half + 1, 2 * half + 1), np.float32)
        cv2.line(kernel, (half - tip).tolist(), (half + tip).tolist(), 1.0)
        image = cv2.filter2D(image, -1, kernel / kernel.sum(), borderType=cv2.BORDER_REPLICATE)
    return develop(image.squeeze() if scene.infrared else image, noise, 0.5 * grain, grain)
