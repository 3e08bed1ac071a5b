"""TIFF against other people's: files by tifffile and by libtiff (through Pillow), and tags that are read by hand."""

import io
import itertools

import numpy as np
import pytest
import tifffile
from PIL import Image

from nbhelpers.datasets.files import count_frames, read_image, read_mask, read_samples
from tests.image_bytes import tiff_bytes

RNG = np.random.default_rng(0)
KINDS = ["u1", "u2", "u4", "u8", "i1", "i2", "i4", "i8", "f2", "f4", "f8"]


def numbers(kind, *shape):
    if kind[0] == "f":
        return (RNG.normal(size=shape) * 100).astype(kind)
    ends = np.iinfo(kind)
    return RNG.integers(ends.min, ends.max, shape, dtype=kind, endpoint=True)


def by_tifffile(*pages, order="<", big=False, **options):
    file = io.BytesIO()
    with tifffile.TiffWriter(file, bigtiff=big, byteorder=order) as writer:
        for page in pages:
            page, more = page if isinstance(page, tuple) else (page, {})
            writer.write(page, **{"photometric": "minisblack", "metadata": None, **options, **more})
    return file.getvalue()


def by_libtiff(values, compression, **tags):
    file = io.BytesIO()
    info = {{"predictor": 317, "fill_order": 266}[name]: value for name, value in tags.items()}
    Image.fromarray(values).save(file, "TIFF", compression=compression, tiffinfo=info)
    return file.getvalue()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("bands", [1, 3, 5])
def test_every_number_that_tifffile_writes(kind, bands):
    values = numbers(kind, 37, 45, *[bands] * (bands > 1))
    for planar, tile, deflate, (order, big) in itertools.product(
        ("contig", "separate")[: 1 + (bands > 1)],
        (None, (16, 32)),
        (False, True),
        [("<", False), (">", True)],
    ):
        options = {"tile": tile, "rowsperstrip": None if tile else 8, "order": order, "big": big}
        options |= {"compression": "zlib", "predictor": kind[0] != "f" and kind[1] != "8"} if deflate else {}
        stored = np.moveaxis(values, -1, 0) if planar == "separate" else values
        data = by_tifffile(stored, planarconfig=planar, photometric="rgb" if bands > 1 else 1, **options)
        found = read_samples(data, "a").values.reshape(values.shape)
        assert found.dtype == values.dtype and np.array_equal(found, values)


@pytest.mark.parametrize("predictor", [1, 2, 3])
@pytest.mark.parametrize("compression", ["tiff_lzw", "tiff_adobe_deflate"])
def test_floats_by_every_predictor_of_libtiff(predictor, compression):
    """Differences are those of the bits, as whole numbers (2), or of their bytes (3); never of the floats."""
    values = numbers("f4", 37, 45)
    found = read_samples(by_libtiff(values, compression, predictor=predictor), "a").values
    assert np.array_equal(found[..., 0], values)


def test_bits_that_are_stored_from_the_other_end():
    values = numbers("i4", 37, 45)
    assert np.array_equal(
        read_samples(by_libtiff(values, "tiff_lzw", fill_order=2), "a").values[..., 0], values
    )
    backwards = np.array([int(f"{number:08b}"[::-1], 2) for number in range(256)], np.uint8)
    stored = backwards[values.view(np.uint8)].view(values.dtype)
    assert np.array_equal(read_mask(tiff_bytes(stored, tags=[(266, 2)]), "a"), values)


# Pages


@pytest.mark.parametrize("kind", [1, 4], ids=["a smaller copy", "a mask of transparency"])
def test_pages_that_their_type_calls_no_pictures(kind, tmp_path):
    values = numbers("u1", 40, 50)
    second = values > 99 if kind == 4 else values[:20]
    (tmp_path / "a.tif").write_bytes(by_tifffile(values, (second, {"subfiletype": kind})))
    assert (
        np.array_equal(read_mask(tmp_path / "a.tif", "a"), values) and count_frames(tmp_path / "a.tif") == 1
    )


def test_tiled_pages_that_are_narrower_alone_are_frames():
    wide, narrow = numbers("u1", 40, 50), numbers("u1", 40, 30)
    assert np.array_equal(read_mask(by_tifffile(wide, narrow, tile=(16, 16)), "a", frame=1), narrow)


def test_pages_that_are_listed_in_a_circle():
    data = bytearray(tiff_bytes(numbers("u1", 6, 9)))
    data[-4:] = data[4:8]  # the page after the only one is that one
    with pytest.raises(
        ValueError, match="a.tif cannot be read as an image .its pages are listed in a circle"
    ):
        read_image(bytes(data), "a.tif")


def test_bands_of_different_depths():
    data = tiff_bytes(numbers("u1", 6, 9, 3), photometric=2).replace(b"\x08\0" * 3, b"\x08\0\x08\0\x10\0")
    with pytest.raises(ValueError, match=r"its bands have different depths, \(8, 8, 16\); write it with one"):
        read_image(data, "a.tif")


# What bands and palettes mean


@pytest.mark.parametrize("kind", [1, 2], ids=["associated", "not associated"])
def test_alpha_behind_another_band(kind):
    values = numbers("u1", 6, 9, 5)
    data = tiff_bytes(values, photometric=2, extra=[0, kind])
    assert np.array_equal(read_image(data, "a", in_channels=4), values[..., :4])
    with pytest.raises(ValueError, match=r"5 bands \(red, green, blue, alpha, 1 more\), but 3 are due"):
        read_image(data, "a")


@pytest.mark.parametrize("depth", [4, 8])
@pytest.mark.parametrize("times", [1, 256, 257])
@pytest.mark.parametrize("tile", [None, (16, 16)])
def test_colours_of_a_palette_by_every_habit(depth, times, tile):
    """The standard's 16 bits are 257 times the 8, some writers shift by 8 bits, and some store the 8."""
    colours = np.zeros((2**depth, 3), int)
    colours[:3] = (0, 0, 0), (128, 64, 255), (254, 1, 127)
    ids = RNG.integers(0, 3, (36, 45)).astype(np.uint8)
    data = tiff_bytes(ids, bits=depth, photometric=3, colormap=colours * times, tile=tile)
    assert np.array_equal(read_mask(data, "a", colours=True), colours[ids])
