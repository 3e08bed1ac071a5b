"""The one place where the collection reads an image file: `Folder`, `Nuclei`, `open_image`, the command line.

Pillow decodes, because it refuses a file that was cut off (older OpenCV returns the half it has) and keeps the numbers
of a palette. Where it has no mode for what a file holds, `tiff` reads a TIFF and OpenCV a PNG of 16-bit colour.
What the files of people hold, and what is made of it:

| file | as an image | as a mask |
|---|---|---|
| palette, all grey | its greys | its greys are the ids: index order means nothing to whoever looks at the mask |
| palette with colours | its colours | its indices are the ids (in a black and white mask that uses only greys: these) |
| alpha | dropped, or a band where so many are asked for | the mask, where the colour is constant; nothing, where it only repeats the colour; else an error |
| EXIF or TIFF orientation | turned | turned by its own tag: without one it is taken as upright |
| 0 = white (photometric 0) | turned to 0 = black at every depth | the same |
| 1-, 2-, 4-bit grey | 0..255 | the numbers as stored, unless only their 8-bit levels are known ids |
| 16 bits, or 10 and 12 in 16 | `value_range`, by default that of the type | as stored |
| signed and float numbers | `value_range` | signed: as stored; floats are an error |
| frames (TIFF, GIF, WebP, APNG) | an error, unless one is asked for | the same |
| two bands, four and more | an error, unless so many are asked for | an error |
"""

import io
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageOps, TiffImagePlugin, WebPImagePlugin  # noqa: F401 - the plugins, which register themselves

from nbhelpers.datasets import tiff
from nbhelpers.datasets.samples import Samples
from nbhelpers.datasets.tiff_pixels import Page

SUFFIXES = (".png", ".jpg", ".jpeg", ".jfif", ".jpe", ".bmp", ".tif", ".tiff", ".webp", ".gif")
FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP", "TIFF")
ORIENTATION = 0x0112
MAX_PIXELS = 2**29  # that are decoded at once: 1.6 GB of RGB
Image.preinit()  # registers the others


def read_image(
    data: bytes | Path,
    name: str | Path,
    *,
    in_channels: int = 3,
    value_range: tuple[float, float] | None = None,
    frame: int | None = None,
) -> np.ndarray:
    """Decode an image file, its bytes or its path, to uint8 (H, W, in_channels); `name` is what an error calls it.

    Three channels are RGB; grey becomes three equal ones, alpha is dropped. Any other number must be that of the
    file's bands, with alpha or without (one channel: grey, also in three equal bands). A photo is turned as its EXIF
    tag says. value_range: the numbers that become 0 and 255, what lies beyond is cut off; by default 16 bits are
    scaled by the range of the type, 0..65535, never by the content, and signed or float numbers are an error.
    frame: which one of a stack or an animation; without it, more than one is an error. Raises ValueError that names
    the file for whatever is wrong.
    """
    return read_samples(data, name, frame).image(in_channels, value_range)


def read_mask(
    data: bytes | Path,
    name: str | Path,
    *,
    colours: bool = False,
    ids: Collection[int] | None = None,
    frame: int | None = None,
) -> np.ndarray:
    """Decode a mask file, its bytes or its path, as it is: values (H, W), or uint8 RGB (H, W, 3) if `colours`.

    ids: those that may occur, None for a black and white mask; they decide where a file can be read in two ways, as
    the table above says. The values are not checked against them. frame, errors: as in `read_image`; a file whose
    three colour bands are equal is grey, any other is an error, because colours are no ids.
    """
    return read_samples(data, name, frame).mask(colours=colours, ids=ids)


