"""What the drawn datasets share: a checked split, size and length, randomness by index, strokes, noise and the camera."""

from collections.abc import Callable
from numbers import Integral

import cv2
import numpy as np

from nbhelpers.datasets.dataset import SegmentationDataset, check_split

LENGTHS = {"train": 600, "val": 100, "test": 100}
MIN_SIDE = 32
FINE = 4  # shapes are drawn four times larger, then averaged: a pixel holds the share that is covered


class ToyDataset(SegmentationDataset):
    """Pictures drawn by code: the same (split, seed, index) gives the same scene at every `size`.

    `size` is (height, width) in pixels, each at least 32; `length=None` is 600 pictures for train and
    100 for val and for test. Raises ValueError for any other split, size, length or seed.
    """

    def __init__(
        self,
        split: str = "train",
        size: tuple[int, int] = (96, 128),
        length: int | None = None,
        seed: int = 0,
        transform: Callable | None = None,
    ) -> None:
        super().__init__(transform)
        check_split(split)
        if not isinstance(size, tuple | list) or len(size) != 2:
            raise ValueError(f"size is {size!r}; it must be (height, width), such as (96, 128)")
        check_integer("the height in size", size[0], MIN_SIDE)
        check_integer("the width in size", size[1], MIN_SIDE)
        check_integer("length", LENGTHS[split] if length is None else length, 1)
        check_integer("seed", seed, 0)
        self.split, self.size, self.seed = split, (int(size[0]), int(size[1])), int(seed)
        self.length = LENGTHS[split] if length is None else int(length)

    def __len__(self) -> int:
        return self.length

    def rng(self, index: int, stream: int = 0) -> np.random.Generator:
        """Randomness of one picture: depends on (split, seed, index) and on `stream` only.

        Draw what depends on the size, such as the noise of each pixel, last or from a `stream` of its own:
        only so does the scene stay the same when the size changes. Raises IndexError as `place`.
        """
        split = list(LENGTHS).index(self.split)
        return np.random.default_rng((split, self.seed, stream, self.place(index)))

    def place(self, index: int) -> int:
        """The index from 0 on: -1 is the last. Raises IndexError for one outside -len..len-1."""
        if not -self.length <= index < self.length:
            raise IndexError(f"index {index} is out of range: {type(self).__name__} has {self.length} pairs")
        return index % self.length


def check_integer(name: str, value: object, least: int) -> None:
    """Raise ValueError unless `value` is an integer of at least `least`."""
    if isinstance(value, bool) or not isinstance(value, Integral) or value < least:
        raise ValueError(f"{name} is {value!r}; it must be an integer of at least {least}")


def smooth_noise(rng: np.random.Generator, cells: tuple[int, int], size: tuple[int, int]) -> np.ndarray:
    """Noise of about zero mean and unit deviation: random values on a grid of `cells`, smooth between; (H, W)."""
    grid = rng.standard_normal(cells, dtype=np.float32)
    return cv2.resize(grid, size[::-1], interpolation=cv2.INTER_CUBIC)


def curves(start: np.ndarray, control: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Quadratic Bezier curves: three (N, 2) arrays of points -> (N, 8, 2)."""
    t = np.linspace(0, 1, 8)[:, None]
    return (1 - t) ** 2 * start[:, None] + 2 * t * (1 - t) * control[:, None] + t**2 * end[:, None]


def strokes(groups: list[tuple[np.ndarray, float]], size: tuple[int, int]) -> np.ndarray:
    """Share of each pixel that tapering lines cover, in [0, 1], (H, W); a group is lines and their width.

    Lines are (N, points, 2) of x, y in pixels, with at least four points; a width is in pixels.
    """
    layer = np.zeros((size[0] * FINE, size[1] * FINE), np.uint8)
    for lines, width in groups:
        fixed = np.round(lines * FINE).clip(-30_000, 30_000).astype(np.int32)
        taper = fixed.shape[1] * 2 // 3  # two thirds in full width, the tip in half
        cv2.polylines(layer, list(fixed[:, :taper]), False, 255, max(1, round(width * FINE)))
        cv2.polylines(layer, list(fixed[:, taper - 1 :]), False, 255, max(1, round(width * FINE / 2)))
    return _averaged(layer, size)


def develop(image: np.ndarray, rng: np.random.Generator, read: float, shot: float) -> np.ndarray:
    """What the sensor makes of light: float (H, W) or (H, W, 3) in 0..1 -> uint8 (H, W, 3).

    Noise has the variance `read`**2 + `shot`**2 * light, as of a real sensor: electronics and photons.
    """
    image = np.clip(image, 0, 1)
    noise = rng.standard_normal(image.shape, dtype=np.float32)
    image = image + noise * np.sqrt(read**2 + shot**2 * image)
    image = np.clip(image * 255 + 0.5, 0, 255).astype(np.uint8)
    return np.repeat(image[..., None], 3, axis=2) if image.ndim == 2 else image


def filled(polygons: list[np.ndarray], size: tuple[int, int]) -> np.ndarray:
    """Share of each pixel inside any of the polygons, in [0, 1]: (points, 2) of x, y in pixels -> (H, W)."""
    layer = np.zeros((size[0] * FINE, size[1] * FINE), np.uint8)
    for polygon in polygons:
        cv2.fillPoly(layer, [np.round(polygon * FINE).clip(-30_000, 30_000).astype(np.int32)], 255)
    return _averaged(layer, size)


def _averaged(layer: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    for scale in (2, 1):  # two halvings: OpenCV has a fast path for them
        layer = cv2.resize(layer, (size[1] * scale, size[0] * scale), interpolation=cv2.INTER_AREA)
    return layer * np.float32(1 / 255)
