"""Small maps of numbers, for what is first done by hand: a kernel, a pooling, an upsampling."""

from collections.abc import Mapping

import numpy as np
from torch import Tensor

from nbhelpers.visualisation.canvas import DPI, INK, Picture, panels, styled

HIGH, LOW = (0.0, 0.35, 0.6), (0.83, 0.37, 0.0)  # colours of the largest value, above and below 0
MOST_IN_A_ROW = 4
MOST_WRITTEN = 8  # cells a side; in more, the numbers could not be read


@styled
def show_numbers(maps: Mapping[str, Tensor | np.ndarray]) -> Picture:
    """Maps (H, W) side by side, {title: map}: blue above 0, orange below, white at 0, on one scale; at most four in a row.

    Numbers are written into the cells of maps of at most 8 x 8, to three figures. Maps of one shape but of
    different resolution cover the same area. Raises ValueError for what is not (H, W), empty or not finite.
    """
    # + 0.0 makes 0 of -0
    arrays = {
        title: np.asarray(map.detach().cpu() if isinstance(map, Tensor) else map, dtype=np.float64) + 0.0
        for title, map in maps.items()
    }
    for title, array in arrays.items():
        if array.ndim != 2 or not array.size or not np.isfinite(array).all():
            raise ValueError(
                f"{title!r} has shape {array.shape}, but must be (H, W), without nan or inf: pick image and "
                "channel first, x[0, 0]"
            )
    if not arrays:
        raise ValueError("there is no map to show: pass {title: map}")
    largest = max(float(np.abs(array).max()) for array in arrays.values()) or 1.0
    height, width = (max(array.shape[axis] for array in arrays.values()) for axis in (0, 1))
    lines = 1 + max(title.count("\n") for title in arrays)
    rows = -(-len(arrays) // MOST_IN_A_ROW)
    figure, grid = panels(rows, -(-len(arrays) // rows), (height, width), head=0.1 + 0.17 * lines)
    for panel in grid.flat[len(arrays) :]:
        panel.set_axis_off()
    for panel, (title, array) in zip(grid.flat[: len(arrays)], arrays.items(), strict=True):
        share = np.abs(array / largest)[..., None]
        strongest = np.where((array < 0)[..., None], LOW, HIGH)
        panel.imshow(1 - (1 - strongest) * share, interpolation="nearest")
        panel.set_title(title, pad=4)
        if max(array.shape) <= MOST_WRITTEN:
            cell = panel.get_window_extent().width / DPI * 72 / array.shape[1]  # points
            texts = {place: f"{value:.3g}" for place, value in np.ndenumerate(array)}
            size = min(14, 0.42 * cell, 1.5 * cell / max(map(len, texts.values())))
            for (y, x), text in texts.items():
                colour = "white" if share[y, x, 0] > 0.55 else INK
                panel.text(x, y, text, ha="center", va="center", size=size, color=colour)
    words = [f"{' '.join(title.split())}: {_in_words(array)}." for title, array in arrays.items()]
    return Picture(figure, f"Maps of numbers. {' '.join(words)}")


def _in_words(array: np.ndarray) -> str:
    if max(array.shape) <= MOST_WRITTEN:
        return "rows " + ", ".join(" ".join(f"{value:.3g}" for value in row) for row in array)
    return (
        f"{array.shape[0]} x {array.shape[1]}, from {array.min():.3g} to {array.max():.3g}, "
        f"mean {array.mean():.3g}"
    )
