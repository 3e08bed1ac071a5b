"""How MaskFormer is trained: each true segment is given to one query, by the cheapest way to give out all of them.

Paper: Cheng et al., 2021, https://arxiv.org/abs/2107.06278 (section 3.3; the weights: section 4.1), after DETR
(Carion et al., 2020, https://arxiv.org/abs/2005.12872, section 3.1). The cheapest way is found by scipy.
"""

from collections.abc import Sequence
from typing import NamedTuple

import scipy
import torch
import torch.nn.functional as F
from torch import Tensor

from nbhelpers.models.maskformer import Proposals

ALPHA, GAMMA = 0.25, 2.0  # of the focal loss: of true pixels among all, and how much less a sure pixel counts


class Weights(NamedTuple):
    """Of the three losses, and of "no object" among the classes, which most queries answer where they are many."""

    classes: float = 1.0
    focal: float = 20.0
    dice: float = 1.0
    no_object: float = 0.1


PAPER = Weights()


class Segments(NamedTuple):
    """The truth of one picture: `classes` int64 (T,), and `masks` of 0 and 1, float32 (T, H, W)."""

    classes: Tensor
    masks: Tensor


def segments_of(instances: Tensor) -> Segments:
    """The background, of class 0, and every object, of class 1, of ids (H, W): 0 and one number an object."""
    ids = instances.unique()
    return Segments((ids > 0).long(), (instances == ids[:, None, None]).float())


def match(
    proposals: Proposals, truths: Sequence[Segments], weights: Weights = PAPER
) -> list[tuple[Tensor, Tensor]]:
    """Which query answers for which segment, by picture: (queries, segments), int64 (T,) each.

    The sum of `costs` is the least possible: the Hungarian algorithm (Kuhn, 1955), scipy's
    `linear_sum_assignment`. Raises ValueError for a picture of more segments than queries, and FloatingPointError for
    proposals that are not finite.
    """
    pairs = []
    for number, (classes, masks, truth) in enumerate(zip(*proposals, truths, strict=True)):
        if len(truth.classes) > len(classes):
            raise ValueError(
                f"picture {number} of the batch holds {len(truth.classes)} segments, but the model has {len(classes)} "
                f"queries: build it with num_queries={len(truth.classes)} or more, or take smaller pictures"
            )
        table = costs(Proposals(classes, masks), truth, weights).cpu()
        if not table.isfinite().all():
            raise FloatingPointError(
                f"the proposals for picture {number} of the batch are not finite: try a lower lr, or precision='fp32'"
            )
        pairs.append(tuple(torch.as_tensor(found) for found in scipy.optimize.linear_sum_assignment(table)))
    return pairs


@torch.no_grad()
def costs(proposals: Proposals, truth: Segments, weights: Weights = PAPER) -> Tensor:
    """What it would cost each query of one picture, (Q, classes + 1) and (Q, h, w), to answer for each segment: (Q, T).

    The segments are looked at in the size of the proposals.
    """
    classes, masks = (each.float() for each in proposals)
    # (T, h w), of the nearest pixels
    true = F.interpolate(truth.masks[:, None], size=masks.shape[-2:]).flatten(1)
    masks = masks.flatten(1)  # (Q, h w)
    inside, outside = _focal(masks, torch.ones_like(masks)), _focal(masks, torch.zeros_like(masks))
    focal = (inside @ true.T + outside @ (1 - true).T) / masks.shape[1]
    chance = masks.sigmoid()
    dice = 1 - (2 * chance @ true.T + 1) / (chance.sum(1)[:, None] + true.sum(1) + 1)
    return (
        weights.focal * focal + weights.dice * dice - weights.classes * classes.softmax(-1)[:, truth.classes]
    )


def set_loss(proposals: Proposals, truths: Sequence[Segments], weights: Weights = PAPER) -> Tensor:
    """Cross-entropy of all classes, focal and Dice loss of the masks that were matched: a scalar. Errors as `match`.

    The masks are enlarged to the truth's size (H, W). A mean over segments, which `truths` may lack.
    """
    pairs = match(proposals, truths, weights)
    classes, masks = (each.float() for each in proposals)
    wanted = torch.full(classes.shape[:2], classes.shape[-1] - 1, device=classes.device)  # "no object"
    for row, truth, (queries, segments) in zip(wanted, truths, pairs):
        row[queries] = truth.classes[segments]
    of_classes = classes.new_ones(classes.shape[-1])
    of_classes[-1] = weights.no_object
    class_loss = F.cross_entropy(classes.mT, wanted, of_classes)

    mine = torch.cat([own[queries] for own, (queries, _) in zip(masks, pairs)])
    true = torch.cat([truth.masks[segments] for truth, (_, segments) in zip(truths, pairs)]).flatten(1)
    mine = F.interpolate(mine[:, None], size=truths[0].masks.shape[-2:], mode="bilinear").flatten(1)
    count = max(1, len(mine))
    focal = _focal(mine, true).mean(1).sum() / count
    chance = mine.sigmoid()
    dice = (1 - (2 * (chance * true).sum(1) + 1) / (chance.sum(1) + true.sum(1) + 1)).sum() / count
    return weights.classes * class_loss + weights.focal * focal + weights.dice * dice


def _focal(logits: Tensor, true: Tensor) -> Tensor:
    """The focal loss of each pixel (Lin et al., 2017, equation 5), as torchvision has it but without its checks."""
    chance = logits.sigmoid()
    wrong = chance + true - 2 * chance * true  # 1 - the probability of what is true
    weight = ALPHA * true + (1 - ALPHA) * (1 - true)
    return weight * wrong**GAMMA * F.binary_cross_entropy_with_logits(logits, true, reduction="none")
