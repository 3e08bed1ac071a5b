"""TIFF by its tags: any number of bands, every depth and number type, by tiles or strips, one page of many.

Pillow parses the tags and its libtiff decompresses; what Pillow has no mode for (five bands, 16-bit colour, signed or
float numbers, white stored as 0) is put together from the bytes by `tiff_pixels`. tifffile would do that too, but
without imagecodecs, 26 MB of binaries that no platform's image holds, it reads neither LZW nor JPEG.
TIFF 6.0, https://www.itu.int/itudoc/itu-t/com16/tiff-fx/docs/tiff6.pdf; float predictor: Adobe's Technical Note 3.
"""

import re
from typing import BinaryIO

from PIL import TiffImagePlugin as tiff

Tags = tiff.ImageFileDirectory_v2
MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")  # the last two: BigTIFF
SUBFILE_TYPE, ORIENTATION = 254, 274
REDUCED, MASK = 1, 4  # bits of the subfile type: a smaller copy, a mask of transparency
PILLOW_PIXELS = 2**26  # larger pages are read by blocks: Pillow refuses some of 179 megapixels


def pages(file: BinaryIO) -> list[Tags]:
    """The tags of each page, without smaller copies and masks of transparency.

    Those are told by their subfile type; in a file of tiles also by being smaller than the first page on both sides,
    because slide scanners do not set the type. Raises ValueError for a damaged file.
    """
    file.seek(0)
    header = file.read(8)
    if header[2:3] == b"\x2b" or header[3:4] == b"\x2b":
        header += file.read(8)
    if header[:4] == b"MM\0+":  # in big-endian files Pillow looks for the 43 of BigTIFF at the wrong place
        header, order = b"II+\0" + header[4:], b"MM"
    else:
        order = header[:2]
    chain, found, known = Tags(header, prefix=order), [], set()
    while place := chain.next:
        if place in known:
            raise ValueError("its pages are listed in a circle")
        known.add(place)
        tags = Tags(header, prefix=order)
        file.seek(place)
        tags.load(file)
        found.append(tags)
        chain = tags
    if not found:
        raise ValueError("it has no page")
    first = sides(found[0])
    tiled = tiff.TILEOFFSETS in found[0]
    kept = [found[0]]
    for tags in found[1:]:
        smaller = tiled and all(side < of_first for side, of_first in zip(sides(tags), first))
        if not (smaller or tags.get(SUBFILE_TYPE, 0) & (REDUCED | MASK)):
            kept.append(tags)
    # ImageJ writes volumes above 4 GB behind the tags of their first page
    counted = re.match(
        r"ImageJ=.*?^images=(\d+)", str(found[0].get(tiff.IMAGEDESCRIPTION, "")), re.DOTALL | re.MULTILINE
    )
    if counted and int(counted[1]) > len(kept):
        raise ValueError(
            f"it holds {counted[1]} frames behind one page, as ImageJ writes large volumes; save it as an image sequence"
        )
    return kept


def suits_pillow(tags: Tags) -> bool:
    """Whether Pillow has a mode for all that the page holds: 1-, 8- and 16-bit grey, 8-bit colours; upright.

    Not for palettes: it makes black of one whose colours are stored in 8 bits.
    """
    bands = tags.get(tiff.SAMPLESPERPIXEL, 1)
    bits, kinds = tags.get(tiff.BITSPERSAMPLE, 1), tags.get(tiff.SAMPLEFORMAT, 1)
    photometric = tags.get(tiff.PHOTOMETRIC_INTERPRETATION)
    if {kinds} - {1} and set(kinds if isinstance(kinds, tuple) else ()) != {1}:
        return False
    if tags.get(ORIENTATION, 1) != 1 or tags[tiff.IMAGELENGTH] * tags[tiff.IMAGEWIDTH] > PILLOW_PIXELS:
        return False
    depths = set(bits) if isinstance(bits, tuple) else {bits}
    if bands == 1:
        return depths == {8} and photometric in (0, 1) or depths in ({1}, {16}) and photometric == 1
    alpha = tags.get(tiff.EXTRASAMPLES) in ((1,), (2,), 1, 2)
    return depths == {8} and (
        bands == 3
        and photometric in (2, 6, 8)
        or bands == 4
        and (photometric == 5 or photometric == 2 and alpha)
    )


def sides(tags: Tags) -> tuple[int, int]:
    """Height and width of a page. Raises ValueError where they are none."""
    height, width = tags.get(tiff.IMAGELENGTH), tags.get(tiff.IMAGEWIDTH)
    if not all(isinstance(side, int) and side > 0 for side in (height, width)):
        raise ValueError(f"its sides are {height} x {width}")
    return height, width
