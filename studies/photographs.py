"""CamVid's photographs as the data of a study: trained on small, scored as they are."""

import copy
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, ClassVar

import numpy as np
import torch
from torchvision.transforms import v2

from nbhelpers.datasets import (
    CamVid,
    InMemory,
    SegmentationDataset,
    class_weights,
    in_memory,
    train_transform,
)
from nbhelpers.datasets.appearance import RandomFocus
from studies.protocol import Protocol, Way

# (height, width) of training: about half the photographs' 360 x 480, and whole at stride 32
SIZE = (192, 256)
WATCHED = 40


@cache
def photographs(split: str, size: tuple[int, int] | None = None) -> InMemory:
    """All pairs of a split, decoded once in a process, and shrunk to `size` where it is given."""
    return in_memory(CamVid(split), size)


def some(pairs: InMemory, places: np.ndarray) -> InMemory:
    """Those at `places` (K,), in their order."""
    few = copy.copy(pairs)
    few.images, few.masks = ([each[place] for place in places] for each in (pairs.images, pairs.masks))
    return few


class Draws(SegmentationDataset):
    """`count` draws from `pairs`, which make an epoch: the first from their first part, and so on.

    So an epoch is as long as the study says, whatever the number of pairs. It shows of all parts equally many, and of
    each another one every time. Which one is drawn from torch's generator, which `fit` seeds for each sample.

    noise: grey levels; each picture gets noise of a standard deviation of 0 to this.
    """

    def __init__(self, pairs: InMemory, count: int, noise: float = 0.0) -> None:
        recipe = train_transform()
        super().__init__(v2.Compose([recipe, RandomFocus(blur=0, noise=noise)]) if noise else recipe)
        self.pairs, self.count = pairs, count
        self.classes, self.palette, self.void = pairs.classes, pairs.palette, pairs.void

    def __len__(self) -> int:
        return self.count

    def read(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        share = (index + torch.rand(()).item()) / self.count  # 0 <= share < 1
        return self.pairs.read(int(share * len(self.pairs)))


@dataclass(frozen=True, kw_only=True)
class Photographs(Protocol):
    """A protocol on CamVid: `scenes` of its 367 training photographs, epochs of `draws` from them, scored on all of val.

    The seed of a row chooses the photographs, for all ways the same; fewer are a part of more. Their class weights are
    the square roots of the median frequency's, as in lesson 02. The best epoch is chosen by up to 40 of the photographs
    that are trained on, for val scores and so chooses nothing; the rate falls to zero, so it is mostly the last.
    CamVid's own test split is not touched.
    """

    watched: ClassVar[str] = "pictures that it trains on"
    scored: ClassVar[str] = "CamVid's val"
    in_full: ClassVar[str] = "all of CamVid's val"

    size: tuple[int, int] = SIZE
    seen_at: tuple[int, int] = SIZE
    scenes: int = 367
    draws: int = 200
    seed: int = 0
    dataset: Callable[..., InMemory] = photographs  # (split, size) -> pairs to train on
    noise: float = 0.0  # of what is trained on; see `Draws`

    def for_seed(self, seed: int) -> "Photographs":
        return replace(self, seed=seed)

    def data(self, split: str) -> SegmentationDataset:
        """Draws, augmented, as "train"; those to watch, as "val"; CamVid's val at its own size, as "test"."""
        if split == "test":
            return photographs("val")
        every = self.dataset("train", self.size)
        labelled = some(every, np.sort(self._order(len(every))[: self.scenes]))
        if split == "train":
            return Draws(labelled, self.draws, self.noise)
        places = np.linspace(0, len(labelled) - 1, min(WATCHED, len(labelled)))
        return some(labelled, places.astype(int))

    def _order(self, count: int) -> np.ndarray:
        return np.random.default_rng(self.seed).permutation(count)

    def fitted(self, way: Way, train: Any, valid: Any) -> "Photographs":
        """With the class weights of what is trained on."""
        return replace(self, options={**self.options, "class_weights": class_weights(train.pairs).sqrt()})

    @property
    def drawn(self) -> int:
        return self.draws

    def __str__(self) -> str:
        height, width = self.size
        augmented = "augmented, with noise" if self.noise else "augmented"
        return (
            f"{self.scenes} {self.dataset.__name__} of {height} x {width}, {augmented}, {self.steps:,} steps of batches of "
            f"{self.batch_size}, {self.rate}, weighted classes; scored on {self.in_full} at 360 x 480, void ignored"
        )


@dataclass(frozen=True, kw_only=True)
class HeldOut(Photographs):
    """Photographs of train alone: learnt from are the first `scenes` by name, and scored are the others, so not val.

    By name, because these are frames of films: a frame drawn at random has its like among the others.
    """

    scored: ClassVar[str] = "the held-out photographs"
    in_full: ClassVar[str] = "the last photographs of CamVid's train"

    scenes: int = 300

    def data(self, split: str) -> SegmentationDataset:
        if split != "test":
            return super().data(split)
        every = self.dataset("train", None)
        return some(every, self._order(len(every))[self.scenes :])

    def _order(self, count: int) -> np.ndarray:
        return np.arange(count)
