"""Annotations become masks: every format the same scene, and every rule that decides a pixel."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from pycocotools import mask as coco_masks

from nbhelpers.datasets import Folder
from nbhelpers.datasets.annotations import FORMATS, Annotated, read_export
from nbhelpers.datasets.annotations.__main__ import main
from nbhelpers.datasets.annotations.shapes import fill
from tests.datasets.annotations import writers
from tests.datasets.annotations.writers import BITMAPS, CAT, DOG, NAME, POLYGONS, SIZE, dump, save_image
from tools.execution import ROOT


def inside(points, size=SIZE) -> np.ndarray:
    """shapely's word on each pixel's centre."""
    y, x = np.mgrid[: size[0], : size[1]] + 0.5
    return shapely.contains_xy(shapely.Polygon(points), x, y)


def scene() -> np.ndarray:
    """Ids of the written scene: background 0, cat 1, dog 2; the cat lies on the dog."""
    return np.select([inside(CAT), inside(DOG)], [1, 2], 0)


@pytest.mark.parametrize("name", POLYGONS)
def test_polygons_of_every_format(name, tmp_path, images):
    data = Annotated(POLYGONS[name](tmp_path / "export" if name == "yolo" else tmp_path), images)
    assert data.format in FORMATS and data.format == name.removesuffix("-min")
    assert (
        data.classes == ("background", "cat", "dog")
        and data.counts == {"cat": 1, "dog": 1}
        and data.odd == ()
    )
    image, mask = data[0]
    assert image.shape == (3, *SIZE) and np.array_equal(mask, scene())


@pytest.mark.parametrize("name", BITMAPS)
@pytest.mark.parametrize("shape", ["triangle", "holed", "noise", "one pixel"])
def test_bitmaps_of_every_format_come_back(name, shape, tmp_path, images):
    mask = {
        "triangle": inside(CAT),
        "holed": inside(DOG) & ~inside([(10, 8), (20, 8), (15, 16)]),
        "noise": np.random.default_rng(0).random(SIZE) < 0.5,
        "one pixel": np.arange(SIZE[0] * SIZE[1]).reshape(SIZE) == SIZE[0] * SIZE[1] - 1,
    }[shape]
    path = BITMAPS[name](tmp_path / "export", mask)
    pictures = {"task-1": images / NAME} if name == "label-studio-png" else images
    options = {"convention": "dsb-2018"} if name == "kaggle" else {}
    data = Annotated(path, pictures, classes=("background", "cat"), **options)
    assert np.array_equal(data.read(0)[1], mask)


def test_compressed_run_lengths_are_those_of_pycocotools(tmp_path, images):
    for seed in range(20):
        mask = np.random.default_rng(seed).random(SIZE) < seed / 20
        code = coco_masks.encode(np.asfortranarray(mask.astype(np.uint8)))
        path = writers.coco(tmp_path, [("cat", CAT)])
        content = json.loads(path.read_text())
        content["annotations"][0]["segmentation"] = {"size": list(SIZE), "counts": code["counts"].decode()}
        assert np.array_equal(Annotated(dump(content, path), images).read(0)[1], mask)


# Which pixels a polygon covers


@given(seed=st.integers(0, 10**9), corners=st.integers(3, 12), whole=st.booleans())
def test_fill_is_shapely_s_test_of_the_centres(seed, corners, whole):
    rng = np.random.default_rng(seed)
    size = tuple(rng.integers(1, 40, 2).tolist())
    angles = np.sort(rng.uniform(0, 2 * np.pi, corners))
    ring = rng.uniform(-5, 45, 2) + rng.uniform(1, 30, (corners, 1)) * np.stack(
        [np.cos(angles), np.sin(angles)], 1
    )
    ring = np.round(ring) if whole else ring
    polygon = shapely.Polygon(ring)
    if not polygon.is_valid or polygon.area == 0:
        return
    covered = np.zeros(size, bool)
    top, left, window = fill([ring], size)
    covered[top : top + window.shape[0], left : left + window.shape[1]] = window
    y, x = np.mgrid[: size[0], : size[1]] + 0.5
    decided = shapely.distance(polygon.boundary, shapely.points(x, y)) > 1e-9
    assert np.array_equal(covered[decided], shapely.contains_xy(polygon, x, y)[decided])


@given(seed=st.integers(0, 10**9))
def test_neighbours_share_no_pixel_and_leave_none_out(seed):
    """A square cut into triangles about a point on the grid, where many centres lie on the cuts."""
    rng = np.random.default_rng(seed)
    corners, middle = [(0, 0), (12, 0), (12, 12), (0, 12)], rng.integers(1, 23, 2) / 2
    total = np.zeros((12, 12), int)
    for start, stop in zip(corners, corners[1:] + corners[:1], strict=True):
        top, left, window = fill([np.array([start, stop, middle], float)], (12, 12))
        total[top : top + window.shape[0], left : left + window.shape[1]] += window
    assert (total == 1).all()


def test_a_square_of_four_has_sixteen_pixels():
    assert fill([np.array([(0, 0), (4, 0), (4, 4), (0, 4)], float)], (10, 10))[2].sum() == 16


# The rules


def mask_of(tmp_path, objects, **options):
    save_image(tmp_path / "images")
    return Annotated(writers.coco(tmp_path, objects), tmp_path / "images", **options).read(0)[1]


SMALL = [(8, 6), (12, 6), (12, 10), (8, 10)]


@pytest.mark.parametrize(
    ("options", "small_covers"),
    [({}, False), ({"order": "area"}, True), ({"order": "z"}, False)],
    ids=["file", "area", "z"],
)
def test_order(tmp_path, options, small_covers):
    mask = mask_of(tmp_path, [("cat", SMALL), ("dog", DOG)], **options)
    assert (mask[8, 10] == 1) == small_covers and mask[5, 6] == 2


def test_z_order_of_cvat(tmp_path, images):
    path = writers.cvat(tmp_path)
    path.write_text(path.read_text().replace('z_order="0"', 'z_order="5"', 1))
    on_top = Annotated(path, images, order="z").read(0)[1]
    assert np.array_equal(on_top, np.select([inside(DOG), inside(CAT)], [2, 1], 0))


def test_overlap(tmp_path):
    both = inside(DOG) & inside(CAT)
    void = mask_of(tmp_path, writers.OBJECTS, overlap="void")
    assert np.array_equal(void == 255, both)
    same = mask_of(tmp_path, [("cat", DOG), ("cat", CAT)], overlap="void")
    assert set(np.unique(same)) == {0, 1}
    with pytest.raises(
        ValueError, match=r"annotation 2 in .*instances.json: \d+ pixels of 'cat' belong to another"
    ):
        mask_of(tmp_path, writers.OBJECTS, overlap="error")


@pytest.mark.parametrize(("crowd", "value"), [("void", 255), ("object", 1), ("skip", 0)])
def test_crowd(tmp_path, images, crowd, value):
    path = writers.coco(tmp_path, [("cat", CAT)])
    content = json.loads(path.read_text())
    content["annotations"][0] |= {
        "iscrowd": 1,
        "segmentation": {"size": list(SIZE), "counts": writers.runs(inside(CAT).T.ravel())},
    }
    mask = Annotated(dump(content, path), images, crowd=crowd).read(0)[1]
    assert np.array_equal(mask, np.where(inside(CAT), value, 0))


def test_void_skip_and_background(tmp_path):
    objects = [("dog", DOG), ("__ignore__", CAT)]
    assert np.array_equal(mask_of(tmp_path, objects), np.select([inside(CAT), inside(DOG)], [255, 1], 0))
    assert np.array_equal(mask_of(tmp_path, objects, skip=["dog"]), np.where(inside(CAT), 255, 0))
    complete = mask_of(tmp_path, [("dog", DOG)], classes=["dog", "cat"])
    assert np.array_equal(complete, np.where(inside(DOG), 0, 255))
    with pytest.raises(
        ValueError, match=r"has objects of 'dog', but the classes are background, cat; name them"
    ):
        mask_of(tmp_path, writers.OBJECTS, classes=["background", "cat"])


@pytest.mark.parametrize("label", ["background", "Background", "_background_", "__BACKGROUND__"])
@pytest.mark.parametrize("name", POLYGONS)
def test_a_label_called_background_is_the_background(name, label, tmp_path, images):
    """It is class 0, wherever the export lists it, and its polygons paint background over what lies below."""
    path = POLYGONS[name](tmp_path / "export", [("a cat", DOG), (label, SMALL)])
    for options in ({}, {"classes": ["background", "a cat"]}, {"classes": [label, "a cat"]}):
        data = Annotated(path, images, **options)
        assert data.classes == tuple(options.get("classes", ("background", "a cat")))
        assert np.array_equal(data.read(0)[1], inside(DOG) & ~inside(SMALL)) and data.counts[label] == 1
    assert np.array_equal(Annotated(path, images, skip=[label]).read(0)[1], inside(DOG))
    assert Annotated(path, images, void=[label]).read(0)[1][8, 10] == 255


def test_a_painted_background_is_class_0(tmp_path, images):
    path = writers.roboflow(tmp_path / "export", inside(CAT))
    (path / "_classes.csv").write_text("Pixel Value, Class\n0, cat\n1, Background\n")
    data = Annotated(path, images)
    assert data.classes == ("background", "cat") and np.array_equal(data.read(0)[1], ~inside(CAT))


def test_skip_leaves_out_what_would_be_void(tmp_path):
    objects = [("dog", DOG), ("ignore", CAT)]
    assert np.array_equal(mask_of(tmp_path, objects, skip=["ignore"]), inside(DOG))
    assert not mask_of(tmp_path, objects[:1], classes=["background", "dog"], skip=["dog"]).any()


def test_labels_given_to_void_and_skip_are_the_export_s(tmp_path, images):
    path, classes = writers.coco(tmp_path), ["background", "cat", "dog"]
    with pytest.raises(ValueError, match="'cat' stand in classes= and in void=; take them out of one"):
        Annotated(path, images, classes, void=["cat"])
    for option in ("void", "skip"):
        with pytest.raises(ValueError, match="void= or skip= has 'Cat', but the label is 'cat'; write it so"):
            Annotated(path, images, **{option: ["Cat"]})
        told = Annotated(path, images, **{option: ["blurry"]}).odd[-1]  # another split may have it
        assert told == "void= or skip= has 'blurry', but the labels are cat, dog"
    assert Annotated(path, images, classes).odd == ()  # the defaults are quiet


def test_holes_and_parts(tmp_path, images):
    hole = [(10, 8), (20, 8), (20, 16), (10, 16)]
    feature = {
        "type": "Feature",
        "geometry": {"type": "MultiPolygon", "coordinates": [[DOG, hole], [[(30, 2), (36, 2), (36, 6)]]]},
        "properties": {"classification": {"name": "cat"}},
    }
    mask = Annotated(dump([feature], tmp_path / "scene.geojson"), images).read(0)[1]
    assert np.array_equal(mask, inside(DOG) & ~inside(hole) | inside([(30, 2), (36, 2), (36, 6)]))
    path = writers.coco(tmp_path / "b", [("cat", DOG)])
    content = json.loads(path.read_text())
    content["annotations"][0]["segmentation"].append(np.ravel(hole).tolist())  # COCO unites, and has no holes
    assert np.array_equal(Annotated(dump(content, path), images).read(0)[1], inside(DOG))
    node = {"classTitle": "cat", "geometryType": "polygon", "points": {"exterior": DOG, "interior": [hole]}}
    content = {"size": {"height": SIZE[0], "width": SIZE[1]}, "objects": [node]}
    mask = Annotated(dump(content, tmp_path / "c" / f"{NAME}.json"), images).read(0)[1]
    assert np.array_equal(mask, inside(DOG) & ~inside(hole))


def test_beyond_the_frame(tmp_path):
    wide = [(-1e9, -20), (1e9, -20), (1e9, 10), (-1e9, 10)]
    assert np.array_equal(
        mask_of(tmp_path, [("cat", wide)]), np.arange(SIZE[0])[:, None] < 10 + np.zeros(SIZE[1])
    )
    outside = [(100, 100), (120, 100), (120, 120)]
    assert not mask_of(tmp_path, [("cat", outside)]).any()


def test_centres(tmp_path):
    """A tool that says 0 for the centre of the first pixel: everything lies half a pixel further on."""
    moved = [(x + 0.5, y + 0.5) for x, y in CAT]
    assert np.array_equal(mask_of(tmp_path, [("cat", CAT)], centres=True), inside(moved))


LABELME = {  # shape_type, points -> which centres it covers
    "rectangle": ([(20, 25), (5.2, 4)], lambda x, y: (x > 5.2) & (x < 20) & (y > 4) & (y < 25)),
    "circle": ([(12, 10), (12, 16.5)], lambda x, y: np.hypot(x - 12, y - 10) < 6.5),
    "line": (
        [(5, 5.5), (30, 5.5)],
        lambda x, y: (
            (abs(y - 5.5) < 2) & (x > 5) & (x < 30) | (np.hypot(np.where(x < 15, x - 5, x - 30), y - 5.5) < 2)
        ),
    ),
    "linestrip": ([(5, 5.5), (5, 5.5)], lambda x, y: np.hypot(x - 5, y - 5.5) < 2),
    "point": ([(9, 9)], lambda x, y: np.hypot(x - 9, y - 9) < 2),
    "points": (
        [(9, 9), (20, 20)],
        lambda x, y: (np.hypot(x - 9, y - 9) < 2) | (np.hypot(x - 20, y - 20) < 2),
    ),
}


@pytest.mark.parametrize("kind", LABELME)
def test_shapes_of_labelme(kind, tmp_path, images):
    points, covers = LABELME[kind]
    path = writers.labelme(tmp_path, [("cat", points)])
    path.write_text(path.read_text().replace("polygon", kind))
    y, x = np.mgrid[: SIZE[0], : SIZE[1]] + 0.5
    assert np.array_equal(Annotated(path, images, width=4).read(0)[1], covers(x, y))
    if "line" in kind or "point" in kind:
        with pytest.raises(
            ValueError, match=r"shape 1 in .*scene.json \('cat'\): a line or a point has no area"
        ):
            Annotated(path, images).read(0)


def test_turned_boxes_and_ellipses(tmp_path, images):
    """CVAT turns about the middle, Label Studio about the upper left corner; both clockwise."""
    path = writers.cvat(tmp_path, [])
    shapes = (
        '<box label="cat" xtl="10" ytl="10" xbr="20" ybr="14" rotation="90"></box>'
        '<ellipse label="dog" cx="30" cy="15" rx="8" ry="3" rotation="90"></ellipse>'
    )
    path.write_text(path.read_text().replace("</image>", f"{shapes}</image>"))
    y, x = np.mgrid[: SIZE[0], : SIZE[1]] + 0.5
    box = (x > 13) & (x < 17) & (y > 7) & (y < 17)
    ellipse = ((x - 30) / 3) ** 2 + ((y - 15) / 8) ** 2 < 1
    assert np.array_equal(Annotated(path, images).read(0)[1], np.select([ellipse, box], [2, 1], 0))
    path = writers.label_studio(tmp_path / "b", [])
    tasks = json.loads(path.read_text())
    value = {"x": 50, "y": 20, "width": 25, "height": 10, "rotation": 90, "rectanglelabels": ["cat"]}
    tasks[0]["annotations"][0]["result"] = [
        {"type": "rectanglelabels", "original_width": SIZE[1], "original_height": SIZE[0], "value": value}
    ]
    # 10 x 3 pixels at (20, 6), turned down about that corner
    turned = (x > 17) & (x < 20) & (y > 6) & (y < 16)
    assert np.array_equal(Annotated(dump(tasks, path), images).read(0)[1], turned)


def test_cityscapes(tmp_path):
    name = "aachen_000000_000019"
    save_image(tmp_path / "leftImg8bit" / "train" / "aachen", f"{name}_leftImg8bit.png")
    whole = [(0, 0), (40, 0), (40, 30), (0, 30)]
    objects = [("road", whole), ("cargroup", DOG), ("ego vehicle", SMALL), ("car", CAT)]
    content = {"imgHeight": SIZE[0], "imgWidth": SIZE[1]}
    content["objects"] = [{"label": label, "polygon": points} for label, points in objects]
    content["objects"][3]["deleted"] = 1
    dump(content, tmp_path / "gtFine" / "train" / "aachen" / f"{name}_gtFine_polygons.json")
    data = Annotated(tmp_path / "gtFine", tmp_path / "leftImg8bit")
    assert len(data.classes) == 19 and data.classes[13] == "car"
    assert np.array_equal(data.read(0)[1], np.select([inside(SMALL), inside(DOG)], [255, 13], 0))


# Images


@pytest.mark.parametrize("unlabelled", ["empty", "skip", "error"])
def test_images_without_objects(tmp_path, images, unlabelled):
    path = writers.coco(tmp_path)
    content = json.loads(path.read_text())
    content["images"].append({"id": 8, "file_name": "empty.png", "height": SIZE[0], "width": SIZE[1]})
    dump(content, path)
    save_image(images, "empty.png")
    if unlabelled == "error":
        with pytest.raises(
            ValueError, match="1 images have no object, empty.png first; pass unlabelled='empty'"
        ):
            Annotated(path, images, unlabelled=unlabelled)
        return
    data = Annotated(path, images, unlabelled=unlabelled)
    assert len(data) == (2 if unlabelled == "empty" else 1)
    assert unlabelled == "skip" or not data.read(1)[1].any()


@pytest.mark.parametrize("orientation", [1, 3, 5, 6, 7, 8])
@pytest.mark.parametrize("seen", ["shown", "stored"])
def test_a_photograph_turned_by_exif(tmp_path, orientation, seen, monkeypatch):
    """The size in the export tells which of the two the annotator saw; the mask always fits the shown image."""
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)  # Pillow's limit, which is not ours
    rng = np.random.default_rng(0)
    stored = Image.fromarray(rng.integers(0, 255, (*SIZE, 3), dtype=np.uint8))
    exif = Image.Exif()
    exif[274] = orientation
    stored.save(tmp_path / NAME, exif=exif)
    drawn = inside(CAT)  # on the stored pixels
    turned = Image.fromarray(drawn.astype(np.uint8))
    turn = {3: 3, 5: Image.Transpose.TRANSPOSE, 6: 4, 7: Image.Transpose.TRANSVERSE, 8: 2}.get(orientation)
    shown = np.array(turned if turn is None else turned.transpose(turn)).astype(bool)
    if seen == "shown" or orientation in (1, 3):
        path = writers.coco_bitmap(tmp_path / "a", shown) if shown.shape == SIZE else None
        if path is None:
            path = writers.coco_bitmap(tmp_path / "a", drawn)
            content = json.loads(path.read_text())
            content["images"][0] |= {"height": shown.shape[0], "width": shown.shape[1]}
            content["annotations"][0]["segmentation"] = {
                "size": list(shown.shape),
                "counts": writers.runs(shown.T.ravel()),
            }
            dump(content, path)
    else:
        path = writers.coco_bitmap(tmp_path / "a", drawn)
    image, mask = Annotated(path, {NAME: tmp_path / NAME}).read(0)
    assert image.shape[:2] == mask.shape and np.array_equal(mask, shown)


def test_an_image_resized_after_annotation_is_an_error(tmp_path):
    save_image(tmp_path / "images", size=(60, 80))
    with pytest.raises(
        ValueError, match=r"60 x 80 pixels, but image 1 in .* was drawn on 30 x 40; the image was resized"
    ):
        Annotated(writers.coco(tmp_path), tmp_path / "images").read(0)


def test_images_are_found_by_name_and_never_outside(tmp_path):
    path = writers.coco(tmp_path)
    content = json.loads(path.read_text())
    save_image(tmp_path / "secret")
    content["images"][0]["file_name"] = f"../secret/{NAME}"
    dump(content, path)
    (tmp_path / "images").mkdir()
    with pytest.raises(
        FileNotFoundError, match=r"images holds no image '\.\./secret/scene.png'; pass images="
    ):
        Annotated(path, tmp_path / "images")
    save_image(tmp_path / "images" / "a")
    save_image(tmp_path / "images" / "b")
    with pytest.raises(ValueError, match="several files .* fit the name"):
        Annotated(path, tmp_path / "images")
    content["images"][0]["file_name"] = f"train/b/{NAME}"
    data = Annotated(dump(content, path), tmp_path / "images")
    assert data.name(0) == str(tmp_path / "images" / "b" / NAME)


def listed(path, *names):
    """COCO's export with an image of each name, each with a polygon of its own."""
    content = json.loads(path.read_text())
    image, one = content["images"][0], content["annotations"][0]
    content["images"] = [image | {"id": place, "file_name": name} for place, name in enumerate(names)]
    content["annotations"] = [one | {"image_id": place} for place in range(len(names))]
    return dump(content, path)


