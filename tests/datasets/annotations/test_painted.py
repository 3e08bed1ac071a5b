"""Masks that a tool has painted already: void, what is left out, what has no name, and files of another size."""

import numpy as np
import pytest
from PIL import Image

from nbhelpers.datasets.annotations import Annotated
from tests.datasets.annotations import writers
from tests.datasets.annotations.writers import IN_CAT, IN_DOG, NAME, SIZE


def painted(write, folder, array, palette=None):
    root = write(folder, IN_CAT)
    file = next(root.rglob("scene*.png"))
    picture = Image.fromarray(array)
    if palette:
        picture = Image.fromarray(array, "P")
        picture.putpalette(palette)
    picture.save(file)
    return root


IDS = np.repeat(np.arange(4, dtype=np.uint8), 300).reshape(SIZE)
IDS[IDS == 3] = 255
PALETTE = [0, 0, 0, 128, 0, 64, 0, 128, 64, *[0] * 753, 224, 224, 192]


def test_void_of_voc_and_labels_that_are_left_out(tmp_path, images):
    path, classes = painted(writers.voc_palette, tmp_path / "voc", IDS, PALETTE), ["background", "cat", "dog"]
    data = Annotated(path, images, classes)
    assert np.array_equal(data.read(0)[1], IDS) and data.counts == {"background": 1, "cat": 1, "dog": 1}
    assert len(Annotated(path, images, classes, unlabelled="skip")) == 1
    skipped = Annotated(path, images, classes, skip=["dog"]).read(0)[1]
    assert np.array_equal(skipped, np.where(IDS == 2, 0, IDS))
    with pytest.raises(ValueError, match="SegmentationClass/scene.png holds the id 2, which its export does"):
        Annotated(path, images, classes[:2])


def test_a_grey_level_255_that_has_a_name_is_a_class(tmp_path, images):
    path = painted(writers.roboflow, tmp_path / "export", IDS)
    (path / "_classes.csv").write_text("Pixel Value, Class\n255, sky\n2, dog\n1, cat\n0, background\n")
    data = Annotated(path, images)
    assert data.classes == ("background", "cat", "dog", "sky")
    assert np.array_equal(data.read(0)[1], np.where(IDS == 255, 3, IDS))


@pytest.mark.parametrize("colour", [(0, 0, 255), (1, 2, 3)])
def test_a_colour_without_a_name_is_an_error(colour, tmp_path, images):
    path = painted(writers.voc, tmp_path / "voc", np.full((*SIZE, 3), colour, np.uint8))
    with pytest.raises(
        ValueError, match=f"holds the colour {colour}, which".replace("(", r"\(").replace(")", r"\)")
    ):
        Annotated(path, images)


@pytest.mark.parametrize("write", [writers.voc_palette, writers.roboflow, writers.label_studio_png])
def test_a_painted_mask_of_another_size_is_an_error(write, tmp_path, images):
    path, mask = tmp_path / "export", np.kron(IN_CAT, np.ones((2, 2), bool))
    data = Annotated(
        write(path, mask), {"scene": images / NAME, "task-1": images / NAME}, ["background", "cat"]
    )
    with pytest.raises(
        ValueError, match=r"mask .*60 x 80.*they must be equal|mask .*30 x 40.*they must be equal"
    ):
        data.read(0)


def test_brushes_of_the_later_annotation_count(tmp_path, images):
    path = tmp_path / "export"
    for number, mask in ((9, IN_DOG), (10, IN_CAT)):
        file = writers.label_studio_png(path, mask) / "task-1-annotation-5-by-2-tag-cat-0.png"
        file.rename(path / f"task-1-annotation-{number}-by-2-tag-cat-2-0.png")
    data = Annotated(path, {"task-1": images / NAME})
    assert data.classes == ("background", "cat-2") and np.array_equal(data.read(0)[1], IN_CAT)
    assert data.odd == (f"task-1 in {path} was annotated several times: annotation 10 counts",)
