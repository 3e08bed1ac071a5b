"""The exercises of 25_iris_recognition."""

import math
from collections.abc import Callable, Sequence

import numpy as np

from nbhelpers.exercises import NotYet, as_numbers, call, exercise, expect, try_function

Circle = tuple[float, float, float]  # x, y, radius


@exercise
def check_pairs(answer: Sequence[int]) -> None:
    """How many genuine and how many impostor pairs do 4 pictures of one eye of each of 50 people make?"""
    pictures, genuine = 50 * 4, 50 * 6
    every = pictures * (pictures - 1) // 2
    slips = {
        (genuine, every): "genuine pairs are among these; the others are the impostors.",
        (every - genuine, genuine): "these are the right numbers in the wrong order: genuine pairs first.",
        (2 * genuine, 2 * (every - genuine)): "each pair counts once, whichever of the two comes first.",
        (2 * genuine, pictures * (pictures - 1)): "each pair counts once, whichever of the two comes first.",
        (50 * 16, pictures**2 - 50 * 16): "a picture makes no pair with itself, and each pair counts once.",
        (50 * 4, every - 50 * 4): "4 pictures of one eye make 3 + 2 + 1 pairs.",
        (50 * 3, every - 50 * 3): "4 pictures of one eye make 3 + 2 + 1 pairs, not 3.",
        (6, every - 6): "that is one person; there are 50.",
        (genuine, 50 * 49 // 2): "those are pairs of people; each has 4 pictures, so 16 pairs of pictures.",
        (genuine, 50 * 49 * 16): "each pair counts once, whichever of the two comes first.",
        (genuine, 50 * 49): "those are pairs of people, twice; each has 4 pictures.",
    }
    expect(
        answer,
        (genuine, every - genuine),
        slips,
        "how many pairs do 4 pictures make? And all 200? The rest of these are impostors.",
        wanted="two numbers, genuine pairs and impostor pairs",
    )


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
