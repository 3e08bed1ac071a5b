"""02 U-Net: what do the skips bring, and does width?"""

import torch
from torch import Tensor, nn

from nbhelpers.models.unet import UNet
from studies import Claim, Study, Way
from studies.measures import borders_and_interiors

WIDTHS = (16, 32, 64, 128)


def close(_up: nn.Module, inputs: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    """A hook that puts zeros in the place of the skip: the same layers, the way across is closed."""
    x, skip = inputs
    return x, torch.zeros_like(skip)


def without_skips() -> nn.Module:
    network = UNet(num_classes=11, widths=WIDTHS)
    for up in network.ups:
        up.register_forward_pre_hook(close)
    return network


STUDY = Study(
    lesson="02",
    question="What do the skips bring?",
    ways={
        "with skips": Way(build=lambda: UNet(num_classes=11, widths=WIDTHS), keep=True),
        "without skips": Way(build=without_skips, keep=True),
        "half as wide": Way(build=lambda: UNet(num_classes=11, widths=tuple(width // 2 for width in WIDTHS))),
    },
    measures={"borders and interiors": borders_and_interiors},
    claims=(
        Claim("with skips", "without skips"),
        Claim("with skips", "without skips", "mean IoU, borders"),
        Claim("with skips", "without skips", "mean IoU, interiors"),
        Claim("with skips", "half as wide"),
    ),
)
