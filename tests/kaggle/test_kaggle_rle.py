"""Run-length codes: hand cases, a plain reference on random masks, real codes, speed, and every fault by name."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from nbhelpers.datasets import Cells
from nbhelpers.kaggle import Convention, rle_decode, rle_encode
from tests.shared_data import shared_data

NUMBERINGS = [("F", 1), ("F", 0), ("C", 1), ("C", 0)]


def plainly(mask: np.ndarray, order: str, base: int) -> str:
    """Pixel by pixel, as one would explain it."""
    numbers, length = [], 0
    pixels = mask.flatten(order=order).tolist()
    for place, value in enumerate([*pixels, 0]):
        if value:
            length += 1
        elif length:
            numbers += [place - length + base, length]
            length = 0
    return " ".join(map(str, numbers))


@pytest.mark.parametrize(
    ("mask", "code"),
    [
        ([[0]], ""),
        ([[1]], "1 1"),
        ([[0, 0], [0, 1]], "4 1"),
        ([[1, 1], [1, 1]], "1 4"),
        # down the first column ends at the bottom, and the second begins at the top
        ([[0, 1], [1, 0]], "2 2"),
        ([[1, 0, 1], [1, 0, 1]], "1 2 5 2"),
    ],
)
def test_by_hand(mask, code):
    mask = np.array(mask, np.uint8)
    assert rle_encode(mask) == code
    assert np.array_equal(rle_decode(code, mask.shape), mask)


@given(
    mask=arrays(
        np.uint8, array_shapes(min_dims=2, max_dims=2, min_side=0, max_side=12), elements=st.integers(0, 1)
    ),
    numbering=st.sampled_from(NUMBERINGS),
)
def test_random_masks_equal_the_plain_reference(mask, numbering):
    order, base = numbering
    convention = Convention(order=order, base=base)
    code = rle_encode(mask, convention=convention)
    assert code == plainly(mask, order, base)
    decoded = rle_decode(code, mask.shape, convention=convention)
    assert decoded.dtype == np.uint8 and decoded.shape == mask.shape and np.array_equal(decoded, mask)


@given(data=st.data(), share=st.floats(0, 1))
def test_large_random_masks(data, share):
    shape = data.draw(st.tuples(st.integers(1, 90), st.integers(1, 70)))
    mask = np.random.default_rng(data.draw(st.integers(0, 999))).random(shape) < share
    code = rle_encode(mask)
    assert code == plainly(mask, "F", 1) and np.array_equal(rle_decode(code, shape), mask)


def test_types_and_layouts_of_masks():
    mask = np.random.default_rng(0).random((7, 5)) < 0.5
    code = rle_encode(mask)
    for same in (
        mask.astype(np.uint8),
        mask.astype(np.int64),
        mask * np.uint8(255),
        mask.astype(np.int32) * 7,
        mask.astype(np.int32) * 256,
    ):
        assert rle_encode(same) == code
    assert rle_encode(np.asfortranarray(mask)) == code and rle_encode(mask[::-1][::-1]) == code
    assert rle_encode(mask.T, convention=Convention(order="C")) == code


def test_blanks_around_a_code():
    assert np.array_equal(rle_decode(" 1 3\n", (3, 3)), rle_decode("1 3", (3, 3)))


def test_empty_codes():
    for nothing in (
        "",
        "  ",
        None,
        float("nan"),
        "-",
        " -1 ",
        "1 0",
        -1,
        np.int64(-1),
        -1.0,
        np.float32("nan"),
    ):
        assert not rle_decode(nothing, (3, 4)).any()


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("1 2 3", "has 3 numbers, an odd count; .* cut off"),
        ("1 3 2 1", "run 2, '2 1', overlaps the run ahead of it"),
        ("5 2 1 2", "run 2, '1 2', begins before the run ahead of it; runs must be sorted"),
        ("3 2 3 2", "overlaps"),
        ("10 3", "run 1, '10 3', ends at pixel 12, but the image of 3 x 3 pixels ends at 9"),
        ("9 2", "ends at pixel 10"),
        ("2 0", "run 1, '2 0', has length zero"),
        ("0 1", "begins before the first pixel, 1; is the base another"),
        ("1 x", "'x' in a run-length code is no whole number"),
        ("1.0 2", "'1.0' in a run-length code is no whole number"),
        ("-1 2", "'-1'"),
        ("1 nan", "'nan'"),
        ("1_0 2", "'1_0'"),
        ("1 99999999999999999999", "'99999999999999999999'"),
        (17, "is int 17; it must be text"),
        (np.array([1, 2]), "is ndarray"),
    ],
)
def test_faulty_codes(code, words):
    with pytest.raises(ValueError, match=words):
        rle_decode(code, (3, 3))


def test_touching_runs_and_the_last_pixel_are_well():
    assert np.array_equal(rle_decode("1 2 3 1", (3, 3)).ravel("F"), [1, 1, 1, 0, 0, 0, 0, 0, 0])
    assert (
        rle_decode("9 1", (3, 3))[2, 2] == 1
        and rle_decode("8 1", (3, 3), convention=Convention(base=0))[2, 2] == 1
    )


@pytest.mark.parametrize(
    ("mask", "words"),
    [
        (np.array([[0, 1, 2]]), "several values from 0 to 2; .* encode each class or instance by itself"),
        (np.array([[1, 2]]), "several values"),
        (np.array([[-1, 0]]), "several values from -1"),
        (np.zeros((2, 2), np.float32), "mask is float32; .* threshold"),
        (np.zeros((2, 2, 3), np.uint8), r"shape \(2, 2, 3\)"),
    ],
)
def test_faulty_masks(mask, words):
    with pytest.raises(ValueError, match=words):
        rle_encode(mask)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"order": "A"}, "order is 'A'; it must be 'F', down the columns, or 'C'"),
        ({"base": 2}, "base is 2; it must be 1 or 0"),
        ({"form": "x"}, "form is 'x'; it must be one of 'absolute', 'relative', 'coco'"),
        ({"empty": "none"}, "empty is 'none'; it must be one of '', '-', '-1'"),
        ({"form": "relative"}, "base is 1, but form 'relative' counts pixels from 0; pass base=0"),
        ({"form": "coco"}, "base is 1, but form 'coco' counts pixels from 0; pass base=0"),
        ({"form": "coco", "base": 0, "order": "C"}, "order is 'C', but form 'coco' goes down the columns"),
    ],
)
def test_faulty_conventions(wrong, words):
    with pytest.raises(ValueError, match=words):
        Convention(**wrong)


def test_a_large_mask_of_many_runs():
    _, mask = Cells(size=(2048, 2048)).read(2)
    code = rle_encode(mask)
    assert np.array_equal(rle_decode(code, mask.shape), mask) and len(code.split()) > 2000


def test_every_code_of_the_real_data():
    """Kaggle's codes of stage1_train against the png of each nucleus: the same codes, and the same masks."""
    import csv
    import io
    import zipfile
    from collections import defaultdict

    path = shared_data("dsb2018_stage1_train_subset.zip") / "dsb2018_stage1_train_subset.zip"
    with zipfile.ZipFile(path) as archive:
        table = next(name for name in archive.namelist() if name.endswith("stage1_train_labels.csv"))
        codes = defaultdict(set)
        for row in csv.DictReader(io.StringIO(archive.read(table).decode())):
            codes[row["ImageId"]].add(row["EncodedPixels"])
        names = [name for name in archive.namelist() if "/masks/" in name and name.endswith(".png")]
        present = {name.split("/")[-3] for name in names}
        seen, differ = 0, []
        for name in names:
            # not by read_mask: here OpenCV is twice as fast
            mask = cv2.imdecode(np.frombuffer(archive.read(name), np.uint8), cv2.IMREAD_GRAYSCALE) > 0
            code = rle_encode(mask)
            assert np.array_equal(rle_decode(code, mask.shape), mask)
            if code not in codes[name.split("/")[-3]]:
                differ.append(name)
            seen += 1
    assert seen > 1000 and differ == []
    assert sum(len(codes[image]) for image in present) == seen
