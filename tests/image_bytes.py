"""Writers of the PNG and TIFF files that Pillow cannot write: any depth, any number of bands, tiles, white as 0."""

import struct
import zlib

import numpy as np


def png_bytes(values, depth=8, *, alpha=False, palette=None, transparency=None):
    """PNG of values (H, W) or (H, W, bands), or of rows of `palette`, RGB (n, 3), with the alpha of each row."""
    values = values if values.ndim == 3 else values[..., None]
    height, width, bands = values.shape
    kind = 3 if palette is not None else {1: 0, 2: 4, 3: 2, 4: 6}[bands]
    rows = _packed(values, depth, ">")
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, 0))]
    if palette is not None:
        chunks.append((b"PLTE", np.asarray(palette, np.uint8).tobytes()))
    if transparency is not None:
        chunks.append((b"tRNS", np.asarray(transparency, np.uint8).tobytes()))
    chunks += [(b"IDAT", zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows))), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in chunks
    )


def tiff_bytes(
    *pages,
    bits=None,
    photometric=None,
    planar=False,
    tile=None,
    deflate=False,
    predictor=1,
    order="<",
    big=False,
    extra=None,
    colormap=None,
    tags=(),
):
    """TIFF of pages (H, W) or (H, W, bands), in strips of 3 rows or in tiles; `tags` are (number, value) more.

    A page may be a pair of the array and further tags of it alone.
    """
    data = bytearray((b"II" if order == "<" else b"MM") + struct.pack(f"{order}H", 43 if big else 42))
    data += struct.pack(f"{order}HHQ", 8, 0, 0) if big else struct.pack(f"{order}I", 0)
    word, link = ("Q", 8) if big else ("I", 4)
    link_at = 8 if big else 4  # where the place of the next page's tags goes
    for page in pages:
        page, more = page if isinstance(page, tuple) else (page, ())
        values = page if page.ndim == 3 else page[..., None]
        height, width, bands = values.shape
        depth = bits or 8 * values.itemsize
        high, wide = tile or (3, width)
        offsets, counts = [], []
        for plane in np.split(values, bands, axis=2) if planar else [values]:
            for top in range(0, height, high):
                for left in range(0, width, wide):
                    part = plane[top : top + high, left : left + wide]
                    if tile:
                        part = np.pad(part, ((0, high - part.shape[0]), (0, wide - part.shape[1]), (0, 0)))
                    raw = _packed(_predicted(part, predictor), depth, order).tobytes()
                    raw = zlib.compress(raw) if deflate else raw
                    offsets.append(len(data))
                    counts.append(len(raw))
                    data += raw
        entries = {256: [width], 257: [height], 258: [depth] * bands, 259: [8 if deflate else 1]}
        entries |= {262: [photometric if photometric is not None else 1], 277: [bands], 317: [predictor]}
        entries |= {284: [2 if planar else 1], 339: [{"u": 1, "i": 2, "f": 3}[values.dtype.kind]] * bands}
        entries |= (
            {322: [wide], 323: [high], 324: offsets, 325: counts}
            if tile
            else {273: offsets, 278: [high], 279: counts}
        )
        if extra is not None:
            entries[338] = list(extra)
        if colormap is not None:
            entries[320] = list(np.asarray(colormap).T.ravel())
        entries |= {number: [value] for number, value in (*tags, *more)}
        packed = {}
        for number, numbers in sorted(entries.items()):
            kind, size = (
                ("H", 3)
                if number in (258, 259, 262, 277, 284, 320, 338, 339, 274)
                else (word, 16 if big else 4)
            )
            raw = struct.pack(f"{order}{len(numbers)}{kind}", *(int(one) for one in numbers))
            if len(raw) > link:
                place = len(data)
                data += raw
                raw = struct.pack(f"{order}{word}", place)
            packed[number] = struct.pack(f"{order}HH{word}", number, size, len(numbers)) + raw.ljust(
                link, b"\0"
            )
        place = len(data)
        struct.pack_into(f"{order}{word}", data, link_at, place)
        data += struct.pack(f"{order}{'Q' if big else 'H'}", len(packed)) + b"".join(packed.values())
        link_at = len(data)
        data += bytes(link)
    return bytes(data)


def _packed(values, depth, order):
    """Rows of bytes: (H, W, bands) at `depth` bits a number, each row filled up to whole bytes."""
    if depth == 8 * values.itemsize:
        return (
            np.ascontiguousarray(values.astype(values.dtype.newbyteorder(order)))
            .view(np.uint8)
            .reshape(len(values), -1)
        )
    places = np.arange(depth - 1, -1, -1)
    return np.packbits(
        (values[..., None].astype(int) >> places & 1).astype(np.uint8).reshape(len(values), -1), axis=1
    )


def _predicted(values, predictor):
    if predictor == 2:
        return np.diff(values, axis=1, prepend=np.zeros_like(values[:, :1]))
    return values
