"""The reader of files at the edge of its rules: frames, ranges, palettes and depths, worked out by hand."""

import io

import numpy as np
import pytest
from PIL import Image

from nbhelpers.datasets.files import read_image, read_mask
from tests.image_bytes import png_bytes, tiff_bytes

SHAPE = np.zeros((6, 9), np.uint8)
SHAPE[1:4, 1:6] = 1


def saved(picture, format, **options):
    file = io.BytesIO()
    picture.save(file, format, **options)
    return file.getvalue()


# Frames


@pytest.mark.parametrize("format", ["GIF", "WEBP", "PNG", "TIFF"])
def test_a_frame_of_an_animation_by_its_number(format):
    frames = [Image.fromarray(SHAPE * 60 * n).convert("RGB") for n in range(4)]
    options = {"lossless": True} if format == "WEBP" else {}
    data = saved(frames[0], format, save_all=True, append_images=frames[1:], **options)
    for number in range(4):
        assert np.array_equal(read_image(data, "a", frame=number)[..., 2], SHAPE * 60 * number)
    for number in (-1, 4):
        with pytest.raises(ValueError, match=f"^a has 4 frames; there is no frame {number}"):
            read_image(data, "a", frame=number)


def test_what_a_phone_puts_behind_a_photo_is_no_frame():
    photo, depth = (Image.fromarray(np.full((16, 24, 3), level, np.uint8)) for level in (200, 10))
    data = saved(photo, "MPO", save_all=True, append_images=[depth])
    assert abs(read_image(data, "a.jpg").astype(int) - 200).max() <= 1


@pytest.mark.parametrize("tag", [0, 9, 255])
def test_an_orientation_that_means_nothing_turns_nothing(tag):
    data = tiff_bytes(SHAPE, tile=(16, 16), tags=[(274, tag)])
    assert np.array_equal(read_mask(data, "a"), SHAPE)


# Ranges


@pytest.mark.parametrize("palette", [False, True])
def test_a_range_within_8_bits_stretches_greys_however_they_are_stored(palette):
    greys = np.array([[0, 50, 100, 150, 200]], np.uint8)
    order = np.array([[4, 2, 0, 3, 1]], np.uint8)  # greys[order] are the levels of the palette
    data = (
        png_bytes(np.argsort(order).astype(np.uint8), palette=np.repeat(greys[0, order[0]][:, None], 3, 1))
        if palette
        else png_bytes(greys)
    )
    assert read_image(data, "a")[0, :, 0].tolist() == [0, 50, 100, 150, 200]
    found = read_image(data, "a", value_range=(50, 150))[0, :, 0]
    assert found.tolist() == [0, 0, 128, 255, 255]  # 127.5 is rounded up
    with pytest.raises(ValueError, match="a has 8 bits or fewer, which cannot fill value_range=.0, 4095."):
        read_image(data, "a", value_range=(0, 4095))


@pytest.mark.parametrize("dtype", ["i4", "f8"])
def test_a_narrow_range_far_from_0(dtype):
    values = (10**9 + np.arange(6)).reshape(1, 6).astype(dtype)  # float32 tells only every 64th apart
    found = read_image(tiff_bytes(values), "a", value_range=(10**9, 10**9 + 5))[0, :, 0]
    assert found.tolist() == [0, 51, 102, 153, 204, 255]


def test_a_range_rounds_to_the_nearest_level():
    values = np.arange(6, dtype=np.uint16)[None]
    found = read_image(tiff_bytes(values), "a", value_range=(0, 1020))[0, :, 0]
    assert found.tolist() == [0, 0, 1, 1, 1, 1]  # 0, 0.25, 0.5, 0.75, 1, 1.25


# Palettes


def test_void_beyond_the_end_of_a_palette_is_white():
    ids = SHAPE.copy()
    ids[0] = 255
    greys, colours = [(1, 1, 1), (0, 0, 0)], [(0, 0, 0), (9, 200, 3)]
    assert np.array_equal(
        read_mask(png_bytes(ids, palette=greys), "a", ids={0, 1, 255}), np.where(ids == 255, 255, 1 - ids)
    )
    assert (read_mask(png_bytes(ids, palette=colours), "a", colours=True)[0] == 255).all()
    assert (read_image(png_bytes(ids, palette=colours), "a")[0] == 255).all()


def test_greys_of_a_coloured_palette_are_meant_where_its_numbers_are_no_ids():
    windows = [(0, 0, 0), *[(n, 0, 255 - n) for n in range(14)], (255, 255, 255)]  # 15 is white
    data = png_bytes(15 * SHAPE, palette=windows)
    assert np.array_equal(read_mask(data, "a", ids={0, 1, 255}), 255 * SHAPE)
    assert np.array_equal(read_mask(data, "a", ids=range(21)), 15 * SHAPE)


# Masks of colours, and alpha


@pytest.mark.parametrize("bands", [1, 3])
def test_colours_of_16_bits_are_taken_where_8_bits_hold_them(bands):
    levels = np.repeat(np.array([[0, 1, 128, 255]], np.uint16)[..., None], bands, axis=2)
    found = read_mask(png_bytes(levels * 257, 16), "a", colours=True)
    assert found.dtype == np.uint8 and np.array_equal(found, np.broadcast_to(levels, (1, 4, 3)))
    with pytest.raises(ValueError, match="a has more than 8 bits a band; a mask of colours must have 8"):
        read_mask(png_bytes((levels * 257) ^ 1, 16), "a", colours=True)
    with pytest.raises(ValueError, match="a has more than 8 bits a band"):
        read_mask(tiff_bytes(levels, bits=10, photometric=2 if bands > 1 else 1), "a", colours=True)


def test_one_pixel_whose_alpha_says_something_else():
    values = np.dstack([255 * SHAPE, 255 * SHAPE])
    values[0, 0, 1] = 9
    with pytest.raises(ValueError, match="^a.png holds one shape in its colour and another in its alpha"):
        read_mask(png_bytes(values), "a.png")
