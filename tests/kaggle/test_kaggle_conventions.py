"""The conventions of the competitions: codes by hand, there and back, and the organisers' own examples."""

import base64
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from pycocotools import mask as coco_masks

from nbhelpers.kaggle import (
    CONVENTIONS,
    Convention,
    class_rows,
    conventions_table,
    image_rows,
    instance_rows,
    lint_submission,
    rle_decode,
    rle_encode,
    write_submission,
)

MASK = np.array([[1, 0, 1], [1, 1, 0]])  # down the columns 1 1 0 1 1 0, along the rows 1 0 1 1 1 0
LAST = np.array([[0, 0, 0], [0, 0, 1]])
COLUMNS = ("1 2 4 2", "6 1", "")
ROWS = ("1 1 3 3", "6 1", "")
BY_HAND = {  # the codes of MASK, of LAST, and of a mask without foreground
    "dsb-2018": COLUMNS,
    "carvana": ROWS,
    "tgs-salt": COLUMNS,
    "airbus-ships": COLUMNS,
    "siim-acr": ("0 2 1 2", "5 1", "-1"),
    "severstal": COLUMNS,
    "clouds": COLUMNS,
    "imaterialist": COLUMNS,
    "hubmap-kidney": COLUMNS,
    "hubmap-hpa": COLUMNS,
    "sartorius": ROWS,
    "sartorius-page": COLUMNS,
    "uw-madison": ROWS,
    "uw-madison-page": COLUMNS,
    "contrails": (*COLUMNS[:2], "-"),
    "vesuvius": ROWS,
    "sennet": (*ROWS[:2], "1 0"),
    # counts outside, inside, ... (0 2 1 2 1; 5 1; 6), a digit each; from the fourth on less the one before last
    "hpa-single-cell": ("02100", "51", "6"),
}


def test_every_convention_is_tested_by_hand_and_says_its_source():
    assert list(BY_HAND) == list(CONVENTIONS)
    table = conventions_table()
    for name, convention in CONVENTIONS.items():
        assert len(convention.source) > 40 and f"{name}: {convention.source}" in table
    assert "siim-acr         columns  0      relative  '-1'" in table.splitlines()
    assert "vesuvius         rows     1      absolute  ''" in table.splitlines()


@pytest.mark.parametrize("name", BY_HAND)
def test_by_hand(name):
    codes = BY_HAND[name]
    if CONVENTIONS[name].form == "coco":
        codes = [base64.b64encode(zlib.compress(code.encode(), 9)).decode() for code in codes]
    for mask, code in zip((MASK, LAST, LAST * 0), codes, strict=True):
        assert rle_encode(mask, convention=name) == code
        assert np.array_equal(rle_decode(code, (2, 3), convention=name), mask)


@given(
    mask=arrays(
        np.uint8, array_shapes(min_dims=2, max_dims=2, min_side=0, max_side=9), elements=st.integers(0, 1)
    ),
    fill=st.sampled_from(["as drawn", "empty", "full", "last pixel"]),
    name=st.sampled_from(list(CONVENTIONS)),
)
def test_there_and_back(mask, fill, name):
    if fill != "as drawn":
        mask[:] = fill == "full"
    if fill == "last pixel" and mask.size:
        mask[-1, -1] = 1
    code = rle_encode(mask, convention=name)
    again = rle_decode(code, mask.shape, convention=name)
    assert again.dtype == np.uint8 and again.flags.c_contiguous and np.array_equal(again, mask)
    assert rle_encode(again, convention=CONVENTIONS[name]) == code


def encode_binary_mask(mask: np.ndarray) -> str:
    """What the evaluation page of the Human Protein Atlas does: pycocotools' counts, zlib, base64."""
    counts = coco_masks.encode(np.asfortranarray(mask.astype(np.uint8)))["counts"]
    return base64.b64encode(zlib.compress(counts, zlib.Z_BEST_COMPRESSION)).decode()


