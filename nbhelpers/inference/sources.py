"""Images that are read by windows: memory maps and TIFFs in tiles or strips; any other file is decoded whole."""

from collections import OrderedDict
from pathlib import Path

import numpy as np

from nbhelpers.datasets import tiff
from nbhelpers.datasets.files import SUFFIXES, checked_range, read_image, tiff_page
from nbhelpers.datasets.samples import Samples

READABLE = (*SUFFIXES, ".npy")
CACHE_BYTES = 2**26  # of decoded tiles; strips are as wide as the image, and every window of a row needs them


def open_image(
    path: str | Path, *, in_channels: int = 3, value_range: tuple[float, float] | None = None
) -> "np.ndarray | TiledTiff | ScaledArray":
    """What gives windows of an image file as arrays (h, w, in_channels): `open_image(path)[top:bottom, left:right]`.

    A `.npy` is mapped into memory and keeps its type, unless `value_range` is given; a TIFF of several tiles or strips
    is read tile by tile; every other file is decoded whole. `in_channels`, `value_range` and what becomes of the many
    kinds of files: as in `nbhelpers.datasets.files.read_image`, whose reader this is; the result is uint8. Raises
    FileNotFoundError, and ValueError for a file that is no image or has other bands.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"there is no image at {path.resolve()}")
    if path.suffix.lower() == ".npy":
        array = _mapped(path, in_channels)
        return array if value_range is None else ScaledArray(array, path, in_channels, value_range)
    if TiledTiff.reads(path):
        return TiledTiff(path, in_channels=in_channels, value_range=value_range)
    return read_image(path, path, in_channels=in_channels, value_range=value_range)


def _mapped(path: Path, in_channels: int) -> np.ndarray:
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise ValueError(f"{path} cannot be mapped as an array ({error}); write it by numpy.save") from error
    if not (array.ndim == 2 or array.ndim == 3 and array.shape[2] == in_channels):
        raise ValueError(
            f"{path} holds an array of shape {array.shape}; an image must be (H, W, {in_channels}) or (H, W)"
        )
    return array


class ScaledArray:
    """Windows of an array (H, W) or (H, W, C) as uint8 (h, w, in_channels), scaled by a range of numbers."""

    def __init__(
        self, array: np.ndarray, name: str | Path, in_channels: int, value_range: tuple[float, float]
    ) -> None:
        self.array, self.name, self.value_range = array, name, checked_range(value_range)
        self.shape = (*array.shape[:2], in_channels)

    def __getitem__(self, window: tuple[slice, slice]) -> np.ndarray:
        part = self.array[window]
        part = part[..., None] if part.ndim == 2 else part
        return Samples(np.array(part), self.name, None).image(self.shape[2], self.value_range)


class TiledTiff:
    """A TIFF (BigTIFF too) of which only the tiles or strips under a window are decoded: uint8 (H, W, in_channels).

    Every compression works that Pillow's libtiff knows, and all that `nbhelpers.datasets.tiff_pixels` reads. `reads(path)`
    tells whether a file suits: several tiles, not turned by a tag. At most CACHE_BYTES of decoded tiles are kept.
    Raises ValueError for another file and for a stack of pages, and for a damaged tile when it is read.
    """

    def __init__(
        self, path: str | Path, *, in_channels: int = 3, value_range: tuple[float, float] | None = None
    ) -> None:
        self.path = Path(path)
        if not self.reads(self.path):
            raise ValueError(f"{path} is no TIFF of several tiles or strips: decode it whole, by open_image")
        self._page = tiff_page(self.path)
        self.shape = (*self._page.shape[:2], in_channels)
        self.block = self._page.block
        self.value_range = checked_range(value_range)
        high, wide = self.block
        # no lru_cache: that would hold self
        self._kept: OrderedDict[tuple[int, int], np.ndarray] = OrderedDict()
        self._most = max(1, CACHE_BYTES // (in_channels * high * wide))
        # raises if the bands do not suit
        self._image(np.zeros((1, 1, self._page.shape[2]), self._page.dtype))

    @staticmethod
    def reads(path: str | Path) -> bool:
        """Whether `path` can be read by tiles; False for a file that is no TIFF, or a damaged one."""
        with open(path, "rb") as file:
            if file.read(4) not in tiff.MAGIC:
                return False
        try:
            page = tiff_page(Path(path))
        except ValueError:
            return False  # whoever decodes it will say so
        return page.grid != (1, 1) and page.orientation == 1

    def __getitem__(self, window: tuple[slice, slice]) -> np.ndarray:
        rows, columns = (range(side)[part] for side, part in zip(self.shape, window))
        result = np.empty((len(rows), len(columns), self.shape[2]), np.uint8)
        high, wide = self.block
        for down in sorted({row // high for row in rows}):
            into_rows = [n for n, row in enumerate(rows) if row // high == down]
            for across in sorted({column // wide for column in columns}):
                into = [n for n, column in enumerate(columns) if column // wide == across]
                part = self._tile(down, across)[
                    np.ix_(
                        [rows[n] - down * high for n in into_rows], [columns[n] - across * wide for n in into]
                    )
                ]
                result[into_rows[0] : into_rows[-1] + 1, into[0] : into[-1] + 1] = part
        return result

    def _tile(self, down: int, across: int) -> np.ndarray:
        if (down, across) not in self._kept:
            self._kept[down, across] = self._decode(down, across)
            if len(self._kept) > self._most:
                self._kept.popitem(last=False)
        self._kept.move_to_end((down, across))
        return self._kept[down, across]

    def _decode(self, down: int, across: int) -> np.ndarray:
        (height, width, _), (high, wide) = self.shape, self.block
        block = self._page.read_block(down, across)
        # what hangs over may be nan
        return self._image(block[: height - down * high, : width - across * wide])

    def _image(self, values: np.ndarray) -> np.ndarray:
        page = self._page
        samples = Samples(values, self.path, page.top, page.colours, page.alpha, page.palette)
        return samples.image(self.shape[2], self.value_range)
