"""Supervisely: one JSON file an image, named like it (`ann/cat.jpg.json` for `img/cat.jpg`).

The format: https://developer.supervisely.com/getting-started/supervisely-annotation-format. A polygon has an
exterior and holes; a bitmap is a PNG, packed by zlib and written as base64, with the place of its first pixel.
"""

from pathlib import Path
from typing import Any

from nbhelpers.datasets.annotations.export import Export, image_folder, labels_of
from nbhelpers.datasets.annotations.nodes import load_json, points_of, size_of, take
from nbhelpers.datasets.annotations.runs import unpacked
from nbhelpers.datasets.annotations.shapes import Bitmap, Box, Object, Picture, Polygons, Shape, Stroke
from nbhelpers.datasets.files import read_mask

NAME = "supervisely"


def fits(content: Any) -> bool:
    return isinstance(content, dict) and isinstance(content.get("size"), dict) and "objects" in content


def read(paths: list[Path]) -> Export:
    pictures = tuple(_picture(path) for path in paths)
    return Export(NAME, labels_of(pictures), pictures)


def _picture(path: Path) -> Picture:
    content, where = load_json(path), str(path)
    size = take(content, "size", dict, where)
    size = size_of(
        take(size, "height", int, f"size of {where}"), take(size, "width", int, f"size of {where}"), where
    )
    objects = []
    for number, node in enumerate(take(content, "objects", list, where), start=1):
        place = f"object {number} in {path}"
        objects.append(Object(take(node, "classTitle", str, place), _shape(node, place), place))
    folder = image_folder(path, "ann", "img")
    return Picture(path.name.removesuffix(".json"), size, tuple(objects), where, folder=folder)


def _shape(node: dict, where: str) -> Shape:
    kind = take(node, "geometryType", str, where)
    if kind == "bitmap":
        bitmap = take(node, "bitmap", dict, where)
        left, top = points_of(take(bitmap, "origin", list, f"the bitmap of {where}"), where)[0]
        data = unpacked(take(bitmap, "data", str, f"the bitmap of {where}"), f"the bitmap of {where}")
        return Bitmap(read_mask(data, f"the bitmap of {where}") > 0, int(top), int(left))
    points = take(node, "points", dict, where)
    outer = points_of(take(points, "exterior", list, where), where, least=3 if kind == "polygon" else 1)
    if kind == "polygon":
        holes = take(points, "interior", list, where, [])
        return Polygons(((outer, *(points_of(hole, f"a hole of {where}", least=3) for hole in holes)),))
    if kind == "rectangle":
        return Box(*outer.min(axis=0), *outer.max(axis=0))
    if kind in ("line", "polyline"):
        return Stroke(outer)
    if kind == "point":
        return Stroke(outer, joined=False)
    raise ValueError(f"{where} has the unknown geometryType {kind!r}")
