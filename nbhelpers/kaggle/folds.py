"""Folds that tell the truth: near-duplicates stay together, and every fold holds a share of each kind of image."""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from numbers import Real
from pathlib import Path

import cv2
import numpy as np

from nbhelpers.inference.writing import written_whole

COPY = 6  # bits of 64 in which the hash of a resized, recompressed or slightly cropped copy may differ
BLOCK = 256  # hashes that are compared with all at a time
FOLDS = "folds"  # the name of the note that holds them in a file of weights
HASH_SIDE, KEPT = 32, 8  # of the shrunken image, and of the corner of its lowest frequencies: 8 x 8 = 64 bits


def perceptual_hash(image: np.ndarray) -> int:
    """64 bits that hardly change when an image is resized, recompressed, brightened or shifted by a pixel or two.

    image: uint8 (H, W, 3) or (H, W). The signs, about their median, of the lowest frequencies of the cosine
    transform of the image at 32 x 32 pixels, without the mean (Zauner, 2010, "Implementation and Benchmarking of
    Perceptual Image Hash Functions", section 3.2.1). Turned, mirrored or differently cropped it is another image.
    """
    is_picture = image.ndim == 2 or image.ndim == 3 and image.shape[2] == 3
    if image.dtype != np.uint8 or not is_picture or not image.size:
        raise ValueError(
            f"image is {image.dtype} {image.shape}; it must be uint8 (H, W, 3) or (H, W), with one pixel at least"
        )
    grey = image if image.ndim == 2 else cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_RGB2GRAY)
    small = cv2.resize(grey.astype(np.float32), (HASH_SIDE, HASH_SIDE), interpolation=cv2.INTER_AREA)
    low = cv2.dct(small)[:KEPT, :KEPT].ravel().round(2)  # or rounding errors would tell blank images apart
    bits = low > np.median(low[1:])
    bits[0] = False  # the mean, which brightness changes
    return int.from_bytes(np.packbits(bits).tobytes(), "big")


def near_duplicates(hashes: Sequence[int], distance: int | None = None) -> np.ndarray:
    """Group numbers (n,): two images whose hashes differ in at most `distance` of 64 bits are in one group.

    So are images that are linked through others. Unrelated images differ in about 32 bits, a copy in up to 6. But
    pictures of one anatomy or one place are alike, every one of them, without being copies: so the default is 6, and
    less where the differences of this set's pairs lie so low that chance alone would reach 6.
    Prints in one line what was joined: look at some of it before you trust the groups. Where it took less it says so.
    """
    from scipy.sparse import csr_array  # slow to import, and only this needs it
    from scipy.sparse.csgraph import connected_components

    packed = np.array(hashes, dtype=">u8").view(np.uint8).reshape(len(hashes), 8)
    bits = np.unpackbits(packed, axis=1).astype(np.float32)
    most = COPY if distance is None else distance
    histogram = np.zeros(65, int)  # how many pairs differ in 0, 1, ... bits
    links = [np.empty((3, 0), int)]  # of near pairs: both images, and the bits in which they differ
    for first in range(0, len(bits), BLOCK):
        block = bits[first : first + BLOCK]
        differ = (block.sum(1)[:, None] + bits.sum(1) - 2 * block @ bits.T).astype(int)  # exact: at most 64
        earlier = np.tri(*differ.shape, first - 1, dtype=bool)
        histogram += np.bincount(differ[earlier], minlength=65)
        row, other = np.nonzero(earlier & (differ <= most))
        links.append(np.stack([row + first, other, differ[row, other]]))
    row, other, differ = np.concatenate(links, axis=1)
    if distance is None:
        distance = _copies_differ_in(histogram)
        if distance < COPY and histogram.any():
            print(
                "near_duplicates: these pictures are so alike that copies cannot be told from neighbours (median "
                f"{_median(histogram)} bits): pass patients or sequences as groups"
            )
    near = differ <= distance
    graph = csr_array((near[near], (row[near], other[near])), shape=(len(bits), len(bits)))
    count, groups = connected_components(graph, directed=False)
    if count < len(hashes):
        print(
            f"near_duplicates: {len(hashes)} images are {count} groups, the largest of {np.bincount(groups).max()}; "
            f"hashes of neighbours differ in at most {distance} of 64 bits"
        )
    return groups


