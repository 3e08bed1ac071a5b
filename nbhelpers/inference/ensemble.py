"""Several models as one."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn


class Ensemble(nn.Module):
    """Averages the probabilities of its members: images (N, 3, H, W) -> logits (N, num_classes, H, W).

    The logits are those whose softmax (sigmoid, for one channel) is the mean, so an ensemble goes wherever a
    model goes: to predict, evaluate or export. Raises ValueError for no members, and at the first image if
    their logits differ in shape.
    """

    def __init__(self, models: Sequence[nn.Module]) -> None:
        super().__init__()
        if not models:
            raise ValueError("an ensemble of no models cannot predict; pass at least one")
        self.models = nn.ModuleList(models)

    def forward(self, images: Tensor) -> Tensor:
        logits = [model(images).float() for model in self.models]
        if any(member.shape != logits[0].shape for member in logits):
            shapes = [tuple(member.shape) for member in logits]
            raise ValueError(
                f"the members give logits of shapes {shapes}; they must have equal classes and sizes"
            )
        # in logarithms, because a probability of 1e-50 is 0 in float32; log(n) makes the sum a mean
        stacked = torch.stack(logits)  # (members, N, C, H, W)
        if stacked.shape[2] > 1:
            return stacked.log_softmax(dim=2).logsumexp(dim=0) - math.log(len(logits))
        yes = nn.functional.logsigmoid(stacked).logsumexp(dim=0)
        no = nn.functional.logsigmoid(-stacked).logsumexp(dim=0)
        return yes - no  # logit(p) = log p - log(1 - p); the two counts cancel
