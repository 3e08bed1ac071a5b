"""Toy specks: round grains among look-alikes, at a share of pixels that is chosen. For studies of rare classes."""

from collections.abc import Callable

import numpy as np

from nbhelpers.datasets.palette import BINARY
from nbhelpers.datasets.toy.drawing import ToyDataset, develop, smooth_noise

RADIUS = 0.075  # of a grain, as a share of the shorter side
LOOK_ALIKES = 8  # on average in a picture


class Specks(ToyDataset):
    """Pictures of dark ground with grains: image uint8 (3, H, W), mask uint8 (H, W), 0 background and 1 speck.

    share: of the pixels, on average, that are specks. A rarer class has fewer specks in fewer pictures, each as large
    and as hard to tell as ever: at 0.1 no picture is without, at 0.001 nine in ten are. Rings of the same size and
    brightness are background, and so is what a speck's blurred rim covers by less than half.
    Raises ValueError for a share that is not above 0 and at most 0.3, and for other bad arguments.
    """

    classes = ("Background", "Speck")
    palette = BINARY

    def __init__(
        self,
        split: str = "train",
        size: tuple[int, int] = (48, 64),
        length: int | None = None,
        seed: int = 0,
        transform: Callable | None = None,
        share: float = 0.01,
    ) -> None:
        super().__init__(split, size, length, seed, transform)
        if not 0 < share <= 0.3:
            raise ValueError(f"share is {share!r}; it must be above 0 and at most 0.3 of the pixels")
        self.share = share

    def read(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        rng, noise = self.rng(index), self.rng(index, stream=1)
        height, width = self.size
        shorter = min(self.size)
        # grains are cut off at the sides, so that none of the picture has fewer
        edge = 1.5 * RADIUS * shorter
        room = (height + 2 * edge) * (width + 2 * edge)
        area = np.pi * (RADIUS * shorter) ** 2 * 13 / 12  # the mean for radii of 0.5 to 1.5
        # specks overlap: those that cover a share s have -log(1 - s) of the area one by one
        specks = rng.poisson(-np.log1p(-self.share) * room / area)
        y, x = np.mgrid[:height, :width] + 0.5
        light = 0.3 + 0.05 * smooth_noise(self.rng(index, stream=2), (4, 5), self.size)
        mask = np.zeros(self.size, np.uint8)
        for number in range(specks + rng.poisson(LOOK_ALIKES * room / (height * width))):
            radius = RADIUS * shorter * rng.uniform(0.5, 1.5)
            centre = rng.uniform(-edge, height + edge), rng.uniform(-edge, width + edge)
            bright = rng.uniform(0.08, 0.5)  # the faintest drown in the noise
            away = np.hypot(y - centre[0], x - centre[1])
            disc = np.clip(radius - away + 0.5, 0, 1)
            if number < specks:
                mask[disc >= 0.5] = 1
                light += bright * disc * (1 - light)
            else:
                hole = np.clip(0.55 * radius - away + 0.5, 0, 1)
                light += bright * (disc - hole) * (1 - light)
        return develop(light.astype(np.float32), noise, read=0.05, shot=0.05), mask
