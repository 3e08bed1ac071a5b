"""The camera that takes a toy eye: its light, tone, sharpness, noise and compression."""

import cv2
import numpy as np

from nbhelpers.datasets.toy.drawing import develop
from nbhelpers.datasets.toy.eye_scene import Scene

GLARE = 1.8  # a reflection is brighter than white paper, which is 1


def photograph(
    scene: Scene, image: np.ndarray, rng: np.random.Generator, noise: np.random.Generator
) -> np.ndarray:
    """The scene in even light, float (C, H, W), as a picture, uint8 (H, W, 3).

    What is random is drawn from `rng` whatever the size; `noise` is for each pixel's own.
    """
    height, width = scene.size
    exposure = rng.uniform(0.55, 1.35) if scene.infrared else rng.uniform(0.35, 1.1)
    tint = np.float32(exposure * rng.normal(1, 0 if scene.infrared else 0.035, (len(image), 1, 1)))
    gamma = float(np.clip(np.exp(rng.normal(0, 0.22)), 0.6, 1.7))
    image = np.clip(image * _light(scene, rng), 0, GLARE) ** gamma * tint
    if rng.random() < 0.3:  # stray light lifts the black
        veil = np.float32(rng.uniform(0, 0.18))
        image = veil + (1 - veil) * image
    image = np.ascontiguousarray(image.transpose(1, 2, 0)).squeeze()  # (C, H, W) -> (H, W, 3) or (H, W)

    coarse, resolution = rng.random() < 0.25, rng.uniform(0.3, 1)
    shaken, motion, heading = rng.random() < 0.2, rng.uniform(0, 0.03) * width, rng.uniform(0, np.pi)
    sharpened, halo, strength = rng.random() < 0.25, rng.uniform(0.003, 0.008) * width, rng.uniform(0.3, 1.5)
    grain = rng.uniform(0.002, 0.03) / exposure**0.5
    compressed, quality = rng.random() < 0.2, int(rng.integers(15, 80))
    if coarse:
        small = max(8, int(width * resolution)), max(8, int(height * resolution))
        image = cv2.resize(cv2.resize(image, small, interpolation=cv2.INTER_AREA), (width, height))
    if scene.eye.blur > 0.3:
        image = cv2.GaussianBlur(image, (0, 0), scene.eye.blur)
    if shaken and motion > 1:
        image = cv2.filter2D(image, -1, _streak(motion, heading), borderType=cv2.BORDER_REPLICATE)
    if sharpened:  # as cameras do: bright and dark seams along edges
        image = (1 + strength) * image - strength * cv2.GaussianBlur(image, (0, 0), halo)
    image = develop(image, noise, 0.5 * grain, grain)
    if compressed:
        _, file = cv2.imencode(".jpg", image, (cv2.IMWRITE_JPEG_QUALITY, quality))
        image = cv2.imdecode(file, cv2.IMREAD_COLOR)
    return image


def _light(scene: Scene, rng: np.random.Generator) -> np.ndarray:
    """How much light falls on each pixel, around 1; float32 (H, W)."""
    height, width = scene.size
    x = np.linspace(-1, 1, width, dtype=np.float32)
    y = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    tilt_x, tilt_y = np.clip(rng.normal(0, 0.2, 2), -0.5, 0.5).tolist()
    spot_x, spot_y = rng.normal(0, 0.15, 2).tolist()
    dark_corners = rng.uniform(0, 0.35) if rng.random() < 0.7 else rng.uniform(0.35, 0.95)
    light = np.square(x - spot_x) + np.square(y - spot_y)
    light = 1 + tilt_x * x + tilt_y * y - 0.5 * dark_corners * light
    shaded, depth, soft = rng.random() < 0.15, rng.uniform(0.2, 0.7), rng.uniform(0.03, 0.4)
    heading, offset = rng.uniform(0, 2 * np.pi), rng.uniform(-0.2, 0.8)
    if shaded:  # by the brow, the nose or a hand: darker beyond a straight edge
        beyond = float(np.cos(heading)) * x + float(np.sin(heading)) * y - offset
        light *= 1 - depth / (1 + np.exp(np.clip(beyond * (-1 / soft), -30, 30)))
    return np.maximum(light, 0.03)


def _streak(length: float, heading: float) -> np.ndarray:
    """The kernel of a camera that moves on by `length` pixels."""
    half = int(np.ceil(length / 2))
    tip = np.round(np.array([np.cos(heading), np.sin(heading)]) * length / 2).astype(int)
    kernel = np.zeros((2 * half + 1, 2 * half + 1), np.float32)
    cv2.line(kernel, (half - tip).tolist(), (half + tip).tolist(), 1.0)
    return kernel / kernel.sum()
