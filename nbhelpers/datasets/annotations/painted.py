"""Masks that a tool has painted itself: files, read when they are needed."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from nbhelpers.datasets.annotations.shapes import Bitmap, Window
from nbhelpers.datasets.dataset import IGNORE
from nbhelpers.datasets.files import read_mask
from nbhelpers.datasets.palette import number_of_rgb, rgb_of_number


@dataclass(frozen=True)
class Painted:
    """A mask file of all classes. `label_of` names its values (ids, or RGB as one number); 255 is void unless named."""

    path: Path
    label_of: Mapping[int, str]
    colours: bool = False

    @cached_property
    def labels(self) -> frozenset[str]:
        """The labels that the file holds."""
        return frozenset(
            self.label_of[value] for value in np.unique(self._values()).tolist() if self._known(value)
        )

    def mask(self, ids: Mapping[str, int], background: int) -> np.ndarray:
        """uint8 (H, W); `ids` and `background` as in `paint.paint`."""
        found, inverse = np.unique(self._values(), return_inverse=True)
        new = [
            ids.get(self.label_of[value], background) if self._known(value) else IGNORE
            for value in found.tolist()
        ]
        return np.array(new, np.uint8)[inverse]

    def _values(self) -> np.ndarray:
        values = read_mask(self.path.read_bytes(), self.path, colours=self.colours)
        return number_of_rgb(values) if self.colours else values

    def _known(self, value: int) -> bool:
        if value in self.label_of:
            return True
        if value == IGNORE and not self.colours:
            return False
        named = f"colour {rgb_of_number(value)}" if self.colours else f"id {value}"
        raise ValueError(f"{self.path} holds the {named}, which its export does not name")


@dataclass(frozen=True)
class Stored:
    """A shape that is a black and white file of the picture's size. Raises ValueError on covering for another size."""

    path: Path

    def cover(self, size: tuple[int, int]) -> Window:
        pixels = read_mask(self.path.read_bytes(), self.path) > 0
        if pixels.shape != size:
            raise ValueError(
                f"the mask is {pixels.shape[0]} x {pixels.shape[1]} pixels, but its image is {size[0]} x {size[1]}; they "
                "must be equal"
            )
        return Bitmap(pixels).cover(size)

    def moved(self, by: float) -> "Stored":
        return self
