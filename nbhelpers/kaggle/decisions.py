"""From probabilities to the mask that is sent: the settings that `tune` chooses, each the name of an argument here."""

from collections.abc import Sequence

import numpy as np
import scipy

from nbhelpers.metrics.calibration import SLACK


def as_probability(probability: np.ndarray, dimensions: Sequence[int], due: str) -> np.ndarray:
    """As an array; ValueError, which says what is `due`, unless it is floats in 0..1 of so many dimensions."""
    probability = np.asarray(probability)
    if probability.ndim not in dimensions or probability.dtype.kind != "f":
        raise ValueError(f"probability is {probability.dtype} {probability.shape}; it must be floats {due}")
    low, high = (probability.min(), probability.max()) if probability.size else (0, 1)
    if not (-SLACK <= low and high <= 1 + SLACK):  # also true for nan
        raise ValueError(
            f"probability runs from {low:.3g} to {high:.3g}; it must lie in 0..1: of logits take the sigmoid or the "
            "softmax, and nan comes from a broken network or image"
        )
    return probability


def check_thresholds(**thresholds: float) -> None:
    """Raise ValueError for what no probability can be compared with, such as 50 per cent or 128 of 255."""
    for name, threshold in thresholds.items():
        if not 0 <= threshold <= 1:
            raise ValueError(f"{name} is {threshold}; it must lie in 0..1, as probabilities do")


def by_mask(probability: np.ndarray, threshold: float = 0.5, min_size: int = 0, least: int = 0) -> np.ndarray:
    """Where the probability is above `threshold`: bool (H, W), or (D, H, W) for a volume.

    min_size: parts of fewer pixels are left out; pixels that touch, be it at a corner, are one part.
    least: a mask of fewer pixels than this becomes empty. Where a score gives 1 to an empty mask that is rightly empty, a
        handful of pixels is a bad bet.
    Raises ValueError for what is no probability, and for a threshold outside 0..1.
    """
    check_thresholds(threshold=threshold)
    due = (
        "(H, W) or (D, H, W): those of one class, predict(model, image)[1], or [0] of a model of one channel"
    )
    mask = as_probability(probability, (2, 3), due) > threshold
    if min_size > 1:
        parts, _ = scipy.ndimage.label(mask, np.ones((3,) * mask.ndim))
        large = np.bincount(parts.ravel(), minlength=1) >= min_size
        large[0] = False
        mask = large[parts]
    return mask if np.count_nonzero(mask) >= least else np.zeros_like(mask)


def by_presence(
    prediction: tuple[np.ndarray, float],
    threshold: float = 0.5,
    min_size: int = 0,
    least: int = 0,
    present: float = 0.5,
) -> np.ndarray:
    """`by_mask` of a pair (probability of the pixels, probability that the class is there): empty if that is below `present`.

    The second comes from `presence`, or from a classifier of its own. `present=0` leaves it out.
    Raises ValueError where one of them is no probability, and for a threshold outside 0..1.
    """
    check_thresholds(present=present)
    probability, there = prediction
    as_probability(float(there), (0,), "")
    mask = by_mask(probability, threshold, min_size, least)
    return mask if there >= present else np.zeros_like(mask)
