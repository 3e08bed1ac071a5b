"""The exercises of 02_unet_from_scratch."""

from collections.abc import Callable

import torch
from torch import Tensor

from nbhelpers.datasets.dataset import IGNORE
from nbhelpers.exercises import exercise, expect, try_function


@exercise
def check_parameters(answer: int) -> None:
    """How many parameters does `DoubleConv(64, 128)` have?"""
    first, second, norm = 3 * 3 * 64 * 128, 3 * 3 * 128 * 128, 2 * 128
    slips = {
        first
        + second: "the convolutions are right; each of the two batch norms adds a weight and a bias per channel.",
        first
        + second
        + norm: "there are two batch norms, and each has a weight and a bias for each of its 128 channels.",
        first + second + 4 * 128 + 2 * 128: "these convolutions have no bias: batch norm would cancel it.",
        2 * first + 2 * norm: "the second convolution takes the 128 channels that the first one gives.",
        64 * 128 + 128 * 128 + 2 * norm: "every weight is a 3 x 3 kernel.",
        first + 2 * 128: "that is one convolution and its batch norm; there are two of each.",
    }
    expect(answer, first + second + 2 * norm, slips, "count 3 x 3 x in x out for each convolution.")


@exercise
def check_bottleneck_size(answer: tuple[int, int]) -> None:
    """How large is the coarsest map of a U-Net of four widths for an image of 50 x 70?"""
    slips = {
        (6, 8): "that is with halves rounded down; look at the ceil_mode of `UNet.pool`.",
        (6.25, 8.75): "a map has whole rows and columns: round up after each halving.",
        (4, 5): "four widths have three halvings between them, not four.",
        (3, 4): "four widths have three halvings between them, not four, and odd sides are rounded up.",
        (9, 7): "height comes first, then width.",
        (13, 18): "one halving is missing: there are three between four widths.",
    }
    expect(
        answer,
        (7, 9),
        slips,
        "halve 50 and 70 three times, and round up after each.",
        wanted="two numbers: (height, width)",
    )


@exercise
def check_accuracy(accuracy: Callable[[Tensor, Tensor], float]) -> None:
    """Pixel accuracy from logits (N, C, H, W) and masks (N, H, W), without the void pixels."""
    # ids 0 1 2 2
    logits = torch.tensor([[[[4.0, 0.0, 0.0, 1.0]], [[1.0, 2.0, 3.0, 0.0]], [[0.0, 0.0, 5.0, 3.0]]]])
    masks = torch.tensor([[[0, 1, 1, IGNORE]]])
    trials = [(logits, masks), (logits[..., :2], masks[..., :2])]
    random = torch.Generator().manual_seed(2)
    for n, classes, height, width in ((2, 3, 4, 5), (3, 5, 6, 3), (2, 6, 9, 2)):
        masks = torch.randint(classes, (n, height, width), generator=random)
        logits = torch.randn(n, classes, height, width, generator=random)
        logits += 2 * torch.nn.functional.one_hot(masks, classes).movedim(3, 1)  # right more often than not
        masks[0, :, : width // 2], masks[1, 0] = IGNORE, IGNORE  # unequal void
        trials.append((logits, masks))

    def hits(logits: Tensor, masks: Tensor) -> Tensor:
        return (logits.argmax(dim=1) == masks) & (masks != IGNORE)

    def right(logits: Tensor, masks: Tensor) -> Tensor:
        return hits(logits, masks).sum() / (masks != IGNORE).sum()

    def by_picture(logits: Tensor, masks: Tensor) -> Tensor:
        return torch.stack([right(x[None], y[None]) for x, y in zip(logits, masks)])

    def by_class(logits: Tensor, masks: Tensor) -> Tensor:
        found = logits.argmax(dim=1)
        return torch.stack([(found[masks == c] == c).float().mean() for c in masks.unique() if c != IGNORE])

    def of_things(logits: Tensor, masks: Tensor) -> Tensor:
        return (hits(logits, masks) & (masks > 0)).sum() / ((masks > 0) & (masks != IGNORE)).sum()

    slips = (
        (
            lambda x, y: hits(x, y).float().mean(),
            "void counts as wrong here; leave out the pixels whose mask is 255, above and below the line.",
        ),
        (
            lambda x, y: (hits(x, y) | (y == IGNORE)).float().mean(),
            "void counts as right here; leave out the pixels whose mask is 255, above and below the line.",
        ),
        (lambda x, y: hits(x, y).sum(), "divide by the number of pixels that count."),
        (
            lambda x, y: right(x.flip(1), y),
            "the class of a pixel is the largest of its logits: argmax over dim=1.",
        ),
        (lambda x, y: right(-x, y), "the class of a pixel is the largest of its logits: argmax over dim=1."),
        (lambda x, y: 1 - right(x, y), "that is the share of the pixels that are wrong."),
        (lambda x, y: right(x[:1], y[:1]), "that is the first picture alone; count over the whole batch."),
        (
            lambda x, y: by_picture(x, y).mean(),
            "that is the mean over pictures, which have unequal void; count all pixels, and divide once.",
        ),
        (lambda x, y: by_picture(x, y), "that is a number for each picture; give one for the batch."),
        (
            lambda x, y: by_class(x, y).mean(),
            "that is the mean over classes; here every pixel weighs the same.",
        ),
        (of_things, "class 0 counts as well; only void, 255, is left out."),
    )

    def otherwise(given: float, wanted: float, logits: Tensor, masks: Tensor) -> str:
        if wanted == 1:
            return "it should give 1.0 where every pixel is right."
        if len(masks) == 1:
            return (
                "for ids 0 1 2 2 against 0 1 1 void it should give 2 of 3 right, 0.667, "
                f"but gives {given.item():.3f}."
            )
        return (
            f"for a batch of {len(masks)} pictures it should give {wanted:.3f}, but gives {given.item():.3f}."
        )

    try_function(
        accuracy,
        right,
        trials,
        slips,
        otherwise,
        gives="one number",
        shape="it gives the shape {given}; return one number.",
    )