@given(seed=st.integers(0, 10**6), share=st.sampled_from([0, 0.01, 0.5, 0.99, 1]))
def test_the_human_protein_atlas_is_as_by_pycocotools(seed, share):
    rng = np.random.default_rng(seed)
    shape = tuple(rng.integers(1, 120, 2).tolist())
    mask = np.repeat(rng.random((shape[0], 1 + shape[1] // 40)) < share, 40, axis=1)[:, : shape[1]]
    code = encode_binary_mask(mask)
    assert rle_encode(mask, convention="hpa-single-cell") == code
    assert np.array_equal(rle_decode(code, shape, convention="hpa-single-cell"), mask)


def test_the_example_of_siim_acr():
    """The data page's own code, 1024 x 1024: read with relative starts it is one shape, a run a column."""
    code = "387620 23 996 33 986 43 977 51 968 58 962 65 956 70 952 74 949 76 946 79"
    mask = rle_decode(code, (1024, 1024), convention="siim-acr")
    columns = np.flatnonzero(mask.any(axis=0))
    assert np.array_equal(columns, np.arange(387620 // 1024, 387620 // 1024 + 10))
    assert mask.sum(axis=0)[columns].tolist() == [23, 33, 43, 51, 58, 65, 70, 74, 76, 79]
    middles = [np.flatnonzero(mask[:, column]).mean() for column in columns]
    assert np.abs(np.diff(middles)).max() < 5
    assert rle_encode(mask, convention="siim-acr") == code


@pytest.mark.parametrize(
    ("code", "convention", "words"),
    [
        (
            "1 1",
            "vesuvio",
            "convention is 'vesuvio'; it must be one of dsb-2018, carvana, .*, or a Convention",
        ),
        ("1 1", None, "convention is None; it must be one of dsb-2018"),
        ("0 1", "carvana", "begins before the first pixel, 1; is the base another"),
        ("2 3 1 1", "siim-acr", "run 2, '1 1', ends at pixel 6, but the image of 2 x 3 pixels ends at 5"),
        ("0 0 0 2", "siim-acr", "run 1, '0 0', has length zero"),
        ("1 2 4 2", "hpa-single-cell", "the code is nothing that zlib packed and base64 wrote"),
        ("6", "hpa-single-cell", "the code is nothing that zlib packed"),
        (17, "hpa-single-cell", "a run-length code is int 17; it must be text, such as"),
        (encode_binary_mask(MASK)[:-8], "hpa-single-cell", "nothing that zlib packed|is cut off"),
        (
            encode_binary_mask(np.ones((3, 3))),
            "hpa-single-cell",
            "the code add up to 9 pixels, but 2 x 3 are 6",
        ),
        (
            base64.b64encode(zlib.compress(b"\xff")).decode(),
            "hpa-single-cell",
            "the code holds no letters of COCO's",
        ),
        (
            base64.b64encode(zlib.compress(b"!")).decode(),
            "hpa-single-cell",
            "'!' in the compressed run lengths",
        ),
    ],
)
def test_faults(code, convention, words):
    with pytest.raises(ValueError, match=words):
        rle_decode(code, (2, 3), convention=convention)


@pytest.mark.parametrize("name", [name for name, one in CONVENTIONS.items() if one.form != "coco"])
def test_rows_of_each_convention_are_linted_well(name, tmp_path):
    path, ids = tmp_path / "submission.csv", MASK * 2 + LAST
    rows = [
        *image_rows("a", MASK, (2, 3), convention=name),
        *instance_rows("b", ids, (2, 3), convention=name),
        *class_rows("c", ids, {2: "x", 9: "y"}, (2, 3), convention=name),
    ]
    assert [code for _, code in rows[:1]] == [BY_HAND[name][0]] and rows[-1] == ("c_y", BY_HAND[name][2])
    write_submission(path, rows)
    sizes = dict.fromkeys(("a", "b", "c_x", "c_y"), (2, 3))
    assert lint_submission(path, path, sizes, convention=name) == []
    other = Convention(empty="-1" if CONVENTIONS[name].empty == "-" else "-")
    assert any("for an empty mask" in fault for fault in lint_submission(path, path, convention=other))
