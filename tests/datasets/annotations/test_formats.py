"""What one format alone can say, or say wrong: each a few lines of the tool's own, and the mask or the error by hand."""

import json

import numpy as np
import pytest

from nbhelpers.datasets.annotations import Annotated
from tests.datasets.annotations import writers
from tests.datasets.annotations.writers import CAT, DOG, IN_CAT, IN_DOG, NAME, SIZE, dump, save_image

Y, X = np.mgrid[: SIZE[0], : SIZE[1]] + 0.5


def changed(path, change):
    """The JSON export with `change` made to its content."""
    content = json.loads(path.read_text())
    change(content)
    return dump(content, path)


# COCO


def test_a_coco_polygon_without_the_list_around_it(tmp_path, images):
    path = writers.coco(tmp_path, [("cat", CAT)])
    changed(path, lambda all: all["annotations"][0].update(segmentation=np.ravel(CAT).tolist()))
    assert np.array_equal(Annotated(path, images).read(0)[1], IN_CAT)


def test_coco_without_iscrowd_is_no_crowd(tmp_path, images):
    path = changed(writers.coco(tmp_path, [("cat", CAT)]), lambda all: all["annotations"][0].pop("iscrowd"))
    assert np.array_equal(Annotated(path, images).read(0)[1], IN_CAT)


def test_two_coco_categories_of_one_name_and_one_image_of_two_sizes(tmp_path, images):
    path = writers.coco(tmp_path)
    changed(path, lambda all: all["images"].append(all["images"][0] | {"width": 41}))
    with pytest.raises(ValueError, match="image 2 in .* is 'scene.png' and has the id 7 of image 1"):
        Annotated(path, images)
    path = changed(writers.coco(tmp_path), lambda all: all["categories"][1].update(name="cat"))
    with pytest.raises(ValueError, match="two categories in .*instances.json have one name"):
        Annotated(path, images)


def test_classes_need_not_name_labels_without_an_object(tmp_path, images):
    path = changed(writers.coco(tmp_path), lambda all: all["categories"].append({"id": 9, "name": "cow"}))
    data = Annotated(path, images, ["background", "dog", "cat"])
    assert data.counts["cow"] == 0 and np.array_equal(data.read(0)[1], np.select([IN_CAT, IN_DOG], [2, 1], 0))


# YOLO


def yolo(folder, text, names="names: {1: dog, 0: cat}\n"):
    path = writers.yolo(folder)
    (path.parent / "data.yaml").write_text(names, "utf-8")
    (path / "scene.txt").write_text(text, "utf-8-sig")
    return path


def test_yolo_s_classes_are_in_the_order_of_their_ids(tmp_path, images):
    left = "1 0 0 0.5 0 0.5 1 0 1\n"  # the file has a byte order mark
    data = Annotated(yolo(tmp_path / "a", left), images)
    assert data.classes == ("background", "cat", "dog") and np.array_equal(data.read(0)[1], 2 * (X < 20))
    assert Annotated(yolo(tmp_path / "b", left, "names: [Brücke, Straße]"), images).classes[2] == "Straße"


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("0 0.5 0.5 0.2 0.2", "line 1 of .*scene.txt is a box, which has no outline; export the segm"),
        ("0 0 0 0.5 0 0.5 0.5 1", "line 1 of .*scene.txt has 7 numbers after the class; they must be pairs"),
        ("0 0 0 20 0 20 15", "line 1 of .*scene.txt has coordinates up to 20; they must be shares of width"),
        ("0 0 0 0.5 0 0.5 -0.6", "line 1 of .*scene.txt has coordinates up to 0.6"),
        ("2 0 0 0.5 0 0.5 0.5", "line 1 of .*scene.txt has class 2, but the names are those of 0 to 1"),
        ("0.5 0 0 0.5 0 0.5 0.5", "the class in line 1 of .*scene.txt is '0.5'; it must be a whole number"),
    ],
)
def test_faults_of_yolo(line, words, tmp_path, images):
    with pytest.raises(ValueError, match=words):
        Annotated(yolo(tmp_path / "export", line), images)


# labelme


def test_a_labelme_file_without_the_size_of_its_image(tmp_path, images):
    path = writers.labelme(tmp_path, [("cat", CAT)])
    changed(path, lambda all: all.update(imageHeight=None, imageWidth=None))
    assert np.array_equal(Annotated(path, images).read(0)[1], IN_CAT)


