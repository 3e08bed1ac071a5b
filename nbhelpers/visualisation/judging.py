"""What a loss pulls at, and whether the probabilities that come of it are true."""

from collections.abc import Mapping
from typing import Protocol

import numpy as np
from matplotlib.figure import Figure
from torch import Tensor

from nbhelpers.visualisation.canvas import DPI, FAINT, INK, WIDTH, Picture, panels, styled
from nbhelpers.visualisation.charts import MARKERS, RIGHT, WRONG, legend_room, runs_and


class HasBins(Protocol):
    """What `nbhelpers.metrics.calibration.Calibration` has: numbers of each bin, and the error of all."""

    counts: Tensor
    confidence: Tensor
    frequency: Tensor
    error: float


@styled
def show_reliability(
    calibrations: Mapping[str, HasBins], x: str = "probability that was told", y: str = "share that was right"
) -> Picture:
    """A reliability diagram: what was told against what came true, on the diagonal where both agree.

    calibrations: {name: Calibration}. Below the diagonal lies who was too certain. A bin without pixels has no point;
    how many pixels each bin holds stands below, on a logarithmic scale. Raises ValueError where there is none to show.
    """
    if not calibrations or not all(each.counts.any() for each in calibrations.values()):
        raise ValueError(
            "there must be a calibration at least, and each must have counted a pixel: update it first"
        )
    height = 5.2 + legend_room(len(calibrations), 1)
    figure = Figure(figsize=(WIDTH * 0.62, height), dpi=DPI, layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(4, 1))
    upper.plot([0, 1], [0, 1], color=FAINT, linewidth=1, linestyle="--")
    words = []
    looks = runs_and(MARKERS, len(calibrations))
    for (name, each), (colour, marker) in zip(calibrations.items(), looks, strict=True):
        full = (each.counts > 0).numpy()
        told, came = each.confidence.numpy()[full], each.frequency.numpy()[full]
        label = f"{name}: calibration error {each.error:.4f}"
        upper.plot(told, came, color=colour, marker=marker, linewidth=1.8, label=label, clip_on=False)
        lower.plot(told, each.counts.numpy()[full], color=colour, marker=marker, linewidth=1.2, markersize=4)
        farthest = int(np.abs(told - came).argmax())
        words.append(f"{label}, at most {told[farthest]:.2f} told and {came[farthest]:.2f} right")
    upper.set(xlim=(0, 1), ylim=(0, 1), ylabel=y)
    lower.set(yscale="log", xlabel=x, ylabel="pixels")
    for axes in (upper, lower):
        axes.grid()
    figure.legend(loc="outside upper center", ncols=1)
    return Picture(figure, f"Reliability: {y} over {x}. {'; '.join(words)}.")


@styled
def show_pulls(mask: Tensor | np.ndarray, pulls: Mapping[str, Tensor | np.ndarray]) -> Picture:
    """Where each loss pulls a picture's logits: up in blue, down in orange, white where it lets them be.

    mask: (H, W), 1 where the logit should rise; its outline is drawn. pulls: {name: minus the gradient with respect
    to one logit a pixel (H, W)}; each panel is as strong as its own largest pull, and its title tells how much of all
    pull, up or down, acts on the object. Raises ValueError where sizes differ, or nothing pulls.
    """
    mask = np.asarray(mask)
    maps = {name: np.asarray(pull, dtype=float) for name, pull in pulls.items()}
    if not maps or any(pull.shape != mask.shape or not np.abs(pull).max() > 0 for pull in maps.values()):
        raise ValueError(
            f"pulls must be maps {mask.shape}, as the mask is, at least one and none of zeros, but are "
            f"{ {name: pull.shape for name, pull in maps.items()} }"
        )
    columns = min(4, len(maps))
    figure, axes = panels(-(-len(maps) // columns), columns, mask.shape, head=0.45)
    for panel in axes.flat[len(maps) :]:
        panel.set_visible(False)
    words = []
    for panel, (name, pull) in zip(axes.flat, maps.items(), strict=False):
        strength = np.abs(pull) / np.abs(pull).max()
        ends = np.where(pull[..., None] > 0, RIGHT, WRONG)
        panel.imshow(1 - (1 - ends) * strength[..., None], interpolation="nearest")
        if 0 < mask.sum() < mask.size and min(mask.shape) > 1:  # matplotlib outlines from 2 x 2 pixels on
            panel.contour(mask == 1, levels=[0.5], colors=[INK], linewidths=0.8)
        share = np.abs(pull)[mask == 1].sum() / np.abs(pull).sum()
        panel.set_title(f"{name}\n{share:.0%} on the object", pad=4)
        words.append(f"{name} {share:.0%}")
    return Picture(
        figure, f"Maps of each loss's pull on the logits. Share that acts on the object: {', '.join(words)}."
    )
