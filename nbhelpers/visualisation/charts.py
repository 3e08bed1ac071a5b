"""Scores as charts: IoU of each class, the confusion matrix, learning curves."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from nbhelpers.metrics import ConfusionMatrix
from nbhelpers.visualisation.canvas import DPI, FAINT, INK, WIDTH, Picture, styled
from nbhelpers.visualisation.labels import HasClasses, class_names_and_colours

# Okabe and Ito, https://jfly.uni-koeln.de/color/: told apart by colour-blind readers. Runs are no classes.
RUNS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#000000")
RIGHT, WRONG = (0.0, 0.35, 0.6), (0.83, 0.37, 0.0)
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
DASHES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (1, 1)))


def runs_and(marks: Sequence, count: int) -> Iterator[tuple[str, object]]:
    """A colour and one of `marks`, MARKERS or DASHES, for each of `count` runs.

    The 7 colours share no divisor with 8 markers or 6 dashes, so no two of 56, or 42, runs look alike.
    """
    return ((RUNS[index % len(RUNS)], marks[index % len(marks)]) for index in range(count))


def legend_room(count: int, columns: int) -> float:
    """Inches that a legend of `count` names takes beyond its first line."""
    return 0.22 * ((count - 1) // columns)


class HasRows(Protocol):
    """What `fit` returns: a row an epoch."""

    rows: Sequence[Mapping[str, float]]


@styled
def show_iou(
    confusion: ConfusionMatrix, dataset: HasClasses, baselines: Mapping[str, ConfusionMatrix] | None = None
) -> Picture:
    """A bar of IoU (0 to 1) for each class in its colour, their mean, and baselines as marks on the bars.

    `baselines` are {name: confusion matrix}; by default the one that always predicts the most frequent class.
    A class that is neither in truth nor in prediction has no IoU and is written as absent.
    Raises ValueError if the matrices and `dataset.classes` differ in number of classes.
    """
    classes, palette = class_names_and_colours(dataset)
    if baselines is None:
        majority = classes[int(confusion.counts.sum(dim=1).argmax())]
        baselines = {f"always {majority}": confusion.majority_baseline()}
    for matrix in (confusion, *baselines.values()):
        _check(matrix, classes)
    iou = confusion.iou.numpy()
    height = 0.75 + 0.29 * len(classes) + legend_room(1 + len(baselines), 3)
    figure = Figure(figsize=(WIDTH * 0.8, height), dpi=DPI, layout="constrained")
    axes = figure.add_subplot(xlim=(0, 1), xlabel="IoU")
    rows = np.arange(len(classes))
    axes.barh(rows, np.nan_to_num(iou), height=0.72, color=palette / 255, edgecolor=INK, linewidth=0.6)
    axes.set_yticks(rows, classes)
    axes.set_xticks(np.linspace(0, 1, 6))
    axes.invert_yaxis()
    axes.grid(axis="x")
    axes.tick_params(length=0, pad=9)
    for row, value in enumerate(iou):
        absent = {"color": FAINT, "style": "italic"} if np.isnan(value) else {}
        axes.text(1.02, row, _score(value), va="center", **absent)
    axes.axvline(
        confusion.mean_iou, color=INK, linestyle="--", linewidth=1.2, label=f"mean {confusion.mean_iou:.2f}"
    )
    for index, (name, matrix) in enumerate(baselines.items()):
        again, number = divmod(index, len(MARKERS))
        axes.plot(
            matrix.iou.numpy(),
            rows,
            linestyle="",
            marker=MARKERS[number],
            markersize=6.5,
            markerfacecolor="white",
            markeredgecolor=RUNS[(again - 1) % len(RUNS)],  # black first
            markeredgewidth=1.3,
            clip_on=False,
            zorder=3,
            label=f"{name}: mean {matrix.mean_iou:.2f}",
        )
    figure.legend(loc="outside upper center", ncols=3)
    scores = ", ".join(f"{name} {_score(value)}" for name, value in zip(classes, iou, strict=True))
    beside = "; ".join(f"{name}: mean {matrix.mean_iou:.2f}" for name, matrix in baselines.items())
    return Picture(figure, f"Bars of IoU per class: {scores}. Mean {confusion.mean_iou:.2f}; {beside}.")


@styled
def show_confusion(confusion: ConfusionMatrix, dataset: HasClasses) -> Picture:
    """The confusion matrix in percent of each true class: a row, which sums to 100, tells what became of it.

    What is right is blue, what is wrong orange; a dot is less than half a percent; a class absent from truth
    has an empty row. Raises ValueError if the matrix and `dataset.classes` differ in number of classes.
    """
    classes, palette = class_names_and_colours(dataset)
    _check(confusion, classes)
    counts = confusion.counts.numpy()
    totals = counts.sum(axis=1, keepdims=True)
    shares = np.divide(counts, totals, out=np.full(counts.shape, np.nan), where=totals > 0)

    cell = min(0.46, 0.7 * WIDTH / len(classes))  # inches
    side = cell * len(classes)
    margin = 0.45 + 0.085 * max(map(len, classes))  # inches for the names
    figure = Figure(figsize=(side + margin + 0.2, side + margin + 0.1), dpi=DPI)
    width, height = figure.get_size_inches()
    axes = figure.add_axes((margin / width, 0.08 / height, side / width, side / height))
    strongest = np.where(np.eye(len(classes), dtype=bool)[..., None], RIGHT, WRONG)
    # white where the share is 0
    axes.imshow(1 - (1 - strongest) * np.nan_to_num(shares)[..., None], aspect="auto")
    axes.spines[:].set_visible(False)
    axes.set_xticks(range(len(classes)), classes, rotation=90)
    axes.set_yticks(range(len(classes)), classes)
    axes.xaxis.tick_top()
    axes.xaxis.set_label_position("top")
    axes.tick_params(length=0, pad=16)
    axes.set_xlabel("predicted")
    axes.set_ylabel("true")
    _add_swatches(axes, palette)
    size = min(10.0, 24 * cell)
    for (row, column), share in np.ndenumerate(shares):
        if np.isnan(share):
            text = "absent" if column == (len(classes) - 1) // 2 else ""
        else:
            text = "·" if share < 0.005 else f"{100 * share:.0f}"
        axes.text(
            column,
            row,
            text,
            ha="center",
            va="center",
            size=size,
            color="white" if share > 0.55 else FAINT if text in ("·", "absent") else INK,
            weight="bold" if row == column else "normal",
        )
    kept = ", ".join(
        f"{name} {_percent(share)}" for name, share in zip(classes, shares.diagonal(), strict=True)
    )
    np.fill_diagonal(shares, np.nan)
    worst = ""
    if np.nan_to_num(shares).max() > 0:
        row, column = np.unravel_index(np.nanargmax(shares), shares.shape)
        share = _percent(shares[row, column])
        worst = f" The largest confusion: {share} of {classes[row]} is taken for {classes[column]}."
    return Picture(
        figure, f"Confusion matrix. Share of each true class that is predicted right: {kept}.{worst}"
    )


def _add_swatches(axes: Axes, palette: np.ndarray) -> None:
    """The classes' colours between the matrix and the names."""
    for index, colour in enumerate(palette / 255):
        for x, y in ((index, -0.72), (-0.72, index)):
            axes.plot(
                x,
                y,
                marker="s",
                markersize=9,
                color=colour,
                markeredgecolor=INK,
                markeredgewidth=0.6,
                clip_on=False,
            )
    axes.set(xlim=(-0.5, len(palette) - 0.5), ylim=(len(palette) - 0.5, -0.5))


