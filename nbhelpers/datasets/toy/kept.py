"""Toy pictures that were drawn before: kept in the user's cache folder, so that a machine draws each only once.

A file holds BLOCK pairs as an uncompressed .npz, whose CRC-32 sums numpy checks as it reads. Its folder is named by a
digest of the drawing code and of the versions it draws with, so other code never meets these pictures. What cannot be
read is drawn anew; where nothing can be kept, one line says so, and pictures are drawn as ever.
"""

import hashlib
import os
import platform
import shutil
import zipfile
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path

import cv2
import numpy as np

from nbhelpers.datasets import palette

BLOCK = 20  # pairs a file
MOST = 300_000_000  # bytes of all files; the 800 scenes of the street take 40 million at 96 x 128
Pair = tuple[np.ndarray, np.ndarray]


def first_pairs(name: str, size: tuple[int, int], count: int, read: Callable[[int], Pair]) -> list[Pair]:
    """`[read(0), ..., read(count - 1)]`, in whole blocks from the kept files where these hold them already.

    name: what tells this dataset from others, good for a file. read: gives image uint8 (H, W, 3) and mask uint8
    (H, W) of an index, the same each time; H and W are `size`. Pairs after the last whole block are always drawn.
    """
    whole = count - count % BLOCK
    pairs: list[Pair] = []
    for start in range(0, whole, BLOCK):
        path = folder() / f"{name}-{size[0]}x{size[1]}-{start}.npz"
        block = _kept(path, size)
        if block is None:
            block = [read(index) for index in range(start, start + BLOCK)]
            _keep(path, block)
        pairs += block
    return pairs + [read(index) for index in range(whole, count)]


@cache
def folder() -> Path:
    """Where the pictures of this very drawing code are kept, below the system's folder for what can be made anew."""
    import pooch  # 0.1 s, for the pictures of many scenes alone

    digest = hashlib.sha256(f"{platform.python_version()} {np.__version__} {cv2.__version__}".encode())
    for source in [*sorted(Path(__file__).parent.rglob("*.py")), Path(palette.__file__)]:
        digest.update(source.read_bytes())
    return Path(pooch.os_cache("nbhelpers")) / "toy" / digest.hexdigest()[:16]


def _kept(path: Path, size: tuple[int, int]) -> list[Pair] | None:
    """The pairs of a file; None where it is missing, cut off, damaged or of something else."""
    try:
        with np.load(path) as arrays:
            images, masks = arrays["images"], arrays["masks"]
    except (OSError, ValueError, KeyError, EOFError, AttributeError, RuntimeError, zipfile.BadZipFile):
        return None
    shapes = ((BLOCK, *size, 3), (BLOCK, *size))
    sound = (images.shape, masks.shape) == shapes and images.dtype == masks.dtype == np.uint8
    return list(zip(images, masks)) if sound else None


def _keep(path: Path, pairs: list[Pair]) -> None:
    """Write a file whole or not at all."""
    images, masks = map(np.stack, zip(*pairs))
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        _make_room(path.parent)
        with open(part, "wb") as file:
            np.savez(file, images=images, masks=masks)
        os.replace(part, path)  # another process may have written it meanwhile: the same pixels
    except OSError as error:
        _say(
            f"drawn pictures are not kept in {path.parent} ({error.strerror or error}): each use draws them anew"
        )
    finally:
        with suppress(OSError):
            part.unlink()


def _make_room(place: Path) -> None:
    """Make the folder, and remove those of other versions. Raises OSError where `MOST` bytes are kept already."""
    if not place.is_absolute():
        raise OSError("this user has no home folder")
    if not place.is_dir():
        for other in place.parent.glob("*"):
            shutil.rmtree(other, ignore_errors=True)
        place.mkdir(parents=True, exist_ok=True)
    if sum(entry.stat().st_size for entry in os.scandir(place)) > MOST:
        raise OSError(f"it holds {MOST // 1_000_000} MB already")


@cache
def _say(line: str) -> None:
    """Print a line once."""
    print(line)
