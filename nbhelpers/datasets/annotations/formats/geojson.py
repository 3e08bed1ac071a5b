"""GeoJSON as QuPath exports it: one file an image, a feature an object, coordinates in pixels.

The format: RFC 7946, and https://qupath.readthedocs.io/en/stable/docs/advanced/exporting_annotations.html. The first
ring of a polygon is its outside, the others are holes; a MultiPolygon is an object of several parts.
"""

from pathlib import Path
from typing import Any

from nbhelpers.datasets.annotations.export import Export, labels_of
from nbhelpers.datasets.annotations.nodes import load_json, points_of, take
from nbhelpers.datasets.annotations.shapes import Object, Picture, Polygons, Shape, Stroke

NAME = "geojson"


def fits(content: Any) -> bool:
    first = content[0] if isinstance(content, list) and content else content
    return isinstance(first, dict) and first.get("type") in ("FeatureCollection", "Feature")


def read(paths: list[Path]) -> Export:
    odd: list[str] = []
    pictures = tuple(_picture(path, odd) for path in paths)
    return Export(NAME, labels_of(pictures), pictures, tuple(odd))


def _picture(path: Path, odd: list[str]) -> Picture:
    content = load_json(path)
    if isinstance(content, dict) and content.get("type") == "FeatureCollection":
        content = take(content, "features", list, str(path))
    elif isinstance(content, dict):
        content = [content]
    objects = []
    for number, node in enumerate(content, start=1):
        where = f"feature {number} in {path}"
        label = _label(take(node, "properties", dict, where, {}), where)
        if label is None:
            odd.append(f"{where} has no classification: left out")
            continue
        objects.append(Object(label, _shape(take(node, "geometry", dict, where), where), where))
    return Picture(path.stem, None, tuple(objects), str(path), folder=str(path.parent))


def _label(properties: dict, where: str) -> str | None:
    classification = take(properties, "classification", (dict, str), where, None)
    if isinstance(classification, dict):
        if "names" in classification:  # QuPath 0.5 and later, for classes derived from others
            names = take(classification, "names", list, where)
            return ": ".join(map(str, names))
        return take(classification, "name", str, where)
    return classification


def _shape(geometry: dict, where: str) -> Shape:
    kind, coordinates = take(geometry, "type", str, where), take(geometry, "coordinates", list, where)
    if kind == "Polygon":
        coordinates = [coordinates]
    if kind in ("Polygon", "MultiPolygon"):
        if not coordinates or not all(isinstance(part, list) and part for part in coordinates):
            raise ValueError(f"{where} is a {kind} without a ring")
        return Polygons(
            tuple(tuple(points_of(ring, where, least=3) for ring in part) for part in coordinates)
        )
    if kind == "LineString":
        return Stroke(points_of(coordinates, where))
    if kind in ("Point", "MultiPoint"):
        return Stroke(points_of([coordinates] if kind == "Point" else coordinates, where), joined=False)
    raise ValueError(
        f"{where} is a {kind}; it must be a Polygon, MultiPolygon, LineString, Point or MultiPoint"
    )
