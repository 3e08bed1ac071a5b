"""A network as a staircase: its maps as blocks, the finer the higher, and how each goes into the next."""

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Circle, PathPatch, Polygon, Rectangle
from matplotlib.path import Path
from torch import Tensor, nn

from nbhelpers.visualisation.blocks import LATERAL, STEP, Block, blocks_of
from nbhelpers.visualisation.canvas import DPI, INK, WIDTH, Picture, styled
from nbhelpers.visualisation.layout import LETTER, RADIUS, Layout, Place, times
from nbhelpers.visualisation.tracing import ADDED, CONCATENATED, INDICES, MULTIPLIED, OTHERWISE, trace
from nbhelpers.visualisation.wires import Point

MOST_BLOCKS = 24  # more cannot be read in a picture WIDTH wide
GREY, BLOCK, ENDS = "#57606a", "#9ec9e6", "#fbd38d"
LINES = {  # colour and dashes: safe for colour-blind eyes, and told apart without colour too
    STEP: (GREY, "-"),
    LATERAL: ("#0072b2", (0, (7, 2, 1.5, 2))),
    ADDED: ("#00805e", (0, (2.5, 1.5))),
    CONCATENATED: ("#d55e00", (0, (5.5, 2.5))),
    INDICES: ("#a3357a", (0, (1, 1.3))),
    MULTIPLIED: ("#8c6d00", (0, (5, 1.5, 1, 1.5, 1, 1.5))),
    OTHERWISE: ("#8c6d00", (0, (9, 2))),
}


