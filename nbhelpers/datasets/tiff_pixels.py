"""The numbers of one page of a TIFF, put together from the bytes of its tiles or strips; `tiff` finds the pages."""

import io
from pathlib import Path

import numpy as np
from PIL import TiffImagePlugin as tiff

from nbhelpers.datasets.tiff import ORIENTATION, Tags, sides

SEGMENT_BYTES = 2**31  # no tile or strip is larger but by a damaged tag
# Compressions that know pixels, not bytes, and colours that need arithmetic: Pillow decodes such a tile as a picture.
# CCITT, JPEG, JPEG 2000, LERC, WebP, JPEG XL:
PICTURE_CODECS = (2, 3, 4, 6, 7, 32771, 34712, 34887, 50001, 50002)
PICTURE_COLOURS = (5, 6, 8)  # CMYK, YCbCr, CIE Lab
MEANING = (
    tiff.BITSPERSAMPLE,
    tiff.COMPRESSION,
    tiff.PHOTOMETRIC_INTERPRETATION,
    tiff.FILLORDER,
    tiff.SAMPLESPERPIXEL,
    tiff.PREDICTOR,
    tiff.EXTRASAMPLES,
    tiff.SAMPLEFORMAT,
    tiff.JPEGTABLES,
    tiff.YCBCRSUBSAMPLING,
    tiff.REFERENCEBLACKWHITE,
    292,  # options of CCITT group 3
    293,  # and group 4
)
# Where the tiles or strips lie, how many bytes they have, and their height and width.
TILES = (tiff.TILEOFFSETS, tiff.TILEBYTECOUNTS, tiff.TILELENGTH, tiff.TILEWIDTH)
STRIPS = (tiff.STRIPOFFSETS, tiff.STRIPBYTECOUNTS, tiff.ROWSPERSTRIP, tiff.IMAGEWIDTH)


