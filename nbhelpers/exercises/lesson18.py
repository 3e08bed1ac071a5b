"""The exercises of 18_kaggle_starter."""

from collections.abc import Callable

import numpy as np

from nbhelpers.exercises import NotYet, as_numbers, call, exercise, expect, expect_two_digits, try_function


@exercise
def check_code(answer: str) -> None:
    """The run-length code of the mask [[0, 1, 1], [1, 0, 1]], as Kaggle counts."""
    slips = {
        (
            2,
            3,
            6,
            1,
        ): "that goes along the rows; Kaggle's order goes down the first column, then down the second.",
        (1, 2, 4, 2): "that counts from 0; the first pixel is number 1.",
        (1, 3, 5, 1): "that goes along the rows and counts from 0; go down the columns, and count from 1.",
        (2, 3, 5, 6): "these are first and last pixels; a run is its first pixel and its length.",
        (
            2,
            1,
            3,
            1,
            5,
            1,
            6,
            1,
        ): "pixels that follow each other in the count are one run, across columns too.",
        (2, 5): "those are the first pixels; each run has a length behind it.",
        (2, 2, 2, 5): "a run is its first pixel and its length, and the next run follows.",
        (0, 1, 1, 0, 1, 1): "those are the pixels down the columns; write the runs of ones.",
    }
    if isinstance(answer, str):
        numbers = answer.replace(",", " ").strip("[]() ").split()
        if not all(number.isdecimal() for number in numbers):
            raise NotYet(
                f"{answer!r} holds more than whole numbers; give them with spaces between, such as '1 2 5 1'."
            )
        answer = [int(number) for number in numbers]
    otherwise = "number the pixels down the columns, 1 2 in the first, 3 4 in the second, 5 6 in the third."
    expect(answer, (2, 2, 5, 2), slips, otherwise, wanted=None)


@exercise
def check_bowl(answer: float) -> None:
    """The Bowl's score: 3 true nuclei, 4 predicted; IoU 1.00 and 0.82 with two of them, the other two hit nothing."""
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
        1
        / 3: "one nucleus of three at all thresholds is another count: take TP, FP and FN at each of the ten.",
    }
    otherwise = "write down TP, FP and FN at 0.80 and at 0.85, then how many thresholds have each."
    expect_two_digits(answer, right, slips, otherwise, wanted="one number in 0..1")


@exercise
def check_dice(dice: Callable[[np.ndarray, np.ndarray], float]) -> None:
    """Dice of two binary masks, with the rule for empty ones."""
    random = np.random.default_rng(18)
    trials = [(np.array([[1, 1, 1, 0]]), np.array([[0, 1, 1, 1]]))]
    for shape, shares in (((5, 7), (0.6, 0.3)), ((8, 4), (0.2, 0.7))):
        trials.append(tuple((random.random(shape) < share).astype(int) for share in shares))
    trials.append((trials[1][0], trials[1][0]))  # twice the same

    def both(a: np.ndarray, b: np.ndarray) -> int:
        return (a * b).sum()

    def right(a: np.ndarray, b: np.ndarray) -> float:
        return 2 * both(a, b) / (a.sum() + b.sum())

    slips = (
        (
            lambda a, b: both(a, b) / (a | b).sum(),
            "that is the IoU; Dice is twice the pixels in common over the sum of both areas.",
        ),
        (lambda a, b: right(a, b) / 2, "twice: 2 |A and B| stands above the line."),
        (lambda a, b: 2 * both(a, b), "divide by the sum of the two areas."),
        (
            lambda a, b: both(a, b) / b.sum(),
            "that is recall, the share of the truth that was found; Dice divides by the sum of both areas.",
        ),
        (
            lambda a, b: both(a, b) / a.sum(),
            "that is precision, the share of the prediction that is true; Dice divides by the sum of both areas.",
        ),
        (
            lambda a, b: both(a, b) / min(a.sum(), b.sum()),
            "that is the overlap coefficient, over the smaller area; Dice divides by the sum of both.",
        ),
        (lambda a, b: (a == b).mean(), "that is accuracy, which counts the background as well."),
        (lambda a, b: 1 - right(a, b), "that is the loss; Dice is 1 where both are the same."),
    )

    def otherwise(given: np.ndarray, wanted: np.ndarray, a: np.ndarray, b: np.ndarray) -> str:
        if len(a) == 1:
            return f"for 1 1 1 0 and 0 1 1 1 it should give 4/6, 0.667, but gives {given.item():.3f}."
        return (
            f"for areas of {a.sum()} and {b.sum()} with {both(a, b)} pixels in common it should give "
            f"{wanted:.3f}, but gives {given.item():.3f}."
        )

    names = ("prediction", "truth")
    shape = "it gives the shape {given}; return one number."
    try_function(dice, right, trials, slips, otherwise, gives="one number", shape=shape, names=names)
    nothing = np.zeros((4, 5), int)
    some = nothing.copy()
    some[3, 4] = 1
    try:
        empty = float(as_numbers(call(dice, (nothing, nothing), names)))
    except NotYet as fault:
        if not isinstance(fault.__cause__, ZeroDivisionError):
            raise
        raise NotYet("for two empty masks it divides by zero; the rule says 1.") from None
    if not abs(empty - 1) < 1e-3:
        raise NotYet(f"for two empty masks it gives {empty}; nothing to find and nothing found is right, 1.")
    for pair in ((some, nothing), (nothing, some)):
        if not abs(float(as_numbers(call(dice, pair, names)))) < 1e-3:
            raise NotYet("where only one of the two is empty Dice is 0.")
