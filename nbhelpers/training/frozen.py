"""A linear head on a frozen encoder: its features are computed once and kept, and the head is solved for.

Features of a frozen encoder are the same in every epoch, so they are made in one pass. What is left is a multinomial
logistic regression over patches. It is convex: it has one solution, which L-BFGS finds in seconds and without a
learning rate, whatever it starts from.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from nbhelpers.checks import Gate
from nbhelpers.datasets.dataset import collate
from nbhelpers.models.linear_head import LinearHead


@dataclass(frozen=True)
class KeptFeatures:
    """The patches of a data set: `tokens` (P, C) float16, and `shares` (P, num_classes) float32.

    A share is that of a class in the patch's labelled pixels, times the labelled part of the patch. Patches without a
    labelled pixel are left out.
    """

    tokens: Tensor
    shares: Tensor

    @property
    def megabytes(self) -> float:
        return (self.tokens.nbytes + self.shares.nbytes) / 1e6


@torch.no_grad()
def keep_features(head: LinearHead, dataset: Dataset, *, batch_size: int = 8) -> KeptFeatures:
    """Run the encoder once over `dataset`, without augmentation, and keep the tokens of every patch in memory.

    Images of one batch must have one size: pass batch_size=1 where sizes vary.
    Raises ValueError for what `fit` refuses: samples, masks or classes that do not fit together.
    """
    gate = Gate(dataset, "dataset")
    gate.inspect()
    if gate.num_classes != head.num_classes:
        raise ValueError(
            f"dataset tells {gate.num_classes} classes, but the head has {head.num_classes}: build it with "
            f"num_classes={gate.num_classes}"
        )
    tokens, shares = [], []
    device = head.mean.device
    for images, masks in DataLoader(dataset, batch_size, collate_fn=collate):
        gate.see(masks)
        c4 = head.encoder(images.to(device))["c4"]
        # one channel a class, and one for void, which is cut off; a patch's share of each is its mean
        ids = torch.where(masks < head.num_classes, masks, head.num_classes)
        one_hot = F.one_hot(ids, head.num_classes + 1).permute(0, 3, 1, 2).float()
        share = F.adaptive_avg_pool2d(one_hot, c4.shape[-2:])[:, :-1].permute(0, 2, 3, 1).flatten(0, 2)
        labelled = share.sum(dim=1) > 0
        tokens.append(c4.permute(0, 2, 3, 1).flatten(0, 2)[labelled.to(device)].half().cpu())
        shares.append(share[labelled])
    return KeptFeatures(torch.cat(tokens), torch.cat(shares))


def solve_head(head: LinearHead, features: KeptFeatures, *, weight_decay: float = 1e-4) -> float:
    """Fit the linear layer of `head` to the kept features, in place; returns the loss that was reached.

    The loss is the cross-entropy over the labelled parts of all patches plus weight_decay / 2 times the squared
    weights (not the biases); L-BFGS takes 100 steps at most.
    Raises FloatingPointError where features or loss are not finite, and ValueError without features or with those of
    another head.
    """
    device = head.mean.device
    tokens, shares = features.tokens.to(device).float(), features.shares.to(device)
    if not shares.any():
        raise ValueError("no patch with a label was kept; pass features of pictures with labels")
    given, taken = (tokens.shape[1], shares.shape[1]), (len(head.mean), head.num_classes)
    if given != taken:
        raise ValueError(
            f"the features have {given[0]} channels and {given[1]} classes, but the head takes {taken[0]} and {taken[1]}: "
            "pass what keep_features made with this head's encoder and classes"
        )
    if not tokens.isfinite().all():
        raise FloatingPointError(
            "some kept features are not finite: beyond 65504, float16 overflows, or the weights of the encoder are "
            "not those of a trained network"
        )
    head.mean.copy_(tokens.mean(dim=0))
    head.std.copy_(tokens.std(dim=0, correction=0).clamp(min=1e-6))
    shares = shares / shares.sum()
    torch.nn.init.zeros_(head.scores.weight)
    torch.nn.init.zeros_(head.scores.bias)
    optimizer = torch.optim.LBFGS(
        head.scores.parameters(),
        max_iter=100,
        tolerance_grad=1e-8,
        tolerance_change=1e-12,
        history_size=20,
        line_search_fn="strong_wolfe",
    )

    def loss() -> Tensor:
        # in float64: near its least, float32 shows no step that still moves the weights by 0.1 %
        cross_entropy = -(shares * head.score(tokens).double().log_softmax(dim=1)).sum()
        return cross_entropy + weight_decay / 2 * head.scores.weight.double().square().sum()

    def closure() -> Tensor:
        optimizer.zero_grad()
        value = loss()
        if not value.isfinite():
            raise FloatingPointError(f"the loss is {value.item()}; take a larger weight_decay")
        value.backward()
        return value

    optimizer.step(closure)
    with torch.no_grad():
        return float(loss())
