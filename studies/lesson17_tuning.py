"""17 Iris segmentation, tuning: which learning rate suits which network, by val, in half of the steps."""

from typing import ClassVar

from nbhelpers.datasets import InMemory
from studies import Study, Way
from studies.close_ups import NETWORKS, CloseUps

RATES = (3e-3, 1e-2, 3e-2)


class OnVal(CloseUps):
    """Scored on val, so that what is chosen has not seen test."""

    scored: ClassVar[str] = "val"

    def data(self, split: str) -> InMemory:
        return super().data("val" if split == "test" else split)


def tried(name: str, rate: float) -> str:
    """What the row of a network with one of the rates is called."""
    return f"{name}, rate {rate:g}"


STUDY = Study(
    lesson="17_tuning",
    question="Which learning rate?",
    protocol=OnVal(epochs=4),
    ways={
        tried(name, rate): Way(build=build, terms={"lr": rate})
        for name, build in NETWORKS.items()
        for rate in RATES
    },
    claims=(),
    seeds=1,
)
