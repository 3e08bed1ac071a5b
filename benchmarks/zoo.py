"""The table of all architectures at the paper's size and 11 classes: parameters, GMACs, strides, receptive field.

GMACs are multiply-adds of one image of 224 x 224, in 10^9. The strides are those of the maps inside, finest first. The effective receptive field is that of fresh random weights: the side of the square around a logit
that holds 95 % of its influence, in an image of 224 x 224; 223 and more means that the image is no larger.
Run: python -m benchmarks.zoo
"""

import argparse
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from nbhelpers.models.blocks import Normalize
from nbhelpers.models.deeplabv3 import DeepLabV3
from nbhelpers.models.deeplabv3_plus import DeepLabV3Plus
from nbhelpers.models.encoder_fc_densenet import EncoderFCDenseNet
from nbhelpers.models.encoder_unet import EncoderUNet, Pix2PixUNet
from nbhelpers.models.fc_densenet import VARIANTS, FCDenseNet
from nbhelpers.models.fc_hardnet import FCHarDNet
from nbhelpers.models.fcn8 import FCN8, FastFCN8
from nbhelpers.models.fpn import FPN
from nbhelpers.models.gcn import GCN
from nbhelpers.models.maskformer import MaskFormer
from nbhelpers.models.pspnet import PSPNet
from nbhelpers.models.segformer import SIZES, SegFormer
from nbhelpers.models.segnet import SegNet
from nbhelpers.models.unet import UNet
from nbhelpers.models.unet_plus_plus import UNetPlusPlus
from nbhelpers.models.vit import FeaturePyramid, ViTEncoder
from nbhelpers.visualisation.probe import effective_receptive_field, field_sides
from tools.record import record

SIDE = 224
STRIDES = (1, 2, 4, 8, 16, 32)


def fpn_on_vit(num_classes: int) -> FPN:
    return FPN(num_classes=num_classes, encoder=FeaturePyramid(ViTEncoder("vit_tiny_patch16_224")))


ZOO: dict[str, Callable[..., nn.Module]] = {
    "U-Net": UNet,
    "U-Net, ResNet-50": partial(EncoderUNet, encoder="resnet50"),
    "U-Net, MobileNetV2, pix2pix": Pix2PixUNet,
    "U-Net++": UNetPlusPlus,
    "SegNet, VGG16": SegNet,
    "FCN8, VGG16": FCN8,
    "FastFCN8": FastFCN8,
    "FPN, ResNet-50": FPN,
    "PSPNet, ResNet-50": PSPNet,
    "GCN, ResNet-50": GCN,
    "DeepLabV3, ResNet-50": DeepLabV3,
    "DeepLabV3+, ResNet-50": DeepLabV3Plus,
    "DeepLabV3+ with SE, ResNet-50": partial(DeepLabV3Plus, attention="se"),
    "FC-DenseNet56": partial(FCDenseNet, **VARIANTS["FC-DenseNet56"]),
    "FC-DenseNet67": partial(FCDenseNet, **VARIANTS["FC-DenseNet67"]),
    "FC-DenseNet103": FCDenseNet,
    "FC-DenseNet, DenseNet-121": EncoderFCDenseNet,
    "FC-HarDNet-70": FCHarDNet,
    "FPN, ViT-Tiny": fpn_on_vit,
    "SegFormer-B0": SegFormer,
    "SegFormer-B2": partial(SegFormer, **SIZES["B2"]),
    "MaskFormer, ResNet-50": MaskFormer,
}


def shape_row(build: Callable[..., nn.Module]) -> dict[str, int | float | str]:
    """Parameters, GMACs and strides, on the meta device, where nothing is computed but shapes."""
    strides = set()

    def note(module: nn.Module, inputs: tuple, output: object) -> None:
        if isinstance(output, Tensor) and output.ndim == 4:
            strides.add(SIDE / output.shape[-1])

    with torch.device("meta"):
        model, images = build(num_classes=11).eval(), torch.rand(1, 3, SIDE, SIDE)
        for module in list(model.modules())[1:]:  # without the model, whose logits are as large as the image
            if not isinstance(module, Normalize):
                module.register_forward_hook(note)
        with FlopCounterMode(display=False) as count:
            model(images)
    return {
        "parameters": sum(p.numel() for p in model.parameters()),
        "gmacs": round(count.get_total_flops() / 2e9, 2),
        "strides": " ".join(str(stride) for stride in STRIDES if stride in strides),
    }


def receptive_field(build: Callable[..., nn.Module]) -> int:
    """The side in pixels that holds 95 % of the influence on one logit, at 224 x 224, fresh weights of seed 0."""
    torch.manual_seed(0)
    field = effective_receptive_field(build(num_classes=11), (SIDE, SIDE), samples=1)
    return field_sides(field)[1]


def line(name: str, row: dict) -> str:
    return (
        f"{name:30} {row['parameters']:>11,} {row['gmacs']:>7.2f}  {row['strides']:14} "
        f"{row['receptive_field']:>4}"
    )


def main() -> None:
    argparse.ArgumentParser(prog="python -m benchmarks.zoo", description=__doc__).parse_args()
    print(f"{'':30} {'parameters':>11} {'GMACs':>7}  {'strides':14} field")
    rows = {}
    for name, build in ZOO.items():
        rows[name] = shape_row(build) | {"receptive_field": receptive_field(build)}
        print(line(name, rows[name]), flush=True)
    print(record("zoo", rows))


if __name__ == "__main__":
    main()
