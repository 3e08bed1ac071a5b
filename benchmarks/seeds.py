"""Do the seeds of a training share draws? Orders of the data, seeds of the samples, draws of the network.

50 seeds x 20 epochs, 64 samples a set. Beside ours stands accelerate's SeedableRandomSampler, which adds seed and
epoch, and rows that one generator draws one after the other, which share nothing: what chance does.
Run: python -m benchmarks.seeds
"""

import itertools

import numpy as np
import torch
from accelerate.data_loader import SeedableRandomSampler

from nbhelpers.datasets.gate import random_states_kept
from nbhelpers.training.randomness import Batches, seed_network
from tools.record import record

SEEDS, EPOCHS, SAMPLES, RANKS = 50, 20, 64, 2
KEYS = list(itertools.product(range(SEEDS), range(EPOCHS)))


def order_of_fit(seed: int, epoch: int) -> list[int]:
    batches = Batches(SAMPLES, 8, seed)
    batches.epoch = epoch
    return [index for batch in batches for index, _ in batch]


def seeds_of_samples(seed: int, epoch: int) -> list[int]:
    batches = Batches(SAMPLES, 8, seed)
    batches.epoch = epoch
    return [number for batch in batches for _, number in batch]


def order_of_accelerate(seed: int, epoch: int) -> list[int]:
    sampler = SeedableRandomSampler(range(SAMPLES), data_seed=seed)
    sampler.set_epoch(epoch)
    return list(sampler)


def network(seed: int, epoch: int, rank: int) -> np.ndarray:
    seed_network(seed, epoch, rank)
    return torch.rand(SAMPLES).numpy()


def judged(rows: list) -> dict[str, float]:
    """How many rows repeat an earlier one, and the correlations of all pairs of different rows."""
    table = np.array(rows, dtype=np.float64)
    different = np.unique(table, axis=0)
    pairs = np.corrcoef(table)[np.triu_indices(len(table), k=1)]
    return {
        "rows": len(table),
        "repeated": len(table) - len(different),
        "pairs": len(pairs),
        "mean correlation": round(float(pairs.mean()), 5),
        "standard deviation": round(float(pairs.std()), 4),
        "largest": round(float(np.abs(pairs).max()), 3),
    }


def main() -> None:
    chance = np.random.default_rng(0)
    drawn = [number for key in KEYS for number in seeds_of_samples(*key)]
    with random_states_kept():
        networks = [network(*key, rank) for key in KEYS for rank in range(RANKS)]
    results = {
        "order, fit": judged([order_of_fit(*key) for key in KEYS]),
        "order, accelerate's sampler": judged([order_of_accelerate(*key) for key in KEYS]),
        "order, by chance": judged([chance.permutation(SAMPLES) for _ in KEYS]),
        "network, fit, two processes": judged(networks),
        "network, by chance": judged([chance.random(SAMPLES) for _ in networks]),
        "standard deviation expected of independent rows": round((SAMPLES - 1) ** -0.5, 4),
        "seeds of samples": {"drawn": len(drawn), "repeated": len(drawn) - len(set(drawn))},
    }
    for name, row in results.items():
        print(f"{name}: {row}")
    print(record("seeds", results))


if __name__ == "__main__":
    main()
