"""One scene, exported as each tool would: what its own documentation shows, rebuilt by hand.

The scene is 30 x 40 pixels (height, width): a dog's square from (5, 4) to (25, 20), then a cat's triangle over it.
"""

import base64
import csv
import io
import json
import zlib
from pathlib import Path

import numpy as np
import shapely
from PIL import Image

from nbhelpers.datasets.annotations import examples
from nbhelpers.datasets.annotations.rle import rle_encode

HEIGHT, WIDTH = SIZE = 30, 40
DOG = [(5, 4), (25, 4), (25, 20), (5, 20)]
CAT = [(15, 10), (35.5, 12.25), (18, 28.75)]
OBJECTS = [("dog", DOG), ("cat", CAT)]
NAME = "scene.png"
IN_DOG, IN_CAT = (  # shapely's word on each pixel's centre
    shapely.contains_xy(shapely.Polygon(points), *(np.mgrid[:HEIGHT, :WIDTH][::-1] + 0.5))
    for points in (DOG, CAT)
)


def save_image(folder: Path, name: str = NAME, size: tuple[int, int] = SIZE) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.arange(size[0] * size[1] * 3, dtype=np.uint8).reshape(*size, 3)).save(path)
    return path


def png(array: np.ndarray, **options) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, "png", **options)
    return buffer.getvalue()


def dump(content, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))
    return path


def coco(folder: Path, objects=OBJECTS) -> Path:
    return examples.coco(folder, objects, NAME, SIZE)


def labelme(folder: Path, objects=OBJECTS) -> Path:
    return examples.labelme(folder, objects, NAME, SIZE)


def cvat(folder: Path, objects=OBJECTS) -> Path:
    return examples.cvat(folder, objects, NAME, SIZE)


def label_studio(folder: Path, objects=OBJECTS) -> Path:
    return examples.label_studio(folder, objects, NAME, SIZE)


def yolo(folder: Path, objects=OBJECTS) -> Path:
    return examples.yolo(folder, objects, NAME, SIZE)


def geojson(folder: Path, objects=OBJECTS) -> Path:
    return examples.geojson(folder, objects, NAME, SIZE)


def label_studio_min(folder: Path, objects=OBJECTS) -> Path:
    task = json.loads(label_studio(folder, objects).read_text())[0]
    regions = [
        node["value"] | {"original_width": WIDTH, "original_height": HEIGHT}
        for node in task["annotations"][0]["result"]
    ]
    content = {"image": task["data"]["image"], "id": 1, "label": regions, "annotator": 1, "annotation_id": 1}
    return dump([content], folder / "project.json")


def supervisely(folder: Path, objects=OBJECTS) -> Path:
    nodes = [
        {"classTitle": label, "geometryType": "polygon", "points": {"exterior": points, "interior": []}}
        for label, points in objects
    ]
    dump({"classes": []}, folder / "meta.json")
    content = {"size": {"height": HEIGHT, "width": WIDTH}, "objects": nodes}
    return dump(content, folder / "ds" / "ann" / f"{NAME}.json").parents[2]


POLYGONS = {
    "coco": coco,
    "labelme": labelme,
    "cvat": cvat,
    "label-studio": label_studio,
    "label-studio-min": label_studio_min,
    "supervisely": supervisely,
    "yolo": yolo,
    "geojson": geojson,
}


# Masks that are pixels already


def runs(flat: np.ndarray) -> list[int]:
    """Counts outside, inside, outside, ... of a flat bool array."""
    edges = np.flatnonzero(np.diff(flat.astype(np.int8))) + 1
    counts = np.diff(np.r_[0, edges, flat.size]).tolist()
    return [0, *counts] if flat[0] else counts


def brush(mask: np.ndarray) -> list[int]:
    """Label Studio's code of a mask as RGBA, by blocks of one repeated value and blocks of values one by one."""
    values = np.repeat(np.where(mask, 255, 0).astype(np.uint8).ravel(), 4)
    bits = f"{values.size:032b}{7:05b}" + "".join(f"{size - 1:04b}" for size in (3, 4, 8, 16))
    position = 0
    while position < values.size:
        here = values[position:]
        change = np.flatnonzero(here != here[0])
        length = min(int(change[0]) if len(change) else here.size, 1 << 16)
        if length >= 3:
            size = next(place for place, bound in enumerate((3, 4, 8, 16)) if length <= 1 << bound)
            bits += f"1{size:02b}{length - 1:0{(3, 4, 8, 16)[size]}b}{here[0]:08b}"
        else:
            bits += f"000{length - 1:03b}" + "".join(f"{value:08b}" for value in here[:length])
        position += length
    return [int(bits[start : start + 8].ljust(8, "0"), 2) for start in range(0, len(bits), 8)]