def moved(write, folder, *steps):
    """A file for an image, copied to other folders of the export."""
    path = write(folder)
    files = [file for file in sorted(folder.rglob("scene*")) if file.is_file()]
    for step in steps:
        target = folder / step / files[0].name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(files[0].read_bytes())
    files[0].unlink()
    return path if path.is_dir() else folder


def local_files(folder, *names):
    """Label Studio's tasks of images in a storage of one's own."""
    path = writers.label_studio(folder)
    task = json.loads(path.read_text())[0]
    data = [{"image": f"/data/local-files/?d=photos/{name}"} for name in names]
    return dump([task | {"data": one} for one in data], path)


def subsets(folder, *names):
    """CVAT's export of a project."""
    path = writers.cvat(folder)
    head, image = path.read_text().removesuffix("</annotations>\n").split("  <image")
    images = [f'  <image subset="{name}"{image}' for name in names]
    path.write_text(head + "".join(images) + "</annotations>\n")
    return path


SPLITS = {  # exports of train's and val's image, which have one name
    "coco": lambda folder: listed(writers.coco(folder), f"train/{NAME}", f"val/{NAME}"),
    "cvat": lambda folder: subsets(folder, "train", "val"),
    "label-studio": lambda folder: local_files(folder, f"train/{NAME}", f"val/{NAME}"),
    "labelme": lambda folder: moved(writers.labelme, folder, "train", "val"),
    "geojson": lambda folder: moved(writers.geojson, folder, "train", "val"),
    "supervisely": lambda folder: moved(writers.supervisely, folder, "train/ann", "val/ann"),
    "yolo": lambda folder: moved(writers.yolo, folder, "labels/train", "labels/val"),
}


