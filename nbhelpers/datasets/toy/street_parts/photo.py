"""The photograph of a finished canvas: image and mask, with texture, blur, exposure, noise and void."""

import math
from random import Random

import cv2
import numpy as np

from nbhelpers.datasets.dataset import IGNORE
from nbhelpers.datasets.toy.street_parts.canvas import (
    BICYCLIST,
    BUILDING,
    CAR,
    FENCE,
    OVERSAMPLING,
    PAVEMENT,
    PEDESTRIAN,
    POLE,
    ROAD,
    SIGN,
    SKY,
    TREE,
    Canvas,
)
from nbhelpers.datasets.toy.street_parts.paint import noise

# Where two classes meet, the void is taken from the one that comes first here: thin things keep their width.
VOID_ORDER = (SKY, BUILDING, TREE, ROAD, PAVEMENT, FENCE, CAR, BICYCLIST, PEDESTRIAN, POLE, SIGN)
VOID_RANK = np.argsort(VOID_ORDER).astype(np.uint8)
# How strongly the pixels of each class vary beyond what is drawn, as a fraction; in the order of class ids.
GRAIN = np.zeros(256, np.float32)
GRAIN[: len(VOID_ORDER)] = (0.008, 0.035, 0.03, 0.03, 0.04, 0.05, 0.02, 0.04, 0.015, 0.04, 0.03)


def photograph(canvas: Canvas, rng: Random) -> tuple[np.ndarray, np.ndarray]:
    """Image uint8 (H, W, 3) and mask uint8 (H, W) of a canvas of (2H, 2W)."""
    height, width = (side // OVERSAMPLING for side in canvas.pixels.shape[:2])
    # An id is taken half a fine pixel from the middle of its 2 x 2: a quarter of a pixel of the picture.
    ids = canvas.pixels[1::OVERSAMPLING, 1::OVERSAMPLING, 3].copy()
    image = cv2.resize(canvas.pixels, (width, height), interpolation=cv2.INTER_AREA)
    image = cv2.cvtColor(image, cv2.COLOR_RGBA2RGB)
    gamma, gain = rng.uniform(0.85, 1.15), rng.uniform(0.85, 1.15)
    balance = np.array([gain * rng.uniform(0.95, 1.05) for _ in range(3)])
    exposure = 255 * np.minimum(np.linspace(0, 1, 256)[:, None] * balance, 1) ** gamma  # (256, 3)
    image = cv2.LUT(image, exposure.astype(np.uint8)[None])
    grain = 1 + cv2.LUT(ids, GRAIN) * window(noise(3), rng, height, width)
    image = cv2.multiply(image, cv2.merge([grain] * 3), dtype=cv2.CV_8U)
    blur = min(abs(rng.gauss(0, 0.22)), 0.45) * canvas.unit / OVERSAMPLING / 96  # sigma in pixels
    if blur > 0.25:
        image = cv2.GaussianBlur(image, (0, 0), blur)
    strength = rng.uniform(1, 6)
    grit = cv2.merge([window(noise(1), rng, height, width) for _ in range(3)])
    image = cv2.scaleAdd(grit, strength, image.astype(np.float32)).clip(0, 255).astype(np.uint8)
    return image, with_void(ids)


def with_void(ids: np.ndarray) -> np.ndarray:
    """Ids (H, W) with 255 on a thin border between classes, as in hand-made labels: 1 pixel at 96 x 128."""
    height, width = ids.shape
    border = max(1, round(math.sqrt(height * width / (96 * 128))))
    rank = VOID_RANK[ids]
    around = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * border + 1, 2 * border + 1))
    return np.where(cv2.dilate(rank, around) > rank, np.uint8(IGNORE), ids)


def window(tile: np.ndarray, rng: Random, height: int, width: int) -> np.ndarray:
    """A random piece (height, width) of a tile, which is repeated where it is too small."""
    top, left = rng.randrange(256), rng.randrange(256)
    if top + height <= len(tile) and left + width <= len(tile):
        return tile[top : top + height, left : left + width]
    return tile[(top + np.arange(height)) % len(tile)][:, (left + np.arange(width)) % len(tile)]
