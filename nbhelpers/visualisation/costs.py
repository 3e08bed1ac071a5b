"""What a network costs: the operations and the traffic of its convolutions, the bytes that training keeps.

Both are counted below autograd, where every kernel that runs passes by. So they also see what modules and their hooks
do not, and work on the meta device, where tensors have shapes but no values and a network of any size takes no time:

    with torch.device("meta"), LiveBytes() as live:
        UNet(num_classes=11)(torch.rand(4, 3, 160, 160))
    live.now  # bytes that wait for the backward pass
"""

import math
import weakref
from collections.abc import Mapping
from typing import NamedTuple

import torch
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from nbhelpers.visualisation.canvas import DPI, INK, WIDTH, Picture, styled
from nbhelpers.visualisation.charts import MARKERS, RUNS, runs_and


class Convolution(NamedTuple):
    """One convolution as it ran.

    values: that it reads and writes, without its weights: the convolutional input/output (CIO) of Chao et al., 2019,
        https://arxiv.org/abs/1909.00948, section 2.
    """

    macs: int
    values: int


class Convolutions(TorchDispatchMode):
    """Lists the convolutions, plain and transposed, that run forward inside `with`."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[Convolution] = []

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        with self:  # inference mode brings functions such as conv2d whole; what they call is wanted
            result = function.decompose(*args, **(kwargs or {}))
        if result is not NotImplemented:
            return result
        result = function(*args, **(kwargs or {}))
        if function is torch.ops.aten.convolution.default:
            images, weight, transposed = args[0], args[1], args[6]
            # a value of the output gathers a kernel of input values; transposed, one of the input spreads over one
            places = images if transposed else result
            self.rows.append(Convolution(places.numel() * weight[0].numel(), images.numel() + result.numel()))
        return result

    @property
    def macs(self) -> int:
        """Multiplications and additions, a pair counting as one."""
        return sum(row.macs for row in self.rows)

    @property
    def values(self) -> int:
        """Read and written by the convolutions (CIO)."""
        return sum(row.values for row in self.rows)


class LiveBytes(TorchDispatchMode):
    """Counts the bytes of the tensors that were made inside `with` and still live.

    now: at this moment. peak: the most so far. Optimised kernels may take more for a moment, which no count sees.
    """

    def __init__(self) -> None:
        super().__init__()
        self.now = self.peak = 0
        self.known: set[int] = set()

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        for tensor in tree_leaves(result):
            if isinstance(tensor, Tensor) and tensor.untyped_storage()._cdata not in self.known:
                storage = tensor.untyped_storage()
                self.known.add(storage._cdata)
                self.now += storage.nbytes()
                self.peak = max(self.peak, self.now)
                weakref.finalize(storage, self._forget, storage._cdata, storage.nbytes())
        return result

    def _forget(self, storage: int, size: int) -> None:
        self.known.remove(storage)
        self.now -= size


@styled
def show_measures(measures: Mapping[str, Mapping[str, float]], *, unit: str = "") -> Picture:
    """Bars that begin at 0: a panel for each measure, on a scale of its own, and in it a row for each name.

    `measures` are {measure with its unit: {name: value}}, values not negative. Where all are of one quantity, `unit`
    names it, and all panels have one scale. Raises ValueError where there is nothing to show, or where the measures
    have other names than the first.
    """
    names = list(next(iter(measures.values()), {}))
    if not names or any(list(values) != names for values in measures.values()):
        raise ValueError(
            "each measure must have the same names in the same order, one at least, but here are "
            f"{ {measure: list(values) for measure, values in measures.items()} }"
        )
    lines = -(-len(measures) // 5)  # of at most five panels, as evenly filled as can be
    columns = -(-len(measures) // lines)
    figure = Figure(
        figsize=(WIDTH, lines * (0.55 + 0.42 * len(names)) + 0.25 * bool(unit)), dpi=DPI, layout="constrained"
    )
    words = []
    panels = figure.subplots(lines, columns, sharey=True, squeeze=False).flat
    for panel in panels[len(measures) :]:
        panel.set_axis_off()
    for index, (measure, values) in enumerate(measures.items()):
        panel = panels[index]
        alike = measures.values() if unit else [values]
        most = max(value for one in alike for value in one.values()) or 1
        panel.barh(range(len(names)), list(values.values()), height=0.62, color=RUNS[index % len(RUNS)])
        for row, value in enumerate(values.values()):
            panel.text(value + 0.03 * most, row, _three_figures(value), va="center")
        panel.set_title(measure, loc="left", weight="bold")
        panel.set_xlim(0, 1.32 * most)  # room for the numbers
        panel.set_xticks([])
        panel.spines["bottom"].set_visible(False)
        panel.tick_params(length=0)
        written = ", ".join(f"{name} {_three_figures(value)}" for name, value in values.items())
        words.append(f"{measure}: {written}")
    panels[0].set_yticks(range(len(names)), names)
    panels[0].set_ylim(len(names) - 0.5, -0.5)
    if unit:
        figure.supxlabel(f"{unit}, all on one scale", size=10)
    return Picture(figure, f"Bars{f' of {unit}' if unit else ''}. {'; '.join(words)}.")


@styled
def show_lines(
    lines: Mapping[str, Mapping[float, float]], *, x: str, y: str, logarithmic: str = ""
) -> Picture:
    """A line for each name through its points {x: y}; `x` and `y` name the axes with their units.

    Axes hold 0, with a line there where y goes below it, unless `logarithmic` is "x", "y" or "xy". Raises ValueError where
    there is nothing to show.
    """
    if not lines or not all(lines.values()):
        raise ValueError(f"there must be a point at least for each name, but here are {dict(lines)}")
    height = max(3.4, 1 + 0.24 * len(lines))  # inches; room for the names at the right
    figure = Figure(figsize=(WIDTH * 0.75, height), dpi=DPI, layout="constrained")
    axes = figure.add_subplot(xlabel=x, ylabel=y)
    words, ends = [], []
    looks = runs_and(MARKERS, len(lines))
    for (name, points), (colour, marker) in zip(lines.items(), looks, strict=True):
        axes.plot(points.keys(), points.values(), color=colour, marker=marker, linewidth=1.8)
        last = list(points)[-1]
        ends.append((points[last], last, name, colour))
        written = ", ".join(f"{_three_figures(value)} at {place:g}" for place, value in points.items())
        words.append(f"{name}: {written}")
    if "x" in logarithmic:
        places = sorted({place for points in lines.values() for place in points})
        axes.set_xscale("log")
        axes.set_xticks(places, labels=[f"{place:,g}" for place in places])
        axes.minorticks_off()
    else:
        axes.set_xlim(left=0)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    if "y" in logarithmic:
        axes.set_yscale("log")
    else:
        values = [value for points in lines.values() for value in points.values()]
        low, high = min(0, *values), max(0, *values)
        rim = 0.05 * (high - low)  # or markers would be cut
        axes.set_ylim(low - rim * (low < 0), high + rim * (high > 0))
        if low < 0:
            axes.axhline(0, color=INK, linewidth=1, zorder=1)
    to_line = axes.yaxis.get_transform()
    bottom, top = to_line.transform(axes.get_ylim())
    ends.sort()
    places = _apart(
        [to_line.transform([value])[0] for value, *_ in ends], 0.238 / height * (top - bottom), top
    )
    # all names stand at the right: beside a line that ends earlier, others may run
    right = max(last for _, last, _, _ in ends)
    for (_, _, name, colour), place in zip(ends, places, strict=True):
        axes.annotate(
            name,
            (right, to_line.inverted().transform([place])[0]),
            (9, 0),
            textcoords="offset points",
            va="center",
            color=colour,
            annotation_clip=False,
        )
    axes.grid(axis="y")
    axes.tick_params(colors=INK)
    return Picture(figure, f"Lines of {y} over {x}. {'; '.join(words)}.")


def _apart(places: list[float], gap: float, top: float) -> list[float]:
    """The rising `places`, each at least `gap` above the one before, none above `top`."""
    for rise in range(1, len(places)):
        places[rise] = max(places[rise], places[rise - 1] + gap)
    for fall in reversed(range(len(places))):
        places[fall] = min(places[fall], top)
        top = places[fall] - gap
    return places


def _three_figures(value: float) -> str:
    """12345 -> 12,345; 123.4 -> 123; 1.234 -> 1.23."""
    decimals = max(0, 2 - math.floor(math.log10(abs(value)))) if value else 0
    return f"{value:,.{decimals}f}"
