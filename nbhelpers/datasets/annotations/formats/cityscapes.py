"""Cityscapes: one JSON file of polygons an image, `<city>_<number>_<frame>_gtFine_polygons.json`.

The format and the ids: https://github.com/mcordts/cityscapesScripts, helpers/labels.py. Polygons are painted in the
order of the file; 19 labels have a train id, and all others are void. A label that ends in "group" marks objects that
could not be told apart, which share the label's class.
"""

from pathlib import Path
from typing import Any

from nbhelpers.datasets.annotations.export import Export, image_folder
from nbhelpers.datasets.annotations.nodes import load_json, points_of, size_of, take
from nbhelpers.datasets.annotations.shapes import Object, Picture, Polygons

NAME = "cityscapes"
TRAIN_CLASSES = (  # in the order of the train ids 0..18
    "road",
    "sidewalk",
    "building",
    "wall",
    "fence",
    "pole",
    "traffic light",
    "traffic sign",
    "vegetation",
    "terrain",
    "sky",
    "person",
    "rider",
    "car",
    "truck",
    "bus",
    "train",
    "motorcycle",
    "bicycle",
)


def fits(content: Any) -> bool:
    return isinstance(content, dict) and "imgHeight" in content and isinstance(content.get("objects"), list)


def read(paths: list[Path]) -> Export:
    pictures = tuple(_picture(path) for path in paths)
    others = sorted({one.label for picture in pictures for one in picture.objects} - set(TRAIN_CLASSES))
    return Export(NAME, TRAIN_CLASSES, pictures, void=tuple(others), complete=True)


def _picture(path: Path) -> Picture:
    content, where = load_json(path), str(path)
    size = size_of(take(content, "imgHeight", int, where), take(content, "imgWidth", int, where), where)
    objects = []
    for number, node in enumerate(take(content, "objects", list, where), start=1):
        place = f"object {number} in {path}"
        label = take(node, "label", str, place)
        if label not in TRAIN_CLASSES and label.removesuffix("group") in TRAIN_CLASSES:
            label = label.removesuffix("group")
        if not take(node, "deleted", (bool, int), place, False):
            polygon = points_of(take(node, "polygon", list, place), place, least=3)
            objects.append(Object(label, Polygons(((polygon,),)), place))
    name = path.name.removesuffix("_gtFine_polygons.json").removesuffix("_gtCoarse_polygons.json")
    folder = image_folder(path, "gtFine", "leftImg8bit")
    return Picture(f"{name}_leftImg8bit.png", size, tuple(objects), where, folder=folder)
