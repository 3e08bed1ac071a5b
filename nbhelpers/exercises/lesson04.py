"""The exercises of 04_unet_fastai."""

from collections.abc import Callable
from math import isclose

import torch
from torch import Tensor

from nbhelpers.datasets.dataset import IGNORE
from nbhelpers.exercises import UNANSWERED


def check_saving(answer: float | None) -> str:
    """Which share of the time do 16 half-size and 14 full-size epochs save against 30 of full size?"""
    if answer is None:
        return UNANSWERED
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
    if abs(answer - 0.4) <= 0.005:
        return "Right."
    hint = next((hint for slip, hint in slips.items() if abs(answer - slip) <= 0.006), None)
    return f"Not yet: {hint or 'count in full epochs: a small one costs a quarter of one.'}"


def check_rates(answer: tuple[float, float, float] | None) -> str:
    """What does `slice(1e-5, 1e-3)` give to three groups?"""
    if answer is None:
        return UNANSWERED
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
    }
    if not isinstance(answer, tuple | list) or len(answer) != 3:
        return "Not yet: give three rates, one for each group: (first, second, third)."
    if _equal(answer, (1e-5, 1e-4, 1e-3)):
        return "Right."
    hint = next((hint for slip, hint in slips.items() if _equal(answer, slip)), None)
    return f"Not yet: {hint or 'from the first to the last rate in two steps of one and the same factor.'}"


def check_iou(iou: Callable[[Tensor, Tensor, int], float] | None) -> str:
    """IoU of one class from logits (N, C, H, W) and masks (N, H, W), without the void pixels."""
    if iou is None:
        return UNANSWERED
    ids = torch.tensor([[[0, 0, 1, 1], [1, 2, 2, 1]], [[1, 1, 0, 0], [0, 1, 0, 1]]])
    masks = torch.tensor(
        [[[0, 0, 1, 0], [1, 2, 1, IGNORE]], [[1, IGNORE, 1, 0], [0, 1, 0, IGNORE]]]
    )  # class 1: true 6, predicted 5 outside of void and 8 in all, both 4
    logits = torch.nn.functional.one_hot(ids, 3).permute(0, 3, 1, 2).float() * 3 - 1
    value = float(iou(logits, masks, 1))
    slips = {
        4 / 10: "predictions inside of void count as wrong here; leave them out of the union.",
        7 / 10: "void counts as right here; it counts nowhere.",
        8 / 11: "that is Dice; IoU has the union below the line.",
        4 / 5: "that is precision: below the line belongs the union of truth and prediction.",
        4 / 6: "that is recall: below the line belongs the union of truth and prediction.",
        4 / 11: "the intersection was counted twice below the line: truth + prediction - both.",
        10 / 13: "that is pixel accuracy; ask only for the class `index`.",
        4.0: "divide by the pixels of the union.",
    }
    if isclose(value, 4 / 7, abs_tol=1e-6):
        if isclose(float(iou(logits, masks, 2)), 1 / 2, abs_tol=1e-6):
            return "Right."
        return "Not yet: it must answer for the class `index`, not always for class 1."
    hint = next((hint for slip, hint in slips.items() if isclose(value, slip, abs_tol=1e-6)), None)
    return f"Not yet: {hint or f'class 1 overlaps in 4 of 7 pixels here, 0.571, but it gives {value:.3f}.'}"


def _equal(rates: tuple[float, ...], others: tuple[float, ...]) -> bool:
    return all(isclose(rate, other, rel_tol=0.01) for rate, other in zip(rates, others))
