"""Means over images, classes and pairs, by every rule for absent classes, on numbers worked out by hand."""

import math

import pytest
import torch

from nbhelpers.metrics import (
    ConfusionMatrix,
    mean_over_classes,
    mean_over_images,
    mean_over_pairs,
    pooled,
    scores_per_image,
)

NAN = math.nan


def matrices():
    """Three images, classes 0, 1, 2: the first holds all, the second no 1 (which is predicted), the third 0 alone."""
    truths = [[0, 0, 1, 1, 2, 255], [0, 0, 0, 2], [0, 0, 255, 255]]
    found = [[0, 0, 1, 2, 2, 1], [0, 0, 1, 2], [0, 0, 1, 2]]
    counted = []
    for truth, prediction in zip(truths, found):
        matrix = ConfusionMatrix(3)
        matrix.update(torch.tensor([prediction]), torch.tensor([truth]))
        counted.append(matrix)
    return counted


BY_RULE = {  # rule: IoU of each class in each image
    "skip": [[1, 1 / 2, 1 / 2], [2 / 3, 0, 1], [1, NAN, NAN]],
    "one": [[1, 1 / 2, 1 / 2], [2 / 3, 0, 1], [1, 1, 1]],
    "zero": [[1, 1 / 2, 1 / 2], [2 / 3, 0, 1], [1, 0, 0]],
    "skip unless true": [[1, 1 / 2, 1 / 2], [2 / 3, NAN, 1], [1, NAN, NAN]],
}


@pytest.mark.parametrize(("rule", "wanted"), BY_RULE.items())
def test_each_rule_for_absent_classes(rule, wanted):
    scores = scores_per_image(matrices(), absent=rule)
    torch.testing.assert_close(scores, torch.tensor(wanted).double(), equal_nan=True)


def test_skip_is_what_a_confusion_matrix_says():
    scores = scores_per_image(matrices(), "dice")
    for matrix, row in zip(matrices(), scores):
        assert torch.equal(matrix.dice.nan_to_num(-1), row.nan_to_num(-1))
        assert matrix.mean_dice == row.nanmean().item()


def test_the_means():
    scores = scores_per_image(matrices())
    assert mean_over_images(scores) == pytest.approx((2 / 3 + 5 / 9 + 1) / 3)
    assert mean_over_classes(scores) == pytest.approx((8 / 9 + 1 / 4 + 3 / 4) / 3)
    assert mean_over_pairs(scores) == pytest.approx((1 + 1 / 2 + 1 / 2 + 2 / 3 + 0 + 1 + 1) / 7)
    assert pooled(matrices()).mean_iou == pytest.approx((6 / 7 + 1 / 3 + 2 / 3) / 3)


def test_the_means_where_nothing_is_left():
    nothing = torch.full((2, 3), NAN)
    means = [mean(nothing) for mean in (mean_over_images, mean_over_classes, mean_over_pairs)]
    assert means == pytest.approx([NAN] * 3, nan_ok=True)
    half = torch.tensor([[NAN, NAN], [1.0, 0.0]])  # an image of nothing but void has no vote
    assert mean_over_images(half) == 0.5


def test_pooling_leaves_the_matrices_as_they_are():
    counted = matrices()
    before = counted[0].counts.clone()
    assert pooled(counted).counts.sum() == 11 and torch.equal(counted[0].counts, before)


ERRORS = [
    (lambda: scores_per_image([]), "there are no matrices; give one confusion matrix an image"),
    (lambda: pooled([]), "there are no matrices"),
    (lambda: scores_per_image([ConfusionMatrix(2), ConfusionMatrix(3)]), "cannot be added"),
    (
        lambda: scores_per_image(matrices(), "accuracy"),
        'the score is \'accuracy\'; it must be "iou" or "dice"',
    ),
    (
        lambda: scores_per_image(matrices(), absent="nan"),
        "absent is 'nan'; it must be one of \"skip\": left out",
    ),
    (lambda: mean_over_images([[1.0]]), "scores are list; they must be a tensor of floats (images, classes)"),
    (lambda: mean_over_pairs(torch.ones(3)), "scores are torch.float32 (3,)"),
    (lambda: mean_over_classes(torch.ones(2, 2).long()), "scores are torch.int64 (2, 2)"),
]


@pytest.mark.parametrize(("call", "words"), ERRORS)
def test_errors(call, words):
    with pytest.raises(ValueError) as error:
        call()
    assert words in str(error.value)
