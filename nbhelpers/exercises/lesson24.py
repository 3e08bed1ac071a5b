"""The exercises of 24_which_network."""

from collections.abc import Callable
from math import sqrt

import numpy as np

from nbhelpers.exercises import exercise, expect, try_function


@exercise
def check_least(answer: tuple[float, int]) -> None:
    """The least difference in points at a pooled deviation of 1.2 points, q = 5 and four seeds; and the seeds for half of it."""
    slips = {
        (6, 16): "that is for single trainings: a mean over four seeds scatters half as much.",
        (1.5, 16): "a mean over n seeds scatters by the square root of n less, not by n.",
        (
            0.6,
            16,
        ): "that is the standard error of one mean; q says how many of them the two furthest apart may lie apart.",
        (
            5 * 1.2 * sqrt(2 / 4),
            16,
        ): "the 2 of two means is in q already: multiply q by the error of one mean.",
        (3, 8): "twice as many seeds take off the square root of two, not half.",
        (1.5, 8): "a mean over n seeds scatters by the square root of n less, not by n.",
        (3, 4): "four seeds give the whole of it; half of it is asked for.",
        (3, 2): "fewer seeds make it larger.",
        (16, 3): "the difference comes first, then the seeds.",
    }
    expect(
        answer,
        (3, 16),
        slips,
        "divide the deviation by the root of the number of seeds, and multiply by q; then ask which number halves it.",
        wanted="two numbers: (least difference in points, seeds)",
        tolerance=1e-5,
    )


@exercise
def check_epochs(answer: tuple[int, int]) -> None:
    """Whole epochs nearest to 30 CPU s: 300 scenes at 4 ms of training, 100 at 1 ms of val; and all four times as dear."""
    slips = {
        (25, 6): "the looks at val count, too: 100 scenes after each epoch.",
        (25, 25): "the looks at val count, too; and what is four times as dear gets fewer epochs.",
        (23, 5): "5.8 epochs are nearer to 6 than to 5.",
        (23, 23): "what is four times as dear gets fewer epochs in the same time.",
        (23, 92): "what is dearer gets fewer epochs, not more.",
        (6, 23): "the cheaper network comes first.",
        (23 * 37, 6 * 37): "those are the steps, 37 in an epoch; epochs are asked for.",
        (24, 6): "24 epochs take more than 31 s: 23 come nearer.",
        (7500, 1875): "that is the number of scenes; an epoch has 300, and its looks at val.",
        (20, 5): "100 scenes of val cost 0.1 s, not as much as 75 scenes of training.",
    }
    expect(
        answer,
        (23, 6),
        slips,
        "an epoch of the first takes 300 times 4 ms and 100 times 1 ms; how many are nearest to 30 s?",
        wanted="two numbers: (epochs of the first, epochs of the second)",
    )


@exercise
def check_front(front: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> None:
    """Which of n networks, by costs (n,) and scores (n,), no other beats: as good or better in both, and better in one."""
    random = np.random.default_rng(24)
    trials = [
        (np.array([1.0, 2.0, 3.0, 4.0]), np.array([0.2, 0.5, 0.4, 0.6])),
        (np.array([2.0, 2.0, 3.0]), np.array([0.4, 0.5, 0.6])),  # beaten by score alone
        (np.array([3.0, 2.0, 1.0]), np.array([0.5, 0.5, 0.3])),  # beaten by cost alone
        (np.array([2.0, 2.0, 5.0]), np.array([0.5, 0.5, 0.6])),  # equal twins: neither beats the other
        (np.array([7.0]), np.array([0.2])),
        *((random.integers(1, 5, n).astype(float), random.integers(1, 5, n) / 10) for n in (4, 6, 8)),
        (random.random(9), random.random(9)),
    ]

    def right(costs: np.ndarray, scores: np.ndarray) -> np.ndarray:
        cheaper, better = costs[:, None] - costs[None], scores[None] - scores[:, None]  # of the other
        beaten = (cheaper >= 0) & (better >= 0) & ((cheaper > 0) | (better > 0))
        return ~beaten.any(axis=1)

    def strictly(costs: np.ndarray, scores: np.ndarray) -> np.ndarray:
        return ~((costs[:, None] > costs) & (scores[:, None] < scores)).any(axis=1)

    def loosely(costs: np.ndarray, scores: np.ndarray) -> np.ndarray:
        beaten = (costs[:, None] >= costs) & (scores[:, None] <= scores)
        return beaten.sum(axis=1) == 1

    slips = (
        (lambda costs, scores: ~right(costs, scores), "those are the ones that are beaten; True is for the others."),
        (strictly, "who costs the same and scores less is beaten, and so is who scores the same and costs more."),
        (loosely, "two that are equal in both do not beat each other: one of the two must be better."),
        (
            lambda costs, scores: ~((costs[:, None] >= costs) & (scores[:, None] <= scores)).any(axis=1),
            "nobody beats itself: one of the two must be better.",
        ),
        (lambda costs, scores: right(-costs, scores), "less cost is better."),
        (lambda costs, scores: right(costs, -scores), "more score is better."),
        (lambda costs, scores: right(-costs, -scores), "less cost is better, and more score."),
        (lambda costs, scores: scores == scores.max(), "the most accurate is one of them; cheaper ones belong to them, too."),
        (lambda costs, scores: costs == costs.min(), "the cheapest is one of them; more accurate ones belong to them, too."),
        (
            lambda costs, scores: (scores == scores.max()) | (costs == costs.min()),
            "the two ends are among them, and so is what lies between and is beaten by none.",
        ),
        (
            lambda costs, scores: scores / costs == (scores / costs).max(),
            "a ratio picks one of them; asked for are all that none beats.",
        ),
    )  # fmt: skip
    try_function(
        front,
        right,
        trials,
        slips,
        lambda given, wanted, costs, scores: (
            f"for costs {costs.round(2).tolist()} and scores {scores.round(2).tolist()} it should give "
            f"{wanted.astype(bool).tolist()}."
        ),
        gives="an array of True and False",
        shape="give one True or False for each network: {right}, not {given}.",
    )