def coco_bitmap(folder: Path, mask: np.ndarray) -> Path:
    path = coco(folder, [("cat", CAT)])
    content = json.loads(path.read_text())
    content["annotations"][0]["segmentation"] = {"size": list(mask.shape), "counts": runs(mask.T.ravel())}
    return dump(content, path)


def labelme_bitmap(folder: Path, mask: np.ndarray) -> Path:
    path = labelme(folder, [])
    content = json.loads(path.read_text())
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    box = mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    content["shapes"] = [
        {
            "label": "cat",
            "shape_type": "mask",
            "points": [[int(columns[0]), int(rows[0])], [int(columns[-1]), int(rows[-1])]],
            "mask": base64.b64encode(png(box)).decode(),
        }
    ]
    return dump(content, path)


def cvat_bitmap(folder: Path, mask: np.ndarray) -> Path:
    path = cvat(folder, [])
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    box = mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    node = (
        f'<mask label="cat" rle="{", ".join(map(str, runs(box.ravel())))}" left="{columns[0]}" top="{rows[0]}" '
        f'width="{box.shape[1]}" height="{box.shape[0]}" z_order="0"></mask>'
    )
    path.write_text(path.read_text().replace("</image>", f"{node}</image>"))
    return path


def label_studio_bitmap(folder: Path, mask: np.ndarray) -> Path:
    path = label_studio(folder, [])
    tasks = json.loads(path.read_text())
    value = {"format": "rle", "rle": brush(mask), "brushlabels": ["cat"]}
    result = {"type": "brushlabels", "original_width": WIDTH, "original_height": HEIGHT, "value": value}
    tasks[0]["annotations"][0]["result"] = [result]
    return dump(tasks, path)


def supervisely_bitmap(folder: Path, mask: np.ndarray) -> Path:
    root = supervisely(folder, [])
    path = root / "ds" / "ann" / f"{NAME}.json"
    content = json.loads(path.read_text())
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    box = mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    data = base64.b64encode(zlib.compress(png(np.where(box, 255, 0).astype(np.uint8)))).decode()
    bitmap = {"origin": [int(columns[0]), int(rows[0])], "data": data}
    content["objects"] = [{"classTitle": "cat", "geometryType": "bitmap", "bitmap": bitmap}]
    dump(content, path)
    return root


def label_studio_png(folder: Path, mask: np.ndarray) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "task-1-annotation-5-by-2-tag-cat-0.png").write_bytes(
        png(np.where(mask, 255, 0).astype(np.uint8))
    )
    return folder


def voc(folder: Path, mask: np.ndarray) -> Path:
    (folder / "SegmentationClass").mkdir(parents=True)
    (folder / "labelmap.txt").write_text(
        "# label:color_rgb:parts:actions\nbackground:0,0,0::\ncat:128,0,64::\n"
    )
    (folder / "SegmentationClass" / NAME).write_bytes(png(mask[..., None] * np.array([128, 0, 64], np.uint8)))
    return folder


def voc_palette(folder: Path, mask: np.ndarray) -> Path:
    (folder / "SegmentationClass").mkdir(parents=True)
    picture = Image.fromarray(mask.astype(np.uint8), "P")
    picture.putpalette([0, 0, 0, 128, 0, 64])
    picture.save(folder / "SegmentationClass" / NAME)
    return folder


def roboflow(folder: Path, mask: np.ndarray) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "_classes.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("Pixel Value", " Class"), (0, " background"), (1, " cat")])
    (folder / "scene_mask.png").write_bytes(png(mask.astype(np.uint8)))
    return folder


def kaggle(folder: Path, mask: np.ndarray, header=("ImageId", "EncodedPixels", "ClassId"), **how) -> Path:
    """One row, as the competitions that have such a header write it; `how`: `convention` of rle_encode."""
    folder.mkdir(parents=True, exist_ok=True)
    values = {"ClassId": "cat", "class": "cat", "cell_type": "cat", "Image_Label": f"{NAME}_cat"}
    values |= {"ImageId_ClassId": f"{NAME}_cat", "ImageId": NAME, "height": HEIGHT, "width": WIDTH}
    values |= {"id": "scene", "img": NAME, "Id": "scene", "record_id": "scene"}
    with (folder / "train.csv").open("w", newline="") as file:
        row = [values.get(name, rle_encode(mask, **how)) for name in header]
        csv.writer(file).writerows([header, row])
    return folder / "train.csv"


BITMAPS = {
    "coco": coco_bitmap,
    "labelme": labelme_bitmap,
    "cvat": cvat_bitmap,
    "label-studio": label_studio_bitmap,
    "supervisely": supervisely_bitmap,
    "label-studio-png": label_studio_png,
    "voc": voc,
    "voc-palette": voc_palette,
    "roboflow": roboflow,
    "kaggle": kaggle,
}
