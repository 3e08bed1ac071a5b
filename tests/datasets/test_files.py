"""The reader of files: what becomes of every kind of file that people have, as an image and as a mask."""

import io
import itertools
import struct

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image

from nbhelpers.datasets import files
from nbhelpers.datasets.files import read_image, read_mask
from tests.image_bytes import png_bytes, tiff_bytes

RNG = np.random.default_rng(0)
SHAPE = np.zeros((6, 9), np.uint8)
SHAPE[1:4, 1:6] = 1  # neither square nor symmetrical
IDS = SHAPE + np.eye(6, 9, dtype=np.uint8)  # 0, 1, 2
KNOWN = {0, 1, 2, 255}


def saved(picture, format, **options):
    file = io.BytesIO()
    picture.save(file, format, **options)
    return file.getvalue()


def orientations(upright):
    """How `upright` is stored under each EXIF orientation 1 to 8, by Pillow's names of the way back."""
    turns = {2: "fliplr", 3: "rot180", 4: "flipud", 5: "transpose", 6: "left", 7: "transverse", 8: "right"}
    ways = {
        "fliplr": np.fliplr,
        "rot180": lambda a: np.rot90(a, 2),
        "flipud": np.flipud,
        "transpose": lambda a: a.swapaxes(0, 1),
        "left": lambda a: np.rot90(a, 1),  # 6: shown by a turn to the right
        "transverse": lambda a: np.rot90(a, 2).swapaxes(0, 1),
        "right": lambda a: np.rot90(a, -1),
    }
    return {1: upright} | {tag: np.ascontiguousarray(ways[way](upright)) for tag, way in turns.items()}


# Depths, and which number is white


@pytest.mark.parametrize("depth", [1, 2, 4, 8, 16])
@pytest.mark.parametrize("kind", ["png", "tiff", "tiff, 0 is white", "tiff in tiles, 0 is white"])
def test_greys_of_every_depth(depth, kind):
    top = 2**depth - 1
    values = RNG.integers(0, top + 1, (6, 9)).astype(np.uint16 if depth == 16 else np.uint8)
    stored = top - values if "white" in kind else values
    tile = (16, 16) if "tiles" in kind else None
    data = (
        png_bytes(values, depth)
        if kind == "png"
        else tiff_bytes(stored, bits=depth, photometric=0 if "white" in kind else 1, tile=tile)
    )
    levels = (values.astype(float) * 255 / top + 0.5).astype(np.uint8)
    assert np.array_equal(read_image(data, "a"), np.repeat(levels[..., None], 3, axis=2))
    assert np.array_equal(read_image(data, "a", in_channels=1)[..., 0], levels)
    assert np.array_equal(read_mask(data, "a", ids=range(256)), values)


@pytest.mark.parametrize("bits", [10, 12, 14])
def test_packed_bits_of_scanners(bits):
    values = RNG.integers(0, 2**bits, (6, 9)).astype(np.uint16)
    data = tiff_bytes(values, bits=bits)
    expected = (values * 255.0 / (2**bits - 1) + 0.5).astype(np.uint8)
    assert np.array_equal(read_image(data, "a")[..., 0], expected) and np.array_equal(
        read_mask(data, "a"), values
    )


def test_low_depths_hold_ids_or_levels_by_what_is_known():
    """An optimiser stores 0, 85, 170, 255 in two bits, an annotator the ids 0 to 3."""
    for data in (png_bytes(IDS, 2), tiff_bytes(IDS, bits=2)):
        assert np.array_equal(read_mask(data, "a", ids=KNOWN), IDS)
        assert np.array_equal(read_mask(data, "a", ids={0, 85, 170}), 85 * IDS)
    for data in (png_bytes(15 * SHAPE, 4), tiff_bytes(15 * SHAPE, bits=4), png_bytes(SHAPE, 1)):
        assert set(np.unique(read_mask(data, "a"))) in ({0, 255}, {0, 1})


