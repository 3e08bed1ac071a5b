"""The recipes of benchmarks/camvid_speed.py: what is built, and what it is trained on in which order.

The first is lesson 02's before Muon; `LONG` trains for as many epochs, and no other has more than a third of the first's
operations (counted in a test). Seconds are what is measured: `python -m benchmarks.camvid_speed run --scale 0.1` tells early whether a recipe is too long.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch.nn.functional as F
from torch import Tensor, nn

from nbhelpers.datasets import CamVid, InMemory, Street, in_memory, train_transform
from nbhelpers.models.unet import UNet

SIZE = (144, 192)
CELL = 2  # pixels


class OnCells(nn.Module):
    """A U-Net that works on cells of 2 x 2 pixels: images (N, 3, H, W) -> logits (N, num_classes, H, W), H and W even.

    A quarter of the places, twelve numbers in each, and no pixel is thrown away: Shi et al., 2016,
    https://arxiv.org/abs/1609.05158, for the way back.
    """

    def __init__(self, *, num_classes: int, widths: tuple[int, ...]) -> None:
        super().__init__()
        self.unet = UNet(in_channels=3 * CELL**2, num_classes=num_classes * CELL**2, widths=widths)

    def forward(self, images: Tensor) -> Tensor:
        return F.pixel_shuffle(self.unet(F.pixel_unshuffle(images, CELL)), CELL)


@dataclass(frozen=True, kw_only=True)
class Phase:
    """A training by `fit`, from the weights of the phase before.

    drawn: on 600 scenes of toy street instead of CamVid's 367 photographs.
    size: (height, width) of the pictures in memory. crop: of what is cut from them; None: `size`.
    area: the least and the most of a picture's area that a crop shows. average, optimizer: as in `fit`.
    """

    epochs: float
    size: tuple[int, int] = SIZE
    crop: tuple[int, int] | None = None
    area: tuple[float, float] = (0.5, 1.0)
    lr: float = 4e-3
    batch_size: int = 4
    average: str | None = None
    optimizer: str = "adamw"
    drawn: bool = False

    @property
    def pictures(self) -> int:
        return 600 if self.drawn else 367

    def train(self, limit: int | None = None) -> InMemory:
        """Its pictures, augmented; the first `limit` of them, for trials."""
        source = Street("train", self.size, length=self.pictures) if self.drawn else CamVid("train")
        return in_memory(source, self.size, train_transform(self.crop, scale=self.area), limit)


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """build: makes the network, with weights from torch's generator. seen_at: what val is shrunk to on its way in."""

    build: Callable[[], nn.Module]
    phases: tuple[Phase, ...]
    seen_at: tuple[int, int] = SIZE

    def __str__(self) -> str:
        phases = ", then ".join(str(phase).removeprefix("Phase") for phase in self.phases)
        return f"{self.build.__name__}: {phases}; seen at {self.seen_at[0]} x {self.seen_at[1]}"


def unet() -> nn.Module:
    return UNet(num_classes=11, widths=(16, 32, 64, 128, 256))


def cells() -> nn.Module:
    return OnCells(num_classes=11, widths=(32, 64, 128, 256))


def narrow_cells() -> nn.Module:
    return OnCells(num_classes=11, widths=(24, 48, 96, 192))


SMALL = (72, 96)
LARGE = (192, 256)
SMALL_FIRST = (Phase(epochs=12, size=SMALL), Phase(epochs=6, lr=2e-3))
DRAWINGS = Phase(epochs=6, size=SMALL, drawn=True)


def averaged(*phases: Phase) -> tuple[Phase, ...]:
    """The same, with an exponential average in the last phase."""
    return (*phases[:-1], replace(phases[-1], average="ema"))


LONG = "muon, as long as today"
RECIPES = {
    "today": Recipe(build=unet, phases=(Phase(epochs=30),)),
    "a third of the epochs": Recipe(build=unet, phases=(Phase(epochs=10),)),
    "muon": Recipe(build=unet, phases=(Phase(epochs=8, lr=1e-2, optimizer="muon"),)),
    LONG: Recipe(build=unet, phases=(Phase(epochs=30, lr=1e-2, optimizer="muon"),)),
    "ema": Recipe(build=unet, phases=averaged(Phase(epochs=10))),
    "mild crops": Recipe(build=unet, phases=(Phase(epochs=10, area=(0.75, 1.0)),)),
    "crops of larger pictures": Recipe(
        build=unet, phases=(Phase(epochs=17, size=(240, 320), crop=(112, 144), area=(0.3, 1.0)),)
    ),
    "small first": Recipe(build=unet, phases=SMALL_FIRST),
    "drawings first": Recipe(build=unet, phases=(DRAWINGS, Phase(epochs=7))),
    "cells": Recipe(build=cells, phases=(Phase(epochs=12),)),
    "narrow cells": Recipe(build=narrow_cells, phases=(Phase(epochs=22),)),
    "cells of larger pictures": Recipe(
        build=narrow_cells, phases=(Phase(epochs=12, size=LARGE),), seen_at=LARGE
    ),
    "cells, small first": Recipe(
        build=narrow_cells, phases=(Phase(epochs=24, size=SMALL), Phase(epochs=16, lr=2e-3))
    ),
    "cells, small first, ema": Recipe(
        build=narrow_cells, phases=averaged(Phase(epochs=24, size=SMALL), Phase(epochs=16, lr=2e-3))
    ),
    "cells, drawings, small first, ema": Recipe(
        build=narrow_cells,
        phases=averaged(DRAWINGS, Phase(epochs=14, size=SMALL), Phase(epochs=15, lr=2e-3)),
    ),
}
