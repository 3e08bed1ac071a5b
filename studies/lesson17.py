"""17 Iris segmentation: which network finds the iris, and under which conditions does it fail?

The lesson's four networks, narrow, on close-ups of toy eyes that are changed anew in each epoch, all on the same terms;
scored on the lesson's test pictures, all of them and those of each condition.
"""

import math
from functools import cache

import numpy as np
from torch import nn
from torchvision import tv_tensors
from torchvision.transforms import InterpolationMode, v2

from nbhelpers.datasets import IGNORE, Eyes, InMemory, in_memory
from nbhelpers.datasets.toy.eyes import Eye
from nbhelpers.iris import OPEN, close_ups, e1, e2
from nbhelpers.models.encoder_unet import Pix2PixUNet
from nbhelpers.models.fc_densenet import FCDenseNet
from nbhelpers.models.fcn8 import FCN8, FastFCN8
from nbhelpers.training import AtSize
from studies import Claim, Protocol, Study, Way
from studies.measures import predictions

SIZE, SCORED = (48, 64), (120, 160)  # (height, width) of close-ups: learnt from, and scored
PICTURES = {"train": (96, 128), "val": (96, 128), "test": (240, 320)}  # that they are cut out of
TEST = {"length": 240, "pictures_per_identity": 6}
IRIS = "IoU of the iris"
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


@cache
def cut_out(split: str, count: int) -> tuple[InMemory, list[Eye]]:
    """The close-ups of `count` pictures, and their eyes; those that are nearly shut are left out. Drawn once in a process."""
    options = TEST if split == "test" else {"length": count}
    drawn = Eyes(split, PICTURES[split], **options)
    eyes = [drawn.parameters(index) for index in range(len(drawn))]
    pairs = close_ups(in_memory(drawn), eyes, SCORED if split == "test" else SIZE)
    return pairs, [eye for eye in eyes if eye.opening > OPEN]


class CloseUps(Protocol):
    """A protocol on close-ups of toy eyes: of `scenes` pictures to train on, 100 of val, and the lesson's 240 of test."""

    def data(self, split: str) -> InMemory:
        pairs, _ = cut_out(split, {"train": self.scenes, "val": 100, "test": TEST["length"]}[split])
        pairs.transform = augmentation() if split == "train" else None
        return pairs

    @property
    def drawn(self) -> int:
        return len(self.data("train"))

    def __str__(self) -> str:
        return super().__str__().replace(f"{self.scenes} scenes", f"{self.drawn:,} close-ups")


def of_the_iris(network: nn.Module, test: InMemory) -> dict[str, float]:
    """IoU of the iris, E1 and E2 on all close-ups, and the IoU on those of each condition."""
    found, true = predictions(AtSize(network, SIZE), test) == 1, np.stack(test.masks) == 1
    _, eyes = cut_out("test", TEST["length"])
    measures = {IRIS: iou(found, true), "E1, %": 100 * e1(found, true), "E2, %": 100 * e2(found, true)}
    for name in conditions_of(eyes[0]):
        chosen = [conditions_of(eye)[name] for eye in eyes]
        measures[f"{IRIS}, {name}"] = iou(found[chosen], true[chosen])
    return measures


def iou(found: np.ndarray, true: np.ndarray) -> float:
    """Of two sets of masks (n, H, W), over all their pixels together."""
    return float((found & true).sum() / (found | true).sum())


STUDY = Study(
    lesson="17",
    question="Which network finds the iris?",
    protocol=CloseUps(size=SIZE, seen_at=SIZE, scenes=2200, epochs=8, options={"weight_decay": 0.05}),
    ways={name: Way(build=build) for name, build in NETWORKS.items()},
    measures={"iris": of_the_iris},
    claims=(
        Claim("FCN8", "FastFCN8", IRIS),
        Claim("U-Net on MobileNetV2", "FCN8", IRIS),
        Claim("FCN8", "FC-DenseNet", IRIS),
        Claim("U-Net on MobileNetV2", "FC-DenseNet", IRIS),
    ),
)
