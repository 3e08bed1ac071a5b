"""26 Another laboratory: which augmentation carries over to it?"""

import copy

from torch import nn
from torchvision.transforms import v2

from nbhelpers.datasets import Cells, InMemory, in_memory
from nbhelpers.datasets.appearance import RandomFocus, RandomStain
from nbhelpers.datasets.transforms import RandomColour
from nbhelpers.models.unet import UNet
from nbhelpers.training import History, evaluate
from studies import Claim, Protocol, Study, Way
from studies.protocol import train_by_fit

HOME = "mean IoU in the first laboratory"
NONE = "none"
STEPS = {
    NONE: (),
    "colours": (RandomColour(0.4),),
    "stains": (RandomStain(0.4),),
    "blur and noise": (RandomFocus(1.5, 12.0),),
    "all three": (RandomColour(0.4), RandomStain(0.4), RandomFocus(1.5, 12.0)),
}


def laboratories(split: str, size: tuple[int, int], length: int) -> Cells:
    """Toy cells: those to train on and to watch are of the first laboratory, those to score on of the second."""
    return Cells(split, size, length, laboratory="second" if split == "test" else "first")


def trained_with(steps: tuple[nn.Module, ...]):
    """A training by `fit` whose pictures are mirrored at random, and changed by `steps`."""
    recipe = v2.Compose([v2.RandomHorizontalFlip(), v2.RandomVerticalFlip(), *steps])

    def train(network: nn.Module, protocol: Protocol, train: InMemory, valid: InMemory, seed: int) -> History:
        augmented = copy.copy(train)
        augmented.transform = recipe
        return train_by_fit(network, protocol, augmented, valid, seed)

    return train


def at_home(network: nn.Module, test: InMemory) -> float:
    """The mean IoU of the same scenes as the first laboratory sees them."""
    home = in_memory(Cells("test", test.images[0].shape[:2], len(test)))
    return evaluate(network, home, precision="fp32").mean_iou


STUDY = Study(
    lesson="26",
    question="Which augmentation carries over to another laboratory?",
    protocol=Protocol(size=(64, 64), scenes=320, epochs=14, dataset=laboratories),
    ways={
        name: Way(
            build=lambda: UNet(num_classes=2, widths=(8, 16, 32)),
            train=trained_with(steps),
            keep=name == NONE,
        )
        for name, steps in STEPS.items()
    },
    seeds=8,  # away from home they scatter widely
    measures={HOME: at_home},
    claims=(  # six is what five seeds a way can decide
        *(Claim(name, NONE) for name in list(STEPS)[1:]),
        Claim("all three", "stains"),
        Claim("all three", NONE, HOME),
    ),
)