def read_samples(data: bytes | Path, name: str | Path, frame: int | None = None) -> Samples:
    """Decode a file, its bytes or its path, to what it holds; errors and `frame` as in `read_image`."""
    with io.BytesIO(data) if isinstance(data, bytes) else data.open("rb") as file:
        head = file.read(4)
        if not head:
            raise ValueError(f"{name} is empty (0 bytes); copy or download it again")
        if head not in tiff.MAGIC:
            return _picture_samples(head + file.read(), name, frame)
        with _decoding(name):
            pages = tiff.pages(file)
        _check_frame(name, len(pages), frame)
        # the ordinary kinds, because Pillow is faster; but it does not open a BigTIFF of the other byte order
        if len(pages) == 1 and head != tiff.MAGIC[3] and tiff.suits_pillow(pages[0]):
            file.seek(0)
            return _picture_samples(file.read(), name, None)
    with _decoding(name):
        page = Page(data, pages[frame or 0], name)
        _check_size(name, *page.shape[1::-1])
        values = upright(page.read(), page.orientation)
    return Samples(values, name, page.top, page.colours, page.alpha, page.palette)


def checked_range(value_range: tuple[float, float] | None) -> tuple[float, float] | None:
    """Raise ValueError unless it is None or two finite numbers, black below white."""
    if value_range is None:
        return None
    ends = tuple(value_range)
    if len(ends) != 2 or not -np.inf < ends[0] < ends[1] < np.inf:
        raise ValueError(f"value_range is {value_range}; it must be (black, white), the lower number first")
    return ends


def count_frames(path: Path) -> int:
    """How many pages a TIFF has, smaller copies not counted; 1 for any other file."""
    with path.open("rb") as file:
        if file.read(4) not in tiff.MAGIC:
            return 1
        with _decoding(path):
            return len(tiff.pages(file))


@contextmanager
def _decoding(name: str | Path) -> Iterator[None]:
    """Turn whatever a decoder raises about a damaged file into one ValueError that names it."""
    try:
        yield
    except MemoryError:
        raise
    except Image.DecompressionBombError as error:  # of WebP and GIF, whose decoders check by themselves
        raise ValueError(
            f"{name} is too large to decode ({error}): write it as PNG, or as TIFF in tiles"
        ) from error
    except Exception as error:  # Pillow's decoders have many kinds, and all mean the same to the caller
        if str(error).startswith(str(name)):
            raise
        raise ValueError(f"{name} cannot be read as an image ({error}); copy or download it again") from error


def tiff_page(path: Path) -> Page:
    """The page of a TIFF, which must have one, for reading it by blocks; ValueError as in `read_image`."""
    with _decoding(path):
        with path.open("rb") as file:
            pages = tiff.pages(file)
    _check_frame(path, len(pages), None)
    with _decoding(path):
        return Page(path, pages[0], path)


def bits_of(path: Path) -> int:
    """The bits of a band's numbers, by the head of the file."""
    with path.open("rb") as file:
        head = file.read(26)
    if head[:4] in tiff.MAGIC:
        page = tiff_page(path)
        return 8 if page.palette is not None else page.bits
    return head[24] if head[1:4] == b"PNG" and len(head) == 26 else 8


