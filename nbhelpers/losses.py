"""The default loss. Others (Dice, focal, Lovász) come from segmentation_models_pytorch.losses."""

import torch.nn.functional as F
from torch import Tensor

from nbhelpers.datasets.dataset import IGNORE


def pixel_loss(logits: Tensor, masks: Tensor, class_weights: Tensor | None = None) -> Tensor:
    """Cross-entropy per pixel, its mean over the pixels that are not void: a scalar.

    `logits` are (N, C, H, W), or (N, 1, H, W) for binary cross-entropy; `masks` are ids (N, H, W), 255 = void.
    `class_weights` (C,), for one channel (2,), make the mean a weighted one, as in torch. Where nothing counts,
    since every pixel is void or of a class of weight 0, it is 0, with zero gradients.
    Raises ValueError for another number of weights.
    """
    keep = masks != IGNORE
    if class_weights is not None:
        classes = max(2, logits.shape[1])
        if class_weights.shape != (classes,):
            raise ValueError(
                f"class_weights have shape {tuple(class_weights.shape)}, but logits {tuple(logits.shape)} "
                f"tell {classes} classes apart: give {classes} weights"
            )
        weights = class_weights[masks.where(keep, 0)] * keep  # (N, H, W)
    if not (keep if class_weights is None else weights).any():
        return logits.sum() * 0.0  # torch would give 0 / 0
    if logits.shape[1] > 1:
        return F.cross_entropy(logits, masks, weight=class_weights, ignore_index=IGNORE)
    one, target = logits[:, 0][keep], masks[keep].to(logits.dtype)
    if class_weights is None:
        return F.binary_cross_entropy_with_logits(one, target)
    total = F.binary_cross_entropy_with_logits(one, target, weights[keep], reduction="sum")
    return total / weights.sum()
