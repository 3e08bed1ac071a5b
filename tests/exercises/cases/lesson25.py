"""Lesson 25: answers that are right, and wrong ones with what the hint must say."""

import math

import numpy as np
import torch

from nbhelpers.exercises import lesson25


def sheet(pupil, limbus, r, angle):
    (x0, y0, inner), (x1, y1, outer) = pupil, limbus
    x = (1 - r) * (x0 + inner * math.cos(angle)) + r * (x1 + outer * math.cos(angle))
    return x, (1 - r) * (y0 + inner * math.sin(angle)) + r * (y1 + outer * math.sin(angle))


def as_array(pupil, limbus, r, angle):
    """The same by complex numbers."""
    inner, outer = (complex(x, y) + radius * np.exp(1j * angle) for x, y, radius in (pupil, limbus))
    z = (1 - r) * inner + r * outer
    return np.array([z.real, z.imag])


def one_centre(centre):
    def place(pupil, limbus, r, angle):
        x, y, _ = limbus if centre == "limbus" else pupil
        radius = (1 - r) * pupil[2] + r * limbus[2]
        return x + radius * math.cos(angle), y + radius * math.sin(angle)

    return place


def hamming(a, valid_a, b, valid_b):
    both = valid_a & valid_b
    return float(((a ^ b) & both).sum() / both.sum()) if both.any() else float("nan")


def by_masked_array(a, valid_a, b, valid_b):
    return float(np.ma.filled(np.ma.masked_array(a != b, ~(valid_a & valid_b)).mean(), np.nan))


def unguarded(a, valid_a, b, valid_b):
    both = valid_a & valid_b
    return int(((a ^ b) & both).sum()) / int(both.sum())


PAIRS = [
    ((300, 19_900), "are among these"),
    ((19_600, 300), "genuine pairs first"),
    ((600, 39_200), "counts once"),
    ((600, 39_800), "counts once"),
    ((800, 39_200), "no pair with itself"),
    ((200, 19_700), r"3 \+ 2 \+ 1 pairs"),
    ((150, 19_750), "pairs, not 3"),
    ((6, 19_894), "that is one person"),
    ((300, 1225), "so 16 pairs of pictures"),
    ((300, 2450), "pairs of people, twice"),
    ((300, 39_200), "whichever of the two"),
    (300, "genuine pairs and impostor pairs"),
    ((300, 20_000), "how many pairs do 4 pictures make"),
]

RIGHT = [
    (lesson25.check_pairs, (300, 19_600)),
    (lesson25.check_sheet, sheet),
    (lesson25.check_sheet, as_array),
    (lesson25.check_hamming, hamming),
    (lesson25.check_hamming, by_masked_array),
]
WRONG = [
    *((lesson25.check_pairs, answer, hint) for answer, hint in PAIRS),
    (lesson25.check_sheet, lambda a, b, r, t: sheet(b, a, r, t), "r = 0 is the pupil"),
    (lesson25.check_sheet, one_centre("limbus"), "mix the points"),
    (lesson25.check_sheet, one_centre("pupil"), "mix the points"),
    (lesson25.check_sheet, lambda a, b, r, t: sheet(a, b, r, math.radians(t)), "in radians already"),
    (lesson25.check_sheet, lambda a, b, r, t: sheet(a, b, r, math.degrees(t)), "not degrees"),
    (lesson25.check_sheet, lambda a, b, r, t: sheet(a, b, r, t)[::-1], "x comes first"),
    (lesson25.check_sheet, lambda a, b, r, t: sheet(a, b, r, -t), "y points down"),
    (lesson25.check_sheet, lambda a, b, r, t: sheet(a, b, r, math.pi / 2 - t), "x goes with the cosine"),
    (
        lesson25.check_sheet,
        lambda a, b, r, t: as_array(a, a, 0, t) + r * as_array(b, b, 0, t),
        "add up to 1",
    ),
    (lesson25.check_sheet, lambda a, b, r, t: sheet(a, b, r, t)[0], "two numbers"),
    (lesson25.check_sheet, lambda a, b, r, t: None, "two numbers"),
    (lesson25.check_sheet, lambda a, b, r, t: (0.0, 0.0), "then mix them"),
    (lesson25.check_hamming, lambda a, va, b, vb: (a ^ b).mean(), "under a lid"),
    (lesson25.check_hamming, lambda a, va, b, vb: (a ^ b & va & vb).mean(), "share that differs"),
    (lesson25.check_hamming, lambda a, va, b, vb: ((a ^ b) & va & vb).mean(), "not by all"),
    (lesson25.check_hamming, lambda a, va, b, vb: ((a ^ b) & va & vb).sum(), "number of bits"),
    (lesson25.check_hamming, lambda a, va, b, vb: 1 - hamming(a, va, b, vb), "that agree"),
    (lesson25.check_hamming, lambda a, va, b, vb: (a ^ b)[va].mean(), "second code has a mask"),
    (lesson25.check_hamming, lambda a, va, b, vb: (a ^ b)[vb].mean(), "first code has a mask"),
    (lesson25.check_hamming, lambda a, va, b, vb: (a ^ b)[va | vb].mean(), "valid in both codes"),
    (lesson25.check_hamming, lambda a, va, b, vb: ((a & va) ^ (b & vb)).mean(), "is not a 0"),
    (
        lesson25.check_hamming,
        lambda a, va, b, vb: ((a & va) ^ (b & vb)).sum() / (va & vb).sum(),
        "is not a 0",
    ),
    (lesson25.check_hamming, lambda a, va, b, vb: a ^ b, "one number"),
    (lesson25.check_hamming, lambda a, va, b, vb: None, "one number"),
    (lesson25.check_hamming, unguarded, "return nan"),
    (
        lesson25.check_hamming,
        lambda a, va, b, vb: hamming(a, va, b, vb) if (va & vb).any() else 0.0,
        "as if something were known",
    ),
]


