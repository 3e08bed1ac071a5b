"""The recipes of benchmarks/camvid_speed.py: a network, and what it is trained on, for how long and by which optimizer.

The first had the best score on CamVid's val before Muon. The shorter ones have a third of its operations at most.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from torch import nn

from nbhelpers.datasets import CamVid, InMemory, Street, in_memory, train_transform
from nbhelpers.models.unet import UNet
from studies.which.budget import TODAY
from studies.which.networks import NETWORKS

SIZE, SMALL, LARGE = (144, 192), (72, 96), (288, 384)


@dataclass(frozen=True, kw_only=True)
class Phase:
    """A training by `fit`, from the weights of the phase before.

    drawn: on 600 scenes of toy street instead of CamVid's 367 photographs. size: (height, width) of the pictures in memory.
    """

    epochs: float
    size: tuple[int, int] = SIZE
    lr: float = 4e-3
    batch_size: int = 4
    optimizer: str = "adamw"
    drawn: bool = False

    @property
    def seen_at(self) -> tuple[int, int]:
        """(height, width) that val is shrunk to before the network sees it: never smaller than `SIZE`."""
        return max(SIZE, self.size)

    @property
    def pictures(self) -> int:
        return 600 if self.drawn else 367

    def train(self, limit: int | None = None) -> InMemory:
        """Its pictures, augmented; the first `limit` of them, for trials."""
        source = Street("train", self.size, length=self.pictures) if self.drawn else CamVid("train")
        return in_memory(source, self.size, train_transform(), limit)


def unet() -> nn.Module:
    return UNet(num_classes=11, widths=(16, 32, 64, 128, 256))


def by_muon(epochs: float, **more: object) -> Phase:
    return Phase(epochs=epochs, lr=1e-2, optimizer="muon", **more)


def enlarged(epochs: float) -> Phase:
    return Phase(epochs=epochs, size=LARGE, lr=5e-3, batch_size=2, optimizer="muon")


class Recipe(NamedTuple):
    phases: tuple[Phase, ...]
    build: Callable[[], nn.Module] = unet


# batches and rate of lesson 24
HARDNET = (
    Phase(epochs=12, lr=3e-2, batch_size=8, optimizer="muon"),
    Phase(epochs=14, lr=1.5e-2, batch_size=4, optimizer="muon", size=LARGE),
)
RECIPES = {
    TODAY: Recipe((Phase(epochs=30),)),
    "AdamW, 10 epochs": Recipe((Phase(epochs=10),)),
    "Muon, 8 epochs": Recipe((by_muon(8),)),
    "Muon, 30 epochs": Recipe((by_muon(30),)),
    "Muon, 12 epochs, 7 larger": Recipe((by_muon(12), enlarged(7))),
    "Muon, 12 epochs, 14 larger": Recipe((by_muon(12), enlarged(14))),
    "Muon, drawings, then 6 epochs": Recipe((by_muon(6, size=SMALL, drawn=True), by_muon(6))),
    "FC-HarDNet, Muon, 12 epochs, 14 larger": Recipe(HARDNET, NETWORKS["FC-HarDNet"].build),
}
