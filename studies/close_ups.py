"""Close-ups of toy eyes as the data of a study, and lesson 17's four networks, narrow, which learn from them."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from torchvision import tv_tensors
from torchvision.transforms import InterpolationMode, v2

from nbhelpers.datasets import IGNORE, Eyes, InMemory, in_memory
from nbhelpers.datasets.toy.eyes import Eye
from nbhelpers.iris import OPEN, close_ups
from nbhelpers.models.encoder_unet import Pix2PixUNet
from nbhelpers.models.fc_densenet import FCDenseNet
from nbhelpers.models.fcn8 import FCN8, FastFCN8
from studies.protocol import Protocol

SIZE, SCORED = (48, 64), (120, 160)  # (height, width) of close-ups: learnt from, and scored
PICTURES = {"train": (96, 128), "val": (96, 128), "test": (240, 320)}  # that they are cut out of
TEST = {"length": 240, "pictures_per_identity": 6}
VGG = {"widths": (8, 16, 32, 64, 64), "fc_channels": 128, "dropout": 0.0}
NETWORKS = {
    "FCN8": lambda: FCN8(num_classes=2, **VGG),
    "FastFCN8": lambda: FastFCN8(num_classes=2, **VGG),
    "U-Net on MobileNetV2": lambda: Pix2PixUNet(num_classes=2, widths=(128, 64, 32, 16)),
    "FC-DenseNet": lambda: FCDenseNet(
        num_classes=2, layers=(1, 1, 2), growth_rate=8, stem_channels=8, dropout=0.0
    ),
}


def augmentation() -> v2.Compose:
    """Mirrored, turned, moved, zoomed, and in another light; what comes in at the corners is void."""
    corner = {tv_tensors.Image: 0, tv_tensors.Mask: IGNORE}
    move = v2.RandomAffine(45, (0.1, 0.1), (0.8, 1.25), interpolation=InterpolationMode.BILINEAR, fill=corner)
    return v2.Compose([v2.RandomHorizontalFlip(), move, v2.ColorJitter(brightness=0.3)])


def conditions_of(eye: Eye) -> dict[str, bool]:
    """How an eye was pictured: five pairs, first what should be easy, then what should not."""
    aside = math.hypot(*eye.gaze)
    return {
        "sharp": eye.blur < 0.5,
        "blurred": eye.blur > 1.5,
        "straight gaze": aside < 12,
        "gaze aside": aside > 25,
        "open lids": eye.opening > 0.8,
        "half closed": eye.opening < 0.65,
        "infrared": eye.light == "infrared",
        "visible light": eye.light == "visible",
        "large iris": eye.iris.a > 50,
        "small iris": eye.iris.a < 35,
    }


def eyes(split: str, count: int) -> Eyes:
    """The pictures that close-ups are cut out of; of test the lesson's, whatever `count` is."""
    return Eyes(split, PICTURES[split], **(TEST if split == "test" else {"length": count}))


@cache
def parameters(split: str, count: int) -> list[Eye]:
    """What is known of each of these pictures, without drawing it."""
    drawn = eyes(split, count)
    return [drawn.parameters(index) for index in range(len(drawn))]


def open_eyes(split: str, count: int) -> list[Eye]:
    """Those that have a close-up, in its order: all that are not nearly shut."""
    return [eye for eye in parameters(split, count) if eye.opening > OPEN]


@cache
def cut_out(split: str, count: int) -> InMemory:
    """The close-ups, drawn once in a process."""
    size = SCORED if split == "test" else SIZE
    return close_ups(in_memory(eyes(split, count)), parameters(split, count), size)


@dataclass(frozen=True, kw_only=True)
class CloseUps(Protocol):
    """A protocol on close-ups of toy eyes: of `scenes` pictures to train on, 100 of val, and the lesson's 240 of test."""

    size: tuple[int, int] = SIZE
    seen_at: tuple[int, int] = SIZE
    scenes: int = 2200
    epochs: int = 8
    options: Mapping[str, Any] = field(default_factory=lambda: {"weight_decay": 0.05})

    def data(self, split: str) -> InMemory:
        pairs = cut_out(split, {"train": self.scenes, "val": 100, "test": TEST["length"]}[split])
        pairs.transform = augmentation() if split == "train" else None
        return pairs

    @property
    def drawn(self) -> int:
        return len(open_eyes("train", self.scenes))

    def __str__(self) -> str:
        return super().__str__().replace(f"{self.scenes} scenes", f"{self.drawn:,} close-ups")
