"""Scores of competitions, each with its rule for empty masks. Fractions in [0, 1], higher is better."""

import math
from collections.abc import Sequence

import numpy as np

from nbhelpers.metrics import Surfaces

# IoU above which a nucleus counts as found, in twentieths: 10/20 = 0.50, 11/20 = 0.55, ... 19/20 = 0.95. Integers,
# because 0.5 + 2 * 0.05 is not 0.6 in floating point, and a score must not depend on that.
TWENTIETHS = tuple(range(10, 20))


def dice(prediction: np.ndarray, truth: np.ndarray) -> float:
    """Dice of two binary masks (H, W), 2 |A and B| / (|A| + |B|); 1 where both are empty, 0 where one is.

    The score of Carvana, Severstal and many more is its mean over images. Dice, 1945, "Measures of the amount of
    ecologic association between species". Raises ValueError for masks that differ in size or are not binary.
    """
    prediction, truth = _binary_pair(prediction, truth)
    total = np.count_nonzero(prediction) + np.count_nonzero(truth)
    return 2 * np.count_nonzero(prediction & truth) / total if total else 1.0


def iou(prediction: np.ndarray, truth: np.ndarray) -> float:
    """Intersection over union of two binary masks (H, W); 1 where both are empty, 0 where one is. Errors as `dice`."""
    prediction, truth = _binary_pair(prediction, truth)
    union = np.count_nonzero(prediction | truth)
    return np.count_nonzero(prediction & truth) / union if union else 1.0


def mean_iou(prediction: np.ndarray, truth: np.ndarray) -> float:
    """Mean of the IoU of foreground and of background, of two binary masks of one image or many joined.

    For the mean over all pixels of a data set use `nbhelpers.metrics.ConfusionMatrix`, which it equals there.
    """
    prediction, truth = _binary_pair(prediction, truth)
    return (iou(prediction, truth) + iou(~prediction, ~truth)) / 2


def bowl_score(prediction: np.ndarray, truth: np.ndarray) -> float:
    """The score of the Data Science Bowl 2018 for one image, mean over t = 0.50, 0.55, ... 0.95 of TP / (TP + FP + FN).

    Both are instance ids (H, W), 0 = background, each other number one object. At t a true object is found (TP) by
    the predicted one whose IoU with it is greater than t; there is at most one. FP are predicted objects that found
    nothing, FN true ones not found. 1 where there is no object in either. A submission's score is the mean over
    images. Of masks of one object each, 0 and 1, it is the score of TGS Salt Identification. Caicedo et al., 2019,
    https://doi.org/10.1038/s41592-019-0612-7, and the competition's page "Evaluation".
    """
    inter, union = overlaps(prediction, truth)
    predicted, true = inter.shape
    if predicted + true == 0:
        return 1.0
    found = [np.count_nonzero(20 * inter > t * union) for t in TWENTIETHS]  # IoU > t / 20, in integers
    return float(np.mean([hits / (predicted + true - hits) for hits in found]))


def surface_dice(
    prediction: np.ndarray, truth: np.ndarray, tolerance: float, *, spacing: Sequence[float] | None = None
) -> float:
    """`Surfaces.dice`, the share of both outlines within `tolerance`; 1 where both masks are empty, 0 where one is.

    Binary masks (H, W), or (D, H, W) with their `spacing`. The score of SenNet, at a tolerance of 0. Raises ValueError as `Surfaces` does.
    """
    score = Surfaces(prediction, truth, spacing=spacing).dice(tolerance)
    return 1.0 if math.isnan(score) else score