def test_faults_of_labelme(tmp_path, images):
    path = writers.labelme(tmp_path, [("cat", CAT)])
    for kind in ("rectangle", "circle", "line", "mask"):
        changed(path, lambda all, kind=kind: all["shapes"][0].update(shape_type=kind))
        with pytest.raises(ValueError, match=f"shape 1 in .* is a {kind} of 3 points; it must have 2"):
            Annotated(path, images)
    path = writers.labelme_bitmap(tmp_path, IN_CAT)
    changed(path, lambda all: all["shapes"][0]["points"][1].reverse())
    with pytest.raises(
        ValueError, match=r"the mask of shape 1 in .* has \d+ x \d+ pixels, but its points span"
    ):
        Annotated(path, images)


# CVAT


def cvat(folder, shapes="", labels="", head="<annotations>"):
    path = writers.cvat(folder, [])
    text = path.read_text().replace("</image>", f"{shapes}</image>")
    path.write_text(text.replace("<annotations>", head + labels).replace("<annotations>", head))
    return path


def test_cvat_s_labels_are_in_the_order_of_the_project(tmp_path, images):
    listed = "".join(f"<label><name>{name}</name></label>" for name in ("dog", "cow", "cat"))
    labels = f"<meta><task><labels>{listed}</labels></task></meta>"
    shape = '<box label="{}" xtl="1" ytl="1" xbr="5" ybr="5"></box>'
    data = Annotated(cvat(tmp_path, shape.format("cat") + shape.format("ant"), labels), images)
    assert data.classes == ("background", "dog", "cow", "cat", "ant")
    assert data.counts == {"dog": 0, "cow": 0, "cat": 1, "ant": 1}


def test_lines_points_and_tags_of_cvat(tmp_path, images):
    shapes = (
        '<tag label="night"></tag><skeleton label="dog"></skeleton>'
        '<polyline label="cat" points="5,5;25,5"></polyline><points label="dog" points="5,20;25,20"></points>'
    )
    data = Annotated(cvat(tmp_path, shapes), images, width=2)
    mask = data.read(0)[1]
    assert mask[5, 15] == 1 and mask[20, 15] == 0 and mask[20, 5] == mask[20, 25] == 2
    assert data.odd == (
        f"<skeleton> of image 1 in {tmp_path}/annotations.xml is no shape of a mask: left out",
    )


def test_faults_of_cvat(tmp_path, images):
    with pytest.raises(ValueError, match="annotations.xml begins with <VOC>, but CVAT's exports begin with"):
        (tmp_path / "annotations.xml").write_text("<VOC></VOC>")
        Annotated(tmp_path / "annotations.xml", images)
    with pytest.raises(ValueError, match="annotations.xml is of a video .it has tracks.; export it as"):
        Annotated(cvat(tmp_path, labels="<track></track>"), images)


# Label Studio


def label_studio(folder, *values, **task):
    """A task with an annotation for each list of (type, value)."""
    size = {"original_width": SIZE[1], "original_height": SIZE[0]}
    drawn = [{"result": [{"type": kind, "value": value} | size for kind, value in one]} for one in values]
    return dump([{"data": {"image": NAME}, "annotations": drawn} | task], folder / "project.json")


LEFT, RIGHT = (
    ("rectanglelabels", {"x": x, "y": 0, "width": 50, "height": 100, "rectanglelabels": ["cat"]})
    for x in (0, 50)
)


def test_the_last_annotation_that_was_not_cancelled_counts(tmp_path, images):
    path = label_studio(tmp_path, [LEFT], [RIGHT], [LEFT])
    changed(path, lambda all: all[0]["annotations"][2].update(was_cancelled=True))
    data = Annotated(path, images)
    assert np.array_equal(data.read(0)[1], X > 20)
    assert data.odd == (f"task 1 in {path} was annotated 2 times: the last one counts",)


def test_label_studio_before_version_1_says_completions(tmp_path, images):
    path = label_studio(tmp_path, [LEFT])
    changed(path, lambda all: all[0].update(completions=all[0].pop("annotations")))
    assert np.array_equal(Annotated(path, images).read(0)[1], X < 20)


def test_ellipses_key_points_and_choices_of_label_studio(tmp_path, images):
    """In per cent of 40 x 30: radii of 8 and 3 about (20, 15), and a point of 4 pixels about (5, 5)."""
    ellipse = {"x": 50, "y": 50, "radiusX": 20, "radiusY": 10, "ellipselabels": ["cat"]}
    point = {"x": 12.5, "y": 100 / 6, "width": 10, "keypointlabels": ["dog"]}
    shapes = [("ellipselabels", ellipse), ("keypointlabels", point), ("choices", {"choices": ["dark"]})]
    data = Annotated(label_studio(tmp_path, shapes), images)
    inside = [((X - 20) / 8) ** 2 + ((Y - 15) / 3) ** 2 < 1, np.hypot(X - 5, Y - 5) < 2]
    assert np.array_equal(data.read(0)[1], np.select(inside, [1, 2], 0)) and data.odd == ()
    data = Annotated(label_studio(tmp_path, [*shapes, ("relation", {})]), images)
    assert data.odd == (
        f"result 4 of task 1 in {tmp_path}/project.json is no labelled region ('relation'): left out",
    )


