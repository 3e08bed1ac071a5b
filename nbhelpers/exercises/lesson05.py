"""The exercises of 05_fcn8."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from nbhelpers.exercises import UNANSWERED, verdict


def check_separable(answer: int | None) -> str:
    """How many parameters has `convolution(512, 4096, 7, separable=True)`, with biases and without batch norm?"""
    depthwise, pointwise = 7 * 7 * 512, 512 * 4096
    slips = {
        depthwise + pointwise: "the weights are right; both steps have a bias for each channel they give.",
        depthwise + pointwise + 4096: "the depthwise step has a bias for each of its 512 channels too.",
        depthwise + pointwise + 512: "the 1 x 1 step has a bias for each of its 4096 channels too.",
        depthwise * 4096
        + 4096: "that is the standard kind: each output channel with its own kernel for each input.",
        depthwise * 4096: "that is the standard kind, and without its biases.",
        depthwise + 512: "the 1 x 1 convolution that mixes the channels is missing.",
        pointwise + 4096: "the depthwise step is missing: a 7 x 7 kernel for each of 512 channels.",
        7 * 7 * 4096
        + 4096
        + pointwise
        + 4096: "first around, then across: the 7 x 7 kernels sit on the 512 channels.",
        9 * 512 + 512 + pointwise + 4096: "fc6 has kernels of 7 x 7, not 3 x 3.",
    }
    return verdict(
        answer,
        depthwise + 512 + pointwise + 4096,
        slips,
        "count 7 x 7 x 512, then 512 x 4096, then the biases.",
    )


def check_size(answer: tuple[int, int] | None) -> str:
    """How large is the output of a transposed convolution, kernel 16, stride 8, no padding, on scores of 9 x 12?"""
    slips = {
        (72, 96): "that is with a padding of 4, which cuts 4 pixels off at each side.",
        (104, 80): "height comes first, then width.",
        (88, 112): "the last stamp begins at (9 - 1) x 8, not at 9 x 8: the first one begins at 0.",
        (64, 88): "there the last stamp begins; it is 16 pixels long.",
        (144, 192): "stamps are 8 pixels apart, not 16: they overlap.",
        (76, 100): "a padding of 4 would cut at both sides, and here is none.",
    }
    return verdict(
        answer, (80, 104), slips, "the last stamp begins at (n - 1) x stride, and is as long as the kernel."
    )


def check_kernel(kernel: Callable[[int], Tensor] | None) -> str:
    """A kernel (2 factor, 2 factor) by which a transposed convolution of that stride enlarges bilinearly."""
    if kernel is None:
        return UNANSWERED
    for factor in (2, 4, 8):
        fault = _kernel_fault(kernel(factor), factor)
        if fault:
            return f"Not yet: {fault}"
    return "Right."


def _kernel_fault(weight: Tensor, factor: int) -> str | None:
    side = 2 * factor
    if not isinstance(weight, Tensor):
        return f"it gives {type(weight).__name__}; return a tensor."
    if weight.shape == (side,):
        return "that is one direction; multiply the slope as a column by the slope as a row."
    if weight.shape != (side, side):
        return f"for a factor of {factor} the kernel is {side} x {side}, but it is {tuple(weight.shape)}."
    weight = weight.detach().float()
    slope = 1 - (torch.arange(side) + 0.5 - factor).abs() / factor
    right = slope[:, None] * slope
    off = 1 - (torch.arange(side) - factor).abs() / factor
    slips = {
        "it sums to 1, but has to sum to factor x factor, since each pixel gets a quarter of its stamps' sum.": right
        / right.sum(),
        "all ones repeat sums, they do not fall off: the slope is 1 in the middle and 0 beyond the ends.": torch.ones(
            side, side
        ),
        "the middle lies between two cells, at factor - 0.5: so the kernel is the same from both ends.": off[
            :, None
        ]
        * off,
        "the slopes are to be multiplied, a column by a row, not averaged.": (slope[:, None] + slope) / 2,
        "it begins high and ends low: measure the distance from the middle, not from the start.": (
            1 - (torch.arange(side) + 0.5) / side
        )[:, None]
        * (1 - (torch.arange(side) + 0.5) / side),
    }
    for hint, wrong in slips.items():
        if torch.allclose(weight, wrong, atol=1e-4):
            return hint
    x = torch.arange(25.0).reshape(1, 1, 5, 5).square()
    enlarged = F.conv_transpose2d(x, weight[None, None], stride=factor, padding=factor // 2)
    expected = F.interpolate(x, scale_factor=factor, mode="bilinear")
    inside = (..., slice(factor, -factor), slice(factor, -factor))
    error = (enlarged - expected)[inside].abs().max()
    if error > 1e-2:
        return f"for a factor of {factor} its result differs from F.interpolate by up to {error:.2f} inside the map."
    return None
