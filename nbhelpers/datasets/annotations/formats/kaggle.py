"""Kaggle's tables of run-length codes: a CSV with an image's id and a code in each row, and in some a class and a size.

Known by the header, such as `ImageId,EncodedPixels`, `img,rle_mask` or `id,class,segmentation`. Where id and class
share a column, as in `Image_Label` and `ImageId_ClassId`, the class is what follows the last underscore. Without a
class every object is called "object". A row without class and code is an image without an object. Some tables have no
row for those, as Severstal's, and some have but a part of the images, as that of a fold: nothing in them tells which.
"""

import csv
import io
import re
from pathlib import Path

from nbhelpers.datasets.annotations.conventions import CONVENTIONS, Convention, find_convention
from nbhelpers.datasets.annotations.export import Export
from nbhelpers.datasets.annotations.nodes import size_of
from nbhelpers.datasets.annotations.rle import Coded, is_empty
from nbhelpers.datasets.annotations.shapes import Object, Picture

NAME = "kaggle"
OBJECT = "object"
# what competitions call a column, in small letters and without spaces and underscores
IDS = ("imageid", "id", "img", "image", "recordid", "imagelabel", "imageidclassid")
BOTH = ("imagelabel", "imageidclassid")  # the id and the class
CODES = ("encodedpixels", "rlemask", "rle", "encoding", "annotation", "segmentation", "predicted", "pixels")
CLASSES = ("classid", "class", "label", "celltype")
WHOLE = re.compile(r"(\d+)\.0+", re.ASCII)  # pandas writes class 1 as 1.0 where another row has none
HEIGHTS, WIDTHS = ("height", "imgheight"), ("width", "imgwidth")


def fits(path: Path) -> bool:
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        header = file.readline(1 << 16).strip().split(",")
    return None not in (_column(header, IDS), _column(header, CODES))


def read(path: Path, convention: str | Convention | None) -> Export:
    """Raises ValueError for a table without a convention, for rows that lack a column, and for what are no codes."""
    if convention is None:
        raise ValueError(
            f"{path} holds run-length codes, and nothing in them tells how the pixels are numbered; pass "
            f"convention=, one of {', '.join(CONVENTIONS)}, or a Convention of your own"
        )
    convention = find_convention(convention)
    header, rows = _table(path)
    name, code, label = (_column(header, names) for names in (IDS, CODES, CLASSES))
    height, width = _column(header, HEIGHTS), _column(header, WIDTHS)
    if name is None or code is None:
        raise ValueError(
            f"{path} has the columns {', '.join(header)}; it must have one with the image's id, such as ImageId, and one "
            "with the code, such as EncodedPixels"
        )
    shared = _plain(header[name]) in BOTH
    sizes: dict[str, tuple[int, int] | None] = {}
    objects: dict[str, list[Object]] = {}
    labels: set[str] = set()
    for where, values in rows:
        image, what = values[name], OBJECT if label is None else values[label]
        if shared:
            image, _, what = image.rpartition("_")
        empty = is_empty(values[code])
        if not image or not (what or empty):
            raise ValueError(f"{where} lacks the image or the class: {values[name]!r}, {what!r}")
        size = None
        if None not in (height, width) and values[height] and values[width]:
            size = size_of(values[height], values[width], where)
        if sizes.setdefault(image, size) != size:
            raise ValueError(
                f"{where} says that {image} is of size {size}; an earlier one said {sizes[image]}"
            )
        if match := WHOLE.fullmatch(what):
            what = match[1]
        if what:
            labels.add(what)
        drawn = objects.setdefault(image, [])
        if empty:
            continue
        try:
            drawn.append(Object(what, Coded(values[code], convention), where))
        except ValueError as error:
            raise ValueError(f"{where}: {error}") from error
    pictures = tuple(
        Picture(image, sizes[image], tuple(drawn), str(path)) for image, drawn in objects.items()
    )
    numbered = all(one.isdecimal() for one in labels)
    return Export(NAME, tuple(sorted(labels, key=int if numbered else str)), pictures, whole=None)


def _table(path: Path) -> tuple[list[str], list[tuple[str, list[str]]]]:
    """The header, and of each row where it is and its values."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is no CSV: byte {error.start} is no UTF-8 text") from error
    csv.field_size_limit(max(csv.field_size_limit(), len(text)))  # a code may be longer than Python's 131,072
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    header, rows = None, []
    try:
        for values in reader:
            where, values = f"line {reader.line_num} of {path}", [value.strip() for value in values]
            if not any(values):  # an empty line
                continue
            if header is None:
                header = values
            elif len(values) == len(header):
                rows.append((where, values))
            else:
                raise ValueError(
                    f"{where} has {len(values)} values, but the header {len(header)}; the file may be cut off there"
                )
    except csv.Error as error:
        raise ValueError(
            f"line {reader.line_num} of {path}: {error}; the file may be cut off there"
        ) from error
    if header is None:
        raise ValueError(f"{path} is empty; export or download it again")
    return header, rows


def _column(header: list[str], names: tuple[str, ...]) -> int | None:
    """The place of the first column that is called so."""
    return next((place for place, name in enumerate(header) if _plain(name) in names), None)


def _plain(name: str) -> str:
    return name.strip(' "\r').replace("_", "").replace(" ", "").lower()
