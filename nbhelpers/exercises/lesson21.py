"""The exercises of 21_which_score."""

from collections.abc import Callable

import numpy as np

from nbhelpers.exercises import exercise, expect, expect_two_digits, try_function


@exercise
def check_percentiles(answer: tuple[float, float]) -> None:
    """HD95 by its two definitions, (larger of the two, pooled): there 94 times 1 and 6 times 8, back 100 times 1."""
    slips = {
        (1, 8): "the larger of the two percentiles comes first.",
        (8, 8): "pooled, six distances of 8 are 3 % of two hundred: the 95th percentile does not reach them.",
        (1, 1): "there alone, six distances of 8 are 6 % of a hundred: the 95th percentile falls among them.",
        (8, 4.5): "the second definition pools the distances, it does not average the two percentiles.",
        (4.5, 1): "the first definition takes the larger of the two percentiles, not their mean.",
        (8, 1.21): "that is the mean of the pooled distances; the 95th percentile is asked for.",
        (1.42, 1.21): "those are means; percentiles are asked for.",
    }
    expect(
        answer,
        (8, 1),
        slips,
        "sort the distances: what stands after the first 95 of a hundred, and after the first 190 of two hundred?",
        wanted="two numbers: (the larger of the two, pooled)",
        tolerance=1e-5,
    )


@exercise
def check_absent(answer: float) -> None:
    """Mean IoU, absent classes counted as 1, of all sky on an image of 40 % sky, 35 % road, 25 % car; 11 classes."""
    slips = {
        0.4 / 3: "that leaves absent classes out, as it should be; here each of them counts as 1.",
        0.4 / 11: "that counts absent classes as 0; here each of them counts as 1.",
        0.4: "that is the IoU of the sky alone; road and car have IoU 0, and eight classes are absent.",
        8 / 11: "the IoU of the sky is missing: all sky is predicted, and 40 % of it are right.",
        10.4 / 11: "road and car are not absent: truth holds them, so their IoU is 0.",
        8.4: "that is the sum; the mean is over eleven classes.",
        8.4 / 9: "road and car belong into the mean too, with IoU 0.",
        9 / 11: "the IoU of the sky is not 1: 60 % of the pixels are called sky and are not.",
    }
    expect_two_digits(
        answer,
        8.4 / 11,
        slips,
        "sky has IoU 0.4, road and car 0, and eight classes are in neither mask: each counts as 1.",
    )


@exercise
def check_hausdorff(hausdorff: Callable[[np.ndarray, np.ndarray], float]) -> None:
    """The Hausdorff distance of two sets of points (n, 2) and (m, 2)."""
    random = np.random.default_rng(21)
    trials = [
        (np.array([[0.0, 0.0], [0.0, 3.0]]), np.array([[4.0, 0.0], [0.0, 0.0], [4.0, 3.0]])),
        (random.normal(size=(5, 2)), random.normal(size=(3, 2))),
        (random.normal(size=(2, 2)), random.normal(size=(6, 2)) + 4),
        (3 * random.normal(size=(7, 2)), random.normal(size=(7, 2))),
        (np.array([[0.0, 0.0], [1.0, 0.0]]), np.array([[1.0, 0.0], [7.0, 0.0]])),  # the last point decides
        (np.array([[1.0, 0.0], [0.0, 7.0]]), np.array([[1.0, 0.0], [0.0, 0.0]])),
    ]

    def between(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return np.linalg.norm(a[:, None] - b[None], axis=2)

    def right(a: np.ndarray, b: np.ndarray) -> float:
        all_of_them = between(a, b)
        return max(all_of_them.min(axis=1).max(), all_of_them.min(axis=0).max())

    def directed(a: np.ndarray, b: np.ndarray) -> float:
        return between(a, b).min(axis=1).max()

    slips = (
        (directed, "that goes one way only; points of b may lie far from a, too."),
        (lambda a, b: directed(b, a), "that goes one way only; points of a may lie far from b, too."),
        (lambda a, b: min(directed(a, b), directed(b, a)), "of the two ways the larger one counts."),
        (
            lambda a, b: (directed(a, b) + directed(b, a)) / 2,
            "of the two ways the larger one counts, not their mean.",
        ),
        (
            lambda a, b: between(a, b).max(),
            "those are the two points furthest apart; each point looks for its nearest first.",
        ),
        (lambda a, b: between(a, b).min(), "those are the two points closest to each other."),
        (
            lambda a, b: max(between(a, b).min(axis=1).mean(), between(a, b).min(axis=0).mean()),
            "that is a mean of the distances; the largest one is asked for.",
        ),
        (lambda a, b: right(a, b) ** 2, "that is the square of the distance: the root is missing."),
        (
            lambda a, b: max(
                np.abs(a[:, None] - b).sum(axis=2).min(axis=1).max(),
                np.abs(a[:, None] - b).sum(axis=2).min(axis=0).max(),
            ),
            "that measures along the axes; take the straight line.",
        ),
    )
    otherwise = (
        "for each point of a take the nearest of b, and the other way round; the largest of all these counts."
    )
    try_function(
        hausdorff, right, trials, slips, otherwise, gives="one number", shape="give one number, not {given}."
    )
