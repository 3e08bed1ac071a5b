"""Checks of the images, and of whether two splits share any."""

import hashlib
from collections.abc import Iterator

import numpy as np
import torch
from torch.utils.data import Dataset

from nbhelpers.datasets.contract import SLACK, dtype_of, image_fault
from nbhelpers.datasets.gate import random_states_kept
from nbhelpers.datasets.inside import Reader
from nbhelpers.doctor.case import Case, Unchecked, Verdict


def image_type(case: Case) -> Verdict:
    sentence = f"images are {dtype_of(case.images)} {tuple(case.images.shape)}, due are float32 (N, C, H, W)"
    if fault := image_fault(case.images, batch=True):
        return False, *fault
    cure = "batch the samples by nbhelpers.datasets.collate, or for bytes: images = images.float() / 255"
    return case.images.dtype == torch.float32, sentence, cure


def image_range(case: Case) -> Verdict:
    case.require(image_type)
    low, high = case.images.aminmax()
    return (
        bool(
            low.isfinite() and high.isfinite() and (high <= 1 + SLACK or low < -SLACK)
        ),  # below: image_scaling
        f"images hold {low:.3g} to {high:.3g}, due is 0..1",
        "divide bytes by 255 once; for nan, look for a division by a standard deviation of 0",
    )


def image_scaling(case: Case) -> Verdict:
    case.require(image_range)
    low, high, mean = case.images.min(), case.images.max(), case.images.mean()
    sentence = f"images hold {low:.3g} to {high:.3g}, mean {mean:.2g}"
    if low < -SLACK:
        cure = "take Normalize out of the transform: models here get 0..1 and normalise themselves"
        return False, f"{sentence}: they are normalised before the model normalises again", cure
    if high < 0.02:
        return False, f"{sentence}: all but black, as if divided by 255 twice", "divide by 255 once"
    return True, sentence, ""


def split_overlap(case: Case) -> Verdict:
    if case.train is None or case.valid is None:
        raise Unchecked("pass train= and valid=")
    with random_states_kept():
        seen = {key: index for index, key in _contents(case.train, "train")}
        shared = [(i, seen[key]) for i, key in _contents(case.valid, "valid") if key in seen]
        count = len(Reader(case.valid, whole=True).places)
    sentence = f"{len(shared)} of {count} images of valid are in train too"
    if shared:
        sentence += f", the first is valid[{shared[0][0]}] = train[{shared[0][1]}]"
    return not shared, sentence, "split anew, by patient, place or film and not by image, and score again"


def _contents(data: Dataset, name: str) -> Iterator[tuple[int, bytes]]:
    """The position and a digest of each image before any transform, since augmented copies never equal each other."""
    read = Reader(data, whole=True)
    for position in read.places:
        digest = _digest(read(position)[0])
        if position == 0 and digest != _digest(read(position)[0]):
            raise Unchecked(
                f"since the images of {name} change at each reading: pass the set without its random transform"
            )
        yield position, digest


def _digest(image: np.ndarray) -> bytes:
    """Of the image (H, W, C), whether it comes as bytes or as floats in 0..1."""
    if image.dtype.kind == "f":
        image = (image * 255).round().astype(np.uint8)
    return hashlib.blake2b(np.ascontiguousarray(image), key=str(image.shape).encode()).digest()