@pytest.mark.parametrize("name", SPLITS)
def test_images_of_one_name_in_two_folders(name, tmp_path):
    """Each gets its own; where one is missing it does not get the other's, whether its folder is there or not."""
    path, inner = SPLITS[name](tmp_path / "export"), "img" if name == "supervisely" else ""
    kept = save_image(tmp_path / "images" / "train" / inner)
    with pytest.raises(
        ValueError, match=f"scene.* and .*scene.* both get the image {kept}; add the image that"
    ):
        Annotated(path, tmp_path / "images")
    stray = save_image(tmp_path / "images" / "val" / inner, "other.png")
    with pytest.raises(
        FileNotFoundError, match=f"val.* holds no image '.*scene.*', and {kept} is of another folder"
    ):
        Annotated(path, tmp_path / "images")
    other = stray.rename(stray.with_name(NAME))
    data = Annotated(path, tmp_path / "images")
    assert [data.name(0), data.name(1)] == [str(kept), str(other)]


def test_an_image_is_not_taken_for_the_mask_of_its_name(tmp_path):
    root = writers.voc(tmp_path, inside(CAT))
    photo = save_image(root / "JPEGImages")
    assert Annotated(root).name(0) == str(photo)


def test_only_the_ending_of_an_image_is_cut_off_a_name(tmp_path):
    path = writers.yolo(tmp_path / "export")
    text = (path / "scene.txt").rename(path / "v1.25.txt").read_text()
    (path / "v1.50.txt").write_text(text)
    save_image(tmp_path / "images", "v1.png")
    with pytest.raises(
        FileNotFoundError, match="images holds no image 'v1.25'; pass images=.* mapping from names to"
    ):
        Annotated(path, tmp_path / "images")
    for name in ("v1.25", "v1.50"):
        save_image(tmp_path / "images", f"{name}.png")
    data = Annotated(path, tmp_path / "images", unlabelled="skip")
    assert [data.name(place)[-9:] for place in range(2)] == ["v1.25.png", "v1.50.png"]
    coco = listed(writers.coco(tmp_path / "c"), "v1.50.JPG")  # the images were converted since
    assert Annotated(coco, tmp_path / "images").name(0) == str(tmp_path / "images" / "v1.50.png")


