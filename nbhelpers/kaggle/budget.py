"""Will it end in time? Asked before the run, of a few images, instead of after nine hours, by a notebook that is cut."""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy

SPARE = 0.85  # of the hours may be planned: the machine of the second run can be slower, and files take their time


@dataclass(frozen=True)
class Estimate:
    """What one way of predicting takes for all images.

    seconds: per image, the mean of those tried. hours: for all, the upper end of a one-sided 95 % interval.
    """

    name: str
    seconds: float
    hours: float
    fits: bool


class Budget(list[Estimate]):
    """The estimates, in the order of the ways; printed as a table."""

    @property
    def choice(self) -> str | None:
        """The first way that fits, or None."""
        return next((each.name for each in self if each.fits), None)

    def __str__(self) -> str:
        width = max(len(each.name) for each in self)
        lines = [f"{'':{width}}  seconds per image  hours for all, at most"]
        for each in self:
            verdict = "fits" if each.fits else "too long"
            lines.append(f"{each.name:{width}}  {each.seconds:17.3f}  {each.hours:14.2f}  {verdict}")
        return "\n".join(
            [*lines, f"take: {self.choice or 'none of them; a smaller network, or larger strides'}"]
        )


def time_budget(
    ways: Mapping[str, Callable[[Any], Any]],
    images: Sequence,
    *,
    total: int | None = None,
    hours: float = 9.0,
    sample: int = 20,
) -> Budget:
    """Time each way on about twenty images, and say which of them ends within `hours` for `total` images.

    ways: by name, the best and slowest first: everything that happens to one image, from reading it to its code.
    images: what the ways take, evenly sampled over the whole list, since files often lie sorted by size; the first one
        is run once more beforehand, to warm up.
    total: images of the run that counts, which may be more than there are here; by default `len(images)`.
    hours: the competition's limit, of which 85 % are planned.
    Raises ValueError where there are fewer than two images, or nothing to try.
    """
    total = len(images) if total is None else total
    if not ways or len(images) < 2 or sample < 2:
        raise ValueError(
            f"{len(ways)} ways and {len(images)} images, of which {sample} are to be tried; it takes a way at least and "
            "two images"
        )
    if total < 1 or not hours > 0:
        raise ValueError(f"total is {total} and hours {hours}; both must be above 0")
    places = np.unique(np.linspace(0, len(images) - 1, min(sample, len(images))).round().astype(int))
    budget = Budget()
    for name, way in ways.items():
        way(images[0])
        spent = []
        for place in places:
            started = time.perf_counter()
            way(images[place])
            spent.append(time.perf_counter() - started)
        error = np.std(spent, ddof=1) / math.sqrt(len(spent))
        bound = total * (np.mean(spent) + scipy.stats.t.ppf(0.95, len(spent) - 1) * error) / 3600
        budget.append(Estimate(name, float(np.mean(spent)), float(bound), bool(bound <= SPARE * hours)))
    return budget
