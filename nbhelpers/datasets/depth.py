"""Which numbers are black and white in images of more than 8 bits: one range for a whole set."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from nbhelpers.datasets.files import checked_range, read_samples
from nbhelpers.datasets.samples import Samples


class Depth:
    """Makes images of a set's samples, all by one range.

    places: the path of each image, and its frame in a stack or None. in_channels, value_range: as in `Folder`; where no
    range is given it is searched here, and a line says what was found. Raises ValueError for images of 8 bits beside
    images of more, and for numbers that have no range by themselves.
    """

    def __init__(
        self,
        places: Sequence[tuple[Path, int | None]],
        in_channels: int,
        value_range: tuple[float, float] | None,
    ) -> None:
        self.places, self.in_channels = places, in_channels
        self.value_range = checked_range(value_range)
        self._eight_bits = False  # all images, so that one of more is noticed
        if self.value_range is None and places:
            self.value_range = self._find_range()

    def image(self, samples: Samples) -> np.ndarray:
        """uint8 (H, W, in_channels)."""
        if self._eight_bits and samples.bits > 8:
            raise _mixed_depths(samples.name, samples.bits, self.places[0][0])
        return samples.image(self.in_channels, self.value_range)

    def _find_range(self) -> tuple[float, float] | None:
        """The range of the bits that whole numbers of more than 8 bits use in all images; None for any other."""
        used = 0
        for number, (path, frame) in enumerate(self.places):
            try:
                samples = read_samples(path, path, frame)
            except ValueError:
                if number:
                    raise
                return None  # whoever reads it will say so
            if samples.bits <= 8 and number:
                raise _mixed_depths(self.places[0][0], 16, path)
            self._eight_bits = samples.bits <= 8
            if self._eight_bits or samples.values.dtype.kind == "f":
                return None
            samples.image(self.in_channels)  # raises for what is below 0 or above 65535
            used = max(used, int(samples.values.max()).bit_length())
            if used > 14:
                return 0, 65535
        bits = next(n for n in (8, 10, 12, 14) if n >= used)
        top = 2**bits - 1
        print(
            f"{self.places[0][0].parent}: the images use {bits} of their {samples.bits} bits, so {top} becomes white; pass "
            f"value_range=(0, {top}) to every split, and they are not searched again"
        )
        return 0, top


def _mixed_depths(deep: str | Path, bits: int, shallow: Path) -> ValueError:
    return ValueError(
        f"{deep} has {bits} bits, but {shallow} has 8 or fewer: keep images of 8 bits and of more apart, because one "
        "range of numbers cannot be black and white of both"
    )
