#!/bin/sh
# rasterio 1.4.4: read(window=..., boundless=True), with a window that reaches beyond the raster, moves pixels that lie inside
# it where the transform is turned, as drones and some radar products write it: the shift of the window is worked out from the
# corner's x and y alone. A last tile of labels, read so to be as large as the others, is wrong in silence. With a transform
# that is not turned, what lies inside is as the file has it.
# Seen below: no pixel of 1,900 differs on a straight grid; on one turned by 10 degrees most do, and some are the fill value.
set -e
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet rasterio==1.4.4 numpy==2.4.6
cd "$folder"
venv/bin/python - <<'PY'
import numpy as np
import rasterio
from rasterio.transform import Affine
from rasterio.windows import Window

FILL = 255
ids = np.random.default_rng(0).integers(0, 5, (50, 70)).astype(np.uint8)


def differing(turn):
    """How many pixels inside the raster boundless=True changes, and how many of them it fills."""
    transform = Affine.translation(500_000, 5_000_000) @ Affine.rotation(turn) @ Affine.scale(10, -10)
    with rasterio.open(
        "ids.tif", "w", driver="GTiff", width=70, height=50, count=1, dtype="uint8", crs="EPSG:32632", transform=transform
    ) as file:
        file.write(ids, 1)
    with rasterio.open("ids.tif") as file:
        assert np.array_equal(file.read(1), ids)
        found = file.read(1, window=Window(32, 0, 64, 64), boundless=True, fill_value=FILL)[:50, : 70 - 32]
    return int((found != ids[:, 32:]).sum()), int((found == FILL).sum())


straight, turned = differing(0), differing(10)
print("straight grid: %d of 1900 pixels differ, %d are the fill value" % straight)
print("turned grid: %d of 1900 pixels differ, %d are the fill value" % turned)
assert straight == (0, 0)
assert turned[0] > 1000, "a turned grid is read as it is: this has changed"
PY
