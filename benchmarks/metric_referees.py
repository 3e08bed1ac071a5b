"""Outline scores beside the packages that have them: 1,000 random pairs of masks in 2D and in 3D, the empty cases, the speed.

Needs what the project does not: pip install --no-deps monai==1.6.1 surface-distance==0.1 medpy==0.5.2 (torchmetrics is
there). MedPy imports SimpleITK. tests/metrics/test_surfaces.py holds ours to the values that are stored here.
Run: python -m benchmarks.metric_referees
"""

import math
import statistics
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from importlib.metadata import version
from itertools import count, islice

import numpy as np
import surface_distance
import torch
from medpy.metric import binary as medpy
from monai.metrics import compute_average_surface_distance, compute_hausdorff_distance, compute_surface_dice
from scipy.ndimage import distance_transform_edt, gaussian_filter
from torchmetrics.functional.segmentation import hausdorff_distance

from benchmarks.timer import seconds
from nbhelpers.metrics import Surfaces
from tools.record import record

PAIRS, STORED = 1000, 12
TOLERANCE = 1.5
SIZE = 512
np.Inf = np.inf  # surface-distance 0.1 asks for the name that numpy 2 dropped, where a mask is empty
Pair = tuple[np.ndarray, np.ndarray, tuple[float, ...]]


def random_pair(seed: int, dimensions: int) -> Pair:
    """Two masks of one scene, and a spacing: noise or blobs, from nearly empty to nearly full, cut by the frame."""
    rng = np.random.default_rng([seed, dimensions])
    shape = rng.integers(*((12, 40) if dimensions == 2 else (6, 14)), size=dimensions)
    field = gaussian_filter(rng.standard_normal(shape), rng.choice([0, 0.7, 1.5, 3]))
    noise = gaussian_filter(rng.standard_normal(shape), 1)
    other = field / (field.std() + 1e-9) + rng.choice([0, 0.2, 1]) * noise / noise.std()
    level = rng.uniform(-1.5, 1.5)
    spacing = (1.0,) * dimensions if seed % 2 else tuple(rng.uniform(0.3, 3, dimensions).round(2).tolist())
    return other > level, field / (field.std() + 1e-9) > level, spacing


def batches(*masks: np.ndarray) -> list[torch.Tensor]:
    return [torch.from_numpy(mask.astype(np.uint8))[None, None] for mask in masks]


def monai(score: Callable, prediction: np.ndarray, truth: np.ndarray, spacing, *extra, **options) -> float:
    return score(
        *batches(prediction, truth), *extra, include_background=True, spacing=list(spacing), **options
    ).item()


def google(prediction: np.ndarray, truth: np.ndarray, spacing) -> dict:
    return surface_distance.compute_surface_distances(truth, prediction, spacing)


def of_torchmetrics(prediction: np.ndarray, truth: np.ndarray, spacing) -> float:
    """2D alone."""
    side = max(truth.shape)  # on images that are not square it writes distances to wrong pixels
    prediction, truth = (
        np.pad(mask, [(0, side - length) for length in mask.shape]) for mask in (prediction, truth)
    )
    return hausdorff_distance(
        *batches(prediction, truth), num_classes=1, include_background=True, spacing=list(spacing)
    ).item()


