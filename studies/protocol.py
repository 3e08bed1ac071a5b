"""What is compared, and on which terms."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

from torch import nn

from nbhelpers.datasets import SegmentationDataset, Street, in_memory
from nbhelpers.training import History, fit

MEAN_IOU = "mean IoU"  # the measure that every row has; others are a study's own


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """Data, schedule and optimizer of a training by `nbhelpers.training.fit`: a rate that falls to zero, float32.

    Trained on `scenes` pictures of toy street's train split, watched on 100 of val, which also choose the best epoch,
    and scored once on 200 of test. Few scenes, seen often: the curve is flat at its end after about two minutes, which
    more scenes would put off. Float32 everywhere, so that rows of different machines may stand side by side.

    watched, scored: what the curve and the score are of, in words. timed: whether processor time is laid down, not steps.
    """

    watched: ClassVar[str] = "val"
    scored: ClassVar[str] = "test"
    timed: ClassVar[bool] = False

    size: tuple[int, int] = (48, 64)  # (height, width), pixels
    scenes: int = 300
    epochs: int = 28
    batch_size: int = 8
    lr: float = 4e-3
    schedule: str = "poly"
    options: Mapping[str, Any] = field(default_factory=dict)  # more arguments of fit
    dataset: Callable[..., SegmentationDataset] = Street
    # what test's pictures are shrunk to on their way in; see `evaluate`
    seen_at: tuple[int, int] | None = None

    def data(self, split: str) -> SegmentationDataset:
        """The pairs of a split, decoded once."""
        length = {"train": self.scenes, "val": 100, "test": 200}[split]
        return in_memory(self.dataset(split, size=self.size, length=length))

    def for_seed(self, seed: int) -> "Protocol":
        """The protocol for a row's seed: here the same for all, elsewhere such as choose their data by it."""
        return self

    def fitted(self, way: "Way", train: Any, valid: Any) -> "Protocol":
        """The protocol for one way: here the same for all, elsewhere such as depend on what the network costs."""
        return self

    @property
    def drawn(self) -> int:
        """How many pictures an epoch takes, the same one again counted again."""
        return self.scenes

    @property
    def steps(self) -> int:
        """As `fit` counts them: a last batch that is not full is left out."""
        return self.epochs * max(1, self.drawn // self.batch_size)

    @property
    def budget(self) -> str:
        """What is laid down, in words."""
        return f"{self.steps:,} steps"

    @property
    def rate(self) -> str:
        """The learning rate, in words."""
        falling = ", falling all the time" if self.schedule == "poly" else ""
        by_muon = ", by Muon" if self.options.get("optimizer") == "muon" else ""
        return f"learning rate {self.lr:g}{falling}{by_muon}"

    def __str__(self) -> str:
        height, width = self.size
        return (
            f"{self.scenes} scenes of {height} x {width}, {self.epochs} epochs of batches of {self.batch_size} "
            f"({self.steps:,} steps), {self.rate}"
        )


def whole(history: History, protocol: Protocol) -> History:
    """The history. Raises KeyboardInterrupt where it lacks epochs: `fit` ends quietly at Ctrl-C, and a row must not."""
    if len(history.rows) < protocol.epochs:
        raise KeyboardInterrupt(f"after {len(history.rows)} of {protocol.epochs} epochs; no row was made")
    return history


def train_by_fit(network: nn.Module, protocol: Protocol, train: Any, valid: Any, seed: int) -> History:
    """The training of every way that has none of its own."""
    history = fit(
        network,
        train,
        valid,
        epochs=protocol.epochs,
        lr=protocol.lr,
        batch_size=protocol.batch_size,
        schedule=protocol.schedule,
        precision="fp32",
        seed=seed,
        quiet=True,
        **protocol.options,
    )
    return whole(history, protocol)


@dataclass(frozen=True, kw_only=True)
class Way:
    """One of the things compared: how to build its network and, where they differ from the study's, its terms.

    build: makes the network, with weights from torch's generator, which is seeded before.
    terms: fields of the study's protocol that are otherwise for this way, such as {"lr": 1e-2}.
    train: takes (network, protocol, train, valid, seed), trains in place and returns the history.
    keep: whether the first seed's network is stored, for pages that look inside it.
    """

    build: Callable[[], nn.Module]
    terms: Mapping[str, Any] = field(default_factory=dict)
    train: Callable[..., History] = train_by_fit
    keep: bool = False

    def protocol(self, common: Protocol) -> Protocol:
        return replace(common, **self.terms)


@dataclass(frozen=True)
class Claim:
    """A comparison that the lesson makes: does way `first` score otherwise than way `second`, by `measure`?

    Two measures of one and the same way (`against` names the second's) are compared row by row, since they belong to
    the same training; two ways are independent samples.
    """

    first: str
    second: str
    measure: str = MEAN_IOU
    against: str | None = None

    @property
    def paired(self) -> bool:
        return self.first == self.second

    @property
    def names(self) -> tuple[str, str]:
        """What a sentence calls the two."""
        if self.paired:
            return self.measure, self.against
        return self.first, self.second
