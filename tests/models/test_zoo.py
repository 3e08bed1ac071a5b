"""The committed table of all architectures is what the code says today."""

import json

import pytest
from torch import nn

from benchmarks.zoo import ZOO, receptive_field, shape_row
from tools.execution import ROOT

ROWS = json.loads((ROOT / "benchmarks" / "results" / "zoo.json").read_text("utf-8"))["results"]


def test_every_architecture_has_a_row():
    assert list(ROWS) == list(ZOO)


@pytest.mark.parametrize("name", ZOO)
def test_parameters_operations_and_strides(name):
    assert {key: ROWS[name][key] for key in ("parameters", "gmacs", "strides")} == shape_row(ZOO[name])


@pytest.mark.parametrize(
    "name", ["FC-HarDNet-70", "U-Net, MobileNetV2, pix2pix", "GCN, ResNet-50", "SegFormer-B0"]
)
def test_receptive_fields(name):
    """Of the quick ones; two pixels, one on either side, may turn on how a processor rounds."""
    assert abs(ROWS[name]["receptive_field"] - receptive_field(ZOO[name])) <= 2


@pytest.mark.parametrize(
    ("name", "parameters"),
    [  # written by others, measured at 11 classes; those of torchvision and SMP are matched layer by layer elsewhere
        ("U-Net", 31_038_283),  # milesial/Pytorch-UNet
        # torchvision, and its auxiliary head
        ("DeepLabV3, ResNet-50", 39_636_299 + 9 * 1024 * 256 + 2 * 256 + 256 * 11 + 11),
        ("DeepLabV3+, ResNet-50", 26_680_155),  # SMP
        ("FPN, ResNet-50", 26_117_323),  # SMP
        ("U-Net, ResNet-50", 32_522_555),  # SMP
        ("FC-DenseNet56", 1_376_795),  # bfortuner/pytorch_tiramisu
        ("FC-DenseNet67", 3_463_243),
        ("FC-DenseNet103", 9_322_091),
        ("FC-HarDNet-70", 4_118_865),  # PingoLH/FCHarDNet
        ("SegFormer-B0", 3_716_971),  # SMP
    ],
)
def test_parameters_agree_with_other_implementations(name, parameters):
    assert ROWS[name]["parameters"] == parameters


def test_the_convention_counts_multiply_adds():
    """One 3 x 3 convolution, 3 to 8 channels: 9 x 3 x 8 x 224 x 224, in 10^9."""
    row = shape_row(lambda num_classes: nn.Sequential(nn.Conv2d(3, 8, 3, padding=1, bias=False)))
    assert row == {"parameters": 216, "gmacs": round(216 * 224 * 224 / 1e9, 2), "strides": "1"}
