"""The exercises of 03_unet_smp."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from nbhelpers.exercises import NotYet, call, exercise, expect_two_digits, try_function

Preprocess = Callable[[Tensor, Sequence[float], Sequence[float]], Tensor]


@exercise
def check_brightest(answer: float) -> None:
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
    expect_two_digits(answer, (1 - mean) / spread, slips, "to 0..1, minus the mean, divided by the spread.")


@exercise
def check_micro_iou(answer: float) -> None:
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
    expect_two_digits(answer, 80 / 120, slips, otherwise, wanted="one number in 0..1")


@exercise
def check_preprocess(preprocess: Preprocess) -> None:
    """Bytes (N, 3, H, W) to what an encoder expects: 0..1, minus the mean, divided by the spread."""
    names = ("the pictures", "mean", "std")
    random = torch.Generator().manual_seed(3)
    trials = [
        (torch.randint(256, shape, dtype=torch.uint8, generator=random), mean, std)
        for shape, mean, std in (
            ((2, 3, 2, 3), [0.5, 0.25, 0.0], [0.5, 0.25, 0.1]),
            ((3, 3, 4, 3), [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
        )
    ]
    given = call(preprocess, trials[0], names)
    if not isinstance(given, Tensor):
        raise NotYet(f"it gives {type(given).__name__}; return a tensor.")
    if given.shape == trials[0][0].shape and not given.is_floating_point():
        raise NotYet("it gives integers; begin with images.float().")

    def laid(values: Sequence[float]) -> Tensor:
        return torch.tensor(values, dtype=torch.float64).reshape(1, 3, 1, 1)

    def right(images: Tensor, mean: Sequence[float], std: Sequence[float]) -> Tensor:
        return (images.double() / 255 - laid(mean)) / laid(std)

    def along_the_width(images: Tensor, mean: Sequence[float], std: Sequence[float]) -> Tensor:
        return (images / 255 - laid(mean).reshape(3)) / laid(std).reshape(3)

    slips = (
        (
            lambda x, m, s: right(255.0 * x, m, s),
            "it subtracts a mean meant for 0..1 from 0..255; divide by 255 first.",
        ),
        (lambda x, m, s: x / 255, "mean and std are not used."),
        (lambda x, m, s: right(x, m, [1, 1, 1]), "it does not divide by the spread."),
        (lambda x, m, s: right(x, [0, 0, 0], s), "it does not subtract the mean."),
        (lambda x, m, s: (x / 255 - laid(m)) * laid(s), "divide by the spread instead of multiplying."),
        (lambda x, m, s: x / 255 / laid(s) - laid(m), "subtract the mean before you divide by the spread."),
        (lambda x, m, s: right(x, s, m), "mean and std are swapped."),
        (lambda x, m, s: right(x / 255, m, s), "it divides by 255 twice."),
        (along_the_width, "mean and std are laid along the width: reshape them to (1, 3, 1, 1)."),
        (
            lambda x, m, s: right(x.flip(1), m, s),
            "red and blue change places: keep the order, mean and std are for red, green and blue.",
        ),
        (
            lambda x, m, s: right(x, m, s).flip(1),
            "red and blue change places: keep the order, mean and std are for red, green and blue.",
        ),
        (
            lambda x, m, s: right(x.flip(2), m, s),
            "the pictures stand on their heads: keep the rows in order.",
        ),
        (lambda x, m, s: right(x.flip(3), m, s), "left and right are swapped: keep the columns in order."),
        (lambda x, m, s: right(x[:1].expand_as(x), m, s), "all pictures are the first one; keep each."),
    )
    try_function(
        preprocess,
        right,
        trials,
        slips,
        "each channel must be divided by 255, then minus its mean, then divided by its spread.",
        shape="it makes {given} of {right}; the shape must stay.",
        names=names,
    )
