"""The exercises of 07_unet_plusplus."""

from collections.abc import Callable, Iterable
from typing import Any

from nbhelpers.exercises import NotYet, as_numbers, call, exercise, expect

Place = tuple[int, int]


@exercise
def check_nodes(answer: int) -> None:
    """How many nodes does a U-Net++ of depth 5 have, the encoder's column included?"""
    slips = {
        15: "that is depth 4, or depth 5 without column 0; count the encoder's six nodes too.",
        36: "the grid is a triangle: a node has i + j of at most 5.",
        30: "the grid is a triangle: a node has i + j of at most 5.",
        20: "depth 5 has six rows, from stride 1 to stride 32.",
        11: "that is a plain U-Net of depth 5: six on the way down, five on the way up.",
        26: "those are nodes and heads; count the nodes alone.",
        28: "that is depth 6, whose rows begin with 7 nodes; depth 5 begins with 6.",
    }
    expect(answer, 21, slips, "row i holds the nodes j = 0 to 5 - i: add up the rows.")


@exercise
def check_join(answer: int) -> None:
    """How many channels enter the first convolution of nodes[1][3] at the paper's widths (32, 64, 128, 256, 512)?"""
    slips = {
        3 * 64: "the row is right; the doubled map from below is joined to it.",
        3 * 64
        + 128: "the transposed convolution that doubles the map from below also brings 128 channels to 64.",
        2 * 64: "in a plain U-Net one skip comes along; here all earlier nodes of the row do.",
        4 * 128: "row 1 has the second width.",
        3 * 32 + 64: "32 is the width of row 0; row 1 has the second width.",
        3 * 128: "128 is the width of row 2; row 1 has the second width.",
        3 * 64 + 256: "the map from below comes from row 2, and the doubling brings its channels to 64.",
    }
    hint = "add the channels of nodes[1][0] to nodes[1][2] and of the doubled map."
    expect(answer, 3 * 64 + 64, slips, hint)


@exercise
def check_sources(sources: Callable[[int, int], Iterable[Place]]) -> None:
    """Which nodes feed nodes[i][j]? A function of i and j that gives their places."""
    for i, j in ((0, 1), (0, 3), (1, 2), (2, 0), (0, 0), (1, 0), (3, 1), (2, 4), (4, 0)):
        found = call(sources, (i, j), ("i", "j"))
        if found is None:
            raise NotYet(f"for ({i}, {j}) it gives None; end with return.")
        listed = _places(found, f"for ({i}, {j}) it gives")
        found = set(listed)
        right = {(i, k) for k in range(j)} | {(i + 1, j - 1)} if j else {(i - 1, 0)} if i else set()
        if found != right:
            raise NotYet(f"for ({i}, {j}) it gives {_listed(found)}: {_slip(i, j, found, right)}")
        if len(listed) > len(found):
            raise NotYet(f"for ({i}, {j}) it gives {_listed(listed)}: list each node once.")


def _places(found: Any, gives: str) -> list[Place]:
    """The pairs of whole numbers in a list, set, tensor, ..."""
    try:
        pairs = as_numbers(list(found) if isinstance(found, set | frozenset) else found)
    except NotYet:
        raise NotYet(f"{gives} {found!r}; return a list of places, (i, j) each.") from None
    if pairs.shape == (2,):
        raise NotYet(f"{gives} one place; return a list of places, also where it holds only one: [(i, j)].")
    if pairs.size and pairs.shape[1:] != (2,):
        raise NotYet(f"{gives} {found!r}; return a list of places, (i, j) each.")
    return [tuple(int(n) if n == n // 1 else n for n in pair) for pair in pairs.reshape(-1, 2).tolist()]


def _slip(i: int, j: int, found: set[Place], right: set[Place]) -> str:
    if (i, j) in found:
        return "a node does not feed itself."
    if i == j == 0:
        return "nodes[0][0] gets the image, and no node feeds it: return an empty list."
    if j == 0:
        return "column 0 is the encoder, where the node above, one halving finer, is pooled."
    if (i - 1, j) in found or (i - 1, j + 1) in found or (i - 1, j - 1) in found:
        return "row 0 is the finest; the map that is doubled comes from row i + 1."
    if (i + 1, j) in found:
        return "from the row below comes column j - 1; column j there is a deeper U-Net's."
    if (i + 1, j - 1) not in found:
        return "the node one row below, in column j - 1, is missing: it is what gets doubled."
    missing = right - found
    if missing:
        return f"all earlier nodes of the row are skips; {_listed(missing)} is missing."
    return f"{_listed(found - right)} is one too many."


def _listed(places: Iterable[Place]) -> str:
    return ", ".join(map(str, sorted(places))) or "nothing"
