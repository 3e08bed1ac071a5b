"""Run-length codes of Kaggle's competitions: a mask as text, by a convention that has a name."""

import re
from dataclasses import dataclass
from numbers import Real

import cv2
import numpy as np

from nbhelpers.datasets.annotations.conventions import EMPTY, Convention, find_convention
from nbhelpers.datasets.annotations.runs import bitmap_of_counts, coco_counts, coco_text, packed, unpacked
from nbhelpers.datasets.annotations.shapes import Window

PAIRS = re.compile(r"\d{1,18}(?:\s+\d{1,18})*", re.ASCII)
MOST = 1 << 62  # pixels; no image has them, and int64 can count them


def rle_encode(mask: np.ndarray, *, convention: str | Convention = "dsb-2018") -> str:
    """The code of a mask (H, W), "start length start length ...", or what the convention writes for an empty mask.

    mask: bool, or integers 0 and one other value (1 or 255). convention: a name of `CONVENTIONS`, or a `Convention`.
    Raises ValueError for any other mask, such as one of several classes, and for an unknown convention.
    """
    convention = find_convention(convention)
    flat = _flat(_as_binary(mask), convention.order)
    edges = np.flatnonzero(flat[1:] != flat[:-1]) + 1  # where a run begins, where it ends, and so on
    if len(flat) and flat[0]:
        edges = np.r_[0, edges]
    if convention.form == "coco":
        counts = np.diff(np.r_[edges, len(flat)], prepend=0)
        return packed(coco_text(counts.tolist()).encode())
    if len(edges) % 2:
        edges = np.r_[edges, len(flat)]
    runs = edges.reshape(-1, 2)
    runs[:, 1] -= runs[:, 0]
    if convention.form == "relative":
        runs[1:, 0] -= runs[:-1].sum(axis=1)
    runs[:, 0] += convention.base
    # in half the time of " ".join(map(str, ...))
    return str(runs.ravel().tolist())[1:-1].replace(",", "") or convention.empty


def rle_decode(
    text: str | float | None, shape: tuple[int, int], *, convention: str | Convention = "dsb-2018"
) -> np.ndarray:
    """The mask uint8 (H, W) of 0 and 1 that `rle_encode` made `text` of. None, nan, "", "-", "-1" and "1 0" are the empty mask.

    shape: (height, width). convention: a name of `CONVENTIONS`, or a `Convention`. Raises ValueError for what is no
    whole number, an odd count, a run of length zero, runs that are not sorted or overlap, and runs beyond the last
    pixel; for the form "coco", for text that is none, and counts that do not add up to the size.
    """
    convention = find_convention(convention)
    height, width = shape
    if convention.form == "coco":
        counts = _read_counts(text) or [height * width]
        pixels = bitmap_of_counts(counts, (height, width), "the code", order="F").pixels
        return np.ascontiguousarray(pixels).view(np.uint8)
    starts, lengths = read_runs(text, convention)
    check_runs(starts, lengths, height * width, convention, f"{height} x {width} pixels")
    # alternating background and foreground: how many pixels of each
    counts = np.empty(2 * len(starts) + 1, np.int64)
    ends = np.r_[0, starts + lengths]
    counts[0:-1:2], counts[1::2], counts[-1] = starts - ends[:-1], lengths, height * width - ends[-1]
    values = np.zeros(len(counts), np.uint8)
    values[1::2] = 1
    flat = np.repeat(values, counts)
    if convention.order == "C":
        return flat.reshape(height, width)
    return _transposed(flat.reshape(width, height))


@dataclass(frozen=True)
class Coded:
    """A shape that is a code: which pixels it covers is known once the picture's size is.

    Raises ValueError for text that is no code, and on covering for one that does not fit the size.
    """

    text: str
    convention: Convention

    def __post_init__(self) -> None:
        if self.convention.form == "coco":
            _read_counts(self.text)
        else:
            read_runs(self.text, self.convention)

    def cover(self, size: tuple[int, int]) -> Window:
        return 0, 0, rle_decode(self.text, size, convention=self.convention).view(bool)

    def moved(self, by: float) -> "Coded":
        return self


