"""Submission files: rows per image, instance and class; whole or not at all; every fault found, with its row."""

import re
import shutil
import subprocess
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

from nbhelpers.kaggle import (
    Convention,
    class_rows,
    image_rows,
    instance_rows,
    lint_submission,
    read_submission,
    rle_decode,
    rle_encode,
    score_submission,
    write_submission,
)
from tests.full_disk import full_disk

IDS = np.array([[0, 1, 1], [2, 0, 1], [2, 2, 0]])
SIZES = {"a": (3, 3), "b": (2, 4)}


# Writing


def test_rows_of_each_kind():
    assert list(image_rows("a", IDS > 0, (3, 3))) == [("a", "2 3 6 3")]
    assert list(image_rows("a", IDS > 9, (3, 3))) == [("a", "")]
    assert list(instance_rows("a", IDS, (3, 3))) == [("a", "4 1 7 2"), ("a", "2 2 6 1")]
    assert list(instance_rows("a", IDS * 0, (3, 3))) == [("a", "")]
    nowhere_background = [("a", "1 1 5 1 9 1"), ("a", "4 1 7 2"), ("a", "2 2 6 1")]
    assert list(instance_rows("a", IDS + 1, (3, 3))) == nowhere_background
    rows = list(
        class_rows("a.png", IDS, {1: "Fish", 3: "Sugar"}, (3, 3), convention=Convention(order="C", base=0))
    )
    assert rows == [("a.png_Fish", "1 2 5 1"), ("a.png_Sugar", "")]
    assert list(class_rows("a", IDS, {2: "x"}, (3, 3), name="{label}/{image}"))[0][0] == "x/a"


def test_classes_that_share_pixels():
    masks = {4: IDS > 0, 2: IDS == 1, 9: IDS > 9, 1: IDS < 0}
    rows = list(class_rows("a", masks, {2: "x", 4: "y", 9: "z"}, (3, 3)))
    assert rows == [("a_x", "4 1 7 2"), ("a_y", "2 3 6 3"), ("a_z", "")]


PROBABILITIES = np.full((3, 3), 0.7, np.float32)


@pytest.mark.parametrize(
    ("ids", "message"),
    [
        (
            PROBABILITIES,
            "the mask of a is float32; .* take the argmax of probabilities, or predict.*ids=True",
        ),
        (IDS > 0, "the mask of a is bool; .* a mask of one class goes in as {class id: mask}"),
        ({1: IDS > 0}, "there is no mask of class 2, but of 1; give one for each of classes"),
        ({1: IDS > 0, 2: PROBABILITIES}, "mask is float32; .* compare probabilities with a threshold"),
        ({1: IDS > 0, 2: IDS[1:] > 0}, "the mask of a is 2 x 3, but its image 3 x 3"),
    ],
)
def test_what_are_no_classes(ids, message):
    with pytest.raises(ValueError, match=message):
        list(class_rows("a", ids, {1: "x", 2: "y"}, (3, 3)))


def test_the_ids_that_predict_gives():
    assert list(class_rows("a", torch.from_numpy(IDS), {1: "x"}, (3, 3))) == [("a_x", "4 1 7 2")]


@pytest.mark.parametrize(
    ("instances", "message"),
    [
        (PROBABILITIES, "instances are float32; they must be integers, .* by_watershed numbers the objects"),
        (IDS > 0, "instances are bool"),
        (IDS - 1, "instances hold -1; .*of cv2.watershed's, -1 is a cut and 1 may be the background"),
    ],
)
def test_what_are_no_objects(instances, message):
    with pytest.raises(ValueError, match=message):
        list(instance_rows("a", instances, (3, 3)))


