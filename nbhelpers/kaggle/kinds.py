"""Kinds of images, for folds of which each holds a share of every one: stains, sizes, amounts of foreground."""

from collections import Counter
from collections.abc import Sequence
from numbers import Integral, Real

import numpy as np


def strata(*features: Sequence, bins: int = 3, least: int = 5) -> np.ndarray:
    """One label (n,) for each image, from features by falling importance: `strata(stains, sizes, coverages)`.

    A feature is a sequence of n names or sizes; or of amounts, such as areas, which are cut into `bins` of about equal
    number. Floats are amounts, and so are integers most of which occur less than `least` times; names that are
    numbers must be made text. A combination of fewer than `least` images is too rare to be spread over folds: it is joined
    with those that differ in the last feature only, or, where even these are too few, in the last two, and so on.
    Raises ValueError for features that differ in length or hold nan.
    """
    columns = [_binned(feature, bins, least) for feature in features]
    if not columns or len({len(column) for column in columns}) > 1:
        raise ValueError(
            f"features have {[len(c) for c in columns]} values; each must have one for every image"
        )
    labels = list(zip(*columns))
    for used in range(len(columns) - 1, -1, -1):
        joined = _joined(Counter(labels), used, least)
        labels = [joined.get(label, label) for label in labels]
    numbers = {label: number for number, label in enumerate(sorted(set(labels), key=str))}
    return np.array([numbers[label] for label in labels])


def _joined(counts: Counter, used: int, least: int) -> dict[tuple, tuple]:
    """What rare labels become: those that agree in the first `used` features are one, with a common one if still rare."""
    families: dict[tuple, list[tuple]] = {}
    for label in counts:
        families.setdefault(label[:used], []).append(label)
    joined = {}
    for prefix, family in families.items():
        rare = [label for label in family if counts[label] < least]
        common = [label for label in family if counts[label] >= least]
        target = prefix
        if common and sum(counts[label] for label in rare) < least:
            target = min(common, key=lambda label: (counts[label], str(label)))
        joined |= dict.fromkeys(rare, target)
    return joined


def _binned(feature: Sequence, bins: int, least: int) -> list:
    """Amounts as the numbers of their bins, anything else as it is."""
    values = feature.tolist() if hasattr(feature, "tolist") else list(feature)
    # numbers that came one by one, as of `mask.float().mean()`: as tensors they would be names, each another one
    values = [value.item() if getattr(value, "shape", None) == () else value for value in values]
    if not values or not all(isinstance(value, Real) and not isinstance(value, bool) for value in values):
        return values
    amounts, counts = np.unique(np.asarray(values, float), return_counts=True)
    if np.isnan(amounts).any():
        raise ValueError(
            "a feature holds nan; each image needs a number: leave the image out, or name the feature"
        )
    rare = counts[counts < least].sum()
    if all(isinstance(value, Integral) for value in values) and rare <= len(values) / 2:
        return values
    if len(amounts) == 1:
        return [0] * len(values)
    # between two amounts, so that neither side is empty however many images share one, as 0 where there is no object
    below = counts.cumsum()[:-1]
    cuts = {int(np.abs(below - share * len(values)).argmin()) for share in np.arange(1, bins) / bins}
    return np.searchsorted(amounts[sorted(cuts)], values, side="left").tolist()