@pytest.mark.parametrize("dtype", ["i1", "i2", "i4", "u4", "f4", "f8"])
def test_other_numbers_need_a_range(dtype):
    values = np.linspace(-100 if dtype[0] != "u" else 10**6, 100 if dtype[0] != "u" else 10**7, 54).reshape(
        6, 9
    )
    values = values.astype(dtype)
    for tile, order in itertools.product((None, (16, 16)), "<>"):
        data = tiff_bytes(values, tile=tile, order=order)
        with pytest.raises(
            ValueError, match=r"^scan.tif holds .*8 or 16 bits.*pass value_range=\(black, white\)"
        ):
            read_image(data, "scan.tif")
        black, white = float(values[0, 5]), float(values[5, 3])
        image = read_image(data, "scan.tif", value_range=(black, white))
        assert image[0, 5, 0] == 0 and image[0, 0, 0] == 0 and image[5, 3, 0] == image[5, 8, 0] == 255
        middle = (values[3].astype(float) - black) / (white - black) * 255
        assert abs(image[3, :, 0] - middle).max() <= 1


def test_numbers_that_no_range_helps():
    values = np.zeros((6, 9), np.float32)
    values[2, 2] = np.nan
    with pytest.raises(ValueError, match="a.tif holds nan or infinite numbers"):
        read_image(tiff_bytes(values), "a.tif", value_range=(0, 1))
    with pytest.raises(ValueError, match="a.tif has 8 bits or fewer, which cannot fill value_range"):
        read_image(png_bytes(SHAPE), "a.tif", value_range=(0, 4095))
    with pytest.raises(ValueError, match="0 is white, which has no meaning for signed and float"):
        read_image(tiff_bytes(values, photometric=0), "a.tif", value_range=(0, 1))
    with pytest.raises(ValueError, match="a.tif holds floating point numbers; a mask must hold integer"):
        read_mask(tiff_bytes(SHAPE.astype(np.float32)), "a.tif")


def test_signed_and_wide_masks_keep_their_numbers():
    for dtype, nodata in (("i2", -32768), ("i4", -9999), ("u2", 65535), ("u4", 2**32 - 1)):
        ids = IDS.astype(dtype)
        ids[0] = nodata
        for order, deflate in itertools.product("<>", (False, True)):
            predictor = 2 if deflate else 1
            data = tiff_bytes(ids, order=order, deflate=deflate, predictor=predictor, tile=(16, 16))
            assert np.array_equal(read_mask(data, "a"), ids)


# Palettes


def indexed(format, indices, palette):
    picture = Image.fromarray(indices)
    picture.putpalette(np.asarray(palette, np.uint8).tobytes())
    return saved(picture, format)


GREYS = [(2, 2, 2), (0, 0, 0), (1, 1, 1)]  # index order is not the grey order
COLOURS = [(0, 0, 0), (128, 0, 0), (128, 128, 128), (9, 200, 3)]


@pytest.mark.parametrize("format", ["PNG", "GIF", "TIFF", "BMP"])
def test_palettes(format):
    grey_order = np.array([1, 2, 0], np.uint8)[IDS]  # the index whose grey is the id
    assert np.array_equal(read_mask(indexed(format, grey_order, GREYS), "a", ids=KNOWN), IDS)
    assert np.array_equal(read_mask(indexed(format, IDS, COLOURS), "a", ids=KNOWN), IDS)
    of_colours = read_mask(indexed(format, IDS, COLOURS), "a", colours=True)
    assert np.array_equal(of_colours, np.array(COLOURS, np.uint8)[IDS])
    assert np.array_equal(read_image(indexed(format, IDS, COLOURS), "a"), of_colours)
    # only the greys of a coloured palette: VOC's background and car, where both are known ids; white on black else
    if format != "GIF":  # Pillow writes it without the colours that are not used
        assert np.array_equal(read_mask(indexed(format, 2 * SHAPE, COLOURS), "a", ids=KNOWN), 2 * SHAPE)
    inverted = [(255, 255, 255), (0, 0, 0), (255, 0, 0)]
    assert np.array_equal(read_mask(indexed(format, 1 - SHAPE, inverted), "a"), 255 * SHAPE)


