"""How the NICE contests score iris masks: E1 and E2, errors in pixels, less is better.

Definitions: the contest's page "NICE.I Evaluation", http://nice1.di.ubi.pt/evaluation.htm.
"""

from collections.abc import Iterable

import numpy as np


def e1(predicted: Iterable[np.ndarray], true: Iterable[np.ndarray]) -> float:
    """Share of pixels in which predicted and true mask disagree, mean over the images: 0 to 1.

    NICE.I writes it in percent. predicted, true: bool masks (N, H, W), or sequences of N masks (H, W), in which sizes
    may differ from image to image. Raises ValueError for no image, another dtype, and masks that differ in size.
    """
    return float(np.mean([(guess != truth).mean() for guess, truth in _pairs(predicted, true)]))


def e2(predicted: Iterable[np.ndarray], true: Iterable[np.ndarray]) -> float:
    """Mean of the false-positive and the false-negative rate of each image, mean over the images: 0 to 1.

    It weighs the small iris as much as the large rest. The rates are shares of the true background and of the true
    iris; where an image has none of one, that rate is 0, as nothing could be missed. Arguments and errors as in `e1`.
    """
    rates = []
    for guess, truth in _pairs(predicted, true):
        false_positive = (guess & ~truth).sum() / max((~truth).sum(), 1)
        false_negative = (~guess & truth).sum() / max(truth.sum(), 1)
        rates.append((false_positive + false_negative) / 2)
    return float(np.mean(rates))


def _pairs(
    predicted: Iterable[np.ndarray], true: Iterable[np.ndarray]
) -> list[tuple[np.ndarray, np.ndarray]]:
    predicted, true = ([np.asarray(mask) for mask in masks] for masks in (predicted, true))
    if not predicted or len(predicted) != len(true):
        raise ValueError(
            f"there are {len(predicted)} predicted and {len(true)} true masks, but there must be as many of "
            "both, one at least"
        )
    for index, (guess, truth) in enumerate(zip(predicted, true)):
        for name, mask in (("predicted", guess), ("true", truth)):
            if mask.dtype != bool or mask.ndim != 2:
                raise ValueError(
                    f"{name} mask {index} is {mask.dtype} {mask.shape}, but must be bool (H, W): pass mask == 1"
                )
        if guess.shape != truth.shape:
            raise ValueError(
                f"mask {index} is {guess.shape} predicted and {truth.shape} true, but both must be equal: "
                "predict at the size of the true mask"
            )
    return list(zip(predicted, true))
