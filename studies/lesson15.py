"""15 Attention: is it worth it, in a small U-Net?"""

from collections.abc import Callable

from torch import nn

from nbhelpers.models.attention import CBAM, SelfAttention, SqueezeExcite
from nbhelpers.models.unet import UNet
from studies import Claim, Study, Way

BLOCKS = {"SE": SqueezeExcite, "CBAM": CBAM, "self-attention": SelfAttention}


def unet(block: Callable[[int], nn.Module] | None = None) -> UNet:
    """A U-Net; `block` acts on the first map on the way up: 48 channels, a quarter of the sides."""
    network = UNet(num_classes=11, widths=(12, 24, 48, 96))
    if block is not None:
        network.ups[0].conv.append(block(48))
    return network


STUDY = Study(
    lesson="15",
    question="Is attention worth it?",
    ways={"plain": Way(build=unet)}
    | {name: Way(build=lambda block=block: unet(block), keep=True) for name, block in BLOCKS.items()},
    claims=tuple(Claim(name, "plain") for name in BLOCKS),
)
