"""Pictures for competitions: objects of a mask, what the folds hold, gains with their intervals, public and private."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator
from torch import Tensor

from nbhelpers.datasets.palette import categorical
from nbhelpers.visualisation.canvas import DPI, FAINT, INK, WIDTH, Picture, ink_on, panels, styled
from nbhelpers.visualisation.charts import RUNS, legend_room
from nbhelpers.visualisation.labels import as_rgb, draw_image, largest_sides

PALE = (0.45, 0.72, 0.9)  # of the highest score in a grid; black numbers stay readable on it
# the first is the background; neighbouring numbers are told apart, 20 objects on they recur
COLOURS = categorical(21)
HATCHES = ("", "///", "...", "xxx")  # of the first 20 kinds, of the next 20, and so on


@styled
def show_objects(
    rows: Sequence[tuple[Tensor | np.ndarray, Mapping[str, np.ndarray]]],
    scores: Sequence[Mapping[str, float]] = (),
) -> Picture:
    """An image and several instance maps of it in a row, each object in a colour of its own.

    rows: pairs of an image and {title: instance ids (H, W), 0 = background}; the same titles in each row.
    scores: for each row {title: score}, written beside the number of objects.
    Raises ValueError for no rows, for titles that differ, and for maps of another size than their image.
    """
    titles = list(rows[0][1]) if rows else []
    if not titles or any(list(maps) != titles for _, maps in rows):
        raise ValueError(
            "there must be at least one row of an image and its maps, with the same titles in each row"
        )
    if scores and len(scores) != len(rows):
        raise ValueError(
            f"{len(scores)} scores for {len(rows)} rows; there must be {{title: score}} for each"
        )
    images = [as_rgb(image) for image, _ in rows]
    figure, axes = panels(len(rows), 1 + len(titles), largest_sides(images), head=0.42)
    words = []
    for number, (line, image, (_, maps)) in enumerate(zip(axes, images, rows, strict=True)):
        line[0].set_title("image", pad=4)
        draw_image(line[0], image)
        told = []
        for panel, (title, ids) in zip(line[1:], maps.items(), strict=True):
            if ids.shape != image.shape[:2]:
                raise ValueError(
                    f"{title!r} is {ids.shape}, but its image {image.shape[:2]}; they must be equal"
                )
            count = len(np.unique(ids[ids > 0]))
            counted = f"{count} object" if count == 1 else f"{count} objects"
            if scores and title in scores[number]:
                counted += f", score {scores[number][title]:.2f}"
            panel.set_title(f"{title}\n{counted}", pad=4)
            coloured = COLOURS[np.where(ids > 0, 1 + (ids - 1) % (len(COLOURS) - 1), 0)]
            panel.imshow(coloured, interpolation="nearest")
            told.append(f"{title} {counted}")
        words.append(f"Image {number}: {'; '.join(told)}.")
    return Picture(figure, f"Images and their objects, each in a colour of its own. {' '.join(words)}")


@styled
def show_folds(folds: Sequence[int], kinds: Sequence[str]) -> Picture:
    """A stacked bar a fold: how many images of each kind it holds.

    folds: the number of each image's fold; kinds: the name of its kind. Raises ValueError if they differ in length.
    """
    folds, kinds = np.asarray(folds), np.asarray(kinds)
    if len(folds) != len(kinds) or not len(folds):
        raise ValueError(
            f"{len(folds)} folds and {len(kinds)} kinds; there must be one of each for every image"
        )
    numbers, names = np.unique(folds), np.unique(kinds)
    counts = np.array([[np.count_nonzero((folds == f) & (kinds == k)) for k in names] for f in numbers])
    height = 1.0 + 0.36 * len(numbers) + legend_room(len(names), 4)
    figure = Figure(figsize=(WIDTH * 0.8, height), dpi=DPI, layout="constrained")
    axes = figure.add_subplot(xlabel="images")
    left = np.zeros(len(numbers))
    for index, (kind, values) in enumerate(zip(names, counts.T, strict=True)):
        again, number = divmod(index, len(COLOURS) - 1)
        colour = COLOURS[1 + number]
        look = {"color": colour / 255, "hatch": HATCHES[again % len(HATCHES)], "edgecolor": "white"}
        bars = axes.barh(range(len(numbers)), values, left=left, height=0.7, linewidth=0, label=kind, **look)
        labels = [str(value) if value else "" for value in values]
        axes.bar_label(bars, labels, label_type="center", color=ink_on(colour))
        left += values
    axes.set_yticks(range(len(numbers)), [f"fold {number}" for number in numbers])
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.invert_yaxis()
    axes.tick_params(length=0)
    figure.legend(loc="outside upper center", ncols=min(len(names), 4))
    words = "; ".join(
        f"fold {number}: " + ", ".join(f"{kind} {count}" for kind, count in zip(names, row, strict=True))
        for number, row in zip(numbers, counts, strict=True)
    )
    return Picture(figure, f"Images of each kind in each fold. {words}.")


@styled
def show_tuning(table: Mapping[tuple, float], names: tuple[str, str], chosen: tuple) -> Picture:
    """The score of every combination of two settings, written into a grid; the chosen one is framed.

    table: {(first, second): score}, as in `nbhelpers.kaggle.tune(...).table`; names: of the two settings.
    Raises ValueError unless every first value is there with every second.
    """
    columns, rows = (list(dict.fromkeys(key[axis] for key in table)) for axis in (0, 1))
    if not table or len(table) != len(columns) * len(rows):
        raise ValueError(f"the table has {len(table)} scores; it must have one for each pair of settings")
    scores = np.array([[table[column, row] for column in columns] for row in rows])
    low, high = scores.min(), scores.max()
    figure = Figure(figsize=(WIDTH * 0.65, 0.8 + 0.45 * len(rows)), dpi=DPI, layout="constrained")
    axes = figure.add_subplot(xlabel=names[0], ylabel=names[1])
    shade = (scores - low) / (high - low or 1)
    axes.imshow(1 - (1 - np.array(PALE)) * shade[..., None], aspect="auto")
    for (row, column), score in np.ndenumerate(scores):
        axes.text(column, row, f"{score:.3f}", ha="center", va="center")
    at = columns.index(chosen[0]), rows.index(chosen[1])
    axes.add_patch(Rectangle((at[0] - 0.47, at[1] - 0.45), 0.94, 0.9, fill=False, edgecolor=INK, linewidth=2))
    axes.set_xticks(range(len(columns)), columns)
    axes.set_yticks(range(len(rows)), rows)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    words = "; ".join(
        f"{names[1]} {row}: "
        + ", ".join(f"{table[column, row]:.3f} at {names[0]} {column}" for column in columns)
        for row in rows
    )
    return Picture(
        figure, f"Scores by setting. {words}. Chosen: {names[0]} {chosen[0]}, {names[1]} {chosen[1]}."
    )


@styled
def show_gains(gains: Mapping[str, object], label: str) -> Picture:
    """A dot with its 95 % interval for each comparison, beside the line of no difference.

    gains: {name: what has mean, low and high}, as `nbhelpers.kaggle.paired_gain` gives; label: the axis' name.
    Raises ValueError for no comparison.
    """
    if not gains:
        raise ValueError("there is no comparison to show: pass {name: paired_gain(before, after)}")
    figure = Figure(figsize=(WIDTH * 0.85, 0.9 + 0.42 * len(gains)), dpi=DPI, layout="constrained")
    axes = figure.add_subplot(xlabel=label)
    axes.axvline(0, color=INK, linewidth=1)
    for row, gain in enumerate(gains.values()):
        colour = RUNS[0] if gain.low > 0 else RUNS[1] if gain.high < 0 else FAINT
        axes.plot([gain.low, gain.high], [row, row], color=colour, linewidth=3, solid_capstyle="butt")
        axes.plot(gain.mean, row, marker="o", markersize=9, color=colour)
        axes.annotate(
            f"{gain.mean:+.3f}",
            (gain.mean, row),
            (0, 8),
            textcoords="offset points",
            ha="center",
            bbox={"boxstyle": "square,pad=0.1", "facecolor": "white", "linewidth": 0},
        )
    axes.set_yticks(range(len(gains)), list(gains))
    axes.set_ylim(len(gains) - 0.5, -0.7)
    widest = max(max(abs(gain.low), abs(gain.high)) for gain in gains.values())
    axes.set_xlim(-1.15 * widest, 1.15 * widest)
    axes.grid(axis="x")
    axes.tick_params(length=0)
    return Picture(
        figure, f"{label}, with 95 % intervals. {'; '.join(f'{n}: {g}' for n, g in gains.items())}."
    )


@styled
def show_leaderboard(public: Sequence[float], private: Sequence[float], names: Sequence[str]) -> Picture:
    """Public against private score of several submissions, with the winner of each; on the line both are equal."""
    public, private = np.asarray(public, float), np.asarray(private, float)
    if not len(public) == len(private) == len(names) > 0:
        raise ValueError(
            f"{len(public)} public and {len(private)} private scores of {len(names)} submissions; one of each"
        )
    figure = Figure(figsize=(WIDTH * 0.6, WIDTH * 0.48), dpi=DPI, layout="constrained")
    axes = figure.add_subplot(xlabel="public score", ylabel="private score")
    ends = [min(public.min(), private.min()), max(public.max(), private.max())]
    room = 0.06 * (ends[1] - ends[0] or 1)
    ends = [ends[0] - room, ends[1] + room]
    axes.plot(ends, ends, color=FAINT, linewidth=1, linestyle="--")
    axes.plot(public, private, "o", color=RUNS[4], markeredgecolor=INK, markersize=6)
    best, true = int(public.argmax()), int(private.argmax())
    for index, marker, colour, board in ((best, "D", RUNS[1], "public"), (true, "s", RUNS[2], "private")):
        label = f"{board} winner: {names[index]}"
        axes.plot(
            public[index],
            private[index],
            marker,
            color=colour,
            markeredgecolor=INK,
            markersize=9,
            label=label,
            ls="",
        )
    figure.legend(loc="outside upper center", ncols=1)
    axes.set(xlim=ends, ylim=ends)
    axes.grid()
    place = 1 + int(np.count_nonzero(private > private[best]))
    return Picture(
        figure,
        f"Public against private scores of {len(names)} submissions. The public winner, {names[best]} ({public[best]:.3f}), "
        f"has {private[best]:.3f} on private, place {place}; the private winner is {names[true]}, {private[true]:.3f}.",
    )
