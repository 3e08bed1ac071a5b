"""The command line: every option reaches the masks, and the sheet and the report show what was painted."""

import json

import numpy as np
import pytest
from PIL import Image

from nbhelpers.datasets.annotations import Annotated
from nbhelpers.datasets.annotations.__main__ import main
from tests.datasets.annotations import writers
from tests.datasets.annotations.writers import CAT, DOG, IN_CAT, IN_DOG, NAME, dump, save_image

BOTH = np.select([IN_CAT, IN_DOG], [1, 2], 0)


def written(path, images, *options) -> np.ndarray:
    main([str(path), str(images), str(path.parent / "out"), *options])
    return np.array(Image.open(path.parent / "out" / "masks" / NAME))


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ([], BOTH),
        (["--skip", "cat"], np.where(IN_DOG, 1, 0)),
        (["--void", "cat"], np.select([IN_CAT, IN_DOG], [255, 1], 0)),
        (["--overlap", "void"], np.where(IN_CAT & IN_DOG, 255, BOTH)),
        (["--classes", "background", "dog", "cat"], np.select([IN_CAT, IN_DOG], [2, 1], 0)),
        (["--format", "coco"], BOTH),
    ],
)
def test_options(options, expected, tmp_path, images):
    assert np.array_equal(written(writers.coco(tmp_path), images, *options), expected)


@pytest.mark.parametrize("crowd", ["void", "object", "skip"])
def test_crowds(crowd, tmp_path, images):
    path = writers.coco(tmp_path, [("cat", CAT)])
    path.write_text(path.read_text().replace('"iscrowd": 0', '"iscrowd": 1'))
    expected = {"void": 255, "object": 1, "skip": 0}[crowd]
    assert np.array_equal(written(path, images, "--crowd", crowd), np.where(IN_CAT, expected, 0))


def test_order(tmp_path, images):
    assert IN_CAT.sum() < IN_DOG.sum()
    path = writers.coco(tmp_path, [("cat", CAT), ("dog", DOG)])
    assert np.array_equal(written(path, images, "--order", "area"), BOTH)
    assert np.array_equal(written(path, images), np.select([IN_DOG, IN_CAT], [2, 1], 0))


def test_width_and_centres(tmp_path, images):
    """A point at (5, 5), which with --centres is the middle of the sixth pixel, (5.5, 5.5)."""
    path = writers.labelme(tmp_path, [("cat", [(5, 5)])])
    path.write_text(path.read_text().replace('"polygon"', '"point"'))
    assert np.argwhere(written(path, images, "--width", "2")).tolist() == [[4, 4], [4, 5], [5, 4], [5, 5]]
    assert np.argwhere(written(path, images, "--width", "1", "--centres")).tolist() == [[5, 5]]


def test_range(tmp_path, images):
    """Floats have no range by themselves; the sheet shows what was made black and white."""
    path = writers.coco(tmp_path)
    name = f"{NAME.removesuffix('.png')}.tif"
    path.write_text(path.read_text().replace(NAME, name))
    Image.fromarray(np.full(BOTH.shape, 3.0, np.float32)).save(images / name)
    (images / NAME).unlink()
    with pytest.raises(SystemExit):
        written(path, images)
    assert np.array_equal(written(path, images, "--range", "2", "4"), BOTH)


def test_unlabelled_and_format(tmp_path, images, capsys):
    path = writers.coco(tmp_path)
    content = json.loads(path.read_text())
    content["images"].append(content["images"][0] | {"id": 8, "file_name": "b.png"})
    dump(content, path)
    save_image(images, "b.png")
    written(path, images, "--unlabelled", "skip")
    assert "coco: 1 images, 2 objects" in capsys.readouterr().out
    with pytest.raises(SystemExit, match="error: .* was to be read as yolo, but it is coco"):
        written(path, images, "--format", "yolo")


def test_two_images_of_one_name_are_refused(tmp_path, images):
    path = writers.coco(tmp_path)
    content = json.loads(path.read_text())
    content["images"] = [
        content["images"][0] | {"id": place, "file_name": f"{place}/{NAME}"} for place in (7, 8)
    ]
    for place in ("7", "8"):
        save_image(images / place)
    with pytest.raises(SystemExit, match="error: two images are called 'scene', and so would be their masks"):
        written(dump(content, path), images)
    assert not (tmp_path / "out").exists()


def test_the_report_and_the_sheet_show_what_was_painted(tmp_path, images, capsys):
    """Two images of 30 x 40: each 240 x 180 on the sheet, tinted by half; void is white, the mask has the palette."""
    path = writers.coco(tmp_path, [("dog", DOG), ("ignore", CAT)])
    content = json.loads(path.read_text())
    content["images"].append(content["images"][0] | {"id": 8, "file_name": "b.png"})
    dump(content, path)
    for name in (NAME, "b.png"):
        Image.new("RGB", (40, 30)).save(images / name)
    written(path, images)
    report = capsys.readouterr().out
    void, dog = IN_CAT.mean() / 2, (IN_DOG & ~IN_CAT).mean() / 2  # the other image is background
    assert f"  0 background: {1 - void - dog:.2%}\n  1 dog: {dog:.2%}\n255 void: {void:.2%}\n" in report
    assert "\n     1 dog\n     1 ignore\n" in report
    palette = Annotated(path, images).palette
    mask = Image.open(tmp_path / "out" / "masks" / NAME)
    assert mask.getpalette()[:6] == palette.ravel().tolist() and mask.getpalette()[765:] == [255] * 3
    sheet = np.array(Image.open(tmp_path / "out" / "overlays.jpg")).astype(int)
    first, second = sheet[4:184, 4:244], sheet[4:184, 248:488]
    for place, colour in (((36, 48), palette[1] / 2), ((90, 135), [128] * 3), ((160, 20), [0] * 3)):
        assert np.abs(first[place] - colour).max() < 12
    assert second.max() < 12 and (sheet[188:244, 4:488] > 243).all() and (sheet[4:184, 492:] > 243).all()
