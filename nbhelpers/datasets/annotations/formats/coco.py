"""COCO's instances: one JSON file of images, categories and annotations (polygons, or run lengths).

The format: https://cocodataset.org/#format-data. Several polygons of one object are united, as pycocotools does; a
hole needs run lengths. `iscrowd` marks an object whose inside is not labelled one by one.
"""

from pathlib import Path
from typing import Any

from nbhelpers.datasets.annotations.export import Export
from nbhelpers.datasets.annotations.nodes import load_json, points_of, size_of, take
from nbhelpers.datasets.annotations.runs import bitmap_of_counts, coco_counts
from nbhelpers.datasets.annotations.shapes import Object, Picture, Polygons, Shape

NAME = "coco"


def fits(content: Any) -> bool:
    return isinstance(content, dict) and isinstance(content.get("images"), list) and "annotations" in content


def read(path: Path) -> Export:
    content = load_json(path)
    categories: dict[Any, str] = {}
    for number, node in enumerate(take(content, "categories", list, str(path))):
        where = f"category {number + 1} in {path}"
        key, name = take(node, "id", int, where), take(node, "name", str, where)
        if categories.setdefault(key, name) != name:
            raise ValueError(
                f"{where} is {name!r} and has the id {key} of {categories[key]!r}; give each its own"
            )
    if len(set(categories.values())) < len(categories):
        raise ValueError(f"two categories in {path} have one name; give each its own")
    images: dict[Any, tuple[str, tuple[int, int], str]] = {}
    for number, node in enumerate(take(content, "images", list, str(path))):
        where = f"image {number + 1} in {path}"
        size = size_of(take(node, "height", int, where), take(node, "width", int, where), where)
        key, name = take(node, "id", (int, str), where), take(node, "file_name", str, where)
        if images.setdefault(key, (name, size, where))[:2] != (name, size):
            raise ValueError(
                f"{where} is {name!r} and has the id {key!r} of {images[key][2]}, {images[key][0]!r}; give each its own"
            )
    objects: dict[Any, list[Object]] = {key: [] for key in images}
    odd = []
    for number, node in enumerate(take(content, "annotations", list, str(path))):
        where = f"annotation {number + 1} in {path}"
        image, category = take(node, "image_id", (int, str), where), take(node, "category_id", int, where)
        if image not in images:
            raise ValueError(f"{where} is of image_id {image!r}, which is not among the images")
        if category not in categories:
            raise ValueError(f"{where} has category_id {category}, which is not among the categories")
        shape = _shape(node, images[image][1], where)
        if shape is None:
            odd.append(f"{where} has no segmentation, only a box or nothing: left out")
            continue
        crowd = take(node, "iscrowd", int, where, 0) == 1
        objects[image].append(Object(categories[category], shape, where, void=crowd))
    if odd and not any(objects.values()):
        raise ValueError(f"{path} holds boxes only; export the segmentation, not the detection")
    pictures = tuple(
        Picture(name, size, tuple(objects[key]), where) for key, (name, size, where) in images.items()
    )
    return Export(NAME, tuple(categories.values()), pictures, tuple(odd))


def _shape(node: dict, size: tuple[int, int], where: str) -> Shape | None:
    segmentation = take(node, "segmentation", (list, dict), where, [])
    if isinstance(segmentation, dict):
        stated = take(segmentation, "size", list, where)
        if stated != list(size):
            raise ValueError(f"{where} is of size {stated}, but its image has {list(size)} (height, width)")
        counts = take(segmentation, "counts", (list, str), where)
        counts = coco_counts(counts, where) if isinstance(counts, str) else counts
        return bitmap_of_counts(counts, size, where, order="F")
    if not segmentation:
        return None
    # one polygon without the list around it, as some scripts write it
    if not isinstance(segmentation[0], list):
        segmentation = [segmentation]
    return Polygons(tuple((points_of(polygon, where, least=3),) for polygon in segmentation))
