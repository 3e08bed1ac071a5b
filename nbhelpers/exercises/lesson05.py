"""The exercises of 05_fcn8."""

from collections.abc import Callable

import torch
from torch import Tensor

from nbhelpers.exercises import exercise, expect, try_function


@exercise
def check_separable(answer: int) -> None:
    """How many parameters does `convolution(512, 4096, 7, separable=True)` have, biases included, without norm?"""
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
    expect(
        answer,
        depthwise + 512 + pointwise + 4096,
        slips,
        "count 7 x 7 x 512, then 512 x 4096, then the biases.",
    )


@exercise
def check_size(answer: tuple[int, int]) -> None:
    """How large is the output of a transposed convolution, kernel 16, stride 8, no padding, on scores of 9 x 12?"""
    slips = {
        (72, 96): "that is with a padding of 4, which cuts 4 pixels off at each side.",
        (104, 80): "height comes first, then width.",
        (88, 112): "the last stamp begins at (9 - 1) x 8, not at 9 x 8: the first one begins at 0.",
        (64, 88): "there the last stamp begins; it is 16 pixels long.",
        (144, 192): "stamps are 8 pixels apart, not 16: they overlap.",
        (76, 100): "a padding of 4 would cut at both sides, and here is none.",
    }
    expect(
        answer,
        (80, 104),
        slips,
        "the last stamp begins at (n - 1) x stride, and is as long as the kernel.",
        wanted="two numbers: (height, width)",
    )


@exercise
def check_kernel(kernel: Callable[[int], Tensor]) -> None:
    """A kernel (2 factor, 2 factor) by which a transposed convolution of that stride enlarges bilinearly."""

    def distance(factor: int) -> Tensor:
        return (torch.arange(2 * factor) + 0.5 - factor).abs() / factor

    def crossed(slope: Tensor) -> Tensor:
        return slope[:, None] * slope

    def right(factor: int) -> Tensor:
        return crossed(1 - distance(factor))

    def off_the_middle(factor: int) -> Tensor:
        return crossed(1 - (torch.arange(2 * factor) - factor).abs() / factor)

    def from_the_start(factor: int) -> Tensor:
        return crossed(1 - (torch.arange(2 * factor) + 0.5) / (2 * factor))

    slips = (
        (
            lambda f: 1 - distance(f),
            "that is one direction; multiply the slope as a column by the slope as a row.",
        ),
        (
            lambda f: right(f) / right(f).sum(),
            "it sums to 1, but has to sum to factor x factor, since each pixel gets a quarter of its stamps' sum.",
        ),
        (
            lambda f: torch.ones(2 * f, 2 * f),
            "all ones repeat sums, they do not fall off: the slope is 1 in the middle and 0 beyond the ends.",
        ),
        (
            off_the_middle,
            "the middle lies between two cells, at factor - 0.5: so the kernel is the same from both ends.",
        ),
        (
            lambda f: 1 - (distance(f)[:, None] + distance(f)) / 2,
            "the slopes are to be multiplied, a column by a row, not averaged.",
        ),
        (
            from_the_start,
            "it begins high and ends low: measure the distance from the middle, not from the start.",
        ),
        (
            lambda f: crossed(distance(f)),
            "it is low in the middle and high at the ends: the slope is 1 minus the distance.",
        ),
        (
            lambda f: (1 - distance(f)).expand(2 * f, 2 * f),
            "it falls off along the rows alone; multiply the slope as a column by the slope as a row.",
        ),
    )

    def otherwise(given: Tensor, wanted: Tensor, factor: int) -> str:
        side = 2 * factor
        if given.shape != wanted.shape:
            return f"for a factor of {factor} the kernel is {side} x {side}, but it is {given.shape}."
        x = torch.arange(25.0).reshape(1, 1, 5, 5).square()
        weights = (torch.as_tensor(weight).float()[None, None] for weight in (given, wanted))
        made, ideal = (
            torch.nn.functional.conv_transpose2d(x, weight, stride=factor, padding=factor // 2)
            for weight in weights
        )
        inside = (..., slice(factor, -factor), slice(factor, -factor))
        error = (made - ideal)[inside].abs().max()
        return f"for a factor of {factor} its result differs from F.interpolate by up to {error:.2f} inside the map."

    trials = [(factor,) for factor in (2, 4, 6, 8)]
    try_function(kernel, right, trials, slips, otherwise, shape=None)
