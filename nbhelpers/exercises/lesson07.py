"""The exercises of 07_unet_plusplus."""

from collections.abc import Callable, Iterable

from nbhelpers.exercises import UNANSWERED, verdict

Place = tuple[int, int]


def check_nodes(answer: int | None) -> str:
    """How many nodes has a U-Net++ of depth 5, the encoder's column included?"""
    slips = {
        15: "that is depth 4, or depth 5 without column 0; count the encoder's six nodes too.",
        36: "the grid is a triangle: a node has i + j of at most 5.",
        30: "the grid is a triangle: a node has i + j of at most 5.",
        20: "depth 5 has six rows, from stride 1 to stride 32.",
        11: "that is a plain U-Net of depth 5: six on the way down, five on the way up.",
        26: "those are nodes and heads; count the nodes alone.",
    }
    return verdict(answer, 21, slips, "row i holds the nodes j = 0 to 5 - i: add up the rows.")


def check_join(answer: int | None) -> str:
    """How many channels enter the first convolution of nodes[1][3] at the paper's widths (32, 64, 128, 256, 512)?"""
    slips = {
        3 * 64: "the row is right; the doubled map from below is joined to it.",
        3 * 64
        + 128: "the transposed convolution that doubles the map from below also brings 128 channels to 64.",
        2 * 64: "in a plain U-Net one skip comes along; here all earlier nodes of the row do.",
        4 * 128: "row 1 has the second width.",
    }
    return verdict(
        answer, 3 * 64 + 64, slips, "add the channels of nodes[1][0] to nodes[1][2] and of the doubled map."
    )


def check_sources(sources: Callable[[int, int], Iterable[Place]] | None) -> str:
    """Which nodes feed nodes[i][j]? A function of i and j that gives their places."""
    if sources is None:
        return UNANSWERED
    for i, j in ((0, 1), (0, 3), (1, 2), (2, 0), (0, 0)):
        found = sources(i, j)
        if found is None:
            return f"Not yet: for ({i}, {j}) it gives None; end with return."
        found = {tuple(place) for place in found}
        right = {(i, k) for k in range(j)} | {(i + 1, j - 1)} if j else {(i - 1, 0)} if i else set()
        if found != right:
            return f"Not yet: for ({i}, {j}) it gives {_listed(found)}: {_slip(i, j, found, right)}"
    return "Right."


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


def _listed(places: set[Place]) -> str:
    return ", ".join(map(str, sorted(places))) or "nothing"