@styled
def show_curves(histories: HasRows | Mapping[str, HasRows]) -> Picture:
    """Learning curves: loss of training (dashed) and validation, and mean IoU, for one or several runs.

    `histories` is what `fit` returned, or {name: history}; a history has `rows`, dicts with epoch,
    train_loss, valid_loss and mean_iou. The dot is the best epoch. Raises ValueError if there is no epoch to
    show.
    """
    runs = histories if isinstance(histories, Mapping) else {"": histories}
    empty = [name for name, history in runs.items() if not history.rows]
    if not runs or empty:
        raise ValueError(
            f"there is no epoch to show{f' in {empty[0]!r}' if any(empty) else ''}: train for one at least"
        )
    figure = Figure(figsize=(WIDTH, 3.3 + legend_room(len(runs), 3)), dpi=DPI, layout="constrained")
    loss, iou = figure.subplots(1, 2)
    words = []
    looks = runs_and(MARKERS, len(runs))
    for (name, history), (colour, marker) in zip(runs.items(), looks, strict=True):
        epoch, train, valid, score = (
            np.array([row[key] for row in history.rows], dtype=float)
            for key in ("epoch", "train_loss", "valid_loss", "mean_iou")
        )
        line = {
            "color": colour,
            "linewidth": 1.8,
            "marker": marker if len(epoch) <= 12 or len(runs) > len(RUNS) else "",
            "markevery": -(-len(epoch) // 12),
            "markersize": 4,
        }
        loss.plot(epoch, train, linestyle="--", markerfacecolor="white", **line | {"linewidth": 1.3})
        loss.plot(epoch, valid, **line)
        best = int(np.nanargmax(score)) if np.isfinite(score).any() else 0
        prefix = f"{name}: " if name else ""
        iou.plot(epoch, score, label=f"{prefix}best {score[best]:.2f} in epoch {epoch[best]:.0f}", **line)
        iou.plot(
            epoch[best],
            score[best],
            marker="o",
            markersize=9,
            markerfacecolor="white",
            markeredgecolor=colour,
            markeredgewidth=2,
        )
        words.append(
            f"{name + ', ' if name else ''}training loss {train[0]:.2f} to {train[-1]:.2f}, validation loss "
            f"{valid[0]:.2f} to {valid[-1]:.2f}, mean IoU {score[0]:.2f} to {score[-1]:.2f}, "
            f"best {score[best]:.2f} in epoch {epoch[best]:.0f}"
        )
    last = max(history.rows[-1]["epoch"] for history in runs.values())
    for axes, title in ((loss, "loss"), (iou, "mean IoU on validation")):
        axes.set_title(title, loc="left", weight="bold")
        axes.set_xlabel("epoch")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        axes.set_xlim(0.5, last + 0.5)
        axes.grid(axis="y")
    for line, label in (("--", "training"), ("-", "validation")):
        loss.plot([], [], color=INK, linestyle=line, label=label)
    loss.legend(loc="best")  # upper right, unless curves are there
    figure.legend(loc="outside upper center", ncols=3, handles=iou.get_legend_handles_labels()[0])
    loss.set_ylim(bottom=min(0, loss.get_ylim()[0]))
    iou.set_ylim(0, 1)
    return Picture(figure, f"Learning curves: {'; '.join(words)}.")


def _check(confusion: ConfusionMatrix, classes: tuple[str, ...]) -> None:
    if not confusion.counts.any():
        raise ValueError(
            "the confusion matrix has counted no pixel: update it with predictions and masks first"
        )
    if confusion.num_classes != len(classes):
        raise ValueError(
            f"the confusion matrix has {confusion.num_classes} classes, but the dataset {len(classes)}: "
            "pass the dataset that was scored"
        )


def _score(value: float) -> str:
    return "absent" if np.isnan(value) else f"{value:.2f}"


def _percent(value: float) -> str:
    return "absent" if np.isnan(value) else f"{100 * value:.0f} %"