def test_a_brush_covers_where_its_alpha_is_not_0(tmp_path, images):
    """Even faintly, and whatever its colour; a code of another size is an error."""
    values = np.zeros((*SIZE, 4), np.uint8)
    values[..., 0], values[3, 5, 3] = 255, 1
    bits = f"{values.size:032b}{7:05b}" + "".join(f"{size - 1:04b}" for size in (3, 4, 8, 16))
    bits += f"011{values.size - 1:016b}" + "".join(f"{value:08b}" for value in values.ravel())
    code = [int(bits[start : start + 8].ljust(8, "0"), 2) for start in range(0, len(bits), 8)]
    stroke = ("brushlabels", {"format": "rle", "rle": code, "brushlabels": ["cat"]})
    path = label_studio(tmp_path, [stroke])
    assert np.argwhere(Annotated(path, images).read(0)[1]).tolist() == [[3, 5]]
    changed(path, lambda all: all[0]["annotations"][0]["result"][0].update(original_height=29))
    with pytest.raises(ValueError, match="has 4800 values, but 29 x 40 pixels of RGBA are 4640"):
        Annotated(path, images)


def test_an_image_s_address_is_decoded(tmp_path):
    photo = save_image(tmp_path / "images", "my cat.png")
    path = label_studio(tmp_path, [LEFT], data={"image": "https://a.b/data/upload/1/my%20cat.png"})
    assert Annotated(path, tmp_path / "images").name(0) == str(photo)


def test_a_task_that_is_none(tmp_path, images):
    path = changed(label_studio(tmp_path, [LEFT]), lambda all: all.append(5))
    with pytest.raises(ValueError, match="task 2 in .*project.json is 5; it must be an object"):
        Annotated(path, images)


# Supervisely, QuPath, Cityscapes


def test_rectangles_and_points_of_supervisely(tmp_path, images):
    path = writers.supervisely(
        tmp_path / "export", [("cat", [(20, 15), (5, 4)]), ("dog", [(25, 5), (25, 25)])]
    )
    file = next(path.rglob(f"{NAME}.json"))

    def kinds(all):
        for node, kind in zip(all["objects"], ("rectangle", "point"), strict=True):
            node["geometryType"] = kind

    changed(file, kinds)
    box = (X > 5) & (X < 20) & (Y > 4) & (Y < 15)
    points = np.hypot(X - 25, np.minimum(abs(Y - 5), abs(Y - 25))) < 2
    assert np.array_equal(Annotated(path, images, width=4).read(0)[1], np.select([points, box], [2, 1], 0))


def test_classes_and_points_of_qupath(tmp_path, images):
    path = writers.geojson(tmp_path, [("cat", DOG), ("dog", CAT)])

    def others(all):
        all["features"][0]["properties"]["classification"] = {"names": ["Tumour", "CD8"]}
        all["features"][1]["properties"] = {}
        points = {"type": "MultiPoint", "coordinates": [[30, 5], [30, 25]]}
        properties = {"classification": {"name": "cell"}}
        all["features"].append({"type": "Feature", "geometry": points, "properties": properties})

    data = Annotated(changed(path, others), images, width=2)
    assert data.classes == ("background", "Tumour: CD8", "cell")
    assert data.odd == (f"feature 2 in {path} has no classification: left out",)
    assert data.read(0)[1][[5, 15, 25], 30].tolist() == [2, 0, 2]


def test_cityscapes_coarse_files_and_a_class_that_is_void_by_itself(tmp_path):
    name = "aachen_000000_000019"
    save_image(tmp_path / "leftImg8bit", f"{name}_leftImg8bit.png")
    objects = [{"label": "ego vehicle", "polygon": DOG}]
    content = {"imgHeight": SIZE[0], "imgWidth": SIZE[1], "objects": objects}
    path = dump(content, tmp_path / "gtCoarse" / f"{name}_gtCoarse_polygons.json")
    assert (Annotated(path, tmp_path / "leftImg8bit").read(0)[1] == 255).all()  # no class is the background
    named = Annotated(path, tmp_path / "leftImg8bit", ["background", "ego vehicle"])
    assert np.array_equal(named.read(0)[1], IN_DOG)
