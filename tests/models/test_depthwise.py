"""Depthwise convolutions: sums of shifted maps equal torch's convolution, and stand in for it only where it is slow."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from nbhelpers import visualisation as vis
from nbhelpers.models import depthwise
from nbhelpers.models.depthwise import DepthwiseConv, SumOfShifted


@pytest.mark.parametrize("rate", [1, 2, 3, 6, 20])
@pytest.mark.parametrize("size", [(5, 7), (1, 1), (12, 3)])
@pytest.mark.parametrize("kernel_size", [1, 3, 5])
def test_sums_of_shifted_maps_and_their_gradients_are_the_convolutions(rate, size, kernel_size):
    x = torch.randn(2, 4, *size, dtype=torch.float64).to(memory_format=torch.channels_last).requires_grad_()
    kernels = torch.randn(4, 1, kernel_size, kernel_size, dtype=torch.float64, requires_grad=True)
    padding = rate * (kernel_size // 2)
    expected = F.conv2d(x, kernels, padding=padding, dilation=rate, groups=4)
    found = SumOfShifted.apply(x, kernels, rate)
    torch.testing.assert_close(found, expected)
    pull = torch.randn_like(expected)
    torch.testing.assert_close(
        torch.autograd.grad(found, (x, kernels), pull), torch.autograd.grad(expected, (x, kernels), pull)
    )
    assert found.is_contiguous(memory_format=torch.channels_last)


def summed(monkeypatch, layer, x):
    """Whether `layer` adds shifted maps for `x`; it gives what torch's layer of the same weights gives."""
    called = []
    apply = SumOfShifted.apply
    monkeypatch.setattr(depthwise.SumOfShifted, "apply", lambda *given: called.append(given) or apply(*given))
    found = layer(x)
    monkeypatch.undo()
    torch.testing.assert_close(found, nn.Conv2d.forward(layer, x))
    return bool(called)


@pytest.mark.parametrize(
    ("options", "training", "sums"),
    [
        ({}, True, False),
        ({"dilation": 2}, True, True),
        ({"dilation": 2}, False, False),
        ({"dilation": 7}, False, True),
        ({"kernel_size": 15}, False, False),
        ({"dilation": 2, "stride": 2}, True, False),
    ],
)
def test_it_adds_shifted_maps_where_the_convolution_is_slow(monkeypatch, options, training, sums):
    layer, x = DepthwiseConv(3, **options), torch.randn(1, 3, 8, 9)
    with torch.set_grad_enabled(training):
        assert summed(monkeypatch, layer, x) == sums
        with torch.autocast("cpu", torch.bfloat16):
            assert not summed(monkeypatch, layer, x)
        layer, x = layer.double(), x.double()
        assert not summed(monkeypatch, layer, x)


def test_an_export_holds_the_convolution():
    layer = nn.Sequential(DepthwiseConv(3, dilation=7)).eval()
    program = torch.export.export(layer, (torch.randn(1, 3, 8, 9),))
    assert "conv2d" in program.graph_module.code and "addcmul" not in program.graph_module.code


def test_who_counts_operations_sees_the_convolution():
    with vis.Convolutions() as counted:
        DepthwiseConv(3, dilation=7)(torch.randn(1, 3, 8, 9))
    assert counted.macs == 9 * 3 * 8 * 9