REFEREES = {  # name: (its score, ours, why it differs where it does)
    "MONAI compute_hausdorff_distance": (
        lambda *pair: monai(compute_hausdorff_distance, *pair),
        lambda ours: ours.hausdorff,
        None,
    ),
    "MONAI compute_hausdorff_distance(percentile=95)": (
        lambda *pair: monai(compute_hausdorff_distance, *pair, percentile=95),
        lambda ours: ours.hd95,
        None,
    ),
    "MONAI compute_average_surface_distance(symmetric=True)": (
        lambda *pair: monai(compute_average_surface_distance, *pair, symmetric=True),
        lambda ours: ours.assd,
        None,
    ),
    "MONAI compute_surface_dice(use_subvoxels=True)": (
        lambda *pair: monai(compute_surface_dice, *pair[:3], [TOLERANCE], use_subvoxels=True),
        lambda ours: ours.dice(TOLERANCE),
        None,
    ),
    "MONAI compute_surface_dice": (
        lambda *pair: monai(compute_surface_dice, *pair[:3], [TOLERANCE]),
        lambda ours: ours.dice(TOLERANCE, by="pixels"),
        None,
    ),
    "surface-distance compute_surface_dice_at_tolerance": (
        lambda *pair: surface_distance.compute_surface_dice_at_tolerance(google(*pair), TOLERANCE),
        lambda ours: ours.dice(TOLERANCE),
        None,
    ),
    "MedPy hd": (
        lambda prediction, truth, spacing: medpy.hd(prediction, truth, spacing),
        lambda ours: ours.hausdorff,
        None,
    ),
    "MedPy hd95": (
        lambda prediction, truth, spacing: medpy.hd95(prediction, truth, spacing),
        lambda ours: ours.hd95_pooled,
        None,
    ),
    "MedPy assd": (
        lambda prediction, truth, spacing: medpy.assd(prediction, truth, spacing),
        lambda ours: ours.assd,
        None,
    ),
    "MONAI compute_average_surface_distance, the mean of both ways": (
        lambda prediction, truth, spacing: (
            (
                monai(compute_average_surface_distance, prediction, truth, spacing)
                + monai(compute_average_surface_distance, truth, prediction, spacing)
            )
            / 2
        ),
        lambda ours: ours.masd,
        None,
    ),
    "torchmetrics hausdorff_distance": (of_torchmetrics, lambda ours: ours.hausdorff, None),
    "surface-distance compute_robust_hausdorff(95)": (
        lambda *pair: surface_distance.compute_robust_hausdorff(google(*pair), 95),
        lambda ours: ours.hd95,
        "takes corners between pixels, weighted by length, and no interpolation; ours takes border pixels, as MONAI and MedPy",
    ),
    "surface-distance compute_surface_dice_at_tolerance beside ours by pixels": (
        lambda *pair: surface_distance.compute_surface_dice_at_tolerance(google(*pair), TOLERANCE),
        lambda ours: ours.dice(TOLERANCE, by="pixels"),
        "weighs the outline by its length, as ours does unless asked for pixels",
    ),
    "MedPy hd95 beside ours of the larger percentile": (
        lambda prediction, truth, spacing: medpy.hd95(prediction, truth, spacing),
        lambda ours: ours.hd95,
        "pools the distances there and back before it takes the percentile",
    ),
}


def difference(left: float, right: float) -> float:
    return 0.0 if left == right or (math.isnan(left) and math.isnan(right)) else abs(left - right)


def pairs_of(dimensions: int) -> Iterator[Pair]:
    """Random pairs of which both masks hold something; the empty cases have a table of their own."""
    pairs = (random_pair(seed, dimensions) for seed in count())
    return (pair for pair in pairs if pair[0].any() and pair[1].any())


def compared(dimensions: int) -> dict[str, dict]:
    pairs = list(islice(pairs_of(dimensions), PAIRS))
    ours = [Surfaces(pair[0], pair[1], spacing=pair[2]) for pair in pairs]
    table = {}
    for name, (theirs, mine, reason) in REFEREES.items():
        if dimensions == 3 and theirs is of_torchmetrics:
            continue
        differences = [difference(theirs(*pair), mine(own)) for pair, own in zip(pairs, ours)]
        table[name] = {
            "pairs": len(pairs),
            "largest_difference": float(max(differences)),
            "differ_by_more_than_0.0001": int(sum(value > 1e-4 for value in differences)),
        }
        if reason:
            table[name]["differs_because_it"] = reason
    return table


def told(score: Callable[..., float], *arguments) -> float | str:
    """A score, or the name of the error instead of it."""
    try:
        number = float(score(*arguments))
    except Exception as error:
        return type(error).__name__
    return number if math.isfinite(number) else str(number)


def empty_cases() -> dict[str, dict]:
    nothing, square = np.zeros((2, 9, 9), bool)
    square[3:6, 3:6] = True
    pairs = {"both empty": (nothing, nothing), "truth empty": (square, nothing)}
    pairs["prediction empty"] = (nothing, square)
    return {
        case: {
            name: {"theirs": told(theirs, *pair, (1.0, 1.0)), "ours": told(mine, Surfaces(*pair))}
            for name, (theirs, mine, reason) in REFEREES.items()
            if not reason
        }
        for case, pair in pairs.items()
    }


