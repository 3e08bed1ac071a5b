"""Ways compared over several seeds, or over several rounds of a measurement."""

from collections.abc import Callable, Mapping, Sequence
from statistics import mean, median
from typing import Protocol

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from nbhelpers.visualisation.canvas import DPI, INK, WIDTH, Picture, styled
from nbhelpers.visualisation.charts import RUNS


class HasScores(Protocol):
    """What `nbhelpers.training.comparison.compare` returns."""

    scores: Mapping[str, Sequence[float]]


@styled
def show_comparison(
    comparison: HasScores | Mapping[str, Sequence[float]], label: str = "mean IoU", each: str = "seed"
) -> Picture:
    """A dot for each seed and a bar at their mean, one row per name.

    `comparison` has `scores`, {name: a number for each seed}, or is such a mapping of any other measure, whose
    name is `label`. `each` says what was repeated, if not seeds: then the bar is at the median, since a round in which
    the machine was busy tells nothing. The axis of what is no share in 0..1 holds 0, with a line where there are
    negative numbers. Raises ValueError where there is nothing to show.
    """
    groups = comparison if isinstance(comparison, Mapping) else comparison.scores
    if not groups or not all(len(values) for values in groups.values()):
        raise ValueError(f"there must be a number at least for each name, but here are {dict(groups)}")
    figure = Figure(figsize=(WIDTH * 0.9, 0.8 + 0.42 * len(groups)), dpi=DPI, layout="constrained")
    axes = figure.add_subplot(xlabel=f"{label}, one dot per {each}")
    low, high = (pick(pick(values) for values in groups.values()) for pick in (min, max))
    is_share = 0 <= low and high <= 1
    digits = 3 if max(-low, high) <= 1 else 1
    middle, middle_name = (mean, "mean") if each == "seed" else (median, "median")
    # a colour that came again would seem to mean something
    colours = RUNS if len(groups) <= len(RUNS) else RUNS[:1]
    middles = draw_dots(axes, groups, middle, digits, colours=colours)
    words = []
    for (name, values), centre in zip(groups.items(), middles, strict=True):
        words.append(f"{name} {centre:.{digits}f} ({min(values):.{digits}f} to {max(values):.{digits}f})")
    axes.margins(x=0.08)
    if not is_share:  # a rim beyond the outermost dots, as wide as the axis that begins at 0 asks for
        first, last = min(low, 0), max(high, 0)
        rim = 0.04 * (last - first)
        axes.set_xlim(first - rim * (low < 0), last + rim * (high > 0))
    if low < 0:
        axes.axvline(0, color=INK, linewidth=1, zorder=1)
    return Picture(figure, f"{label} over {each}s, {middle_name} and range: {'; '.join(words)}.")


def draw_dots(
    axes: Axes,
    groups: Mapping[str, Sequence[float]],
    middle: Callable[[Sequence[float]], float],
    digits: int,
    size: int = 9,
    colours: Sequence[str] = RUNS,
) -> list[float]:
    """A row for each name: its values as dots of `size` points, a bar at their `middle` and its number; the middles."""
    middles = []
    for row, values in enumerate(groups.values()):
        colour, centre = colours[row % len(colours)], middle(values)
        axes.plot(
            values,
            [row] * len(values),
            "o",
            color=colour,
            markersize=size,
            alpha=0.75,
            markeredgecolor="white",
        )
        axes.plot([centre, centre], [row - 0.3, row + 0.3], color=colour, linewidth=2.5)
        axes.annotate(
            f"{centre:.{digits}f}",
            (centre, row - 0.3),
            (0, 3),
            textcoords="offset points",
            ha="center",
            color=colour,
        )
        middles.append(centre)
    axes.set_yticks(range(len(groups)), list(groups))
    axes.set_ylim(len(groups) - 0.4, -0.8)
    axes.grid(axis="x")
    axes.tick_params(length=0)
    return middles
