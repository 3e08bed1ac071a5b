"""Folder reads what people really have, and says what is wrong with the rest, naming the file."""

import io
import itertools

import numpy as np
import pytest
import torch
from PIL import Image

from nbhelpers.datasets.files import read_image, read_mask
from nbhelpers.datasets.folder import Folder
from nbhelpers.datasets.overlap import check_no_overlap
from nbhelpers.datasets.transforms import train_transform
from nbhelpers.inference import predict
from nbhelpers.training import fit
from tests.image_bytes import tiff_bytes

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


def test_binary_masks_whose_white_has_16_bits(folders):
    """As those of TGS Salt Identification."""
    images, masks = folders
    white = (IDS > 1).astype(np.uint16) * 65535
    save(white, masks / "a.png")
    (masks / "b.png").write_bytes(encoded(Image.fromarray(white), "TIFF"))
    data = Folder(images, masks, ("Background", "Object"), binary=True)
    for index in range(2):
        assert np.array_equal(data.read(index)[1], IDS > 1)
    save(white // 2, masks / "a.png")
    with pytest.raises(ValueError, match=r"a\.png holds 0 and 32767, but with binary=True"):
        data.read(0)


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
        ({"palette": [(0, 0, 0), (1, 1, 1)]}, r"palette has shape \(2, 3\) .*; it must be \(3, 3\)"),
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


# What the files of people hold; what becomes of one file stands in test_files.py


def test_a_no_data_value_of_any_size_is_void(folders):
    images, masks = folders
    for void, dtype in (
        (-32768, np.int16),
        (256, np.uint16),
        (9999, np.int32),
        (65280, np.uint16),
        (-1, np.int32),
    ):
        for stem in ("a", "b"):
            (masks / f"{stem}.png").unlink(missing_ok=True)
            ids = np.where(IDS == 255, void, IDS.astype(int)).astype(dtype)
            (masks / f"{stem}.tif").write_bytes(tiff_bytes(ids))
        assert np.array_equal(Folder(images, masks, CLASSES, void=void).read(0)[1], IDS)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"void": 1}, "void is 1, the id of the class 'Road'; it must be another id"),
        ({"void": 1.5}, "void is 1.5; it must be an id"),
        ({"palette": [(0, 0, 0), (1, 1, 1), (2, 2, 2)], "void": (1, 1, 1)}, "the colour of the class 'Road'"),
        ({"palette": [(0, 0, 0), (1, 1, 1), (2, 2, 2)], "void": (1, 1, 300)}, "a colour is RGB 0..255"),
        (
            {"palette": [(0, 0, 0), (1.0, 0.5, 0.2), (0, 1, 0)]},
            "palette holds fractions; .* multiply .* by 255",
        ),
        ({"palette": [(0, 0, 0), (1.0, 0, 0), (0, 1, 0)]}, r"palette holds floats of 0\.\.1"),
        ({"several_masks": True}, "several_masks=True joins black and white masks; pass binary=True"),
        ({"value_range": (4095, 0)}, "value_range is .*; it must be .black, white."),
        ({"value_range": (0, float("nan"))}, "value_range is .*; it must be .black, white."),
    ],
)
def test_arguments_that_would_change_labels_or_pictures(folders, options, message):
    with pytest.raises(ValueError, match=message):
        Folder(*folders, CLASSES, **options)


@pytest.mark.parametrize("two_folders", [True, False])
def test_several_masks_of_an_image(tmp_path, two_folders):
    images, masks = (tmp_path / "images", tmp_path / "masks") if two_folders else (tmp_path, tmp_path)
    parts = np.zeros((2, 2, 3), np.uint8)
    parts[0, 0, 0], parts[1, 1, 1:] = 255, 255
    for name in ("benign (1)", "benign (4)"):
        save(RGB, images / f"{name}.png")
        save(parts[0], masks / f"{name}_mask.png")
    save(parts[1], masks / "benign (4)_mask_1.png")
    options = {"binary": True, "mask_suffix": "_mask"}
    with pytest.raises(ValueError, match=r"\(4\)_mask_1\.png looks like a further mask .*several_masks=True"):
        Folder(images, masks, ("b", "o"), **options)
    data = Folder(images, masks, ("b", "o"), several_masks=True, **options)
    assert [int(mask.sum()) for _, mask in data] == [1, 3]


def test_nothing_in_the_masks_folder_is_passed_over_in_silence(folders, capsys):
    images, masks = folders
    (masks / "a.json").touch()
    (masks / "old").mkdir()
    (masks / "Thumbs.db").touch()
    (masks / ".DS_Store").touch()
    Folder(images, masks, CLASSES)
    assert capsys.readouterr().out == f"{masks}: left alone, as no mask by its ending: a.json, old/\n"
    for stem in ("a", "b"):
        (masks / f"{stem}.png").rename(masks / f"{stem}_mask.png")
    save(IDS, masks / "legend.png")
    with pytest.raises(
        ValueError, match="legend.png is in the masks' folder, but its name does not end in '_mask'"
    ):
        Folder(images, masks, CLASSES, mask_suffix="_mask")


def test_names_that_look_equal_are_equal(tmp_path):
    save(RGB, tmp_path / "images" / "Pr\u00fcfung.png")
    save(IDS, tmp_path / "masks" / "Pru\u0308fung_mu\u0308.png")
    data = Folder(tmp_path / "images", tmp_path / "masks", CLASSES, mask_suffix="_m\u00fc")
    assert np.array_equal(data.read(0)[1], IDS)
    save(RGB, tmp_path / "images" / "Pru\u0308fung.png")
    with pytest.raises(ValueError, match="have one stem"):
        Folder(tmp_path / "images", tmp_path / "masks", CLASSES, mask_suffix="_m\u00fc")


