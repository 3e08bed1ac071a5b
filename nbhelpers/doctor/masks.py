"""Checks of the masks: type, size, ids, and what the batch shows."""

from collections import Counter

import torch

from nbhelpers.checks import Gate
from nbhelpers.datasets.contract import IGNORE, dtype_of, find_ids, mask_id_fault, mask_type_fault
from nbhelpers.datasets.inside import num_classes_of
from nbhelpers.doctor.case import Case, Unchecked, Verdict
from nbhelpers.doctor.network import channels


def mask_type(case: Case) -> Verdict:
    case.require(channels)
    if fault := mask_type_fault(case.masks, case.num_classes):
        return False, *fault
    return (
        case.masks.dtype == torch.int64 and case.masks.ndim == 3,
        f"masks are {dtype_of(case.masks)} {tuple(case.masks.shape)}, due are int64 (N, H, W)",
        "batch the samples by nbhelpers.datasets.collate, or: masks = masks.long()",
    )


def sizes(case: Case) -> Verdict:
    case.require(mask_type)
    found = {"images": case.images, "masks": case.masks, "logits": case.logits}
    shapes = {name: (tensor.shape[0], *tensor.shape[-2:]) for name, tensor in found.items()}
    return (
        len(set(shapes.values())) == 1,
        "(N, H, W): " + ", ".join(f"{name} {shape}" for name, shape in shapes.items()),
        "move image and mask by one transform, and let the model interpolate its logits to the image's size",
    )


def mask_ids(case: Case) -> Verdict:
    case.require(mask_type)
    found = find_ids(case.masks)
    if fault := mask_id_fault(found, case.masks.shape, case.num_classes):
        return False, *fault
    return True, f"masks hold {len(found)} of the ids 0..{case.num_classes - 1} and {IGNORE} = ignore", ""


def mask_resizing(case: Case) -> Verdict:
    """Bilinear resizing draws a rim of ids between those on either side: 5 between 3 and 7."""
    case.require(mask_ids)
    found: Counter[tuple[int, int, int]] = Counter()  # (lower id, higher id, the one between or -1): pixels
    for masks in (case.ids, case.ids.mT):
        left, middle, right = masks[..., :-2], masks[..., 1:-1], masks[..., 2:]
        known = (left != IGNORE) & (middle != IGNORE) & (right != IGNORE)
        apart = known & ((left - right).abs() > 1)  # else no id lies between
        low, high = torch.minimum(left, right)[apart], torch.maximum(left, right)[apart]
        between = torch.where((low < middle[apart]) & (middle[apart] < high), middle[apart], -1)
        triples, counts = torch.stack([low, high, between], dim=1).unique(dim=0, return_counts=True)
        found.update({tuple(triple): count for triple, count in zip(triples.tolist(), counts.tolist())})
    borders = rims = 0
    for low, high in {triple[:2] for triple in found}:
        pixels = {
            middle: found[low, high, middle] for middle in range(-1, high) if (low, high, middle) in found
        }
        touching, total = pixels.pop(-1, 0), sum(pixels.values())
        # a class that always lies between two others, as a thin border does, was drawn so: blending lets them touch
        # at about half of the pixels, and leaves every id between
        if len(pixels) == 1 and total > 4 * touching:
            continue
        borders, rims = borders + touching + total, rims + total
    if borders < 50:
        raise Unchecked("since hardly any pixel lies between two classes that touch")
    # measured on CamVid, batches of 4: nearest at most 0.05, bilinear at least 0.11, for 48 x 64 to 270 x 360
    sentence = f"{rims / borders:.0%} of the pixels between two classes hold an id between the two"
    return rims / borders < 0.1, sentence, "masks were resized bilinearly; use nearest, mode='nearest'"


def classes_present(case: Case) -> Verdict:
    case.require(mask_ids)
    present = [i for i in find_ids(case.ids) if i != IGNORE]
    cure = "there is nothing to tell apart: shuffle, crop larger, and look at other masks of the set"
    return len(present) > 1, f"the batch shows {len(present)} of {case.num_classes} classes: {present}", cure


def void_share(case: Case) -> Verdict:
    case.require(mask_ids)
    share = (case.ids == IGNORE).float().mean().item()
    cure = "little is left to learn from: pad and rotate less, and check which id the files use for void"
    return share <= 0.5, f"{share:.0%} of the pixels are void, 50% is the limit", cure


def samples(case: Case) -> Verdict:
    """The gate that `fit` has, for what is not in this batch."""
    case.require(mask_ids)
    judged = []
    for name, data in (("train", case.train), ("valid", case.valid)):
        try:
            num_classes_of(data)
        except ValueError:  # none was passed, or it does not tell
            continue
        try:
            Gate(data, name).inspect()
        except ValueError as error:
            sentence, _, cure = str(error).partition("; ")
            return False, sentence, cure
        judged.append(name)
    if not judged:
        raise Unchecked("pass train= or valid=, with an attribute num_classes")
    return True, f"what was looked at of {' and '.join(judged)} keeps the contract of a sample", ""