class Page:
    """The numbers of one page, read by blocks (its tiles or strips) or whole.

    Args:
        source: the file's path, or its bytes.
        tags: of this page, from `tiff.pages`.
        name: what errors call the file.

    Attributes: shape (H, W, bands); `block`, the height and width of a block; `grid`, the number of blocks down and
    across; `colours`, how many bands are grey (1) or RGB (3), `alpha` the number of the band that is transparency or
    None; `top`, the number that is white, None for signed and float numbers; `palette`, RGBA uint8 (n, 4) or
    None: then the numbers are its rows; `orientation` as in EXIF. Raises ValueError for what is damaged or cannot be read.
    """

    def __init__(self, source: bytes | Path, tags: Tags, name: str | Path) -> None:
        self.source, self.tags, self.name = source, tags, name
        height, width = sides(tags)
        self._stored = bands = self._one(tiff.SAMPLESPERPIXEL, 1)
        self.bits, self.dtype = self._number_type()
        self.top = 2**self.bits - 1 if self.dtype.kind == "u" else None
        self.photometric = self._one(tiff.PHOTOMETRIC_INTERPRETATION, 2 if bands > 2 else 1)
        self.compression = self._one(tiff.COMPRESSION, 1)
        self.planar = self._one(tiff.PLANAR_CONFIGURATION, 1) == 2 and bands > 1
        self.orientation = self._one(ORIENTATION, 1)
        self.as_picture = self.compression in PICTURE_CODECS or self.photometric in PICTURE_COLOURS
        self._check_colours()
        self.tiled = tiff.TILEOFFSETS in tags
        offsets, counts, high, wide = TILES if self.tiled else STRIPS
        self._offsets, self._counts = self._all(offsets), self._all(counts)
        self.block, self.grid = self._layout(self._one(high, height), self._one(wide))
        if self.as_picture:
            bands = self.read_block(0, 0).shape[2]  # Pillow turns other colours to RGB
        self.shape = (height, width, bands)
        self.colours = 3 if bands > 2 and self.photometric not in (0, 1) else 1
        extra = self._all(tiff.EXTRASAMPLES, ())
        self.alpha = next((self.colours + n for n, kind in enumerate(extra) if kind in (1, 2)), None)
        if self.as_picture or (self.alpha is not None and self.alpha >= bands):
            self.alpha = None
        self.palette = self._palette() if self.photometric == 3 else None

    def _number_type(self) -> tuple[int, np.dtype]:
        """How many bits a number has in the file, and the type that holds it here."""
        depths, kinds = self._all(tiff.BITSPERSAMPLE, (1,)), self._all(tiff.SAMPLEFORMAT, (1,))
        if len(set(depths)) > 1 or len(set(kinds)) > 1 or len(depths) not in (1, self._stored):
            raise ValueError(f"its bands have different depths, {depths}; write it with one number type")
        bits, kind = depths[0], {1: "u", 2: "i", 3: "f", 4: "u"}.get(kinds[0])
        if kind is None or not 1 <= bits <= 64 or (kind != "u" and bits not in (8, 16, 32, 64)):
            raise ValueError(f"it has {bits} bits of sample format {kinds[0]}, which are no plain numbers")
        if kind == "f" and bits == 8:
            raise ValueError("it has floating point numbers of 8 bits, which are not read")
        size = next(n for n in (8, 16, 32, 64) if n >= bits)
        return bits, np.dtype(f"{kind}{size // 8}")

    def _check_colours(self) -> None:
        if self.as_picture and self.planar:
            raise ValueError(f"compression {self.compression} with its colours in planes is not read")
        if not self.as_picture and self.photometric not in (0, 1, 2, 3):
            raise ValueError(f"its colours are of kind {self.photometric} (photometric), which is not read")
        if self.photometric == 0 and self.top is None:
            raise ValueError("it says that 0 is white, which has no meaning for signed and float numbers")

    def _layout(self, high: int, wide: int) -> tuple[tuple[int, int], tuple[int, int]]:
        """`block` and `grid`, from the height and width that the tags tell of a tile or strip."""
        height, width = sides(self.tags)
        if min(self._stored, high, wide, *self._offsets, *self._counts) < 1:
            raise ValueError("a side, place or size of its tiles is 0")
        block = (high if self.tiled else min(high, height), wide)
        grid = (-(-height // block[0]), -(-width // wide))
        expected = grid[0] * grid[1] * (self._stored if self.planar else 1)
        if not len(self._offsets) == len(self._counts) == expected:
            raise ValueError(
                f"it lists {len(self._offsets)} tiles for {height} x {width} pixels in tiles of "
                f"{high} x {wide}, which makes {expected}"
            )
        return block, grid

    def read(self) -> np.ndarray:
        """The whole page (H, W, bands), as it is stored: not turned."""
        high, wide = self.block
        result: np.ndarray | None = None
        for down in range(self.grid[0]):
            for across in range(self.grid[1]):
                part = self.read_block(down, across)
                if result is None:
                    result = np.empty(self.shape, part.dtype)
                into = result[down * high : (down + 1) * high, across * wide : (across + 1) * wide]
                into[...] = part[: into.shape[0], : into.shape[1]]
        return result

    def read_block(self, down: int, across: int) -> np.ndarray:
        """One tile or strip (h, w, bands); tiles at the edge have their full size, the last strip is shorter."""
        number, count = down * self.grid[1] + across, self.grid[0] * self.grid[1]
        height, _ = sides(self.tags)
        high, wide = self.block
        if not self.tiled:
            high = min(high, height - down * high)
        try:
            if not self.planar:
                return self._segment(number, high, wide, self._stored)
            planes = [self._segment(number + count * n, high, wide, 1) for n in range(self._stored)]
            return np.concatenate(planes, axis=2)
        except MemoryError:
            raise
        except Exception as error:  # Pillow's decoders have many kinds, and all mean the same to the caller
            raise ValueError(
                f"{self.name}, tile {number} cannot be read as an image ({error}); copy or download it again"
            ) from error

    def _segment(self, number: int, high: int, wide: int, bands: int) -> np.ndarray:
        data = self._bytes(self._offsets[number], self._counts[number])
        if self.as_picture:
            return self._picture(data, high, wide)
        row = -(-wide * bands * self.bits // 8)  # bytes
        if row * high > SEGMENT_BYTES:
            raise ValueError(f"it says that it has {row * high} bytes")
        if self.compression != 1:
            # as if it were grey of 8 bits, so that libtiff gives the bytes as they are
            tags = {256: row, 257: high, 258: 8, 259: self.compression, 262: 1, 277: 1}
            if tiff.FILLORDER in self.tags:
                tags[tiff.FILLORDER] = self._one(tiff.FILLORDER)
            data = _as_tiff(b"II", tags, data, high).tobytes()
        elif self._one(tiff.FILLORDER, 1) == 2:
            data = np.packbits(np.unpackbits(np.frombuffer(data, np.uint8), bitorder="little")).tobytes()
        if len(data) < row * high:
            raise ValueError(f"{len(data)} bytes, where {row * high} are due")
        return self._numbers(data[: row * high], high, wide, bands)

    def _numbers(self, data: bytes, high: int, wide: int, bands: int) -> np.ndarray:
        predictor = self._one(tiff.PREDICTOR, 1) if self.compression != 1 else 1
        if predictor == 3 and self.dtype.kind == "f":
            return self._undo_float_predictor(data, high, wide, bands)
        if self.bits in (8, 16, 32, 64):
            stored = self.dtype.newbyteorder("<" if self.tags.prefix == b"II" else ">")
            numbers = np.frombuffer(data, stored).reshape(high, wide, bands).astype(self.dtype)
        else:
            bits = np.unpackbits(np.frombuffer(data, np.uint8).reshape(high, -1), axis=1)
            bits = bits[:, : wide * bands * self.bits].reshape(high, wide, bands, self.bits)
            numbers = np.zeros((high, wide, bands), self.dtype)
            for n in range(self.bits):
                numbers = numbers << 1 | bits[..., n]
        if predictor == 2:  # differences of the bits, of floats too
            whole = numbers.view(f"u{numbers.itemsize}")
            numbers = np.cumsum(whole, axis=1, dtype=whole.dtype).view(self.dtype)
        elif predictor != 1:
            raise ValueError(f"predictor {predictor} for numbers of type {self.dtype} is not read")
        if self.bits != 8 * self.dtype.itemsize and predictor == 2:
            numbers &= self.top
        return self.top - numbers if self.photometric == 0 else numbers

    def _undo_float_predictor(self, data: bytes, high: int, wide: int, bands: int) -> np.ndarray:
        """Each row holds all first bytes, then all second ones, as differences; the first is the highest."""
        size = self.dtype.itemsize
        rows = np.frombuffer(data, np.uint8).reshape(high, size * wide, bands)
        rows = np.cumsum(rows, axis=1, dtype=np.uint8).reshape(high, size, wide * bands)
        numbers = np.ascontiguousarray(rows.transpose(0, 2, 1)).view(self.dtype.newbyteorder(">"))
        return numbers.reshape(high, wide, bands).astype(self.dtype)

    def _picture(self, data: bytes, high: int, wide: int) -> np.ndarray:
        tags = {tag: self.tags[tag] for tag in MEANING if self.tags.get(tag) is not None}
        types = {tag: self.tags.tagtype[tag] for tag in tags}
        picture = _as_tiff(self.tags.prefix, tags | {256: wide, 257: high}, data, high, types)
        if picture.mode not in ("1", "L", "I;16", "F", "RGB"):
            picture = picture.convert("RGB")
        array = np.array(picture)
        array = array.astype(np.uint8) if array.dtype == bool else array
        return array.reshape(*array.shape[:2], -1)

    def _bytes(self, start: int, count: int) -> bytes:
        if isinstance(self.source, bytes):
            data = self.source[start : start + count]
        else:
            with open(self.source, "rb") as file:
                file.seek(start)
                data = file.read(count)
        if len(data) < count:
            raise ValueError("the file ends within it")
        return data

    def _palette(self) -> np.ndarray:
        colours = np.array(self._all(tiff.COLORMAP, ()))
        if self.bits > 16 or len(colours) != 3 * 2**self.bits or self._stored != 1:
            raise ValueError(
                f"its palette has {len(colours)} numbers, not 3 for each of 2^{self.bits} colours"
            )
        if colours.max() > 255:  # 16 bits, 257 or 256 times the 8 that some writers store
            colours = colours // 256
        return np.pad(colours.reshape(3, -1).T, ((0, 0), (0, 1)), constant_values=255).astype(np.uint8)

    def _all(self, tag: int, default: tuple[int, ...] | None = None) -> tuple[int, ...]:
        values = self.tags.get(tag, default)
        values = values if isinstance(values, tuple) else (values,)
        if not all(isinstance(value, int) for value in values):
            raise ValueError(f"its tag {tag} is {values if len(values) < 9 else '...'}, no whole number")
        return values

    def _one(self, tag: int, default: int | None = None) -> int:
        return self._all(tag, None if default is None else (default,))[0]


def _as_tiff(
    prefix: bytes, values: dict, data: bytes, high: int, types: dict[int, int] | None = None
) -> tiff.TiffImageFile:
    """Decode `data`, the contents of one tile or strip, as the only strip of a TIFF with these tags."""
    tags = Tags(prefix=prefix)
    tags.tagtype.update(types or {})
    for tag, value in values.items():
        tags[tag] = value
    tags[tiff.ROWSPERSTRIP] = high
    tags[tiff.STRIPOFFSETS] = 0  # saving adds the place behind the tags
    tags[tiff.STRIPBYTECOUNTS] = len(data)
    alone = io.BytesIO()
    tags.save(alone)
    alone.write(data)
    alone.seek(0)
    picture = tiff.TiffImageFile(alone)  # not by Image.open, which warns of a strip of many bytes
    picture.load()
    return picture
