"""Lesson 23: answers that are right, and wrong ones with what the hint must say."""

import re
from itertools import groupby

import numpy as np
import torch
from pycocotools import mask as coco_masks

from nbhelpers.datasets.annotations.runs import coco_counts
from nbhelpers.exercises.lesson23 import check_counts, check_first, check_triangle

TRIANGLE = [
    (32, "that is the area"),
    (36, "on the long side"),
    (45, "add the outline"),
    (64, "the square around it"),
    (21, "one row is missing"),
    (56, "twice as many"),
    (29, "count the rows again"),
    (27, "count the rows again"),
    (49, "a square of 7 x 7"),
    (30, "7 fit"),
]
FIRST = [
    ((1, 1), "along the rows"),
    ((1, 2), "row comes first"),
    ((1, 0), "a column of three, and two more"),
    ((1, 4), "a new column begins after three"),
    ((3, 2), "count both from 0"),
    ((3, 1), "count the row from 0"),
    ((2, 2), "count the column from 0"),
    ((0, 0), "the first count is of pixels outside"),
    ((0, 3), "counts are lengths, not places"),
    ((1, 3), "add up what lies outside"),
    ((2, 3), "after five pixels"),
    (5, "give two numbers"),
]


def by_groups(mask):
    groups = [(int(value), len(list(run))) for value, run in groupby(mask.T.ravel())]
    return [0] * groups[0][0] + [length for _, length in groups]


def by_edges(mask):
    flat = np.r_[0, mask.T.ravel()]  # one pixel outside before the first
    edges = np.flatnonzero(np.diff(flat))
    return np.diff(np.r_[0, edges, mask.size])


def by_pycocotools(mask):
    code = coco_masks.encode(np.asfortranarray(mask.astype(np.uint8)))
    return coco_counts(code["counts"].decode(), "the mask")


def by_torch(mask):
    values, lengths = torch.unique_consecutive(torch.from_numpy(mask.T.ravel()), return_counts=True)
    return lengths if values[0] == 0 else torch.cat([torch.zeros(1, dtype=torch.long), lengths])


def by_text(mask):
    text = "".join(map(str, mask.T.ravel()))
    counts = [len(run) for run in re.findall("0+|1+", text)]
    return counts if text[0] == "0" else (0, *counts)


COUNTS = [
    (lambda mask: by_groups(mask.T), "along the rows"),
    (
        lambda mask: [length for length in by_groups(mask) if length],
        "the first count, of pixels outside, is 0",
    ),
    (lambda mask: by_groups(1 - mask), "of pixels outside, which are 0"),
    (lambda mask: by_groups(mask[::-1]), "the upper left one"),
    (lambda mask: by_groups(mask[:, ::-1]), "the upper left one"),
    (lambda mask: np.cumsum(by_groups(mask)), "places where runs end"),
    (lambda mask: by_groups(mask)[1::2], "the ones outside belong between"),
    (lambda mask: by_groups(mask)[::2], "the ones inside belong between"),
    (lambda mask: by_groups(mask)[:-1], "the last run is missing"),
    (lambda mask: mask.T.ravel(), "say how many follow each other"),
    (
        lambda mask: len(by_groups(mask)),
        r"for \[\[0, 1, 1\], \[1, 1, 0\]\] it should give \[1, 4, 1\], but gives",
    ),
]
RIGHT = [
    (check_triangle, 28),
    (check_first, (2, 1)),
    *((check_counts, way) for way in (by_groups, by_edges, by_pycocotools, by_torch, by_text)),
]
WRONG = [
    (check, answer, hint)
    for check, slips in {check_triangle: TRIANGLE, check_first: FIRST, check_counts: COUNTS}.items()
    for answer, hint in slips
]
