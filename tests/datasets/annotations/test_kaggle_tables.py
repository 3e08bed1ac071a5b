"""Kaggle's tables of run-length codes: every convention and header, several rows an image, and every fault by name."""

import numpy as np
import pytest

from nbhelpers.datasets.annotations import CONVENTIONS, Annotated
from nbhelpers.datasets.annotations.__main__ import main
from tests.datasets.annotations.writers import NAME, SIZE, kaggle, png, save_image

MASK = np.random.default_rng(0).random(SIZE) < 0.3


@pytest.mark.parametrize("convention", CONVENTIONS)
def test_every_convention(convention, tmp_path, images):
    path = kaggle(tmp_path / "table", MASK, convention=convention)
    data = Annotated(path, images, convention=convention)
    assert data.format == "kaggle" and data.classes == ("background", "cat") and data.counts == {"cat": 1}
    assert np.array_equal(data.read(0)[1], MASK)


@pytest.mark.parametrize(
    ("header", "label"),
    [
        (("ImageId", "EncodedPixels"), "object"),  # Data Science Bowl, Airbus
        (("ImageId", " EncodedPixels"), "object"),  # SIIM-ACR
        (("img", "rle_mask"), "object"),  # Carvana
        (("id", "rle_mask"), "object"),  # TGS Salt
        (("ImageId", "ClassId", "EncodedPixels"), "cat"),  # Severstal
        (("ImageId_ClassId", "EncodedPixels"), "cat"),  # Severstal, at first
        (("Image_Label", "EncodedPixels"), "cat"),  # Clouds
        (("id", "encoding"), "object"),  # HuBMAP kidney
        (("id", "annotation", "width", "height", "cell_type"), "cat"),  # Sartorius
        (("id", "class", "segmentation"), "cat"),  # UW-Madison
        (("record_id", "encoded_pixels"), "object"),  # Contrails
        (("Id", "Predicted"), "object"),  # Vesuvius
    ],
)
def test_every_header(header, label, tmp_path, images):
    path = kaggle(tmp_path / "table", MASK, header)
    data = Annotated(path.parent, images, convention="dsb-2018")  # found in its folder too
    assert data.classes == ("background", label) and np.array_equal(data.read(0)[1], MASK)


def table(tmp_path, text):
    path = tmp_path / "train.csv"
    path.write_text(text)
    return path


def test_rows_of_one_image_and_blank_codes(tmp_path, images):
    save_image(images, "b.png")
    rows = [f"{NAME}_10,1 1", f"{NAME}_2,3 2", f"{NAME}_10,30 1", "b.png_2,", "b.png_9,-1"]
    path = table(tmp_path, "\n".join(["Image_Label,EncodedPixels", *rows]))
    data = Annotated(path, images, convention="severstal")
    assert data.classes == ("background", "2", "9", "10") and data.counts == {"2": 1, "9": 0, "10": 2}
    mask = data.read(0)[1]
    assert mask[:6, 0].tolist() == [3, 0, 1, 1, 0, 0] and mask[29, 0] == 3 and np.count_nonzero(mask) == 4
    assert len(data) == 2 and not data.read(1)[1].any()
    assert len(Annotated(path, images, convention="severstal", unlabelled="skip")) == 1


@pytest.mark.parametrize("unlabelled", [None, "empty", "skip", "error"])
@pytest.mark.parametrize("place", ["images", ""])
def test_images_without_a_row(tmp_path, images, place, unlabelled):
    """Severstal's table has no row for steel without a defect; that of a fold has none for the others' either."""
    for name in ("b.png", "c.png"):
        save_image(images, name)
    save_image(tmp_path / "test", "d.png")
    path = table(tmp_path, f"ImageId,ClassId,EncodedPixels\n{NAME},1,1 2\n{NAME},3,7 3")
    options = {"convention": "severstal", "unlabelled": unlabelled}
    if unlabelled == "error":
        with pytest.raises(ValueError, match="2 images have no object, b.png first; pass unlabelled='empty'"):
            Annotated(path, tmp_path / place, **options)
        return
    data = Annotated(path, tmp_path / place, **options)
    assert len(data) == (3 if unlabelled == "empty" else 1)
    assert [data.read(index)[1].any() for index in range(len(data))] == [True, False, False][: len(data)]
    told = "2 images have no row, b.png first: left out; pass unlabelled='empty' if there is nothing on them"
    elsewhere = "1 images lie in folders where none has annotations"
    expected = [elsewhere] * (place == "" and unlabelled != "skip") + [told] * (unlabelled is None)
    assert len(data.odd) == len(expected)
    assert all(found.startswith(begin) for found, begin in zip(data.odd, expected))


