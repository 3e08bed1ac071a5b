#!/bin/sh
# Pillow 13.0.0 keeps the upper byte of each 16-bit sample of a colour PNG, without a word, and all 16 bits of a grey one.
# So values below 256 become 0: an image of 8 or 10 bits that was stored in 16, or ids in a colour file, come out black.
# Seen: RGB of 200 is read as mode RGB, 0; grey of 200 as mode I;16, 200.
set -e
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet pillow==13.0.0
"$folder/venv/bin/python" - <<'PY'
import io
import struct
import zlib

from PIL import Image


def png(colour_type, channels, value):
    """2 x 2 pixels of one value in 16 bits."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    row = b"\0" + struct.pack(">H", value) * 2 * channels
    header = struct.pack(">IIBBBBB", 2, 2, 16, colour_type, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(row * 2)) + chunk(b"IEND", b"")


seen = {}
for name, colour_type, channels in (("grey", 0, 1), ("RGB", 2, 3), ("RGBA", 6, 4)):
    picture = Image.open(io.BytesIO(png(colour_type, channels, 200)))
    seen[name] = picture.mode, picture.getpixel((0, 0))
    print(name, seen[name])
assert seen == {"grey": ("I;16", 200), "RGB": ("RGB", (0, 0, 0)), "RGBA": ("RGBA", (0, 0, 0, 0))}
PY
