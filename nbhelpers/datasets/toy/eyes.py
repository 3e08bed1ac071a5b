"""Toy eyes: photographs of one eye in visible or near-infrared light, drawn by code, with exact masks."""

from collections.abc import Callable

import cv2
import numpy as np

from nbhelpers.datasets.palette import BINARY, EYE_PARTS
from nbhelpers.datasets.toy.drawing import ToyDataset, check_integer, curves, smooth_noise, strokes
from nbhelpers.datasets.toy.eye_camera import GLARE, photograph
from nbhelpers.datasets.toy.eye_cover import corneal_reflections, glints, lashes, spectacle_frame
from nbhelpers.datasets.toy.eye_scene import Eye, Person, Scene, bump

SCLERA, IRIS, PUPIL = 1, 2, 3


class Eyes(ToyDataset):
    """Toy eyes: image uint8 (3, H, W), mask uint8 (H, W); infrared pictures are grey.

    The classes are background and iris, as in the NICE contests, where the pupil is background; with
    `parts=True` they are background, sclera, iris and pupil. What hides the eye is background in both: lids,
    and lashes and reflections where they cover more than half of a pixel. So the iris is the same in both.
    `pictures_per_identity` pictures in a row show one eye (iris, lids, skin, brow) anew: light, gaze, dilation
    and camera change. An identity belongs to one split and one seed. The iris is 15 to 72 % as wide as a picture of
    4 : 3, anywhere near its middle, under lids of any opening; see `Eye`. Raises ValueError for bad arguments.
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
        image = photograph(scene, image, rng, self.rng(index, stream=2))
        return image, mask if self.parts else (mask == IRIS).astype(np.uint8)

    def _scene(self, index: int, rng: np.random.Generator) -> Scene:
        identity, picture = divmod(index % len(self), self.pictures_per_identity)
        return Scene(self.size, identity, picture, Person(self.rng(identity, stream=1)), rng)


def _colours(scene: Scene, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Colours under the scene's light: float32, (3, 1, 1) in visible light and (1, 1, 1) in infrared."""
    person = scene.person
    if scene.infrared:  # melanin hardly shows: skin is bright, the pupil the darkest, the iris between
        sclera, pupil = rng.uniform(0.35, 0.85), rng.uniform(0.01, 0.14)
        iris = pupil + (sclera - pupil) * rng.uniform(0.3, 0.92)  # near the pupil's grey, or the white's
        colours = {
            "skin": rng.uniform(0.45, 1.0) - 0.1 * person.melanin,
            "sclera": sclera,
            "iris": iris,
            "inner": iris * rng.uniform(0.85, 1.1),
            "pupil": pupil,
            "hair": rng.uniform(0.05, 0.35),
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
    for gap, share in ((above, 1.0), (under, scene.person.liner)):  # the lids' edges, made up or not
        edge = bump(gap + 0.03, 0.05 + 0.06 * scene.person.liner) * (within > 0)
        image = _over(image, colours["hair"], share * rng.uniform(0.4, 0.8) * edge)
    mask[lids <= 0.5] = 0
    for cover, colour, under_lids in (
        (corneal_reflections(scene, rng), GLARE, lids),
        (lashes(scene, rng), colours["hair"] * rng.uniform(0.4, 1), 1),
        (glints(scene, rng), GLARE, 1),
        (spectacle_frame(scene, rng), rng.uniform(0.02, 0.5), 1),
    ):
        image = _over(image, colour, cover * under_lids)
        mask[cover > 0.5] = 0
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
    shade = 1 + 0.06 * smooth_noise(rng, (4, 5), scene.size)
    shade += person.pores * smooth_noise(rng, (60, 80), scene.size)
    shade -= person.crease_depth * bump(above + person.crease, 0.07) * near
    shade -= 0.6 * person.crease_depth * bump(above + person.crease + 0.15, 0.3) * near
    shade += rng.uniform(0, 0.15) * bump(above + 0.5 * person.crease, 0.5 * person.crease) * near
    shade -= rng.uniform(0, 0.25) * bump(under + rng.uniform(0.3, 0.9), 0.12) * near  # the fold under the eye
    shade += rng.uniform(0, 0.12) * bump(under + 1.6, 0.8)  # the cheek
    shade -= rng.uniform(0, 0.6) * bump(np.hypot(x * nose - 2.8, y + 0.6), 1.3)  # the hollow beside the nose
    shade -= rng.uniform(0, 0.4) * bump(np.hypot(x * 0.5, y + 1.4), 1.0)  # and under the brow
    shade -= rng.uniform(0.1, 0.3) * np.exp(np.abs(np.minimum(above, under)) * (-1 / 0.15)) * near
    skin = colours["skin"] * np.maximum(shade, 0.2)
    skin = _over(skin, colours["pink"], 0.7 * bump(under + 0.08, 0.07) * (np.abs(x) < person.half_width))

    along = rng.uniform(-1, 1, person.brow_hairs)  # from the temple to the nose
    thick = person.brow_thickness * np.sqrt(1 - along**2) * (1 + 0.3 * along)
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
    return _over(skin, colours["hair"], person.brow_density * brow)


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
    contrast = rng.uniform(0.2, 0.8) if scene.infrared else rng.uniform(0.7, 1.1)
    iris = _over(colours["iris"], colours["inner"], texture[..., 1]) * (1 + contrast * texture[..., 0])
    soft = 2 / rng.uniform(0.02, 0.1)  # the limbus is no sharp line
    ball = _over(ball, iris, 1 / (1 + np.exp(np.clip((r - 1) * soft, -30, 30))))
    ball = _over(ball, colours["pupil"], np.clip((edge - r) * radius + 0.5, 0, 1))
    mask[r < 1] = IRIS
    mask[r < edge] = PUPIL

    from_middle = (np.square(x - 0.3 * scene.iris[0]) + np.square(y)) / person.half_width**2
    shade = 1 - rng.uniform(0.1, 0.45) * from_middle
    shade -= rng.uniform(0.1, 0.6) * np.exp(np.maximum(above, 0) / -0.25)  # under the upper lid
    ball = ball * np.clip(shade, 0.4, 1)
    tears = rng.uniform(-0.3, 0.4) * bump(scene.lower.height(x) - y - 0.06, 0.05)  # they shine along the lid
    shine = tears * np.clip(1 + smooth_noise(rng, (1, 12), scene.size), 0, 1)
    return _over(ball, 1.0, np.maximum(shine, 0)), mask