@pytest.mark.parametrize("rows", [image_rows, instance_rows])
def test_a_mask_of_another_size(rows):
    with pytest.raises(
        ValueError, match="the mask of a is 3 x 3, but its image 3 x 4; .* predict at its size"
    ):
        list(rows("a", IDS, (3, 4)))
    with pytest.raises(ValueError, match="the mask of a is 3 x 3"):
        list(class_rows("a", IDS, {1: "x"}, (4, 3)))
    with pytest.raises(
        ValueError, match=r"size of a is \(3, 3, 3\); .* \(height, width\): .*image.shape\[:2\]"
    ):
        list(rows("a", IDS, (3, 3, 3)))


def test_there_and_back(tmp_path):
    path = tmp_path / "deep" / "submission.csv"
    rows = [("a", "1 2"), ("a", "5 1"), ("b", "")]
    assert write_submission(path, iter(rows)) == 3
    assert path.read_bytes() == b"ImageId,EncodedPixels\na,1 2\na,5 1\nb,\n"
    assert read_submission(path) == rows


def failing(rows, error):
    yield from rows
    raise error


def test_the_blank_of_pandas_is_no_code(tmp_path):
    path = tmp_path / "submission.csv"
    with pytest.raises(ValueError, match=r"row 2 holds nan, \('b', nan\); an empty mask must be written as"):
        write_submission(path, [("a", "1 2"), ("b", float("nan"))])
    assert not path.exists()


def test_whatever_stops_it_leaves_no_half_file(tmp_path):
    path = tmp_path / "submission.csv"
    write_submission(path, [("old", "1 1")])
    old = path.read_bytes()
    for error in (ValueError("the image is corrupt"), KeyboardInterrupt()):
        with pytest.raises(type(error)):
            write_submission(path, failing([("a", "1 2")] * 5000, error))
    with pytest.raises(ValueError, match="row 1 has 1 values for the 2 columns"):
        write_submission(path, [("a",)])
    with pytest.raises(ValueError, match="would have no rows"):
        write_submission(path, [])
    with (
        full_disk(after=5000),
        pytest.raises(OSError, match="submission.csv was not written .* as it was before"),
    ):
        write_submission(path, [("a", "1 2")] * 5000)
    assert path.read_bytes() == old
    assert list(tmp_path.iterdir()) == [path]


def test_a_disk_that_is_really_full(tmp_path):
    """A file system of 64 KB, mounted in a namespace of its own."""
    if (
        not shutil.which("unshare")
        or subprocess.run(["unshare", "-rm", "true"], capture_output=True).returncode
    ):
        pytest.skip("no user namespaces here (unshare -rm), so no small disk can be mounted")
    shell = f'mount -t tmpfs -o size=64k none "{tmp_path}" && echo mounted && read until_we_are_done'
    pipes = {name: subprocess.PIPE for name in ("stdin", "stdout", "stderr")}
    with subprocess.Popen(["unshare", "-rm", "sh", "-c", shell], text=True, **pipes) as small:
        if small.stdout.readline() != "mounted\n":
            pytest.skip(f"no disk can be mounted here: {small.stderr.read().strip()}")
        # as seen from inside
        path = Path(f"/proc/{small.pid}/root", tmp_path.relative_to("/"), "submission.csv")
        write_submission(path, [("old", "1 1")])
        with pytest.raises(
            OSError, match="submission.csv was not written .No space left on device.; the file"
        ):
            write_submission(path, [("a", "1 2")] * 50_000)
        assert path.read_text() == "ImageId,EncodedPixels\nold,1 1\n" and list(path.parent.iterdir()) == [
            path
        ]
    assert list(tmp_path.iterdir()) == []  # so it was that disk, and not the folder below it


# Linting


@pytest.fixture
def sample(tmp_path):
    path = tmp_path / "sample.csv"
    path.write_text("ImageId,EncodedPixels\na,1 1\nb,1 1\n")
    return path


def lint(sample, text, **options):
    path = sample.with_name("submission.csv")
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return lint_submission(path, sample, **{"sizes": SIZES, **options})


HEADER = "ImageId,EncodedPixels\n"


