"""Many networks beside each other: under several terms, and class by class."""

from collections.abc import Mapping, Sequence
from statistics import mean
from typing import Literal

import numpy as np
from matplotlib.figure import Figure

from nbhelpers.visualisation.canvas import DPI, FAINT, INK, WIDTH, Picture, styled
from nbhelpers.visualisation.charts import MARKERS, RIGHT, runs_and


@styled
def show_ranking(terms: Mapping[str, Mapping[str, Sequence[float]]], least: Mapping[str, float]) -> Picture:
    """A row for each network, in the order of the first terms: its mean IoU under each of them, and every seed faintly.

    terms: {what was equal: {network: a number for each seed}}. least: the least difference that means anything, for
    each of them: the band behind ends so far below that terms' best mean. Raises ValueError where there is nothing
    to show, or a number of `least` is missing.
    """
    if not terms or not all(terms.values()) or set(least) != set(terms):
        raise ValueError(
            f"there must be a network at least under each of the terms, and a least difference for each, but here are "
            f"{ {name: list(scores) for name, scores in terms.items()} } and {dict(least)}"
        )
    names = list(dict.fromkeys(name for scores in terms.values() for name in scores))
    figure = Figure(figsize=(WIDTH * 0.9, 1.1 + 0.36 * len(names)), dpi=DPI, layout="constrained")
    label = "mean IoU; faint strokes: each seed; in the band of its colour: not to be told from the best"
    axes, words = figure.add_subplot(xlabel=label), []
    lanes = (np.arange(len(terms)) - (len(terms) - 1) / 2) * 0.3  # or equal means would hide each other
    looks = runs_and(MARKERS, len(terms))
    for (what, scores), (colour, marker), lane in zip(terms.items(), looks, lanes, strict=True):
        means = {name: mean(values) for name, values in scores.items()}
        best = max(means.values())
        if np.isfinite(least[what]):
            axes.axvspan(best - least[what], best, color=colour, alpha=0.1, linewidth=0)
            axes.axvline(best - least[what], color=colour, alpha=0.4, linewidth=1)
        for name, values in scores.items():
            row = names.index(name) + lane
            axes.plot(values, [row] * len(values), "|", color=colour, alpha=0.5, markersize=8)
        rows = [names.index(name) + lane for name in means]
        axes.plot(list(means.values()), rows, marker, color=colour, markersize=7, label=what)
        words.append(f"{what}: {', '.join(f'{name} {value:.3f}' for name, value in means.items())}")
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.grid(axis="both", color=FAINT, alpha=0.3)
    axes.tick_params(length=0)
    figure.legend(loc="outside upper center", ncols=len(terms), frameon=False)
    return Picture(figure, f"Ranking of networks by mean IoU. {'; '.join(words)}.")


@styled
def show_heat(
    scores: Mapping[str, Mapping[str, float]], label: str, best: Literal["column", "row"] = "column"
) -> Picture:
    """A row for each network, a column for each class or rate, the percent in each cell, the darker the better.

    scores: {network: {column: a fraction, or nan where there is none}}. Bold is the best of each column, which compares
    networks, or of each row, which compares what was tried with one. Raises ValueError where there is nothing to show,
    or networks have other columns than the first.
    """
    columns = list(next(iter(scores.values()), {}))
    if not columns or any(list(each) != columns for each in scores.values()):
        raise ValueError(
            "each network must have the same columns in the same order, one at least, but here are "
            f"{ {name: list(each) for name, each in scores.items()} }"
        )
    values = np.array([list(each.values()) for each in scores.values()], float)
    figure = Figure(figsize=(WIDTH * 0.9, 1.2 + 0.27 * len(scores)), dpi=DPI, layout="constrained")
    axes = figure.add_subplot()
    axes.imshow(1 - (1 - np.array(RIGHT)) * np.nan_to_num(values)[..., None], aspect="auto")
    names = [list(scores), columns]
    lines, judged, others = (values.T, *reversed(names)) if best == "column" else (values, *names)
    places = [np.nanargmax(line) if np.isfinite(line).any() else -1 for line in lines]
    for (row, column), value in np.ndenumerate(values):
        text = "·" if np.isnan(value) else f"{100 * value:.0f}"
        is_best = row == places[column] if best == "column" else column == places[row]
        colour, weight = ("white" if value > 0.55 else INK), ("bold" if is_best else "normal")
        axes.text(column, row, text, ha="center", va="center", size=9, color=colour, weight=weight)
    axes.set_xticks(range(len(columns)), columns, rotation=45, ha="left")
    axes.set_yticks(range(len(scores)), list(scores))
    axes.xaxis.tick_top()
    axes.set_xlabel(f"{label}, percent; bold: the best of its {best}")
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    words = [
        f"{name} {others[place]} ({100 * line[place]:.0f})"
        for name, place, line in zip(judged, places, lines, strict=True)
        if place >= 0
    ]
    return Picture(
        figure, f"{label} in percent, a row for each network. The best, by {best}: {'; '.join(words)}."
    )
