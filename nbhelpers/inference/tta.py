"""Test-time augmentation: predict several views of one image and average what they say."""

from dataclasses import dataclass
from itertools import product

import torch.nn.functional as F
from torch import Tensor


@dataclass(frozen=True)
class View:
    """One way to look at images (N, C, H, W): transposed, upside down, mirrored, at another scale."""

    transposed: bool = False
    upside_down: bool = False
    mirrored: bool = False
    scale: float = 1.0

    def of(self, images: Tensor, stride: int) -> Tensor:
        """The view; a changed scale is rounded so that both sides stay multiples of `stride`."""
        if self.scale != 1:
            sides = [max(1, round(side * self.scale / stride)) * stride for side in images.shape[-2:]]
            images = F.interpolate(
                images, sides, mode="bilinear", align_corners=False, antialias=self.scale < 1
            )
        if self.transposed:
            images = images.mT
        return images.flip(self._axes) if self._axes else images

    def back(self, maps: Tensor, size: tuple[int, int]) -> Tensor:
        """Undo `of` on what was predicted, down to the images' `size`."""
        if self._axes:
            maps = maps.flip(self._axes)
        if self.transposed:
            maps = maps.mT
        if maps.shape[-2:] != size:
            maps = F.interpolate(maps, size, mode="bilinear", align_corners=False)
        return maps

    @property
    def _axes(self) -> list[int]:
        return [-2] * self.upside_down + [-1] * self.mirrored


@dataclass(frozen=True)
class TTA:
    """Which views to average: every combination of flips, quarter turns and scales, each once.

    flips: "h" (left and right), "v" (up and down), "hv", or "" for none.
    turns: also the four quarter turns; with a flip these are the eight symmetries of the square.
    scales: factors on the image's sides. The default TTA() is the plain image alone.
    Choose what the scene allows: a street has an up and a down, a microscope's picture has not; where classes tell left
    from right, as those of two lungs do, a flip exchanges them, and the mean is of both.
    """

    flips: str = ""
    turns: bool = False
    scales: tuple[float, ...] = (1.0,)

    def __post_init__(self) -> None:
        if not isinstance(self.flips, str) or set(self.flips) - set("hv"):
            raise ValueError(f"flips is {self.flips!r}; it must be 'h', 'v', 'hv' or ''")
        several = isinstance(self.scales, tuple | list)
        fine = several and self.scales and all(0 < scale < float("inf") for scale in self.scales)
        if not fine or len(set(self.scales)) < len(self.scales):
            raise ValueError(
                f"scales is {self.scales}; it must hold at least one factor above 0, each once, such as (0.75, 1.0)"
            )

    @property
    def views(self) -> list[View]:
        # a quarter turn is a transposition and a flip; (transposed, upside down, mirrored)
        turns = [(0, 0, 0), (1, 1, 0), (0, 1, 1), (1, 0, 1)] if self.turns else [(0, 0, 0)]
        up_down, left_right = (0, 1)[: 1 + ("v" in self.flips)], (0, 1)[: 1 + ("h" in self.flips)]
        flips = list(product(up_down, left_right))
        symmetries = {(bool(t), bool(u ^ v), bool(m ^ h)) for t, u, m in turns for v, h in flips}
        return [View(*symmetry, scale) for scale in self.scales for symmetry in sorted(symmetries)]
