"""Networks as pictures: the staircase of feature maps, single feature maps, the effective receptive field."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import log2

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, Rectangle
from torch import Tensor, nn
from torch.nn import functional as F

from nbhelpers.visualisation.canvas import DPI, INK, WIDTH, Picture, panels, styled
from nbhelpers.visualisation.labels import as_rgb
from nbhelpers.visualisation.probe import Stage, as_batch, feature_maps, field_sides, trace

MOST_BLOCKS = 24  # more cannot be read in a picture WIDTH wide
LINE = 0.15  # inches, of text at 9 points
HEAT = matplotlib.colormaps["magma"].resampled(17)  # a few steps are enough, and keep the files small
STEP, SKIP, BLOCK, ENDS = "#57606a", "#d55e00", "#9ec9e6", "#fbd38d"


@dataclass(frozen=True)
class Block:
    """A stage as drawn: its place and size in inches, and the blocks that feed it."""

    stage: Stage
    x: float
    y: float  # of the middle
    width: float
    height: float
    sources: tuple[int, ...]


@styled
def show_staircase(model: nn.Module, images: Tensor, *, depth: int = 1) -> Picture:
    """The feature maps of `model` for `images` (N, 3, H, W), left to right as they are made.

    Each stage with weights is a block: the taller, the larger the map; the wider, the more channels (both on
    a log scale); the lower, the coarser. So a U-Net draws the U of its paper. Arrows lead along the main path, the
    longest from the images to the logits; dashed ones are skips, shorter ways. Stages are the modules `depth`
    levels down; see `trace`.

    Raises ValueError if there are no maps (N, C, h, w) to draw, or more stages than can be read.
    """
    blocks = _place(trace(model, images, depth))
    left, right = -0.95, blocks[-1].x + blocks[-1].width + 0.4  # inches; the sizes stand at the left
    low = min(block.y - block.height / 2 for block in blocks) - 0.75
    bows = {  # of every arrow, by the blocks at its ends
        (start, end): _bow(blocks, start, end) for end, block in enumerate(blocks) for start in block.sources
    }
    tops = [block.y + block.height / 2 + 0.3 for block in blocks]
    high = max(tops + [blocks[end].y + bow + 0.1 for (_, end), bow in bows.items()])
    figure = Figure(figsize=(right - left, high - low), dpi=DPI)
    axes = figure.add_axes((0, 0, 1, 1), xlim=(left, right), ylim=(low, high))
    axes.set_axis_off()
    for size, y in {block.stage.shape[-2:]: block.y for block in blocks}.items():
        axes.text(left + 0.08, y, "{} × {}".format(*size), va="center", color=STEP)
    main_path = _main_path(blocks)
    skips = []
    for (start, end), bow in bows.items():
        is_skip = (start, end) not in main_path
        _connect(axes, blocks[start], blocks[end], is_skip, bow)
        if is_skip:
            skips.append(f"{blocks[start].stage.name} to {blocks[end].stage.name}")
    for index, block in enumerate(blocks):
        _draw(axes, block, BLOCK if 0 < index < len(blocks) - 1 else ENDS)
    caption = "left: height × width of the map    above a block: its channels"
    caption += "    dashed: skip" if skips else ""
    axes.text((left + right) / 2, low + 0.08, caption, ha="center", va="bottom", size=9, color=STEP)
    steps = "; ".join("{} {} × {} × {}".format(block.stage.name, *block.stage.shape[1:]) for block in blocks)
    return Picture(
        figure,
        f"Feature maps of {type(model).__name__} as blocks, channels × height × width: {steps}. "
        f"{'Skips: ' + ', '.join(skips) if skips else 'No skips'}.",
    )


def _place(stages: Sequence[Stage]) -> list[Block]:
    """Give every stage that is drawn its place; what has no weights (pooling) stands for what feeds it."""
    drawn: list[Stage] = []
    sources: list[tuple[int, ...]] = []
    position: dict[int, tuple[int, ...]] = {}  # stage -> the blocks that stand for its output
    for index, stage in enumerate(stages):
        before = tuple(sorted({block for source in stage.sources for block in position[source]}))
        if len(stage.shape) == 4 and (stage.mixes or index == 0):
            position[index] = (len(drawn),)
            drawn.append(stage)
            sources.append(before)
        else:
            position[index] = before
    if not 2 <= len(drawn) <= MOST_BLOCKS:
        raise ValueError(
            f"{len(drawn) - 1} stages give maps (N, C, h, w), but a staircase shows 1 to {MOST_BLOCKS - 1}: "
            "choose another depth, or print trace_shapes(model, images)"
        )
    sizes = [stage.shape[-2:] for stage in drawn]
    widths = [0.08 + 0.045 * log2(stage.shape[1]) for stage in drawn]
    heights = [0.25 + 0.17 * max(0.5 * log2(height * width) - 2, 0) for height, width in sizes]
    level_y, y = {}, 0.0
    for size in sorted(set(sizes), reverse=True):
        height = max(h for h, other in zip(heights, sizes, strict=True) if other == size)
        level_y[size] = y - height / 2
        y -= height + 0.36 + LINE * max(_lines(stage) for stage in drawn if stage.shape[-2:] == size)
    gap = min(0.4, max(0.18, (WIDTH - 1.8 - sum(widths)) / len(drawn)))
    blocks: list[Block] = []
    x = 0.15
    for stage, width, height, feeding in zip(drawn, widths, heights, sources, strict=True):
        if blocks and blocks[-1].stage.shape[-2:] == stage.shape[-2:]:
            # side by side, so the names beneath must not touch
            names = (_name_width(blocks[-1].stage) - blocks[-1].width + _name_width(stage) - width) / 2
            x += max(0.0, names + 0.08 - gap)
        blocks.append(Block(stage, x, level_y[stage.shape[-2:]], width, height, feeding))
        x += width + gap
    return blocks


def _bow(blocks: Sequence[Block], start: int, end: int) -> float:
    """How high an arrow must rise, in inches, to pass over the blocks that stand between its ends."""
    level = blocks[start].y
    over = [block.height for block in blocks[start + 1 : end] if block.y == level == blocks[end].y]
    return max(over) / 2 + 0.35 if over else 0.0


def _main_path(blocks: Sequence[Block]) -> set[tuple[int, int]]:
    """The arrows (from, to) of the longest way from the first block to the last."""
    steps = [0] * len(blocks)
    for index, block in enumerate(blocks):
        steps[index] = 1 + max((steps[source] for source in block.sources), default=0)
    path, end = set(), len(blocks) - 1
    while blocks[end].sources:
        start = max(blocks[end].sources, key=lambda source: steps[source])
        path.add((start, end))
        end = start
    return path


def _wrapped(stage: Stage) -> str:
    """Break a long name after dots and underscores: `segmentation_head` in two lines."""
    lines = [""]
    for part in re.findall(r"[^._]*[._]?", stage.name):
        if lines[-1] and len(lines[-1] + part) > 11:
            lines.append("")
        lines[-1] += part
    return "\n".join(lines)


def _lines(stage: Stage) -> int:
    return _wrapped(stage).count("\n") + 1


def _name_width(stage: Stage) -> float:
    return 0.075 * max(map(len, _wrapped(stage).split("\n")))  # inches at 9 points


def _draw(axes: Axes, block: Block, colour: str) -> None:
    middle, bottom = block.x + block.width / 2, block.y - block.height / 2
    axes.add_patch(
        Rectangle(
            (block.x, bottom),
            block.width,
            block.height,
            facecolor=colour,
            edgecolor=INK,
            linewidth=0.8,
            zorder=4,
        )
    )
    over_arrows = {  # and under the block
        "ha": "center",
        "zorder": 3,
        "bbox": {"facecolor": "white", "edgecolor": "none", "pad": 0.6},
    }
    channels = str(block.stage.shape[1])
    axes.text(middle, bottom + block.height + 0.05, channels, va="bottom", weight="bold", **over_arrows)
    axes.text(
        middle,
        bottom - 0.17 - LINE * (_lines(block.stage) - 1),  # the baseline of the last line
        _wrapped(block.stage),
        va="baseline",
        size=9,
        color=STEP,
        linespacing=1.05,
        **over_arrows,
    )


def _connect(axes: Axes, start: Block, end: Block, is_skip: bool, bow: float) -> None:
    begin = (start.x + start.width, start.y)
    arrive = (end.x, end.y)
    axes.add_patch(
        FancyArrowPatch(
            begin,
            arrive,
            arrowstyle="-|>",
            connectionstyle=f"arc3,rad={-2 * bow / (end.x - start.x - start.width)}",  # the bow is half as high
            mutation_scale=11,
            color=SKIP if is_skip else STEP,
            linestyle="--" if is_skip else "-",
            linewidth=1.3,
            shrinkA=1,
            shrinkB=1,
            zorder=2,
        )
    )


@styled
def show_feature_maps(
    model: nn.Module, image: Tensor, layers: Sequence[str], *, channels: int = 6
) -> Picture:
    """What layers of `model` see in one image (3, H, W): a row a layer, bright where a channel is high.

    The first column is the image at the layer's resolution; then come the channels that vary most over the
    image, each stretched to its own range. `layers` are names out of `model.named_modules()`. Errors as in
    `feature_maps`.
    """
    maps = feature_maps(model, image, layers)
    batch = as_batch(image)
    figure, axes = panels(len(maps), channels + 1, tuple(batch.shape[-2:]), head=0.28)
    words = []
    for row, (name, layer) in zip(axes, maps.items(), strict=True):
        count, height, width = layer.shape
        row[0].imshow(
            as_rgb(F.interpolate(batch, size=(height, width), mode="area")[0].clamp(0, 1)),
            interpolation="nearest",
        )
        row[0].set_title(f"{name}: {count} maps of {height} × {width}", loc="left", pad=4)
        chosen = (
            layer.flatten(1)
            .std(dim=1, correction=0)
            .argsort(descending=True, stable=True)[:channels]
            .tolist()
        )
        for panel, channel in zip(row[1 : 1 + len(chosen)], chosen, strict=True):
            panel.imshow(layer[channel].numpy(), cmap=HEAT, interpolation="nearest")
        for panel in row[1 + len(chosen) :]:
            panel.set_axis_off()
        words.append(f"{name}, {count} channels of {height} × {width}, shown {', '.join(map(str, chosen))}")
    return Picture(figure, f"Feature maps of {type(model).__name__} for one image: {'; '.join(words)}.")


@styled
def show_receptive_field(fields: np.ndarray | Mapping[str, np.ndarray]) -> Picture:
    """Effective receptive fields (H, W) as `effective_receptive_field` gives them, one or {name: field}.

    Brightness is the influence of each input pixel on the centre, relative to the strongest, on a log scale.
    The dashed square holds all influence, the solid one 95 % of it; the titles give their sides in pixels.
    """
    fields = fields if isinstance(fields, Mapping) else {"": fields}
    names = ("1 (strongest)", "1/10", "1/100", "1/1000", "less")
    decades = {name: np.array(HEAT(1 - step / 4)[:3]) * 255 for step, name in enumerate(names)}
    shape = tuple(max(field.shape[axis] for field in fields.values()) for axis in (0, 1))
    narrow = len(fields) > 2  # the titles need a line more
    head = 0.25 + 0.2 * any(fields) + 0.2 * narrow
    figure, (axes,) = panels(1, len(fields), shape, legend=decades, head=head)
    words = []
    for panel, (name, field) in zip(axes, fields.items(), strict=True):
        reach, effective = field_sides(field)
        height, width = field.shape
        cut = reach >= min(height, width)  # there may be more influence outside the image
        relative = np.log10(np.maximum(field / field.max(), 1e-4))
        panel.imshow(relative, cmap=HEAT, vmin=-4, vmax=0, interpolation="nearest")
        for side, line in ((reach, "--"), (effective, "-")):
            corner = (width // 2 - side / 2, height // 2 - side / 2)
            panel.add_patch(
                Rectangle(corner, side, side, fill=False, edgecolor="white", linestyle=line, linewidth=1.2)
            )
        panel.set(xlim=(-0.5, width - 0.5), ylim=(height - 0.5, -0.5))
        reach_text = f"at least {min(reach, max(height, width))}" if cut else str(reach)
        title = f"reaches {reach_text} px, 95 % within {effective} px"
        shown = title.replace(", ", ",\n") if narrow else title
        panel.set_title(f"{name}\n{shown}" if name else shown, pad=4)
        words.append(f"{name}: {title}" if name else title)
    return Picture(figure, f"Influence of each input pixel on the centre pixel's logits: {'; '.join(words)}.")