def _picture_samples(data: bytes, name: str | Path, frame: int | None) -> Samples:
    with _decoding(name):
        picture = opened(data)
    # a phone's MPO holds previews and depth maps behind the photo
    frames = 1 if picture.format in ("MPO", "TIFF") else getattr(picture, "n_frames", 1)
    _check_frame(name, frames, frame)
    _check_size(name, *picture.size)
    if picture.format == "BMP" and picture.mode == "L" and data[28] == 4:
        # Pillow takes a palette of the greys 0 to 15 for none, and then cannot decode 4 bits: it is given a blue 0
        data = bytearray(data)
        data[14 + int.from_bytes(data[14:18], "little")] ^= 1
        samples = _picture_samples(bytes(data), name, frame)
        samples.palette[0, :3] = 0
        return samples
    with _decoding(name):
        if frame:
            picture.seek(frame)
        picture.load()
        png_depth, png_kind = data[24:26] if picture.format == "PNG" else (8, 0)
        orientation = 1 if picture.format == "TIFF" else picture.getexif().get(ORIENTATION, 1)
        if orientation != 1:
            picture = ImageOps.exif_transpose(picture)
        if png_depth == 16 and png_kind != 0:  # Pillow keeps the upper 8 bits only
            return _png_of_16_bits(data, png_kind, name, orientation)
        if picture.mode in ("P", "PA"):
            picture.apply_transparency()
            palette = np.repeat(np.arange(256, dtype=np.uint8)[:, None], 4, axis=1)
            # void is often 255 where the palette has fewer colours: that is grey 255, then
            palette[:, 3] = 255
            listed = np.frombuffer(bytes(picture.getpalette("RGBA")), np.uint8).reshape(-1, 4)
            palette[: len(listed)] = listed
            return Samples(np.array(picture)[..., None], name, palette=palette)
        if picture.mode.startswith("I"):  # 16-bit grey; older Pillow hands it over as 32-bit
            return Samples(np.array(picture).astype(np.uint16)[..., None], name, 65535)
        if picture.mode not in ("1", "L", "LA", "RGB", "RGBA"):
            picture = picture.convert("RGB")
        values = np.array(picture)
    if values.ndim == 3:
        colours = 3 if values.shape[2] > 2 else 1
        return Samples(values, name, 255, colours, colours if values.shape[2] > colours else None)
    top = 1 if values.dtype == bool else {1: 1, 2: 3, 4: 15}.get(png_depth, 255)
    values = values.astype(np.uint8) if values.dtype == bool else values // (255 // top)
    return Samples(values[..., None], name, top)


def _png_of_16_bits(data: bytes, kind: int, name: str | Path, orientation: int) -> Samples:
    values = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if values is None or values.dtype != np.uint16 or values.ndim != 3:
        raise ValueError("16-bit colours that OpenCV cannot decode")
    values = cv2.cvtColor(values, cv2.COLOR_BGRA2RGBA if values.shape[2] == 4 else cv2.COLOR_BGR2RGB)
    bands = {2: [0, 1, 2], 4: [0, 3], 6: [0, 1, 2, 3]}[kind]  # RGB, grey and alpha, RGBA
    colours = 1 if kind == 4 else 3
    return Samples(
        upright(values[..., bands], orientation), name, 65535, colours, colours if kind != 2 else None
    )


def opened(data: bytes) -> Image.Image:
    """As PIL.Image.open, for our formats and without its limit of 179 megapixels; `_check_size` has ours."""
    for factory, accepts in (Image.OPEN[name] for name in FORMATS):
        if accepts(data[:16]):
            return factory(io.BytesIO(data), "")
    raise ValueError(f"it is none of {', '.join(FORMATS)}")


def _check_frame(name: str | Path, frames: int, frame: int | None) -> None:
    if frame is None and frames > 1:
        raise ValueError(
            f"{name} has {frames} frames, but one picture is due: save each as a file of its own "
            "(Folder takes TIFF stacks, if each has a stack of as many masks)"
        )
    if frame is not None and not 0 <= frame < frames:
        raise ValueError(f"{name} has {frames} frames; there is no frame {frame}")


def _check_size(name: str | Path, width: int, height: int) -> None:
    if width * height > MAX_PIXELS:
        raise ValueError(
            f"{name} is {height} x {width} pixels, too many to decode at once (limit {MAX_PIXELS}): write it as a "
            "TIFF in tiles, which the command line reads by windows"
        )


def upright(values: np.ndarray, orientation: int) -> np.ndarray:
    """Turn (H, W, bands) as the EXIF or TIFF tag says; numbers beyond 1..8 mean nothing."""
    if orientation in (5, 6, 7, 8):
        values = values.swapaxes(0, 1)
    down = -1 if orientation in (3, 4, 7, 8) else 1
    across = -1 if orientation in (2, 3, 6, 7) else 1
    return np.ascontiguousarray(values[::down, ::across])
