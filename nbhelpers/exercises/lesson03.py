"""The exercises of 03_unet_smp."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from nbhelpers.exercises import UNANSWERED

Preprocess = Callable[[Tensor, Sequence[float], Sequence[float]], Tensor]


def check_brightest(answer: float | None) -> str:
    """Which number stands for the byte 255, with mean 0.485 and spread 0.229?"""
    mean, spread = 0.485, 0.229
    slips = {
        (255 - mean) / spread: "that is the usual example's fault: divide by 255 first.",
        255.0: "mean and spread are those of values in 0..1, so divide by 255 first.",
        1.0: "that is the pixel in 0..1; subtract the mean and divide by the spread.",
        1 - mean: "the mean is subtracted; now divide by the spread.",
        1 / spread: "subtract the mean before you divide by the spread.",
        1 / spread - mean: "first subtract the mean, then divide by the spread.",
        (1 / 255 - mean) / spread: "that divides by 255 twice.",
        (1 - mean) * spread: "divide by the spread, so that the result has spread 1.",
    }
    return _near(answer, (1 - mean) / spread, slips, "to 0..1, minus the mean, divided by the spread.", 0.006)


def check_micro_iou(answer: float | None) -> str:
    """What is the micro IoU where 80 % of the pixels are right?"""
    slips = {
        0.8: "that is the pixel accuracy, which is micro Dice; IoU has the union below the line.",
        80 / 120 * 100: "an IoU is a fraction from 0 to 1.",
        80.0: "an IoU is a fraction from 0 to 1, and this is the pixel accuracy.",
        80 / 140: "each wrong pixel counts twice below the line, not three times.",
        0.6: "80 hits minus 20 errors is no overlap; divide the hits by hits and errors of both kinds.",
        0.64: "do not square it: count hits, false positives and false negatives of 100 pixels.",
        0.4: "do not halve it: count hits, false positives and false negatives of 100 pixels.",
        8 / 9: "that is 2a / (1 + a), Dice from IoU; here it is the other way round.",
    }
    otherwise = "of 100 pixels 80 are hits, and each of the 20 others is wrong for two classes."
    return _near(answer, 80 / 120, slips, otherwise, 0.007)


def check_preprocess(preprocess: Preprocess | None) -> str:
    """Bytes (N, 3, H, W) to what an encoder expects: 0..1, minus the mean, divided by the spread."""
    if preprocess is None:
        return UNANSWERED
    mean, std = [0.5, 0.25, 0.0], [0.5, 0.25, 0.1]
    images = torch.tensor([0, 51, 102, 255], dtype=torch.uint8).repeat(2, 3, 2, 1)[..., :3].contiguous()
    before = images.clone()
    given = preprocess(images, mean, std)
    if not torch.equal(images, before):
        return "Not yet: it changes the pictures it was given; make new ones."
    if not isinstance(given, Tensor):
        return f"Not yet: it gives {type(given).__name__}; return a tensor."
    if given.shape != images.shape:
        return f"Not yet: it makes {tuple(given.shape)} of {tuple(images.shape)}; the shape must stay."
    if not given.is_floating_point():
        return "Not yet: it gives integers; begin with images.float()."
    pixels = images.double()
    means, stds = (torch.tensor(values, dtype=torch.float64).reshape(1, 3, 1, 1) for values in (mean, std))
    slips = (
        ((pixels - means) / stds, "it subtracts a mean meant for 0..1 from 0..255; divide by 255 first."),
        (pixels / 255, "mean and std are not used."),
        (pixels / 255 - means, "it does not divide by the spread."),
        ((pixels / 255 - means) * stds, "divide by the spread instead of multiplying."),
        ((pixels / 255**2 - means) / stds, "it divides by 255 twice."),
        (
            (pixels / 255 - means.reshape(3)) / stds.reshape(3),
            "mean and std are laid along the width: reshape them to (1, 3, 1, 1).",
        ),
    )
    given = given.double()
    if torch.allclose(given, (pixels / 255 - means) / stds, atol=1e-4):
        return "Right."
    for slip, hint in slips:
        if torch.allclose(given, slip, atol=1e-4):
            return f"Not yet: {hint}"
    return "Not yet: each channel must be divided by 255, then minus its mean, then divided by its spread."


def _near(
    answer: float | None, right: float, slips: dict[float, str], otherwise: str, tolerance: float
) -> str:
    """As `verdict`, for numbers that may be rounded."""
    if answer is None:
        return UNANSWERED
    if abs(answer - right) <= tolerance:
        return "Right."
    hint = next(
        (hint for slip, hint in slips.items() if abs(answer - slip) <= tolerance * max(1, abs(slip))),
        otherwise,
    )
    return f"Not yet: {hint}"
