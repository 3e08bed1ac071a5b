"""Pictures of iris recognition: fitted boundaries, the rubber sheet and its code, distances of pairs, their errors."""

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Ellipse as EllipsePatch
from matplotlib.patches import Patch
from torch import Tensor

from nbhelpers.datasets.toy.eye_scene import Ellipse
from nbhelpers.visualisation.canvas import DPI, FAINT, INK, WIDTH, Picture, panels, styled
from nbhelpers.visualisation.charts import DASHES, RUNS, legend_room, runs_and
from nbhelpers.visualisation.labels import as_ids, as_rgb, draw_image, percent

PUPIL, LIMBUS, HIDDEN = "#56b4e9", "#e69f00", "#cc79a7"  # Okabe and Ito, as RUNS: bright enough on dark eyes
GENUINE, IMPOSTOR = RUNS[0], RUNS[1]


class HasBoundaries(Protocol):
    """What `nbhelpers.iris.fit_boundaries` returns."""

    pupil: Ellipse
    limbus: Ellipse


class HasBits(Protocol):
    """What `nbhelpers.iris.encode` returns: bool (2, radial, angular) each."""

    bits: np.ndarray
    valid: np.ndarray


class HasErrors(Protocol):
    """What `nbhelpers.iris.roc` returns."""

    false_accept: np.ndarray
    false_reject: np.ndarray
    impostor_pairs: int
    genuine_pairs: int
    equal_error_rate: float
    equal_error_threshold: float


