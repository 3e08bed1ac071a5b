"""Boundary IoU: the IoU of two bands, each along the inside of an outline.

Paper: Cheng et al., 2021, https://arxiv.org/abs/2103.16562, and the code its authors published with it, whose band is
measured in steps to any of the eight neighbours and runs along the edge of the image too.
"""

import math

import numpy as np
import scipy  # its parts are loaded when they are used

from nbhelpers.metrics.masks import Mask, binary_pair


def boundary_iou(prediction: Mask, truth: Mask, *, width: float = 0.02, void: Mask | None = None) -> float:
    """IoU of the bands of one class along its outlines, in [0, 1]; nan if absent from both masks, 0 if from one.

    `prediction` and `truth` are (H, W), bool or 0 and 1. `width` of the band is in whole pixels, or below 1 a share of
    the image's diagonal: 0.02 is the paper's for photographs, 0.005 for Cityscapes, rounded and at least one pixel.
    `void`, bool, marks pixels without truth, which are cut out of both masks. A mask narrower than two bands is all
    band: there the score is the IoU. For a mask of its own object the paper takes the smaller of this and the IoU.

    Two squares of 10 x 10, one a pixel further down and to the right, whose IoU is 81 / 119 = 0.681:

    >>> truth, prediction = np.zeros((2, 16, 16), bool)
    >>> truth[2:12, 2:12] = prediction[3:13, 3:13] = True
    >>> [round(boundary_iou(prediction, truth, width=pixels), 3) for pixels in (1, 2, 5)]
    [0.029, 0.362, 0.681]

    Raises ValueError for masks that are not binary or differ in shape, and for a width that is neither.
    """
    prediction, truth = binary_pair(prediction, truth, void, dimensions=(2,))
    pixels = _pixels(width, truth.shape)
    found, true = _band(prediction, pixels), _band(truth, pixels)
    union = np.count_nonzero(found | true)
    return float(np.count_nonzero(found & true) / union) if union else math.nan


def _pixels(width: float, shape: tuple[int, int]) -> int:
    if 0 < width < 1:
        return max(1, round(width * math.hypot(*shape)))
    if not (math.isfinite(width) and width == int(width) >= 1):
        raise ValueError(
            f"the width is {width}; it must be whole pixels from 1 on, or below 1 a share of the diagonal"
        )
    return int(width)


def _band(mask: np.ndarray, pixels: int) -> np.ndarray:
    """The pixels of `mask` within `pixels` steps, diagonal ones too, of a pixel outside it."""
    inner = np.pad(mask, 1).view(np.uint8)  # beyond the image all is outside
    for axis in (0, 1):
        inner = scipy.ndimage.minimum_filter1d(inner, 2 * pixels + 1, axis=axis, mode="constant", cval=0)
    return mask & (inner[1:-1, 1:-1] == 0)
