"""The mask of the highest expected Dice: ours by a quadrature, and the solvers of the package rankseg.

For each kind of probability map, the largest loss of expected Dice against the best mask over the seeds, and the CPU
seconds for all of them. `cases` has the size of each mask, for tests/metrics/test_decisions.py.

Run: pip install rankseg, then python -m benchmarks.rankseg
"""

import time
from importlib.metadata import version

import numpy as np
import torch
from torch import Tensor

from nbhelpers.metrics.decisions import _expected_dice, by_expected_dice
from tools.record import record

SOLVERS = ("BA", "TRNA", "RMA")  # RMA is the package's default
SEEDS = 10
MAPS = [  # pixels, of which true on average, how sure: 20 pseudo-observations a pixel, or half of one
    (pixels, true, sure)
    for pixels, true in ((64, 1.5), (64, 8), (1024, 3), (1024, 100))
    for sure in (20, 0.5)
]


def probability_map(pixels: int, true: float, sure: float, seed: int) -> Tensor:
    """(1, 1, pixels, 1) float32, from a beta distribution whose mean is the share of true pixels."""
    share = true / pixels
    drawn = np.random.default_rng(seed).beta(share * sure, (1 - share) * sure, pixels)
    return torch.from_numpy(drawn.astype(np.float32)).view(1, 1, -1, 1)


def main() -> None:
    from rankseg import RankSEG  # no dependency of ours

    rows, cases = [], []
    for kind in MAPS:
        loss, seconds = dict.fromkeys([*SOLVERS, "above 0.5"], 0.0), dict.fromkeys([*SOLVERS, "ours"], 0.0)
        for seed in range(SEEDS):
            probabilities = probability_map(*kind, seed)
            expected = _expected_dice(probabilities.flatten().double().sort(descending=True).values)
            sizes = {"above 0.5": int((probabilities > 0.5).sum())}
            for solver in SOLVERS:
                decide = RankSEG("dice", output_mode="multilabel", solver=solver, pruning_prob=0.0).predict
                started = time.process_time()
                sizes[solver] = int(decide(probabilities).sum())
                seconds[solver] += time.process_time() - started
            started = time.process_time()
            by_expected_dice(probabilities, empty=0.0)
            seconds["ours"] += time.process_time() - started
            for name, size in sizes.items():
                reached = expected[size - 1].item() if size else 0.0
                loss[name] = max(loss[name], expected.max().item() - reached)
            cases.append([*kind, seed, sizes["TRNA"]])
        rows.append(
            {
                "pixels": kind[0],
                "true": kind[1],
                "sure": kind[2],
                "loss of expected Dice": {name: round(value, 6) for name, value in loss.items()},
                "CPU seconds": {name: round(value, 3) for name, value in seconds.items()},
            }
        )
        print(rows[-1], flush=True)
    record("rankseg", {"rankseg": version("rankseg"), "maps": rows, "cases": cases})


if __name__ == "__main__":
    main()