def test_orientation_in_the_image_alone_in_both_and_where_it_cannot_fit(folders):
    images, masks = folders
    exif = Image.Exif()
    exif[0x0112] = 6
    stored = np.rot90(IDS)
    save(np.ascontiguousarray(np.rot90(RGB)), images / "a.png", exif=exif)
    assert np.array_equal(Folder(images, masks, CLASSES).read(0)[1], IDS)  # a mask without a tag is upright
    save(np.ascontiguousarray(stored), masks / "a.png", exif=exif)
    image, mask = Folder(images, masks, CLASSES).read(0)
    assert np.array_equal(image, RGB) and np.array_equal(mask, IDS)
    save(np.ascontiguousarray(stored), masks / "a.png")
    with pytest.raises(ValueError, match="turned by 90 degrees, perhaps by an EXIF tag that the other lacks"):
        Folder(images, masks, CLASSES).read(0)


def test_stacks_are_pairs_of_frames(tmp_path):
    for folder in ("images", "masks"):
        (tmp_path / folder).mkdir()
        save(IDS * 0, tmp_path / folder / "10.png")
    volume, labels = tmp_path / "images" / "2.tif", tmp_path / "masks" / "2.tif"
    volume.write_bytes(tiff_bytes(*(np.full((2, 3), 9 * n, np.uint8) for n in range(12))))
    labels.write_bytes(tiff_bytes(*((IDS == n % 3).astype(np.uint8) for n in range(12)), deflate=True))
    data = Folder(tmp_path / "images", tmp_path / "masks", CLASSES)
    assert len(data) == 13 and data.name(11).endswith("2.tif, frame 11") and data.name(12).endswith("10.png")
    for index, (image, mask) in enumerate(itertools.islice(data, 12)):
        assert (image == 9 * index).all() and np.array_equal(mask.numpy(), IDS == index % 3)
    labels.write_bytes(tiff_bytes(IDS))
    with pytest.raises(
        ValueError, match=r"2\.tif has 12 frames, but its mask .*2\.tif has 1; they must be equal"
    ):
        Folder(tmp_path / "images", tmp_path / "masks", CLASSES)


def deep_images(folder, top, dtype=np.uint16):
    for number, stem in enumerate("ab"):
        (folder / f"{stem}.png").unlink(missing_ok=True)
        values = np.linspace(0, top - number, 6).reshape(2, 3).astype(dtype)
        (folder / f"{stem}.tif").write_bytes(tiff_bytes(values))


@pytest.mark.parametrize(
    ("top", "found"), [(200, 255), (1000, 1023), (4095, 4095), (9000, 16383), (30000, None)]
)
@pytest.mark.parametrize("dtype", [np.uint16, np.int16, np.int32])
def test_images_of_more_than_8_bits_keep_the_levels_of_the_bits_they_use(folders, capsys, top, found, dtype):
    images, masks = folders
    deep_images(images, top, dtype)
    data = Folder(images, masks, CLASSES)
    printed = capsys.readouterr().out
    assert (f"{found} becomes white; pass value_range=(0, {found})" in printed) if found else printed == ""
    for index in range(2):
        expected = np.linspace(0, top - index, 6) / (found or 65535) * 255
        assert abs(data.read(index)[0][..., 0].ravel() - expected).max() <= 1
    Folder(images, masks, CLASSES, value_range=(0, 4095))
    assert capsys.readouterr().out == ""  # nothing is searched


def test_depths_that_differ_or_have_no_range(folders):
    images, masks = folders
    (images / "b.png").unlink()
    (images / "b.tif").write_bytes(tiff_bytes(np.full((2, 3), 700, np.uint16)))
    with pytest.raises(ValueError, match=r"b\.tif has 16 bits, but .*a\.png has 8 or fewer: keep images"):
        Folder(images, masks, CLASSES).read(1)
    (images / "a.png").rename(images / "c.png")
    (masks / "a.png").rename(masks / "c.png")
    with pytest.raises(ValueError, match=r"b\.tif has 16 bits, but .*c\.png has 8 or fewer"):
        Folder(images, masks, CLASSES)
    (images / "b.tif").write_bytes(tiff_bytes(np.full((2, 3), -700, np.int16)))
    with pytest.raises(ValueError, match=r"b\.tif holds values -700\.\.-700.*value_range="):
        Folder(images, masks, CLASSES)


@pytest.mark.parametrize("bands", [1, 2, 4])
def test_any_number_of_bands_from_file_to_mask(tmp_path, bands):
    """Folder, the recipe of training, fit, predict."""
    rng = np.random.default_rng(0)
    for folder in ("images", "masks"):
        (tmp_path / folder).mkdir()
    for number in range(4):
        ids = np.zeros((32, 32), np.uint8)
        ids[4 : 20 + number, 6:20] = 1
        values = rng.integers(0, 30, (32, 32, bands)).astype(np.uint8)
        values[..., -1] += 180 * ids  # the last band alone shows it
        (tmp_path / "images" / f"{number}.tif").write_bytes(tiff_bytes(values, tile=(16, 16)))
        save(ids, tmp_path / "masks" / f"{number}.png")
    data = Folder(
        tmp_path / "images",
        tmp_path / "masks",
        ("b", "o"),
        binary=True,
        in_channels=bands,
        transform=train_transform(),
    )
    assert data[0][0].shape == (bands, 32, 32)
    torch.manual_seed(0)
    model = torch.nn.Conv2d(bands, 2, 1)
    fit(model, data, data, epochs=12, batch_size=4, lr=0.5, quiet=True)
    image, mask = Folder(
        tmp_path / "images", tmp_path / "masks", ("b", "o"), binary=True, in_channels=bands
    ).read(0)
    assert (predict(model, image, ids=True).numpy() == mask).mean() > 0.95
