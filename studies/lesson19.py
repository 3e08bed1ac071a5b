"""19 SegFormer: how much data does a transformer need here, against a U-Net of equal CPU time?

Every training has 800 steps of eight scenes, whatever the number of different scenes: 50 are seen 128 times each, 3,200
twice. The two networks are as large as makes a step of both cost the same processor time, within a tenth. The highest
learning rate was tried on val at 800 scenes: of 2e-3, 4e-3 and 8e-3 the last is best for both.
"""

from dataclasses import dataclass

from torch.utils.data import Dataset, Subset

from nbhelpers.models.segformer import SegFormer
from nbhelpers.models.unet import UNet
from studies import Claim, Protocol, Study, Way

SCENES = (50, 200, 800, 3200)
EPOCH = 800  # scenes between two looks at val, or all of 3,200


@dataclass(frozen=True, kw_only=True)
class Repeated(Protocol):
    """A protocol whose epoch passes `passes` times through the train split, so that few scenes are not watched more often."""

    passes: int = 1

    def data(self, split: str) -> Dataset:
        pairs = super().data(split)
        return Subset(pairs, list(range(len(pairs))) * self.passes) if split == "train" else pairs

    @property
    def drawn(self) -> int:
        return self.scenes * self.passes

    def __str__(self) -> str:
        """Without the number of different scenes, which the name of a way tells."""
        height, width = self.size
        return f"{self.steps:,} steps of batches of {self.batch_size} scenes of {height} x {width}, learning rate {self.lr:g}"


def terms(scenes: int) -> dict[str, int]:
    passes = max(1, EPOCH // scenes)
    return {"scenes": scenes, "passes": passes, "epochs": 8 * EPOCH // (scenes * passes)}


def unet() -> UNet:
    return UNet(num_classes=11, widths=(8, 16, 32, 64, 128))


def segformer() -> SegFormer:
    """B0 of half the width; its keys are thinned by less, for its first map has 12 x 16 places, not the paper's 128 x 128."""
    return SegFormer(num_classes=11, widths=(16, 32, 80, 128), reductions=(2, 1, 1, 1), head_channels=128)


NETWORKS = {"U-Net": unet, "SegFormer": segformer}


def way(name: str, scenes: int) -> str:
    return f"{name}, {scenes:,} scenes"


STUDY = Study(
    lesson="19",
    question="How much data does a transformer need here?",
    # for 800 scenes; both networks learn best at 8e-3
    protocol=Repeated(epochs=8, lr=8e-3, schedule="onecycle"),
    ways={
        way(name, scenes): Way(build=build, terms=terms(scenes), keep=scenes == max(SCENES))
        for scenes in SCENES
        for name, build in NETWORKS.items()
    },
    claims=(
        *(Claim(way("SegFormer", scenes), way("U-Net", scenes)) for scenes in SCENES),
        *(Claim(way(name, 3200), way(name, 800)) for name in NETWORKS),
    ),
)