def test_entries_of_one_image_that_say_so(tmp_path, images):
    """Two annotators of one image are two samples; two names of one file need a mapping that says so."""
    path = writers.coco(tmp_path)
    assert len(Annotated(listed(path, NAME, f"./{NAME}"), images)) == 2
    for annotator in ("ann", "bob"):
        file = writers.labelme(tmp_path / "labelme" / annotator)
        file.write_text(file.read_text().replace(NAME, f"../../images/{NAME}"))
    assert len(Annotated(tmp_path / "labelme", images)) == 2
    listed(path, f"1/{NAME}", f"2/{NAME}")
    with pytest.raises(
        ValueError, match=f"image 1 in .* .'1/{NAME}'. and image 2 in .* .'2/{NAME}'. both get"
    ):
        Annotated(path, images)
    both = {f"{place}/{NAME}": images / NAME for place in (1, 2)}
    assert len(Annotated(path, both)) == 2


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            '"id": 1, "file',
            '"id": 0, "file',
            "image 2 in .* is 'b.png' and has the id 0 of image 1 in .*, 'a.png'; give",
        ),
        (
            '"id": 4, "name',
            '"id": 3, "name',
            "category 2 in .* is 'dog' and has the id 3 of 'cat'; give each its own",
        ),
    ],
    ids=["images", "categories"],
)
def test_an_id_of_two(old, new, message, tmp_path, images):
    path = listed(writers.coco(tmp_path), "a.png", "b.png")
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(ValueError, match=message):
        Annotated(path, images)


