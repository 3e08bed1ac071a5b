"""Pseudo-labels: what is labelled, and that nothing of the fold that is scored comes back through them."""

import numpy as np
import pytest

from nbhelpers.datasets import IGNORE
from nbhelpers.kaggle import out_of_fold, sure_mask, with_pseudo_labels

FOLDS = np.array([0, 1, 2, 0, 1, 2])
IMAGES = [np.full((1, 6, 3), index, np.uint8) for index in range(len(FOLDS))]
HIDDEN = [np.full((1, 6, 3), 100 + index, np.uint8) for index in range(4)]

# A model that remembers whose labels it has learnt from is a set of indices. What it says of a picture tells that set:
# pixel i is sure to be 1 where it has seen picture i. So whoever learns from its labels knows where they come from.


def train(indices, pairs):
    learnt = [set(np.flatnonzero(mask[0] == 1).tolist()) for _, mask in pairs]
    return set(indices.tolist()).union(*learnt)


def predict(model, image):
    return np.array([[0.95 if index in model else 0.05 for index in range(len(FOLDS))]], np.float32)


def everyone_labels(train, predict, images, unlabelled):
    """The usual leak: all folds' models label together, and each fold learns from that."""
    models = [train(np.flatnonzero(FOLDS != fold), []) for fold in range(3)]
    means = [np.mean([predict(model, image) for model in models], axis=0) for image in unlabelled]
    pairs = [(image, (mean > 0.5).astype(np.uint8)) for image, mean in zip(unlabelled, means)]

    def train_and_predict(indices, held):
        model = train(indices, pairs)
        return [predict(model, images[index]) for index in held]

    return train_and_predict


def leaks(train_and_predict, folder) -> bool:
    """Whether a picture is scored by a model that has learnt, by whichever way, from the labels of its fold."""
    oof = out_of_fold(FOLDS, train_and_predict, folder)
    return any(prediction[0, FOLDS == fold].max() > 0.5 for prediction, fold in zip(oof, FOLDS))


@pytest.mark.parametrize("rounds", [0, 1, 3])
def test_nothing_of_the_fold_that_is_scored_comes_back(rounds, tmp_path):
    assert not leaks(with_pseudo_labels(train, predict, IMAGES, HIDDEN, rounds=rounds), tmp_path)


def test_the_usual_leak_is_one(tmp_path):
    assert leaks(everyone_labels(train, predict, IMAGES, HIDDEN), tmp_path)


def test_the_second_training_has_the_sure_pixels(tmp_path):
    calls = []

    def remember(indices, pairs):
        calls.append((indices.tolist(), pairs))
        return len(calls)

    def by_model(model, image):
        sure = image[0, 0, 0] != 101  # of one hidden picture it is sure nowhere
        return np.array([[0.05, 0.5, 0.95]] * 2, np.float32) if sure else np.full((2, 3), 0.5, np.float32)

    oof = out_of_fold(FOLDS, with_pseudo_labels(remember, by_model, IMAGES, HIDDEN), tmp_path)
    assert len(oof) == 6 and len(calls) == 2 * 3
    for (first, nothing), (second, pairs) in zip(calls[::2], calls[1::2]):
        assert first == second and nothing == [] and len(pairs) == 3
        assert [int(image[0, 0, 0]) for image, _ in pairs] == [100, 102, 103]
        assert all(mask.tolist() == [[0, IGNORE, 1]] * 2 and mask.dtype == np.uint8 for _, mask in pairs)


def test_sure_masks():
    three = np.array([[[0.92, 0.3]], [[0.05, 0.3]], [[0.03, 0.4]]])
    assert sure_mask(three).tolist() == [[0, IGNORE]]
    assert sure_mask(np.array([[0.1, 0.9]]), sure=0.9).tolist() == [[0, 1]]
    one_channel = np.array([[[0.97, 0.03, 0.6]]], np.float32)  # (1, H, W), as `predict` gives the foreground
    assert sure_mask(one_channel).tolist() == sure_mask(one_channel[0]).tolist() == [[1, 0, IGNORE]]
    with pytest.raises(ValueError, match="sure is 0.5; it must be above 0.5"):
        sure_mask(three, sure=0.5)
    with pytest.raises(ValueError, match=r"probability is int64 \(1,\)"):
        sure_mask(np.array([1]))
    with pytest.raises(ValueError, match="rounds is -1"):
        with_pseudo_labels(train, predict, IMAGES, HIDDEN, rounds=-1)
    with pytest.raises(
        ValueError, match="unlabelled is a generator, which the first fold would use up; pass a list"
    ):
        with_pseudo_labels(train, predict, IMAGES, (image for image in HIDDEN))
