"""The default loss. Others (Dice, focal, Lovász) come from segmentation_models_pytorch.losses."""

import torch.nn.functional as F
from torch import Tensor

from nbhelpers.datasets.dataset import IGNORE


def pixel_loss(logits: Tensor, masks: Tensor, class_weights: Tensor | None = None) -> Tensor:
    """Cross-entropy per pixel, its mean over the pixels that are not void: a scalar.

    `logits` are (N, C, H, W), or (N, 1, H, W) for binary cross-entropy; `masks` are ids (N, H, W), 255 = void.
    `class_weights` (C,) make the mean a weighted one, as in torch. All void: 0, with zero gradients.
    """
    keep = masks != IGNORE
    if not keep.any():
        return logits.sum() * 0.0  # torch would give 0 / 0
    if logits.shape[1] == 1:
        return F.binary_cross_entropy_with_logits(logits[:, 0][keep], masks[keep].to(logits.dtype))
    return F.cross_entropy(logits, masks, weight=class_weights, ignore_index=IGNORE)