@styled
def show_staircase(
    model: nn.Module, images: Tensor, *, depth: int = 1, names: Mapping[str, str] | None = None
) -> Picture:
    """The feature maps of `model` for `images` (N, 3, H, W), left to right as they are made.

    Each map is a block: the taller, the larger the map; the wider, the more channels (both on a log scale); the lower,
    the coarser. So a U-Net draws the U of its paper. White blocks are maps that no layer with weights makes, such as a
    pooled one that nothing but a skip reads; circles are sums (+) and concatenations (c) outside of the modules.
    Arrows tell how a map is taken in, as the legend says; all is found by running the model.

    Layers are the modules `depth` levels down; see `trace`. `names` are what to write instead: {path of a module or of
    what it is in: text, or label as drawn: text}. What has the same name is numbered.

    Raises ValueError if there are no maps (N, C, h, w) to draw, or more than can be read, and for unknown names.
    """
    names = names or {}
    blocks = blocks_of(trace(model, images, depth), names)
    maps = [block for block in blocks if not block.sign]
    if not 2 <= len(maps) <= MOST_BLOCKS:
        raise ValueError(
            f"{len(maps) - 1} stages give maps (N, C, h, w), but a staircase shows 1 to {MOST_BLOCKS - 1}: "
            "choose another depth, or print trace_shapes(model, images)"
        )
    labels, modules = [block.label for block in blocks], dict(model.named_modules())
    for name, text in names.items():
        if name not in modules and text not in labels:
            raise ValueError(
                f"names has {name!r}, but this {type(model).__name__} has no such module, and its blocks are "
                f"{', '.join(labels)}"
            )
    layout = Layout(blocks)
    kinds = [kind for kind in LINES if any(kind in block.arrows.values() for block in blocks)]
    width = max(layout.right - layout.left, 5.0)  # the legend needs some room too
    low = layout.low - 0.3 - 0.22 * -(-len(kinds) // _legend_columns(kinds, width))
    scale = min(1.0, WIDTH / width)
    type_size = scale * layout.type_size
    figure = Figure(figsize=(width * scale, (layout.high - low) * scale), dpi=DPI)
    axes = figure.add_axes((0, 0, 1, 1), xlim=(layout.left, layout.left + width), ylim=(low, layout.high))
    axes.set_axis_off()
    for size, row in zip(layout.sizes, range(len(layout.sizes)), strict=True):
        y = layout.places[layout.rows.index(row)].y
        axes.text(layout.left + 0.08, y, times(size), va="center", color=GREY, size=9 * type_size)
    for start, end, corners in layout.ways():
        _arrow(axes, corners, *LINES[blocks[end].arrows[start]])
    for index, (block, place) in enumerate(zip(blocks, layout.places, strict=True)):
        colour = ENDS if index in (0, len(blocks) - 1) else BLOCK if block.has_weights else "white"
        _draw(axes, block, place, colour, type_size)
    _explain(axes, blocks, kinds, (layout.left + width / 2, low), width, type_size)
    return Picture(figure, _words(model, blocks))


def _draw(axes: Axes, block: Block, place: Place, colour: str, type_size: float) -> None:
    outline = {"edgecolor": INK, "linewidth": 0.8, "zorder": 4}
    bottom = place.y - place.height / 2
    if place.is_round:
        axes.add_patch(Circle((place.x, place.y), RADIUS, facecolor="white", **outline))
        axes.text(
            place.x, place.y, block.sign, ha="center", va="center_baseline", size=11 * type_size, zorder=5
        )
    else:
        corner = (place.x - place.width / 2, bottom)
        axes.add_patch(Rectangle(corner, place.width, place.height, facecolor=colour, **outline))
    above = {"ha": "center", "va": "bottom", "weight": "bold", "size": 10 * type_size}
    axes.text(place.x, bottom + place.height + 0.04, str(block.shape[1]), **above)
    below = {"ha": "center", "va": "top", "size": 9 * type_size, "color": GREY, "linespacing": 1.05}
    axes.text(place.x, bottom - 0.06, place.name, **below)


def _arrow(axes: Axes, points: Sequence[Point], colour: str, dashes: object) -> None:
    """A line with round corners and a head."""
    (x, y), head = points[-1], 0.09
    line = [*points[:-1], (x - head, y)]
    vertices, codes = [line[0]], [Path.MOVETO]
    for before, corner, after in zip(line[:-2], line[1:-1], line[2:], strict=True):
        for point, code in ((before, Path.LINETO), (after, Path.CURVE3)):
            length = abs(point[0] - corner[0]) + abs(point[1] - corner[1])
            share = min(0.07, length / 2) / length if length else 0
            near = (corner[0] + share * (point[0] - corner[0]), corner[1] + share * (point[1] - corner[1]))
            vertices += [near] if code == Path.LINETO else [corner, near]
            codes += [code] if code == Path.LINETO else [code, code]
    style = {"edgecolor": colour, "linewidth": 1.5, "linestyle": dashes, "capstyle": "butt", "zorder": 2}
    axes.add_patch(PathPatch(Path([*vertices, line[-1]], [*codes, Path.LINETO]), facecolor="none", **style))
    triangle = [(x, y), (x - head, y + 0.04), (x - head, y - 0.04)]
    axes.add_patch(Polygon(triangle, facecolor=colour, edgecolor="none", zorder=3))


def _legend_columns(kinds: Sequence[str], width: float) -> int:
    return max(1, min(len(kinds), int(width / (0.75 + LETTER * max(map(len, kinds))))))


def _explain(
    axes: Axes, blocks: Sequence[Block], kinds: Sequence[str], foot: Point, width: float, type_size: float
) -> None:
    middle, low = foot
    signs = {block.sign for block in blocks}
    words = ["left: height × width of the map", "above a block: its channels"]
    if any(not (block.has_weights or block.sign) for block in blocks[:-1]):
        words.append("white: without weights")
    if "c" in signs:
        words.append("c: concatenation")
    axes.text(
        middle, low + 0.08, "    ".join(words), ha="center", va="bottom", size=9 * type_size, color=GREY
    )
    handles = [
        Line2D([], [], color=LINES[kind][0], linestyle=LINES[kind][1], linewidth=1.5, label=kind)
        for kind in kinds
    ]
    axes.legend(
        handles=handles,
        loc="lower center",
        bbox_to_anchor=(middle, low + 0.26),
        bbox_transform=axes.transData,
        ncols=_legend_columns(kinds, width),
        fontsize=9 * type_size,
        handlelength=3.2,
        borderpad=0.0,
        borderaxespad=0.0,
    )


def _words(model: nn.Module, blocks: Sequence[Block]) -> str:
    maps = "; ".join(f"{block.label} ({times(block.shape[1:])})" for block in blocks)
    ways = []
    for kind in LINES:
        pairs = [
            f"{blocks[start].label} to {block.label}"
            for block in blocks
            for start in block.arrows
            if block.arrows[start] == kind
        ]
        if pairs and kind != STEP:
            ways.append(f"{kind.capitalize()}: {', '.join(pairs)}")
    told = ". ".join(ways) or "No skips"
    return f"Feature maps of {type(model).__name__} as blocks, channels × height × width: {maps}. {told}."