def read_runs(text: str | float | None, convention: Convention) -> tuple[np.ndarray, np.ndarray]:
    """Starts, from 0, and lengths of the runs in `text`, int64 (n,). Raises ValueError for what are no pairs."""
    text = _text(text, "such as '5 3 20 4'")
    if text and not PAIRS.fullmatch(text):
        wrong = next((part for part in text.split() if not re.fullmatch(r"\d{1,18}", part, re.ASCII)), text)
        raise ValueError(
            f"{wrong!r} in a run-length code is no whole number; it must be digits, such as '5 3 20 4'"
        )
    numbers = np.fromstring(text, dtype=np.int64, sep=" ") if text else np.zeros(0, np.int64)
    if len(numbers) % 2:
        raise ValueError(
            f"a run-length code has {len(numbers)} numbers, an odd count; it must be pairs of start and length: "
            "it may be cut off"
        )
    starts, lengths = numbers[0::2] - convention.base, numbers[1::2]
    if convention.form == "relative":
        if numbers.sum(dtype=np.float64) > MOST:
            raise ValueError(
                "a run-length code counts more pixels than any image has; is it one of relative starts?"
            )
        starts = np.cumsum(numbers)[0::2]
    return starts, lengths


def is_empty(text: object) -> bool:
    """Whether `text` is the code of an empty mask by any convention, also as pandas reads it: None, nan, or the number -1."""
    if isinstance(text, str):
        return text.strip() in EMPTY
    return text is None or isinstance(text, Real) and (text != text or text == -1)


def check_runs(
    starts: np.ndarray, lengths: np.ndarray, pixels: int, convention: Convention, size: str = ""
) -> None:
    """Raise ValueError unless the runs are sorted, apart, not empty, and within an image of so many pixels."""
    if not len(starts):
        return
    ends, base = starts + lengths, convention.base
    relative = convention.form == "relative"
    for wrong, why in (
        (lengths < 1, "has length zero; a run has at least one pixel"),
        (starts < 0, f"begins before the first pixel, {base}; is the base another?"),
        (np.r_[False, starts[1:] < starts[:-1]], "begins before the run ahead of it; runs must be sorted"),
        (np.r_[False, starts[1:] < ends[:-1]], "overlaps the run ahead of it; each pixel may be named once"),
        (
            ends > pixels,
            f"ends at pixel {int(ends.max()) - 1 + base}, but the image of {size or f'{pixels} pixels'} ends at "
            f"{pixels - 1 + base}: the mask has another size or {'absolute starts' if relative else 'base'}",
        ),
    ):
        if wrong.any():
            number = int(wrong.argmax())
            start = starts[number] - (ends[number - 1] if relative and number else 0) + base
            raise ValueError(f"run {number + 1}, '{start} {lengths[number]}', {why}")


def _read_counts(text: str | float | None) -> list[int]:
    """COCO's counts of pixels outside, inside, outside ...; none for the empty mask."""
    text = _text(text, "such as 'eNozMDI0MAAAAuAA9A=='")
    if not text:
        return []
    try:
        letters = unpacked(text, "the code").decode("ascii")
    except UnicodeDecodeError as error:
        raise ValueError(f"the code holds no letters of COCO's ({error})") from error
    return coco_counts(letters, "the code")


def _text(text: str | float | None, example: str) -> str:
    """Without spaces around it; "" for the empty mask."""
    if is_empty(text):
        return ""
    if not isinstance(text, str):
        raise ValueError(f"a run-length code is {type(text).__name__} {text!r}; it must be text, {example}")
    return text.strip()


def _as_binary(mask: np.ndarray) -> np.ndarray:
    """The mask as uint8 whose foreground has one value."""
    mask = np.asarray(mask)
    if mask.ndim != 2:
        raise ValueError(f"mask has shape {mask.shape}; it must be (H, W), one mask at a time")
    if mask.dtype == bool:
        return mask.view(np.uint8)
    if mask.dtype.kind not in "iu":
        raise ValueError(
            f"mask is {mask.dtype}; it must be bool or integers: compare probabilities with a threshold"
        )
    if mask.size == 0:
        return mask.astype(np.uint8)
    low, high = int(mask.min()), int(mask.max())
    if low < 0 or np.count_nonzero(mask) != np.count_nonzero(mask == high) and high > 0:
        raise ValueError(
            f"mask holds several values from {low} to {high}; it must be 0 and one other: encode each class or "
            "instance by itself, mask == number"
        )
    return mask if mask.dtype == np.uint8 else (mask > 0).view(np.uint8)


def _flat(mask: np.ndarray, order: str) -> np.ndarray:
    return np.ascontiguousarray(mask).ravel() if order == "C" else _transposed(mask).ravel()


def _transposed(mask: np.ndarray) -> np.ndarray:
    """`mask.T` in memory order: OpenCV goes by blocks and takes a thirtieth of numpy's time at 2048 x 2048."""
    return cv2.transpose(np.ascontiguousarray(mask)) if mask.size else mask.T.copy()
