"""Pictures for first lessons: masks as grids of ids, four questions about one image, named scores as bars."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch import Tensor

from nbhelpers.datasets.dataset import IGNORE
from nbhelpers.datasets.inside import told_by
from nbhelpers.datasets.palette import categorical
from nbhelpers.visualisation.canvas import DPI, FAINT, WIDTH, Picture, ink_on, panels, styled
from nbhelpers.visualisation.labels import (
    HasClasses,
    as_ids,
    as_rgb,
    class_names_and_colours,
    class_patches,
    colour_mask,
    describe_ids,
    draw_image,
    draw_mask,
)

MAX_SIDE = 24  # pixels; in more, the numbers could not be read
BAR, OURS = "#b8c4ce", "#0072b2"


@styled
def show_ids(
    masks: Mapping[str, Tensor | np.ndarray], dataset: HasClasses, image: Tensor | np.ndarray | None = None
) -> Picture:
    """Small masks side by side, the class id written into every pixel, after the `image` they belong to if given.

    `masks` are {title: ids (H, W)}, at most 24 pixels a side. `dataset` names the classes and their colours.
    Raises ValueError if they differ in size or are larger, and for ids that no class has; see `as_ids`.
    """
    classes, palette = class_names_and_colours(dataset)
    grids = {title: as_ids(mask, len(classes)) for title, mask in masks.items()}
    shapes = {ids.shape for ids in grids.values()} | (
        {as_rgb(image).shape[:2]} if image is not None else set()
    )
    if len(shapes) != 1 or max(max(shape) for shape in shapes) > MAX_SIDE:
        raise ValueError(
            f"sizes are {sorted(shapes)}, but all must be one of at most {MAX_SIDE} x {MAX_SIDE}: "
            "crop the same few pixels of each, mask[40:52, 30:42]"
        )
    shape = shapes.pop()
    columns = len(grids) + (image is not None)
    figure, (row,) = panels(1, columns, shape, legend=class_patches(grids.values(), classes, palette))
    if image is not None:
        row[0].set_title("image", pad=4)
        row[0].imshow(as_rgb(image), interpolation="nearest")
    side = row[0].get_window_extent().width / DPI * 72 / shape[1]  # points
    for panel, (title, ids) in zip(row[columns - len(grids) :], grids.items(), strict=True):
        panel.set_title(title, pad=4)
        draw_mask(panel, ids, palette)
        colours = colour_mask(ids, palette)
        for (y, x), value in np.ndenumerate(ids):
            size = min(13, (0.4 if value == IGNORE else 0.55) * side)
            panel.text(x, y, value, ha="center", va="center", size=size, color=ink_on(colours[y, x]))
    words = [f"{title}: {_in_words(ids, dataset)}." for title, ids in grids.items()]
    return Picture(figure, f"Masks as grids of class ids. {' '.join(words)}")


def _in_words(ids: np.ndarray, dataset: HasClasses) -> str:
    if ids.size > 36:
        return describe_ids(ids, told_by(dataset, "classes"))
    return "rows " + ", ".join(" ".join(map(str, row)) for row in ids)


@styled
def show_tasks(image: Tensor | np.ndarray, instances: Tensor | np.ndarray, name: str) -> Picture:
    """One image and what four tasks answer: classification, detection, semantic and instance segmentation.

    `instances` are integers (H, W): 0 is background, 1..n are the objects, all of the class `name`.
    """
    image, instances = as_rgb(image), np.asarray(instances)
    found = [number for number in np.unique(instances).tolist() if number]
    colours = categorical(len(found) + 1)
    mask = (instances > 0).astype(np.uint8)
    figure, (row,) = panels(1, 4, instances.shape, head=0.45)
    for panel, title in zip(
        row,
        (
            f"classification\nis there a {name.lower()}? {'yes' if found else 'no'}",
            f"detection\na box for each: {len(found)}",
            "semantic segmentation\na class for every pixel",
            "instance segmentation\nand which one it is",
        ),
        strict=True,
    ):
        panel.set_title(title, pad=4)
    draw_image(row[0], image)
    draw_image(row[1], image)
    for number in found:
        y, x = np.nonzero(instances == number)
        corner, extent = (x.min() - 0.5, y.min() - 0.5), (np.ptp(x) + 1, np.ptp(y) + 1)
        row[1].add_patch(Rectangle(corner, *extent, fill=False, edgecolor=colours[1] / 255, linewidth=1.2))
    draw_mask(row[2], mask, colours[:2])
    row[3].imshow(colours[np.searchsorted([0, *found], instances)], interpolation="nearest")
    return Picture(
        figure,
        f"One image, four questions. Classification: it shows {'a' if found else 'no'} {name.lower()}. Detection: {len(found)} boxes. "
        f"Semantic segmentation: {describe_ids(mask, ('Background', name))}. "
        f"Instance segmentation: {len(found)} objects, each in its own colour.",
    )


@styled
def show_scores(scores: Mapping[str, float], label: str, best: str | None = None) -> Picture:
    """A bar, 0 to 1, for each named score, with its number; the bar of `best` stands out.

    `label` says what the scores are, for the axis. Raises ValueError for a score outside 0..1.
    """
    wrong = {name: value for name, value in scores.items() if not 0 <= value <= 1}
    if wrong or not scores:
        raise ValueError(f"scores must be fractions in 0..1, at least one, but here are {wrong or 'none'}")
    figure = Figure(figsize=(WIDTH * 0.9, 0.55 + 0.34 * len(scores)), dpi=DPI, layout="constrained")
    axes = figure.add_subplot(xlim=(0, 1), xlabel=label)
    rows = range(len(scores))
    colours = [OURS if name == best else BAR for name in scores]
    axes.barh(rows, list(scores.values()), height=0.7, color=colours)
    axes.set_yticks(rows, list(scores))
    axes.invert_yaxis()
    axes.grid(axis="x", color=FAINT, alpha=0.4)
    axes.tick_params(length=0)
    for row, (name, value) in enumerate(scores.items()):
        axes.text(value + 0.01, row, f"{value:.2f}", va="center", weight="bold" if name == best else "normal")
    words = ", ".join(f"{name} {value:.2f}" for name, value in scores.items())
    return Picture(figure, f"Bars of {label}: {words}.")
