"""The exercises of 18_kaggle_starter."""

from collections.abc import Callable

import numpy as np

from nbhelpers.exercises import UNANSWERED, verdict


def check_code(answer: str | None) -> str:
    """The run-length code of the mask [[0, 1, 1], [1, 0, 1]], as Kaggle counts."""
    if answer is not None:
        answer = " ".join(str(answer).replace(",", " ").split())
    slips = {
        "2 3 6 1": "that goes along the rows; Kaggle's order goes down the first column, then down the second.",
        "1 2 4 2": "that counts from 0; the first pixel is number 1.",
        "1 3 5 1": "that goes along the rows and counts from 0; go down the columns, and count from 1.",
        "2 3 5 6": "these are first and last pixels; a run is its first pixel and its length.",
        "2 1 3 1 5 1 6 1": "pixels that follow each other in the count are one run, across columns too.",
    }
    otherwise = "number the pixels down the columns, 1 2 in the first, 3 4 in the second, 5 6 in the third."
    return verdict(answer, "2 2 5 2", slips, otherwise)


def check_bowl(answer: float | None) -> str:
    """The Bowl's score: 3 true nuclei, 4 predicted; IoU 1.00 and 0.82 with two of them, the other two hit nothing."""
    if answer is None:
        return UNANSWERED
    low, high = 2 / 5, 1 / 6  # TP 2, FP 2, FN 1 at 0.50 .. 0.80; TP 1, FP 3, FN 2 at 0.85 .. 0.95
    right = (7 * low + 3 * high) / 10
    slips = {
        low: "that is the value at 0.50 alone; the score is the mean over ten thresholds, 0.50, 0.55, ... 0.95.",
        (7 * 4 / 7 + 3 * 2 / 7)
        / 10: "that is F1, 2 TP / (2 TP + FP + FN); the Bowl counts TP / (TP + FP + FN).",
        (7 * 2 / 3 + 3 * 1 / 3)
        / 10: "predicted nuclei that hit nothing count too: FP stands below the line.",
        (7 * 2 / 4 + 3 * 1 / 4) / 10: "true nuclei that were missed count too: FN stands below the line.",
        (6 * low + 4 * high) / 10: "count the thresholds below 0.82 again: 0.50, 0.55, ... 0.80 are seven.",
        (8 * low + 2 * high) / 10: "an IoU of 0.82 is not above 0.85: seven thresholds, not eight.",
        (7 * low + 3 * 1 / 5)
        / 10: "above 0.80 the second nucleus is missed, and what was predicted for it is an FP.",
    }
    nearest = min([right, *slips], key=lambda known: abs(float(answer) - known))
    if abs(float(answer) - nearest) > 0.004:
        return "Not yet: write down TP, FP and FN at 0.80 and at 0.85, then how many thresholds have each."
    return "Right." if nearest == right else f"Not yet: {slips[nearest]}"


def check_dice(dice: Callable[[np.ndarray, np.ndarray], float] | None) -> str:
    """Dice of two binary masks, with the rule for empty ones."""
    if dice is None:
        return UNANSWERED
    a, b = np.array([[1, 1, 1, 0]]), np.array([[0, 1, 1, 1]])
    nothing = np.zeros((1, 4), int)
    value = float(dice(a, b))
    slips = {
        2 / 4: "that is the IoU; Dice is twice the pixels in common over the sum of both areas.",
        2 / 6: "twice: 2 |A and B| stands above the line.",
        4.0: "divide by the sum of the two areas.",
    }
    close = [hint for known, hint in slips.items() if abs(value - known) < 1e-6]
    if close:
        return f"Not yet: {close[0]}"
    if abs(value - 4 / 6) > 1e-6:
        return f"Not yet: for 1 1 1 0 and 0 1 1 1 it should give 4/6, 0.667, but gives {value:.3f}."
    try:
        with np.errstate(invalid="ignore", divide="ignore"):
            empty = float(dice(nothing, nothing))
    except ZeroDivisionError:
        return "Not yet: for two empty masks it divides by zero; the rule says 1."
    if empty != 1:
        return (
            f"Not yet: for two empty masks it gives {empty}; nothing to find and nothing found is right, 1."
        )
    if float(dice(a, nothing)) != 0 or float(dice(nothing, a)) != 0:
        return "Not yet: where only one of the two is empty Dice is 0."
    return "Right."
