"""Checks of the images, and of whether two splits share any."""

import hashlib

import numpy as np
import torch
from torch.utils.data import Dataset, Subset

from nbhelpers.doctor.case import Case, Unchecked, Verdict, dtype_of


def image_type(case: Case) -> Verdict:
    shape = tuple(case.images.shape)
    sentence = f"images are {dtype_of(case.images)} {shape}, due are float32 (N, C, H, W)"
    if len(shape) == 4 and shape[3] in (1, 3, 4) and shape[1] not in (1, 3, 4):
        return False, sentence, "the channels come last: images = images.movedim(-1, 1)"
    cure = "batch the samples by nbhelpers.datasets.collate, or for bytes: images = images.float() / 255"
    return len(shape) == 4 and case.images.dtype == torch.float32, sentence, cure


def image_range(case: Case) -> Verdict:
    case.require(image_type)
    low, high = case.images.aminmax()
    return (
        bool(low.isfinite() and high.isfinite() and (high <= 1 or low < 0)),  # below 0: see image_scaling
        f"images hold {low:.3g} to {high:.3g}, due is 0..1",
        "divide bytes by 255 once; for nan, look for a division by a standard deviation of 0",
    )


def image_scaling(case: Case) -> Verdict:
    case.require(image_range)
    low, high, mean = case.images.min(), case.images.max(), case.images.mean()
    sentence = f"images hold {low:.3g} to {high:.3g}, mean {mean:.2g}"
    if low < 0:
        cure = "take Normalize out of the transform: models here get 0..1 and normalise themselves"
        return False, f"{sentence}: they are normalised before the model normalises again", cure
    if high < 0.02:
        return False, f"{sentence}: all but black, as if divided by 255 twice", "divide by 255 once"
    return True, sentence, ""


def split_overlap(case: Case) -> Verdict:
    if case.train is None or case.valid is None:
        raise Unchecked("pass train= and valid=")
    seen = {_content(case.train, index): index for index in range(len(case.train))}
    shared = [(i, seen[key]) for i in range(len(case.valid)) if (key := _content(case.valid, i)) in seen]
    sentence = f"{len(shared)} of {len(case.valid)} images of valid are in train too"
    if shared:
        sentence += f", the first is valid[{shared[0][0]}] = train[{shared[0][1]}]"
    return not shared, sentence, "split anew, by patient, place or film and not by image, and score again"


def _content(data: Dataset, index: int) -> bytes:
    """A digest of one image before any transform, since augmented copies never equal each other."""
    if isinstance(data, Subset):
        return _content(data.dataset, data.indices[index])
    image = data.read(index)[0] if hasattr(data, "read") else data[index][0]
    return hashlib.blake2b(np.ascontiguousarray(image).tobytes()).digest()
