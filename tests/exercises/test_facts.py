"""The numbers that the exercises ask for are those of the package: its metrics, its models, its doctor."""

import math
from itertools import accumulate, product

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from nbhelpers.doctor import CHECKS
from nbhelpers.doctor.case import name_of
from nbhelpers.exercises import (
    lesson01,
    lesson02,
    lesson03,
    lesson06,
    lesson07,
    lesson08,
    lesson09,
    lesson10,
    lesson11,
    lesson12,
    lesson13,
    lesson14,
    lesson16,
    lesson17,
)
from nbhelpers.iris import e1, e2
from nbhelpers.metrics import ConfusionMatrix
from nbhelpers.models.attention import SelfAttention
from nbhelpers.models.blocks import SeparableConv
from nbhelpers.models.deeplabv3_plus import DeepLabV3Plus
from nbhelpers.models.fc_densenet import DenseBlock, DenseLayer
from nbhelpers.models.fpn import FPN
from nbhelpers.models.gcn import GlobalConvolution
from nbhelpers.models.pspnet import grid_means
from nbhelpers.models.unet import UNet
from nbhelpers.models.unet_plus_plus import UNetPlusPlus
from nbhelpers.visualisation import Convolutions
from nbhelpers.visualisation.nested import _grid
from tests.exercises.cases import lesson07 as lesson07_cases
from tests.exercises.cases import lesson11 as lesson11_cases
from tests.exercises.cases import lesson13 as lesson13_cases


def test_the_numbers_of_lesson_1_are_those_of_the_metrics():
    """The answers were counted by hand; the package counts the same."""
    confusion = ConfusionMatrix(2)
    confusion.update(lesson01.PREDICTION, lesson01.TRUTH)
    assert lesson01.check_iou(confusion.iou[1].item()) == "Right."
    assert "Dice" in lesson01.check_iou(confusion.dice[1].item())
    assert "recall" in lesson01.check_iou(confusion.class_accuracy[1].item())
    assert "accuracy" in lesson01.check_iou(confusion.pixel_accuracy)
    assert "background" in lesson01.check_iou(confusion.iou[0].item())
    assert "mean" in lesson01.check_iou(confusion.mean_iou)

    confusion = ConfusionMatrix(2)
    confusion.counts[0, 0], confusion.counts[1, 0] = 95, 5
    assert lesson01.check_baseline(confusion.mean_iou) == "Right."
    assert "accuracy" in lesson01.check_baseline(confusion.pixel_accuracy)
    assert "Dice" in lesson01.check_baseline(confusion.mean_dice)
    assert "pooled" in lesson01.check_baseline(confusion.micro_iou)
    assert "weighted" in lesson01.check_baseline(confusion.frequency_weighted_iou)


def test_the_bottleneck_of_lesson_2_is_that_of_the_model():
    shapes = []
    model = UNet(num_classes=2, widths=(2, 2, 2, 2)).eval()
    model.downs[-1].register_forward_hook(lambda module, inputs, output: shapes.append(output.shape[-2:]))
    model(torch.rand(1, 3, 50, 70))
    assert lesson02.check_bottleneck_size(tuple(shapes[0])) == "Right."


def test_a_check_does_not_change_what_it_checks_with():
    before = lesson01.FILE.clone()
    lesson01.check_prepare(lambda file, size: file.fill_(7))
    assert torch.equal(lesson01.FILE, before)


def test_the_micro_iou_of_lesson_3_is_that_of_the_metrics():
    confusion = ConfusionMatrix(3)
    confusion.counts[:] = torch.tensor([[50, 5, 0], [5, 20, 5], [3, 2, 10]])  # 80 of 100 are right
    assert confusion.pixel_accuracy == pytest.approx(0.8)
    assert lesson03.check_micro_iou(confusion.micro_iou) == "Right."


def test_the_check_of_lesson_6_does_not_change_its_map():
    before = lesson06.MAP.clone()
    lesson06.check_pool(lambda x: x.fill_(7))
    assert torch.equal(lesson06.MAP, before)


