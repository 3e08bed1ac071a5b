"""A network whose modules stand in a grid, `nodes[i][j]`, as a graph: U-Net++ drawn from what its forward does."""

import re

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch
from torch import Tensor, nn

from nbhelpers.visualisation.canvas import DPI, FAINT, INK, WIDTH, Picture, styled
from nbhelpers.visualisation.tracing import trace_modules

Place = tuple[int, int]  # row i, which halves the map i times; column j
DOWN, UP, SKIP = "#57606a", "#0072b2", "#d55e00"
ENCODER, INNER, HEAD, LEFT_OUT = "#fbd38d", "#9ec9e6", "#d5e8d4", "#eaeef2"
MOST_ROWS = 6


@styled
def show_nested(model: nn.Module, images: Tensor, *, keep: int | None = None) -> Picture:
    """The grid `model.nodes[i][j]` for `images` (N, 3, H, W): who feeds whom, and the channels of each node.

    Arrows are found by running the model: down (grey) where the map is halved, up (blue) where it is doubled,
    skips (orange, dashed) along a row. `model.heads` are drawn above the first row. With `keep`, whatever a
    network pruned to that depth lacks (i + j > keep) is pale.

    Raises ValueError for a model whose forward calls no `nodes.i.j`, more rows than can be read, or another `keep`.
    """
    shapes, edges, heads = _grid(model, images)
    depth = max((i + j for i, j in shapes), default=0)
    if (0, 0) not in shapes or not 1 <= depth < MOST_ROWS:
        raise ValueError(
            f"{type(model).__name__} calls {len(shapes)} modules nodes.i.j, but must call a triangle of them, 2 to {MOST_ROWS} "
            "rows with column 0: pass a U-Net++ without encoder"
        )
    keep = depth if keep is None else keep
    if not 1 <= keep <= depth:
        raise ValueError(f"keep is {keep}, but must be 1 to {depth}, a depth of this network")
    step = (WIDTH - 1.9) / (2 * depth)  # inches between neighbours; a row is shifted by one against the next
    at = {(i, j): (1.35 + (2 * j + i) * step, -0.92 * i) for i, j in shapes}
    low, high = -0.92 * depth - 0.75, 1.65
    figure = Figure(figsize=(WIDTH, high - low), dpi=DPI)
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, WIDTH), ylim=(low, high))
    axes.set_axis_off()
    for i in range(depth + 1):
        axes.text(0.06, -0.92 * i, "{} × {}".format(*shapes[i, 0][-2:]), va="center", color=DOWN)
    for start, end in edges:
        _connect(axes, at, start, end, pale=sum(start) > keep or sum(end) > keep)
    for (i, j), shape in shapes.items():
        colour = ENCODER if j == 0 else INNER
        _box(axes, at[i, j], f"{i},{j}", str(shape[1]), colour, pale=i + j > keep)
    for j in heads:
        x, pale = at[0, j][0], j > keep
        _arrow(axes, (x, 0.24), (x, 1.16), LEFT_OUT if pale else DOWN)
        _box(axes, (x, 1.34), f"head {j}", "", HEAD, pale=pale)
    caption = (
        "in a node: i,j and its channels    left: height × width    grey: pool    blue: up    orange: skip"
    )
    axes.text(WIDTH / 2, low + 0.1, caption, ha="center", va="bottom", size=9, color=DOWN)
    return Picture(figure, _words(model, shapes, edges, heads, keep if keep < depth else None))


def _grid(
    model: nn.Module, images: Tensor
) -> tuple[dict[Place, tuple[int, ...]], list[tuple[Place, Place]], list[int]]:
    """The output shape of each node, the edges between nodes, and the columns that have a head."""
    shapes: dict[Place, tuple[int, ...]] = {}
    edges: list[tuple[Place, Place]] = []
    heads: list[int] = []
    made_by: list[set[Place]] = []  # for each stage, the nodes whose output it hands on
    for stage in trace_modules(model, images):
        sources = set().union(*(made_by[source] for source in stage.sources))
        if found := re.fullmatch(r"nodes\.(\d+)\.(\d+)", stage.name):
            place = (int(found[1]), int(found[2]))
            shapes[place] = stage.shape
            edges += [(source, place) for source in sorted(sources)]
            made_by.append({place})
        else:  # pooling hands on what it halves
            heads += [j for _, j in sources] if stage.name.startswith("heads.") else []
            made_by.append(sources)
    return shapes, edges, heads