def test_a_good_one(sample):
    assert lint(sample, HEADER + "a,1 2\na,5 1\nb,\n") == []
    assert lint(sample, HEADER.replace("\n", "\r\n") + "b,1 8\r\na,\r\n", rows="one") == []
    assert lint(sample, (HEADER + "a,1 2\nb,\n").replace("\n", "\r")) == []
    assert lint(sample, b"\xef\xbb\xbf" + HEADER.encode() + b'"b","1 8"\na,\n') == []


def test_rows_are_counted_against_the_files_on_disk(sample, tmp_path):
    """A sample of ids a and b; the folder decides which images there are."""
    folder = tmp_path / "test"
    folder.mkdir()
    for name in ("a.png", "c.png", ".hidden"):
        (folder / name).touch()
    (folder / "d").mkdir()  # an image of several files
    sizes = dict.fromkeys("abcd", (4, 6))
    assert lint(sample, HEADER + "a,1 2\nc,\nd,\n", images=folder, sizes=sizes) == []
    assert lint(sample, HEADER + "a,1 2\nb,\nc,\n", images=folder, sizes=sizes) == [
        "'d' lies in test and has no row, nor in the sample, which is stale",
        "row 3: no file of 'b' lies in test",
    ]
    assert lint(sample, HEADER + "c,\nd,\n", images=folder, sizes=sizes) == [
        "'a' lies in test and has no row"
    ]


def test_texts_beside_the_images_are_none(sample, tmp_path):
    """As HuBMAP's outlines of the anatomy."""
    folder = tmp_path / "test"
    folder.mkdir()
    for name in ("a.tiff", "b.tiff", "a-anatomical-structure.json", "b.CSV", "Thumbs.xml"):
        (folder / name).touch()
    assert lint(sample, HEADER + "a,1 2\nb,\n", images=folder) == []


@pytest.mark.parametrize(
    ("files", "ids"),
    [
        (("1.2.276.1.dcm", "1.2.276.2.dcm"), ("1.2.276.1", "1.2.276.2")),
        (("1.2.276.1", "1.2.276.2"), ("1.2.276.1", "1.2.276.2")),
        (("a.v2.png", "b.v2.png"), ("a.v2", "b.v2")),
        (("a.v2.png", "b.v2.png"), ("a.v2.png", "b.v2.JPG")),
        (("a.nii.gz", "b.nii.gz"), ("a.nii.gz", "b.nii")),
        (("a.jpg", "b.jpg"), ("a.jpg_Fish", "b.jpg_Fish")),
        (("a.jpg", "b.jpg"), ("test/a.jpg", "test/b")),
        (("a.jpg", "b.jpg"), ("a_1", "b_Fish")),
        (("a_1.jpg", "a_2.jpg"), ("a_1", "a_2")),
    ],
)
def test_dots_and_labels_in_ids(sample, tmp_path, files, ids):
    folder = tmp_path / "test"
    folder.mkdir()
    for name in files:
        (folder / name).touch()
    sample.write_text(HEADER + "".join(f"{name},\n" for name in ids))
    assert lint(sample, sample.read_text(), images=folder, sizes=None) == []
    found = lint(sample, f"{HEADER}{ids[0]},\n", images=folder, sizes=None)
    assert [fault.endswith("lies in test and has no row") for fault in found].count(True) == 1, found
    (folder / files[1]).unlink()
    found = lint(sample, sample.read_text(), images=folder, sizes=None)
    assert found == [f"row 3: no file of {ids[1]!r} lies in test"]


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("{image}_{label}", "{image}"),
        ("{image}.jpg_{label}", "{image}"),
        ("{image}.jpg_{label}", "{image}.jpg"),
        ("test/{image}_{label}", "{image}"),
    ],
)
def test_rows_of_classes_are_well(sample, tmp_path, name, key):
    folder, path = tmp_path / "images", tmp_path / "submission.csv"
    folder.mkdir()
    classes, sizes = {1: "Fish", 2: "2"}, {key.format(image=image): size for image, size in SIZES.items()}
    rows = [
        row
        for image, size in SIZES.items()
        for row in class_rows(image, np.ones(size, int), classes, size, name=name)
    ]
    for image in SIZES:
        (folder / f"{image}.jpg").touch()
    for written in (sample, path):
        write_submission(written, rows)
    assert lint_submission(path, sample, sizes, rows="one", images=folder) == []
    write_submission(path, [(row, "9 1") for row, _ in rows])
    found = lint_submission(path, sample, sizes, images=folder)
    assert len(found) == 2 and all("image of 2 x 4 pixels ends at 8" in fault for fault in found)


