"""Which layer of a block reads which."""

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure
from matplotlib.patches import Arc

from nbhelpers.visualisation.canvas import DPI, INK, WIDTH, Picture, styled
from nbhelpers.visualisation.charts import RUNS


@styled
def show_links(blocks: Mapping[str, Mapping[int, Sequence[int]]]) -> Picture:
    """Layers as dots from left to right, 0 being the block's input, and an arc for each link between two.

    `blocks` are {name: {layer: the earlier layers that it reads}}, one row a name. Raises ValueError where there is
    no link, or where a layer reads itself or a later one.
    """
    for name, block in blocks.items():
        for layer, read in block.items():
            if any(not 0 <= source < layer for source in read):
                raise ValueError(
                    f"in {name!r} layer {layer} reads {list(read)}, but must read earlier layers, from 0"
                )
    last = max((layer for block in blocks.values() for layer in block), default=0)
    if not last:
        raise ValueError(f"there must be a link at least, but the blocks are {dict(blocks)}")
    figure = Figure(figsize=(WIDTH * 0.8, 1.75 * len(blocks)), dpi=DPI, layout="constrained")
    words = []
    rows = figure.subplots(len(blocks), 1, squeeze=False)[:, 0]
    for index, (axes, (name, block)) in enumerate(zip(rows, blocks.items(), strict=True)):
        colour = RUNS[index % len(RUNS)]
        for layer, read in block.items():
            for source in read:
                axes.add_patch(
                    Arc(
                        ((source + layer) / 2, 0), layer - source, 2 * (layer - source) ** 0.6,
                        theta1=0, theta2=180, color=colour, linewidth=1.5,
                    )
                )  # fmt: skip
        layers = range(max(block) + 1)
        axes.plot(layers, [0] * len(layers), "o", color=INK, markersize=7, zorder=3)
        for layer in layers:
            axes.annotate(str(layer), (layer, 0), (0, -8), textcoords="offset points", ha="center", va="top")
        links = sum(map(len, block.values()))
        axes.set_title(f"{name}: {links} links", loc="left", weight="bold")
        axes.set(xlim=(-0.3, last + 0.3), ylim=(-0.9, last**0.6 + 0.1))
        axes.set_axis_off()
        read = "; ".join(
            f"{layer} reads {', '.join(map(str, sorted(read)))}" for layer, read in block.items()
        )
        words.append(f"{name}, {links} links: {read}")
    return Picture(figure, f"Layers as dots and links as arcs. {'. '.join(words)}.")
