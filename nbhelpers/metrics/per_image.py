"""From scores of each image to one number: what is averaged, over what, and what an absent class counts as.

The mean IoU of papers pools the pixels of a data set first: `pooled(matrices).mean_iou`. There large images and large
objects rule; the means below give each image, each class or each (image, class) pair one vote. Names and comparison:
Wang et al., 2023, "Revisiting evaluation metrics for semantic segmentation", https://arxiv.org/abs/2310.19252, which
calls them mIoU^D (pooled), mIoU^I (`mean_over_images`) and mIoU^C (`mean_over_classes`).
benchmarks/results/which_iou.json says which library computes which.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from nbhelpers.metrics.confusion import ConfusionMatrix

ABSENT = {  # what a class counts as in an image without a pixel of it
    "skip": "left out where truth and prediction lack it, 0 where it is predicted all the same",
    "one": "1 where truth and prediction lack it, 0 where it is predicted all the same",
    "zero": "0 where truth and prediction lack it, and where it is predicted all the same",
    "skip unless true": "left out wherever truth lacks it, so that false alarms cost nothing",
}


def scores_per_image(
    matrices: Sequence[ConfusionMatrix], score: str = "iou", *, absent: str = "skip"
) -> Tensor:
    """IoU or Dice of each class in each image, from one confusion matrix an image: float64 (images, classes).

    `absent` is one of `ABSENT`; nan marks what is left out.
    Raises ValueError for no matrices, for matrices that differ in classes, another score or another rule.
    """
    if score not in ("iou", "dice"):
        raise ValueError(f'the score is {score!r}; it must be "iou" or "dice"')
    if absent not in ABSENT:
        rules = "; ".join(f'"{name}": {meaning}' for name, meaning in ABSENT.items())
        raise ValueError(f"absent is {absent!r}; it must be one of {rules}")
    pooled(matrices)  # raises what is to be raised
    scores = torch.stack([getattr(matrix, score) for matrix in matrices])
    if absent == "skip unless true":
        truth = torch.stack([matrix.counts.sum(dim=1) for matrix in matrices])
        return scores.where(truth > 0, torch.nan)
    return scores if absent == "skip" else scores.nan_to_num(1.0 if absent == "one" else 0.0)


def pooled(matrices: Sequence[ConfusionMatrix]) -> ConfusionMatrix:
    """All pixels of all images in one matrix. Raises ValueError for no matrices, or if their classes differ."""
    matrices = list(matrices)
    if not matrices:
        raise ValueError("there are no matrices; give one confusion matrix an image")
    return sum(matrices[1:], start=matrices[0])


def mean_over_images(scores: Tensor) -> float:
    """Each image's mean over its classes, then the mean over the images: scores (images, classes), nan = left out.

    >>> mean_over_images(torch.tensor([[1.0, 0.0], [1.0, torch.nan]]))  # (0.5 + 1) / 2
    0.75
    """
    return _checked(scores).nanmean(dim=1).nanmean().item()


def mean_over_classes(scores: Tensor) -> float:
    """Each class's mean over its images, then the mean over the classes: scores (images, classes), nan = left out.

    >>> mean_over_classes(torch.tensor([[1.0, 0.0], [1.0, torch.nan]]))  # (1 + 0) / 2
    0.5
    """
    return _checked(scores).nanmean(dim=0).nanmean().item()


def mean_over_pairs(scores: Tensor) -> float:
    """The mean over all (image, class) pairs: scores (images, classes), nan = left out.

    >>> round(mean_over_pairs(torch.tensor([[1.0, 0.0], [1.0, torch.nan]])), 3)  # (1 + 0 + 1) / 3
    0.667
    """
    return _checked(scores).nanmean().item()


def _checked(scores: Tensor) -> Tensor:
    if not isinstance(scores, Tensor) or scores.ndim != 2 or not scores.is_floating_point():
        what = (
            f"{scores.dtype} {tuple(scores.shape)}" if isinstance(scores, Tensor) else type(scores).__name__
        )
        raise ValueError(
            f"scores are {what}; they must be a tensor of floats (images, classes), such as scores_per_image gives"
        )
    return scores
