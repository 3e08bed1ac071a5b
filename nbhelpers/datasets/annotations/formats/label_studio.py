"""Label Studio: JSON and JSON_MIN exports, with polygons, rectangles and ellipses in per cent, and brush strokes.

The formats: https://labelstud.io/guide/export. Lengths are per cent of width and height; a rectangle turns about its
upper left corner. A brush stroke is a run-length code of RGBA, whose alpha is the mask.
"""

import re
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import parse_qs, unquote, urlparse

import numpy as np

from nbhelpers.datasets.annotations.export import Export, labels_of
from nbhelpers.datasets.annotations.nodes import load_json, points_of, size_of, take
from nbhelpers.datasets.annotations.runs import brush_values
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
from nbhelpers.datasets.files import SUFFIXES

NAME = "label-studio"
KINDS = ("polygonlabels", "rectanglelabels", "ellipselabels", "brushlabels", "keypointlabels")
UPLOAD = re.compile(r"^[0-9a-f]{8}-(?=.)")  # what Label Studio puts before the name of an uploaded file
UPLOADS = re.compile(r"/upload(/\d+)?$")  # its own folder of them, which says nothing of where they came from


def fits(content: Any) -> bool:
    if not isinstance(content, list) or not content or not isinstance(content[0], dict):
        return False
    return "annotations" in content[0] or "completions" in content[0] or "annotation_id" in content[0]


def read(path: Path) -> Export:
    pictures, odd = [], []
    for count, task in enumerate(load_json(path), start=1):
        where = f"task {count} in {path}"
        drawn = take(task, "annotations", list, where, None)
        if drawn is None:
            drawn = take(task, "completions", list, where, None)  # their name before version 1.0
        results, image = _short(task, where) if drawn is None else _full(task, drawn, where, odd)
        objects = [
            one
            for number, node in enumerate(results, start=1)
            for one in _objects(node, f"result {number} of {where}", odd)
        ]
        size = next((_size(node, where) for node in results if "original_width" in node), None)
        folder = "" if UPLOADS.search(str(image.parent)) else str(image.parent)
        pictures.append(Picture(image.name, size, tuple(objects), where, folder=folder))
    return Export(NAME, labels_of(tuple(pictures)), tuple(pictures), tuple(odd))


def _full(task: dict, drawn: list, where: str, odd: list[str]) -> tuple[list[dict], PurePosixPath]:
    """The results of the JSON export: of the last annotation that was not cancelled."""
    good = [
        node for node in drawn if not take(node, "was_cancelled", bool, f"an annotation of {where}", False)
    ]
    if len(good) > 1:
        odd.append(f"{where} was annotated {len(good)} times: the last one counts")
    results = take(good[-1], "result", list, f"an annotation of {where}") if good else []
    return results, _image_path(take(task, "data", dict, where), where)


def _short(task: dict, where: str) -> tuple[list[dict], PurePosixPath]:
    """The results of JSON_MIN: a list under the name of each tag of the labelling interface."""
    results = [
        {"value": node} | node
        for values in task.values()
        if isinstance(values, list)
        for node in values
        if isinstance(node, dict) and "original_width" in node
    ]
    return results, _image_path(task, where)


def _image_path(data: dict, where: str) -> PurePosixPath:
    """The image's path in the address that a task keeps of it."""
    for value in data.values():
        if not isinstance(value, str):
            continue
        address = urlparse(value)
        inner = parse_qs(address.query).get("d", [address.path])[0]  # /data/local-files/?d=folder/a.png
        path = PurePosixPath(unquote(inner).replace("\\", "/"))
        if path.name.lower().endswith(SUFFIXES):
            return path
    raise ValueError(f"{where} names no image file; is it a project of images?")


def _size(node: dict, where: str) -> tuple[int, int]:
    return size_of(take(node, "original_height", int, where), take(node, "original_width", int, where), where)


def _objects(node: dict, where: str, odd: list[str]) -> list[Object]:
    value = take(node, "value", dict, where, {})
    kind = next((kind for kind in KINDS if kind in value), None)
    if kind is None:
        if take(node, "type", str, where, "") not in ("choices", "rating", "textarea", "taxonomy", "number"):
            odd.append(f"{where} is no labelled region ({node.get('type')!r}): left out")
        return []
    labels = take(value, kind, list, where)
    if not labels or not all(isinstance(label, str) for label in labels):
        raise ValueError(f"{kind!r} of {where} is {labels!r}; it must be a list of labels")
    shape = _shape(kind, value, _size(node, where), where)
    return [Object(label, shape, where) for label in labels]


def _shape(kind: str, value: dict, size: tuple[int, int], where: str) -> Shape:
    height, width = size

    def length(key: str, whole: int, default: Any = ...) -> float:
        return take(value, key, (int, float), where, default) * whole / 100

    if kind == "polygonlabels":
        points = points_of(take(value, "points", list, where), where, least=3)
        return Polygons(((points * (width / 100, height / 100),),))
    if kind == "brushlabels":
        if take(value, "format", str, where, "rle") != "rle":
            raise ValueError(f"{where} is a brush stroke in the format {value['format']!r}; it must be 'rle'")
        values = brush_values(take(value, "rle", list, where), where)
        if len(values) != height * width * 4:
            raise ValueError(
                f"the brush code of {where} has {len(values)} values, but {height} x {width} pixels of RGBA are "
                f"{height * width * 4}"
            )
        return Bitmap(values.reshape(height, width, 4)[..., 3] > 0)
    left, top = length("x", width), length("y", height)
    degrees = take(value, "rotation", (int, float), where, 0)
    if kind == "rectanglelabels":
        return Box(
            left, top, left + length("width", width), top + length("height", height), degrees, (left, top)
        )
    if kind == "ellipselabels":
        return Ellipse((left, top), length("radiusX", width), length("radiusY", height), degrees)
    return Stroke(np.array([(left, top)]), joined=False, width=length("width", width, 0) or None)


def original_name(name: str) -> str:
    """The name before the upload: Label Studio writes '1a2b3c4d-cat.png' for 'cat.png'."""
    return UPLOAD.sub("", name)
