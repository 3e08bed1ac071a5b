"""What is wrong with masks: their type, their axes, their ids."""

from collections.abc import Sequence

import torch
from torch import Tensor

from nbhelpers.datasets.contract.fault import Fault, dtype_of
from nbhelpers.datasets.contract.images import cure_of_no_tensor

IGNORE = 255  # the id of void: pixels that are neither trained on nor scored


def mask_type_fault(masks: Tensor, num_classes: int | None) -> Fault | None:
    """What is wrong with the type or the axes of `masks`, and the cure; None if they are integers (N, H, W)."""
    last = "num_classes-1" if num_classes is None else num_classes - 1
    allowed = f"class ids 0..{last} and {IGNORE} = ignore"
    if masks.is_floating_point() or masks.is_complex():
        return _float_fault(masks, allowed, num_classes)
    if masks.dtype == torch.bool:
        return f"masks are bool, but must be integers, {allowed}", "masks = masks.long()"
    if masks.ndim not in (2, 3):
        return (
            f"masks have shape {tuple(masks.shape)}, but must be (N, H, W): one of the {allowed} per pixel",
            _cure_of_axes(masks, num_classes),
        )
    return None


def mask_fault(masks: object, num_classes: int | None, *, batch: bool = False) -> Fault | None:
    """`mask_type_fault`, of a sample's mask (H, W) or of a batch (N, H, W), which may be no tensor."""
    if not isinstance(masks, Tensor):
        sentence = f"masks are {type(masks).__name__}, but must be tensors of class ids, integers (H, W)"
        return sentence, cure_of_no_tensor("mask", masks)
    axes, due = (3, "(N, H, W)") if batch else (2, "(H, W)")
    fault = mask_type_fault(masks.flatten(0, -3) if masks.ndim > 3 else masks, num_classes)
    if fault is None and masks.ndim != axes:
        sentence = f"masks have shape {tuple(masks.shape)}, but must be {due}: a class id per pixel"
        cure = _cure_of_axes(masks if batch else masks[None], num_classes)
        return sentence, cure if batch else cure.replace("masks.squeeze(1)", "masks[0]").replace("(1)", "(0)")
    return fault


def _float_fault(masks: Tensor, allowed: str, num_classes: int | None) -> Fault:
    dtype = dtype_of(masks)
    if not masks.isfinite().all():
        return (
            f"masks are {dtype} and hold nan or inf, but must be integers, {allowed}",
            "never divide a mask by its maximum, which is 0 in an empty mask",
        )
    if masks.is_complex():
        return f"masks are {dtype}, but must be integers, {allowed}", "masks = masks.real.round().long()"
    fractions = masks[masks != masks.round()]
    if len(fractions) == 0:
        return f"masks are {dtype}, but must be integers, {allowed}", "masks = masks.long()"
    sentence = (
        f"masks are {dtype} and hold fractions such as {fractions[0]:.3g}, but must be integers, {allowed}"
    )
    bytes_ = masks.float() * 255
    ids = bytes_.round()
    known = (ids >= 0) & ((ids < (num_classes or IGNORE)) | (ids == 255))
    if torch.allclose(bytes_, ids, atol=1e-3) and known.all():
        return (
            f"{sentence}: masks were divided by 255, as only images are",
            "masks = (masks * 255).round().long()",
        )
    return f"{sentence}: masks were resized bilinearly", "resize masks by nearest neighbour, mode='nearest'"


def _cure_of_axes(masks: Tensor, num_classes: int | None) -> str:
    channels = masks.shape[1] if masks.ndim == 4 else None
    if channels == 1:
        return "masks = masks.squeeze(1)"
    if channels is not None and channels == num_classes and masks.numel() and masks.max() <= 1:
        return "these look one-hot: masks = masks.argmax(1)"
    if masks.ndim == 2:
        return "pass a batch: masks[None]"
    if masks.ndim == 4 and 3 in (channels, masks.shape[-1]):
        return "these look like colours: Folder(..., palette=...) turns them into ids"
    return "give one id per pixel, without a channel axis"


def find_ids(masks: Tensor) -> list[int]:
    """The distinct ids of integer `masks`, in order; counting bytes is much faster than torch.unique."""
    if masks.numel() == 0:
        return []
    masks = masks.as_subclass(Tensor)
    if masks.dtype != torch.uint8:
        masks = masks.long()  # torch computes little with uint16
        low, high = masks.aminmax()
        if low < 0 or high > 255:
            return masks.unique().tolist()
    return torch.bincount(masks.flatten().to(torch.uint8)).nonzero().flatten().tolist()


def mask_id_fault(
    found: Sequence[int], shape: Sequence[int], num_classes: int, lone_background: bool = False
) -> Fault | None:
    """What is wrong with the ids `found` in masks of this `shape`, and the cure; None if all are allowed."""
    wrong = sorted(set(found) - set(range(num_classes)) - {IGNORE})
    black_and_white = list(found) == [0, 255] and not lone_background
    if not wrong and not black_and_white:
        return None
    sentence = f"masks hold {_listed(found)}, but the classes are 0..{num_classes - 1} and {IGNORE} = ignore"
    if list(found) == [0, 255]:
        return sentence, "pass binary=True, or divide the mask by 255"
    if wrong[0] < 0:
        return sentence, f"if {wrong[0]} marks void: masks[masks == {wrong[0]}] = {IGNORE}"
    if shape[-1] in (3, 4) and min(shape[:-1]) > 4:  # (H, W, 3), no batch of masks 3 pixels wide
        return sentence, "these look like colours: Folder(..., palette=...) turns them into ids"
    if wrong == [num_classes] and 0 not in found:
        return sentence, "the ids start at 1: masks = masks - 1, but keep void"
    if num_classes == 2 and len(found) == 2 and found[0] == 0:
        return sentence, "masks = (masks > 0).long()"
    if num_classes == 2 and [i for i in found if i != IGNORE] == [1, 2, 3]:
        # 1, 2, 3 are pet, background and outline: Parkhi et al., 2012, Oxford-IIIT Pet; its outline is void
        cure = "a trimap of inside, outside and outline: masks = torch.tensor([255, 1, 0, 255])[masks.long().clamp(0, 3)]"
        return sentence, cure
    if num_classes == 2 and any(127 < value < 255 for value in wrong):
        cure = "a grey or smoothed (JPEG, bilinear) black and white mask: masks = (masks > 127).long()"
        return sentence, cure
    if len(wrong) > 8:
        cure = "resize masks by nearest neighbour and store them as PNG (bilinear and JPEG blend ids); or pass a palette"
        return sentence, cure
    return sentence, f"raise num_classes, or make them void: masks[masks == {wrong[0]}] = {IGNORE}"


def _listed(ids: Sequence[int]) -> str:
    if len(ids) > 12:
        return f"{len(ids)} values from {ids[0]} to {ids[-1]}"
    return " and ".join(filter(None, [", ".join(map(str, ids[:-1])), str(ids[-1])]))
