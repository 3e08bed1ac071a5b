"""Where exports and images lie: what beside them is passed over, what is refused, and which of two is taken."""

import base64
import json

import numpy as np
import pytest
from PIL import Image

from nbhelpers.datasets.annotations import Annotated
from tests.datasets.annotations import writers
from tests.datasets.annotations.writers import CAT, DOG, IN_CAT, IN_DOG, NAME, SIZE, dump, save_image

# Exports


@pytest.mark.parametrize(
    ("write", "beside"),
    [
        (writers.yolo, "../notes.json"),  # Label Studio's
        (writers.supervisely, "key_id_map.json"),
        (writers.supervisely, "ds/ann/._scene.png.json"),  # macOS's
    ],
)
def test_what_lies_beside_an_export(write, beside, tmp_path, images):
    path = write(tmp_path / "export", [("cat", CAT)])
    (path / beside).write_text("{}")
    data = Annotated(tmp_path / "export", images)
    assert len(data) == 1 and np.array_equal(data.read(0)[1], IN_CAT)


@pytest.mark.parametrize("write", [writers.coco, writers.labelme, writers.cvat, writers.label_studio])
def test_an_ending_in_capitals(write, tmp_path, images):
    path = write(tmp_path, [("cat", CAT)])
    path = path.rename(path.with_suffix(path.suffix.upper()))
    assert np.array_equal(Annotated(path, images).read(0)[1], IN_CAT)


def test_the_folder_of_voc_s_masks_and_a_labelmap_in_it(tmp_path, images):
    root = writers.voc(tmp_path / "voc", IN_CAT)
    (root / "labelmap.txt").rename(root / "SegmentationClass" / "labelmap.txt")
    for path in (root, root / "SegmentationClass"):
        assert np.array_equal(Annotated(path, images).read(0)[1], IN_CAT)


def test_several_parts_of_roboflow_are_refused(tmp_path, images):
    for split in ("train", "valid"):
        writers.roboflow(tmp_path / "export" / split, IN_CAT)
    with pytest.raises(ValueError, match="export holds 2 parts of an export, .*/train first; give one"):
        Annotated(tmp_path / "export", images)


def test_a_file_of_no_format_among_others_is_refused(tmp_path, images):
    path = writers.labelme(tmp_path / "export").parent
    dump({"a": 1}, path / "other.json")
    with pytest.raises(ValueError, match="other.json is no annotation of a known format, as the others in"):
        Annotated(path, images)


# Images


@pytest.mark.parametrize("name", ["scene.PNG", "photos/scene.Png"])
def test_an_image_s_ending_in_capitals(name, tmp_path):
    photo = save_image(tmp_path / "images", name)
    path = writers.coco(tmp_path)
    path.write_text(path.read_text().replace(NAME, photo.name))
    assert Annotated(path, tmp_path / "images").name(0) == str(photo)


def test_hidden_files_are_no_images(tmp_path, images):
    (images / "._scene.png").write_bytes(b"what macOS puts beside a file")
    data = Annotated(writers.yolo(tmp_path / "export"), images)
    assert [data.name(place) for place in range(len(data))] == [str(images / NAME)]


def test_a_name_of_windows(tmp_path):
    photos = [save_image(tmp_path / "images" / split) for split in ("train", "val")]
    path = writers.labelme(tmp_path / "export")
    path.write_text(path.read_text().replace(NAME, rf"..\\photos\\val\\{NAME}"))
    assert Annotated(path, tmp_path / "images").name(0) == str(photos[1])


def test_the_export_s_own_folder_before_one_of_its_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for folder in ("images", "images/images"):
        save_image(tmp_path / folder)
    writers.labelme(tmp_path / "images")
    assert Annotated("images/scene.json", "images").name(0) == f"images/{NAME}"


def test_the_last_folder_called_labels_stands_for_images(tmp_path):
    """Whatever the folders above it are called."""
    root = tmp_path / "labels" / "cats"
    writers.yolo(root)
    photo = save_image(root / "images")
    save_image(root / "more", NAME)
    assert Annotated(root / "labels", root).name(0) == str(photo)


def test_images_given_come_before_those_inside_labelme_s_files(tmp_path, images):
    path = writers.labelme(tmp_path)
    inside = writers.png(np.full((*SIZE, 3), 7, np.uint8))
    content = json.loads(path.read_text()) | {"imageData": base64.b64encode(inside).decode()}
    dump(content, path)
    assert np.array_equal(Annotated(path, images).read(0)[0], np.array(Image.open(images / NAME)))
    own = Annotated(path)
    assert (own.read(0)[0] == 7).all() and own.name(0) == NAME


def test_a_folder_and_a_mapping_that_lack_an_image(tmp_path, images):
    with pytest.raises(FileNotFoundError, match="images must be a folder, but there is none at .*/photos"):
        Annotated(writers.coco(tmp_path), tmp_path / "photos")
    with pytest.raises(FileNotFoundError, match="images= has no path for 'scene.png'"):
        Annotated(writers.coco(tmp_path), {"other.png": images / NAME})


@pytest.mark.parametrize(("orientation", "size"), [(6, (30, 41)), (3, SIZE), (None, SIZE)])
def test_a_size_that_is_neither_the_stored_nor_the_shown_one(orientation, size, tmp_path):
    """The stored photograph is 40 x 30; only one that lies on its side is shown as 30 x 40 or the other way round."""
    exif = Image.Exif()
    if orientation:
        exif[274] = orientation
    (tmp_path / "images").mkdir()
    Image.new("RGB", (30, 40)).save(tmp_path / "images" / NAME, exif=exif)
    path = writers.coco(tmp_path)
    content = json.loads(path.read_text())
    content["images"][0] |= {"height": size[0], "width": size[1]}
    with pytest.raises(
        ValueError, match=f"was drawn on {size[0]} x {size[1]}; the image was resized or turned"
    ):
        Annotated(dump(content, path), tmp_path / "images").read(0)


# Images without an object


def test_an_image_whose_objects_are_all_left_out_has_none(tmp_path, images):
    path = writers.coco(tmp_path, [("cat", CAT)])
    content = json.loads(path.read_text())
    content["images"].append(content["images"][0] | {"id": 8, "file_name": "b.png"})
    content["categories"].append({"id": 9, "name": "dog"})
    polygon = [np.ravel(DOG).tolist()]
    content["annotations"].append({"image_id": 8, "category_id": 9, "segmentation": polygon})
    dump(content, path)
    photo = save_image(images, "b.png")
    data = Annotated(path, images, skip=["cat"], unlabelled="skip")
    assert [data.name(place) for place in range(len(data))] == [str(photo)]
    assert np.array_equal(data.read(0)[1], IN_DOG)
    with pytest.raises(ValueError, match="1 images have no object, scene.png first"):
        Annotated(path, images, skip=["cat"], unlabelled="error")
