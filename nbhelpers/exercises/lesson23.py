"""The exercises of 23_your_labels."""

from collections.abc import Callable

import numpy as np

from nbhelpers.exercises import as_numbers, exercise, expect, try_function


@exercise
def check_triangle(answer: int) -> None:
    """How many centres of pixels lie inside the triangle (0, 0), (8, 0), (0, 8)?"""
    slips = {
        32: "that is the area; centres on the long side lie on the edge, not inside.",
        36: "that counts the centres on the long side, such as (0.5, 7.5), whose x + y is 8: they are not inside.",
        45: "that is what fillers draw which add the outline, on a grid of 9 corners.",
        64: "that is the square around it.",
        21: "one row is missing: the first row has 7 centres inside.",
        56: "that is twice as many: the square has 8 x 8 pixels, and 8 of them lie on the diagonal.",
        29: "count the rows again: 7, 6, 5, ... 0.",
        27: "count the rows again: 7, 6, 5, ... 0.",
        49: "that is a square of 7 x 7; each row has one centre less than the row above.",
    }
    expect(
        answer,
        28,
        slips,
        "in the first row x + 0.5 < 8, for x at the centres 0.5, 1.5, ...: 7 fit. And below?",
    )


@exercise
def check_first(answer: tuple[int, int]) -> None:
    """Row and column, from 0, of the first pixel inside in COCO's counts [5, 3, 4] of a mask 3 high and 4 wide."""
    slips = {
        (1, 1): "that goes along the rows; COCO's counts go down the columns.",
        (1, 2): "row comes first, then column.",
        (1, 0): "five pixels lie outside before it: a column of three, and two more.",
        (1, 4): "the mask is 3 high: a new column begins after three pixels.",
        (3, 2): "count both from 0.",
        (3, 1): "count the row from 0 too.",
        (2, 2): "count the column from 0 too.",
        (0, 0): "the first count is of pixels outside.",
        (0, 3): "counts are lengths, not places: 5 pixels outside, then 3 inside.",
        (1, 3): "counts are lengths: add up what lies outside before the first pixel inside.",
    }
    expect(
        answer,
        (2, 1),
        slips,
        "go down the first column, then down the second; after five pixels comes the first one inside.",
        wanted="two numbers: (row, column)",
    )


@exercise
def check_counts(counts: Callable[[np.ndarray], list[int]]) -> None:
    """COCO's counts of a mask: lengths outside, inside, outside, ... down the columns; the first may be 0."""
    random = np.random.default_rng(23)
    trials = [(np.array([[0, 1, 1], [1, 1, 0]]),), (np.array([[1, 0], [1, 0], [0, 1]]),)]
    trials += [
        ((random.random(shape) < share).astype(int),) for shape, share in (((5, 3), 0.5), ((4, 7), 0.3))
    ]
    trials += [(np.zeros((2, 3), int),), (np.ones((3, 2), int),)]

    def right(mask: np.ndarray) -> np.ndarray:
        return lengths(mask.T.ravel())

    def lengths(flat: np.ndarray) -> np.ndarray:
        edges = np.flatnonzero(np.diff(flat)) + 1
        found = np.diff([0, *edges, len(flat)])
        return np.array([0, *found]) if flat[0] else found

    def without_zero(mask: np.ndarray) -> np.ndarray:
        found = right(mask)
        return found[1:] if found[0] == 0 else found

    def starts_and_lengths(mask: np.ndarray, base: int) -> np.ndarray:
        found = right(mask)
        return np.stack([np.cumsum(found)[: len(found) // 2 * 2 : 2] + base, found[1::2]], axis=1).ravel()

    slips = (
        (lambda mask: lengths(mask.ravel()), "that goes along the rows; COCO's counts go down the columns."),
        (without_zero, "where the first pixel lies inside, the first count, of pixels outside, is 0."),
        (lambda mask: lengths(1 - mask.T.ravel()), "the first count is of pixels outside, which are 0."),
        (lambda mask: right(mask[::-1]), "the first pixel is the upper left one."),
        (lambda mask: right(mask[:, ::-1]), "the first pixel is the upper left one."),
        (lambda mask: np.cumsum(right(mask)), "those are the places where runs end; counts are lengths."),
        (lambda mask: right(mask)[1::2], "those are the runs inside; the ones outside belong between them."),
        (lambda mask: right(mask)[::2], "those are the runs outside; the ones inside belong between them."),
        (lambda mask: right(mask)[:-1], "the last run is missing."),
        (lambda mask: starts_and_lengths(mask, 1), "those are Kaggle's pairs of start and length."),
        (
            lambda mask: starts_and_lengths(mask, 0),
            "those are pairs of start and length; counts are lengths alone.",
        ),
        (lambda mask: mask.T.ravel(), "those are the pixels; say how many follow each other."),
    )

    def otherwise(given: np.ndarray, wanted: np.ndarray, mask: np.ndarray) -> str:
        return f"for {mask.tolist()} it should give {wanted.astype(int).tolist()}, but gives {_short(given)}."

    try_function(
        counts, right, trials, slips, otherwise, gives="a list of numbers", shape=None, names=("mask",)
    )


def _short(given: np.ndarray) -> str:
    text = str(as_numbers(given).tolist())
    return text if len(text) < 60 else f"{text[:56]} ..."
