"""Images that are read by windows: memory maps and TIFFs in tiles or strips; any other file is decoded whole."""

import functools
import io
from pathlib import Path

import numpy as np
from PIL import TiffImagePlugin as tiff

from nbhelpers.datasets.files import SUFFIXES, read_image

READABLE = (*SUFFIXES, ".npy")
CACHE_BYTES = 2**26  # of decoded tiles; strips are as wide as the image, and every window of a row needs them
# What a tile needs of the file's tags to be a TIFF of its own: how its numbers and its colours are to be read.
MEANING = (
    tiff.BITSPERSAMPLE,
    tiff.COMPRESSION,
    tiff.PHOTOMETRIC_INTERPRETATION,
    tiff.FILLORDER,
    tiff.SAMPLESPERPIXEL,
    tiff.PREDICTOR,
    tiff.COLORMAP,
    tiff.EXTRASAMPLES,
    tiff.SAMPLEFORMAT,
    tiff.JPEGTABLES,
    tiff.YCBCRSUBSAMPLING,
    tiff.REFERENCEBLACKWHITE,
)
ORIENTATION = 274
# Where the tiles or strips lie, how many bytes they have, and their height and width.
TILES = (tiff.TILEOFFSETS, tiff.TILEBYTECOUNTS, tiff.TILELENGTH, tiff.TILEWIDTH)
STRIPS = (tiff.STRIPOFFSETS, tiff.STRIPBYTECOUNTS, tiff.ROWSPERSTRIP, tiff.IMAGEWIDTH)


def open_image(path: str | Path) -> "np.ndarray | TiledTiff":
    """What gives windows of an image file as arrays (h, w, 3): `open_image(path)[top:bottom, left:right]`.

    A `.npy` is mapped into memory and keeps its type; a TIFF of several tiles or strips is read tile by tile;
    every other file is decoded whole, to uint8. Raises FileNotFoundError, and ValueError for a file that is no image.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"there is no image at {path.resolve()}")
    if path.suffix.lower() == ".npy":
        try:
            array = np.load(path, mmap_mode="r", allow_pickle=False)
        except (ValueError, OSError, EOFError) as error:
            raise ValueError(
                f"{path} cannot be mapped as an array ({error}); write it by numpy.save"
            ) from error
        if not (array.ndim == 2 or array.ndim == 3 and array.shape[2] == 3):
            raise ValueError(
                f"{path} holds an array of shape {array.shape}; an image must be (H, W, 3) or (H, W)"
            )
        return array
    if path.suffix.lower() in (".tif", ".tiff") and TiledTiff.reads(path):
        return TiledTiff(path)
    return read_image(path.read_bytes(), path)


class TiledTiff:
    """A TIFF (BigTIFF too) of which only the tiles or strips under a window are decoded: uint8 (H, W, 3).

    Each tile is handed to Pillow as a TIFF of its own, so every compression works that Pillow's libtiff knows.
    `reads(path)` tells whether a file suits: several tiles, colours interleaved, not turned by a tag.
    Only the first page is seen. Raises ValueError for another file, and for a damaged tile when it is read.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        tags = _tags(self.path)
        if tags is None or not _suits(tags):
            raise ValueError(
                f"{path} is no TIFF of several tiles or strips with interleaved colours: "
                "decode it whole, by open_image"
            )
        height, width = tags[tiff.IMAGELENGTH], tags[tiff.IMAGEWIDTH]
        self.shape = (height, width, 3)
        self._prefix = tags.prefix
        self._meaning = {tag: tags[tag] for tag in MEANING if tags.get(tag) is not None}
        self._types = {tag: tags.tagtype[tag] for tag in self._meaning}
        self._tiled = tiff.TILEOFFSETS in tags
        self._offsets, self._counts, high, wide = (tags[tag] for tag in (TILES if self._tiled else STRIPS))
        self.block = (high if self._tiled else min(high, height), wide)
        self._across = -(-width // wide)
        expected = -(-height // high) * self._across
        if not len(self._offsets) == len(self._counts) == expected:
            raise ValueError(
                f"{path} lists {len(self._offsets)} tiles for {height} x {width} pixels in tiles of "
                f"{high} x {wide}, which makes {expected}; copy or write it again"
            )
        kept = max(1, CACHE_BYTES // (3 * high * wide))
        self._tile = functools.lru_cache(maxsize=kept)(self._decode)

    @staticmethod
    def reads(path: str | Path) -> bool:
        """Whether `path` can be read by tiles; False for a file that is no TIFF at all."""
        tags = _tags(Path(path))
        return tags is not None and _suits(tags)

    def __getitem__(self, window: tuple[slice, slice]) -> np.ndarray:
        rows, columns = (range(side)[part] for side, part in zip(self.shape, window))
        result = np.empty((len(rows), len(columns), 3), np.uint8)
        high, wide = self.block
        for down in sorted({row // high for row in rows}):
            into_rows = [n for n, row in enumerate(rows) if row // high == down]
            for across in sorted({column // wide for column in columns}):
                into = [n for n, column in enumerate(columns) if column // wide == across]
                tile = self._tile(down * self._across + across)
                part = tile[
                    np.ix_(
                        [rows[n] - down * high for n in into_rows], [columns[n] - across * wide for n in into]
                    )
                ]
                result[into_rows[0] : into_rows[-1] + 1, into[0] : into[-1] + 1] = part
        return result

    def _decode(self, number: int) -> np.ndarray:
        high, wide = self.block
        if not self._tiled:
            high = min(high, self.shape[0] - number * high)  # the last strip is shorter
        with open(self.path, "rb") as file:
            file.seek(self._offsets[number])
            data = file.read(self._counts[number])
        if len(data) < self._counts[number]:
            raise ValueError(f"{self.path} ends within tile {number}; copy or download it again")
        tags = tiff.ImageFileDirectory_v2(prefix=self._prefix)
        for tag, value in self._meaning.items():
            tags.tagtype[tag] = self._types[tag]
            tags[tag] = value
        tags[tiff.IMAGELENGTH], tags[tiff.IMAGEWIDTH], tags[tiff.ROWSPERSTRIP] = high, wide, high
        tags[tiff.STRIPOFFSETS], tags[tiff.STRIPBYTECOUNTS] = (
            0,
            len(data),
        )  # saving adds the place behind the tags
        alone = io.BytesIO()
        tags.save(alone)
        alone.write(data)
        return read_image(alone.getvalue(), f"{self.path}, tile {number}")


def _tags(path: Path) -> tiff.ImageFileDirectory_v2 | None:
    try:  # not by PIL.Image.open, which refuses large images before anything is decoded
        with tiff.TiffImageFile(path) as picture:
            return picture.tag_v2
    except (SyntaxError, OSError, KeyError, TypeError, ValueError):
        return None  # no TIFF; whoever decodes it will say so


def _suits(tags: tiff.ImageFileDirectory_v2) -> bool:
    offsets, counts, *sides = (tags.get(tag) for tag in (TILES if tiff.TILEOFFSETS in tags else STRIPS))
    if not (isinstance(offsets, tuple) and isinstance(counts, tuple) and len(offsets) > 1):
        return False
    numbers = (*offsets, *counts, *sides, tags.get(tiff.IMAGELENGTH), tags.get(tiff.IMAGEWIDTH))
    whole = all(
        isinstance(number, int) and number > 0 for number in numbers
    )  # else Pillow says what is wrong
    return whole and tags.get(tiff.PLANAR_CONFIGURATION, 1) == 1 and tags.get(ORIENTATION, 1) == 1
