"""Write the masks of an export as PNG files, with a sheet of overlays to look at and a report of what was odd.

OUT gets masks/<image's name>.png (class ids, with a palette to look at; 255 is void), classes.txt (a name a line, in
the order of the ids), overlays.jpg and report.txt. `Folder(IMAGES, "OUT/masks", classes)` reads them.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageDraw
from tqdm import tqdm

from nbhelpers.datasets.annotations import CONVENTIONS, FORMATS, Annotated
from nbhelpers.datasets.annotations.dataset import UNLABELLED, VOID_LABELS
from nbhelpers.datasets.annotations.paint import CROWDS, ORDERS, OVERLAPS
from nbhelpers.datasets.dataset import IGNORE

SHEET = (4, 5)  # rows and columns of the sheet of overlays
SIDE = 240  # pixels, the longer side of a picture on it
LINE = 16  # pixels, the height of a line of its legend


def main(argv: Sequence[str] | None = None) -> None:
    options = _parser().parse_args(argv)
    try:
        data = Annotated(
            options.export,
            options.images,
            options.classes,
            format=options.format,
            convention=options.convention,
            void=options.void,
            skip=options.skip,
            order=options.order,
            overlap=options.overlap,
            crowd=options.crowd,
            width=options.width,
            centres=options.centres,
            unlabelled=options.unlabelled,
            value_range=options.range,
        )
        names = [Path(data.name(index)).stem for index in range(len(data))]
        if len(set(names)) < len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise ValueError(
                f"two images are called {twice!r}, and so would be their masks; export them in parts"
            )
        (options.out / "masks").mkdir(parents=True, exist_ok=True)
    except (ValueError, OSError) as error:
        raise SystemExit(f"error: {error}") from None
    wanted = set(np.linspace(0, len(data) - 1, num=min(len(data), SHEET[0] * SHEET[1])).astype(int).tolist())
    pixels, failed, overlays = np.zeros(256, np.int64), [], []
    for index in tqdm(range(len(data)), unit="image", ncols=80):
        try:
            image, mask = data.read(index)
            _save(mask, data, options.out / "masks" / f"{names[index]}.png")
        except (ValueError, OSError) as error:
            failed.append(str(error))
            continue
        pixels += np.bincount(mask.ravel(), minlength=256)
        if index in wanted:
            overlays.append(_overlay(image, mask, data.palette))
    (options.out / "classes.txt").write_text("".join(f"{name}\n" for name in data.classes), "utf-8")
    if overlays:
        _sheet(overlays, data).save(options.out / "overlays.jpg", quality=90)
    report = "\n".join(_report(data, pixels, failed)) + "\n"
    (options.out / "report.txt").write_text(report, "utf-8")
    print(report, end="")
    if failed:
        raise SystemExit(1)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m nbhelpers.datasets.annotations",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "export", type=Path, metavar="EXPORT", help="the file or folder that the tool exported"
    )
    parser.add_argument("images", type=Path, metavar="IMAGES", help="the folder of the images")
    parser.add_argument("out", type=Path, metavar="OUT", help="the folder to write to")
    parser.add_argument("--format", choices=FORMATS, help="found by itself where it is not given")
    parser.add_argument(
        "--convention", choices=CONVENTIONS, help="of the run-length codes in a table of Kaggle's"
    )
    parser.add_argument(
        "--classes", nargs="+", help="names in the order of the ids (background, then all labels)"
    )
    parser.add_argument("--void", nargs="*", help=f"labels that become 255 ({', '.join(VOID_LABELS)})")
    parser.add_argument("--skip", nargs="*", default=(), help="labels to leave out")
    parser.add_argument("--order", choices=ORDERS, default="file", help="who covers whom")
    parser.add_argument("--overlap", choices=OVERLAPS, default="cover", help="pixels of two classes")
    parser.add_argument("--crowd", choices=CROWDS, default="void", help="objects marked as a crowd")
    parser.add_argument("--width", type=float, help="of lines and points, in pixels")
    parser.add_argument(
        "--centres", action="store_true", help="0 is the centre of the first pixel, not its corner"
    )
    parser.add_argument(
        "--unlabelled",
        choices=UNLABELLED,
        help="images without an object (empty, but left out where a table of Kaggle's has no row)",
    )
    parser.add_argument(
        "--range",
        type=float,
        nargs=2,
        metavar=("BLACK", "WHITE"),
        help="numbers that are black and white in images of more than 8 bits; found by itself for whole numbers",
    )
    return parser


def _save(mask: np.ndarray, data: Annotated, path: Path) -> None:
    picture = Image.fromarray(mask, "P")
    palette = np.full((256, 3), 255, np.uint8)
    palette[: len(data.palette)] = data.palette
    picture.putpalette(palette.ravel().tolist())
    picture.save(path)


def _overlay(image: np.ndarray, mask: np.ndarray, palette: np.ndarray) -> Image.Image:
    """The image with its classes tinted and outlined, small; void is white."""
    scale = SIDE / max(mask.shape)
    size = max(1, round(mask.shape[1] * scale)), max(1, round(mask.shape[0] * scale))
    small = cv2.resize(np.ascontiguousarray(image[..., :3]), size, interpolation=cv2.INTER_AREA)
    ids = cv2.resize(mask, size, interpolation=cv2.INTER_NEAREST_EXACT)
    colours = np.full((256, 3), 255, np.uint8)
    colours[: len(palette)] = palette
    edge = cv2.morphologyEx(ids, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)) > 0
    tinted = np.where(ids[..., None] == 0, small, cv2.addWeighted(small, 0.5, colours[ids], 0.5, 0))
    tinted[edge] = 255
    return Image.fromarray(tinted)


def _sheet(overlays: list[Image.Image], data: Annotated) -> Image.Image:
    rows = -(-len(overlays) // SHEET[1])
    top = rows * (SIDE + 4) + 4
    sheet = Image.new("RGB", (SHEET[1] * (SIDE + 4) + 4, top + LINE * len(data.classes) + 4), "white")
    for place, overlay in enumerate(overlays):
        row, column = divmod(place, SHEET[1])
        sheet.paste(overlay, (4 + column * (SIDE + 4), 4 + row * (SIDE + 4)))
    draw = ImageDraw.Draw(sheet)
    for place, (name, colour) in enumerate(zip(data.classes, data.palette.tolist(), strict=True)):
        y = top + LINE * place
        draw.rectangle((4, y + 2, 16, y + 13), fill=tuple(colour), outline="black")
        draw.text((22, y), f"{place} {name}", fill="black")
    return sheet


def _report(data: Annotated, pixels: np.ndarray, failed: list[str]) -> list[str]:
    total = max(1, int(pixels.sum()))
    lines = [
        f"{data.format}: {len(data)} images, {sum(data.counts.values())} objects",
        "",
        "id  class, share of pixels",
    ]
    lines += [f"{place:3} {name}: {pixels[place] / total:.2%}" for place, name in enumerate(data.classes)]
    lines += [f"{IGNORE} void: {pixels[IGNORE] / total:.2%}", "", "objects of each label"]
    lines += [f"{count:6} {label}" for label, count in data.counts.items()]
    for heading, sentences in (("odd", data.odd), ("failed", failed)):
        if sentences:
            lines += ["", f"{heading}: {len(sentences)}", *(f"  {sentence}" for sentence in sentences)]
    return lines


if __name__ == "__main__":
    main()
