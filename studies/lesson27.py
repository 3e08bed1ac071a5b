"""27 From drawings to photographs: how many photographs is a drawing worth?

A U-Net learns from 10, 50 or all 367 of CamVid's photographs, either from random weights or from those that it has
learnt on toy street, whose eleven classes are CamVid's in the same order. All ways have as many steps, so that a
photograph is seen the more often, the fewer there are; which they are, the seed says, for both ways alike. The start
is one stored network for all rows: the first of "drawings alone", whose rows tell its cost, and its score without a
photograph. "Noisy drawings alone" asks whether drawings that are as grainy as a camera's pictures prepare better for them.
The fewest and all photographs are learnt by Muon, too, which is further after as many steps: is the start worth as much to
a training that gets on faster?

Rows that were made by `run 24_drawings` are those of this study's first name, which their seeds came from.
"""

from functools import cache

from torch import nn

from nbhelpers.datasets import InMemory, Street, in_memory
from nbhelpers.models.unet import UNet
from studies import Claim, Study, Way
from studies.photographs import Photographs

COUNTS = (10, 50, 367)
ALONE, NOISY = "drawings alone", "noisy drawings alone"
SIZE = (72, 96)


@cache
def drawings(split: str, size: tuple[int, int]) -> InMemory:
    """600 scenes of toy street, drawn once in a process."""
    return in_memory(Street(split, size, length=600))


def unet() -> UNet:
    return UNet(num_classes=11, widths=(16, 32, 64, 96, 128))


def started() -> nn.Module:
    """The network that was trained on drawings. Raises FileNotFoundError before the row of that is made."""
    return STUDY.network(ALONE)


def scratch(count: int) -> str:
    return f"{count} photographs"


def after_drawings(count: int) -> str:
    return f"{count} photographs after drawings"


def by_muon(name: str) -> str:
    return f"{name}, by Muon"


STARTS = ((scratch, unet), (after_drawings, started))
MUON = {"lr": 1e-2, "options": {"optimizer": "muon"}}
DRAWN = {"dataset": drawings, "scenes": 600, "draws": 600}
STUDY = Study(
    lesson="27",
    question="How many photographs is a drawing worth?",
    protocol=Photographs(size=SIZE, seen_at=SIZE, epochs=6, draws=600, batch_size=4),
    ways={
        ALONE: Way(build=unet, terms=DRAWN, keep=True),
        NOISY: Way(build=unet, terms={**DRAWN, "noise": 25.0}),
        **{
            name(count): Way(build=build, terms={"scenes": count})
            for count in COUNTS
            for name, build in STARTS
        },
        **{
            by_muon(name(count)): Way(build=build, terms={"scenes": count, **MUON})
            for count in (COUNTS[-1], COUNTS[0])
            for name, build in STARTS
        },
    },
    claims=(
        *(Claim(after_drawings(count), scratch(count)) for count in COUNTS[1:]),
        *(
            Claim(by_muon(after_drawings(count)), by_muon(scratch(count)))
            for count in (COUNTS[0], COUNTS[-1])
        ),
        Claim(by_muon(scratch(COUNTS[-1])), scratch(COUNTS[-1])),
        Claim(NOISY, ALONE),
    ),
)
