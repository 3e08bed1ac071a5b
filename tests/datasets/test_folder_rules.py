"""What Folder makes of void, ranges, names and stacks at the edge of each rule."""

import numpy as np
import pytest
from PIL import Image

from nbhelpers.datasets.folder import Folder
from tests.image_bytes import tiff_bytes

CLASSES = ("Sky", "Road", "Car")
IDS = np.array([[0, 1, 2], [2, 255, 0]], dtype=np.uint8)
RGB = np.arange(18, dtype=np.uint8).reshape(2, 3, 3) * 14


def pairs(folder, masks, suffix=""):
    """Write a pair for each mask, by stem, and give the two folders."""
    for role in ("images", "masks"):
        (folder / role).mkdir(exist_ok=True)
    for stem, mask in masks.items():
        Image.fromarray(RGB).save(folder / "images" / f"{stem}.png")
        Image.fromarray(mask).save(folder / "masks" / f"{stem}{suffix}.png")
    return folder / "images", folder / "masks"


def test_background_alone_is_a_mask(tmp_path):
    folders = pairs(tmp_path, {"a": IDS * 0, "b": IDS})
    assert not Folder(*folders, CLASSES).read(0)[1].any()
    binary = pairs(tmp_path, {"a": IDS * 0, "b": IDS * 0 + 255, "c": IDS * 0 + 1})
    data = Folder(*binary, ("Background", "Object"), binary=True)
    assert [int(data.read(index)[1].sum()) for index in range(3)] == [0, 6, 6]


@pytest.mark.parametrize("void", [3, 11, 254])
def test_an_id_to_ignore_beside_255_which_is_ignored_too(tmp_path, void):
    """3 is the first id that is no class."""
    mask = IDS.copy()
    mask[0, 0] = void
    expected = IDS.copy()
    expected[0, 0] = 255
    assert np.array_equal(Folder(*pairs(tmp_path, {"a": mask}), CLASSES, void=void).read(0)[1], expected)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"classes": "Object"}, r"classes are 'Object', one text; give a list .*\['background', 'Object'\]"),
        ({"classes": [str(n) for n in range(256)]}, "there are 256 classes; give the names of 1 to 255"),
        ({"classes": ("B", "O"), "binary": True, "void": 255}, "no palette and no void; .*, void=255"),
        ({"classes": ("B", "O"), "binary": True, "palette": [(0, 0, 0), (1, 1, 1)]}, "palette=True"),
        ({"void": 0}, "void is 0, the id of the class 'Sky'"),
        (
            {"palette": [(0, 0, 0), (0, 0, 256), (1, 1, 1)]},
            r"holds 0\.\.256; it must be \(3, 3\): RGB 0\.\.255",
        ),
        ({"palette": [(0, 0, 0), (0, 0, -1), (1, 1, 1)]}, r"holds -1\.\.1; it must"),
        ({"value_range": (7, 7)}, r"value_range is \(7, 7\)"),
        ({"value_range": (0, float("inf"))}, r"value_range is \(0, inf\)"),
    ],
)
def test_arguments_at_the_edge(tmp_path, options, message):
    with pytest.raises(ValueError, match=message):
        Folder(*pairs(tmp_path, {"a": IDS}), **({"classes": CLASSES} | options))


# Ranges


@pytest.mark.parametrize("tops", [(4095, 700), (700, 4095)])
@pytest.mark.parametrize("stack", [False, True])
def test_the_range_is_that_of_the_brightest_image_wherever_it_is(tmp_path, capsys, tops, stack):
    images, masks = pairs(tmp_path, {"a": IDS, "b": IDS})
    deep = [np.linspace(0, top, 6).reshape(2, 3).astype(np.uint16) for top in tops]
    for stem, values in zip("ab", deep):
        (images / f"{stem}.png").unlink()
        (images / f"{stem}.tif").write_bytes(tiff_bytes(values))
    if stack:
        for path in (images / "b.tif", masks / "b.png"):
            path.unlink()
        (masks / "a.png").unlink()
        (images / "a.tif").write_bytes(tiff_bytes(*deep))
        (masks / "a.tif").write_bytes(tiff_bytes(IDS, IDS))
    data = Folder(images, masks, CLASSES)
    assert data.value_range == (0, 4095) and "use 12 of their 16 bits" in capsys.readouterr().out
    whites = [int(data.read(index)[0].max()) for index in range(2)]
    assert whites == [round(top * 255 / 4095) for top in tops]


# Names


def test_names_that_end_in_a_number_are_pairs_of_their_own(tmp_path):
    masks = {stem: IDS * 0 + n for n, stem in enumerate(("cat", "cat_1", "cat 2"))}
    data = Folder(*pairs(tmp_path, masks), CLASSES)
    assert {data.pairs[n][0].stem: int(data.read(n)[1].max()) for n in range(3)} == {
        "cat": 0,
        "cat_1": 1,
        "cat 2": 2,
    }


def test_12_is_no_further_mask_of_1(tmp_path):
    images, masks = pairs(tmp_path, {"1": IDS * 0, "12": IDS * 0})
    (images / "12.png").unlink()
    with pytest.raises(FileNotFoundError, match=r"12\.png has no image .*12\.png"):
        Folder(images, masks, ("B", "O"), binary=True, several_masks=True)


def test_a_suffix_is_a_text_and_no_pattern(tmp_path):
    images, masks = pairs(tmp_path, {"cat": IDS * 0}, suffix="(m)")
    Image.fromarray(IDS * 0 + 1).save(masks / "cat(m)2.png")
    options = {"binary": True, "mask_suffix": "(m)", "several_masks": True}
    assert Folder(images, masks, ("B", "O"), **options).read(0)[1].all()


# Stacks with several masks


def test_each_frame_gets_the_union_of_its_own_masks(tmp_path):
    images, masks = pairs(tmp_path, {})
    (images / "a.tif").write_bytes(tiff_bytes(*[RGB[..., 0]] * 2))
    one = np.zeros((2, 2, 2, 3), np.uint8)
    one[0, 0, 0, 0], one[1, 1, 1, 1:] = 255, 255  # (mask, frame, H, W)
    for name, frames in zip(("a.tif", "a_1.tif"), one):
        (masks / name).write_bytes(tiff_bytes(*frames))
    data = Folder(images, masks, ("B", "O"), binary=True, several_masks=True)
    assert [data.read(frame)[1].tolist() for frame in range(2)] == (one.max(axis=0) // 255).tolist()
    (masks / "a_1.tif").write_bytes(tiff_bytes(one[1, 0]))
    with pytest.raises(ValueError, match=r"a\.tif has 2 frames, but its mask .*a_1\.tif has 1"):
        Folder(images, masks, ("B", "O"), binary=True, several_masks=True)