def _box(axes: Axes, middle: tuple[float, float], title: str, below: str, colour: str, *, pale: bool) -> None:
    width, height = (0.56, 0.4) if below else (0.66, 0.3)
    x, y = middle
    axes.add_patch(
        FancyBboxPatch(
            (x - width / 2, y - height / 2),
            width,
            height,
            boxstyle="round,pad=0,rounding_size=0.08",
            facecolor="white" if pale else colour,
            edgecolor=FAINT if pale else INK,
            linestyle=":" if pale else "-",
            linewidth=0.8,
            zorder=3,
        )
    )
    text = {"ha": "center", "va": "center", "zorder": 4, "color": FAINT if pale else INK}
    axes.text(x, y + (0.085 if below else 0), title, weight="bold", size=9, **text)
    axes.text(x, y - 0.095, below, size=9, **text)


def _connect(
    axes: Axes, at: dict[Place, tuple[float, float]], start: Place, end: Place, *, pale: bool
) -> None:
    (x, y), (to_x, to_y) = at[start], at[end]
    colour = SKIP if start[0] == end[0] else DOWN if start[0] < end[0] else UP
    colour = LEFT_OUT if pale else colour
    if start[0] != end[0]:
        side = 0.2 if start[0] < end[0] else -0.2
        _arrow(axes, (x + 0.12, y - side), (to_x - 0.12, to_y + side), colour)
    elif end[1] == start[1] + 1:
        _arrow(axes, (x + 0.28, y), (to_x - 0.28, to_y), colour, dashed=True)
    else:  # over the heads of the nodes between, each on an arc of its own
        bend = -0.2 - 0.02 * (end[1] - start[1])
        _arrow(axes, (x + 0.15, y + 0.2), (to_x - 0.15, to_y + 0.2), colour, dashed=True, bend=bend)


def _arrow(
    axes: Axes,
    start: tuple[float, float],
    end: tuple[float, float],
    colour: str,
    *,
    dashed: bool = False,
    bend: float = 0.0,
) -> None:
    axes.add_patch(
        FancyArrowPatch(
            start,
            end,
            arrowstyle="-|>",
            connectionstyle=f"arc3,rad={bend}",
            mutation_scale=9,
            color=colour,
            linestyle="--" if dashed else "-",
            linewidth=1.1,
            shrinkA=0,
            shrinkB=0,
            zorder=1 if colour == LEFT_OUT else 2,
        )
    )


def _words(
    model: nn.Module,
    shapes: dict[Place, tuple[int, ...]],
    edges: list[tuple[Place, Place]],
    heads: list[int],
    keep: int | None,
) -> str:
    rows: dict[int, list[str]] = {}
    for (i, j), shape in sorted(shapes.items()):
        feeding = [f"{a},{b}" for (a, b), place in edges if place == (i, j)]
        fed = f" from {' '.join(feeding)}" if feeding else ""
        rows.setdefault(i, []).append(f"{i},{j} ({shape[1]} channels{fed})")
    words = [f"{shapes[i, 0][-2]} × {shapes[i, 0][-1]}: {', '.join(row)}" for i, row in rows.items()]
    after = f" Heads at columns {', '.join(map(str, heads))}." if heads else ""
    if keep is not None:
        lost = [f"{i},{j}" for i, j in sorted(shapes) if i + j > keep]
        after += f" Pale, left out at depth {keep}: {', '.join(lost)}."
    return f"Nodes i,j of {type(model).__name__}, a row a size. {'; '.join(words)}.{after}"