def test_ids_that_pandas_read_as_numbers(sample):
    sample.write_text(HEADER + "10078,\n7,\n")
    sizes = {10078: (3, 3), np.int64(7): (2, 4)}
    assert lint(sample, HEADER + "10078,1 9\n7,1 8\n", sizes=sizes) == []
    assert (
        "ends at pixel 9, but the image of 2 x 4" in lint(sample, HEADER + "10078,\n7,1 9\n", sizes=sizes)[0]
    )


@pytest.mark.parametrize("inside", ["{image}.png", "test/{image}.png", "{image}/images/{image}.png"])
def test_images_in_a_zip(sample, tmp_path, inside):
    archive = tmp_path / "test.zip"
    with zipfile.ZipFile(archive, "w") as file:
        for image in "abc":
            file.writestr(inside.format(image=image), b"")
    assert lint(sample, HEADER + "a,\nb,\n", images=archive) == [
        "'c' lies in test.zip and has no row, nor in the sample, which is stale"
    ]
    archive.write_bytes(b"PK cut off")
    with pytest.raises(ValueError, match="test.zip is neither a folder nor a zip of the test images"):
        lint(sample, HEADER, images=archive)


@pytest.mark.parametrize("second", ["1 2", "2 1", "2 3"])
def test_objects_that_share_pixels_are_not_scored(sample, second):
    text = f"{HEADER}a,1 2\na,{second}\nb,\n"
    (told,) = lint(sample, text)
    assert told.startswith("row 3: 'a' shares pixels with row 2")
    with pytest.raises(
        ValueError, match="has objects of 'a' that share pixels; .* lint_submission lists them"
    ):
        score_submission(sample.with_name("submission.csv"), {"a": IDS, "b": np.zeros((2, 4), int)})


