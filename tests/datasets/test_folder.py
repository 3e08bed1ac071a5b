"""Folder reads what people really have, and says what is wrong with the rest, naming the file."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

from nbhelpers.datasets.files import read_image, read_mask
from nbhelpers.datasets.folder import Folder, check_no_overlap

CLASSES = ("Sky", "Road", "Car")
IDS = np.array([[0, 1, 2], [2, 255, 0]], dtype=np.uint8)  # 2 x 3, with every class and void
RGB = np.arange(18, dtype=np.uint8).reshape(2, 3, 3) * 14


def save(array, path, **options):
    path.parent.mkdir(exist_ok=True)
    Image.fromarray(array).save(path, **options)
    return path


def encoded(picture, format="PNG", **options):
    file = io.BytesIO()
    picture.save(file, format, **options)
    return file.getvalue()


@pytest.fixture
def folders(tmp_path):
    """Two good pairs; each test spoils what it is about."""
    for stem in ("a", "b"):
        save(RGB, tmp_path / "images" / f"{stem}.png")
        save(IDS, tmp_path / "masks" / f"{stem}.png")
    return tmp_path / "images", tmp_path / "masks"


def test_a_sample_follows_the_contract(folders):
    data = Folder(*folders, CLASSES)
    image, mask = data[0]
    assert (image.shape, image.dtype, mask.shape, mask.dtype) == ((3, 2, 3), torch.uint8, (2, 3), torch.uint8)
    assert np.array_equal(image.permute(1, 2, 0).numpy(), RGB)
    assert np.array_equal(mask.numpy(), IDS)
    assert len(data) == 2 and data.palette.shape == (3, 3) and data.classes == CLASSES


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".tif", ".webp", ".gif", ".PNG"])
def test_lossless_formats_keep_grey_images_exactly(folders, suffix):
    images, masks = folders
    (images / "a.png").unlink()
    grey = np.array([[0, 50, 100], [150, 200, 255]], dtype=np.uint8)
    save(grey, images / f"a{suffix}", **({"lossless": True} if suffix == ".webp" else {}))
    image, _ = Folder(images, masks, CLASSES).read(0)
    assert np.array_equal(image, np.repeat(grey[..., None], 3, axis=2))


def test_jpg_images_come_close(folders):
    images, masks = folders
    (images / "a.png").unlink()
    save(np.full((2, 3, 3), 130, dtype=np.uint8), images / "a.jpg")
    assert abs(Folder(images, masks, CLASSES).read(0)[0].astype(int) - 130).max() <= 2


def test_16_bits_are_scaled_by_the_range_of_the_type():
    grey = np.array([[0, 257, 65535], [128, 129, 1000]], dtype=np.uint16)
    for format in ("PNG", "TIFF"):
        image = read_image(encoded(Image.fromarray(grey), format), "grey")
        assert image[..., 0].tolist() == [[0, 1, 255], [0, 1, 4]]
        assert image.shape == (2, 3, 3)


def test_16_bit_colour_is_read_to_within_one_level():
    cv2 = pytest.importorskip("cv2")  # Pillow cannot write such a file
    colours = np.random.default_rng(0).integers(0, 65536, (5, 7, 3)).astype(np.uint16)
    for suffix in (".png", ".tif"):
        image = read_image(cv2.imencode(suffix, colours[..., ::-1])[1].tobytes(), "colour")
        assert abs(image - np.round(colours / 257)).max() <= 1


def test_alpha_is_dropped_and_palette_images_get_their_colours():
    rgba = np.dstack([RGB, np.full((2, 3), 7, dtype=np.uint8)])
    assert np.array_equal(read_image(encoded(Image.fromarray(rgba)), "rgba"), RGB)
    palette_image = Image.fromarray(RGB).quantize(6)
    assert np.array_equal(read_image(encoded(palette_image), "p"), np.array(palette_image.convert("RGB")))


def test_a_photo_is_turned_as_its_exif_tag_says():
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held upright: turn by 90 degrees to look at it
    data = encoded(Image.fromarray(np.zeros((4, 8, 3), dtype=np.uint8)), "JPEG", exif=exif)
    assert read_image(data, "photo").shape == (8, 4, 3)


def test_masks_may_be_palette_png_16_bit_one_bit_or_grey_rgb():
    picture = Image.fromarray(IDS)
    picture.putpalette([number * 37 % 256 for number in range(768)])
    assert picture.mode == "P"
    assert np.array_equal(read_mask(encoded(picture), "p"), IDS)
    assert np.array_equal(read_mask(encoded(Image.fromarray(IDS.astype(np.uint16))), "16"), IDS)
    assert np.array_equal(read_mask(encoded(Image.fromarray(np.repeat(IDS[..., None], 3, 2))), "rgb"), IDS)
    one_bit = Image.fromarray((IDS > 0).astype(np.uint8) * 255).convert("1")
    assert np.array_equal(read_mask(encoded(one_bit), "1"), IDS > 0)


def test_binary_masks_of_0_and_255_or_0_and_1(folders):
    images, masks = folders
    save((IDS > 1).astype(np.uint8) * 255, masks / "a.png")
    save((IDS > 1).astype(np.uint8), masks / "b.png")
    data = Folder(images, masks, ("Background", "Object"), binary=True)
    for index in range(2):
        assert np.array_equal(data.read(index)[1], IDS > 1)


def test_colour_masks_become_ids(folders):
    images, masks = folders
    palette = [(128, 0, 0), (0, 128, 0), (0, 0, 128)]
    colours = np.array([*palette, (224, 224, 192)], dtype=np.uint8)
    for stem in ("a", "b"):
        save(colours[np.minimum(IDS, 3)], masks / f"{stem}.png")
    data = Folder(images, masks, CLASSES, palette=palette, void=(224, 224, 192))
    assert np.array_equal(data.read(0)[1], IDS)
    assert np.array_equal(data.palette, palette)
    without_void = Folder(images, masks, CLASSES, palette=palette)
    with pytest.raises(ValueError, match=r"a\.png holds colours .* \(224, 224, 192\) \(1 pixels\)"):
        without_void.read(0)


def test_another_id_can_be_void(folders):
    images, masks = folders
    save(np.where(IDS == 255, 11, IDS).astype(np.uint8), masks / "a.png")
    assert np.array_equal(Folder(images, masks, CLASSES, void=11).read(0)[1], IDS)


def test_pairs_are_in_natural_order_and_may_have_a_suffix_and_share_a_folder(tmp_path):
    for stem in ("slice10", "slice2", "slice1"):
        save(RGB, tmp_path / f"{stem}.jpg")
        save(IDS, tmp_path / f"{stem}_mask.png")
    data = Folder(tmp_path, tmp_path, CLASSES, mask_suffix="_mask")
    assert [image.name for image, _ in data.pairs] == ["slice1.jpg", "slice2.jpg", "slice10.jpg"]
    assert [mask.name for _, mask in data.pairs] == ["slice1_mask.png", "slice2_mask.png", "slice10_mask.png"]
    assert data.name(2).endswith("slice10.jpg")
    with pytest.raises(ValueError, match="pass mask_suffix="):
        Folder(tmp_path, tmp_path, CLASSES)


def test_names_may_have_any_letters_and_other_files_are_left_alone(tmp_path):
    images, masks = tmp_path / "bilder ü", tmp_path / "маски"
    save(RGB, images / "straße 猫.png")
    save(IDS, masks / "straße 猫.png")
    (images / "notes.txt").write_text("hello")
    (images / "._straße 猫.png").write_bytes(b"what macOS leaves behind")
    assert np.array_equal(Folder(images, masks, CLASSES).read(0)[1], IDS)


def test_an_index_out_of_range_ends_iteration(folders):
    data = Folder(*folders, CLASSES)
    assert len(list(data)) == 2
    with pytest.raises(IndexError):
        data[2]


# What is wrong with the folders: found when the dataset is made.


def without_mask(images, masks):
    (masks / "b.png").unlink()


def without_image(images, masks):
    (images / "b.png").unlink()


def two_of_one_stem(images, masks):
    save(RGB, images / "b.jpg")


def empty_file(images, masks):
    (masks / "b.png").write_bytes(b"")


def no_files(images, masks):
    for path in images.iterdir():
        path.rename(path.with_suffix(".npy"))


def no_folder(images, masks):
    images.rename(images.with_name("elsewhere"))


@pytest.mark.parametrize(
    ("spoil", "error", "message"),
    [
        (without_mask, FileNotFoundError, r"images.b\.png has no mask .*masks.b\.png"),
        (without_image, FileNotFoundError, r"masks.b\.png has no image .*images.b\.png"),
        (two_of_one_stem, ValueError, r"b\.jpg and .*b\.png have one stem"),
        (empty_file, ValueError, r"masks.b\.png is empty \(0 bytes\)"),
        (no_files, FileNotFoundError, r"no images in .*images; expected files that end in \.png"),
        (no_folder, FileNotFoundError, r"images must be a folder, but there is none at .*images"),
    ],
)
def test_faults_of_the_folders(folders, spoil, error, message):
    spoil(*folders)
    with pytest.raises(error, match=message):
        Folder(*folders, CLASSES)


# What is wrong within a file: found when it is read.


def cut_off_image(images, masks):
    save(np.random.default_rng(0).integers(0, 256, (64, 64, 3)).astype(np.uint8), images / "a.jpg")
    (images / "a.png").unlink()
    data = (images / "a.jpg").read_bytes()
    (images / "a.jpg").write_bytes(data[: len(data) // 2])


def text_as_image(images, masks):
    (images / "a.png").write_text("404: not found")


def other_size(images, masks):
    save(np.zeros((4, 4), dtype=np.uint8), masks / "a.png")


def turned(images, masks):
    save(np.zeros((3, 2), dtype=np.uint8), masks / "a.png")


def id_too_high(images, masks):
    save(np.where(IDS == 255, 7, IDS).astype(np.uint8), masks / "a.png")


def of_0_and_255(images, masks):
    save((IDS > 0).astype(np.uint8) * 255, masks / "a.png")


def of_255_only(images, masks):
    save(np.full((2, 3), 255, dtype=np.uint8), masks / "a.png")


def colours(images, masks):
    save(RGB, masks / "a.png")


def floating_point_mask(images, masks):
    (masks / "a.png").unlink()
    save(IDS.astype(np.float32), masks / "a.tif")


def floating_point_image(images, masks):
    (images / "a.png").unlink()
    save(IDS.astype(np.float32), images / "a.tif")


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (cut_off_image, r"images.a\.jpg cannot be read as an image \(image file is truncated"),
        (text_as_image, r"images.a\.png cannot be read as an image"),
        (
            other_size,
            r"images.a\.png is 2 x 3 pixels, but its mask .*masks.a\.png is 4 x 4; they must be equal",
        ),
        (turned, r"masks.a\.png is 3 x 2; .* turned by 90 degrees"),
        (
            id_too_high,
            r"masks.a\.png holds the ids 7 \(1 pixels\), but there are classes 0\.\.2 and 255 = ignore",
        ),
        (of_0_and_255, r"masks.a\.png holds 0 and 255 only, .* pass binary=True or divide the mask by 255"),
        (of_255_only, r"masks.a\.png holds 255 only, .* if it is void, pass void=255"),
        (colours, r"masks.a\.png is a colour picture, but class ids are due; pass palette="),
        (
            floating_point_mask,
            r"masks.a\.tif holds floating point numbers; a mask must hold integer class ids",
        ),
        (
            floating_point_image,
            r"images.a\.tif holds floating point numbers; an image must have 8 or 16 bits",
        ),
    ],
)
def test_faults_within_a_file(folders, spoil, message):
    spoil(*folders)
    data = Folder(*folders, CLASSES)
    with pytest.raises(ValueError, match=message):
        data[0]
    data[1]  # the other pair is as good as before


def test_void_255_says_that_0_and_255_are_meant(folders):
    images, masks = folders
    of_0_and_255(images, masks)
    assert set(np.unique(Folder(images, masks, CLASSES, void=255).read(0)[1])) == {0, 255}


def test_binary_refuses_blurred_masks(folders):
    images, masks = folders
    save(np.array([[0, 3, 255], [252, 255, 0]], dtype=np.uint8), masks / "a.png")
    with pytest.raises(
        ValueError, match=r"a\.png holds 4 values from 0 to 255, .*threshold it and save it as PNG"
    ):
        Folder(images, masks, ("Background", "Object"), binary=True).read(0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"classes": ()}, "there are 0 classes"),
        ({"binary": True}, "binary=True is for masks of 0 and 255"),
        ({"palette": [(0, 0, 0), (1, 1, 1)]}, r"palette has shape \(2, 3\); it must be \(3, 3\)"),
        ({"palette": [(0, 0, 0), (1, 1, 1), (0, 0, 0)]}, "palette holds one colour twice"),
        ({"void": (1, 2, 3)}, "it must be an id, or with palette= an RGB colour"),
    ],
)
def test_contradicting_arguments(folders, options, message):
    with pytest.raises(ValueError, match=message):
        Folder(*folders, **({"classes": CLASSES} | options))


def test_splits_that_share_a_picture_are_found_by_content(tmp_path):
    rng = np.random.default_rng(0)
    pictures = rng.integers(0, 256, (4, 5, 6, 3)).astype(np.uint8)
    for split, members in (("train", [0, 1, 2]), ("val", [3]), ("leaky", [3, 1])):
        for position, number in enumerate(members):
            save(pictures[number], tmp_path / split / f"{split}{position}.png")
            save(
                rng.integers(0, 3, (5, 6)).astype(np.uint8),
                tmp_path / f"{split}_masks" / f"{split}{position}.png",
            )
    train, val, leaky = (
        Folder(tmp_path / split, tmp_path / f"{split}_masks", CLASSES) for split in ("train", "val", "leaky")
    )
    check_no_overlap(train, val)
    with pytest.raises(ValueError, match=r"1 of the 2 images .*train1\.png is .*leaky1\.png"):
        check_no_overlap(train, leaky)
