"""Pictures of an iris: fitted boundaries, the rubber sheet and its code."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Ellipse as EllipsePatch
from matplotlib.patches import Patch
from PIL.ImageColor import getrgb
from torch import Tensor

from nbhelpers.datasets.toy.eye_scene import Ellipse, rotation
from nbhelpers.visualisation.canvas import DPI, INK, WIDTH, Picture, panels, styled
from nbhelpers.visualisation.labels import as_ids, as_rgb, draw_image, largest_sides, percent

TURNS = (0, 90, 180, 270)  # degrees of the sheet that are written on the eye
# Okabe and Ito, as charts.RUNS: bright enough on dark eyes
PUPIL, LIMBUS, HIDDEN = "#56b4e9", "#e69f00", "#cc79a7"


class HasBoundaries(Protocol):
    """What `nbhelpers.iris.fit_boundaries` returns."""

    pupil: Ellipse
    limbus: Ellipse


class HasBits(Protocol):
    """What `nbhelpers.iris.encode` returns: bool (2, radial, angular) each."""

    bits: np.ndarray
    valid: np.ndarray


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
    shape = largest_sides([image for image, _ in eyes])
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
    _draw_turns(eye, boundaries)
    for row, (name, strip) in enumerate(_strips(sheet, visible, code).items()):
        panel = figure.add_subplot(grid[row, 1], yticks=[], xticks=[])
        panel.imshow(strip, aspect="auto", interpolation="nearest", extent=(0, 360, 1, 0))
        panel.set_ylabel(name, rotation=0, ha="right", va="center")
    panel.set_xticks((*TURNS, 360), [f"{turn}°" for turn in (*TURNS, 360)])
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


def _sizes(boundaries: HasBoundaries) -> str:
    pupil, limbus = (np.sqrt(ellipse.a * ellipse.b) for ellipse in (boundaries.pupil, boundaries.limbus))
    return f"pupil {2 * pupil:.0f} px, iris {2 * limbus:.0f} px"


def _draw_boundaries(panel: Axes, boundaries: HasBoundaries) -> None:
    for ellipse, colour in ((boundaries.limbus, LIMBUS), (boundaries.pupil, PUPIL)):
        centre = ellipse.x - 0.5, ellipse.y - 0.5  # imshow centres the first pixel on 0
        look = {"fill": False, "color": colour, "linewidth": 1.4}
        panel.add_patch(EllipsePatch(centre, 2 * ellipse.a, 2 * ellipse.b, angle=ellipse.angle, **look))


def _draw_turns(panel: Axes, boundaries: HasBoundaries) -> None:
    """Rays from pupil to limbus, with the angle outside."""
    box = {"boxstyle": "round,pad=0.15", "facecolor": INK, "edgecolor": "none", "alpha": 0.7}
    for turn in TURNS:
        inner, outer = (_at(ellipse, np.radians(turn)) for ellipse in (boundaries.pupil, boundaries.limbus))
        panel.plot(*zip(inner, outer, strict=True), color="white", linewidth=1, linestyle=":")
        x, y = outer + 0.18 * (outer - inner) / np.linalg.norm(outer - inner) * boundaries.limbus.a
        panel.text(x, y, f"{turn}°", ha="center", va="center", color="white", size=8, bbox=box, clip_on=True)


def _strips(sheet: np.ndarray, visible: np.ndarray, code: HasBits) -> dict[str, np.ndarray]:
    """What stands beside the eye, by name: uint8 RGB (radial, angular, 3) each."""
    hidden = np.array(getrgb(HIDDEN), np.uint8)
    low, high = np.percentile(sheet[visible], (1, 99)) if visible.any() else (0, 1)
    grey = (
        (255 * np.clip((sheet - low) / max(high - low, 1e-6), 0, 1)).astype(np.uint8)[..., None].repeat(3, 2)
    )
    strips = {"rubber sheet": grey, "hidden": np.where(visible[..., None], grey, hidden)}
    for name, bits, valid in zip(("real bits", "imaginary bits"), code.bits, code.valid, strict=True):
        strips[name] = np.where(valid[..., None], 255 * bits[..., None].astype(np.uint8), hidden)
    return strips


def _tint_hidden(panel: Axes, mask: np.ndarray, boundaries: HasBoundaries) -> None:
    """Tint what lies between pupil and limbus but is not in the mask."""
    y, x = np.indices(mask.shape) + 0.5
    ring = _inside(boundaries.limbus, x, y) & ~_inside(boundaries.pupil, x, y)
    tint = np.zeros((*mask.shape, 4), np.uint8)
    tint[ring & ~mask] = (*getrgb(HIDDEN), 150)
    panel.imshow(tint, interpolation="nearest")


def _inside(ellipse: Ellipse, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    turn = np.radians(ellipse.angle)
    dx, dy = x - ellipse.x, y - ellipse.y
    along, across = dx * np.cos(turn) + dy * np.sin(turn), dy * np.cos(turn) - dx * np.sin(turn)
    return (along / ellipse.a) ** 2 + (across / ellipse.b) ** 2 < 1


def _at(ellipse: Ellipse, angle: float) -> np.ndarray:
    """The point of the ellipse at an angle of the round iris, as imshow counts pixels."""
    turn = np.radians(ellipse.angle)
    point = ellipse.a * np.cos(angle - turn), ellipse.b * np.sin(angle - turn)
    return rotation(turn) @ point + (ellipse.x - 0.5, ellipse.y - 0.5)


def _zoom(panel: Axes, ellipse: Ellipse, shape: tuple[int, int]) -> None:
    """Show the surroundings of the iris, not all of a wide picture."""
    reach = 1.45 * ellipse.a
    panel.set_xlim(max(-0.5, ellipse.x - reach), min(shape[1] - 0.5, ellipse.x + reach))
    panel.set_ylim(min(shape[0] - 0.5, ellipse.y + reach), max(-0.5, ellipse.y - reach))