def test_the_wiring_of_lesson_7_is_that_of_the_model():
    with torch.device("meta"):
        model = UNetPlusPlus(num_classes=2, widths=(32, 64, 128, 256, 512))
        deeper = UNetPlusPlus(num_classes=2, widths=(1, 2, 3, 4, 5, 6), num_upsampling=5)
    assert lesson07.check_nodes(sum(map(len, deeper.nodes))) == "Right."
    assert lesson07.check_join(model.nodes[1][3].conv[0].in_channels) == "Right."
    model = UNetPlusPlus(num_classes=2, widths=(2, 2, 2, 2), num_upsampling=3)
    shapes, edges, _ = _grid(model, torch.rand(1, 3, 32, 32))
    for place in shapes:
        assert set(lesson07_cases.right(*place)) == {start for start, end in edges if end == place}


def test_the_pyramid_of_lesson_8_is_that_of_the_model():
    with torch.device("meta"):
        model = FPN(num_classes=2, encoder="resnet50").eval()
    assert lesson08.check_laterals(sum(p.numel() for p in model.laterals.parameters())) == "Right."
    shapes = []
    model.laterals[1].register_forward_hook(lambda _, inputs, output: shapes.append(tuple(output.shape[-2:])))
    model(torch.rand(1, 3, 72, 96, device="meta"))
    assert model.names[1] == "c4" and lesson08.check_level_size(shapes[0]) == "Right."


def test_the_cell_of_lesson_9_is_that_of_the_model():
    """The rows that move the mean of cell 3: the gradient finds them."""
    x = torch.zeros(1, 1, 9, 1, requires_grad=True)
    grid_means(x, 6)[0, 0, 3, 0].backward()
    rows = x.grad[0, 0, :, 0].nonzero().flatten()
    assert lesson09.check_cell((int(rows.min()), int(rows.max()) + 1)) == "Right."


def test_the_kernel_of_lesson_10_covers_the_map_and_a_smaller_one_does_not():
    """Whether the last column is reached from the first: by the gradient, on a map of 1 x 24."""

    def covers(kernel_size):
        layer = GlobalConvolution(1, 1, kernel_size=kernel_size)
        x = torch.zeros(1, 1, 1, 24, requires_grad=True)
        layer(x)[..., 0].sum().backward()
        return bool(x.grad[..., -1])

    assert covers(47) and not covers(45)
    assert lesson10.check_covering(47) == "Right."


def test_the_answers_of_lesson_11_are_what_convolutions_do():
    """A kernel of ones: from rate 12 on every place of a 9 x 12 map gets one tap; at 11 some get two."""
    cells, ones = torch.ones(1, 1, 9, 12), torch.ones(1, 1, 3, 3)
    most = [F.conv2d(cells, ones, padding=rate, dilation=rate).max().item() for rate in range(1, 14)]
    assert lesson11.check_useless_rate(most.index(1) + 1) == "Right."

    impulse = F.conv2d(
        torch.eye(31)[15].reshape(1, 1, 1, 31), torch.ones(1, 1, 1, 3), padding=(0, 6), dilation=6
    )
    places = impulse.flatten().nonzero().flatten()
    assert lesson11.check_span(int(places.max() - places.min()) + 1) == "Right."

    line = torch.eye(31)[15].reshape(1, 1, 31)
    for rate in (2, 2, 2):
        line = F.conv1d(line, torch.ones(1, 1, 3), padding=rate, dilation=rate)
    assert {int(place) - 15 for place in line.flatten().nonzero()} == lesson11_cases.touched((2, 2, 2))


def test_rates_fill_their_reach_by_the_rule_that_lesson_11_tells():
    """From the smallest up, none is larger than the number of places that those before it fill."""
    for rates in (*product(range(1, 8), repeat=2), *product(range(1, 20), repeat=3)):
        full = range(-sum(rates), sum(rates) + 1)
        before = accumulate(sorted(rates), initial=0)  # they reach so far to either side
        rule = all(rate <= 2 * reach + 1 for rate, reach in zip(sorted(rates), before))
        assert (lesson11_cases.touched(rates) == set(full)) == rule, rates
        assert math.gcd(*rates) == 1 or not rule, rates  # needed, and not enough