def packed(mask: np.ndarray) -> str:
    return np.packbits(mask).tobytes().hex()


def stored() -> Iterator[dict]:
    for dimensions in (2, 3):
        for prediction, truth, spacing in islice(pairs_of(dimensions), STORED):
            yield {
                "shape": list(truth.shape),
                "prediction": packed(prediction),
                "truth": packed(truth),
                "spacing": list(spacing),
                "scores": {
                    name: float(theirs(prediction, truth, spacing))
                    for name, (theirs, _, reason) in REFEREES.items()
                    if not reason and not (dimensions == 3 and theirs is of_torchmetrics)
                },
            }


def scenes() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Pairs of 512 x 512: what a trained network predicts, and what none would."""

    def blobs(seed: int, size: float) -> np.ndarray:
        return gaussian_filter(np.random.default_rng(seed).standard_normal((SIZE, SIZE)), size) > 0

    def redrawn(mask: np.ndarray, pixels: float) -> np.ndarray:
        """The mask with its outline moved to and fro by some pixels."""
        depth = distance_transform_edt(mask) - distance_transform_edt(~mask)
        shift = gaussian_filter(np.random.default_rng(9).standard_normal(mask.shape), 4)
        return depth + pixels * shift / shift.std() > 0

    y, x = np.mgrid[:SIZE, :SIZE]
    disc = np.hypot(y - 250, x - 260) < 150
    rng = np.random.default_rng(0)
    return {
        "one object, its outline redrawn by 4 pixels": (redrawn(disc, 4), disc),
        "one object, moved by 12 pixels": (np.roll(disc, 12, 1), disc),
        "many objects, their outlines redrawn by 2 pixels": (redrawn(blobs(0, 20), 2), blobs(0, 20)),
        "two unlike pictures": (blobs(1, 20), blobs(2, 20)),
        "noise": (rng.random((SIZE, SIZE)) < 0.5, rng.random((SIZE, SIZE)) < 0.5),
    }


def speed() -> dict[str, dict]:
    unit = (1.0, 1.0)
    jobs = {
        "HD95": (
            lambda *pair: Surfaces(*pair).hd95,
            lambda *pair: monai(compute_hausdorff_distance, *pair, unit, percentile=95),
        ),
        "surface Dice by length": (
            lambda *pair: Surfaces(*pair).dice(TOLERANCE),
            lambda *pair: monai(compute_surface_dice, *pair, unit, [TOLERANCE], use_subvoxels=True),
        ),
        "surface Dice by pixels": (
            lambda *pair: Surfaces(*pair).dice(TOLERANCE, by="pixels"),
            lambda *pair: monai(compute_surface_dice, *pair, unit, [TOLERANCE]),
        ),
    }
    table = {}
    for scene, pair in scenes().items():
        for name, (ours, theirs) in jobs.items():
            sides = [partial(side, *pair) for side in (ours, theirs)]
            rounds = [  # in turns, so that a busy machine slows both
                [seconds(side, torch.device("cpu"), times=3) for side in sides] for _ in range(7)
            ]
            mine, others = (statistics.median(side) for side in zip(*rounds))
            table[f"{name}: {scene}"] = {
                "ours_cpu_ms": round(1000 * mine, 2),
                "monai_cpu_ms": round(1000 * others, 2),
                "monai_over_ours": round(statistics.median(b / a for a, b in rounds), 2),
            }
    return table


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    results = {
        "packages": {
            name: version(name) for name in ("monai", "surface-distance", "medpy", "torchmetrics", "scipy")
        },
        "tolerance": TOLERANCE,
        "2D": compared(2),
        "3D": compared(3),
        "empty": empty_cases(),
        "speed of 512 x 512": speed(),
        "stored": list(stored()),
    }
    record("metric_referees", results, "python -m benchmarks.metric_referees")
    for part in ("2D", "3D", "speed of 512 x 512", "empty"):
        print(part, *results[part].items(), sep="\n")