def uw_madison_score(prediction: np.ndarray, truth: np.ndarray, *, both_empty: float | None = None) -> float:
    """UW-Madison GI Tract: 0.4 x the mean Dice of the slices + 0.6 x (1 - Hausdorff distance / diagonal).

    Binary masks (D, H, W) of one class in one scan, a slice's depth being 1; a submission's score is the mean over classes
    and scans. The distance is 0 where both volumes are empty, and the diagonal where one is.
    both_empty: the Dice of a slice in which neither holds the class; None leaves it out. The competition's page says 0,
        which puts its leaderboard's scores out of reach, since most slices lack most classes: so it cannot be what was
        counted there. The page, "Evaluation", says that distances are "normalized by image size"; by the diagonal is how
        its participants read it. Raises ValueError for masks that are no volumes, differ in size or are not binary.
    """
    prediction, truth = _binary_pair(prediction, truth)
    if prediction.ndim != 3 or not prediction.size:
        raise ValueError(
            f"the masks are {prediction.shape}; they must be volumes (D, H, W): stack the slices of a scan"
        )
    held = [(p, t) for p, t in zip(prediction, truth) if p.any() or t.any()]
    slices = [dice(p, t) for p, t in held]
    if both_empty is not None:
        slices += [both_empty] * (len(truth) - len(held))
    distance = Surfaces(prediction, truth, spacing=(1, 1, 1)).hausdorff
    near = 1.0 if math.isnan(distance) else max(0.0, 1 - distance / math.hypot(*truth.shape))
    return 0.4 * (float(np.mean(slices)) if slices else 1.0) + 0.6 * near


def overlaps(prediction: np.ndarray, truth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pixels in common, and in either, of every predicted with every true object: int64 (predicted, true) each."""
    prediction, truth = np.asarray(prediction), np.asarray(truth)
    _check_equal_shapes(prediction, truth)
    (predicted_ids, rows), (true_ids, columns) = _numbered(prediction), _numbered(truth)
    joint = np.bincount(
        rows.ravel() * (len(true_ids) + 1) + columns.ravel(),
        minlength=(len(predicted_ids) + 1) * (len(true_ids) + 1),
    ).reshape(len(predicted_ids) + 1, len(true_ids) + 1)
    inter = joint[1:, 1:]
    union = joint[1:].sum(1)[:, None] + joint[:, 1:].sum(0)[None] - inter
    return inter, union


def _numbered(ids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The ids of the objects, and the map with 0 for background and 1..n for them."""
    check_instances(ids)
    present = np.flatnonzero(np.bincount(ids.ravel()))
    present = present[present > 0]
    table = np.zeros(int(ids.max()) + 1 if ids.size else 1, np.int64)
    table[present] = np.arange(1, len(present) + 1)
    return present, table[ids]


def check_instances(ids: np.ndarray) -> None:
    """Raise ValueError for what cannot be ids of objects."""
    if ids.dtype.kind not in "iu":
        raise ValueError(
            f"instances are {ids.dtype}; they must be integers, one number an object and 0 elsewhere: by_components or "
            "by_watershed numbers the objects of a probability"
        )
    if ids.size and ids.min() < 0:
        raise ValueError(
            f"instances hold {ids.min()}; ids must be 0 for background and positive for objects (of cv2.watershed's, -1 "
            "is a cut and 1 may be the background: make them 0)"
        )


def _binary_pair(prediction: np.ndarray, truth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    prediction, truth = np.asarray(prediction), np.asarray(truth)
    _check_equal_shapes(prediction, truth)
    return _as_bool("prediction", prediction), _as_bool("truth", truth)


def _as_bool(name: str, mask: np.ndarray) -> np.ndarray:
    if mask.dtype == bool:
        return mask
    if mask.dtype.kind not in "iu":
        raise ValueError(
            f"{name} is {mask.dtype}; it must be bool or 0 and 1: compare probabilities with a threshold"
        )
    if mask.size and not (mask.min() >= 0 and mask.max() <= 1):
        raise ValueError(f"{name} holds {mask.min()} to {mask.max()}; it must be 0 and 1: take ids == number")
    return mask.astype(bool)


def _check_equal_shapes(prediction: np.ndarray, truth: np.ndarray) -> None:
    if prediction.shape != truth.shape:
        raise ValueError(
            f"the prediction is {' x '.join(map(str, prediction.shape))} and the truth "
            f"{' x '.join(map(str, truth.shape))}; they must be equal: predict at the size of the mask"
        )