def by_torch(pupil, limbus, r, angle):
    pupil, limbus = torch.tensor(pupil), torch.tensor(limbus)
    outwards = torch.tensor([math.cos(angle), math.sin(angle)])
    return torch.lerp(pupil[:2] + pupil[2] * outwards, limbus[:2] + limbus[2] * outwards, r)


def mixed_circle(pupil, limbus, r, angle):
    """A circle between the two: centre and radius are mixed alike."""
    x, y, radius = ((1 - r) * inner + r * outer for inner, outer in zip(pupil, limbus))
    return [x + radius * math.cos(angle), y + radius * math.sin(angle)]


def by_selection(a, valid_a, b, valid_b):
    return np.mean((a != b)[valid_a & valid_b])


def by_loops(a, valid_a, b, valid_b):
    pairs = [(x, y) for x, u, y, v in zip(a.flat, valid_a.flat, b.flat, valid_b.flat) if u and v]
    return sum(x != y for x, y in pairs) / len(pairs) if pairs else math.nan


def by_average(a, valid_a, b, valid_b):
    both = valid_a & valid_b
    return np.average(a ^ b, weights=both) if both.any() else np.float32("nan")


RIGHT += [
    (lesson25.check_sheet, by_torch),
    (lesson25.check_sheet, mixed_circle),
    (lesson25.check_sheet, lambda *where: np.array(sheet(*where), dtype=np.float32)),
    (lesson25.check_hamming, by_selection),
    (lesson25.check_hamming, by_loops),
    (lesson25.check_hamming, by_average),
]
WRONG += [
    (lesson25.check_sheet, lambda a, b, r, t: sheet(a, a, r, t), "whatever r is"),
    (
        lesson25.check_sheet,
        lambda a, b, r, t: sheet((*a[:2], 0), (*b[:2], 0), r, t),
        "between the two centres",
    ),
    (lesson25.check_sheet, lambda a, b, r, t: sheet(a, b, r**0.5, t), "then mix them"),
    (lesson25.check_sheet, lambda a, b, r, t: a + r * (b - a), "stops with TypeError in line"),
    (
        lesson25.check_hamming,
        lambda a, va, b, vb: by_selection(a, va, b, vb) if va.any() and vb.any() else 1.0,
        "nan",
    ),
    (
        lesson25.check_hamming,
        lambda a, va, b, vb: hamming(a, va, b, vb) if (va & vb).any() else None,
        "gives None, as if",
    ),
]
