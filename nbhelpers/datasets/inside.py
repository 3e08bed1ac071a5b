"""What lies inside torch's own Subset and ConcatDataset, so that they go wherever a data set goes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise, zip_longest
from pathlib import PurePath
from typing import Any
from zlib import crc32

import numpy as np
from torch.utils.data import ConcatDataset, Dataset, Subset

from nbhelpers.datasets.contract import IGNORE

WORDS = {
    "num_classes": "number of classes",
    "classes": "names of the classes",
    "palette": "colours of the classes",
}


@dataclass
class Leaf:
    """A data set inside Subsets and ConcatDatasets: the samples of it in use, and what its masks have shown.

    `indices` count in `dataset`, `positions` in the outermost set. `settled`: 255 is void here, as a mask that
    holds it beside a class other than 0 has shown, or an attribute `void` of the set says.
    `seen`: the first position of each kind of mask: "blank" (0 alone), "white" (255 alone), "bare" (both), "class".
    """

    dataset: Dataset
    indices: Sequence[int]
    positions: Sequence[int]
    settled: bool = False
    seen: dict[str, int] = field(default_factory=dict)

    @property
    def void(self) -> int | None:
        """What an attribute `void` would say of this set: 255 where that is settled."""
        return IGNORE if self.settled else None

    def note(self, low: int, high: int, position: int) -> None:
        """Remember a mask by the least and the largest of its ids + 1 as a byte: void is 0, background 1."""
        if low == 0 and high > 1:
            self.settled = True
        kind = "class" if high > 1 else "white" if high == 0 else "bare" if low == 0 else "blank"
        self.seen[kind] = min(position, self.seen.get(kind, position))

    @property
    def suspect(self) -> int | None:
        """The position of a mask whose 255 may be white, for all that was seen so far."""
        if self.settled:
            return None
        if {"blank", "white"} <= self.seen.keys() and "class" not in self.seen:
            return self.seen["white"]
        return self.seen.get("bare")


def leaves(dataset: Dataset) -> list[Leaf]:
    """The data sets inside torch's own Subset and ConcatDataset, each with the samples of it that are in use.

    Raises ValueError for the indices of a Subset that are True and False: they would be pictures 1 and 0.
    """
    reads_by = getattr(type(dataset), "__getitem__", None)  # a subclass may change samples: it is a leaf
    if isinstance(dataset, Subset) and reads_by is Subset.__getitem__:
        inner = leaves(dataset.dataset)
        place = {p: (leaf, index) for leaf in inner for index, p in zip(leaf.indices, leaf.positions)}
        used: dict[int, Leaf] = {}
        for position, index in enumerate(dataset.indices):
            if np.asarray(index).dtype == bool:
                raise ValueError(
                    "the indices of a Subset are True and False, which torch takes for pictures 1 and 0; pass the "
                    "numbers: Subset(dataset, np.flatnonzero(chosen))"
                )
            leaf, inner_index = place[int(index) % len(dataset.dataset)]
            part = used.setdefault(id(leaf), Leaf(leaf.dataset, [], [], leaf.settled))
            part.indices.append(inner_index)
            part.positions.append(position)
        return list(used.values())
    if isinstance(dataset, ConcatDataset) and reads_by is ConcatDataset.__getitem__:
        parts = [leaf for inner in dataset.datasets for leaf in leaves(inner)]
        offsets = [
            end - len(inner)
            for inner, end in zip(dataset.datasets, dataset.cumulative_sizes)
            for _ in leaves(inner)
        ]
        return [
            Leaf(leaf.dataset, leaf.indices, [offset + p for p in leaf.positions], leaf.settled)
            for leaf, offset in zip(parts, offsets)
        ]
    declared = getattr(dataset, "void", None) is not None
    return [Leaf(dataset, range(len(dataset)), range(len(dataset)), declared)]


def chosen(indices: Sequence[int] | np.ndarray | None, count: int) -> list[int]:
    """The pictures that `indices` name of `count`: all for None, numbers from 0 to count - 1, or a bool for each.

    Raises ValueError for anything else.
    """
    if indices is None:
        return list(range(count))
    array = np.asarray(indices)
    if array.dtype == bool and array.shape == (count,):
        array = np.flatnonzero(array)
    if (
        array.ndim != 1
        or not array.size
        or array.dtype.kind not in "ui"
        or not 0 <= array.min() <= array.max() < count
    ):
        raise ValueError(
            f"indices are {array.dtype} {array.shape}; they must be whole numbers from 0 to {count - 1}, one at least, or "
            f"True and False for each of the {count} pictures"
        )
    return array.tolist()


def _places(dataset: Dataset) -> list[tuple[Dataset, int]]:
    """The set and the index in it of each sample."""
    found = {
        position: (leaf.dataset, index)
        for leaf in leaves(dataset)
        for index, position in zip(leaf.indices, leaf.positions)
    }
    return [found[position] for position in range(len(dataset))]


def _origins(dataset: Dataset) -> list[tuple[Dataset, int]]:
    """As `_places`, of all the pictures that cut-outs, neighbours and annotators are drawn from."""
    found = []
    for leaf in leaves(dataset):
        part = drawn_from(leaf.dataset)
        found += _places(Subset(leaf.dataset, leaf.indices)) if part is None else _origins(part)
    return found


def drawn_from(dataset: Dataset) -> Subset | None:
    """The pictures that `dataset` draws from: those of its `source` that its `indices` choose; None without a source."""
    source = getattr(dataset, "source", None)
    if not isinstance(source, Dataset):
        return None
    return Subset(source, getattr(dataset, "indices", range(len(source))))


class Reader:
    """`read` by positions, whatever is around it: (position) -> image (H, W, C) and mask (H, W), as arrays.

    A set that has no `read` gives its samples, images (C, H, W) and masks (H, W). With `whole`, a set that draws from
    the pictures of its source, as `Tiles` does, gives these, and positions count them.
    """

    def __init__(self, dataset: Dataset, *, whole: bool = False) -> None:
        self.places = _origins(dataset) if whole else _places(dataset)

    def __call__(self, position: int) -> tuple[np.ndarray, np.ndarray]:
        dataset, index = self.places[position]
        if hasattr(dataset, "read"):
            return dataset.read(index)
        image, mask = dataset[index]
        return np.moveaxis(np.asarray(image), 0, 2), np.asarray(mask)

    def name(self, position: int) -> str:
        """Of the picture, for messages: its own, or what and where it is."""
        dataset, index = self.places[position]
        return dataset.name(index) if hasattr(dataset, "name") else f"{type(dataset).__name__}[{index}]"


def told_by(dataset: Dataset, name: str) -> Any:
    """Attribute `name` of a dataset, or of the first one inside torch's Subset or ConcatDataset that has it.

    Raises ValueError where none has.
    """
    inner = dataset
    while not hasattr(inner, name):
        inner = getattr(inner, "dataset", None) or next(iter(getattr(inner, "datasets", [])), None)
        if inner is None:
            raise ValueError(
                f"{type(dataset).__name__} does not tell its {WORDS[name]}: give it an attribute {name}"
            )
    return getattr(inner, name)


def num_classes_of(dataset: Dataset) -> int:
    """The number of classes of a dataset, or of what is inside it. Raises ValueError for one that does not tell."""
    return told_by(dataset, "num_classes")


def same_classes(parts: Mapping[str, Sequence[str] | None]) -> None:
    """Raise ValueError where two of the parts, by name, tell other classes, or the same ones in another order."""
    told = {name: tuple(classes) for name, classes in parts.items() if classes is not None}
    for (first, one), (second, other) in pairwise(told.items()):
        for number, (a, b) in enumerate(zip_longest(one, other)):
            if a != b:
                raise ValueError(
                    f"class {number} is {a!r} in {first} and {b!r} in {second}; they must be the same classes in the same "
                    f"order: make both with classes={one}"
                )


def checksum(dataset: Dataset) -> int:
    """A number that another choice of pictures changes: of their names or numbers, and of masks that lie in memory."""
    total = 0
    for leaf in leaves(dataset):
        told = getattr(leaf.dataset, "name", None)
        masks = getattr(leaf.dataset, "kept_masks", None)
        for index, position in zip(leaf.indices, leaf.positions):
            # a folder may be another on the next machine
            name = PurePath(told(index)).name if callable(told) else index
            total = crc32(f"{position} {name}".encode(), total)
            if masks is not None:
                total = crc32(np.ascontiguousarray(masks[index]), total)
        if (part := drawn_from(leaf.dataset)) is not None:
            total = crc32(str(checksum(part)).encode(), total)
    return total