def _copies_differ_in(histogram: np.ndarray) -> int:
    """The bits in which hashes of copies may differ, given how many pairs, few of them copies, differ in 0, 1, ... bits."""
    middle = _median(histogram)
    away = np.bincount(np.abs(np.arange(len(histogram)) - middle), histogram)
    spread = max(1.4826 * _median(away), 1)  # the standard deviation, were they normal
    return int(np.clip(middle - 4 * spread, 0, COPY))  # below which lies 1 pair in 30,000


def _median(histogram: np.ndarray) -> int:
    return int(np.searchsorted(histogram.cumsum(), histogram.sum() / 2))


def make_folds(groups: Sequence[int], labels: Sequence[int], n_splits: int = 5, seed: int = 0) -> np.ndarray:
    """The fold 0..n_splits-1 of each image, (n,): no group is in two folds, labels are spread as evenly as that allows.

    groups: what each image is of, numbers or names; labels: its kind, such as `strata` makes it.
    scikit-learn's StratifiedGroupKFold, but no fold is empty. Raises ValueError for fewer groups than folds, for a missing
    group or label, and for labels that are fractions.
    """
    from sklearn.model_selection import StratifiedGroupKFold  # slow to import, and only this needs it

    groups, labels = np.asarray(groups), np.asarray(labels)
    check_names(groups, "groups")
    check_names(labels, "labels")
    if labels.dtype.kind == "f" and (labels != labels.round()).any():
        raise ValueError(
            f"labels hold {labels[labels != labels.round()][0]:g}; they must be kinds, to be spread over the folds: of "
            "amounts, such as shares of foreground, strata makes some"
        )
    if len(groups) != len(labels):
        raise ValueError(
            f"{len(groups)} groups and {len(labels)} labels; there must be one of each for every image"
        )
    if n_splits < 2 or len(np.unique(groups)) < n_splits:
        raise ValueError(
            f"{n_splits} folds of {len(np.unique(groups))} groups; there must be 2 folds to one a group"
        )
    folds = np.full(len(groups), -1)
    # groups change places here: the splitter of scikit-learn before 1.8, as on Colab, would give them each other's labels
    names, inverse = np.unique(groups, return_inverse=True)
    order = np.random.RandomState(seed).permutation(len(names))
    drawn = np.argsort(order)[inverse]
    splitter = StratifiedGroupKFold(n_splits)
    if max(Counter(labels.tolist()).values()) < n_splits:
        labels = np.zeros_like(labels)  # every label is rarer than the folds: nothing to spread
    for number, (_, held) in enumerate(splitter.split(groups, labels, drawn)):
        folds[held] = number
    for empty in sorted(set(range(n_splits)) - set(folds)):  # the splitter leaves some where groups are few
        spare = [fold for fold in np.unique(folds) if len(np.unique(groups[folds == fold])) > 1]
        largest = max(spare, key=lambda fold: np.count_nonzero(folds == fold))
        names, sizes = np.unique(groups[folds == largest], return_counts=True)
        folds[groups == names[sizes.argmin()]] = empty
    return folds


Predicted = Iterable[np.ndarray]


def out_of_fold(
    folds: np.ndarray, train_and_predict: Callable[[np.ndarray, np.ndarray], Predicted], folder: str | Path
) -> Sequence[np.ndarray]:
    """A prediction for every image by a model that has not seen it nor its group, kept in `folder`.

    train_and_predict: gets the indices to train on and those to predict, and gives one array for each of these; float16
    halves the files. Each prediction is read when it is asked for, so `folder` must stay, and memory holds but one.
    What was predicted before, `<index>.npy`, is not computed again, so an interrupted run goes on fold by fold. Nothing
    but the folds is compared: after a change of model or pictures take another folder.
    Raises ValueError if `folder` holds predictions for other folds, if folds are no whole numbers or fewer than two,
    for predictions that are no arrays, and if their number is wrong.
    """
    folder, folds = Path(folder).absolute(), checked_folds(folds)
    if len(np.unique(folds)) < 2:
        raise ValueError(
            f"{len(np.unique(folds))} folds of {len(folds)} images; there must be two at least: the model of one "
            "learns from the others"
        )
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
        predictions, count = train_and_predict(np.flatnonzero(folds != number), held), 0
        if isinstance(predictions, Mapping):  # whose names would be taken for predictions
            raise ValueError(
                f"fold {number} gave {type(predictions).__name__}; it must give one array for each image, in the order "
                "of the indices: [predictions[index] for index in held]"
            )
        for prediction in predictions:
            count += 1
            if count > len(held):
                break
            _save(paths[held[count - 1]], _checked_prediction(prediction, held[count - 1]))
        if count != len(held):
            for index in held:  # whose is whose is not known
                paths[index].unlink(missing_ok=True)
            raise ValueError(
                f"fold {number} gave {count if count < len(held) else f'more than {len(held)}'} predictions for "
                f"{len(held)} images; it must give one for each"
            )
    return Stored(paths)