def test_images_of_12_bits_are_read_by_the_range_that_they_use(tmp_path, images, capsys):
    """As the slices of UW-Madison: by the range of their type, 65535, they would be all but black."""
    grey = np.arange(SIZE[0] * SIZE[1], dtype=np.uint16).reshape(SIZE) * 3  # up to 3597
    (images / NAME).write_bytes(png(np.minimum(grey, 1023)))
    (images / "b.png").write_bytes(png(grey))
    path = table(tmp_path, f"ImageId,EncodedPixels\n{NAME},1 2\nb.png,1 2")
    data = Annotated(path, images, convention="uw-madison")
    found = capsys.readouterr().out
    assert (
        "use 12 of their 16 bits, so 4095 becomes white; pass value_range=(0, 4095) to every split" in found
    )
    assert np.abs(data.read(1)[0][..., 0] - grey * (255 / 4095)).max() <= 0.5 and data.read(0)[0].max() == 64
    given = Annotated(path, images, convention="uw-madison", value_range=(0, 1023))
    assert given.read(0)[0].max() == 255 and not capsys.readouterr().out
    save_image(images, "b.png")
    with pytest.raises(ValueError, match=r"b\.png has 8 or fewer: keep images of 8 bits and of more apart"):
        Annotated(path, images, convention="uw-madison")


def test_classes_that_pandas_wrote_as_floats(tmp_path, images):
    """A column of numbers becomes one of floats where a row has none, as that of an image without an object."""
    save_image(images, "b.png")
    rows = [f"{NAME},10.0,1 1", f"{NAME},2.0,3 2", "b.png,,", f"{NAME},1.0,6 1"]
    path = table(tmp_path, "\n".join(["ImageId,ClassId,EncodedPixels", *rows]))
    data = Annotated(path, images, convention="severstal")
    assert data.classes == ("background", "1", "2", "10") and data.counts == {"1": 1, "2": 1, "10": 1}
    assert data.read(0)[1][:7, 0].tolist() == [3, 0, 2, 2, 0, 1, 0] and not data.read(1)[1].any()


HEADER = "ImageId,EncodedPixels\n"
SIZED = "ImageId,EncodedPixels,Height,Width\n"


