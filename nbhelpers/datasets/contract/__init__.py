"""What a sample is, and what is wrong with one that is none: judged before anything is cast, trained on or scored.

A sample is `(image, mask)`: image uint8 0..255 or float32 0..1, (C, H, W); mask of class ids, integers (H, W), with
255 = ignore. A fault is a pair (sentence, cure): what it is and what it must be; what to do. `nbhelpers.checks` is the
public face; the doctor shows the same faults in its report.
"""

import torch
from torch import Tensor

from nbhelpers.datasets.contract.fault import Fault, dtype_of, refuse
from nbhelpers.datasets.contract.images import SLACK, image_fault, range_fault
from nbhelpers.datasets.contract.masks import IGNORE, find_ids, mask_fault, mask_id_fault, mask_type_fault

__all__ = [
    "IGNORE",
    "SLACK",
    "Fault",
    "check_batch",
    "check_masks",
    "check_sample",
    "dtype_of",
    "find_ids",
    "image_fault",
    "mask_id_fault",
    "mask_type_fault",
    "refuse",
]


def check_masks(masks: Tensor, num_classes: int, *, lone_background: bool = False) -> list[int]:
    """Raise ValueError unless `masks` holds class ids: integers 0..num_classes-1 and 255 = ignore.

    `masks` is (N, H, W) or (H, W), of any integer type. Returns the ids found, in order.
    Masks of nothing but 0 and 255 are refused as well, although both may be meant: background and void look
    just like a black and white mask. `lone_background=True` accepts them; pass it once another batch of the
    same data has shown a class other than 0.
    """
    refuse(mask_type_fault(masks, num_classes))
    found = find_ids(masks)
    refuse(mask_id_fault(found, masks.shape, num_classes, lone_background))
    return found


def check_sample(sample: object, num_classes: int | None = None) -> None:
    """Raise ValueError unless `sample` is (image, mask): uint8 or float32 in 0..1, (C, H, W); ids (H, W).

    Nothing is cast before it is judged. With `num_classes` the ids are judged too; a mask of 0 and 255 alone passes,
    since one mask cannot tell void from white: `Gate` judges that.
    """
    if not isinstance(sample, tuple | list) or len(sample) != 2:
        refuse(_pair_fault(sample))
    # bare tensors are faster
    image, mask = (part.as_subclass(Tensor) if isinstance(part, Tensor) else part for part in sample)
    refuse(image_fault(image) or mask_fault(mask, num_classes) or _size_fault(image, mask))
    refuse(range_fault(image))
    if num_classes is not None:
        refuse(mask_id_fault(find_ids(mask), mask.shape, num_classes, lone_background=True))


def check_batch(images: object, masks: object, num_classes: int | None = None) -> None:
    """Raise ValueError unless these are a batch: images float32 in 0..1 (N, C, H, W), masks of ids (N, H, W).

    With `num_classes` the ids are judged too, as by `check_masks`.
    """
    fault = image_fault(images, batch=True) or mask_fault(masks, num_classes, batch=True)
    if fault is None and images.dtype == torch.uint8:
        fault = "images are uint8, but a batch must be float32 0..1", "images = images.float() / 255"
    refuse(fault or _size_fault(images, masks) or range_fault(images))
    if num_classes is not None:
        check_masks(masks, num_classes)


def _pair_fault(sample: object) -> Fault:
    due = "but must be the pair (image, mask)"
    if isinstance(sample, dict):
        names = [str(name) for name in sample]
        cure = f"return sample[{names[0]!r}], sample[{names[1]!r}]" if len(names) > 1 else "return both"
        return f"a sample is a dict of {', '.join(names) or 'nothing'}, {due}", cure
    if isinstance(sample, tuple | list):
        return f"a sample has {len(sample)} parts, {due}", "return those two from __getitem__"
    return f"a sample is {type(sample).__name__}, {due}", "return both from __getitem__"


def _size_fault(image: Tensor, mask: Tensor) -> Fault | None:
    """Image (..., C, H, W) and mask (..., H, W) must be equally large."""
    shape = (*image.shape[:-3], *image.shape[-2:])
    if shape == tuple(mask.shape):
        return None
    sentence = (
        f"images are {tuple(image.shape)}, but their masks {tuple(mask.shape)}: they must be equally large"
    )
    if image.shape[-3:-1] == mask.shape[-2:]:
        return sentence, "the channels come last: images = images.movedim(-1, -3)"
    if image.shape[-2:] == mask.shape[:-3:-1]:
        return sentence, "one of them is turned by 90 degrees: masks = masks.mT"
    return sentence, "move image and mask by one transform, the mask by nearest neighbour"