# What lies beside the labels of YOLO


def roboflow_yolo(folder):
    """As Roboflow lays it out: in each split two images, the second without a text."""
    text = writers.yolo(folder).joinpath("scene.txt")
    for split in ("train", "valid"):
        for name in ("a", "b"):
            save_image(folder / split / "images", f"{split}_{name}.png")
        target = folder / split / "labels" / f"{split}_a.txt"
        target.parent.mkdir()
        target.write_text(text.read_text())
    text.unlink()
    for name in ("README.roboflow.txt", "README.dataset.txt", "README.txt"):
        (folder / name).write_text("Roboflow - provided by\n")
    return folder


@pytest.mark.parametrize(
    ("labels", "place", "names"),
    [
        ("", None, ["train_a", "valid_a", "train_b", "valid_b"]),
        ("train", None, ["train_a", "train_b"]),
        ("train/labels", "train/images", ["train_a", "train_b"]),
        ("train/labels", "", ["train_a", "train_b"]),
        ("train/labels/train_a.txt", "train/images", ["train_a"]),
    ],
)
def test_images_without_a_text_are_without_an_object(labels, place, names, tmp_path):
    root = roboflow_yolo(tmp_path)
    path, images = root / labels, None if place is None else root / place
    data = Annotated(path, images)
    assert data.classes == ("background", "cat", "dog")
    assert [data.name(place).split("/")[-1] for place in range(len(data))] == [
        f"{name}.png" for name in names
    ]
    assert all(data.read(place)[1].any() == ("_a" in name) for place, name in enumerate(names))
    odd = (
        f"2 images lie in folders where none has annotations, {root}/valid/images/valid_a.png first: left out"
    )
    assert data.odd == ((odd,) if place == "" else ())
    assert len(Annotated(path, images, unlabelled="skip")) == sum("_a" in name for name in names)
    if len(names) > 1:
        with pytest.raises(ValueError, match=f"{len(names) // 2} images have no object, train_b.png first"):
            Annotated(path, images, unlabelled="error")


