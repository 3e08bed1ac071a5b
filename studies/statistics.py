"""The one place where a difference becomes a sentence: interval, exact test, Holm's correction, power."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy

LEVEL = 0.05  # of all verdicts of a lesson together
DECIMALS = 12  # of a mean: behind them is what the order of adding up leaves, and no difference


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
        return (
            scipy.stats.t.ppf(1 - level / 2, self.freedom) + scipy.stats.t.ppf(0.8, self.freedom)
        ) * self.error


def difference(first: Sequence[float], second: Sequence[float], *, paired: bool = False) -> Difference:
    """Compare two lists of scores, one number a seed.

    Raises ValueError for fewer than two seeds, for unequal pairs, and for scores that are no numbers.
    """
    first, second = np.asarray(first, float), np.asarray(second, float)
    if min(len(first), len(second)) < 2 or (paired and len(first) != len(second)):
        raise ValueError(
            f"{len(first)} and {len(second)} scores; there must be two seeds a way at least, and pairs as many"
        )
    if not np.isfinite([*first, *second]).all():
        raise ValueError(
            f"the scores are {first.tolist()} and {second.tolist()}; each must be a number: compare by a measure that "
            "every seed has"
        )
    mean = first.mean() - second.mean()
    if paired:
        test = scipy.stats.ttest_rel(first, second)
        error = (first - second).std(ddof=1) / math.sqrt(len(first))
    else:
        test = scipy.stats.ttest_ind(first, second, equal_var=False)
        error = math.sqrt(first.var(ddof=1) / len(first) + second.var(ddof=1) / len(second))
    interval = test.confidence_interval(0.95)
    exact = scipy.stats.permutation_test(
        (first, second),
        lambda a, b, axis: abs(a.mean(axis) - b.mean(axis)).round(DECIMALS),  # so that ties are ties
        permutation_type="samples" if paired else "independent",
        vectorized=True,
        alternative="greater",  # of the distance of the means: two-sided
        n_resamples=20_000,  # all orders up to 8 against 8 seeds: C(16, 8) = 12,870
        rng=np.random.default_rng(0),
    )
    return Difference(
        mean=float(mean),
        low=float(interval.low),
        high=float(interval.high),
        p=float(exact.pvalue),
        error=round(float(error), DECIMALS),
        freedom=float(test.df),
        seeds=(len(first), len(second)),
    )


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down corrected p-values (Holm, 1979), in the order given."""
    order = np.argsort(p_values)
    corrected, largest = np.empty(len(p_values)), 0.0
    for rank, index in enumerate(order):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[index]))
        corrected[index] = largest
    return corrected.tolist()


@dataclass(frozen=True)
class Spread:
    """How far seeds scatter, taken as equal for all groups: the standard deviation within groups, pooled.

    freedom: its degrees of freedom; groups: how many are compared; seeds: of the group that has the fewest.
    """

    deviation: float
    freedom: int
    groups: int
    seeds: int

    @property
    def half_interval(self) -> float:
        """What a group's mean may be off by, either way, at 95 % (Student's t)."""
        return float(scipy.stats.t.ppf(1 - LEVEL / 2, self.freedom)) * self.deviation / math.sqrt(self.seeds)

    @cached_property
    def least_difference(self) -> float:
        """How far two means must lie apart to mean anything, whichever two of all are looked at; nan for one group.

        Tukey's honestly significant difference (1949): of groups that are all alike, the two furthest apart reach it
        once in twenty studies.
        """
        if self.groups < 2:
            return math.nan
        quantile = scipy.stats.studentized_range.ppf(1 - LEVEL, self.groups, self.freedom)
        return float(quantile) * self.deviation / math.sqrt(self.seeds)


def spread(groups: Sequence[Sequence[float]]) -> Spread:
    """The spread of groups, each one number a seed. Raises ValueError where there is none, or one of fewer than two seeds."""
    seeds = [len(values) for values in groups]
    if not seeds or min(seeds) < 2:
        raise ValueError(f"groups of {seeds} seeds; there must be one at least, and two seeds in each")
    freedom = sum(seeds) - len(seeds)
    squares = sum(float(np.var(values)) * len(values) for values in groups)
    return Spread(math.sqrt(squares / freedom), freedom, len(groups), min(seeds))
