"""Masks that a tool has painted already, as PNG: VOC's palette files, Roboflow's grey ids, Label Studio's brushes.

VOC (http://host.robots.ox.ac.uk/pascal/VOC/voc2012/htmldoc/) stores ids in a palette
PNG and void as 255; CVAT's "Segmentation mask 1.1" stores colours, listed in `labelmap.txt`. Roboflow's
png-mask-semantic lists the grey levels in `_classes.csv`. Label Studio writes a file a task, annotation and label.
"""

import csv
import re
from pathlib import Path

from nbhelpers.datasets.annotations.export import Export, image_folder, labels_of
from nbhelpers.datasets.annotations.nodes import whole
from nbhelpers.datasets.annotations.painted import Painted, Stored
from nbhelpers.datasets.annotations.shapes import Object, Picture
from nbhelpers.datasets.palette import number_of_rgb

BRUSH = re.compile(r"(task-\d+)-annotation-(\d+)-by-.*?-tag-(.+)-\d+$")


def read_voc(folder: Path, labelmap: Path | None, classes: tuple[str, ...] | None) -> Export:
    """`folder`: of the masks. Without a labelmap the palette's ids count, and `classes` names them."""
    if labelmap is None:
        if classes is None:
            raise ValueError(
                f"{folder} holds ids without names; pass classes= with the name of each id, 0 first"
            )
        label_of = dict(enumerate(classes))
    else:
        label_of = _labelmap(labelmap)
    paths = sorted(folder.glob("*.png"))
    pictures = tuple(
        Picture(
            path.stem,
            None,
            (),
            str(path),
            painted=Painted(path, label_of, labelmap is not None),
            folder=image_folder(path, "SegmentationClass", "JPEGImages"),
        )
        for path in paths
    )
    return Export("voc", tuple(label_of.values()), pictures, complete=True)


def read_roboflow(listed: Path) -> Export:
    """`listed`: the file `_classes.csv`, beside the images and the masks `<image>_mask.png`."""
    label_of = {}
    with listed.open(newline="", encoding="utf-8-sig") as file:
        for number, row in enumerate(list(csv.reader(file, skipinitialspace=True))[1:], start=2):
            where = f"line {number} of {listed}"
            if len(row) != 2:
                raise ValueError(f"{where} has {len(row)} columns; it must have a pixel value and a class")
            label_of[whole(row[0], f"the pixel value in {where}")] = row[1].strip()
    paths = sorted(listed.parent.glob("*_mask.png"))
    pictures = tuple(
        Picture(
            path.stem.removesuffix("_mask"),
            None,
            (),
            str(path),
            painted=Painted(path, label_of),
            folder=str(path.parent),
        )
        for path in paths
    )
    return Export("roboflow", tuple(label_of[value] for value in sorted(label_of)), pictures, complete=True)


def read_brushes(folder: Path) -> Export:
    """Label Studio's PNG export: black and white, one file a task, annotation and label; later annotations count."""
    by_task: dict[str, list[tuple[int, str, Path]]] = {}
    for path in sorted(folder.glob("task-*.png")):
        match = BRUSH.match(path.stem)
        if match is None:
            raise ValueError(
                f"{path} is not named like Label Studio's masks, task-1-annotation-2-by-3-tag-Cat-0.png"
            )
        by_task.setdefault(match[1], []).append((int(match[2]), match[3], path))
    pictures, odd = [], []
    for task, files in by_task.items():
        last = max(annotation for annotation, _, _ in files)
        if len({annotation for annotation, _, _ in files}) > 1:
            odd.append(f"{task} in {folder} was annotated several times: annotation {last} counts")
        objects = tuple(
            Object(label, Stored(path), str(path)) for annotation, label, path in files if annotation == last
        )
        pictures.append(Picture(task, None, objects, f"{task} in {folder}"))
    return Export("label-studio-png", labels_of(tuple(pictures)), tuple(pictures), tuple(odd))


def _labelmap(path: Path) -> dict[int, str]:
    """`label:r,g,b:parts:actions` a line: the labels by their colours, each as one number."""
    label_of = {}
    for number, line in enumerate(path.read_text("utf-8-sig").splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        name, _, rest = line.partition(":")
        parts = [
            whole(part, f"a colour in line {number} of {path}") for part in rest.split(":")[0].split(",")
        ]
        if len(parts) != 3 or not all(0 <= part <= 255 for part in parts):
            raise ValueError(f"line {number} of {path} has no colour r,g,b after the name")
        label_of[int(number_of_rgb(parts))] = name
    return label_of
