"""What lies over a toy eye and hides it: lashes, reflections on the cornea, glasses. All are opacities (H, W), 0..1."""

import cv2
import numpy as np

from nbhelpers.datasets.toy.drawing import curves, filled, strokes
from nbhelpers.datasets.toy.eye_scene import Scene, rotation


def lashes(scene: Scene, rng: np.random.Generator) -> np.ndarray:
    """They leave the lids in a fan, then bend; where they hang straight down, they lie over the iris."""
    person = scene.person
    # of the upper tips: 1 hangs over the eye, -1 curls up
    droop = rng.uniform(0.3, 0.8) if person.straight_lashes else rng.uniform(-0.9, 0.7)
    groups = []
    for lid, count, length, width, bend, tip in (
        (scene.upper, person.lashes, person.lash_length, person.lash_width, max(droop, 0.25), droop),
        (scene.lower, person.lashes // 2, 0.35 * person.lash_length, 0.6 * person.lash_width, 0.6, 1.0),
    ):
        along = rng.uniform(-0.96, 0.98, count)
        tuft = np.round(along * person.tufts) / person.tufts  # lashes of a tuft share one tip, nearly
        x = along * person.half_width
        y = lid.height(x)
        aside = 0.6 * tuft + (tuft - along) * person.half_width + rng.normal(0, person.untidy, count)
        lengths = length * rng.uniform(0.4, 1.1, count)
        lines = curves(
            scene.pixels(x, y),
            scene.pixels(x + 0.3 * aside * lengths, y + 0.4 * bend * lengths),
            scene.pixels(x + aside * lengths, y + tip * lengths),
        )
        groups.append((lines, width * scene.radius))
    return strokes(groups, scene.size)


def corneal_reflections(scene: Scene, rng: np.random.Generator) -> np.ndarray:
    """What the cornea mirrors: the camera's lamps in infrared, a lamp or windows in visible light; often a faint room."""
    lamps = scene.infrared or rng.random() < 0.5
    turn, middle = rng.uniform(0, 2 * np.pi), scene.iris + rng.normal(0, 0.2, 2)
    dot = rng.uniform(0.02, 0.12)
    row, column = np.indices(rng.integers((1, 2), (4, 6)))
    arrangement = rng.choice(3, p=(0.5, 0.25, 0.25)) if scene.infrared else 0
    if arrangement == 0:  # a few, around the camera
        count = int(rng.integers(1, 7 if scene.infrared else 3))
        ring = turn + rng.uniform(0.6, 1.6) * np.arange(count)
        places = rng.uniform(0.2, 0.45) * np.stack([np.cos(ring), np.sin(ring)], -1)
        places += rng.normal(0, 0.05, (count, 2))
    elif arrangement == 1:  # a ring of small ones
        ring = turn + np.linspace(0, 2 * np.pi, rng.integers(5, 17))[1:]
        places = rng.uniform(0.1, 0.4) * np.stack([np.cos(ring), np.sin(ring)], -1)
        dot *= 0.5
    else:  # rows of them
        places = rng.uniform(0.08, 0.2) * np.stack([column.ravel(), row.ravel()], -1)
        dot *= 0.7
    angles = np.linspace(0, 2 * np.pi, 17) if lamps else np.pi * np.arange(0.25, 2, 0.5)
    radii = np.repeat(dot, 2) if lamps else rng.uniform(0.08, 0.28, 2)
    outline = np.stack([np.cos(angles), np.sin(angles)], -1) * radii @ rotation(rng.normal(0, 0.2))
    points = (places + middle)[:, None] + outline  # (count, corners, 2)
    bright = filled(list(scene.pixels(points[..., 0], points[..., 1])), scene.size)
    bright *= rng.uniform(0.85, 1)
    if rng.random() > 0.15:
        return bright
    faint = filled([_blob(scene, rng, middle, 0.3, 1)], scene.size)
    faint = cv2.GaussianBlur(faint, (0, 0), rng.uniform(0.02, 0.2) * scene.radius)
    return np.maximum(bright, rng.uniform(0.05, 0.25) * faint)


def glints(scene: Scene, rng: np.random.Generator) -> np.ndarray:
    """Lamps mirrored in glasses, anywhere; nothing without glasses."""
    count = int(rng.integers(1, 4)) if scene.eye.glasses else 0
    blobs = [_blob(scene, rng, rng.normal(0, 1.2, 2), 0.12, 0.5) for _ in range(count)]
    return rng.uniform(0.75, 1) * filled(blobs, scene.size)


def spectacle_frame(scene: Scene, rng: np.random.Generator) -> np.ndarray:
    """The rim around one lens, between an ellipse and a box; nothing without glasses."""
    if not scene.eye.glasses:
        return np.zeros(scene.size, np.float32)
    angles = np.linspace(0, 2 * np.pi, 65)[:-1]
    outline = np.stack([np.cos(angles), np.sin(angles)], -1)
    outline = np.sign(outline) * np.abs(outline) ** rng.uniform(0.4, 1)
    middle = rng.normal((0, 0.1), 0.3)
    half = rng.uniform((2.4, 1.3), (3.6, 2.6))  # the lens, across and down
    thick = rng.uniform(0.06, 0.45)
    lens, rim = (middle + outline * size for size in (half, half + thick))
    return filled([scene.pixels(*rim.T)], scene.size) - filled([scene.pixels(*lens.T)], scene.size)


def _blob(
    scene: Scene, rng: np.random.Generator, middle: np.ndarray, least: float, most: float
) -> np.ndarray:
    """The outline of a random round shape in pixels, (points, 2); sizes in radii of the iris."""
    angles = np.linspace(0, 2 * np.pi, 33)[:-1]
    wobble = 1 + 0.25 * np.cos(2 * angles + rng.uniform(0, 6)) + 0.1 * np.cos(3 * angles + rng.uniform(0, 6))
    outline = np.stack([np.cos(angles), rng.uniform(0.3, 1) * np.sin(angles)], -1) * wobble[:, None]
    points = middle + rng.uniform(least, most) * outline @ rotation(rng.normal(0, 0.5))
    return scene.pixels(*points.T)
