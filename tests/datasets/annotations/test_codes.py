"""Numbers and codes in other people's files that are no numbers and no codes: each an error that names its place."""

import base64
import zlib

import pytest

from nbhelpers.datasets.annotations.nodes import load_json, number, size_of, take, whole
from nbhelpers.datasets.annotations.rle import rle_decode
from nbhelpers.datasets.annotations.runs import bitmap_of_counts, brush_values, coco_counts, unpacked


def bits(text: str) -> list[int]:
    return [int(text[start : start + 8].ljust(8, "0"), 2) for start in range(0, len(text), 8)]


def brush(blocks: str, total: int = 4, depth: int = 8) -> list[int]:
    """A brush code of `total` values by its header; lengths are of 3, 4, 8 or 16 bits."""
    return bits(
        f"{total:032b}{depth - 1:05b}" + "".join(f"{size - 1:04b}" for size in (3, 4, 8, 16)) + blocks
    )


def test_a_brush_code_by_hand():
    """Two values one by one, 1 and 2, then 7 twice."""
    code = brush(f"000{1:03b}{1:08b}{2:08b}" + f"100{1:03b}{7:08b}")
    assert brush_values(code, "here").tolist() == [1, 2, 7, 7]


def test_a_file_with_a_byte_order_mark(tmp_path):
    (tmp_path / "a.json").write_bytes(b"\xef\xbb\xbf[1]")
    assert load_json(tmp_path / "a.json") == [1]


@pytest.mark.parametrize(
    ("read", "words"),
    [
        (lambda: take({"a": True}, "a", int, "here"), "'a' of here is True; it must be a whole number"),
        (lambda: take({"a": float("nan")}, "a", (int, float), "here"), "'a' of here is nan; it must be a"),
        (lambda: take([], "a", int, "here"), r"here is \[\]; it must be an object with the key 'a'"),
        (lambda: number("inf", "x"), "x is 'inf'; it must be a number"),
        (lambda: whole("1.5", "x"), "x is '1.5'; it must be a whole number"),
        (lambda: size_of(0, 5, "here"), "here says that its image has 0 x 5 pixels, which cannot be"),
        (lambda: size_of(5, 1 << 20, "here"), "here says that its image has 5 x 1048576 pixels"),
        (
            lambda: bitmap_of_counts([-1, 7], (2, 3), "here", order="C"),
            r"run lengths of here must be one list of whole numbers from 0 on: \[-1, 7\]",
        ),
        (lambda: bitmap_of_counts([[6]], (2, 3), "here", order="C"), r"must be one list .*: \[\[6\]\]"),
        (lambda: coco_counts("p", "here"), "'p' in the compressed run lengths of here is no letter"),
        (
            lambda: unpacked(base64.b64encode(zlib.compress(bytes(range(256)))[:-8]).decode(), "here"),
            "here is cut off, or larger",
        ),
        (lambda: brush_values(brush(f"100{4:03b}{7:08b}"), "here"), "here has more values than .* says, 4"),
        (
            lambda: brush_values(brush("", depth=4), "here"),
            "here has 4 values of 4 bits; it must have values of 8",
        ),
        (lambda: brush_values(brush(f"000{3:03b}{7:08b}"), "here"), "the brush code of here is cut off"),
        (lambda: brush_values(brush("")[:5], "here"), "the brush code of here is cut off"),
        (
            lambda: rle_decode(" ".join(["9" * 18] * 20), (2, 3), convention="siim-acr"),
            "a run-length code counts more pixels than any image has; is it one of relative starts",
        ),
        (lambda: brush_values([256], "here"), "the brush code of here is no list of bytes, 0..255"),
    ],
)
def test_what_is_wrong_is_said(read, words):
    with pytest.raises(ValueError, match=words):
        read()