@pytest.mark.parametrize("depth", [1, 2, 4, 8])
def test_palettes_of_every_depth_in_png_and_tiff(depth):
    ids = IDS if depth > 1 else SHAPE
    greys = np.array(GREYS if depth > 1 else [(1, 1, 1), (0, 0, 0)])
    order = np.array([1, 2, 0] if depth > 1 else [1, 0], np.uint8)[ids]
    colormap = np.zeros((2**depth, 3), int)
    colormap[: len(greys)] = greys * 257
    for data in (
        png_bytes(order, depth, palette=greys),
        tiff_bytes(order, bits=depth, photometric=3, colormap=colormap),
    ):
        assert np.array_equal(read_mask(data, "a", ids=KNOWN), ids)


def test_a_bmp_of_4_bits_whose_palette_is_its_own_numbers():
    header = struct.pack("<2sIHHI", b"BM", 14 + 40 + 64 + 6 * 8, 0, 0, 14 + 40 + 64)
    header += struct.pack("<IiiHHIIiiII", 40, 9, 6, 1, 4, 0, 6 * 8, 0, 0, 16, 0)
    nibbles = np.pad(IDS[::-1], ((0, 0), (0, 7)))  # rows from the bottom, each of whole 4 bytes
    rows = (nibbles[:, ::2] << 4 | nibbles[:, 1::2]).tobytes()
    data = header + b"".join(bytes((n, n, n, 0)) for n in range(16)) + rows
    assert np.array_equal(read_mask(data, "a", ids=KNOWN), IDS)
    with pytest.raises(ValueError, match="a.bmp cannot be read"):
        read_mask(data[:-9], "a.bmp")


# Alpha


