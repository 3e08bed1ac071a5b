"""The exercises of 26_another_laboratory."""

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from nbhelpers.exercises import exercise, expect, expect_two_digits, try_function


@exercise
def check_light(answer: float) -> None:
    """Which share of the light passes if 64 % did and there is 1.5 times as much stain; two digits are enough."""
    before, factor = 0.64, 1.5
    slips = {
        before: "that is the share before; more stain takes away more.",
        before * factor: "more stain lets less light pass, not more.",
        before
        / factor: "half as much stain again does not divide the light by 1.5: the densities are what add up.",
        1
        - (1 - before)
        * factor: "what is taken away does not grow in proportion: the second half meets less light.",
        before ** (1 / factor): "that is with less stain; the density becomes 1.5 times as large.",
        before ** (1 + factor): "that is with 2.5 times as much stain.",
        before**2: "that is with twice as much stain.",
        1 - before**factor: "that is the share that is taken away.",
        -factor * math.log(before): "that is the density; the share is e to the power of minus that.",
        -factor
        * math.log10(before): "that is the density, with base 10; the share is 10 to the power of minus it.",
    }
    otherwise = "the density is -log(share); multiply it by 1.5, and go back to a share."
    expect_two_digits(answer, before**factor, slips, otherwise)


@exercise
def check_norm(answer: Sequence[float]) -> None:
    """What a batch norm layer makes of 0.6, with the statistics of either laboratory; without epsilon."""
    value, weight, bias = 0.6, 1.5, -0.5
    home, away = (0.2, 0.04), (0.5, 0.01)  # mean, variance

    def norm(mean: float, variance: float) -> float:
        return weight * (value - mean) / math.sqrt(variance) + bias

    right = norm(*home), norm(*away)

    def of_both(make: Callable[[float, float], float]) -> tuple[float, ...]:
        return tuple(make(*statistics) for statistics in (home, away))

    slips = {
        right[::-1]: "these are the right numbers in the wrong order: as trained first.",
        of_both(
            lambda mean, variance: (value - mean) / math.sqrt(variance)
        ): "the layer has a weight and a bias, too.",
        of_both(lambda mean, variance: norm(mean, variance) - bias): "the bias is missing.",
        of_both(
            lambda mean, variance: norm(mean, variance) - 2 * bias
        ): "the bias is negative: it is added, sign and all.",
        of_both(
            lambda mean, variance: weight * ((value - mean) / math.sqrt(variance) + bias)
        ): "the bias comes last, after the weight.",
        of_both(
            lambda mean, variance: weight * (value - mean) / variance + bias
        ): "divide by the standard deviation, the root of the variance.",
        of_both(
            lambda mean, variance: weight * (value - mean) + bias
        ): "divide by the standard deviation, too.",
        of_both(
            lambda mean, variance: weight * value / math.sqrt(variance) + bias
        ): "take the mean away first.",
        (right[0], norm(away[0], home[1])): "the variance is measured anew, too, not the mean alone.",
        (right[0], norm(home[0], away[1])): "the mean is measured anew, too, not the variance alone.",
        (right[0], right[0]): "weight and bias stay as they are, but mean and variance are measured anew.",
    }
    expect(
        answer,
        right,
        slips,
        "weight * (value - mean) / standard deviation + bias, once with each laboratory's mean and variance.",
        wanted="two numbers, as trained and with new statistics",
        tolerance=1e-5,
    )


@exercise
def check_statistics(statistics: Callable[[list[Tensor]], tuple[Tensor, Tensor]]) -> None:
    """Mean (C,) and variance (C,) of each channel over all pixels of a list of batches (N, C, H, W)."""

    def pixels(batches: list[Tensor]) -> Tensor:
        return torch.cat([batch.transpose(0, 1).flatten(1) for batch in batches], dim=1)

    def right(batches: list[Tensor]) -> Tensor:
        return _both(pixels(batches))

    def each(batches: list[Tensor], correction: int = 0) -> Tensor:  # (batches, 2, C)
        return torch.stack([_both(pixels([batch]), correction) for batch in batches])

    def shares(batches: list[Tensor]) -> Tensor:
        counts = torch.tensor([pixels([batch]).shape[1] for batch in batches], dtype=torch.float64)
        return (counts / counts.sum())[:, None, None]

    batch_alike = "that counts each batch the same; each pixel counts the same, and batches differ in size."
    slips = (
        (lambda batches: each(batches).mean(dim=0), batch_alike),
        (
            lambda batches: each(batches, correction=1).mean(dim=0),
            "that is what `adapted` above takes, a mean over batches; each pixel counts the same, and batches differ in "
            "size. Divide by the number of pixels, too, not by one less.",
        ),
        (
            lambda batches: torch.stack([right(batches)[0], each(batches)[:, 1].mean(dim=0)]),
            "the mean is right; the variance is over all pixels at once, not the mean of the batches' variances.",
        ),
        (
            lambda batches: (each(batches) * shares(batches)).sum(dim=0),
            "the mean is right; the variance leaves out that the batches' means differ.",
        ),
        (
            lambda batches: torch.stack([each(batches)[:, 0].mean(dim=0), right(batches)[1]]),
            "the variance is right; the mean counts each batch the same, though they differ in size.",
        ),
        (
            lambda batches: _both(pixels(batches), correction=1),
            "nearly: divide by the number of pixels, not by one less (correction=0).",
        ),
        (
            lambda batches: torch.stack([right(batches)[0], right(batches)[1].sqrt()]),
            "that is the standard deviation; the variance is its square.",
        ),
        (lambda batches: right(batches).flip(0), "the mean comes first, then the variance."),
        (
            lambda batches: torch.stack([right(batches)[0], pixels(batches).square().mean(dim=1)]),
            "that is the mean of the squares; take the square of the mean away.",
        ),
        (lambda batches: right(batches[-1:]), "that is the last batch alone."),
        (lambda batches: right(batches[:1]), "that is the first batch alone."),
        (
            lambda batches: _both(pixels(batches).flatten()[None]),
            "that is over all channels; each has a mean and a variance of its own.",
        ),
    )
    generator = torch.Generator().manual_seed(26)
    trials = []
    for sizes in (((2, 3, 2, 3), (1, 3, 4, 1)), ((1, 2, 3, 3), (3, 2, 1, 2), (2, 2, 2, 2)), ((2, 4, 1, 2),)):
        drawn = [
            torch.rand(size, generator=generator, dtype=torch.float64) + 2 * k for k, size in enumerate(sizes)
        ]
        trials.append((drawn,))
    try_function(
        statistics,
        right,
        trials,
        slips,
        "put the pixels of all batches in one row per channel; then take mean and variance along it.",
        gives="two tensors, mean and variance",
        shape="it gives the shape {given}; return mean (C,) and variance (C,), for C channels.",
    )


def _both(values: Tensor, correction: int = 0) -> Tensor:
    """Mean and variance along the rows of (C, pixels): (2, C)."""
    return torch.stack([values.mean(dim=1), values.var(dim=1, correction=correction)])