@styled
def show_boundaries(
    images: Sequence[Tensor | np.ndarray],
    masks: Sequence[Tensor | np.ndarray],
    boundaries: Sequence[HasBoundaries | None],
    titles: Sequence[str] | None = None,
) -> Picture:
    """The fitted pupil and limbus over each eye, with the mask they were fitted to as a tint; four in a row.

    `boundaries` holds None where no iris was found. Raises ValueError unless there are as many of each, one at least,
    and where a mask differs in size from its image.
    """
    count = len(images)
    if not count or {len(masks), len(boundaries), len(titles or images)} != {count}:
        raise ValueError(
            f"there are {count} images, {len(masks)} masks and {len(boundaries)} boundaries, but there must be as "
            "many of each, one at least, and of the titles, if given"
        )
    eyes = [(as_rgb(image), as_ids(mask, 2) == 1) for image, mask in zip(images, masks, strict=True)]
    for image, mask in eyes:
        if image.shape[:2] != mask.shape:
            raise ValueError(
                f"an image is {image.shape[:2]} and its mask {mask.shape}, but they must be equal"
            )
    columns = min(count, 4)
    rows = -(-count // columns)
    shape = max(image.shape[0] for image, _ in eyes), max(image.shape[1] for image, _ in eyes)
    legend = {"limbus": LIMBUS, "pupil": PUPIL, "the mask hides this": HIDDEN}
    figure, axes = panels(rows, columns, shape, legend=legend)
    words = []
    shown = zip(axes.flat[:count], eyes, boundaries, strict=True)
    for index, (panel, (image, mask), pair) in enumerate(shown):
        told = "no iris found" if pair is None else _sizes(pair)
        panel.set_title(f"{titles[index]}: {told}" if titles else told, pad=3, size=9)
        words.append(f"Eye {index}{f' ({titles[index]})' if titles else ''}: {told}.")
        draw_image(panel, image)
        if pair is not None:
            _draw_boundaries(panel, pair)
            _tint_hidden(panel, mask, pair)
    for panel in axes.flat[count:]:
        panel.set_axis_off()
    return Picture(figure, f"Eyes with the ellipses fitted to pupil and limbus. {' '.join(words)}")


@styled
def show_rubber_sheet(
    image: Tensor | np.ndarray,
    boundaries: HasBoundaries,
    sheet: np.ndarray,
    visible: np.ndarray,
    code: HasBits,
) -> Picture:
    """From the eye to its code: the eye with rays and rings of the sheet, the sheet, what is hidden on it, both bits.

    sheet: floats 0..1 (radial, angular); visible: bool, as large. Raises ValueError where the shapes do not fit.
    """
    image = as_rgb(image)
    if not sheet.shape == visible.shape == code.bits.shape[1:] == code.valid.shape[1:]:
        raise ValueError(
            f"the sheet is {sheet.shape}, visible {visible.shape} and the code {code.bits.shape}, but they must be "
            "(radial, angular) twice and (2, radial, angular): pass what unwrap and encode returned"
        )
    figure = Figure(figsize=(WIDTH, 3.5), dpi=DPI, layout="constrained")
    grid = figure.add_gridspec(4, 2, width_ratios=(1, 1.5))
    eye = figure.add_subplot(grid[:, 0], xticks=[], yticks=[])
    eye.set_title("eye", pad=4)
    eye.imshow(image, interpolation="antialiased")
    _draw_boundaries(eye, boundaries)
    _zoom(eye, boundaries.limbus, image.shape[:2])
    turns = (0, 90, 180, 270)
    for turn in turns:
        inner, outer = (_at(ellipse, np.radians(turn)) for ellipse in (boundaries.pupil, boundaries.limbus))
        eye.plot(*zip(inner, outer, strict=True), color="white", linewidth=1, linestyle=":")
        x, y = outer + 0.18 * (outer - inner) / np.linalg.norm(outer - inner) * boundaries.limbus.a
        box = {"boxstyle": "round,pad=0.15", "facecolor": INK, "edgecolor": "none", "alpha": 0.7}
        eye.text(x, y, f"{turn}°", ha="center", va="center", color="white", size=8, bbox=box, clip_on=True)
    hidden = np.array([int(HIDDEN[place : place + 2], 16) for place in (1, 3, 5)], np.uint8)
    low, high = np.percentile(sheet[visible], (1, 99)) if visible.any() else (0, 1)
    grey = np.repeat(
        (255 * np.clip((sheet - low) / max(high - low, 1e-6), 0, 1)).astype(np.uint8)[..., None], 3, 2
    )
    strips = {"rubber sheet": grey, "hidden": np.where(visible[..., None], grey, hidden)}
    for name, bits, valid in zip(("real bits", "imaginary bits"), code.bits, code.valid, strict=True):
        strips[name] = np.where(valid[..., None], 255 * bits[..., None].astype(np.uint8), hidden)
    for row, (name, strip) in enumerate(strips.items()):
        panel = figure.add_subplot(grid[row, 1], yticks=[], xticks=[])
        panel.imshow(strip, aspect="auto", interpolation="nearest", extent=(0, 360, 1, 0))
        panel.set_ylabel(name, rotation=0, ha="right", va="center")
    panel.set_xticks(turns + (360,), [f"{turn}°" for turn in (*turns, 360)])
    panel.set_xlabel("angle; the pupil is at the top of each strip, the limbus at its foot")
    figure.legend(
        handles=[Patch(facecolor=colour, label=label) for label, colour in
                 {"pupil": PUPIL, "limbus": LIMBUS, "hidden, or not valid": HIDDEN}.items()],
        loc="outside lower left", ncols=3, handlelength=1.2, columnspacing=1,
    )  # fmt: skip
    return Picture(
        figure,
        f"An eye, {_sizes(boundaries)}; its rubber sheet of {sheet.shape[0]} rows and {sheet.shape[1]} columns, of which "
        f"{percent(visible.mean())} are visible; and its code, of whose {code.bits.size} bits "
        f"{percent(code.valid.mean())} are valid.",
    )


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
        curve = curves[name]
        for values, colour, label in (
            (impostor, IMPOSTOR, "different eyes"),
            (genuine, GENUINE, "the same eye"),
        ):
            shares = np.histogram(values, bins)[0] / len(values)
            panel.stairs(shares, bins, fill=True, color=colour, alpha=0.55)
            panel.stairs(shares, bins, color=colour, linewidth=1.2, label=label)
        threshold, rate = curve.equal_error_threshold, curve.equal_error_rate
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
        none = {"color": colour, "markersize": 8, "markerfacecolor": "white", "clip_on": False, "zorder": 3}
        at = np.flatnonzero(curve.false_accept == 0)[-1]
        if curve.false_reject[at] < 1:  # else there is none only because nobody is let in
            axes.plot(x[at], y[at], "<", **none)
            rejects = f"{_fine(curve.false_reject[at])} false rejects"
            floors.append(f"{name} no false accept among {curve.impostor_pairs} pairs at {rejects}")
        at = np.flatnonzero(curve.false_reject == 0)[0]
        if curve.false_accept[at] < 1:
            axes.plot(x[at], y[at], "v", **none)
            accepts = f"{_fine(curve.false_accept[at])} false accepts"
            floors.append(f"{name} no false reject among {curve.genuine_pairs} pairs at {accepts}")
        axes.plot(*np.maximum(rate, least), "o", color=colour, markersize=7, markeredgecolor="white")
        rates.append(f"{name} {_fine(rate)}")
    axes.set(xscale="log", yscale="log", xlim=(edges[0], 1), ylim=(edges[1], 1))
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(lambda share, _: f"{100 * share:g} %")
    axes.grid()
    figure.legend(loc="outside right upper", title="equal error rate")
    none = f" Triangles, none, drawn at one of the pairs: {'; '.join(floors)}." if floors else ""
    return Picture(
        figure,
        f"False rejects against false accepts.{none} Equal error rates, where both are as many: {'; '.join(rates)}.",
    )


def _fine(share: float) -> str:
    return f"{100 * share:.1f} %"


def _sizes(boundaries: HasBoundaries) -> str:
    pupil, limbus = (np.sqrt(ellipse.a * ellipse.b) for ellipse in (boundaries.pupil, boundaries.limbus))
    return f"pupil {2 * pupil:.0f} px, iris {2 * limbus:.0f} px"


def _draw_boundaries(panel: Axes, boundaries: HasBoundaries) -> None:
    for ellipse, colour in ((boundaries.limbus, LIMBUS), (boundaries.pupil, PUPIL)):
        centre = ellipse.x - 0.5, ellipse.y - 0.5  # imshow centres the first pixel on 0
        panel.add_patch(
            EllipsePatch(
                centre,
                2 * ellipse.a,
                2 * ellipse.b,
                angle=ellipse.angle,
                fill=False,
                color=colour,
                linewidth=1.4,
            )
        )


def _tint_hidden(panel: Axes, mask: np.ndarray, boundaries: HasBoundaries) -> None:
    """Tint what lies between pupil and limbus but is not in the mask."""
    y, x = np.indices(mask.shape) + 0.5
    ring = _inside(boundaries.limbus, x, y) & ~_inside(boundaries.pupil, x, y)
    tint = np.zeros((*mask.shape, 4), np.uint8)
    tint[ring & ~mask] = [*(int(HIDDEN[place : place + 2], 16) for place in (1, 3, 5)), 150]
    panel.imshow(tint, interpolation="nearest")


def _inside(ellipse: Ellipse, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    turn = np.radians(ellipse.angle)
    dx, dy = x - ellipse.x, y - ellipse.y
    along, across = dx * np.cos(turn) + dy * np.sin(turn), dy * np.cos(turn) - dx * np.sin(turn)
    return (along / ellipse.a) ** 2 + (across / ellipse.b) ** 2 < 1


def _at(ellipse: Ellipse, angle: float) -> np.ndarray:
    """The point of the ellipse at an angle of the round iris, as imshow counts pixels."""
    turn = np.radians(ellipse.angle)
    along, across = ellipse.a * np.cos(angle - turn), ellipse.b * np.sin(angle - turn)
    x, y = along * np.cos(turn) - across * np.sin(turn), along * np.sin(turn) + across * np.cos(turn)
    return np.array([ellipse.x + x - 0.5, ellipse.y + y - 0.5])


def _zoom(panel: Axes, ellipse: Ellipse, shape: tuple[int, int]) -> None:
    """Show the surroundings of the iris, not all of a wide picture."""
    reach = 1.45 * ellipse.a
    panel.set_xlim(max(-0.5, ellipse.x - reach), min(shape[1] - 0.5, ellipse.x + reach))
    panel.set_ylim(min(shape[0] - 0.5, ellipse.y + reach), max(-0.5, ellipse.y - reach))
