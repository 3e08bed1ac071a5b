"""COCO polygons to id masks: ours against pycocotools' own annToMask, painted; 1,000 images of 640 x 480, 7 objects each.

Run: python -m benchmarks.annotations
"""

import contextlib
import io
import json
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
from pycocotools.coco import COCO

from nbhelpers.datasets.annotations import Rules, paint, read_export
from tools.record import record

IMAGES, OBJECTS, SIZE, ROUNDS = 1000, 7, (480, 640), 3


def write(path: Path) -> None:
    """Blobs of 8 to 60 corners and radii of 10 to 120 pixels, cut at the frame."""
    rng = np.random.default_rng(0)
    annotations = []
    for number in range(IMAGES * OBJECTS):
        corners = int(rng.integers(8, 60))
        angles = np.sort(rng.uniform(0, 2 * np.pi, corners))
        radii = rng.uniform(0.6, 1, corners) * rng.uniform(10, 120)
        points = rng.uniform(0, 1, 2) * SIZE[::-1] + radii[:, None] * np.stack(
            [np.cos(angles), np.sin(angles)], 1
        )
        points = points.clip(0, SIZE[::-1]).round(2)
        annotations.append(
            {
                "id": number + 1,
                "image_id": number // OBJECTS,
                "category_id": int(rng.integers(1, 6)),
                "segmentation": [points.ravel().tolist()],
                "area": 1.0,
                "iscrowd": 0,
            }
        )
    images = [{"id": n, "file_name": f"{n}.jpg", "height": SIZE[0], "width": SIZE[1]} for n in range(IMAGES)]
    categories = [{"id": n, "name": f"class {n}"} for n in range(1, 6)]
    path.write_text(json.dumps({"images": images, "annotations": annotations, "categories": categories}))


def ours(path: Path) -> list[np.ndarray]:
    export = read_export(path)
    ids = {label: place for place, label in enumerate(export.labels, start=1)}
    return [paint(picture.objects, picture.size, ids, 0, Rules()) for picture in export.pictures]


def theirs(path: Path) -> list[np.ndarray]:
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO(path)
    masks = []
    for image in coco.getImgIds():
        mask = np.zeros(SIZE, np.uint8)
        for annotation in coco.loadAnns(coco.getAnnIds(image)):
            mask[coco.annToMask(annotation) == 1] = annotation["category_id"]
        masks.append(mask)
    return masks


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "instances.json"
        write(path)
        seconds: dict[str, list[float]] = {"ours": [], "pycocotools": []}
        for _ in range(ROUNDS):  # in turns
            masks = {}
            for name, convert in (("ours", ours), ("pycocotools", theirs)):
                started = time.process_time()
                masks[name] = convert(path)
                seconds[name].append(round(time.process_time() - started, 3))
    different = np.mean([np.mean(a != b) for a, b in zip(masks["ours"], masks["pycocotools"], strict=True)])
    ratios = [theirs / ours for ours, theirs in zip(seconds["ours"], seconds["pycocotools"], strict=True)]
    results = {
        "cpu_seconds": seconds,
        "ratio": round(statistics.median(ratios), 2),
        "share_of_pixels_that_differ": float(different),
    }
    print(record("annotations", results), results)


if __name__ == "__main__":
    main()
