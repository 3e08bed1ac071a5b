"""Curves and pictures by which a sick training is told from a healthy one."""

import math
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator
from torch import Tensor

from nbhelpers.datasets.dataset import SegmentationDataset
from nbhelpers.visualisation.canvas import DPI, FAINT, WIDTH, Picture, styled, swatches
from nbhelpers.visualisation.charts import RUNS, HasRows
from nbhelpers.visualisation.labels import (
    as_ids,
    as_rgb,
    class_names_and_colours,
    class_patches,
    draw_image,
    draw_mask,
)
from nbhelpers.visualisation.pictures import describe_score, error_map

SICK = RUNS[1]


@styled
def show_patient(
    history: HasRows,
    healthy: HasRows,
    predictions: Sequence[Tensor | np.ndarray],
    dataset: SegmentationDataset,
    indices: Sequence[int] = (0, 1),
    *,
    name: str = "",
) -> Picture:
    """The curves of a training over those of a healthy one, and two of its predictions with their errors.

    Args:
        history, healthy: have `rows`, dicts with epoch, train_loss, valid_loss and mean_iou.
        predictions: masks (H, W), one for each of the two `indices`, which may be one sample twice.
        dataset: holds the truth as the training saw it.
        name: of the patient, for the titles.

    Raises ValueError unless there are two predictions and two indices.
    """
    if len(predictions) != 2 or len(indices) != 2:
        raise ValueError(f"{len(predictions)} predictions for {len(indices)} indices: it takes two of each")
    classes, palette = class_names_and_colours(dataset)
    samples = [dataset[index] for index in indices]
    truths = [as_ids(mask, len(classes)) for _, mask in samples]
    predictions = [as_ids(mask, len(classes)) for mask in predictions]
    patches = class_patches([*truths, *predictions], classes, palette) | {"wrong": np.zeros(3)}

    height, width = truths[0].shape
    side, head, gap, edge, foot = 1.46, 0.24, 0.06, 0.05, 0.74  # inches
    tall = side * height / width
    full = 2 * (head + tall) + foot
    figure = Figure(figsize=(WIDTH, full), dpi=DPI)
    left = WIDTH - edge - 4 * side - 3 * gap
    words = []
    shown = zip(indices, samples, truths, predictions, strict=True)
    for row, (index, (image, _), truth, prediction) in enumerate(shown):
        bottom = full - (row + 1) * (head + tall)
        score, text = describe_score(truth, prediction, classes)
        titles = f"image {index}", "truth", "prediction", score
        panels = [
            _add_axes(figure, left + column * (side + gap), bottom, side, tall, xticks=[], yticks=[])
            for column in range(len(titles))
        ]
        for panel, title in zip(panels, titles, strict=True):
            panel.set_title(title, pad=3, size=9)
            panel.spines[:].set_visible(True)
        draw_image(panels[0], as_rgb(image))
        draw_mask(panels[1], truth, palette)
        draw_mask(panels[2], prediction, palette)
        panels[3].imshow(error_map(truth, prediction, palette), interpolation="nearest")
        words.append(f"Image {index}: {text}")
    for row, (title, keys) in enumerate(CURVES.items()):
        bottom = full - (row + 1) * (head + tall) + (0.12 if row == 0 else 0.04)
        axes = _add_axes(figure, 0.5, bottom, left - 0.75, tall - 0.1)
        _draw_curves(axes, history, healthy, keys, _top_iou([history, healthy]))
        axes.set_title(f"{name}: {title}" if name else title, loc="left", pad=3, size=9)
        axes.tick_params(labelsize=8, labelbottom=row == 1)
        if row == 1:
            axes.set_xlabel("epoch", size=8, labelpad=1)
    ncols = -(-len(patches) // 2) if len(patches) > 5 else len(patches)
    look = {"fontsize": 8, "columnspacing": 1}
    figure.legend(handles=_lines(), loc="lower left", bbox_to_anchor=(0, 0), ncols=2, **look)
    figure.legend(
        handles=swatches(patches),
        loc="lower right",
        bbox_to_anchor=(1, 0),
        ncols=ncols,
        handlelength=1.2,
        **look,
    )
    return Picture(
        figure,
        f"{name or 'Curves'}: {_in_words(history)}; the healthy one: {_in_words(healthy)}. {' '.join(words)}",
    )


@styled
def show_against(histories: Mapping[str, HasRows], reference: str) -> Picture:
    """The curves of many trainings, each over those of the one named `reference`: loss above mean IoU.

    `histories` are {name: history}; a history has `rows`, as in `show_patient`. The loss axis ends at three times
    the largest loss of the reference; a curve that leaves it has its largest value written at the top.
    Raises ValueError if there is no such reference, or nothing beside it.
    """
    others = {name: history for name, history in histories.items() if name != reference}
    if reference not in histories or not others:
        raise ValueError(
            f"the reference is {reference!r} and the trainings are {', '.join(map(repr, histories))}: "
            "it takes the reference and at least one other"
        )
    columns, top_iou = min(4, len(others)), _top_iou(histories.values())
    lines = -(-len(others) // columns)
    figure = Figure(figsize=(WIDTH, 0.45 + 2.75 * lines), dpi=DPI, layout="constrained")
    grid = figure.subplots(2 * lines, columns, squeeze=False)
    words = []
    for axes in grid.flat:
        axes.set_axis_off()
    for position, (name, history) in enumerate(others.items()):
        line, column = divmod(position, columns)
        for offset, (label, keys) in enumerate(CURVES.items()):
            axes = grid[2 * line + offset, column]
            axes.set_axis_on()
            _draw_curves(axes, history, histories[reference], keys, top_iou)
            axes.tick_params(labelsize=8, labelbottom=offset == 1)
            if column == 0:
                axes.set_ylabel(label, size=9)
            if offset == 1:
                axes.set_xlabel("epoch", size=8)
            else:
                axes.set_title(name, loc="left", weight="bold", size=9)
        words.append(f"{name}: {_in_words(history)}")
    figure.legend(handles=_lines(reference), loc="outside upper center", ncols=4, fontsize=9)
    return Picture(
        figure,
        f"Curves of {len(others)} trainings, each over {reference} ({_in_words(histories[reference])}). "
        f"{'; '.join(words)}.",
    )


CURVES = {"loss": ("train_loss", "valid_loss"), "mean IoU": ("mean_iou",)}  # the last of each is solid


def _add_axes(figure: Figure, x: float, y: float, width: float, height: float, **options) -> Axes:
    """Axes at a place in inches, from the lower left corner of the figure."""
    full_width, full_height = figure.get_size_inches()
    place = (x / full_width, y / full_height, width / full_width, height / full_height)
    return figure.add_axes(place, **options)


def _top_iou(histories: Iterable[HasRows]) -> float:
    """Where the axis of mean IoU ends: at 0.5 where no curve comes so far, so that low ones can be told apart."""
    return 0.5 if all(not row["mean_iou"] > 0.5 for history in histories for row in history.rows) else 1.0


def _draw_curves(axes: Axes, history: HasRows, healthy: HasRows, keys: Sequence[str], top_iou: float) -> None:
    for run, colour, width in ((healthy, FAINT, 1.6), (history, SICK, 1.8)):
        for key in keys:
            values = [row[key] for row in run.rows]
            dashed = key != keys[-1]
            axes.plot(
                [row["epoch"] for row in run.rows],
                values,
                color=colour,
                linestyle=(0, (3, 1.5)) if dashed else "-",
                linewidth=width - 0.4 * dashed,
                marker="" if dashed else "o",
                markersize=3,
            )
    if keys[-1] == "mean_iou":
        axes.set_ylim(0, top_iou)
        axes.set_yticks([0, top_iou / 2, top_iou])
    else:
        known = [row[key] for row in healthy.rows for key in keys if math.isfinite(row[key])]
        top = 3 * max(known, default=1.0)
        numbers = [row[key] for row in history.rows for key in keys]
        found = [value for value in numbers if value == value] or [0.0]  # nan has no place
        low = min(0, min(found))
        axes.set_ylim(1.05 * low, min(top, 1.1 * max(max(found), top / 3)) if low == 0 else -0.05 * low)
        if max(found) > top:
            axes.text(0.98, 0.97, f"up to {max(found):.3g}", **CORNER, transform=axes.transAxes)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=5))
    axes.grid(axis="y")


CORNER = {"ha": "right", "va": "top", "size": 8, "color": SICK, "backgroundcolor": "white"}


def _lines(reference: str = "healthy") -> list[Line2D]:
    return [
        Line2D([], [], color=colour, linestyle=line, linewidth=1.6, label=label)
        for colour, name in ((SICK, "this"), (FAINT, reference))
        for line, label in (((0, (3, 1.5)), f"{name}, training"), ("-", f"{name}, validation"))
    ]


def _in_words(history: HasRows) -> str:
    first, last = history.rows[0], history.rows[-1]
    return (
        f"training loss {first['train_loss']:.3g} to {last['train_loss']:.3g}, validation loss "
        f"{first['valid_loss']:.3g} to {last['valid_loss']:.3g}, mean IoU {first['mean_iou']:.2f} to "
        f"{last['mean_iou']:.2f}"
    )
