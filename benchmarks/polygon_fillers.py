"""Which pixels do the usual tools give to a polygon? Counted for shapes with corners on pixel corners.

Run, in an environment that has them all: pip install rasterio supervision scikit-image matplotlib pycocotools shapely,
then python -m benchmarks.polygon_fillers. The results stand in benchmarks/results/polygon_fillers.json and docs/annotations.md.
"""

from importlib.metadata import version

import cv2
import matplotlib
import numpy as np
import rasterio.features
import shapely
import skimage.draw
import supervision
from matplotlib.path import Path
from PIL import Image, ImageDraw
from pycocotools import mask as coco_masks

from nbhelpers.datasets.annotations.shapes import fill
from tools.execution import ROOT
from tools.record import record

SIZE = (12, 12)
POLYGONS = {
    "square, (0, 0) to (4, 4)": [(0, 0), (4, 0), (4, 4), (0, 4)],
    "square, (1, 1) to (5, 5)": [(1, 1), (5, 1), (5, 5), (1, 5)],
    "square, (0.5, 0.5) to (4.5, 4.5)": [(0.5, 0.5), (4.5, 0.5), (4.5, 4.5), (0.5, 4.5)],
    "triangle (0, 0), (8, 0), (0, 8)": [(0, 0), (8, 0), (0, 8)],
    "sliver (0, 2), (9, 2), (9, 2.4)": [(0, 2), (9, 2), (9, 2.4)],
}


def ours(points):
    return fill([np.array(points, float)], SIZE)[2]


def centres(points):
    y, x = np.mgrid[: SIZE[0], : SIZE[1]] + 0.5
    return shapely.contains_xy(shapely.Polygon(points), x, y)


def pycocotools(points):
    return coco_masks.decode(coco_masks.merge(coco_masks.frPyObjects([np.ravel(points).tolist()], *SIZE)))


def of_rasterio(points):
    return rasterio.features.rasterize([shapely.Polygon(points)], out_shape=SIZE)


def opencv(points):
    mask = np.zeros(SIZE, np.uint8)
    cv2.fillPoly(mask, [np.round(points).astype(np.int32)], 1)
    return mask


def pillow(points):
    mask = Image.new("L", SIZE[::-1])
    ImageDraw.Draw(mask).polygon([tuple(point) for point in points], fill=1, outline=1)
    return np.array(mask)


def scikit_image(points):
    return skimage.draw.polygon2mask(SIZE, np.array(points)[:, ::-1])


def of_supervision(points):
    return supervision.polygon_to_mask(np.round(points).astype(int), SIZE[::-1])


def of_matplotlib(points):
    y, x = np.mgrid[: SIZE[0], : SIZE[1]]
    return Path([*points, points[0]], closed=True).contains_points(np.stack([x.ravel(), y.ravel()], 1))


TOOLS = {
    "nbhelpers": ours,
    "shapely, centres": centres,
    "pycocotools": pycocotools,
    "rasterio": of_rasterio,
    "OpenCV fillPoly": opencv,
    "Pillow polygon": pillow,
    "scikit-image polygon2mask": scikit_image,
    "supervision polygon_to_mask": of_supervision,
    "matplotlib Path": of_matplotlib,
}

PAGE = ROOT / "docs" / "annotations.md"
MARKS = "<!-- written by benchmarks.polygon_fillers -->", "<!-- end -->"


def table(pixels: dict[str, dict[str, int]]) -> str:
    """A row a tool, a column a polygon."""
    rows = ["| tool | " + " | ".join(pixels) + " |", "|---|" + "--:|" * len(pixels)]
    for tool in next(iter(pixels.values())):
        rows.append(f"| {tool} | " + " | ".join(str(counts[tool]) for counts in pixels.values()) + " |")
    return "\n".join(rows)


if __name__ == "__main__":
    matplotlib.use("Agg")
    packages = ("shapely", "pycocotools", "rasterio", "pillow", "scikit-image", "supervision", "matplotlib")
    results = {
        "versions": {package: version(package) for package in packages} | {"opencv": cv2.__version__},
        "pixels": {
            name: {tool: int(np.count_nonzero(draw(points))) for tool, draw in TOOLS.items()}
            for name, points in POLYGONS.items()
        },
    }
    print(record("polygon_fillers", results))
    before, _, after = PAGE.read_text("utf-8").partition(MARKS[0])
    after = after.partition(MARKS[1])[2]
    PAGE.write_text(f"{before}{MARKS[0]}\n\n{table(results['pixels'])}\n\n{MARKS[1]}{after}", "utf-8")
