"""What the studies share that try learning rates: rows scored on val, and their names."""

from typing import ClassVar

from nbhelpers.datasets import SegmentationDataset
from studies.protocol import Protocol


class OnVal(Protocol):
    """A protocol whose rows are scored on val, so that what is chosen by them has not seen test."""

    scored: ClassVar[str] = "val"

    def data(self, split: str) -> SegmentationDataset:
        return super().data("val" if split == "test" else split)


def tried(name: str, rate: float) -> str:
    """What the row of a network with one of the rates is called."""
    return f"{name}, rate {rate:g}"
