"""Pictures of how well irises tell persons apart: the distances of pairs, and the errors of a threshold."""

from collections.abc import Mapping
from typing import Protocol

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from nbhelpers.visualisation.canvas import DPI, FAINT, INK, WIDTH, Picture, styled
from nbhelpers.visualisation.charts import DASHES, RUNS, legend_room, runs_and
from nbhelpers.visualisation.labels import percent

GENUINE, IMPOSTOR = RUNS[0], RUNS[1]


class HasErrors(Protocol):
    """What `nbhelpers.iris.roc` returns."""

    false_accept: np.ndarray
    false_reject: np.ndarray
    impostor_pairs: int
    genuine_pairs: int
    equal_error_rate: float
    equal_error_threshold: float


@styled
def show_distances(
    pairs: Mapping[str, tuple[np.ndarray, np.ndarray]], curves: Mapping[str, HasErrors]
) -> Picture:
    """Histograms of the distances of genuine and impostor pairs, a panel for each case, with the threshold of the EER.

    pairs: {case: (genuine, impostor)}, Hamming distances 0 to 1, nan for pairs that cannot be compared, whose
    share is written; curves: {case: what `nbhelpers.iris.roc` made of them}.
    Raises ValueError for no case, and where the two have other cases.
    """
    if not pairs or set(pairs) != set(curves):
        raise ValueError(
            f"there are pairs for {list(pairs)} and curves for {list(curves)}, but there must be both for each case"
        )
    figure = Figure(figsize=(WIDTH, 0.75 + 1.15 * len(pairs)), dpi=DPI, layout="constrained")
    axes = figure.subplots(len(pairs), 1, sharex=True, squeeze=False)[:, 0]
    every = np.concatenate([values for pair in pairs.values() for values in pair])
    every = every[~np.isnan(every)]
    low, high = (every.min(), every.max()) if every.size else (0, 0.5)
    bins = np.linspace(low, high + 1e-6, 61)
    words = []
    for panel, (name, (genuine, impostor)) in zip(axes, pairs.items(), strict=True):
        threshold, rate = curves[name].equal_error_threshold, curves[name].equal_error_rate
        _draw_histogram(panel, bins, impostor, IMPOSTOR, "different eyes")
        _draw_histogram(panel, bins, genuine, GENUINE, "the same eye")
        if np.isfinite(threshold):
            panel.axvline(
                threshold, color=INK, linestyle="--", linewidth=1.3, label="threshold of the equal error rate"
            )
        lost = np.isnan(genuine).mean()
        panel.set_title(f"{name}: equal error rate {_fine(rate)}", loc="left", weight="bold", pad=3)
        panel.set_title(f"not comparable: {percent(lost)} of the same eye", loc="right", size=9, pad=3)
        panel.set_yticks([])
        panel.set_ylim(bottom=0)
        panel.spines["left"].set_visible(False)
        told = "nothing to compare"
        if lost < 1 and not np.isnan(impostor).all():
            told = (
                f"same eye median {np.nanmedian(genuine):.2f}, different eyes {np.nanmedian(impostor):.2f}, "
                f"equal error rate {_fine(rate)} at distance {threshold:.2f}, "
                f"not comparable {percent(lost)} of the same eye"
            )
        words.append(f"{name}: {told}")
    axes[-1].set_xlabel("Hamming distance; heights are shares of the pairs")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=3)
    return Picture(figure, f"Distances of iris codes. {'; '.join(words)}.")


@styled
def show_roc(curves: Mapping[str, HasErrors]) -> Picture:
    """False rejects against false accepts, both logarithmic, a line for each name; on the diagonal both are equal.

    n pairs cannot show a rate below 1 / n, and a logarithmic axis has no 0: so no error at all is drawn at 1 / n, with
    an open triangle that points to where the rate lies, somewhere below.
    curves: {name: what `nbhelpers.iris.roc` returned}. Raises ValueError for no curve.
    """
    if not curves:
        raise ValueError("there is no curve to show: pass {name: roc(genuine, impostor)}")
    figure = Figure(
        figsize=(WIDTH * 0.72, max(4.2, 0.6 + legend_room(len(curves), 1))), dpi=DPI, layout="constrained"
    )
    axes = figure.add_subplot(
        xlabel="false accepts, share of pairs of different eyes",
        ylabel="false rejects, share of pairs of one eye",
    )
    edges = [
        0.6 / max(getattr(curve, f"{kind}_pairs") for curve in curves.values())
        for kind in ("impostor", "genuine")
    ]
    axes.plot((max(edges), 1), (max(edges), 1), color=FAINT, linewidth=1, linestyle=":")
    floors, rates = [], []
    for (name, curve), (colour, dashes) in zip(curves.items(), runs_and(DASHES, len(curves)), strict=True):
        rate, least = curve.equal_error_rate, (1 / curve.impostor_pairs, 1 / curve.genuine_pairs)
        x, y = np.maximum(curve.false_accept, least[0]), np.maximum(curve.false_reject, least[1])
        axes.step(
            x, y, where="post", color=colour, linestyle=dashes, linewidth=1.8, label=f"{name}: {_fine(rate)}"
        )
        floors += [f"{name} {floor}" for floor in _draw_floors(axes, curve, x, y, colour)]
        axes.plot(*np.maximum(rate, least), "o", color=colour, markersize=7, markeredgecolor="white")
        rates.append(f"{name} {_fine(rate)}")
    axes.set(xscale="log", yscale="log", xlim=(edges[0], 1), ylim=(edges[1], 1))
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(lambda share, _: f"{100 * share:g} %")
    axes.grid()
    figure.legend(loc="outside right upper", title="equal error rate")
    none = f" A triangle, drawn where one pair would be: {'; '.join(floors)}." if floors else ""
    return Picture(
        figure,
        f"False rejects against false accepts.{none} Equal error rates, where both are as many: {'; '.join(rates)}.",
    )


def _draw_histogram(panel: Axes, bins: np.ndarray, values: np.ndarray, colour: str, label: str) -> None:
    shares = np.histogram(values, bins)[0] / len(values)
    panel.stairs(shares, bins, fill=True, color=colour, alpha=0.55)
    panel.stairs(shares, bins, color=colour, linewidth=1.2, label=label)


def _draw_floors(axes: Axes, curve: HasErrors, x: np.ndarray, y: np.ndarray, colour: str) -> list[str]:
    """Triangles where the curve, drawn at `x` and `y`, has no error of one kind at all; what they say."""
    look = {"color": colour, "markersize": 8, "markerfacecolor": "white", "clip_on": False, "zorder": 3}
    floors = []
    at = np.flatnonzero(curve.false_accept == 0)[-1]
    if curve.false_reject[at] < 1:  # else there is none only because nobody is let in
        axes.plot(x[at], y[at], "<", **look)
        rejects = f"{_fine(curve.false_reject[at])} false rejects"
        floors.append(f"no false accept among {curve.impostor_pairs} pairs at {rejects}")
    at = np.flatnonzero(curve.false_reject == 0)[0]
    if curve.false_accept[at] < 1:
        axes.plot(x[at], y[at], "v", **look)
        accepts = f"{_fine(curve.false_accept[at])} false accepts"
        floors.append(f"no false reject among {curve.genuine_pairs} pairs at {accepts}")
    return floors


def _fine(share: float) -> str:
    return f"{100 * share:.1f} %"
