"""YOLO segmentation: one text file an image, a line an object: class x y x y ..., as shares of width and height.

The format: https://docs.ultralytics.com/datasets/segment/. `data.yaml` names the classes, or, as Label Studio exports
them, `classes.txt`, a name a line. The image of `labels/train/a.txt` lies in `images/train`; an image without a text
file has no object.
"""

from pathlib import Path

import yaml

from nbhelpers.datasets.annotations.export import Export, image_folder
from nbhelpers.datasets.annotations.nodes import number, points_of, whole
from nbhelpers.datasets.annotations.shapes import Object, Picture, Polygons, Relative
from nbhelpers.datasets.files import SUFFIXES

NAME = "yolo"
LIST = "classes.txt"


def fits(path: Path) -> bool:
    """Not what lies beside labels: a README, a list of the classes (Label Studio) or of the images (CVAT)."""
    if path.name == LIST or path.name.lower().startswith("readme."):  # README.roboflow.txt
        return False
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        return not file.readline(1 << 16).strip().lower().endswith(SUFFIXES)


def has_names(path: Path) -> bool:
    try:
        return bool(_names(path))
    except ValueError:
        return False


def read(paths: list[Path], names: Path | None, whole: bool = False) -> Export:
    labels = _names(names) if names else None
    pictures = tuple(_picture(path, labels) for path in paths)
    if labels is None:
        found = sorted({int(one.label) for picture in pictures for one in picture.objects})
        labels = dict(enumerate(map(str, range(max(found, default=-1) + 1))))
    return Export(NAME, tuple(labels[key] for key in sorted(labels)), pictures, whole=whole)


def _picture(path: Path, labels: dict[int, str] | None) -> Picture:
    objects = []
    for count, line in enumerate(path.read_text("utf-8-sig", errors="replace").splitlines(), start=1):
        where, parts = f"line {count} of {path}", line.split()
        if not parts:
            continue
        key = whole(parts[0], f"the class in {where}")
        if labels is not None and key not in labels:
            raise ValueError(
                f"{where} has class {key}, but the names are those of {min(labels)} to {max(labels)}"
            )
        if len(parts) == 5:
            raise ValueError(
                f"{where} is a box, which has no outline; export the segmentation, not the detection"
            )
        if len(parts) % 2 == 0:
            raise ValueError(f"{where} has {len(parts) - 1} numbers after the class; they must be pairs x, y")
        points = points_of([number(part, f"a coordinate in {where}") for part in parts[1:]], where, least=3)
        if points.min() < -0.5 or points.max() > 1.5:
            raise ValueError(
                f"{where} has coordinates up to {abs(points).max():g}; they must be shares of width and height, 0..1"
            )
        objects.append(Object(labels[key] if labels else str(key), Relative(Polygons(((points,),))), where))
    folder = image_folder(path, "labels", "images")
    return Picture(path.stem, None, tuple(objects), str(path), folder=folder)


def _names(path: Path) -> dict[int, str]:
    if path.name == LIST:
        lines = path.read_text("utf-8-sig", errors="replace").splitlines()
        if not any(map(str.strip, lines)):
            raise ValueError(f"{path} is empty; it must name the classes, one a line")
        return {key: name.strip() for key, name in enumerate(lines) if name.strip()}
    try:
        names = yaml.safe_load(path.read_text("utf-8"))["names"]
        if not isinstance(names, (dict, list)):
            raise TypeError(names)
        listed = names if isinstance(names, dict) else dict(enumerate(names))
        return {whole(key, f"a class in {path}"): str(name) for key, name in listed.items()}
    except (yaml.YAMLError, KeyError, TypeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} has no list `names` of the classes ({type(error).__name__})") from error
