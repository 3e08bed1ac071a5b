"""Pseudo-labels that cannot leak: what a fold's model says of pictures without labels, learnt by that fold's model alone.

The leak is easy to build: the models of all folds label the hidden pictures together, and each fold's second model learns
from that. Four of five of them had been trained on the very pictures it is scored on, whose labels so reach it by the
way round; its out-of-fold score rises, and nothing else does. Here a fold never sees another fold's model.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from nbhelpers.datasets.dataset import IGNORE
from nbhelpers.kaggle.decisions import as_probability

Pair = tuple[np.ndarray, np.ndarray]  # image uint8 (H, W, C), mask of ids (H, W)


def with_pseudo_labels(
    train: Callable[[np.ndarray, list[Pair]], Any],
    predict: Callable[[Any, np.ndarray], np.ndarray],
    images: Sequence[np.ndarray],
    unlabelled: Sequence[np.ndarray],
    *,
    label: Callable[[np.ndarray], np.ndarray] | None = None,
    rounds: int = 1,
) -> Callable[[np.ndarray, np.ndarray], Iterator[np.ndarray]]:
    """What `out_of_fold` takes: train, label `unlabelled` by that model, train anew on both, predict the pictures held out.

        oof = out_of_fold(folds, with_pseudo_labels(train, predict, images, unlabelled), folder)

    train: gets the indices of its pictures and a list of pairs (image, mask) to learn from beside them, which is empty in
        the first round; gives a model.
    predict: gets a model and an image, gives probabilities as `sure_mask` takes them.
    images: of all indices. unlabelled: pictures beyond them, the hidden ones. label: makes a mask of probabilities;
        default: `sure_mask`. Pictures without a labelled pixel are left out.
    Compare with `rounds=0`, which trains once and labels nothing, picture by picture: `paired_gain`. Take another folder
    for each. Near-duplicates of a picture that is scored must not be among the unlabelled.
    Raises ValueError for `rounds` below 0, and for an iterator of unlabelled pictures, which can be gone through once.
    """
    label = sure_mask if label is None else label
    if rounds < 0:
        raise ValueError(f"rounds is {rounds}; it must be 0, which labels nothing, or more")
    if iter(unlabelled) is unlabelled:
        raise ValueError(
            f"unlabelled is a {type(unlabelled).__name__}, which the first fold would use up; pass a list of the "
            "pictures, or what reads them by their index"
        )

    def train_and_predict(indices: np.ndarray, held: np.ndarray) -> Iterator[np.ndarray]:
        model = train(indices, [])
        for _ in range(rounds):
            model = train(indices, _labelled(model))
        for index in held:
            yield predict(model, images[index])

    def _labelled(model: Any) -> list[Pair]:
        pairs = ((image, label(np.asarray(predict(model, image)))) for image in unlabelled)
        return [(image, mask) for image, mask in pairs if (mask != IGNORE).any()]

    return train_and_predict


def sure_mask(probability: np.ndarray, sure: float = 0.9) -> np.ndarray:
    """The class of each pixel whose probability is at least `sure`, 255 = void elsewhere: uint8 (H, W).

    probability: (num_classes, H, W), or (H, W) or (1, H, W) of class 1 against class 0.
    Raises ValueError for what is no probability, and for `sure` not above one half.
    """
    probability = as_probability(probability, (2, 3), "(H, W) or (num_classes, H, W)")
    if not 0.5 < sure <= 1:
        raise ValueError(
            f"sure is {sure}; it must be above 0.5, where two classes can be alike, and at most 1"
        )
    if probability.ndim == 2 or len(probability) == 1:  # as `predict` gives it of a model of one channel
        foreground = probability.reshape(probability.shape[-2:])
        probability = np.stack([1 - foreground, foreground])
    return np.where(probability.max(axis=0) >= sure, probability.argmax(axis=0), IGNORE).astype(np.uint8)
