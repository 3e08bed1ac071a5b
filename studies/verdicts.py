"""Verdicts on a study's claims, as sentences with numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from studies.protocol import MEAN_IOU, Claim
from studies.statistics import LEVEL, Difference, difference, holm

if TYPE_CHECKING:
    from studies.study import Study

ALIKE = "no interval, as no seed differs from another"


@dataclass(frozen=True)
class Verdict:
    """What the rows say about one claim; `str` of it is a sentence for the page.

    p: corrected by Holm over all verdicts of the lesson. level: what the smallest of them had to stay below.
    """

    claim: Claim
    found: Difference
    p: float
    means: tuple[float, float]
    level: float

    @property
    def beyond(self) -> bool:
        """Whether the difference is beyond the noise: corrected p below 0.05."""
        return self.p < LEVEL

    @property
    def better(self) -> str:
        """The name of the one with the higher mean, whether or not that means anything."""
        return self.claim.names[0 if self.found.mean >= 0 else 1]

    def __str__(self) -> str:
        (first, second), found = self.claim.names, self.found
        measure = MEAN_IOU if self.claim.paired else self.claim.measure
        seeds = " and ".join(str(count) for count in sorted(set(found.seeds)))
        scatter, visible = found.error > 0, found.visible(self.level)
        interval = f"95 % interval {found.low:+.3f} to {found.high:+.3f}" if scatter else ALIKE
        numbers = f"{interval}, {seeds} seeds each"
        if self.beyond:
            more = "higher" if found.mean > 0 else "lower"
            return (
                f"**{first}** scores **{abs(found.mean):.3f} {more}** than **{second}** by {measure} "
                f"({self.means[0]:.3f} against {self.means[1]:.3f}; {numbers}): beyond the noise, corrected {_p(self.p)}."
            )
        return (
            f"Between **{first}** and **{second}** no difference by {measure} is beyond the noise "
            f"({self.means[0]:.3f} against {self.means[1]:.3f}, a difference of {found.mean:+.3f}; {numbers}; corrected "
            f"{_p(self.p)})."
        ) + (f" A true difference of {visible:.3f} would probably have been seen." if scatter else "")

    def _repr_markdown_(self) -> str:
        return str(self)


def judge(study: Study) -> list[Verdict]:
    """Every claim of `study` whose ways have two seeds at least."""
    claims, found = [], []
    for claim in study.claims:
        first = study.values(claim.first, claim.measure)
        second = study.values(claim.second, claim.against or claim.measure)
        if min(len(first), len(second)) >= 2:
            claims.append((claim, sum(first) / len(first), sum(second) / len(second)))
            found.append(difference(first, second, paired=claim.paired))
    corrected = holm([each.p for each in found])
    level = LEVEL / max(1, len(found))
    return [
        Verdict(claim, each, p, means, level) for (claim, *means), each, p in zip(claims, found, corrected)
    ]


def _p(value: float) -> str:
    return f"p = {value:.3f}" if value >= 0.001 else "p < 0.001"