class Stored(Sequence):
    """Arrays in files, each read anew whenever it is asked for: together they may be larger than memory."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self.paths = paths

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int | slice) -> "np.ndarray | Stored":
        if isinstance(index, slice):
            return Stored(self.paths[index])
        return np.load(self.paths[index], allow_pickle=False)  # no memory map: each keeps its file open


def fold_notes(ids: Sequence[str], folds: Sequence[int]) -> dict[str, str]:
    """For `noted_folds`, what each fold's model has learnt from: save_weights(ensemble, path, fold_notes(ids, folds)).

    Raises ValueError for two images of one id, and for folds that are no whole numbers, or more or fewer than ids.
    """
    names = list(map(str, ids))
    if twice := [name for name, count in Counter(names).items() if count > 1]:
        raise ValueError(
            f"{twice[0]!r} is the id of several images, whose folds could not be told apart; each needs an id of its "
            "own, such as its folder and name"
        )
    return {FOLDS: json.dumps(dict(zip(names, checked_folds(folds).astype(int).tolist(), strict=True)))}


def noted_folds(notes: Mapping[str, str], ids: Sequence[str]) -> np.ndarray:
    """The folds (n,) of the images `ids` for which models were trained, from the notes of their weights (`read_notes`).

    Folds made anew would not do: one image more or less, and most lie elsewhere; they would be predicted by models that
    have learnt from them. Raises ValueError for an image that was in no fold, or if the notes hold none.
    """
    folds, ids = json.loads(notes.get(FOLDS, "{}")), list(map(str, ids))
    if unknown := [image_id for image_id in ids if image_id not in folds]:
        raise ValueError(
            f"{unknown[0]!r} was in no fold of these weights, as {len(unknown)} of {len(ids)} images here; they are of "
            f"{len(folds)} images, {', '.join(list(folds)[:2])} ...: train here, or predict without tuning"
        )
    return checked_folds([folds[image_id] for image_id in ids])


def checked_folds(folds: Sequence[int]) -> np.ndarray:
    """The folds (n,). Raises ValueError unless they are whole numbers."""
    folds = np.asarray(folds)
    are_numbers = folds.ndim == 1 and folds.dtype.kind in "iuf"
    if not are_numbers or (folds != folds.round()).any():  # also true for nan
        found = (
            f"hold {folds[folds != folds.round()][0]}" if are_numbers else f"are {folds.dtype} {folds.shape}"
        )
        raise ValueError(
            f"folds {found}; they must be whole numbers, (n,), the fold of each image: see make_folds"
        )
    return folds


def check_names(names: np.ndarray, what: str) -> None:
    """Raise ValueError unless there is one number or text an image: numpy makes a table of pairs, (case, day)."""
    if names.ndim != 1:
        raise ValueError(
            f"{what} are {names.dtype} {names.shape}; there must be one number or text for each image: join the parts "
            'of a name, f"{case}_{day}"'
        )
    kinds = {_kind(name) for name in names.tolist()}
    if len(kinds) > 1 or kinds & {"nan", "None"}:
        raise ValueError(
            f"{what} hold {' and '.join(sorted(kinds))}; they must be all numbers or all text, none of them missing: give "
            "an image of which nothing is known a name of its own"
        )


def _kind(name: object) -> str:
    """What two names must share to be compared; what pandas has for a missing one is a kind of its own."""
    if isinstance(name, str | Real):
        return "nan" if name != name else "text" if isinstance(name, str) else "numbers"
    return "None" if name is None else type(name).__name__


def _checked_prediction(prediction: object, index: int) -> np.ndarray:
    """As an array. Raises ValueError for what is no array, nor a tensor, of numbers."""
    array = np.asarray(prediction) if hasattr(prediction, "__array__") else None
    if array is None or array.dtype.kind not in "biuf":
        kind = type(prediction).__name__
        raise ValueError(
            f"the prediction for image {index} is {kind if array is None else f'{kind} of {array.dtype}'}; it must be an "
            "array or a tensor of numbers, one for each image"
        )
    return array


def _save(path: Path, array: np.ndarray) -> None:
    with written_whole(path) as temporary, open(temporary, "wb") as file:
        np.save(file, array, allow_pickle=False)