def test_the_decoder_of_lesson_12_is_that_of_the_model():
    with torch.device("meta"):
        model = DeepLabV3Plus(num_classes=11, encoder="resnet18").eval()
        shapes = []
        model.head.register_forward_pre_hook(lambda module, inputs: shapes.append(tuple(inputs[0].shape[1:])))
        model.encoder.normalize = torch.nn.Identity()
        model(torch.rand(1, 3, 360, 480))
        separable = SeparableConv(304, 256)
    assert lesson12.check_joined(shapes[0]) == "Right."
    assert isinstance(model.head[0], SeparableConv)
    assert lesson12.check_parameters(sum(p.numel() for p in separable.parameters())) == "Right."


def test_the_numbers_of_lesson_13_are_those_of_the_model():
    with torch.device("meta"):
        channels = DenseBlock(100, 6, 12, dropout=0)(torch.rand(1, 100, 4, 4)).shape[1]
        layer = DenseLayer(112, 16, dropout=0)
    assert lesson13.check_channels(channels) == "Right."
    assert lesson13.check_parameters(sum(p.numel() for p in layer.parameters())) == "Right."


def test_the_kept_maps_are_those_of_autograd():
    """Saved tensors of a block by torch.cat: what batch norm reads, and what the convolution reads."""
    kept = {}

    def keep(tensor):
        if tensor.ndim == 4 and not isinstance(tensor, nn.Parameter):
            kept[tensor.data_ptr()] = tensor.shape[1]
        return tensor

    x = torch.rand(1, 48, 8, 8)
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        for channels in range(48, 112, 16):
            layer = DenseLayer(channels, 16, dropout=0)
            layer.relu.inplace = True
            x = torch.cat([x, layer(x)], dim=1)
    assert (
        lesson13.check_kept_maps(
            lambda c, n, k: sum(kept.values()) if c == 48 else lesson13_cases.kept_maps(c, n, k)
        )
        == "Right."
    )


def test_the_numbers_of_lesson_14_are_those_of_a_convolution():
    with torch.device("meta"), Convolutions() as costs:
        nn.Conv2d(64, 32, 3, padding=1)(torch.rand(1, 64, 56, 56))
    assert lesson14.check_traffic(costs.values) == "Right."

    def counted(in_channels, out_channels, kernel_size):
        with torch.device("meta"), Convolutions() as costs:
            nn.Conv2d(in_channels, out_channels, kernel_size, padding="same")(
                torch.rand(1, in_channels, 9, 9)
            )
        return costs.macs / costs.values

    assert lesson14.check_macs_a_value(counted) == "Right."


def test_the_attention_of_lesson_15_is_that_of_the_block():
    """The same equation, by another road: the block with its layers made the identity."""
    block = SelfAttention(4, reduction=1)
    for layer in (block.query, block.key, block.value, block.out):
        layer.weight.data.copy_(torch.eye(4)[..., None, None])
    block.gate.data.fill_(1.0)
    x = torch.randn(1, 4, 2, 3)
    places = x.flatten(2)[0].T  # (6, 4)
    expected = (places @ places.T).softmax(1) @ places + places
    torch.testing.assert_close(block(x).flatten(2)[0].T, expected)


def test_the_floor_of_lesson_16_is_that_of_cross_entropy():
    probabilities = torch.zeros(1, 11)
    probabilities[0, 0] = 1
    loss = torch.nn.functional.cross_entropy(probabilities, torch.tensor([0])).item()
    assert lesson16.check_floor(loss) == "Right."


def test_the_stories_of_lesson_16_name_checks_of_the_doctor():
    assert set(lesson16.STORIES.values()) <= {name_of(check) for check in CHECKS}
    assert set(lesson16.HINTS) == set(lesson16.STORIES.values())


def test_the_scores_of_lesson_17_are_those_of_the_package():
    """The first exercise's picture, drawn: 5,200 pixels right, 300 too many, 800 missed."""
    true, predicted = np.zeros((2, lesson17.PIXELS), dtype=bool)
    true[: lesson17.TRUE] = True
    predicted[lesson17.TRUE - lesson17.RIGHT :][: lesson17.PREDICTED] = True
    pair = [predicted.reshape(300, 400)], [true.reshape(300, 400)]
    assert lesson17.check_scores((100 * e1(*pair), 100 * e2(*pair))) == "Right."
