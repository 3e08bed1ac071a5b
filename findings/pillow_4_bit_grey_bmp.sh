#!/bin/sh
# Pillow 13.0.0 refuses a 4-bit BMP whose palette holds the greys 0, 1, ... 15, and reads one with 0, 17, ... 255.
# Such files are what a mask of up to 16 class ids becomes when a tool keeps the ids as grey levels.
# Seen: "OSError: codec configuration error when reading image file" for the first, the indices 0..7 for the second.
set -e
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet pillow==13.0.0
"$folder/venv/bin/python" - <<'PY'
import io
import struct

from PIL import Image


def bmp(step):
    """8 x 2 pixels, the indices 0..7 in each row, with the palette 0, step, 2 step, ... of greys."""
    palette = b"".join(bytes([step * index] * 3 + [0]) for index in range(16))
    rows = bytes([0x01, 0x23, 0x45, 0x67]) * 2
    header = struct.pack("<IiiHHIIiiII", 40, 8, 2, 1, 4, 0, len(rows), 2835, 2835, 16, 16)
    start = 14 + len(header) + len(palette)
    return b"BM" + struct.pack("<IHHI", start + len(rows), 0, 0, start) + header + palette + rows


seen = {}
for step in (1, 17):
    try:
        picture = Image.open(io.BytesIO(bmp(step)))
        seen[step] = list(picture.get_flattened_data())[:8]
    except OSError as error:
        seen[step] = str(error)
    print("palette 0,", step, "...:", seen[step])
assert seen == {1: "codec configuration error when reading image file", 17: [0, 1, 2, 3, 4, 5, 6, 7]}
PY
