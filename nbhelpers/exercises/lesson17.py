"""The exercises of 17_iris_segmentation."""

import math
from collections.abc import Callable, Sequence

import numpy as np

from nbhelpers.exercises import NotYet, as_numbers, call, exercise, expect_two_digits, try_function

PIXELS, TRUE, PREDICTED, RIGHT = 400 * 300, 6_000, 5_500, 5_200  # of the first exercise's picture

Circle = tuple[float, float, float]  # x, y, radius


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
def check_sheet(place: Callable[[Circle, Circle, float, float], tuple[float, float]]) -> None:
    """Daugman's rubber sheet for two circles: (pupil, limbus, r in 0..1, angle in radians) -> (x, y) in the picture."""

    def point(circle: Circle, angle: float) -> np.ndarray:
        x, y, radius = circle
        return np.array([x + radius * math.cos(angle), y + radius * math.sin(angle)])

    def right(pupil: Circle, limbus: Circle, r: float, angle: float) -> np.ndarray:
        return (1 - r) * point(pupil, angle) + r * point(limbus, angle)

    def around(centre: Circle, pupil: Circle, limbus: Circle, r: float, angle: float) -> np.ndarray:
        return point((*centre[:2], (1 - r) * pupil[2] + r * limbus[2]), angle)

    own_centres = "the two circles have centres of their own: mix the points, not only the radii."
    slips = (
        (lambda p, q, r, t: right(p, q, 1 - r, t), "r = 0 is the pupil and r = 1 the limbus."),
        (lambda p, q, r, t: around(q, p, q, r, t), own_centres),
        (lambda p, q, r, t: around(p, p, q, r, t), own_centres),
        (
            lambda p, q, r, t: right(p, q, r, math.radians(t)),
            "the angle is in radians already, as math.cos takes it.",
        ),
        (lambda p, q, r, t: right(p, q, r, math.degrees(t)), "math.cos takes radians, not degrees."),
        (lambda p, q, r, t: right(p, q, r, t)[::-1], "x comes first, then y."),
        (
            lambda p, q, r, t: right(p, q, r, -t),
            "y points down in a picture: a positive angle turns from x towards y, so add the sine.",
        ),
        (
            lambda p, q, r, t: right(p, q, r, math.pi / 2 - t),
            "x goes with the cosine and y with the sine of the angle.",
        ),
        (
            lambda p, q, r, t: point(p, t) + r * point(q, t),
            "the weights 1 - r and r must add up to 1.",
        ),
        (
            lambda p, q, r, t: point(p, t),
            "that is the pupil's border, whatever r is; go a share r of the way.",
        ),
        (lambda p, q, r, t: point(q, t), "that is the limbus, whatever r is; go a share r of the way."),
        (
            lambda p, q, r, t: right((*p[:2], 0), (*q[:2], 0), r, t),
            "that is between the two centres; go out from them by the radii.",
        ),
    )
    eyes = ((98.0, 52.0, 12.0), (100.0, 50.0, 40.0)), ((61.0, 83.0, 17.5), (58.0, 80.0, 55.0))
    trials = [
        (*eyes[eye], r, angle)
        for eye, r, angle in ((0, 0.0, 0.3), (0, 1.0, 2.0), (0, 0.25, 1.0), (0, 0.7, 4.0), (1, 0.4, 5.5))
    ]
    try_function(
        place,
        right,
        trials,
        slips,
        "find the point of either circle at this angle, then mix them: "
        "(1 - r) of the pupil's, r of the limbus'.",
        gives="two numbers, x and y",
        shape="it gives the shape {given}; return two numbers, x and y.",
    )


Distance = Callable[[np.ndarray, np.ndarray, np.ndarray, np.ndarray], float]


@exercise
def check_hamming(distance: Distance) -> None:
    """Masked Hamming distance without rotation: (bits_a, valid_a, bits_b, valid_b), bool arrays of one shape -> 0..1."""

    def right(a: np.ndarray, valid_a: np.ndarray, b: np.ndarray, valid_b: np.ndarray) -> float:
        return (a ^ b)[valid_a & valid_b].mean()

    def unmasked(a: np.ndarray, valid_a: np.ndarray, b: np.ndarray, valid_b: np.ndarray) -> np.ndarray:
        return (a & valid_a) ^ (b & valid_b)

    a_zero = "a bit that is masked away is not a 0: leave it out of both sums."
    slips = (
        (
            lambda a, va, b, vb: (a ^ b).mean(),
            "that compares all bits; those under a lid say nothing of the iris.",
        ),
        (
            lambda a, va, b, vb: ((a ^ b) & va & vb).mean(),
            "the sum is right; divide it by the number of bits that are valid in both, not by all.",
        ),
        (
            lambda a, va, b, vb: ((a ^ b) & va & vb).sum(),
            "that is a number of bits; divide it by how many could be compared.",
        ),
        (lambda *codes: 1 - right(*codes), "that is the share of bits that agree."),
        (lambda a, va, b, vb: (a ^ b)[va].mean(), "the second code has a mask too."),
        (lambda a, va, b, vb: (a ^ b)[vb].mean(), "the first code has a mask too."),
        (
            lambda a, va, b, vb: (a ^ b)[va | vb].mean(),
            "a bit counts if it is valid in both codes, not in one of them.",
        ),
        (lambda *codes: unmasked(*codes).mean(), a_zero),
        (lambda a, va, b, vb: unmasked(a, va, b, vb).sum() / (va & vb).sum(), a_zero),
    )
    random = np.random.default_rng(17)
    trials = [
        tuple(random.random((4, *shape)) < np.array([0.5, 0.8, 0.5, 0.7])[:, None, None])
        for shape in ((12, 40), (5, 9))
    ]
    names = ("bits_a", "valid_a", "bits_b", "valid_b")
    try_function(
        distance,
        right,
        trials,
        slips,
        "of the bits valid in both codes, the share that differs.",
        gives="one number",
        shape="it gives the shape {given}; return one number.",
        names=names,
    )
    a, valid_a, b, valid_b = trials[0]
    nobody = np.zeros_like(a)
    for masks in ((nobody, valid_b), (valid_a, nobody), (valid_a, ~valid_a)):
        try:
            empty = call(distance, (a, masks[0], b, masks[1]), names)
            unknown = np.isnan(as_numbers(np.ma.filled(empty, np.nan))).all()
        except NotYet as fault:
            if fault.__cause__ and not isinstance(fault.__cause__, ZeroDivisionError):
                raise
            empty, unknown = None, False
        if not unknown:
            raise NotYet(
                f"with no bit to compare it gives {empty}, as if something were known; "
                "return nan (float('nan')) where no bit is valid in both."
            )
