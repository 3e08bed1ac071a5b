"""Compare ways of training over several seeds, and say no more than the seeds allow."""

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import nn
from torch.utils.data import Dataset

from nbhelpers.checks import Gate
from nbhelpers.metrics import ConfusionMatrix
from nbhelpers.training import evaluate


@dataclass(frozen=True)
class Comparison:
    """What `compare` measured, by name: confusion matrices and seconds of each seed, and the first seed's model."""

    confusions: dict[str, list[ConfusionMatrix]]
    seconds: dict[str, list[float]]
    models: dict[str, nn.Module]

    @property
    def scores(self) -> dict[str, list[float]]:
        """Mean IoU of each seed, as fractions in 0..1."""
        return {name: [confusion.mean_iou for confusion in group] for name, group in self.confusions.items()}

    def __str__(self) -> str:
        width = max(map(len, self.scores))
        lines = [f"{'':{width}}  parameters  seconds  {'mean IoU':14}   (each seed)"]
        for name, scores in self.scores.items():
            parameters = sum(p.numel() for p in self.models[name].parameters())
            seconds, (mean, spread) = min(self.seconds[name]), mean_and_spread(scores)
            each = " ".join(f"{score:.3f}" for score in scores)
            lines.append(
                f"{name:{width}}  {parameters:10,}  {seconds:7.1f}  {mean:.3f} +- {spread:.3f}   ({each})"
            )
        return "\n".join(lines)

    def verdict(self, first: str, second: str) -> str:
        """Whether one of the two is better than the other beyond the noise of the seeds.

        It is, if each of its scores lies above each of the other's, and chance alone does this at most once in 10
        times: were both ways equally good, their scores would fall so in 2 of n! n! / (2n)! orders, which is 1 in
        3 for n = 2 seeds, 1 in 10 for 3, 1 in 126 for 5 (the permutation test of Fisher, 1935). Two seeds are
        never enough.
        """
        (first, best), (second, other) = sorted(
            ((name, self.scores[name]) for name in (first, second)), key=lambda pair: -sum(pair[1])
        )
        difference = sum(best) / len(best) - sum(other) / len(other)
        sentence = f"{first!r} scores {difference:.3f} higher than {second!r} on average"
        if not min(best) > max(other):
            return f"{sentence}, but the seeds overlap: no conclusion"
        apart = f"{sentence}, and each of its {len(best)} seeds above each of the other's"
        once_in = math.comb(len(best) + len(other), len(best)) / 2
        if once_in < 10:
            return f"{apart}, but chance does this once in {once_in:.0f} times: no conclusion, take 3 seeds or more"
        return f"{apart}: beyond the noise (chance does this once in {once_in:.0f} times)"


def mean_and_spread(values: list[float]) -> tuple[float, float]:
    """The mean, and the standard deviation with n - 1 below the line (nan for one value)."""
    tensor = torch.tensor(values, dtype=torch.float64)
    return tensor.mean().item(), tensor.std().item() if len(values) > 1 else math.nan


def compare(
    trainings: Mapping[str, Callable[[int], nn.Module]],
    valid: Dataset,
    *,
    seeds: int = 3,
    size: tuple[int, int] | None = None,
) -> Comparison:
    """Train in each way with the seeds 0, 1, .., and score on `valid`.

    trainings: by name, a function that takes a seed, builds a model, trains it and returns it; torch is seeded
        before, so that equal networks begin with equal weights.
    size: as in `evaluate`.
    Seeds take turns over the ways, so that a machine that slows down slows all of them. Raises ValueError
    for fewer than two seeds, which have no spread.
    """
    if seeds < 2:
        raise ValueError(f"seeds is {seeds}; it takes at least 2 to tell a difference from noise")
    Gate(valid, "valid").inspect()  # before hours of training
    result = Comparison({name: [] for name in trainings}, {name: [] for name in trainings}, {})
    for seed in range(seeds):
        for name, train in trainings.items():
            torch.manual_seed(seed)
            started = time.perf_counter()
            model = train(seed)
            result.seconds[name].append(time.perf_counter() - started)
            result.confusions[name].append(evaluate(model, valid, size=size))
            result.models.setdefault(name, model)
    return result
