"""Run-length codes: a mask as the pairs (start, length) of its runs of foreground, as text.

Kaggle counts pixels from 1 and down the columns first (order "F", as in Fortran), and writes nothing for a mask without
foreground; all three are arguments, because some competitions and tools differ.
"""

import re
from numbers import Real

import cv2
import numpy as np

EMPTY = (
    "",
    "-",
    "-1",
)  # what competitions write for a mask without foreground; no code of runs looks like it
PAIRS = re.compile(r"\d{1,18}(?:\s+\d{1,18})*", re.ASCII)


def rle_encode(mask: np.ndarray, *, order: str = "F", base: int = 1, empty: str = "") -> str:
    """The runs of a mask (H, W): "start length start length ..."; `empty` for an empty mask.

    mask: bool, or integers 0 and one other value (1 or 255). order: "F" goes down the columns, "C" along the rows.
    base: the number of the first pixel. empty: one of EMPTY: "", "-" or "-1".
    Raises ValueError for any other mask, such as one of several classes.
    """
    _check_convention(order, base)
    check_empty(empty)
    flat = _flat(_as_binary(mask), order)
    edges = np.flatnonzero(flat[1:] != flat[:-1]) + 1  # where a run begins, where it ends, and so on
    if len(flat) and flat[0]:
        edges = np.r_[0, edges]
    if len(edges) % 2:
        edges = np.r_[edges, len(flat)]
    runs = edges.reshape(-1, 2)
    runs[:, 1] -= runs[:, 0]
    runs[:, 0] += base
    return (
        str(runs.ravel().tolist())[1:-1].replace(",", "") or empty
    )  # in half the time of " ".join(map(str, ...))


def rle_decode(
    text: str | float | None, shape: tuple[int, int], *, order: str = "F", base: int = 1
) -> np.ndarray:
    """The mask uint8 (H, W) of 0 and 1 that `rle_encode` made `text` of. None, nan, "", "-" and "-1" are the empty mask.

    shape: (height, width). Raises ValueError for what is no whole number, an odd count, a run of length zero, runs
    that are not sorted or overlap, and runs beyond the last pixel.
    """
    _check_convention(order, base)
    height, width = shape
    starts, lengths = read_runs(text, base)
    check_runs(starts, lengths, height * width, base, f"{height} x {width} pixels")
    # alternating background and foreground: how many pixels of each
    counts = np.empty(2 * len(starts) + 1, np.int64)
    ends = np.r_[0, starts + lengths]
    counts[0:-1:2], counts[1::2], counts[-1] = starts - ends[:-1], lengths, height * width - ends[-1]
    values = np.zeros(len(counts), np.uint8)
    values[1::2] = 1
    flat = np.repeat(values, counts)
    return flat.reshape(height, width) if order == "C" else _transposed(flat.reshape(width, height))


def read_runs(text: str | float | None, base: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Starts, from 0, and lengths of the runs in `text`, int64 (n,). Raises ValueError for what are no pairs."""
    if is_empty(text):
        text = ""
    if not isinstance(text, str):
        raise ValueError(
            f"a run-length code is {type(text).__name__} {text!r}; it must be text, such as '5 3 20 4'"
        )
    text = text.strip()
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
    return numbers[0::2] - base, numbers[1::2]


def is_empty(text: object) -> bool:
    """Whether `text` is the code of an empty mask by any convention, also as pandas reads it: None, nan, or the number -1."""
    if isinstance(text, str):
        return text.strip() in EMPTY
    return text is None or isinstance(text, Real) and (text != text or text == -1)


def check_empty(empty: str) -> None:
    if empty not in EMPTY:
        raise ValueError(f"empty is {empty!r}; it must be one of {', '.join(map(repr, EMPTY))}")


def check_runs(starts: np.ndarray, lengths: np.ndarray, pixels: int, base: int = 1, size: str = "") -> None:
    """Raise ValueError unless the runs are sorted, apart, not empty, and within an image of so many pixels."""
    if not len(starts):
        return
    ends = starts + lengths
    for wrong, why in (
        (lengths < 1, "has length zero; a run has at least one pixel"),
        (starts < 0, f"begins before the first pixel, {base}; is the base another?"),
        (np.r_[False, starts[1:] < starts[:-1]], "begins before the run ahead of it; runs must be sorted"),
        (np.r_[False, starts[1:] < ends[:-1]], "overlaps the run ahead of it; each pixel may be named once"),
        (
            ends > pixels,
            f"ends at pixel {int(ends.max()) - 1 + base}, but the image of {size or f'{pixels} pixels'} ends at "
            f"{pixels - 1 + base}: the mask has another size or base",
        ),
    ):
        if wrong.any():
            number = int(wrong.argmax())
            raise ValueError(f"run {number + 1}, '{starts[number] + base} {lengths[number]}', {why}")


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


def _check_convention(order: str, base: int) -> None:
    if order not in ("F", "C"):
        raise ValueError(f"order is {order!r}; it must be 'F', down the columns, or 'C', along the rows")
    if base not in (0, 1):
        raise ValueError(f"base is {base!r}; it must be 1 or 0, the number of the first pixel")
