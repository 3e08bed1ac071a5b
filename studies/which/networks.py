"""The networks that are compared: all for eleven classes, with random weights, as narrow as the lessons have them.

A network that its paper builds on a backbone stands on one and the same ResNet-18, cut behind stride 16, where scenes of
48 x 64 pixels have 3 x 4 cells left (PSPNet, as in its paper, behind stride 8). So these differ in their decoders alone.
Networks whose paper has a way down of its own (U-Net, U-Net++, SegNet, FCN-8s, FC-DenseNet, FC-HarDNet, SegFormer,
torchvision's LR-ASPP) keep it, narrow. Auxiliary heads belong to the network: PSPNet and DeepLabV3 train with theirs.
SMP's and torchvision's stand where the collection has none of its own. Absent: MaskFormer, which is trained by another
loss, and SMP's PAN, whose three poolings want more cells than there are.

A new network is one line here; `python -m studies.which run --only NAME` makes its rows.
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import segmentation_models_pytorch as smp
from torch import Tensor, nn
from torchvision.models.segmentation import lraspp_mobilenet_v3_large

from nbhelpers.models.attention import CBAM
from nbhelpers.models.blocks import Normalize
from nbhelpers.models.deeplabv3 import DeepLabV3
from nbhelpers.models.deeplabv3_plus import DeepLabV3Plus
from nbhelpers.models.encoders import IMAGENET_MEAN, IMAGENET_STD, Encoder
from nbhelpers.models.fc_densenet import FCDenseNet
from nbhelpers.models.fc_hardnet import FCHarDNet
from nbhelpers.models.fcn8 import FCN8
from nbhelpers.models.fpn import FPN
from nbhelpers.models.gcn import GCN
from nbhelpers.models.pspnet import PSPNet
from nbhelpers.models.segnet import SegNet
from nbhelpers.models.unet import UNet
from nbhelpers.models.unet_plus_plus import UNetPlusPlus
from studies.lesson05 import NARROW
from studies.lesson06 import BASIC
from studies.lesson14 import SHALLOW
from studies.lesson15 import unet as plain_unet
from studies.lesson19 import segformer

CLASSES, DEPTH = 11, 4
RATES = (1, 2, 3)  # of ASPP's atrous convolutions: its map has 3 x 4 cells


class Network(NamedTuple):
    """How to build it, and whose code it is: "ours", "SMP" or "torchvision"."""

    build: Callable[[], nn.Module]
    source: str


class Normalized(nn.Module):
    """A network of SMP or torchvision as this collection wants it: images (N, 3, H, W) in 0..1 -> logits (N, 11, H, W)."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.normalize, self.network = Normalize(IMAGENET_MEAN, IMAGENET_STD), network

    def forward(self, images: Tensor) -> Tensor:
        logits = self.network(self.normalize(images))
        return logits["out"] if isinstance(logits, dict) else logits


def of_smp(architecture: type[nn.Module], **options: object) -> Network:
    """On the same ResNet-18."""

    def build() -> nn.Module:
        network = architecture(
            "resnet18", encoder_depth=DEPTH, encoder_weights=None, classes=CLASSES, **options
        )
        network.encoder.layer4 = nn.Identity()  # built for depth 5, and never called
        return Normalized(network)

    return Network(build, "SMP")


def ours(architecture: Callable[..., nn.Module], **options: object) -> Network:
    return Network(partial(architecture, num_classes=CLASSES, **options), "ours")


def on_resnet18(architecture: type[nn.Module], depth: int = DEPTH, **options: object) -> Network:
    def build() -> nn.Module:
        return architecture(num_classes=CLASSES, encoder=Encoder("resnet18", depth=depth), **options)

    return Network(build, "ours")


def gcn() -> GCN:
    """Without the coarsest level, like the others; its kernels of 7 x 7 reach from side to side of c4's 3 x 4 cells."""
    network = GCN(num_classes=CLASSES, encoder="resnet18", kernel_size=7)
    network.encoder, network.names = Encoder("resnet18", depth=DEPTH), network.names[1:]
    network.scorers, network.refiners = network.scorers[1:], network.refiners[1:]
    return network


def lraspp() -> Normalized:
    network = lraspp_mobilenet_v3_large(weights=None, weights_backbone=None, num_classes=CLASSES)
    return Normalized(network)


NETWORKS: dict[str, Network] = {
    "U-Net": ours(UNet, widths=(12, 24, 48, 96)),
    "U-Net with CBAM": Network(lambda: plain_unet(CBAM), "ours"),
    "U-Net++": ours(UNetPlusPlus, widths=(8, 16, 32, 64, 64)),
    "SegNet": ours(SegNet, **BASIC),
    "FCN-8s": ours(FCN8, **NARROW),
    "FC-DenseNet": ours(FCDenseNet, layers=(1, 2, 2), growth_rate=12, stem_channels=16, dropout=0),
    "FC-HarDNet": ours(FCHarDNet, **SHALLOW),
    "SegFormer": Network(segformer, "ours"),
    "FPN": on_resnet18(FPN, pyramid_channels=64, head_channels=64),
    "PSPNet": on_resnet18(PSPNet, depth=3, output_stride=8, hidden_channels=64),
    "GCN": Network(gcn, "ours"),
    "DeepLabV3": on_resnet18(
        DeepLabV3, output_stride=16, atrous_rates=RATES, hidden_channels=64, dropout=0.1
    ),
    "DeepLabV3+": on_resnet18(
        DeepLabV3Plus, output_stride=16, atrous_rates=RATES, hidden_channels=64, skip_channels=24, dropout=0.1
    ),
    "U-Net on ResNet-18": of_smp(smp.Unet, decoder_channels=(64, 48, 32, 16)),
    "LinkNet": of_smp(smp.Linknet),
    "MA-Net": of_smp(smp.MAnet, decoder_channels=(64, 48, 32, 16), decoder_pab_channels=16),
    "UPerNet": of_smp(smp.UPerNet, decoder_channels=64),
    "LR-ASPP": Network(lraspp, "torchvision"),
}
