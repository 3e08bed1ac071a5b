"""An order of networks by their scores, and how far two orders agree."""

from collections.abc import Mapping
from itertools import combinations
from statistics import mean
from typing import NamedTuple

import scipy


class Ranked(NamedTuple):
    """Scores on some terms, named as a sentence has them ("after ..."), and the least difference that means anything."""

    name: str
    scores: Mapping[str, list[float]]
    least: float

    def agrees(self, other: "Ranked") -> str:
        """Whether both order their networks alike, and who is ahead of whom here and behind there, beyond the differences.

        Raises ValueError for fewer than two networks that both have.
        """
        tau, (here, there) = self.tau(other), self._means(other)
        swapped: dict[str, list[str]] = {}
        for first, second in combinations(here, 2):  # the better here comes first
            if here[first] - here[second] > self.least and there[second] - there[first] > other.least:
                swapped.setdefault(first, []).append(second)
        said = "; ".join(f"**{first}** of {enumerated(others)}" for first, others in swapped.items())
        text = f"{begun(self.name)} and {other.name} agree by Kendall's tau = {tau:.2f}."
        if not said:
            return f"{text} No two networks change places beyond the least differences."
        return f"{text} Ahead after {self.name} and behind after {other.name}, beyond the least differences: {said}."

    def tau(self, other: "Ranked") -> float:
        """Kendall's: 1 where both order alike the networks that both have, 0 where nothing connects the orders."""
        here, there = self._means(other)
        return float(scipy.stats.kendalltau([*here.values()], [*there.values()]).statistic)

    def _means(self, other: "Ranked") -> tuple[dict[str, float], dict[str, float]]:
        both = [name for name in self.scores if name in other.scores]
        if len(both) < 2:
            raise ValueError(
                f"{self.name} and {other.name} have {len(both)} networks in common, but an order needs two"
            )
        here, there = ({name: mean(each.scores[name]) for name in both} for each in (self, other))
        return here, there


def begun(text: str) -> str:
    """As a sentence begins."""
    return text[0].upper() + text[1:]


def enumerated(names: list[str]) -> str:
    """As a sentence has them: A, B and C."""
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
