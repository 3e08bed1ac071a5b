"""CVAT for images 1.1: one XML file, with polygons, boxes, ellipses, masks, lines and points, and their z-order.

The format: https://docs.cvat.ai/docs/manual/advanced/xml_format/. A mask's run lengths go along the rows of its own
box. A box or ellipse may be rotated, clockwise in degrees, about its middle.
"""

from pathlib import Path
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from nbhelpers.datasets.annotations.export import Export, labels_of
from nbhelpers.datasets.annotations.nodes import number, points_of, size_of, whole
from nbhelpers.datasets.annotations.runs import bitmap_of_counts
from nbhelpers.datasets.annotations.shapes import Box, Ellipse, Object, Picture, Polygons, Shape, Stroke

NAME = "cvat"
SHAPES = ("polygon", "box", "ellipse", "mask", "polyline", "points")


def read(path: Path) -> Export:
    try:
        root = fromstring(path.read_bytes(), forbid_dtd=True)
    except DefusedXmlException as error:
        raise ValueError(
            f"{path} declares a document type or entities, which no export of CVAT does"
        ) from error
    except (ParseError, ValueError, LookupError) as error:
        raise ValueError(f"{path} is no XML file ({error}); it may be cut off: export it again") from error
    if root.tag != "annotations":
        raise ValueError(f"{path} begins with <{root.tag}>, but CVAT's exports begin with <annotations>")
    if root.find("track") is not None:
        raise ValueError(f"{path} is of a video (it has tracks); export it as 'CVAT for images 1.1'")
    pictures, odd = [], []
    for count, image in enumerate(root.iter("image"), start=1):
        where = f"image {count} in {path}"
        objects = []
        for place, node in enumerate(image, start=1):
            if node.tag in SHAPES:
                objects.append(_object(node, f"{node.tag} {place} of image {count} in {path}"))
            elif node.tag != "tag":  # a tag is about the whole image
                odd.append(f"<{node.tag}> of {where} is no shape of a mask: left out")
        size = size_of(_key(image, "height", where), _key(image, "width", where), where)
        folder = image.get("subset", "")  # a project's images lie in a folder for each subset
        pictures.append(Picture(_key(image, "name", where), size, tuple(objects), where, folder=folder))
    listed = tuple(dict.fromkeys(node.text for node in root.iterfind(".//label/name") if node.text))
    labels = listed + tuple(label for label in labels_of(tuple(pictures)) if label not in listed)
    return Export(NAME, labels, tuple(pictures), tuple(odd))


def _key(node: Element, key: str, where: str) -> str:
    value = node.get(key)
    if value is None:
        raise ValueError(f"{where} has no {key!r}; is it the export of another tool, or cut off?")
    return value


def _object(node: Element, where: str) -> Object:
    z = number(node.get("z_order", "0"), f"the z_order of {where}")
    return Object(_key(node, "label", where), _shape(node, where), where, z)


def _shape(node: Element, where: str) -> Shape:
    def value(key: str) -> float:
        return number(_key(node, key, where), f"{key!r} of {where}")

    if node.tag in ("box", "ellipse"):
        degrees = number(node.get("rotation", "0"), f"the rotation of {where}")
        if node.tag == "ellipse":
            return Ellipse((value("cx"), value("cy")), value("rx"), value("ry"), degrees)
        return Box(value("xtl"), value("ytl"), value("xbr"), value("ybr"), degrees)
    if node.tag == "mask":
        top, left, height, width = (
            whole(_key(node, key, where), f"{key!r} of {where}") for key in ("top", "left", "height", "width")
        )
        counts = [whole(part, f"a run length of {where}") for part in _key(node, "rle", where).split(",")]
        return bitmap_of_counts(counts, (height, width), where, order="C", top=top, left=left)
    pairs = [pair.split(",") for pair in _key(node, "points", where).split(";")]
    points = points_of(pairs, where, least=3 if node.tag == "polygon" else 1)
    if node.tag == "polygon":
        return Polygons(((points,),))
    return Stroke(points, joined=node.tag == "polyline")