@pytest.mark.parametrize(
    ("text", "options", "fault"),
    [
        (HEADER + "a,1 2\n", {}, "'b' of the sample is missing; each image needs a row"),
        (HEADER + "a,1 2\nb,\nc,1 1\n", {}, "row 4: 'c' is not in the sample"),
        (HEADER + "a,1,2\n\nb,\nc,1 1\n", {}, "row 5: 'c' is not in the sample"),
        (
            HEADER + "a,1 2\nb,\na,5 1\n",
            {"rows": "one"},
            "row 4: 'a' has a row already, row 2; one row an id is due",
        ),
        (HEADER + "a,1 2\na,\nb,\n", {}, "row 3: 'a' has no runs here, but objects in other rows"),
        (
            HEADER + "a,\nb,\na,\n",
            {},
            "row 4: 'a' has a row without runs already, row 2; remove this row",
        ),
        (HEADER + "a,1 3\na,3 2\nb,\n", {}, "row 3: 'a' shares pixels with row 2, from pixel 3 on"),
        (HEADER + "a,4 1\na,1 9\nb,\n", {}, "row 3: 'a' shares pixels with row 2, from pixel 4 on"),
        (HEADER + "a,1 9\na,2 1\na,4 1\nb,\n", {}, "row 4: 'a' shares pixels with row 2, from pixel 4 on"),
        (
            HEADER + "a,1 2\nb,8 2\n",
            {},
            "row 3: 'b': run 1, '8 2', ends at pixel 9, but the image of 2 x 4 pixels",
        ),
        (HEADER + "a,1 two\nb,\n", {}, "row 2: 'a': 'two' in a run-length code is no whole number"),
        (HEADER + "a,1 2 3\nb,\n", {}, "row 2: 'a': a run-length code has 3 numbers, an odd count"),
        (HEADER + "a,2 0\nb,\n", {}, "row 2: 'a': run 1, '2 0', has length zero"),
        (HEADER + "a,0 1\nb,\n", {}, "row 2: 'a': run 1, '0 1', begins before the first pixel, 1"),
        (HEADER + "a,1 2\nb\n", {}, "row 3: has 1 values; it must have 2, with an id and its runs"),
        (HEADER + "a,1,2\nb,\n", {}, "row 2: has 3 values"),
        (
            "id,rle\na,\nb,\n",
            {},
            "row 1: the header is ['id', 'rle']; it must be ['ImageId', 'EncodedPixels']",
        ),
        (HEADER + "a,1 2\nb,1 ", {}, "row 3: the last row has no end; the file may be cut off there"),
        (HEADER + 'a,1 2\n"b,1 1\n', {}, "row 3: unexpected end of data; the file may be cut off there"),
        (HEADER + "a,1 2\nb,\n", {"sizes": {"a": (3, 3)}}, "row 3: the size of 'b' is not known"),
        ("", {}, "the file is empty"),
        (b"\xff\xfe\x00", {}, "byte 0 is no UTF-8 text; is this a csv?"),
    ],
)
def test_each_fault(sample, text, options, fault):
    found = lint(sample, text, **options)
    assert any(sentence.startswith(fault) for sentence in found), found


def test_each_fault_is_told_once(sample):
    assert lint(sample, HEADER + "a,1 2\nb,\nc,1 1\n") == ["row 4: 'c' is not in the sample"]
    assert lint(sample, HEADER + "a,1 9\na,2 1 4 1\nb,\n") == [
        "row 3: 'a' shares pixels with row 2, from pixel 2 on"
    ]


def test_every_cut_of_a_file_is_noticed(sample):
    """A file that stops anywhere before its end is refused, or it lacks an image."""
    whole = HEADER + "a,1 2 5 1\nb,1 2\n"
    assert lint(sample, whole) == []
    for end in range(len(whole)):
        assert lint(sample, whole[:end]), whole[:end]


def test_many_faults_of_one_kind_are_summed_up(sample):
    sample.write_text(HEADER + "".join(f"{n},\n" for n in range(500)))
    found = lint(sample, HEADER + "a,\n", sizes=None)
    assert len(found) == 22 and "and 480 more like the last" in found
    sample.write_text(HEADER + "".join(f"{n},\n" for n in range(20)))
    found = lint(sample, HEADER + "a,\n", sizes=None)
    assert len(found) == 21 and not any("more like" in fault for fault in found)


def test_overlap_where_it_is_allowed_and_a_zipped_sample(sample):
    assert lint(sample, HEADER + "a,1 3\na,3 2\nb,\n", overlap=True) == []
    archive = sample.with_suffix(".csv.zip")
    with zipfile.ZipFile(archive, "w") as file:
        file.write(sample, "sample.csv")
    assert lint(archive, HEADER + "a,\nb,\n") == []


def test_codes_longer_than_the_limit_of_pythons_csv(sample):
    code = rle_encode(np.indices((500, 500)).sum(0) % 2)
    assert len(code) > 131_072
    assert lint(sample, f"{HEADER}a,{code}\nb,\n", sizes={"a": (500, 500), "b": (2, 4)}) == []
    assert read_submission(sample.with_name("submission.csv"))[0] == ("a", code)


