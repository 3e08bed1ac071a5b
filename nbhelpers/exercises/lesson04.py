"""The exercises of 04_unet_fastai."""

from collections.abc import Callable

import torch
from torch import Tensor

from nbhelpers.datasets.dataset import IGNORE
from nbhelpers.exercises import exercise, expect, expect_two_digits, try_function


@exercise
def check_saving(answer: float) -> None:
    """Which share of the time do 16 half-size and 14 full-size epochs save against 30 of full size?"""
    slips = {
        8 / 30: "half the side is a quarter of the pixels, not half of them.",
        16 / 30: "the epochs on small pictures are not free: they cost a quarter each.",
        0.75: "that would hold if all 30 epochs were small.",
        18 / 30: "that is the share it takes; asked for is the share it saves.",
        18.0: "that is what it costs in full epochs; give the share of 30 that is saved.",
        12.0: "that many full epochs are saved; give it as a share of 30.",
        40.0: "give a fraction from 0 to 1.",
        0.35: "16 epochs are small and 14 large, not the other way round.",
    }
    otherwise = "count in full epochs: a small one costs a quarter of one."
    expect_two_digits(answer, 0.4, slips, otherwise, wanted="one number in 0..1")


@exercise
def check_rates(answer: tuple[float, float, float]) -> None:
    """What does `slice(1e-5, 1e-3)` give to three groups?"""
    slips = {
        (1e-5, 5.05e-4, 1e-3): "that is even on a linear scale; the steps are factors.",
        (1e-5, 5e-4, 1e-3): "that is even on a linear scale; the steps are factors.",
        (1e-3, 1e-4, 1e-5): "the first group, the earliest layers, gets the smallest rate.",
        (1e-3, 1e-3, 1e-3): "a slice gives each group a rate of its own.",
        (
            1e-5,
            1e-5,
            1e-3,
        ): "that is slice(1e-3) with its tenth for all but the last; here both ends are given.",
        (1e-4, 1e-4, 1e-3): "that is slice(1e-3), a tenth for all but the last; here both ends are given.",
        (-5, -4, -3): "those are the exponents; give the rates themselves.",
    }
    expect(
        answer,
        (1e-5, 1e-4, 1e-3),
        slips,
        "from the first to the last rate in two steps of one and the same factor.",
        wanted="three rates, one for each group: (first, second, third)",
        tolerance=0.01,
    )


@exercise
def check_iou(iou: Callable[[Tensor, Tensor, int], float]) -> None:
    """IoU of one class from logits (N, C, H, W) and masks (N, H, W), without the void pixels."""
    ids = torch.tensor([[[0, 0, 1, 1], [1, 2, 2, 1]], [[1, 1, 0, 0], [0, 1, 0, 1]]])
    # class 1: true 6, predicted 5 outside of void and 8 in all, both 4
    masks = torch.tensor([[[0, 0, 1, 0], [1, 2, 1, IGNORE]], [[1, IGNORE, 1, 0], [0, 1, 0, IGNORE]]])
    logits = torch.nn.functional.one_hot(ids, 3).permute(0, 3, 1, 2).float() * 3 - 1
    trials = [(logits, masks, 1), (logits, masks, 2)]
    random = torch.Generator().manual_seed(4)
    for index, shape in ((0, (2, 5, 4)), (2, (3, 3, 7)), (2, (2, 9, 2))):
        masks = torch.randint(3, shape, generator=random)
        logits = torch.randn(shape[0], 3, *shape[1:], generator=random)
        logits += torch.nn.functional.one_hot(masks, 3).movedim(3, 1)
        masks[0, :2], masks[1, :, :1] = IGNORE, IGNORE
        trials.append((logits, masks, index))

    def counts(logits: Tensor, masks: Tensor, index: int) -> tuple[Tensor, Tensor, Tensor]:
        """Predicted, true and both, of the pixels that are not void."""
        predicted, true = (logits.argmax(1) == index) & (masks != IGNORE), masks == index
        return predicted.sum(), true.sum(), (predicted & true).sum()

    def right(logits: Tensor, masks: Tensor, index: int) -> Tensor:
        predicted, true, both = counts(logits, masks, index)
        return both / (predicted + true - both)

    def void_is_wrong(logits: Tensor, masks: Tensor, index: int) -> Tensor:
        predicted, true = logits.argmax(1) == index, masks == index
        return (predicted & true).sum() / (predicted | true).sum()

    def void_is_right(logits: Tensor, masks: Tensor, index: int) -> Tensor:
        return void_is_wrong(logits, torch.where(masks == IGNORE, logits.argmax(1), masks), index)

    def dice(logits: Tensor, masks: Tensor, index: int) -> Tensor:
        predicted, true, both = counts(logits, masks, index)
        return 2 * both / (predicted + true)

    def accuracy(logits: Tensor, masks: Tensor, index: int) -> Tensor:
        return ((logits.argmax(1) == masks) & (masks != IGNORE)).sum() / (masks != IGNORE).sum()

    def mean_of_pictures(logits: Tensor, masks: Tensor, index: int) -> Tensor:
        return torch.stack([right(x[None], y[None], index) for x, y in zip(logits, masks)]).mean()

    union = "below the line belongs the union of truth and prediction."
    slips = (
        (void_is_wrong, "predictions inside of void count as wrong here; leave them out of the union."),
        (void_is_right, "void counts as right here; it counts nowhere."),
        (dice, "that is Dice; IoU has the union below the line."),
        (lambda *trial: counts(*trial)[2] / counts(*trial)[0], f"that is precision: {union}"),
        (lambda *trial: counts(*trial)[2] / counts(*trial)[1], f"that is recall: {union}"),
        (
            lambda *trial: dice(*trial) / 2,
            "the intersection was counted twice below the line: truth + prediction - both.",
        ),
        (accuracy, "that is pixel accuracy; ask only for the class `index`."),
        (lambda *trial: counts(*trial)[2], "divide by the pixels of the union."),
        (lambda x, y, index: right(x, y, 1), "it must answer for the class `index`, not always for class 1."),
        (
            lambda x, y, index: right(x[:1], y[:1], index),
            "that is the first picture alone; count over the batch.",
        ),
        (mean_of_pictures, "that is the mean over pictures; count over the whole batch, and divide once."),
        (
            lambda x, y, index: right(-x, y, index),
            "the class of a pixel is the largest of its logits: argmax over dim=1.",
        ),
    )

    def otherwise(given: Tensor, wanted: Tensor, logits: Tensor, masks: Tensor, index: int) -> str:
        if logits is trials[0][0] and index == 1:
            return f"class 1 overlaps in 4 of 7 pixels here, 0.571, but it gives {given.item():.3f}."
        return f"for class {index} of {len(masks)} pictures it should give {wanted:.3f}, but gives {given.item():.3f}."

    try_function(
        iou,
        right,
        trials,
        slips,
        otherwise,
        gives="one number",
        shape="it gives the shape {given}; return one number.",
    )
