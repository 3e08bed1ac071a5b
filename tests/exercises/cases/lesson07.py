"""Lesson 7: answers that are right, and wrong ones with what the hint must say."""

import numpy as np

from nbhelpers.exercises import lesson07

NUMBERS = {  # check: (right answer, {wrong: what the hint says})
    lesson07.check_nodes: (
        21,
        {
            15: "depth 4",
            36: "triangle",
            30: "triangle",
            20: "six rows",
            11: "plain U-Net",
            26: "heads",
            5: "add up",
        },
    ),
    lesson07.check_join: (
        256,
        {
            192: "from below is joined",
            320: "brings 128 channels to 64",
            128: "all earlier nodes",
            512: "second width",
            64: "add the channels",
        },
    ),
}


def right(i, j):
    if j == 0:
        return [(i - 1, 0)] if i else []
    return [(i, k) for k in range(j)] + [(i + 1, j - 1)]


SOURCES = [
    (lambda i, j: None, "gives None; end with return"),
    (lambda i, j: right(i, j) + [(i, j)], "does not feed itself"),
    (
        lambda i, j: [(i, 0), (i + 1, j - 1)] if j else right(i, j),
        r"all earlier nodes.*\(0, 1\), \(0, 2\) is missing",
    ),
    (lambda i, j: [(i, j - 1), (i + 1, j - 1)] if j else right(i, j), r"\(0, 0\), \(0, 1\) is missing"),
    (lambda i, j: [(i, k) for k in range(j)] if j else right(i, j), "what gets doubled"),
    (lambda i, j: [(i, k) for k in range(j)] + [(i + 1, j)] if j else right(i, j), "column j - 1"),
    (lambda i, j: [(i, k) for k in range(j)] + [(i - 1, j - 1)] if j else right(i, j), "row 0 is the finest"),
    (lambda i, j: right(i, j) if j else [(i + 1, 0)], "column 0 is the encoder"),
    (lambda i, j: right(i, j) if j else [], "column 0 is the encoder"),
    (lambda i, j: right(i, j) if i + j else [(-1, 0)], "no node feeds it"),
    (lambda i, j: right(i, j) + [(i + 2, 0)] if j else right(i, j), "one too many"),
]


RIGHT = [(check, answer) for check, (answer, _) in NUMBERS.items()]
RIGHT += [(lesson07.check_sources, right)]
RIGHT += [(lesson07.check_sources, lambda i, j: (tuple(place) for place in right(i, j)))]
WRONG = [(check, slip, hint) for check, (_, wrong) in NUMBERS.items() for slip, hint in wrong.items()]
WRONG += [(lesson07.check_sources, slip, r"Not yet: for \(.*" + hint) for slip, hint in SOURCES]


def as_array(i, j):
    return np.array(right(i, j)).reshape(-1, 2)


def by_search(i, j):
    """Of all places those that an arrow leads from: down the encoder, along a row, or up from below."""
    for row in range(i + 2):
        for column in range(j + 1):
            pooled = j == column == 0 and row == i - 1
            if pooled or (j > 0 and ((row == i and column < j) or (row, column) == (i + 1, j - 1))):
                yield row, column


RIGHT += [
    (lesson07.check_sources, function) for function in (as_array, by_search, lambda i, j: set(right(i, j)))
]
WRONG += [
    (lesson07.check_nodes, 28, "that is depth 6"),
    (lesson07.check_join, 160, "32 is the width of row 0"),
    (lesson07.check_join, 384, "128 is the width of row 2"),
    (lesson07.check_join, 448, "doubling brings its channels to 64"),
    (
        lesson07.check_sources,
        lambda i, j: right(i, j) if j else (i - 1, 0) if i else [],
        r"for \(2, 0\) it gives one place; return a list",
    ),
    (lesson07.check_sources, lambda i, j: right(i, j) * 2, "list each node once"),
    (lesson07.check_sources, lambda i, j: [1, 2, 3], "return a list of places"),
    (lesson07.check_sources, lambda i, j: "above", "return a list of places"),
    (lesson07.check_sources, lambda i, j: right(j, i), "the node one row below|column 0"),
    (lesson07.check_sources, lambda i: [], r"cannot be called with \(i, j\)"),
]
