"""Every random draw of a training: streams that seeds, epochs, samples and processes do not share.

The samplers of accelerate and torch add seed and epoch, so that seed 1 begins with seed 0's second order. numpy's
SeedSequence mixes its numbers instead: https://numpy.org/doc/stable/reference/random/bit_generators/generated/numpy.random.SeedSequence.html
"""

import random
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from nbhelpers.datasets.dataset import collate
from nbhelpers.datasets.gate import random_states_kept

ORDER, NETWORK = 0, 1  # what a stream is for


def stream(seed: int, *key: int) -> np.random.SeedSequence:
    """The source of what is drawn for `key` under `seed`; no other seed and no other key has it."""
    return np.random.SeedSequence(seed, spawn_key=key)


def seed_network(seed: int, epoch: int, rank: int = 0) -> None:
    """Set the generators of random, numpy and torch, dropout's among them, for an epoch of process `rank`."""
    number = int(stream(seed, epoch, NETWORK, rank).generate_state(1, np.uint64)[0])
    _seed_each(number, torch.manual_seed)


class Batches(Sampler[list[tuple[int, int]]]):
    """The share of process `rank` in the batches of `epoch`, each a list of (index, seed of the sample).

    `progress` is how much of the training lies behind, 0 to 1, for data sets that change on the way.

    (seed, epoch) decide which samples make a batch and how each of them is augmented, however many processes
    and workers there are. A last batch that is not full is left out, since batch norm cannot take a single value.
    """

    def __init__(self, length: int, batch_size: int, seed: int, rank: int = 0, processes: int = 1) -> None:
        self.length, self.batch_size, self.seed = length, batch_size, seed
        self.rank, self.processes = rank, processes
        self.epoch, self.progress = 0, 0.0

    def __len__(self) -> int:
        return max(1, self.length // self.batch_size)

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        draw = np.random.default_rng(stream(self.seed, self.epoch, ORDER))
        order = draw.permutation(self.length)
        seeds = draw.integers(2**63, size=self.length)
        for number in range(len(self)):
            batch = order[number * self.batch_size :][: self.batch_size]
            # fewer samples than a batch holds: some processes take one twice, so that all have equally many
            whole = np.resize(batch, -(-len(batch) // self.processes) * self.processes)
            mine = whole[self.rank :: self.processes]
            yield list(zip(mine.tolist(), seeds[mine].tolist()))


class SeededSamples(Dataset):
    """`dataset`, whose sample `index` is drawn with the generators set to a seed of its own.

    So a sample is augmented alike by any worker, in any process, and after `resume=`. A data set that has an attribute
    `progress` is told it before, in whichever process it is: `Tiles` goes by it.
    """

    def __init__(self, dataset: Dataset) -> None:
        self.dataset = dataset

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitems__(self, pairs: Iterable[tuple[int, int] | float]) -> list[tuple[Tensor, Tensor]]:
        """The samples of (index, seed); a number among them is the progress."""
        samples = []
        with random_states_kept():  # the network's draws go on as if no sample had been read
            for pair in pairs:
                if isinstance(pair, tuple):
                    samples.append(self._sample(*pair))
                else:
                    _tell(self.dataset, pair)
        return samples

    def _sample(self, index: int, seed: int) -> tuple[Tensor, Tensor]:
        _seed_each(seed, torch.default_generator.manual_seed)  # samples are made by the processor
        return self.dataset[index]


def _tell(dataset: Dataset, progress: float) -> None:
    """Set the attribute `progress` wherever `dataset`, or what it is made of, has one."""
    if hasattr(dataset, "progress"):
        dataset.progress = progress
    for inner in (getattr(dataset, "dataset", None), *getattr(dataset, "datasets", ())):
        if inner is not None:
            _tell(inner, progress)


class _Told(Sampler[list]):
    """Batches that begin with their progress, so that it reaches workers, which have copies of the data set."""

    def __init__(self, batches: Batches) -> None:
        self.batches = batches

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self) -> Iterator[list]:
        return ([self.batches.progress, *batch] for batch in self.batches)


@contextmanager
def seeded_loader(train: Dataset, batches: Batches, workers: int) -> Iterator[DataLoader]:
    """`train` in the order of `batches`; its workers end with the block, though a traceback may hold the loader."""
    loader = DataLoader(
        SeededSamples(train),
        batch_sampler=_Told(batches),
        collate_fn=collate,
        num_workers=workers,
        persistent_workers=workers > 0,
        generator=torch.Generator(),  # or starting it would draw from the reader's
    )
    try:
        yield loader
    finally:
        if loader._iterator is not None:  # torch has no public way to end persistent workers
            loader._iterator._shutdown_workers()
            loader._iterator = None
        _tell(train, 0.0)


def _seed_each(number: int, seed_torch: Callable[[int], object]) -> None:
    """Seed from 64 bits: numpy's and torch's Mersenne twisters take 32 each, and must not take the same ones."""
    random.seed(number)
    np.random.seed(number >> 32)
    seed_torch(number)
