"""The exercises of 02_unet_from_scratch."""

from collections.abc import Callable

import torch
from torch import Tensor

from nbhelpers.datasets.dataset import IGNORE
from nbhelpers.exercises import UNANSWERED, verdict


def check_parameters(answer: int | None) -> str:
    """How many parameters has `DoubleConv(64, 128)`?"""
    first, second, norm = 3 * 3 * 64 * 128, 3 * 3 * 128 * 128, 2 * 128
    slips = {
        first
        + second: "the convolutions are right; each of the two batch norms adds a weight and a bias a channel.",
        first
        + second
        + norm: "there are two batch norms, and each has a weight and a bias for each of its 128 channels.",
        first + second + 4 * 128 + 2 * 128: "these convolutions have no bias: batch norm would cancel it.",
        2 * first + 2 * norm: "the second convolution takes the 128 channels that the first one gives.",
        64 * 128 + 128 * 128 + 2 * norm: "every weight is a 3 x 3 kernel.",
    }
    return verdict(answer, first + second + 2 * norm, slips, "count 3 x 3 x in x out for each convolution.")


def check_bottleneck_size(answer: tuple[int, int] | None) -> str:
    """How large is the coarsest map of a U-Net of four widths for an image of 50 x 70?"""
    slips = {
        (6, 8): "that is with halves rounded down; look at the ceil_mode of `UNet.pool`.",
        (4, 5): "four widths have three halvings between them, not four.",
        (3, 4): "four widths have three halvings between them, not four, and odd sides are rounded up.",
        (9, 7): "height comes first, then width.",
        (13, 18): "one halving is missing: there are three between four widths.",
    }
    return verdict(answer, (7, 9), slips, "halve 50 and 70 three times, and round up after each.")


def check_accuracy(accuracy: Callable[[Tensor, Tensor], float] | None) -> str:
    """Pixel accuracy from logits (N, C, H, W) and masks (N, H, W), without the void pixels."""
    if accuracy is None:
        return UNANSWERED
    logits = torch.tensor(
        [[[[4.0, 0.0, 0.0, 1.0]], [[1.0, 2.0, 3.0, 0.0]], [[0.0, 0.0, 5.0, 3.0]]]]
    )  # ids 0 1 2 2
    masks = torch.tensor([[[0, 1, 1, IGNORE]]])
    value = float(accuracy(logits, masks))
    slips = {
        2 / 4: "void counts as wrong here; leave out the pixels whose mask is 255, above and below the line.",
        2.0: "divide by the number of pixels that count.",
        1 / 3: "the class of a pixel is the largest of its logits: argmax over dim=1.",
    }
    close = {known: hint for known, hint in slips.items() if abs(value - known) < 1e-6}
    if close:
        return f"Not yet: {close.popitem()[1]}"
    if abs(value - 2 / 3) > 1e-6:
        return f"Not yet: for ids 0 1 2 2 against 0 1 1 void it should give 2 of 3 right, 0.667, but gives {value:.3f}."
    if float(accuracy(logits[..., :2], masks[..., :2])) != 1.0:
        return "Not yet: it should give 1.0 where every pixel is right."
    return "Right."