def test_zips_without_a_csv(sample):
    archive = sample.with_suffix(".zip")
    archive.write_bytes(b"PK cut off")
    with pytest.raises(ValueError, match="sample.zip cannot be read: the file is no zip of a csv"):
        lint(archive, HEADER)
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("readme.txt", "")
    with pytest.raises(ValueError, match="there is no .csv in it"):
        lint(archive, HEADER)


def test_files_that_are_not_there(sample):
    with pytest.raises(FileNotFoundError, match="no file .*submission.csv"):
        lint_submission(sample.with_name("submission.csv"), sample)
    sample.write_text("")
    with pytest.raises(ValueError, match="sample submission .* cannot be read: the file is empty"):
        lint(sample, HEADER)
    with pytest.raises(ValueError, match="sample.csv: the file is empty"):
        read_submission(sample)
    with pytest.raises(ValueError, match="rows is 'two'"):
        lint(sample, HEADER, rows="two")


# Conventions of other competitions


@pytest.mark.parametrize("empty", ["", "-", "-1", "1 0"])
def test_each_way_to_write_an_empty_mask(tmp_path, empty):
    path, sizes = tmp_path / "submission.csv", {"a": (3, 3), "b": (2, 4)}
    rows = [
        row
        for name, size in sizes.items()
        for row in image_rows(name, np.zeros(size, int), size, convention=Convention(empty=empty))
    ]
    write_submission(path, rows, ("record_id", "encoded_pixels"))
    assert [code for _, code in read_submission(path)] == [empty, empty]
    assert lint_submission(path, path, sizes, rows="one") == []
    assert list(instance_rows("a", IDS * 0, (3, 3), convention=Convention(empty=empty))) == [("a", empty)]
    assert set(
        score_submission(path, {name: np.zeros(size, int) for name, size in sizes.items()}).values()
    ) == {1.0}


@pytest.mark.parametrize(
    ("shown", "code", "options", "fault"),
    [
        ("-", "-", {}, None),
        ("1 0", "1 0", {}, None),
        ("1 1", "1 0", {}, "row 3: 'b' has '1 0' for an empty mask; it must be ''"),
        (
            "-",
            "",
            {},
            "row 3: 'b' has '' for an empty mask; it must be '-': encode with the competition's convention=",
        ),
        ("1 1", "-1", {}, "row 3: 'b' has '-1' for an empty mask; it must be ''"),
        ("1 1", "-1", {"convention": Convention(empty="-1")}, None),
        (
            "-",
            "-",
            {"convention": Convention(empty="-1")},
            "row 3: 'b' has '-' for an empty mask; it must be '-1'",
        ),
    ],
)
def test_the_empty_mask_is_that_of_the_sample(sample, shown, code, options, fault):
    sample.write_text(f"{HEADER}a,1 1\nb,{shown}\n")
    found = lint(sample, f"{HEADER}a,1 1\nb,{code}\n", **options)
    assert [sentence[: len(fault)] for sentence in found] == [fault] if fault else found == []


def test_conventions_that_cannot_be_linted(sample):
    with pytest.raises(ValueError, match="convention is 'siim'; it must be one of dsb-2018, carvana, "):
        lint(sample, HEADER, convention="siim")
    with pytest.raises(ValueError, match="'hpa-single-cell', whose rows hold labels and confidences"):
        lint(sample, HEADER, convention="hpa-single-cell")


@pytest.mark.parametrize(
    ("code", "fault"),
    [
        ("0 2 1 2", None),
        ("-1", None),
        (
            "2 1 0 6",
            "run 2, '0 6', ends at pixel 8, but the image of 2 x 4 pixels ends at 7: .* absolute starts",
        ),
        ("", "'b' has '' for an empty mask; it must be '-1'"),
        ("3 0", "run 1, '3 0', has length zero"),
        ("1 1 2 0", "run 2, '2 0', has length zero"),
        ("1 2 3", "has 3 numbers, an odd count"),
        (" ".join(["9" * 18] * 20), "counts more pixels than any image has"),
    ],
)
def test_relative_starts(sample, code, fault):
    """SIIM-ACR's: a code that is read as one of absolute starts would overlap, or look well and be another mask."""
    found = lint(sample, f"{HEADER}a,-1\nb,{code}\n", convention="siim-acr")
    assert found == [] if fault is None else len(found) == 1 and re.search(fault, found[0]), found


