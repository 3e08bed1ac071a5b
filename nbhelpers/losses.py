"""What a network is trained to make small: each loss takes logits (N, C, H, W) and masks (N, H, W), and gives a scalar.

    pixel_loss      cross-entropy, weighted by class where asked; the default of `fit`
    focal_loss      cross-entropy that all but leaves out what is right already
    ohem_loss       cross-entropy of the hardest pixels alone
    dice_loss, tversky_loss, lovasz_loss    what scores count: overlap, not pixels; by segmentation_models_pytorch
    boundary_loss   how far from the true border the probability lies; an addition to another loss
    presence_loss   of one logit an image and class, whether the class is there at all; `fit` adds it by itself

`fit(loss=dice_loss)` takes each as it is; options go by `functools.partial(tversky_loss, beta=0.8)`, and a sum is a
function of two lines. All of them leave out void (255), compute in float32 or better, and are 0 with zero gradients
where nothing counts. One channel is a logit of class 1 against class 0; then the losses of overlap and of boundaries
look at class 1 alone, else at all classes. They raise ValueError for masks of another shape, for floats, and for ids
that the logits have no channel for.
"""

import math

import numpy as np
import scipy
import torch
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
    logits, keep = _judged(logits, masks)
    if class_weights is not None:
        classes = max(2, logits.shape[1])
        if class_weights.shape != (classes,):
            raise ValueError(
                f"class_weights have shape {tuple(class_weights.shape)}, but logits {tuple(logits.shape)} "
                f"tell {classes} classes apart: give {classes} weights"
            )
        class_weights = class_weights.to(logits)
        weights = class_weights[masks.where(keep, 0).long()] * keep  # (N, H, W)
    if not (keep if class_weights is None else weights).any():
        return logits.sum() * 0.0  # torch would give 0 / 0
    if logits.shape[1] > 1:
        return F.cross_entropy(logits, masks.long(), weight=class_weights, ignore_index=IGNORE)
    one, target = logits[:, 0][keep], masks[keep].to(logits.dtype)
    if class_weights is None:
        return F.binary_cross_entropy_with_logits(one, target)
    total = F.binary_cross_entropy_with_logits(one, target, weights[keep], reduction="sum")
    return total / weights.sum()


def focal_loss(logits: Tensor, masks: Tensor, gamma: float = 2.0) -> Tensor:
    """Cross-entropy times (1 - p) ** gamma, p the probability of the true class; mean over labelled pixels, a scalar.

    With gamma 0 it is `pixel_loss`. Lin et al., 2017, https://arxiv.org/abs/1708.02002 (equation 4), with the softmax
    over the classes instead of one sigmoid for each, which SMP's FocalLoss takes: a network that is decided by argmax
    is trained by what it is decided by. Raises ValueError for a gamma below 0.
    """
    if not gamma >= 0:
        raise ValueError(f"gamma is {gamma}; it must be at least 0, which is plain cross-entropy")
    costs = _cross_entropies(logits, masks)
    if not len(costs):
        return logits.sum() * 0.0
    # 1 - p without cancellation; for gamma below 1 the slope at 0 would be infinite
    wrong = (-torch.expm1(-costs)).clamp_min(1e-12)
    return (wrong**gamma * costs).mean()


def ohem_loss(logits: Tensor, masks: Tensor, threshold: float = 0.7, least: float = 1 / 16) -> Tensor:
    """Online hard example mining: the mean cross-entropy of the pixels that are still hard; a scalar.

    Hard is a pixel whose true class has a probability below `threshold`. Where fewer than the share `least` of the
    labelled pixels of the batch are, the hardest ones up to that share count. Shrivastava et al., 2016,
    https://arxiv.org/abs/1604.03540, in the form of the networks for streets (BiSeNet's code: 0.7 and 1/16).
    Raises ValueError where `threshold` or `least` is not above 0 and at most 1.
    """
    for name, value in (("threshold", threshold), ("least", least)):
        if not 0 < value <= 1:
            raise ValueError(f"{name} is {value}; it must be above 0 and at most 1")
    costs = _cross_entropies(logits, masks)
    if not len(costs):
        return logits.sum() * 0.0
    easy = costs <= -math.log(threshold)  # nan is not, so that it is seen
    hard, count = costs[~easy], math.ceil(least * len(costs))
    return (hard if len(hard) >= count else costs.topk(count).values).mean()


def dice_loss(logits: Tensor, masks: Tensor) -> Tensor:
    """1 - Dice of the probabilities, counted over the whole batch; for several classes the mean: a scalar in [0, 1].

    SMP's DiceLoss; Milletari et al., 2016, https://arxiv.org/abs/1606.04797. A class without a true pixel in the batch
    adds 0, however strongly it is predicted, and counts in the mean: add `pixel_loss`, which punishes false alarms.
    """
    return _by_smp("DiceLoss", logits, masks)


def tversky_loss(logits: Tensor, masks: Tensor, alpha: float = 0.3, beta: float = 0.7) -> Tensor:
    """`dice_loss` whose false alarms weigh `alpha` and whose misses weigh `beta`: a scalar in [0, 1].

    0.5 and 0.5 are Dice. SMP's TverskyLoss; Salehi et al., 2017, https://arxiv.org/abs/1706.05721.
    Raises ValueError for a weight that is not above 0.
    """
    if not (alpha > 0 and beta > 0):
        raise ValueError(f"alpha is {alpha} and beta {beta}; both must be above 0: with 0 that error is free")
    return _by_smp("TverskyLoss", logits, masks, alpha=alpha, beta=beta)


