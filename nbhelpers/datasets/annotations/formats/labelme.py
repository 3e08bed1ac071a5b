"""labelme: one JSON file an image, with shapes of every kind, and perhaps the image itself.

The tool: https://github.com/wkentaro/labelme. A circle is its centre and a point of its rim; a mask is a PNG that
lies in the box of its two points, both included.
"""

import base64
import binascii
from pathlib import Path
from typing import Any

import numpy as np

from nbhelpers.datasets.annotations.export import Export, labels_of
from nbhelpers.datasets.annotations.nodes import load_json, points_of, size_of, take
from nbhelpers.datasets.annotations.shapes import (
    Bitmap,
    Box,
    Ellipse,
    Object,
    Picture,
    Polygons,
    Shape,
    Stroke,
)
from nbhelpers.datasets.files import read_mask

NAME = "labelme"


def fits(content: Any) -> bool:
    return isinstance(content, dict) and isinstance(content.get("shapes"), list) and "imagePath" in content


def read(paths: list[Path]) -> Export:
    pictures = tuple(_picture(path) for path in paths)
    return Export(NAME, labels_of(pictures), pictures)


def _picture(path: Path) -> Picture:
    content = load_json(path)
    size = None
    if content.get("imageHeight") is not None:  # some versions leave both empty
        size = size_of(
            take(content, "imageHeight", int, str(path)),
            take(content, "imageWidth", int, str(path)),
            str(path),
        )
    objects = []
    for number, node in enumerate(take(content, "shapes", list, str(path))):
        where = f"shape {number + 1} in {path}"
        objects.append(Object(take(node, "label", str, where), _shape(node, where), where))
    data = take(content, "imageData", str, str(path), "")
    embedded = _decoded(data, f"imageData in {path}") if data else None
    name = take(content, "imagePath", str, str(path))  # seen from the file's own folder
    return Picture(name, size, tuple(objects), str(path), embedded, folder=str(path.parent))


def _shape(node: dict, where: str) -> Shape:
    kind = take(node, "shape_type", str, where, "polygon")
    points = points_of(take(node, "points", list, where), where)
    if kind in ("rectangle", "circle", "mask", "line") and len(points) != 2:
        raise ValueError(f"{where} is a {kind} of {len(points)} points; it must have 2")
    if kind == "polygon":
        return Polygons(((points_of(points, where, least=3),),))
    if kind == "rectangle":
        return Box(*points.min(axis=0), *points.max(axis=0))
    if kind == "circle":
        radius = float(np.hypot(*(points[1] - points[0])))
        return Ellipse((float(points[0, 0]), float(points[0, 1])), radius, radius)
    if kind in ("line", "linestrip"):
        return Stroke(points)
    if kind in ("point", "points"):
        return Stroke(points, joined=False)
    if kind == "mask":
        pixels = read_mask(_decoded(take(node, "mask", str, where), f"the mask of {where}"), where) > 0
        left, top, right, bottom = (round(end) for end in points.ravel().tolist())
        if pixels.shape != (bottom - top + 1, right - left + 1):
            raise ValueError(
                f"the mask of {where} has {pixels.shape[0]} x {pixels.shape[1]} pixels, but its points span "
                f"{bottom - top + 1} x {right - left + 1}"
            )
        return Bitmap(pixels, top, left)
    raise ValueError(f"{where} has the unknown shape_type {kind!r}")


def _decoded(text: str, what: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError(f"{what} is no base64 text ({error})") from error