def test_rows_of_relative_starts_that_share_pixels(sample):
    found = lint(sample, HEADER + "a,-1\nb,0 2 2 2\nb,5 1\n", convention="siim-acr")
    assert found == ["row 4: 'b' shares pixels with row 3, from pixel 5 on"]


@pytest.mark.parametrize(
    ("header", "rows"),
    [
        ("id,class,predicted", ["a,stomach,1 2", "a,bowel,"]),
        ("id,height,width,prediction", ["a,3,3,1 2", "b,2,4,"]),
        ("ImageId,EncodedPixels,ClassId", ["a,1 2,4", "a,4 1,4", "b,,7"]),
        ("rle,id", ["1 2,a", ",b"]),
        ("mask_id,mask", ["a,1 2", "b,"]),
    ],
)
def test_samples_of_other_columns(sample, header, rows):
    text = "\n".join([header, *rows]) + "\n"
    sample.write_text(text)
    assert lint(sample, text) == []
    assert lint(sample, "\n".join([header, *rows[:-1]]) + "\n")[0].endswith(
        "of the sample is missing; each image needs a row, an empty one too"
    )
    wrong = text.replace("1 2", "1 99")
    assert "ends at pixel 99, but the image of 3 x 3 pixels" in lint(sample, wrong)[0]


def test_rows_are_told_by_their_whole_id(sample):
    sample.write_text("id,class,predicted\na,stomach,\na,bowel,\n")
    found = lint(sample, "id,class,predicted\na,stomach,1 2\na,liver,1 2\n")
    assert found == [
        "'a, bowel' of the sample is missing; each image needs a row, an empty one too",
        "row 3: 'a, liver' is not in the sample",
    ]


def test_a_sample_of_a_header_alone(sample):
    """As that of UW-Madison, whose images are all hidden."""
    sample.write_text("id,class,predicted\n")
    assert lint(sample, "id,class,predicted\na,stomach,1 2\na,bowel,\n", sizes={"a": (3, 3)}) == []
    found = lint(sample, "id,class,predicted\na,stomach,1 99\n", sizes={"a": (3, 3)})
    assert len(found) == 1 and "ends at pixel 99, but the image of 3 x 3 pixels" in found[0]
    assert lint(sample, HEADER + "a,1 2\n")[0].startswith("row 1: the header is ['ImageId', ")
    found = lint(sample, "id,class,predicted\nc,stomach,1 99\n", sizes={"a": (3, 3)})
    assert found == ["row 2: the size of 'c' is not known; add it to sizes"]


@pytest.mark.parametrize("end", ["", "\n", "\r\n", "\n\n"])
def test_ends_of_samples(sample, end):
    sample.write_bytes((HEADER + "a,1 1\nb,1 1" + end).encode())
    assert lint(sample, HEADER + "a,1 1\nb,\n") == []


def test_a_sample_of_one_column(sample):
    sample.write_text("id\na\n")
    with pytest.raises(ValueError, match=r"has the columns \['id'\]; it must have an id and codes"):
        lint(sample, HEADER)


def test_what_is_written_is_well(sample, tmp_path):
    path = tmp_path / "submission.csv"
    instances = {"a": IDS, "b": np.zeros((2, 4), int)}
    write_submission(
        path, (row for name, ids in instances.items() for row in instance_rows(name, ids, SIZES[name]))
    )
    assert lint_submission(path, sample, SIZES) == []
    again = np.zeros((3, 3), int)
    for number, (_, code) in enumerate(read_submission(path)[:2], start=1):
        again += number * rle_decode(code, (3, 3))
    assert np.array_equal(again, IDS)
