"""The gate of a data set: every sample is judged before it counts, and the whole set where one sample cannot tell.

A mask of nothing but 0 and 255 may be background and void, or black and white. The set tells: somewhere void lies
beside a class other than 0, or else 255 is no void. So 255 is believed once one mask of a set has shown both.
"""

import random
import statistics
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from numbers import Integral

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from nbhelpers.datasets.contract import IGNORE, check_sample, find_ids, mask_id_fault, refuse
from nbhelpers.datasets.inside import Leaf, leaves, num_classes_of, same_classes


class Gate:
    """Judges one data set: `inspect` before any training, `see` each batch on its way.

    All errors are ValueErrors and begin with `name`: "train[3]: masks hold ...". What is in memory (`in_memory`) is
    judged whole by `inspect`. Of other sets it reads a few samples, spread from the first to the last, and reads on
    only where they leave a doubt: masks of 0 and 255 alone, or none with a label. Every further sample is judged by
    `see` when it comes, so that none is trained on or scored unseen, and a sound set is not read twice.
    Each part of a merged set is judged by itself. The set itself decides where its masks cannot: an attribute `void`
    that is not None, as that of `Folder(..., void=255)`, says that 255 is void.
    Raises ValueError for a set without a length, or whose classes are not 2 to 255, or that has another void.
    """

    def __init__(self, dataset: Dataset, name: str) -> None:
        self.dataset, self.name = dataset, name
        if isinstance(dataset, DataLoader):
            raise ValueError(
                f"{name} is a DataLoader; pass the dataset inside it, loader.dataset: batches are made here, of batch_size"
            )
        if not hasattr(dataset, "__len__"):
            raise ValueError(
                f"{name} is {type(dataset).__name__}, which has no length; pass a dataset with __len__ and "
                "__getitem__, so that every sample is trained on and scored once"
            )
        self.leaves = leaves(dataset)
        self.num_classes = _checked_classes(dataset, self.leaves, name)
        # the names, where the set tells them
        self.classes = next(
            (leaf.dataset.classes for leaf in self.leaves if hasattr(leaf.dataset, "classes")), None
        )
        self.reading = 0.0  # seconds to read one sample: the median of those inspected
        self._seen: set[str] = set()

    def inspect(self, count: int = 8) -> list[tuple[Tensor, Tensor]]:
        """Judge before any training; returns `count` samples, evenly spread (all those of a smaller set).

        One pixel of the set must have a label. Python's, numpy's and torch's random states are as before.
        """
        total = len(self.dataset)
        count = min(count, total)
        chosen = [step * (total - 1) // max(1, count - 1) for step in range(count)]
        owner = {p: leaf for leaf in self.leaves for p in leaf.positions} if len(self.leaves) > 1 else {}
        with random_states_kept():
            samples, clock = [], [time.perf_counter()]
            for position in chosen:
                samples.append(self._look(owner.get(position, self.leaves[0]), position))
                clock.append(time.perf_counter())
            if samples:
                self.reading = statistics.median(end - start for start, end in zip(clock, clock[1:]))
            for leaf in self.leaves:
                if hasattr(leaf.dataset, "kept_masks"):
                    self._look_at_arrays(leaf)
                elif count and not leaf.seen:
                    self._look(leaf, leaf.positions[0])
            self.settle()
            self._find_a_label()
        return samples

    def see(self, masks: Tensor) -> None:
        """Judge a batch of masks, int64 (N, H, W), that is about to be trained on or scored."""
        if not masks.numel():
            return
        low, high = (int(end) for end in masks.aminmax())
        void = high == IGNORE
        shifted = masks.to(torch.uint8) + 1 if void else masks  # as bytes 255 + 1 is 0
        if low < 0 or (int(shifted.max()) > self.num_classes if void else high >= self.num_classes):
            for mask in masks:  # the ids of the faulty one alone, which tell most
                fault = mask_id_fault(find_ids(mask), mask.shape, self.num_classes, lone_background=True)
                refuse(fault, f"a mask of {self.name}")
        if all(leaf.settled for leaf in self.leaves):
            return
        if not void:
            self._seen |= {"class"} if high > 0 else {"blank"}
            return
        lows, highs = shifted.flatten(1).amin(1), shifted.flatten(1).amax(1)
        kinds = {
            "class": highs > 1,
            "white": highs == 0,
            "bare": (lows == 0) & (highs == 1),
            "blank": (lows == 1) & (highs == 1),
        }
        self._seen |= {kind for kind, found in kinds.items() if found.any()}
        if len(self.leaves) == 1 and ((lows == 0) & (highs > 1)).any():
            self.leaves[0].settled = True
        elif "bare" in self._seen or {"blank", "white"} <= self._seen and "class" not in self._seen:
            with random_states_kept():
                self.settle(doubtful=True)

    def settle(self, doubtful: bool = False) -> None:
        """Read on in each part where 255 is in doubt, or in all, until it has shown what it is; raise if it never does."""
        for leaf in self.leaves:
            if leaf.settled or not doubtful and leaf.suspect is None:
                continue
            for position in leaf.positions:
                self._look(leaf, position)
                if leaf.settled:
                    break
            if leaf.suspect is not None:
                sentence, cure = mask_id_fault([0, IGNORE], (), self.num_classes)
                where = f" (if {IGNORE} is void all the same, say so by an attribute of the dataset: void = {IGNORE})"
                refuse((sentence, cure + where), self._where(leaf, leaf.suspect))
            leaf.settled = True  # all of it was read

    def _find_a_label(self) -> None:
        for leaf in self.leaves:
            for position in () if leaf.seen.keys() - {"white"} else leaf.positions:
                self._look(leaf, position)
                if leaf.seen.keys() - {"white"}:
                    break
            if leaf.seen.keys() - {"white"}:
                return
        raise ValueError(
            f"{self.name}: none of the {len(self.dataset)} masks has a labelled pixel, all hold {IGNORE} = ignore, so "
            "there is nothing to learn or to score; pass pairs with labels (those of a hidden test set are not public)"
        )

    def judge(self, position: int, sample: object, leaf: Leaf | None = None) -> None:
        """Judge the sample at `position`, and remember what it shows for `settle`."""
        leaf = leaf or self.leaves[0]
        try:
            check_sample(sample, self.num_classes)
        except ValueError as error:
            raise ValueError(f"{self._where(leaf, position)}: {error}") from None
        shifted = sample[1].as_subclass(Tensor).to(torch.uint8) + 1
        leaf.note(int(shifted.min()), int(shifted.max()), position)

    def _look(self, leaf: Leaf, position: int) -> tuple[Tensor, Tensor]:
        sample = self.dataset[position]
        self.judge(position, sample, leaf)
        return sample

    def _look_at_arrays(self, leaf: Leaf) -> None:
        """The masks that `in_memory` keeps: what is wrong with one may still be put right by the transform."""
        for index, position in zip(leaf.indices, leaf.positions):
            shifted = leaf.dataset.kept_masks[index] + np.uint8(1)
            low, high = int(shifted.min()), int(shifted.max())
            if shifted.dtype != np.uint8 or high > self.num_classes:
                self._look(leaf, position)
            else:
                leaf.note(low, high, position)

    def _where(self, leaf: Leaf, position: int) -> str:
        where = f"{self.name}[{position}]"
        if callable(getattr(leaf.dataset, "name", None)):
            where += f" ({leaf.dataset.name(leaf.indices[list(leaf.positions).index(position)])})"
        return where


def as_tensors(image: object, mask: object) -> tuple[object, object]:
    """What `SegmentationDataset.read` gives as a sample to judge: arrays (H, W, C) and (H, W) become tensors."""
    image, mask = _tensor(image), _tensor(mask)
    if isinstance(image, Tensor) and image.ndim == 3:
        image = image.permute(2, 0, 1)
    return image, mask


def _tensor(array: object) -> object:
    if not isinstance(array, np.ndarray):
        return array
    try:
        return torch.from_numpy(np.ascontiguousarray(array, array.dtype.newbyteorder("=")))
    except TypeError:  # of strings, objects, 128 bits: judged as what it is
        return array


def _checked_classes(dataset: Dataset, parts: Sequence[Leaf], name: str) -> int:
    known = {num_classes_of(leaf.dataset) for leaf in parts if len(parts) > 1}
    if len(known) > 1:
        raise ValueError(
            f"the parts of {name} tell {sorted(known)} classes; merge only sets of the same classes"
        )
    told = [getattr(leaf.dataset, "classes", None) for leaf in parts]
    same_classes({f"part {number} of {name}": classes for number, classes in enumerate(told)})
    num_classes = num_classes_of(dataset)
    if not isinstance(num_classes, Integral) or not 2 <= num_classes <= IGNORE:
        raise ValueError(
            f"{name} tells num_classes = {num_classes!r}; it must be a whole number from 2 to {IGNORE}, since the "
            f"background counts as a class and the id {IGNORE} is void: merge rare classes, or fold ids into fewer"
        )
    for leaf in parts:
        void = getattr(leaf.dataset, "ignore_index", IGNORE)
        if void != IGNORE:
            raise ValueError(
                f"{name} has ignore_index = {void}, but void is {IGNORE} here: masks[masks == {void}] = {IGNORE}"
            )
    return int(num_classes)


@contextmanager
def random_states_kept(devices: Sequence[torch.device] = ()) -> Iterator[None]:
    """Give back the random states of Python, numpy and torch, with those of the GPUs `devices`, as they were."""
    states = random.getstate(), np.random.get_state()
    try:
        with torch.random.fork_rng(devices=devices):
            yield
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])
