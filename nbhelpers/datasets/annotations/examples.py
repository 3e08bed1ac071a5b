"""One drawing as six tools export it: to learn the formats from, and to test their readers with."""

import json
from collections.abc import Sequence
from pathlib import Path, PurePath
from typing import Any

import numpy as np

Drawing = Sequence[tuple[str, Sequence[tuple[float, float]]]]  # (label, corners x, y), the later on top


def write_examples(folder: Path, drawing: Drawing, name: str, size: tuple[int, int]) -> dict[str, Path]:
    """Write `drawing`, made on the image file `name` of `size` (height, width), in six formats.

    Returns {format: the path that `Annotated` reads}, each in a folder of its own.
    """
    writers = {
        "coco": coco,
        "labelme": labelme,
        "cvat": cvat,
        "label-studio": label_studio,
        "yolo": yolo,
        "geojson": geojson,
    }
    return {format: write(folder / format, drawing, name, size) for format, write in writers.items()}


def coco(folder: Path, drawing: Drawing, name: str, size: tuple[int, int]) -> Path:
    labels = _labels(drawing)
    annotations = [
        {
            "id": place,
            "image_id": 7,
            "category_id": 3 + labels.index(label),  # ids need not begin at 0 or 1
            "segmentation": [np.ravel(points).tolist()],
            "iscrowd": 0,
        }
        for place, (label, points) in enumerate(drawing)
    ]
    content = {
        "images": [{"id": 7, "file_name": name, "height": size[0], "width": size[1]}],
        "categories": [{"id": 3 + place, "name": label} for place, label in enumerate(labels)],
        "annotations": annotations,
    }
    return _json(folder / "instances.json", content)


def labelme(folder: Path, drawing: Drawing, name: str, size: tuple[int, int]) -> Path:
    shapes = [
        {
            "label": label,
            "points": np.array(points).tolist(),
            "group_id": None,
            "shape_type": "polygon",
            "flags": {},
        }
        for label, points in drawing
    ]
    content = {"version": "5.5.0", "flags": {}, "shapes": shapes, "imagePath": name, "imageData": None}
    content |= {"imageHeight": size[0], "imageWidth": size[1]}
    return _json(folder / f"{PurePath(name).stem}.json", content)


def cvat(folder: Path, drawing: Drawing, name: str, size: tuple[int, int]) -> Path:
    shapes = "".join(
        f'    <polygon label="{label}" occluded="0" points="{";".join(f"{x},{y}" for x, y in points)}" z_order="0">\n'
        "    </polygon>\n"
        for label, points in drawing
    )
    return _text(
        folder / "annotations.xml",
        '<?xml version="1.0" encoding="utf-8"?>\n<annotations>\n  <version>1.1</version>\n'
        f'  <image id="0" name="{name}" width="{size[1]}" height="{size[0]}">\n{shapes}  </image>\n</annotations>\n',
    )


def label_studio(folder: Path, drawing: Drawing, name: str, size: tuple[int, int]) -> Path:
    results = [
        {
            "type": "polygonlabels",
            "original_width": size[1],
            "original_height": size[0],
            "value": {"points": (np.array(points) * 100 / size[::-1]).tolist(), "polygonlabels": [label]},
        }
        for label, points in drawing
    ]
    task = {
        "id": 1,
        "data": {"image": f"/data/upload/1/1a2b3c4d-{name}"},
        "annotations": [{"result": results}],
    }
    return _json(folder / "project.json", [task])


def yolo(folder: Path, drawing: Drawing, name: str, size: tuple[int, int]) -> Path:
    labels = _labels(drawing)
    _text(
        folder / "data.yaml",
        "names:\n" + "".join(f"  {place}: {label}\n" for place, label in enumerate(labels)),
    )
    lines = [
        " ".join(
            [str(labels.index(label)), *(f"{value:.9f}" for value in np.ravel(np.array(points) / size[::-1]))]
        )
        for label, points in drawing
    ]
    return _text(folder / "labels" / f"{PurePath(name).stem}.txt", "\n".join(lines) + "\n").parent


def geojson(folder: Path, drawing: Drawing, name: str, size: tuple[int, int]) -> Path:
    features = [
        {
            "type": "Feature",
            "geometry": {"type": "Polygon", "coordinates": [np.array([*points, points[0]]).tolist()]},
            "properties": {"objectType": "annotation", "classification": {"name": label}},
        }
        for label, points in drawing
    ]
    return _json(
        folder / f"{PurePath(name).stem}.geojson", {"type": "FeatureCollection", "features": features}
    )


def _labels(drawing: Drawing) -> list[str]:
    return sorted({label for label, _ in drawing})


def _json(path: Path, content: Any) -> Path:
    return _text(path, json.dumps(content))


def _text(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    return path