def lovasz_loss(logits: Tensor, masks: Tensor) -> Tensor:
    """A convex stand-in for 1 - IoU over the whole batch, the mean over the classes that occur in it: a scalar.

    SMP's LovaszLoss; Berman et al., 2018, https://arxiv.org/abs/1705.08790: Lovász-softmax, in [0, 1], for several
    channels; for one the Lovász hinge of the logits, which has no upper end and is no loss of probabilities.
    """
    return _by_smp("LovaszLoss", logits, masks)


def boundary_loss(logits: Tensor, masks: Tensor) -> Tensor:
    """Mean over labelled pixels and classes of probability times signed distance to the class, in pixels: a scalar.

    The distance is that of `signed_distances`: what is predicted far outside costs most, what is predicted inside
    earns. So it may fall below 0, and its size grows with the image. Alone it collapses on small objects: the paper
    adds it to a loss of overlap, with a weight that grows from 0.01. Kervadec et al., 2019,
    https://arxiv.org/abs/1812.07032 (equation 5). The distances are computed by scipy on the CPU.
    """
    logits, keep = _judged(logits, masks)
    if not keep.any():
        return logits.sum() * 0.0
    classes = range(1, 2) if logits.shape[1] == 1 else range(logits.shape[1])
    maps = [[signed_distances(mask, class_id) for class_id in classes] for mask in masks.cpu().numpy()]
    distances = torch.from_numpy(np.array(maps)).to(logits)  # (N, C, H, W)
    probabilities = logits.sigmoid() if logits.shape[1] == 1 else logits.softmax(dim=1)
    return (probabilities * distances)[keep[:, None].expand_as(distances)].mean()


def presence_loss(presence: Tensor, masks: Tensor) -> Tensor:
    """Binary cross-entropy of logits (N, C), one an image and class, against which classes `masks` (N, H, W) hold: a scalar.

    One channel is a logit of class 1. Void holds no class; an image of void alone is left out. `fit` adds it, at the weight
    of an auxiliary head, where a model's `forward_with_aux` gives (N, C): see `nbhelpers.models.presence`.
    """
    count, channels = presence.shape
    maps, keep = _judged(presence[..., None, None].expand(count, channels, *masks.shape[-2:]), masks)
    logits, labelled = maps[..., 0, 0], keep.flatten(1).any(dim=1)
    if not labelled.any():
        return logits.sum() * 0.0
    classes = range(1, 2) if channels == 1 else range(channels)
    held = torch.stack([(masks == class_id).flatten(1).any(dim=1) for class_id in classes], dim=1)
    return F.binary_cross_entropy_with_logits(logits[labelled], held[labelled].to(logits.dtype))


def signed_distances(mask: np.ndarray, class_id: int) -> np.ndarray:
    """How far each pixel of a mask (H, W) lies from where `class_id` begins: float64 (H, W), in pixels.

    Outside it is the distance to the nearest pixel of the class, from 1 up; inside 1 less than the distance to the
    nearest labelled pixel of another class, and negative: 0 on the inner rim. 0 in void, and everywhere where the class
    is absent or alone, since then there is no border.
    """
    inside = mask == class_id
    outside = (mask != IGNORE) & ~inside
    if not (inside.any() and outside.any()):
        return np.zeros(mask.shape)
    away = scipy.ndimage.distance_transform_edt
    return outside * away(~inside) - inside * (away(~outside) - 1)


def _by_smp(name: str, logits: Tensor, masks: Tensor, **options: float) -> Tensor:
    """A loss of segmentation_models_pytorch, on logits and masks that it does not judge itself."""
    # it takes seconds to load, and not every training needs it
    from segmentation_models_pytorch import losses

    logits, keep = _judged(logits, masks)
    if not keep.any():
        return logits.sum() * 0.0  # LovaszLoss would give an empty tensor
    mode = losses.BINARY_MODE if logits.shape[1] == 1 else losses.MULTICLASS_MODE
    return getattr(losses, name)(mode, ignore_index=IGNORE, **options)(logits.float(), masks.long())


def _cross_entropies(logits: Tensor, masks: Tensor) -> Tensor:
    """Cross-entropy of each labelled pixel of the batch: (pixels,)."""
    logits, keep = _judged(logits, masks)
    if logits.shape[1] == 1:
        target = masks[keep].to(logits.dtype)
        return F.binary_cross_entropy_with_logits(logits[:, 0][keep], target, reduction="none")
    return F.cross_entropy(logits, masks.long(), ignore_index=IGNORE, reduction="none")[keep]


def _judged(logits: Tensor, masks: Tensor) -> tuple[Tensor, Tensor]:
    """Logits in float32 or better, and where `masks` are not void: (N, C, H, W) and bool (N, H, W).

    Raises ValueError for masks that do not suit the logits; SMP's losses would take them, and score nonsense.
    """
    count, channels, *size = logits.shape
    if masks.shape != (count, *size):
        raise ValueError(
            f"masks are {tuple(masks.shape)} and logits {tuple(logits.shape)}; masks must be {(count, *size)}: "
            "one id a pixel, at the size of the logits"
        )
    if masks.is_floating_point():
        raise ValueError(
            f"masks are {str(masks.dtype).removeprefix('torch.')}; they must be ids: masks.long()"
        )
    keep = masks != IGNORE
    if masks.numel():
        low, high = (int(end) for end in masks.where(keep, 0).long().aminmax())
        if low < 0 or high >= max(2, channels):
            raise ValueError(
                f"masks hold the id {low if low < 0 else high}, but logits {tuple(logits.shape)} tell "
                f"{max(2, channels)} classes apart, 0..{max(2, channels) - 1}: give the model a channel for each class"
            )
    return logits.to(torch.promote_types(logits.dtype, torch.float32)), keep
