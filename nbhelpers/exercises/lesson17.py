"""The exercises of 17_iris_segmentation."""

import math
from collections.abc import Callable, Sequence

import numpy as np

from nbhelpers.exercises import UNANSWERED

PIXELS, TRUE, PREDICTED, RIGHT = 400 * 300, 6_000, 5_500, 5_200  # of the first exercise's picture

Circle = tuple[float, float, float]  # x, y, radius


def check_scores(answer: Sequence[float] | None) -> str:
    """E1 and E2 in percent, to two digits: a picture of 400 x 300 pixels with 6,000 of iris.

    The network says iris for 5,500 pixels, and is right for 5,200 of them.
    """
    if answer is None:
        return UNANSWERED
    extra, missed, rest = PREDICTED - RIGHT, TRUE - RIGHT, PIXELS - TRUE
    wrong = extra + missed
    if np.shape(answer) != (2,):
        return "Not yet: give two numbers, E1 and E2, both in percent: (1.23, 4.56)."
    for name, given, right, slips in (
        (
            "E1",
            answer[0],
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
            answer[1],
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
        nearest = min([right, *slips], key=lambda known: abs(given - known))
        if nearest == right and abs(given - right) <= 0.006:
            continue
        if nearest != right and abs(given - nearest) <= 0.006:
            return f"Not yet: {name}: {slips[nearest]}"
        return f"Not yet: {name}: 300 pixels are too many, 800 were missed; divide them by what the definition says."
    return "Right."


def check_sheet(place: Callable[[Circle, Circle, float, float], tuple[float, float]] | None) -> str:
    """Daugman's rubber sheet for two circles: (pupil, limbus, r in 0..1, angle in radians) -> (x, y) in the picture."""
    if place is None:
        return UNANSWERED
    pupil, limbus = (98.0, 52.0, 12.0), (100.0, 50.0, 40.0)

    def point(circle: Circle, angle: float) -> np.ndarray:
        x, y, radius = circle
        return np.array([x + radius * math.cos(angle), y + radius * math.sin(angle)])

    def mixed(r: float, angle: float) -> np.ndarray:
        return (1 - r) * point(pupil, angle) + r * point(limbus, angle)

    def around(centre: Circle, r: float, angle: float) -> np.ndarray:
        return point((*centre[:2], (1 - r) * pupil[2] + r * limbus[2]), angle)

    own_centres = "centres of their own: mix the points, not only the radii."
    slips = (
        (lambda r, angle: mixed(1 - r, angle), "r = 0 is the pupil and r = 1 the limbus."),
        (lambda r, angle: around(limbus, r, angle), f"the two circles have {own_centres}"),
        (lambda r, angle: around(pupil, r, angle), f"the two circles have {own_centres}"),
        (
            lambda r, angle: mixed(r, math.radians(angle)),
            "the angle is in radians already, as math.cos takes it.",
        ),
        (lambda r, angle: mixed(r, math.degrees(angle)), "math.cos takes radians, not degrees."),
        (lambda r, angle: mixed(r, angle)[::-1], "x comes first, then y."),
        (
            lambda r, angle: mixed(r, -angle),
            "y points down in a picture: a positive angle turns from x towards y, so add the sine.",
        ),
        (
            lambda r, angle: mixed(r, math.pi / 2 - angle),
            "x goes with the cosine and y with the sine of the angle.",
        ),
        (
            lambda r, angle: point(pupil, angle) + r * point(limbus, angle),
            "the weights 1 - r and r must add up to 1.",
        ),
    )
    places = ((0.0, 0.3), (1.0, 2.0), (0.25, 1.0), (0.7, 4.0))
    found = []
    for r, angle in places:
        given = place(pupil, limbus, r, angle)
        if given is None or np.shape(given) != (2,):
            return f"Not yet: it gives {given!r}; return two numbers, x and y."
        found.append(np.asarray(given, dtype=float))
    if all(np.allclose(value, mixed(*where)) for value, where in zip(found, places)):
        return "Right."
    for wrong, hint in slips:
        if all(np.allclose(value, wrong(*where)) for value, where in zip(found, places)):
            return f"Not yet: {hint}"
    return "Not yet: find the point of either circle at this angle, then mix them: (1 - r) of the pupil's, r of the limbus'."


def check_hamming(
    distance: Callable[[np.ndarray, np.ndarray, np.ndarray, np.ndarray], float] | None,
) -> str:
    """Masked Hamming distance without rotation: (bits_a, valid_a, bits_b, valid_b), bool arrays of one shape -> 0..1."""
    if distance is None:
        return UNANSWERED
    a, valid_a, b, valid_b = (
        np.random.default_rng(17).random((4, 12, 40)) < np.array([0.5, 0.8, 0.5, 0.7])[:, None, None]
    )
    both, differ = valid_a & valid_b, a ^ b
    right = (differ & both).sum() / both.sum()
    slips = (
        (differ.mean(), "that compares all bits; those under a lid say nothing of the iris."),
        (
            (differ & both).mean(),
            "the sum is right; divide it by the number of bits that are valid in both, not by all.",
        ),
        ((differ & both).sum(), "that is a number of bits; divide it by how many could be compared."),
        (1 - right, "that is the share of bits that agree."),
        ((differ & valid_a).sum() / valid_a.sum(), "the second code has a mask too."),
        ((differ & valid_b).sum() / valid_b.sum(), "the first code has a mask too."),
        (
            (differ & (valid_a | valid_b)).sum() / (valid_a | valid_b).sum(),
            "a bit counts if it is valid in both codes, not in one of them.",
        ),
        (
            ((a & valid_a) ^ (b & valid_b)).mean(),
            "a bit that is masked away is not a 0: leave it out of both sums.",
        ),
        (
            ((a & valid_a) ^ (b & valid_b)).sum() / both.sum(),
            "a bit that is masked away is not a 0: leave it out of both sums.",
        ),
    )
    given = distance(a.copy(), valid_a.copy(), b.copy(), valid_b.copy())
    if given is None or np.ndim(given) != 0:
        return f"Not yet: it gives {type(given).__name__}; return one number."
    for wrong, hint in slips:
        if math.isclose(given, wrong, rel_tol=1e-9):
            return f"Not yet: {hint}"
    if not math.isclose(given, right, rel_tol=1e-9):
        return "Not yet: of the bits valid in both codes, the share that differs."
    nobody = np.zeros_like(a)
    with np.errstate(all="ignore"):
        try:
            empty = distance(a, nobody, b, valid_b)
        except ZeroDivisionError:
            empty = None
    if empty is None or not math.isnan(empty):
        return (
            f"Not yet: with no bit to compare it gives {empty}, as if something were known; "
            "return nan (float('nan')) where no bit is valid in both."
        )
    return "Right."
