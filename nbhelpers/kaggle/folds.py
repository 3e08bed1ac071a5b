"""Folds that tell the truth: near-duplicates stay together, and every fold holds a share of each kind of image."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import cv2
import numpy as np

from nbhelpers.inference.writing import written_whole

HASH_SIDE, KEPT = 32, 8  # of the shrunken image, and of the corner of its lowest frequencies: 8 x 8 = 64 bits


def perceptual_hash(image: np.ndarray) -> int:
    """64 bits that hardly change when an image is resized, recompressed, brightened or shifted by a pixel or two.

    image: uint8 (H, W, 3) or (H, W). The signs, about their median, of the lowest frequencies of the cosine
    transform of the image at 32 x 32 pixels, without the mean (Zauner, 2010, "Implementation and Benchmarking of
    Perceptual Image Hash Functions", section 3.2.1). Turned, mirrored or differently cropped it is another image.
    """
    if image.dtype != np.uint8 or not (image.ndim == 2 or image.ndim == 3 and image.shape[2] == 3):
        raise ValueError(f"image is {image.dtype} {image.shape}; it must be uint8 (H, W, 3) or (H, W)")
    grey = image if image.ndim == 2 else cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_RGB2GRAY)
    small = cv2.resize(grey.astype(np.float32), (HASH_SIDE, HASH_SIDE), interpolation=cv2.INTER_AREA)
    low = cv2.dct(small)[:KEPT, :KEPT].ravel().round(2)  # or rounding errors would tell blank images apart
    bits = low > np.median(low[1:])
    bits[0] = False  # the mean, which brightness changes
    return int.from_bytes(np.packbits(bits).tobytes(), "big")


def near_duplicates(hashes: Sequence[int], distance: int = 6) -> np.ndarray:
    """Group numbers (n,): two images whose hashes differ in at most `distance` of 64 bits are in one group.

    So are images that are linked through others. Unrelated images differ in about 32 bits.
    """
    packed = np.array(hashes, dtype=">u8").view(np.uint8).reshape(len(hashes), 8)
    bits = np.unpackbits(packed, axis=1)
    groups = np.arange(len(hashes))
    for index in range(1, len(hashes)):
        differ = (bits[:index] != bits[index]).sum(axis=1)
        for other in np.flatnonzero(differ <= distance):
            joined = np.isin(groups, (groups[other], groups[index]))
            groups[joined] = groups[joined].min()
    return np.unique(groups, return_inverse=True)[1]


def strata(*features: Sequence, bins: int = 3, least: int = 5) -> np.ndarray:
    """One label (n,) for each image, from features by falling importance: `strata(stains, sizes, coverages)`.

    A feature is a sequence of n names or sizes, or of floats, which are cut into `bins` of equal number. A
    combination of fewer than `least` images is too rare to be spread over folds: it is joined with those that
    differ in the last feature only, then in the last two, and so on.
    """
    columns = [_binned(feature, bins) for feature in features]
    if not columns or len({len(column) for column in columns}) > 1:
        raise ValueError(
            f"features have {[len(c) for c in columns]} values; each must have one for every image"
        )
    labels = list(zip(*columns))
    for used in range(len(columns) - 1, -1, -1):
        counts = Counter(labels)
        labels = [label if counts[label] >= least else label[:used] for label in labels]
    return np.unique([" | ".join(map(str, label)) for label in labels], return_inverse=True)[1]


def make_folds(groups: Sequence[int], labels: Sequence[int], n_splits: int = 5, seed: int = 0) -> np.ndarray:
    """The fold 0..n_splits-1 of each image, (n,): no group is in two folds, labels are spread as evenly as that allows.

    scikit-learn's StratifiedGroupKFold. Raises ValueError for fewer groups than folds.
    """
    from sklearn.model_selection import StratifiedGroupKFold  # slow to import, and only this needs it

    groups, labels = np.asarray(groups), np.asarray(labels)
    if len(groups) != len(labels):
        raise ValueError(
            f"{len(groups)} groups and {len(labels)} labels; there must be one of each for every image"
        )
    if n_splits < 2 or len(np.unique(groups)) < n_splits:
        raise ValueError(
            f"{n_splits} folds of {len(np.unique(groups))} groups; there must be 2 folds to one a group"
        )
    folds = np.full(len(groups), -1)
    splitter = StratifiedGroupKFold(n_splits, shuffle=True, random_state=seed)
    if max(Counter(labels.tolist()).values()) < n_splits:
        labels = np.zeros_like(labels)  # every label is rarer than the folds: nothing to spread
    for number, (_, held) in enumerate(splitter.split(groups, labels, groups)):
        folds[held] = number
    return folds


Predicted = Iterable[np.ndarray]


def out_of_fold(
    folds: np.ndarray, train_and_predict: Callable[[np.ndarray, np.ndarray], Predicted], folder: str | Path
) -> list[np.ndarray]:
    """A prediction for every image by a model that has not seen it nor its group, kept in `folder`.

    train_and_predict: gets the indices to train on and those to predict, and gives one array for each of these.
    What was predicted before, `<index>.npy`, is not computed again, so an interrupted run goes on fold by fold. Nothing
    but the folds is compared: after a change of model or pictures take another folder.
    Raises ValueError if `folder` holds predictions for other folds, or if the number of predictions is wrong.
    """
    folder, folds = Path(folder), np.asarray(folds)
    plan = folder / "folds.npy"
    if plan.exists() and not np.array_equal(np.load(plan, allow_pickle=False), folds):
        raise ValueError(
            f"{folder} holds predictions for other folds; take an empty folder, or remove this one"
        )
    _save(plan, folds)
    paths = [folder / f"{index}.npy" for index in range(len(folds))]
    for number in np.unique(folds):
        held = np.flatnonzero(folds == number)
        if all(paths[index].exists() for index in held):
            continue
        count = 0
        for index, prediction in zip(held, train_and_predict(np.flatnonzero(folds != number), held)):
            _save(paths[index], np.asarray(prediction))
            count += 1
        if count < len(held):
            raise ValueError(
                f"fold {number} gave {count} predictions for {len(held)} images; it must give one for each"
            )
    return [np.load(path, allow_pickle=False) for path in paths]


def _save(path: Path, array: np.ndarray) -> None:
    with written_whole(path) as temporary, open(temporary, "wb") as file:
        np.save(file, array, allow_pickle=False)


def _binned(feature: Sequence, bins: int) -> list:
    values = list(feature)
    if not values or not all(isinstance(value, float | np.floating) for value in values):
        return values
    edges = np.quantile(values, np.linspace(0, 1, bins + 1)[1:-1])
    return np.searchsorted(edges, values, side="right").tolist()
