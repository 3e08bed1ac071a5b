"""Checks of the images, and of whether two splits share any."""

import torch
from torch.utils.data import Dataset

from nbhelpers.datasets.contract import SLACK, dtype_of, image_fault
from nbhelpers.datasets.gate import random_states_kept
from nbhelpers.datasets.inside import Reader
from nbhelpers.datasets.overlap import digest, shared_pictures
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
        # what else leaves 0..1 is `image_scaling`'s, below
        bool(low.isfinite() and high.isfinite() and (high <= 1 + SLACK or low < -SLACK)),
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
        train, valid = _still(case.train, "train"), _still(case.valid, "valid")
        shared = shared_pictures(train, valid)
    sentence = f"{len(shared)} of {len(valid.places)} images of valid are in train too"
    if shared:
        sentence += f", the first is valid[{shared[0][1]}] = train[{shared[0][0]}]"
    return not shared, sentence, "split anew, by patient, place or film and not by image, and score again"


def _still(data: Dataset, name: str) -> Reader:
    """Of the images before any transform, since augmented copies never equal each other."""
    read = Reader(data, whole=True)
    if read.places and digest(read(0)[0]) != digest(read(0)[0]):
        raise Unchecked(
            f"since the images of {name} change at each reading: pass the set without its random transform"
        )
    return read
