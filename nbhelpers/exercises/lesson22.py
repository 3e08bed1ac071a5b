"""The exercises of 22_losses."""

from collections.abc import Callable

import numpy as np
from numpy import ndarray

from nbhelpers.exercises import exercise, expect_two_digits, try_function


@exercise
def check_threshold(answer: float) -> None:
    """Above which probability to decide for the speck, if a miss costs 9 times as much as a false alarm; two digits."""
    slips = {
        0.9: "that is the threshold where a false alarm is the dear one.",
        0.5: "that is the threshold where both errors cost the same.",
        1
        / 9: "that is near: compare p x 9, what 'background' may cost, with (1 - p) x 1, what 'speck' may cost.",
        9.0: "a probability lies between 0 and 1.",
        10.0: "a probability lies between 0 and 1.",
        8 / 9: "compare p x 9, what 'background' may cost, with (1 - p) x 1, what 'speck' may cost.",
    }
    otherwise = "'background' costs 9 p on average, 'speck' costs 1 - p: where are both equal?"
    expect_two_digits(answer, 0.1, slips, otherwise)


@exercise
def check_faint(answer: float) -> None:
    """The Dice to expect of 100 pixels that are all called speck, where 40 of them are; two digits."""
    slips = {
        0.0: "that is what the threshold 0.5 gets: it calls none of them speck.",
        0.4: "that is the IoU, and the precision; Dice is 2 hits / (called + true).",
        0.8: "2 hits / called leaves out the true ones: 2 hits / (called + true).",
        0.6: "that is the share of false alarms; Dice is 2 hits / (called + true).",
        1.0: "all true specks are found, but 60 of those called are none.",
        2 / 7: "that is half of it: Dice counts the hits twice.",
        3 / 7: "that is 1 - Dice, the loss.",
        0.7: "that is the mean of precision and recall; Dice is their harmonic mean.",
    }
    expect_two_digits(answer, 4 / 7, slips, "40 hits, 100 called speck, 40 true: 2 hits / (called + true).")


@exercise
def check_error(error: Callable[[ndarray, ndarray, int], float]) -> None:
    """Expected calibration error: `error(told, right, bins)` of told (P,) in 0..1 and right (P,), 0 or 1."""
    random = np.random.default_rng(22)
    trials = []
    for pixels, bins in ((40, 5), (7, 10), (300, 4), (1, 3)):
        told = random.random(pixels) ** 2
        trials.append((told, (random.random(pixels) < told**1.5).astype(int), bins))
    trials.append((np.array([0.0, 0.1, 0.25, 0.5, 0.9, 1.0, 1.0]), np.array([1, 0, 0, 1, 1, 1, 0]), 4))
    trials.append(
        (np.array([0.32, 0.38, 0.55]), np.array([0, 1, 0]), 10)
    )  # nobody in the first and the last bins

    def gaps(told: ndarray, right: ndarray, bins: int) -> tuple[ndarray, ndarray]:
        """Of each bin that holds pixels: mean told - share right, and its share of the pixels."""
        place = np.minimum((told * bins).astype(int), bins - 1)
        used = np.unique(place)
        found = [told[place == k].mean() - right[place == k].mean() for k in used]
        return np.array(found), np.array([(place == k).mean() for k in used])

    def weighted(told: ndarray, right: ndarray, bins: int) -> float:
        gap, share = gaps(told, right, bins)
        return (share * np.abs(gap)).sum()

    slips = (
        (
            lambda told, right, bins: np.abs(gaps(told, right, bins)[0]).mean(),
            "that counts each bin the same; a bin counts by its share of the pixels.",
        ),
        (
            lambda told, right, bins: np.abs(gaps(told, right, bins)[0]).sum() / bins,
            "that counts each bin the same, empty ones too; a bin counts by its share of the pixels.",
        ),
        (
            lambda told, right, bins: abs(told.mean() - right.mean()),
            "in that, bins that are too high and too low make up for each other: take the size of each bin's gap.",
        ),
        (lambda told, right, bins: np.abs(gaps(told, right, bins)[0]).max(), "that is the largest gap."),
        (
            lambda told, right, bins: np.abs(told - right).mean(),
            "that compares pixel by pixel; within a bin compare the mean told with the share that is right.",
        ),
        (
            lambda told, right, bins: ((told - right) ** 2).mean(),
            "that is the Brier score: within a bin compare the mean told with the share that is right.",
        ),
        (
            lambda told, right, bins: (gaps(told, right, bins)[1] * gaps(told, right, bins)[0] ** 2).sum(),
            "take the size of each gap, not its square.",
        ),
        (
            lambda told, right, bins: weighted(told, right, bins) * len(told),
            "that is a sum over pixels; divide by their number.",
        ),
        (lambda told, right, bins: weighted(told, right, 15), "it does not use bins."),
        (lambda told, right, bins: 1 - weighted(told, right, bins), "that is 1 - the error."),
    )
    otherwise = (
        "for each of the equal bins from 0 to 1: |mean told - share right|, times the bin's share of the pixels; 1 "
        "belongs to the last bin."
    )
    try_function(error, weighted, trials, slips, otherwise, gives="a number")