def test_texts_that_are_no_labels(tmp_path, images):
    path = writers.yolo(tmp_path / "export").parent
    (path / "classes.txt").write_text("cat\ndog\n")
    (path / "readme.MD.txt").write_text("Read me\n")
    (path / "train.txt").write_text(f"data/images/{NAME}\n")  # CVAT's list of the images
    assert np.array_equal(Annotated(path, images).read(0)[1], scene())
    (path / "labels" / "notes.txt").write_text("notes\n")
    with pytest.raises(
        ValueError, match="the class in line 1 of .*notes.txt is 'notes'; it must be a number"
    ):
        Annotated(path, images)


NAMES = "names: [cat, dog]\n"


@pytest.mark.parametrize(
    ("files", "classes"),
    [
        ({"a.yaml": "names: [x, y, z]", "data.yaml": NAMES}, ("cat", "dog")),
        ({"labels/a.yaml": "lr: 0.1", "data.yml": NAMES}, ("cat", "dog")),
        ({"a.yaml": "lr: 0.1", "b.yaml": "{", "c.yaml": "names: all", "d.yaml": NAMES}, ("cat", "dog")),
        ({"a.yaml": "lr: 0.1"}, ("0", "1")),
        ({"classes.txt": "\ufeffcat\ndog \n\n", "notes.json": "{}"}, ("cat", "dog")),  # Label Studio's
        ({"classes.txt": "x\ny\n", "data.yaml": NAMES}, ("cat", "dog")),
        ({"classes.txt": "x\ny\n", "labels/classes.txt": "cat\ndog\nbird\n"}, ("cat", "dog", "bird")),
    ],
)
def test_the_file_with_the_names(files, classes, tmp_path, images):
    path = writers.yolo(tmp_path / "export")
    (path.parent / "data.yaml").unlink()
    for name, text in files.items():
        (path.parent / name).write_text(text, "utf-8")
    assert Annotated(path, images).classes == ("background", *classes)


@pytest.mark.parametrize("name", ["data.yaml", "data.yml"])
def test_the_yaml_stands_for_its_folder(name, tmp_path):
    folder = writers.yolo(tmp_path / "export").parent
    file = (folder / "data.yaml").rename(folder / name)
    save_image(folder / "images")
    for place in (None, folder / "images"):
        data = Annotated(file, place)
        assert data.classes == ("background", "cat", "dog") and np.array_equal(data.read(0)[1], scene())
    (folder / "labels" / "scene.txt").unlink()
    with pytest.raises(ValueError, match="export holds annotations of no format known here"):
        Annotated(file)


def test_a_data_yaml_without_names_is_an_error(tmp_path, images):
    path = writers.yolo(tmp_path / "export")
    for text in ("names: cat", "nc: 2"):
        (path.parent / "data.yaml").write_text(text)
        with pytest.raises(ValueError, match="data.yaml has no list `names` of the classes"):
            Annotated(path, images)


def test_lists_of_classes_that_do_not_name_them(tmp_path, images):
    path = writers.yolo(tmp_path / "export")
    (path.parent / "data.yaml").rename(path.parent / "classes.txt").write_text("\n")
    with pytest.raises(ValueError, match="classes.txt is empty; it must name the classes, one a line"):
        Annotated(path, images)
    (path.parent / "classes.txt").write_text("cat\n")
    with pytest.raises(ValueError, match="scene.txt has class 1, but the names are those of 0 to 0"):
        Annotated(path, images)


def test_the_image_inside_a_labelme_file(tmp_path, images):
    import base64

    path = writers.labelme(tmp_path)
    content = json.loads(path.read_text()) | {
        "imageData": base64.b64encode((images / NAME).read_bytes()).decode()
    }
    image, mask = Annotated(dump(content, path)).read(0)
    assert np.array_equal(image, np.array(Image.open(images / NAME))) and np.array_equal(mask, scene())


