"""Run-length codes as annotation tools write them, decoded to pixels."""

import base64
import binascii
import zlib
from collections.abc import Sequence

import numpy as np

from nbhelpers.datasets.annotations.shapes import Bitmap

MOST = 1 << 28  # bytes that a packed text may grow to


def bitmap_of_counts(
    counts: Sequence[int], size: tuple[int, int], where: str, *, order: str, top: int = 0, left: int = 0
) -> Bitmap:
    """Counts of pixels outside, inside, outside, ...; along the rows (order "C") or down the columns ("F")."""
    height, width = size
    try:
        lengths = np.array(counts, dtype=np.int64)
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"the run lengths of {where} are no whole numbers: {str(counts)[:60]}") from None
    if lengths.ndim != 1 or (lengths < 0).any():
        raise ValueError(
            f"the run lengths of {where} must be one list of whole numbers from 0 on: {str(counts)[:60]}"
        )
    total = sum(map(int, lengths))
    if total != height * width:
        raise ValueError(
            f"the run lengths of {where} add up to {total} pixels, but {height} x {width} are {height * width}; "
            "the code is cut off, or of another size"
        )
    flat = np.repeat(np.arange(len(lengths)) % 2 == 1, lengths)
    pixels = flat.reshape(height, width) if order == "C" else flat.reshape(width, height).T
    return Bitmap(pixels, top, left)


def coco_counts(text: str, where: str) -> list[int]:
    """The counts in COCO's compressed code: five bits a letter, the lowest first, and from the third count on
    differences to the count before last."""
    counts: list[int] = []
    value = shift = 0
    for letter in text:
        bits = ord(letter) - 48
        if not 0 <= bits < 64:
            raise ValueError(
                f"{letter!r} in the compressed run lengths of {where} is no letter of such a code"
            )
        value |= (bits & 31) << shift
        shift += 5
        if bits & 32:
            continue
        if bits & 16:
            value -= 1 << shift
        counts.append(value + counts[-2] if len(counts) > 2 else value)
        value = shift = 0
    if shift:
        raise ValueError(
            f"the compressed run lengths of {where} end in the middle of a number; they are cut off"
        )
    return counts


def coco_text(counts: Sequence[int]) -> str:
    """What `coco_counts` reads."""
    letters = []
    for place, count in enumerate(counts):
        value = count - counts[place - 2] if place > 2 else count
        more = True
        while more:
            bits, value = value & 31, value >> 5
            more = value != (-1 if bits & 16 else 0)  # the highest bit of the last letter is the sign
            letters.append(bits | 32 if more else bits)
    return bytes(letter + 48 for letter in letters).decode("ascii")


def packed(data: bytes) -> str:
    """What `unpacked` reads."""
    return base64.b64encode(zlib.compress(data, zlib.Z_BEST_COMPRESSION)).decode("ascii")


def unpacked(text: str, what: str) -> bytes:
    """The bytes that zlib packed and base64 wrote as text."""
    try:
        unpacker = zlib.decompressobj()
        data = unpacker.decompress(base64.b64decode(text, validate=True), MOST)
    except (binascii.Error, ValueError, zlib.error) as error:
        raise ValueError(f"{what} is nothing that zlib packed and base64 wrote ({error})") from error
    if not unpacker.eof:
        raise ValueError(f"{what} is cut off, or larger than {MOST >> 20} MB")
    return data


def brush_values(code: Sequence[int], where: str) -> np.ndarray:
    """The uint8 values in Label Studio's brush code, a stream of bits: four channels a pixel, row by row.

    A header of 32 bits (how many values), 5 (bits a value, less 1) and four times 4 (sizes of a length, less 1);
    then blocks: one bit (1: one value repeated; 0: values one by one), two bits that choose a size, the length less
    1, the value or values.
    """
    try:
        stream = np.unpackbits(np.array(code, dtype=np.uint8))
        if not np.array_equal(np.packbits(stream), np.asarray(code)):
            raise ValueError
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"the brush code of {where} is no list of bytes, 0..255") from None
    bits, position = stream.tobytes().translate(bytes([48, 49]) + bytes(254)).decode(), 0

    def read(count: int) -> int:
        nonlocal position
        if position + count > len(bits):
            raise ValueError(f"the brush code of {where} is cut off")
        position += count
        return int(bits[position - count : position], 2)

    total, depth = read(32), read(5) + 1
    sizes = [read(4) + 1 for _ in range(4)]
    if depth != 8 or total > 1 << 31:
        raise ValueError(
            f"the brush code of {where} has {total} values of {depth} bits; it must have values of 8 bits"
        )
    parts, done = [], 0
    while done < total:
        repeated = read(1)
        length = read(sizes[read(2)]) + 1
        if done + length > total:
            raise ValueError(f"the brush code of {where} has more values than its header says, {total}")
        if repeated:
            parts.append(np.full(length, read(8), np.uint8))
        else:
            if position + 8 * length > len(bits):
                raise ValueError(f"the brush code of {where} is cut off")
            parts.append(np.packbits(stream[position : position + 8 * length]))
            position += 8 * length
        done += length
    return np.concatenate([np.zeros(0, np.uint8), *parts])
