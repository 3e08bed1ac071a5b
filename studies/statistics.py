"""The one place where a difference becomes a sentence: interval, exact test, Holm's correction, power."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

LEVEL = 0.05  # of all verdicts of a lesson together


@dataclass(frozen=True)
class Difference:
    """Mean of `first` minus mean of `second`, both one number a seed.

    low, high: 95 % interval, by Student's t for pairs, by Welch's for independent samples.
    p: of the exact permutation test of the mean difference, two-sided (Fisher, 1935); signs flip in pairs.
    error: standard error of the difference; freedom: its degrees of freedom.
    """

    mean: float
    low: float
    high: float
    p: float
    error: float
    freedom: float
    seeds: tuple[int, int]

    def visible(self, level: float = LEVEL) -> float:
        """The least true difference that a t-test at `level` would have found in four studies of five."""
        if not self.error > 0:
            return math.nan
        return (stats.t.ppf(1 - level / 2, self.freedom) + stats.t.ppf(0.8, self.freedom)) * self.error


def difference(first: Sequence[float], second: Sequence[float], *, paired: bool = False) -> Difference:
    """Compare two lists of scores, one number a seed. Raises ValueError for fewer than two seeds, or unequal pairs."""
    first, second = np.asarray(first, float), np.asarray(second, float)
    if min(len(first), len(second)) < 2 or (paired and len(first) != len(second)):
        raise ValueError(
            f"{len(first)} and {len(second)} scores; there must be two seeds a way at least, and pairs as many"
        )
    mean = first.mean() - second.mean()
    if paired:
        test = stats.ttest_rel(first, second)
        error = (first - second).std(ddof=1) / math.sqrt(len(first))
    else:
        test = stats.ttest_ind(first, second, equal_var=False)
        error = math.sqrt(first.var(ddof=1) / len(first) + second.var(ddof=1) / len(second))
    interval = test.confidence_interval(0.95)
    exact = stats.permutation_test(
        (first, second),
        lambda a, b, axis: abs(a.mean(axis) - b.mean(axis)),
        permutation_type="samples" if paired else "independent",
        vectorized=True,
        alternative="greater",  # of the distance of the means: two-sided
        n_resamples=20_000,  # all orders up to 8 against 8 seeds: C(16, 8) = 12,870
        rng=np.random.default_rng(0),
    )
    low, high = float(interval.low), float(interval.high)
    return Difference(
        float(mean), low, high, float(exact.pvalue), error, float(test.df), (len(first), len(second))
    )


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down corrected p-values (Holm, 1979), in the order given."""
    order = np.argsort(p_values)
    corrected, largest = np.empty(len(p_values)), 0.0
    for rank, index in enumerate(order):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[index]))
        corrected[index] = largest
    return corrected.tolist()
