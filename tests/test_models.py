"""One tester for all architectures: a new one adds a line to the table."""

import pytest
import torch

from nbhelpers.models.unet import UNet

MODELS = {
    "unet": lambda num_classes=5, in_channels=3: UNet(
        num_classes=num_classes, in_channels=in_channels, widths=(4, 8, 16)
    ),
}


@pytest.fixture(params=MODELS)
def build(request):
    torch.manual_seed(0)
    return MODELS[request.param]


@pytest.mark.parametrize("size", [(64, 96), (33, 47), (101, 101), (350, 525)])
def test_logits_are_as_large_as_the_image(build, size):
    with torch.inference_mode():
        assert build().eval()(torch.rand(2, 3, *size)).shape == (2, 5, *size)


def test_every_parameter_gets_a_gradient(build):
    model = build()
    model(torch.rand(2, 3, 64, 96)).square().mean().backward()
    assert [name for name, p in model.named_parameters() if p.grad is None or not p.grad.any()] == []


def test_a_batch_of_one_trains(build):
    build().train()(torch.rand(1, 3, 32, 32)).mean().backward()


@pytest.mark.parametrize("num_classes", [1, 2, 11])
@pytest.mark.parametrize("in_channels", [1, 3, 4])
def test_classes_and_channels_are_free(build, num_classes, in_channels):
    model = build(num_classes=num_classes, in_channels=in_channels)
    assert model(torch.rand(2, in_channels, 32, 64)).shape == (2, num_classes, 32, 64)


def test_bf16_and_channels_last_stay_close_to_fp32(build):
    model, images = build().eval(), torch.rand(2, 3, 64, 96)
    expected = model(images)
    with torch.autocast("cpu", torch.bfloat16):
        logits = model.to(memory_format=torch.channels_last)(images.to(memory_format=torch.channels_last))
    torch.testing.assert_close(logits.float(), expected, atol=0.05, rtol=0.05)


@pytest.mark.parametrize(
    ("build_full", "parameters"),
    [  # the second: the same layers written by others (milesial/Pytorch-UNet, 64 channels); 9 heads of 64 + 1 less
        (lambda: UNet(num_classes=2), 31_037_698),
        (lambda: UNet(num_classes=11), 31_038_283),
    ],
)
def test_parameter_counts_are_those_of_the_paper(build_full, parameters):
    with torch.device("meta"):
        assert sum(p.numel() for p in build_full().parameters()) == parameters


def test_unet_halves_and_doubles_as_figure_1_does():
    sides = []
    model = UNet(num_classes=2, widths=(2, 4, 8, 16, 32)).eval()
    for block in [model.stem, *model.downs, *model.ups]:
        block.register_forward_hook(lambda module, inputs, output: sides.append(tuple(output.shape[1:])))
    model(torch.rand(1, 3, 64, 96))
    assert sides == [
        (2, 64, 96), (4, 32, 48), (8, 16, 24), (16, 8, 12), (32, 4, 6),
        (16, 8, 12), (8, 16, 24), (4, 32, 48), (2, 64, 96),
    ]  # fmt: skip
