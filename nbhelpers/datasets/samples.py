"""What a file holds, before it is an image or a mask; the rules by which it becomes one stand in `files`."""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

BAND_NAMES = {1: "grey", 3: "red, green, blue"}


@dataclass
class Samples:
    """The numbers of a file, turned upright.

    values: (H, W, bands) as stored; with `palette`, RGBA uint8 (n, 4), its rows. colours: how many bands are grey (1)
    or RGB (3); alpha: the number of the band of transparency. top: the number that is white, None for signed and
    float numbers. name: what errors call the file.
    """

    values: np.ndarray
    name: str | Path
    top: int | None = 255
    colours: int = 1
    alpha: int | None = None
    palette: np.ndarray | None = None

    @property
    def bits(self) -> int:
        """How many bits the numbers of a band have; a palette's colours have 8."""
        if self.palette is not None:
            return 8
        return 8 * self.values.itemsize if self.top is None else self.top.bit_length()

    def image(self, in_channels: int = 3, value_range: tuple[float, float] | None = None) -> np.ndarray:
        """uint8 (H, W, in_channels); see `read_image`."""
        bands = self._bands(in_channels)
        if bands.shape[2] == 1 and in_channels == 3:
            return cv2.cvtColor(self._bytes(bands, value_range), cv2.COLOR_GRAY2RGB)
        return self._bytes(bands, value_range)

    def _bands(self, in_channels: int) -> np.ndarray:
        """Those of the bands that an image of so many channels takes; one alone stands for three equal ones."""
        values = self.values
        if self.palette is not None:
            values = np.ascontiguousarray(self.palette[:, :3]).take(values[..., 0], axis=0)
        if values.shape[2] == in_channels:
            return values
        shown = values
        if self.alpha == 3 and values.shape[2] == 4 and values.dtype.kind == "u" and values.itemsize < 4:
            shown = cv2.cvtColor(values, cv2.COLOR_RGBA2RGB)  # much faster than by numpy
        elif self.alpha is not None:
            shown = np.delete(values, self.alpha, axis=2)
        if shown.shape[2] == in_channels or (shown.shape[2] == 1 and in_channels == 3):
            return shown
        if shown.shape[2] == 3 and in_channels == 1 and (shown == shown[..., :1]).all():
            return shown[..., :1]
        count = values.shape[2]
        colours = 3 if self.palette is not None else self.colours
        more = count - colours - (self.alpha is not None)
        named = [BAND_NAMES[colours], *["alpha"] * (self.alpha is not None), *[f"{more} more"] * (more > 0)]
        raise ValueError(
            f"{self.name} has {count} bands ({', '.join(named)}), but {in_channels} are due: "
            f"pass in_channels={count} to take them all, or write it with {in_channels}"
        )

    def _bytes(self, values: np.ndarray, value_range: tuple[float, float] | None) -> np.ndarray:
        top = 255 if self.palette is not None else self.top
        if value_range is None:
            if top == 255:
                return values
            if values.dtype.kind == "f":
                raise ValueError(
                    f"{self.name} holds floating point numbers; an image must have 8 or 16 bits: convert it first, "
                    "or pass value_range=(black, white), the numbers that become 0 and 255"
                )
            if top is None or top > 65535:
                if values.min() < 0 or values.max() > 65535:
                    raise ValueError(
                        f"{self.name} holds values {values.min()}..{values.max()}; an image must have 8 or 16 bits: "
                        "pass value_range=(black, white), the numbers that become 0 and 255"
                    )
                top = 65535
            return ((values.astype(np.uint32) * 255 + top // 2) // top).astype(np.uint8)
        black, white = value_range
        if top is not None and top <= 255 < white:
            raise ValueError(
                f"{self.name} has 8 bits or fewer, which cannot fill value_range={value_range}: keep files of "
                "8 bits and of more apart"
            )
        if values.dtype.kind == "f" and not np.isfinite(values).all():
            raise ValueError(f"{self.name} holds nan or infinite numbers; fill them before it is an image")
        floats = values.astype(np.float32 if values.itemsize < 4 else np.float64)
        scaled = (floats - black) * (255 / (white - black))
        return (scaled.clip(0, 255) + 0.5).astype(np.uint8)

    def mask(self, *, colours: bool = False, ids: Collection[int] | None = None) -> np.ndarray:
        """Values (H, W), or RGB (H, W, 3) if `colours`; see `read_mask`."""
        if self.palette is not None:
            return self._palette_mask(colours, ids)
        if self.values.dtype.kind not in "ui":
            raise ValueError(
                f"{self.name} holds floating point numbers; a mask must hold integer class ids: save it as uint8"
            )
        if self.values.shape[2] != self.colours + (self.alpha is not None):
            raise ValueError(
                f"{self.name} has {self.values.shape[2]} bands; a mask must have one, of class ids"
            )
        shown = self.values[..., : self.colours]
        transparent = self.alpha is not None and self._alpha_is_mask(shown, self.values[..., self.alpha])
        if colours:
            if transparent:
                raise ValueError(
                    f"{self.name} has one colour, and its shape in the alpha channel, but palette= says that colours "
                    "are the classes: paint the classes, or save alpha as a grey mask"
                )
            return np.repeat(self._levels(shown), 3 // self.colours, axis=2)
        if transparent:
            return np.ascontiguousarray(self.values[..., self.alpha])
        if self.colours == 3 and (shown != shown[..., :1]).any():
            hint = (
                "" if self.alpha is None else "; or, if its transparency is the mask, save that as a grey PNG"
            )
            raise ValueError(
                f"{self.name} is a colour picture, but class ids are due; pass palette= with one colour a class{hint}"
            )
        grey = shown[..., 0]
        if self.top is not None and 1 < self.top < 255:
            found, levels = np.unique(grey), self._levels(np.unique(grey))
            if not set(found.tolist()) <= set((0, 1) if ids is None else ids) and (
                ids is None or set(levels.tolist()) <= set(ids)
            ):
                return self._levels(grey)
        return np.ascontiguousarray(grey)

    def _palette_mask(self, colours: bool, ids: Collection[int] | None) -> np.ndarray:
        stored = self.values[..., 0]
        used = numbers_in(stored)
        rgb, alpha = self.palette[used, :3], self.palette[used, 3]
        all_grey = (rgb == rgb[:, :1]).all()
        if (colours or all_grey) and self._alpha_is_mask(rgb, alpha):
            if colours:
                raise ValueError(
                    f"{self.name} has one colour, and its shape in the transparency of its palette"
                )
            return self.palette[stored, 3]
        if colours:
            return self.palette[stored, :3]
        wholly_grey = (self.palette[:, :3] == self.palette[:, :1]).all()
        if wholly_grey or (all_grey and (ids is None or not set(used.tolist()) <= set(ids))):
            return self.palette[stored, 0]
        return np.ascontiguousarray(stored)

    def _alpha_is_mask(self, shown: np.ndarray, alpha: np.ndarray) -> bool:
        """Whether transparency holds the shape. ValueError where it says something that the colour does not."""
        flat = shown.reshape(alpha.size, -1)
        one_colour = (flat == flat[0]).all()
        if (alpha == alpha.flat[0]).all():
            return bool(one_colour and not alpha.any() and shown.any())  # nothing is to be seen
        if one_colour:
            return True
        bits = 8 * shown.itemsize
        colour = np.zeros(alpha.size, np.uint64)
        for band in flat.T:
            colour = colour << np.uint64(bits) | band.astype(np.uint64)
        with_alpha = colour << np.uint64(bits) | alpha.ravel().astype(np.uint64)
        if len(np.unique(with_alpha)) > len(np.unique(colour)):
            raise ValueError(
                f"{self.name} holds one shape in its colour and another in its alpha channel; a mask must have one: "
                "save the one that is meant as a grey PNG"
            )
        return False

    def _levels(self, values: np.ndarray) -> np.ndarray:
        """As grey levels of 8 bits, uint8; ValueError where that would lose any."""
        if self.top == 65535 and not (values % 257).any():
            return (values // 257).astype(np.uint8)
        if self.top is None or 255 % self.top:
            raise ValueError(f"{self.name} has more than 8 bits a band; a mask of colours must have 8")
        return (values * (255 // self.top)).astype(np.uint8)


def numbers_in(values: np.ndarray) -> np.ndarray:
    """The different numbers in an integer array (H, W), in order; of bytes by their histogram, ten times as fast."""
    if values.dtype != np.uint8:
        return np.unique(values)
    return np.flatnonzero(cv2.calcHist([values], [0], None, [256], [0, 256]))
