"""The exercises of 17_iris_segmentation."""

from collections.abc import Callable, Sequence

import numpy as np

from nbhelpers.exercises import NotYet, as_numbers, exercise, expect, expect_two_digits, try_function

PIXELS, TRUE, PREDICTED, RIGHT = 400 * 300, 6_000, 5_500, 5_200  # of the first exercise's picture


@exercise
def check_scores(answer: Sequence[float]) -> None:
    """E1 and E2 in percent, to two digits: a picture of 400 x 300 pixels with 6,000 of iris.

    The network says iris for 5,500 pixels, and is right for 5,200 of them.
    """
    extra, missed, rest = PREDICTED - RIGHT, TRUE - RIGHT, PIXELS - TRUE
    wrong = extra + missed
    given = as_numbers(answer).ravel()
    if given.size != 2:
        raise NotYet("give two numbers, E1 and E2, both in percent: (1.23, 4.56).")
    for name, number, right, slips in (
        (
            "E1",
            given[0],
            100 * wrong / PIXELS,
            {
                wrong / PIXELS: "that is the share; in percent it is 100 times as much.",
                100 * (TRUE - PREDICTED) / PIXELS: "500 is the difference of the areas; pixels too many and "
                "pixels too few do not cancel.",
                100
                * extra
                / PIXELS: "that counts the pixels too many; those that were missed are wrong too.",
                100 * missed / PIXELS: "that counts the missed pixels; those too many are wrong too.",
                100 * wrong / TRUE: "E1 divides by all pixels of the picture, not by those of the iris.",
                100 * wrong / (TRUE + extra): "that is 1 - IoU; E1 divides by all pixels of the picture.",
            },
        ),
        (
            "E2",
            given[1],
            50 * (extra / rest + missed / TRUE),
            {
                (extra / rest + missed / TRUE) / 2: "that is the share; in percent it is 100 times as much.",
                100 * (extra / rest + missed / TRUE): "E2 is the mean of the two rates, not their sum.",
                50 * (extra / TRUE + missed / TRUE): "false positives are a share of the true background.",
                50
                * (
                    extra / PREDICTED + missed / TRUE
                ): "false positives are a share of the true background, not of what was predicted.",
                50
                * (extra / PIXELS + missed / PIXELS): "each rate has a base of its own: the true background, "
                "and the true iris.",
                100
                * missed
                / TRUE: "that is the false-negative rate; average it with the false-positive rate.",
            },
        ),
    ):
        try:
            expect_two_digits(
                number,
                right,
                slips,
                "300 pixels are too many, 800 were missed; divide them by what the definition says.",
            )
        except NotYet as slip:
            raise NotYet(f"{name}: {slip}") from None


@exercise
def check_never(answer: Sequence[float]) -> None:
    """E1 and E2 in percent of a network that never says iris, on pictures that are iris to 7.5 %."""
    slips = {
        (
            7.5,
            100,
        ): "E2 is the mean of two rates; one of them is 0, since nothing is called iris that is none.",
        (7.5, 0): "all of the iris is missed: its false-negative rate is not 0.",
        (
            7.5,
            7.5,
        ): "the missed iris is a share of the iris, not of the picture; then average with the other rate.",
        (7.5, 3.75): "the missed iris is a share of the iris, not of the picture.",
        (7.5, 25): "there are two rates to average, not four.",
        (92.5, 50): "E1 counts the pixels that are wrong; the background is right.",
        (100, 50): "the background is right, and E1 divides by all pixels of the picture.",
        (50, 7.5): "these are the right numbers in the wrong order: E1 first.",
        (0.075, 0.5): "those are the shares; in percent they are 100 times as much.",
        (0, 50): "the pixels of the iris are all wrong.",
    }
    expect(
        answer,
        (7.5, 50),
        slips,
        "which pixels are wrong? Then: which share of the true background, and which of the true iris?",
        wanted="two numbers, E1 and E2, both in percent: (1.23, 4.56)",
        tolerance=1e-5,
    )


Score = Callable[[np.ndarray, np.ndarray], float]


@exercise
def check_e2(score: Score) -> None:
    """E2 of NICE.I: (predicted, true), bool arrays (n, H, W), both classes in each true mask -> 0..1."""

    def rates(predicted: np.ndarray, true: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        pictures = (1, 2)
        false_positive = (predicted & ~true).sum(pictures) / (~true).sum(pictures)
        return false_positive, (~predicted & true).sum(pictures) / true.sum(pictures)

    def right(predicted: np.ndarray, true: np.ndarray) -> float:
        return np.mean(rates(predicted, true))

    def pooled(predicted: np.ndarray, true: np.ndarray) -> float:
        return right(predicted.reshape(1, 1, -1), true.reshape(1, 1, -1))

    def shares(predicted: np.ndarray, true: np.ndarray) -> np.ndarray:
        return (predicted != true).mean(axis=(1, 2))

    def of_predicted(predicted: np.ndarray, true: np.ndarray) -> float:
        false_positive = (predicted & ~true).sum((1, 2)) / np.maximum(predicted.sum((1, 2)), 1)
        return np.mean([false_positive, rates(predicted, true)[1]])

    def of_iris(predicted: np.ndarray, true: np.ndarray) -> float:
        return np.mean([(predicted & ~true).sum((1, 2)) / true.sum((1, 2)), rates(predicted, true)[1]])

    slips = (
        (pooled, "first each picture by itself, then their mean: a large iris must not count for more."),
        (
            lambda p, t: shares(p, t).mean(),
            "that is E1; E2 takes each kind of error as a share of its own base.",
        ),
        (lambda p, t: rates(p, t)[0].mean(), "that is the false-positive rate alone."),
        (lambda p, t: rates(p, t)[1].mean(), "that is the false-negative rate alone."),
        (lambda p, t: 2 * right(p, t), "E2 is the mean of the two rates, not their sum."),
        (lambda p, t: 100 * right(p, t), "that is in percent; return the share, from 0 to 1."),
        (lambda p, t: right(p, t) * len(p), "average over the pictures instead of summing them up."),
        (of_predicted, "false positives are a share of the true background, not of what was predicted."),
        (of_iris, "false positives are a share of the true background, not of the true iris."),
        (lambda p, t: shares(p, t).mean() / 2, "each rate has a base of its own, not the whole picture."),
        (lambda p, t: right(t, p), "the bases are those of the true mask; you have exchanged the two."),
        (lambda p, t: 1 - right(p, t), "that is the mean of what is right; E2 counts errors."),
        (
            lambda p, t: np.mean(rates(p, t), axis=0),
            "that is one number for each picture; return their mean.",
        ),
    )
    random = np.random.default_rng(17)
    trials = []
    for shape, iris in (((3, 7, 9), 0.3), ((2, 5, 4), 0.6), ((4, 6, 6), 0.2)):
        true = random.random(shape) < iris * random.random((shape[0], 1, 1)) + 0.1
        true[:, 0, 0], true[:, -1, -1] = True, False
        flipped = random.random(shape) < 0.25
        flipped[:, 0, 1], flipped[:, 1, 0] = True, False
        trials.append((true ^ flipped, true))
    try_function(
        score,
        right,
        trials,
        slips,
        "for each picture: false positives / true background, false negatives / true iris, their mean.",
        gives="one number",
        shape="it gives the shape {given}; return one number.",
        names=("predicted", "true"),
    )
