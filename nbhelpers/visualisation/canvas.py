"""What all pictures share: the finished `Picture` with its alt text, the style, panels and their legend."""

import base64
import io
import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import PIL.Image
from matplotlib import style
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from nbhelpers.datasets.palette import number_of_rgb, rgb_of_number

WIDTH = 9.0  # inches; with DPI 1080 pixels, the width of a notebook's output on a laptop
DPI = 120
LARGEST_PIXEL = 56  # of the figure, for a pixel of an image: a mask of 4 x 4 need not fill the page
INK, FAINT = "#1f2328", "#8b949e"

# A decorator: the reader's own matplotlib style neither changes our pictures nor is changed by them.
styled = style.context(
    [
        "default",
        {
            "font.size": 10,
            "axes.titlesize": 10,
            "axes.edgecolor": FAINT,
            "axes.labelcolor": INK,
            "axes.linewidth": 0.8,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.axisbelow": True,
            "text.color": INK,
            "xtick.color": INK,
            "ytick.color": INK,
            "grid.color": "#d8dee4",
            "grid.linewidth": 0.8,
            "legend.frameon": False,
        },
    ]
)


class Picture:
    """A finished picture: Jupyter shows it as one compressed image, once, with its alt text.

    The alt text stands in the output's metadata, {"image/png": {"alt": ...}}, the key that IPython's own
    `Image(alt=...)` writes, and in text/plain, which terminals show. Figures are drawn without pyplot, so
    none stays open and the reader's backend is left alone.
    """

    def __init__(self, figure: Figure, alt: str) -> None:
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        pixels = np.asarray(canvas.buffer_rgba())[..., :3]
        self.alt = alt
        # Flat colours (charts, masks, enlarged pixels) are smallest as PNG, photographs as JPEG, whose
        # chroma is not subsampled because that would smear the masks' colours.
        png = _encode(_with_palette(pixels), "PNG")
        jpeg = _encode(PIL.Image.fromarray(pixels), "JPEG", quality=75, subsampling=0)
        self.data = min(png, jpeg, key=len)
        self.mimetype = "image/png" if self.data is png else "image/jpeg"

    def __repr__(self) -> str:
        return self.alt

    def _repr_mimebundle_(
        self, include=None, exclude=None
    ) -> tuple[dict[str, str], dict[str, dict[str, str]]]:
        data = {self.mimetype: base64.b64encode(self.data).decode("ascii"), "text/plain": self.alt}
        return data, {self.mimetype: {"alt": self.alt}}

    def save(self, path: str | Path) -> None:
        """Write the picture to `path`, whose ending must be its format's: .png or .jpg.

        Raises ValueError for another ending.
        """
        endings = (".jpg", ".jpeg") if self.mimetype == "image/jpeg" else (".png",)
        if Path(path).suffix.lower() not in endings:
            raise ValueError(f"{path} must end in {' or '.join(endings)}: this picture is {self.mimetype}")
        Path(path).write_bytes(self.data)


def _with_palette(pixels: np.ndarray) -> PIL.Image.Image:
    """Reduce RGB (H, W, 3) to a palette: the 48 most frequent colours (of classes) exactly, the rest nearly."""
    packed = number_of_rgb(pixels)
    values, counts = np.unique(packed, return_counts=True)
    frequent = np.sort(values[np.argsort(counts)[-48:]])
    is_frequent = np.isin(packed, frequent)
    indices = np.searchsorted(frequent, packed).astype(np.uint8)
    palette = np.stack(rgb_of_number(frequent), axis=1).astype(np.uint8).tobytes()
    if not is_frequent.all():
        rest = PIL.Image.fromarray(pixels[~is_frequent][None]).quantize(128, kmeans=1)
        indices[~is_frequent] = len(frequent) + np.asarray(rest)[0]
        palette += bytes(rest.getpalette())
    image = PIL.Image.fromarray(indices)
    image.putpalette(palette[: 3 * 256])
    return image


def _encode(image: PIL.Image.Image, format: str, **options) -> bytes:
    file = io.BytesIO()
    image.save(file, format, optimize=True, **options)
    return file.getvalue()


def panels(
    rows: int,
    columns: int,
    shape: tuple[int, int],
    *,
    legend: Mapping[str, str | np.ndarray] | None = None,
    head: float = 0.25,
) -> tuple[Figure, np.ndarray]:
    """A figure of framed panels without ticks for images of `shape` (H, W), and its axes (rows, columns).

    A small image is enlarged by a whole number where that fits, so that its pixels stay square and the file
    small. `legend` names colours at the foot: {label: uint8 RGB or a colour's name}. `head` is the room above
    each row, in inches.
    """
    height, width = shape
    head = round(DPI * head)
    gap, edge = 10, 6  # pixels
    room = (round(DPI * WIDTH) - 2 * edge - (columns - 1) * gap) // columns
    room = min(room, round(DPI * 4.2 * width / height))  # a single tall panel would not fit the screen
    times = min(room // width, LARGEST_PIXEL)
    side = times * width if times == LARGEST_PIXEL or times * width > 0.75 * room else room
    tall = round(side * height / width)
    full_width = 2 * edge + columns * side + (columns - 1) * gap
    longest = max(map(len, legend or [""]))
    # inches of a patch, and of a letter
    legend_columns = max(1, int(full_width / DPI / (0.5 + 0.085 * longest)))
    foot = round(DPI * (0.1 + 0.23 * math.ceil(len(legend) / legend_columns))) if legend else 0
    full_height = rows * (head + tall) + edge + foot

    figure = Figure(figsize=(full_width / DPI, full_height / DPI), dpi=DPI)
    axes = np.empty((rows, columns), dtype=object)
    for row, column in np.ndindex(rows, columns):
        x = edge + column * (side + gap)
        y = full_height - (row + 1) * (head + tall)
        place = (x / full_width, y / full_height, side / full_width, tall / full_height)
        axes[row, column] = panel = figure.add_axes(place, xticks=[], yticks=[])
        panel.spines[:].set_visible(True)
    if legend:
        figure.legend(
            handles=swatches(legend),
            loc="lower center",
            ncols=legend_columns,
            handlelength=1.4,
            handleheight=1.0,
            columnspacing=1.4,
            borderpad=0.2,
        )
    return figure, axes


def swatches(legend: Mapping[str, str | np.ndarray]) -> list[Patch]:
    """What a legend shows of colours, RGB 0..255 or matplotlib's names."""
    colours = (colour if isinstance(colour, str) else colour / 255 for colour in legend.values())
    look = {"edgecolor": INK, "linewidth": 0.6}
    return [
        Patch(facecolor=colour, label=label, **look) for label, colour in zip(legend, colours, strict=True)
    ]


def ink_on(colour: np.ndarray) -> str:
    """White or INK: what can be read on a colour, RGB 0..255."""
    return "white" if colour @ (0.299, 0.587, 0.114) < 140 else INK