@pytest.mark.parametrize(
    ("text", "convention", "words"),
    [
        (
            HEADER,
            None,
            "train.csv holds run-length codes, and nothing in them tells .* pass convention=, one of dsb",
        ),
        (HEADER, "dsb", "convention is 'dsb'; it must be one of dsb-2018"),
        ("", "dsb-2018", "train.csv is empty; export or download it again"),
        ("a,b\n1,2\n", "dsb-2018", "train.csv has the columns a, b; it must have one with the image's id"),
        (HEADER, "dsb-2018", "train.csv holds no annotated image"),
        (HEADER + "a.png\n", "dsb-2018", "line 2 of .*train.csv has 1 values, but the header 2; .* cut off"),
        (HEADER + '"a.png,1 1', "dsb-2018", "line 2 of .*train.csv: unexpected end of data"),
        (
            HEADER + "a.png,1 x\n",
            "dsb-2018",
            "line 2 of .*train.csv: 'x' in a run-length code is no whole number",
        ),
        (HEADER + "a.png,1 1 2\n", "dsb-2018", "line 2 of .*train.csv: .* has 3 numbers, an odd count"),
        (HEADER + ",1 1\n", "dsb-2018", "line 2 of .*train.csv lacks the image or the class"),
        (
            "ImageId,ClassId,EncodedPixels\na.png,,1 1\n",
            "severstal",
            "line 2 of .* lacks the image or the class: 'a.png', ''",
        ),
        (
            "Image_Label,EncodedPixels\na.png,1 1\n",
            "clouds",
            "line 2 of .* lacks the image or the class: 'a.png'",
        ),
        (
            HEADER + f"{NAME},1200 2\n",
            "dsb-2018",
            r"line 2 of .* \('object'\): run 1, '1200 2', ends at pixel 1201",
        ),
        (
            HEADER + f"{NAME},0 2\n",
            "dsb-2018",
            r"line 2 of .* \('object'\): .* begins before the first pixel, 1",
        ),
        (
            SIZED + f"{NAME},1 1,40,30\n",
            "dsb-2018",
            "is 30 x 40 pixels, but .*train.csv was drawn on 40 x 30",
        ),
        (SIZED + f"{NAME},1 1,x,30\n", "dsb-2018", "the height in line 2 of .* is 'x'; it must be a number"),
        (
            SIZED + "a,1 1,3,3\na,9 1,3,4\n",
            "dsb-2018",
            r"line 3 of .* says that a is of size \(3, 4\); an earlier",
        ),
        (HEADER + f"{NAME},1 1\n", "hpa-single-cell", "line 2 of .*: the code is nothing that zlib packed"),
    ],
)
def test_faults(text, convention, words, tmp_path, images):
    with pytest.raises(ValueError, match=words):
        Annotated(table(tmp_path, text), images, convention=convention).read(0)


def test_a_file_that_is_no_text(tmp_path, images):
    path = tmp_path / "train.csv"
    path.write_bytes(b"ImageId,EncodedPixels\n\xff\xfe")
    with pytest.raises(ValueError, match="train.csv is no CSV: byte 22 is no UTF-8 text"):
        Annotated(path, images, convention="dsb-2018")


def test_two_tables_and_a_convention_for_another_format(tmp_path, images):
    table(tmp_path, HEADER)
    (tmp_path / "sample_submission.csv").write_text(HEADER)
    with pytest.raises(
        ValueError, match="holds 2 exports, sample_submission.csv and train.csv first; give one"
    ):
        Annotated(tmp_path, images, convention="dsb-2018")
    path = tmp_path / "coco.json"
    path.write_text('{"images": [], "annotations": [], "categories": []}')
    with pytest.raises(
        ValueError, match="convention is 'dsb-2018', but .*coco.json is coco, which has one of its"
    ):
        Annotated(path, images, convention="dsb-2018")


def test_a_code_that_is_longer_than_the_csv_module_allows(tmp_path):
    save_image(tmp_path / "images", size=(400, 500))
    mask = np.indices((400, 500)).sum(0) % 2 > 0
    path = kaggle(tmp_path / "table", mask)
    assert path.stat().st_size > 131_072
    assert np.array_equal(Annotated(path, tmp_path / "images", convention="dsb-2018").read(0)[1], mask)


def test_damaged_tables_end_in_our_errors(tmp_path, images):
    """Bytes cut, changed and doubled: a mask, or an error that names the file."""
    path = kaggle(
        tmp_path / "table", MASK[:3, :3], ("ImageId", "ClassId", "EncodedPixels", "height", "width")
    )
    whole, rng = path.read_bytes(), np.random.default_rng(0)
    for _ in range(200):
        data, place = bytearray(whole), int(rng.integers(len(whole)))
        match rng.integers(3):
            case 0:
                data = data[:place]
            case 1:
                data[place] = int(rng.integers(256))
            case 2:
                data[place:place] = data[place : place + 30]
        path.write_bytes(bytes(data))
        try:
            Annotated(path, images, convention="dsb-2018").read(0)
        except (ValueError, FileNotFoundError) as error:
            assert type(error) in (ValueError, FileNotFoundError) and str(tmp_path) in str(error), repr(error)


def test_the_command_takes_a_convention(tmp_path, images, capsys):
    path = kaggle(tmp_path / "table", MASK, convention="siim-acr")
    main([str(path), str(images), str(tmp_path / "out"), "--convention", "siim-acr"])
    assert f"1 cat: {MASK.mean():.2%}" in capsys.readouterr().out