# What is odd, and what is wrong


def test_what_was_passed_over_is_told(tmp_path, images):
    path = writers.coco(tmp_path)
    content = json.loads(path.read_text())
    content["annotations"].append({"image_id": 7, "category_id": 3, "bbox": [1, 2, 3, 4], "segmentation": []})
    assert Annotated(dump(content, path), images).odd == (
        f"annotation 3 in {path} has no segmentation, only a box or nothing: left out",
    )


@pytest.mark.parametrize("segmentation", [[], None])
def test_boxes_only_are_an_error(segmentation, tmp_path, images):
    path = writers.coco(tmp_path)
    content = json.loads(path.read_text())
    for node in content["annotations"]:
        del node["segmentation"]
        node |= {"bbox": [1, 2, 3, 4]} | ({} if segmentation is None else {"segmentation": segmentation})
    with pytest.raises(ValueError, match="instances.json holds boxes only; export the segmentation, not the"):
        Annotated(dump(content, path), images)
    # nothing drawn is no mistake
    assert len(Annotated(dump(content | {"annotations": []}, path), images)) == 1


WRONG = {  # what was done to the good export, and what the error says
    "cut off": (
        lambda text: text[: len(text) // 2],
        r"instances.json is no JSON file \(.*\); it may be cut off",
    ),
    "empty": (lambda text: "", "instances.json is empty; export or download it again"),
    "another file": (
        lambda text: '{"a": 1}',
        "holds annotations of no format known here; known are coco, labelme",
    ),
    "no width": (lambda text: text.replace('"width"', '"w"'), "image 1 in .*instances.json has no 'width'"),
    "width is text": (
        lambda text: text.replace("40}", '"40"}'),
        "'width' of image 1 in .* is '40'; it must be a whole number",
    ),
    "unknown category": (
        lambda text: text.replace('"category_id": 4', '"category_id": 9'),
        "annotation 1 in .* has category_id 9, which",
    ),
    "unknown image": (
        lambda text: text.replace('"image_id": 7', '"image_id": 1'),
        "annotation 1 in .* is of image_id 1, which",
    ),
    "odd coordinates": (
        lambda text: text.replace("[15.0, ", "["),
        "the points of annotation 2 in .* have shape",
    ),
    "two points": (
        lambda text: text.replace("[[15.0, 10.0, 35.5, 12.25, 18.0, 28.75]]", "[[1, 2, 3, 4]]"),
        "annotation 2 in .* has 2 points; it must have at least 3",
    ),
    "not a number": (
        lambda text: text.replace("35.5", "NaN"),
        "the points of annotation 2 in .* hold nan or inf",
    ),
    "text for a number": (
        lambda text: text.replace("35.5", '"x"'),
        "the points of annotation 2 in .* are no list of numbers",
    ),
    "another size": (
        lambda text: text.replace(
            "[[15.0, 10.0, 35.5, 12.25, 18.0, 28.75]]", '{"size": [40, 30], "counts": [1200]}'
        ),
        r"annotation 2 in .* is of size \[40, 30\], but its image has \[30, 40\]",
    ),
    "counts too short": (
        lambda text: text.replace(
            "[[15.0, 10.0, 35.5, 12.25, 18.0, 28.75]]", '{"size": [30, 40], "counts": [5]}'
        ),
        "run lengths of annotation 2 in .* add up to 5 pixels, but 30 x 40 are 1200",
    ),
    "a code that is cut": (
        lambda text: text.replace(
            "[[15.0, 10.0, 35.5, 12.25, 18.0, 28.75]]", '{"size": [30, 40], "counts": "P"}'
        ),
        "annotation 2 in .* end in the middle of a number",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_errors_name_file_object_and_key(case, tmp_path, images):
    change, message = WRONG[case]
    path = writers.coco(tmp_path)
    path.write_text(change(path.read_text()))
    with pytest.raises(ValueError, match=message):
        Annotated(path, images).read(0)


def test_other_errors(tmp_path, images):
    path = writers.coco(tmp_path)
    with pytest.raises(ValueError, match="was to be read as labelme, but it is coco"):
        Annotated(path, images, format="labelme")
    with pytest.raises(ValueError, match="format is 'coc'; it must be one of coco, labelme"):
        Annotated(path, images, format="coc")
    for option, message in (
        ({"order": "size"}, "order is 'size'; it must be one of 'file', 'area', 'z'"),
        ({"overlap": "x"}, "overlap is 'x'; it must be one of 'cover', 'void', 'error'"),
        ({"crowd": "x"}, "crowd is 'x'; it must be one of 'void', 'object', 'skip'"),
        ({"unlabelled": "x"}, "unlabelled is 'x'; it must be one of 'empty', 'error', 'skip'"),
        ({"width": 0}, "width is 0; it must be a positive number"),
        ({"classes": ["a", "a"]}, "give each name once"),
        ({"classes": "dog"}, "classes are 'dog', one text; give a list of names"),
    ):
        with pytest.raises(ValueError, match=message):
            Annotated(path, images, **option)
    with pytest.raises(FileNotFoundError, match="there are no annotations at"):
        read_export(tmp_path / "none.json")
    writers.labelme(tmp_path)
    with pytest.raises(
        ValueError, match="several formats, coco .instances.json., labelme .scene.json.; give one"
    ):
        Annotated(tmp_path, images)


def test_xml_with_entities_is_refused(tmp_path, images):
    path = writers.cvat(tmp_path)
    harmless = '<!DOCTYPE a [<!ENTITY dog "dog">]>'
    path.write_text(path.read_text().replace("<annotations>", harmless + "<annotations>"))
    with pytest.raises(ValueError, match="annotations.xml declares a document type or entities"):
        Annotated(path, images)


@pytest.mark.parametrize(
    "name", [*POLYGONS, "label-studio-brush", "supervisely-bitmap", "cvat-mask", "labelme-mask"]
)
def test_damaged_files_end_in_our_errors(name, tmp_path, images):
    """Bytes cut, changed and doubled: a mask, or an error that names the file."""
    folder = tmp_path / "export"
    folder.mkdir()
    other = {
        "label-studio-brush": writers.label_studio_bitmap,
        "supervisely-bitmap": writers.supervisely_bitmap,
        "cvat-mask": writers.cvat_bitmap,
        "labelme-mask": writers.labelme_bitmap,
    }
    path = (
        other[name](folder, inside(CAT))
        if name in other
        else POLYGONS[name](folder / "e" if name == "yolo" else folder)
    )
    file = next(file for file in sorted(folder.rglob("*.*")) if file.name not in ("meta.json", "data.yaml"))
    whole, rng = file.read_bytes(), np.random.default_rng(0)
    for _ in range(60):
        data = bytearray(whole)
        place = int(rng.integers(len(data)))
        match rng.integers(4):
            case 0:
                data = data[:place]
            case 1:
                data[place] = int(rng.integers(256))
            case 2:
                data[place : place + 8] = b""
            case 3:
                data[place:place] = data[place : place + 30]
        file.write_bytes(bytes(data))
        try:
            Annotated(path, images).read(0)
        except (ValueError, FileNotFoundError) as error:
            assert type(error) in (ValueError, FileNotFoundError) and str(tmp_path) in str(error), repr(error)


# The command line


def test_the_command_writes_masks_sheet_and_report(tmp_path, images, capsys):
    path = writers.coco(tmp_path)
    content = json.loads(path.read_text())
    content["images"].append({"id": 8, "file_name": "b.png", "height": SIZE[0], "width": SIZE[1]})
    content["annotations"].append({"image_id": 8, "category_id": 3, "segmentation": []})
    dump(content, path)
    save_image(images, "b.png", size=(9, 9))
    with pytest.raises(SystemExit) as stopped:
        main([str(path), str(images), str(tmp_path / "out")])
    assert stopped.value.code == 1  # the second image has another size than its export says
    out = tmp_path / "out"
    assert sorted(file.name for file in out.iterdir()) == [
        "classes.txt",
        "masks",
        "overlays.jpg",
        "report.txt",
    ]
    assert [file.name for file in (out / "masks").iterdir()] == ["scene.png"]
    report = (out / "report.txt").read_text()
    assert report in capsys.readouterr().out
    assert "coco: 2 images, 2 objects" in report and f"  2 dog: {(scene() == 2).mean():.2%}" in report
    assert "odd: 1\n  annotation 3" in report and "failed: 1\n" in report
    assert Image.open(out / "overlays.jpg").size == (5 * 244 + 4, 244 + 4 + 3 * 16 + 4)
    classes = (out / "classes.txt").read_text().split()
    (images / "b.png").unlink()
    assert np.array_equal(Folder(images, out / "masks", classes).read(0)[1], scene())


def test_the_module_is_a_command(tmp_path, images):
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "nbhelpers.datasets.annotations",
            writers.coco(tmp_path),
            images,
            tmp_path / "out",
        ],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "coco: 1 images, 2 objects" in done.stdout
    assert np.array_equal(Image.open(tmp_path / "out" / "masks" / NAME), scene())
    with pytest.raises(SystemExit, match="error: 'dog' stand in classes= and in void="):
        classes = ["--classes", "background", "cat", "dog"]
        main([str(tmp_path / "instances.json"), str(images), str(tmp_path), *classes, "--void", "dog"])


def test_every_main_file_runs_when_it_is_called():
    files = [
        path
        for part in ("nbhelpers", "studies", "tools", "docs")
        for path in (ROOT / part).rglob("__main__.py")
    ]
    assert len(files) > 1
    assert [path for path in files if '\nif __name__ == "__main__":\n' not in path.read_text("utf-8")] == []


def test_the_command_says_what_is_wrong(tmp_path):
    with pytest.raises(SystemExit, match="error: there are no annotations at"):
        main([str(tmp_path / "none"), str(tmp_path), str(tmp_path / "out")])


def test_the_table_of_other_tools_is_the_measured_one():
    """docs/annotations.md and lesson 23 show what benchmarks.polygon_fillers measured."""
    results = json.loads((ROOT / "benchmarks" / "results" / "polygon_fillers.json").read_text("utf-8"))
    pixels = results["results"]["pixels"]
    page = (ROOT / "docs" / "annotations.md").read_text("utf-8")
    for tool in pixels["square, (0, 0) to (4, 4)"]:
        row = "".join(f" {counts[tool]} |" for counts in pixels.values())
        assert f"| {tool} |{row}" in page
    points = [(0, 0), (8, 0), (0, 8)]
    assert (
        pixels["triangle (0, 0), (8, 0), (0, 8)"]["nbhelpers"]
        == fill([np.array(points, float)], (12, 12))[2].sum()
    )
    assert all(f"| `{name}`" in page for name in FORMATS)
