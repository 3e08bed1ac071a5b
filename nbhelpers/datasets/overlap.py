"""Whether two splits share a picture."""

import hashlib

import numpy as np
from torch.utils.data import Dataset

from nbhelpers.datasets.inside import Reader


def check_no_overlap(a: Dataset, b: Dataset) -> None:
    """Raise ValueError if a picture of `a` is also in `b`, compared by its pixels, whatever its name."""
    one, other = Reader(a, whole=True), Reader(b, whole=True)
    if shared := shared_pictures(one, other):
        first = "; ".join(f"{one.name(i)} is {other.name(j)}" for i, j in shared[:3])
        raise ValueError(
            f"{len(shared)} of the {len(other.places)} images of the second split are in the first too, so a score "
            f"on it would be too good: {first}; remove them from one split"
        )


def shared_pictures(one: Reader, other: Reader) -> list[tuple[int, int]]:
    """The positions in both of each picture of `other` that `one` has too."""
    known = {digest(one(index)[0]): index for index in range(len(one.places))}
    found = ((known.get(digest(other(index)[0])), index) for index in range(len(other.places)))
    return [(first, index) for first, index in found if first is not None]


def digest(image: np.ndarray) -> bytes:
    """Of the image (H, W, C), whether it comes as bytes or as floats in 0..1."""
    if image.dtype.kind == "f":
        image = (image * 255).round().astype(np.uint8)
    return hashlib.blake2b(np.ascontiguousarray(image), key=str(image.shape).encode()).digest()
