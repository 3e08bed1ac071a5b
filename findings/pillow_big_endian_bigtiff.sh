#!/bin/sh
# Pillow 13.0.0 does not recognise big-endian BigTIFF files, which tifffile writes and libtiff reads.
# Seen: little- and big-endian TIFF and little-endian BigTIFF open; big-endian BigTIFF is "cannot identify image file".
# The 43 that marks a BigTIFF is looked for in one byte of the header, where big-endian files have a 0.
set -e
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet pillow==13.0.0 tifffile==2026.3.3 numpy==2.4.6
"$folder/venv/bin/python" -W ignore - <<'PY'
import io

import numpy as np
import tifffile
from PIL import Image, UnidentifiedImageError

pixels = np.arange(12, dtype=np.uint8).reshape(3, 4)
seen = {}
for order in "<>":
    for big in (False, True):
        file = io.BytesIO()
        tifffile.imwrite(file, pixels, bigtiff=big, byteorder=order)
        assert np.array_equal(tifffile.imread(io.BytesIO(file.getvalue())), pixels)
        try:
            seen[order, big] = np.array_equal(np.array(Image.open(file)), pixels)
        except UnidentifiedImageError:
            seen[order, big] = "cannot identify image file"
        print("byte order", order, "BigTIFF" if big else "TIFF", seen[order, big])
assert seen == {("<", False): True, ("<", True): True, (">", False): True, (">", True): "cannot identify image file"}
PY
