"""Lesson 22: answers that are right, and wrong ones with what the hint must say."""

import numpy as np
import torch

from nbhelpers.exercises.lesson22 import check_error, check_faint, check_threshold
from nbhelpers.metrics.calibration import Calibration

THRESHOLD = [
    (0.9, "a false alarm is the dear one"),
    (0.5, "both errors cost the same"),
    (0.11, "p x 9"),
    (1 / 9, "p x 9"),
    (0.89, "p x 9"),
    (9, "between 0 and 1"),
    (10, "between 0 and 1"),
    (0.2, "where are both equal"),
]
FAINT = [
    (0, "the threshold 0.5 gets"),
    (0.4, "that is the IoU"),
    (0.8, "leaves out the true ones"),
    (0.6, "the share of false alarms"),
    (1, "60 of those called are none"),
    (0.29, "half of it"),
    (0.43, "the loss"),
    (0.7, "harmonic mean"),
    (0.5, "40 hits"),
]


def by_bincount(told, right, bins):
    place = np.minimum((told * bins).astype(int), bins - 1)
    gap = np.bincount(place, told, bins) - np.bincount(place, right, bins)
    return np.abs(gap).sum() / len(told)


def by_masks(told, right, bins):
    edges, total = np.linspace(0, 1, bins + 1), 0
    edges[-1] = 2
    for low, high in zip(edges[:-1], edges[1:]):
        inside = (told >= low) & (told < high)
        if inside.any():
            total += inside.mean() * abs(told[inside].mean() - right[inside].mean())
    return total


def by_the_package(told, right, bins):
    calibration = Calibration(class_id=1, bins=bins)
    pixels = torch.from_numpy(told)[None, None, None]
    calibration.update(pixels, torch.from_numpy(right)[None, None])
    return calibration.error


def by_torch(told, right, bins):
    told, right = torch.from_numpy(told), torch.from_numpy(right).double()
    place = (told * bins).long().clamp(max=bins - 1)
    return torch.zeros(bins).double().index_add_(0, place, told - right).abs().sum() / len(told)


def gaps_of(told, right, bins):
    place = np.minimum((told * bins).astype(int), bins - 1)
    return np.array([told[place == k].mean() - right[place == k].mean() for k in np.unique(place)])


def by_upper_ends(told, right, bins):
    """Bins to which their upper end belongs, as scikit-learn has them."""
    place = np.searchsorted(np.linspace(0, 1, bins + 1)[1:-1], told)
    gap = np.bincount(place, told, bins) - np.bincount(place, right, bins)
    return np.abs(gap).sum() / len(told)


def by_pixels(told, right, bins):
    groups = {}
    for p, y in zip(told, right):
        groups.setdefault(min(int(p * bins), bins - 1), []).append((p, y))
    return sum(abs(sum(p - y for p, y in group)) for group in groups.values()) / len(told)


def as_many_bins_as_used(told, right, bins):
    place = np.minimum((told * bins).astype(int), bins - 1)
    return np.abs(np.bincount(place, told, bins) - np.bincount(place, right)).sum() / len(told)


ERROR = [
    (as_many_bins_as_used, "it stops with ValueError"),
    (lambda told, right, bins: np.abs(gaps_of(told, right, bins)).mean(), "counts each bin the same;"),
    (lambda told, right, bins: np.abs(gaps_of(told, right, bins)).sum() / bins, "empty ones too"),
    (lambda told, right, bins: abs(told.mean() - right.mean()), "make up for each other"),
    (lambda told, right, bins: np.abs(gaps_of(told, right, bins)).max(), "the largest gap"),
    (lambda told, right, bins: np.abs(told - right).mean(), "pixel by pixel"),
    (lambda told, right, bins: np.square(told - right).mean(), "the Brier score"),
    (lambda told, right, bins: by_bincount(told, right, bins) * len(told), "divide by their number"),
    (lambda told, right, bins: by_bincount(told, right, 15), "does not use bins"),
    (lambda told, right, bins: 1 - by_bincount(told, right, bins), "1 - the error"),
    (by_upper_ends, "1 belongs to the last bin"),
]
RIGHT = [
    (check_threshold, 0.1),
    (check_faint, 4 / 7),
    (check_faint, 0.57),
    *((check_error, way) for way in (by_bincount, by_masks, by_the_package, by_torch, by_pixels)),
]
WRONG = [
    (check, answer, hint)
    for check, slips in {check_threshold: THRESHOLD, check_faint: FAINT, check_error: ERROR}.items()
    for answer, hint in slips
]
