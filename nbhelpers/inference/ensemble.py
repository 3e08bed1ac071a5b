"""Several models as one."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from nbhelpers.checks import check_logits


class Ensemble(nn.Module):
    """Averages the probabilities of its members: images (N, 3, H, W) -> logits (N, num_classes, H, W).

    The logits are those whose softmax (sigmoid, for one channel) is the mean, so an ensemble goes wherever a
    model goes: to predict, evaluate or export. Raises ValueError for no members, and at the first image if
    their answers differ in shape, or one is no tensor of floats.
    """

    def __init__(self, models: Sequence[nn.Module]) -> None:
        super().__init__()
        if not models:
            raise ValueError("an ensemble of no models cannot predict; pass at least one")
        self.models = nn.ModuleList(models)

    def forward(self, images: Tensor) -> Tensor:
        # in logarithms, because a probability of 1e-50 is 0 in float32; log(n) makes the sum a mean
        stacked = _stacked([_logits(model, images) for model in self.models])  # (members, N, C, H, W)
        if stacked.shape[2] > 1:
            return stacked.log_softmax(dim=2).logsumexp(dim=0) - math.log(len(stacked))
        yes = nn.functional.logsigmoid(stacked).logsumexp(dim=0)
        no = nn.functional.logsigmoid(-stacked).logsumexp(dim=0)
        return yes - no  # logit(p) = log p - log(1 - p); the two counts cancel

    def presence(self, images: Tensor) -> Tensor:
        """The mean of what the members' heads say, (N, num_classes); ValueError for a member that is no `WithPresence`."""
        if without := [type(model).__name__ for model in self.models if not hasattr(model, "presence")]:
            raise ValueError(f"{without[0]} has no head of presence; make every member a WithPresence")
        return _stacked([model.presence(images) for model in self.models]).mean(dim=0)


def _logits(model: nn.Module, images: Tensor) -> Tensor:
    answer = model(images)
    if not isinstance(answer, Tensor) or not answer.is_floating_point():
        check_logits(answer, images)  # which says what it is; of sizes the whole is asked, as of any model
    return answer.float()


def _stacked(answers: list[Tensor]) -> Tensor:
    if any(answer.shape != answers[0].shape for answer in answers):
        shapes = [tuple(answer.shape) for answer in answers]
        raise ValueError(
            f"the members give answers of shapes {shapes}; they must have equal classes and sizes"
        )
    return torch.stack(answers)