@pytest.mark.parametrize("colour", [0, 255])
@pytest.mark.parametrize("kind", ["RGBA", "LA", "16-bit RGBA", "16-bit LA", "WebP", "TIFF", "tRNS"])
def test_the_shape_in_the_alpha_channel(kind, colour):
    top = 65535 if "16" in kind else 255
    bands = 2 if "LA" in kind else 4
    values = np.full((6, 9, bands), colour * (top // 255), np.uint16 if top > 255 else np.uint8)
    values[..., -1] = top * SHAPE.astype(int)
    if kind == "tRNS":
        data = png_bytes(SHAPE, 8, palette=[(colour,) * 3] * 2, transparency=[0, 255])
    elif kind == "WebP":
        data = saved(Image.fromarray(values), "WEBP", lossless=True, exact=True)
    elif kind == "TIFF":
        data = tiff_bytes(values, photometric=2, extra=[2])
    else:
        data = png_bytes(values, 16 if top > 255 else 8)
    assert np.array_equal(read_mask(data, "a"), top * SHAPE.astype(int))
    assert (read_image(data, "a") == colour).all()  # of an image, alpha is dropped


def test_alpha_that_only_repeats_the_colour_or_is_constant_changes_nothing():
    painted = np.dstack([255 * SHAPE] * 4)
    opaque = np.dstack([IDS, np.full_like(IDS, 255)])
    assert np.array_equal(read_mask(png_bytes(painted), "a"), 255 * SHAPE)
    assert np.array_equal(read_mask(png_bytes(opaque), "a", ids=KNOWN), IDS)
    assert not read_mask(png_bytes(np.zeros((6, 9, 4), np.uint8)), "a").any()
    nothing = np.full((6, 9, 2), 255, np.uint8)
    nothing[..., 1] = 0  # white, and nowhere to be seen
    assert not read_mask(png_bytes(nothing), "a").any()


def test_alpha_that_says_something_else_is_refused():
    two_shapes = np.dstack([255 * SHAPE, 255 * SHAPE[:, ::-1]])
    with pytest.raises(ValueError, match="^a.png holds one shape in its colour and another in its alpha"):
        read_mask(png_bytes(two_shapes), "a.png")
    photo = np.dstack([RNG.integers(0, 256, (6, 9, 3)).astype(np.uint8), 255 * SHAPE])
    with pytest.raises(ValueError, match="^a.png holds one shape|^a.png is a colour picture"):
        read_mask(png_bytes(photo), "a.png")
    constant = np.dstack([np.zeros((6, 9, 3), np.uint8), 255 * SHAPE])
    with pytest.raises(ValueError, match="has one colour, and its shape in the alpha channel, but palette="):
        read_mask(png_bytes(constant), "a.png", colours=True)


@pytest.mark.parametrize("bands", [2, 3, 4])
def test_16_bit_colours_keep_small_ids(bands):
    """Pillow keeps the upper 8 bits of such a PNG, which makes 0 of every id below 256."""
    values = np.repeat(IDS[..., None], bands, axis=2).astype(np.uint16)
    if bands != 3:
        values[..., -1] = 65535
    assert np.array_equal(read_mask(png_bytes(values, 16), "a", ids=KNOWN), IDS)
    photo = RNG.integers(0, 65536, (6, 9, bands)).astype(np.uint16)
    shown = photo[..., :3] if bands > 2 else photo[..., [0, 0, 0]]
    assert np.array_equal(read_image(png_bytes(photo, 16), "a"), (shown / 257.0 + 0.5).astype(np.uint8))


# Orientation


@pytest.mark.parametrize("tag", range(1, 9))
def test_images_and_masks_are_turned_as_their_tag_says(tag):
    stored = orientations(IDS)[tag]
    exif = Image.Exif()
    exif[0x0112] = tag
    written = [
        saved(Image.fromarray(stored), "PNG", exif=exif),
        saved(Image.fromarray(np.dstack([stored] * 3)), "WEBP", lossless=True, exif=exif),
        saved(Image.fromarray(stored), "TIFF", tiffinfo={274: tag}),
        tiff_bytes(stored, tile=(16, 16), tags=[(274, tag)]),
        tiff_bytes(stored.astype(np.int16), tags=[(274, tag)]),  # not by Pillow
        tiff_bytes(np.dstack([stored] * 3).astype(np.uint16), photometric=2, tags=[(274, tag)]),
    ]
    for data in written:
        assert np.array_equal(read_mask(data, "a", ids=KNOWN), IDS)
    assert np.array_equal(read_image(written[0], "a")[..., 0], IDS)
    sixteen = png_bytes(np.dstack([stored] * 3).astype(np.uint16), 16)
    eight = saved(Image.fromarray(stored), "PNG", exif=exif)
    start = eight.index(b"eXIf") - 4
    chunk = eight[start : start + 12 + int.from_bytes(eight[start : start + 4], "big")]
    assert np.array_equal(read_mask(sixteen[:33] + chunk + sixteen[33:], "a"), IDS)


# Frames


def test_more_than_one_frame_is_an_error_with_their_number():
    frames = [Image.fromarray(np.full((6, 9), 40 * n, np.uint8)) for n in range(4)]
    for format in ("TIFF", "GIF", "WEBP", "PNG"):
        data = saved(frames[0], format, save_all=True, append_images=frames[1:])
        for read in (read_image, read_mask):
            with pytest.raises(ValueError, match=f"^a.{format} has 4 frames, but one picture is due"):
                read(data, f"a.{format}")
        one = saved(frames[0], format, save_all=True)
        assert read_image(one, "a").shape == (6, 9, 3)
    stack = tiff_bytes(*(IDS * n for n in range(4)), big=True)
    assert np.array_equal(read_mask(stack, "a", frame=3), 3 * IDS)
    with pytest.raises(ValueError, match="a has 4 frames; there is no frame 4"):
        read_mask(stack, "a", frame=4)


def test_smaller_copies_in_a_tiff_are_no_frames():
    large, small = RNG.integers(0, 256, (40, 50)).astype(np.uint8), np.zeros((20, 25), np.uint8)
    # flagged, a mask, and a slide's thumbnail
    for second in ((small, [(254, 1)]), (small + 1, [(254, 4)]), small):
        assert np.array_equal(read_image(tiff_bytes(large, second, tile=(16, 16)), "a")[..., 0], large)
    with pytest.raises(ValueError, match="has 2 frames"):
        read_image(tiff_bytes(large, small), "a")  # in strips and unflagged: pages of a document
    volume = saved(Image.fromarray(large), "TIFF", tiffinfo={270: "ImageJ=1.53\nimages=30\nslices=30\n"})
    with pytest.raises(ValueError, match="holds 30 frames behind one page, as ImageJ writes"):
        read_image(volume, "a")


# Bands


@pytest.mark.parametrize("bands", [2, 4, 5, 8])
@pytest.mark.parametrize("dtype", ["u1", "u2"])
def test_bands_where_asked_for_and_else_an_error_that_names_them(bands, dtype):
    values = RNG.integers(0, 256, (6, 9, bands)).astype(dtype) * (1 if dtype == "u1" else 257)
    expected = (values // (1 if dtype == "u1" else 257)).astype(np.uint8)
    for planar, tile in itertools.product((False, True), (None, (16, 16))):
        rgb = bands > 3
        data = tiff_bytes(
            values,
            photometric=2 if rgb else 1,
            planar=planar,
            tile=tile,
            extra=[0] * (bands - 3 * rgb - (not rgb)),
        )
        assert np.array_equal(read_image(data, "a", in_channels=bands), expected)
        more = rf"red, green, blue, {bands - 3} more" if rgb else "grey, 1 more"
        with pytest.raises(
            ValueError, match=rf"^a.tif has {bands} bands \({more}\), but 3 are due: .*in_channels={bands}"
        ):
            read_image(data, "a.tif")
        with pytest.raises(ValueError, match=f"a.tif has {bands} bands; a mask must have one"):
            read_mask(data, "a.tif")


def test_one_channel_and_alpha_as_a_band():
    grey = RNG.integers(0, 256, (6, 9)).astype(np.uint8)
    rgba = RNG.integers(0, 256, (6, 9, 4)).astype(np.uint8)
    for picture in (
        Image.fromarray(grey),
        Image.fromarray(np.dstack([grey] * 3)),
        Image.fromarray(grey).convert("P"),
    ):
        assert np.array_equal(read_image(saved(picture, "PNG"), "a", in_channels=1)[..., 0], grey)
    with pytest.raises(ValueError, match="a.png has 4 bands .red, green, blue, alpha., but 1 are due"):
        read_image(png_bytes(rgba), "a.png", in_channels=1)
    assert np.array_equal(read_image(png_bytes(rgba), "a", in_channels=4), rgba)
    assert np.array_equal(read_image(png_bytes(rgba), "a"), rgba[..., :3])


# Size


def test_large_sound_files_are_read_up_to_our_own_limit(monkeypatch):
    monkeypatch.setattr(files.tiff, "PILLOW_PIXELS", 20)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 14)  # as if these few pixels were 190 million
    for format in ("PNG", "BMP", "TIFF"):
        data = tiff_bytes(SHAPE, deflate=True) if format == "TIFF" else saved(Image.fromarray(SHAPE), format)
        assert np.array_equal(read_mask(data, "a"), SHAPE)
    with monkeypatch.context() as patch:  # newer Pillows check WebP and GIF within their decoders

        def refuse(data):
            raise Image.DecompressionBombError("54 pixels")

        patch.setattr(files, "opened", refuse)
        with pytest.raises(ValueError, match="a.webp is too large to decode .*: write it as PNG, or as TIFF"):
            read_mask(b"RIFF", "a.webp")
    monkeypatch.setattr(files, "MAX_PIXELS", 50)
    with pytest.raises(
        ValueError, match="a.png is 6 x 9 pixels, too many to decode at once .limit 50.: write it as a TIFF"
    ):
        read_mask(png_bytes(SHAPE), "a.png")


# Properties: whatever writes a mask, the same ids come back, or our error


def _png(ids):
    return saved(Image.fromarray(ids), "PNG")


def _png_of(depth):
    return lambda ids: png_bytes(ids, depth) if ids.max() < 2**depth else None


def _palette_png(ids):
    order = np.random.default_rng(int(ids.sum())).permutation(256)  # grey levels in a random order
    return png_bytes(np.argsort(order)[ids].astype(np.uint8), palette=np.repeat(order[:, None], 3, axis=1))


def _coloured_png(ids):
    colours = np.random.default_rng(1).permuted(np.arange(768).reshape(256, 3) % 256, axis=1)
    return png_bytes(ids, palette=colours)


def _rgba(ids):
    return png_bytes(np.dstack([ids, ids, ids, np.full_like(ids, 255)]))


def _tiff(dtype, **options):
    return lambda ids: tiff_bytes(ids.astype(dtype), **options)


def _white_is_0(ids):
    return tiff_bytes(255 - ids, photometric=0, deflate=True, predictor=2)


def _by_pillow(format, **options):
    return lambda ids: saved(Image.fromarray(ids), format, **options)


WRITERS = {
    "png": _png,
    "png of 1 bit": _png_of(1),
    "png of 2 bits": _png_of(2),
    "png of 4 bits": _png_of(4),
    "png of 16 bits": lambda ids: saved(Image.fromarray(ids.astype(np.uint16)), "PNG"),
    "rgb png of 16 bits": lambda ids: png_bytes(np.dstack([ids] * 3).astype(np.uint16), 16),
    "grey palette": _palette_png,
    "coloured palette": _coloured_png,
    "quantized": lambda ids: saved(Image.fromarray(np.dstack([ids] * 3)).quantize(256), "PNG"),
    "rgba": _rgba,
    "bmp": _by_pillow("BMP"),
    "gif": _by_pillow("GIF"),
    "webp": lambda ids: saved(Image.fromarray(np.dstack([ids] * 3)), "WEBP", lossless=True),
    "tiff by Pillow, lzw": _by_pillow("TIFF", compression="tiff_lzw"),
    "tiff, tiles": _tiff("u1", tile=(16, 16), deflate=True),
    "tiff, big": _tiff("u2", big=True, order=">"),
    "tiff, signed": _tiff("i4", deflate=True, predictor=2),
    "tiff, 4 bits": lambda ids: tiff_bytes(ids, bits=4) if ids.max() < 16 else None,
    "tiff, 0 is white": _white_is_0,
}


@st.composite
def id_masks(draw):
    height, width = draw(st.integers(1, 9)), draw(st.integers(1, 9))
    top = draw(st.sampled_from([1, 2, 5, 15, 30, 254]))
    cells = st.lists(st.integers(0, top) | st.just(255), min_size=height * width, max_size=height * width)
    return np.array(draw(cells), np.uint8).reshape(height, width)


@pytest.mark.parametrize("writer", WRITERS)
@settings(max_examples=25, deadline=None, derandomize=True)
@given(id_masks())
@example(IDS)
def test_the_same_ids_come_back_from_every_writer(writer, ids):
    data = WRITERS[writer](ids)
    if data is not None:
        assert np.array_equal(read_mask(data, "a", ids={*range(255), 255}), ids)


@settings(max_examples=25, deadline=None, derandomize=True)
@given(id_masks())
def test_a_jpeg_of_ids_comes_back_or_not_but_never_raises_another_error(ids):
    try:
        assert read_mask(saved(Image.fromarray(ids), "JPEG"), "a.jpg").shape == ids.shape
    except ValueError as error:
        assert str(error).startswith("a.jpg")


@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow's, about the damage
def test_damaged_files_end_in_an_error_that_names_them(monkeypatch):
    """Cut off, and bytes changed at random, of every kind: it is read as an array, or the error names the file."""
    monkeypatch.setattr(files, "MAX_PIXELS", 10**6)  # damage makes sides of any length
    rng = np.random.default_rng(0)
    photo = rng.integers(0, 256, (16, 18, 3)).astype(np.uint8)
    kinds = [
        saved(Image.fromarray(photo), format) for format in ("PNG", "JPEG", "BMP", "GIF", "WEBP", "TIFF")
    ]
    kinds += [
        WRITERS[name](photo[..., 0])
        for name in ("grey palette", "tiff, tiles", "tiff, big", "tiff, 0 is white")
    ]
    kinds += [tiff_bytes(photo.astype(np.float32), planar=True), png_bytes(photo.astype(np.uint16), 16)]
    named = 0
    for data, _ in itertools.product(kinds, range(25)):
        damaged = bytearray(data[: rng.integers(1, len(data))] if rng.random() < 0.3 else data)
        for place in rng.integers(0, min(len(damaged), rng.choice([30, 300, len(data)])), 3):
            damaged[place] = rng.integers(0, 256)
        for read in (read_image, read_mask):
            try:
                assert read(bytes(damaged), "a.file").dtype.kind in "ui"
            except ValueError as error:
                named += 1
                assert str(error).startswith("a.file"), error
    assert named > 100
