"""How well a segmentation fits.

ConfusionMatrix, to_ids         classes decided, pixels counted, and the scores read from the counts
scores_per_image, mean_over_*   the same, with one vote for each image, class or pair; `pooled` joins the images
Surfaces, boundary_iou          how well the outline of one class fits: distances, surface Dice, Boundary IoU
"""

from nbhelpers.metrics.boundary import boundary_iou
from nbhelpers.metrics.confusion import ConfusionMatrix, to_ids
from nbhelpers.metrics.per_image import (
    ABSENT,
    mean_over_classes,
    mean_over_images,
    mean_over_pairs,
    pooled,
    scores_per_image,
)
from nbhelpers.metrics.surfaces import Surfaces

__all__ = [
    "ABSENT",
    "ConfusionMatrix",
    "Surfaces",
    "boundary_iou",
    "mean_over_classes",
    "mean_over_images",
    "mean_over_pairs",
    "pooled",
    "scores_per_image",
    "to_ids",
]
