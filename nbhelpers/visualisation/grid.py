"""A table of measured differences as a picture: which condition changed what, beyond the scatter of the seeds."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from nbhelpers.visualisation.canvas import DPI, FAINT, INK, WIDTH, Picture, styled

LOSS, GAIN = np.array([0.83, 0.37, 0.0]), np.array([0.0, 0.35, 0.6])


@styled
def show_changes(changes: Mapping[str, Mapping[str, Sequence[float]]], label: str) -> Picture:
    """A cell for each row and column, {row: {column: a change for each seed}}: its mean and the seeds' spread.

    The stronger the colour the larger the mean change, orange for a loss, blue for a gain. Where not all seeds
    agree on the sign, the cell stays white and its numbers grey: no conclusion. `label` says what changed.
    Raises ValueError where there is nothing to show, a row has other columns, or a cell fewer than two seeds.
    """
    rows = list(changes)
    columns = list(next(iter(changes.values()), {}))
    if not columns or any(list(changes[row]) != columns for row in rows):
        raise ValueError(
            "each row must have the same columns in the same order, one at least, but here are "
            f"{ {row: list(cells) for row, cells in changes.items()} }"
        )
    few = [(row, column) for row in rows for column in columns if len(changes[row][column]) < 2]
    if few:
        raise ValueError(f"{few[0]} has {len(changes[few[0][0]][few[0][1]])} values; a spread takes 2 seeds")
    means = np.array([[np.mean(changes[row][column]) for column in columns] for row in rows])
    agreed = np.array(
        [
            [abs(np.sign(changes[row][column]).sum()) == len(changes[row][column]) for column in columns]
            for row in rows
        ]
    )
    strength = np.where(agreed, np.abs(means), 0) / (np.abs(means).max() or 1)
    colours = 1 - 0.85 * strength[..., None] * (1 - np.where(means[..., None] < 0, LOSS, GAIN))
    figure = Figure(figsize=(WIDTH, 0.95 + 0.52 * len(rows)), dpi=DPI, layout="constrained")
    axes = figure.add_subplot()
    axes.imshow(colours, aspect="auto")
    axes.set_xticks(range(len(columns)), columns)
    axes.set_yticks(range(len(rows)), rows)
    axes.set_xlabel(f"{label}: mean ± spread over seeds; grey where the seeds disagree on the sign")
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    words = []
    for (row, column), mean in np.ndenumerate(means):
        spread = np.std(changes[rows[row]][columns[column]], ddof=1)
        text = f"{mean:+.2f} ± {spread:.2f}"
        sure = agreed[row, column]
        colour = FAINT if not sure else "white" if strength[row, column] > 0.7 else INK
        weight = "bold" if sure else "normal"
        axes.text(column, row, text, ha="center", va="center", color=colour, weight=weight)
        words.append(f"{rows[row]}, {columns[column]}: {text}{'' if sure else ' (seeds disagree)'}")
    return Picture(figure, f"Table of {label}, mean and spread over seeds. {'; '.join(words)}.")
