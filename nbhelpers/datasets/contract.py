"""What a sample is, and what is wrong with one that is none: judged before anything is cast, trained on or scored.

A sample is `(image, mask)`: image uint8 0..255 or float32 0..1, (C, H, W); mask of class ids, integers (H, W), with
255 = ignore. A fault is a pair (sentence, cure): what it is and what it must be; what to do. `nbhelpers.checks` is the
public face; the doctor shows the same faults in its report.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

IGNORE = 255  # the id of void: pixels that are neither trained on nor scored
SLACK = 1e-3  # by which floats may leave 0..1: resizing an image makes 1.0000004 of 1
Fault = tuple[str, str]  # what it is and must be, and the cure


def check_masks(
    masks: Tensor, num_classes: int, ignore_index: int = IGNORE, *, lone_background: bool = False
) -> list[int]:
    """Raise ValueError unless `masks` holds class ids: integers 0..num_classes-1 and `ignore_index`.

    `masks` is (N, H, W) or (H, W), of any integer type. Returns the ids found, in order.
    Masks of nothing but 0 and 255 are refused as well, although both may be meant: background and void look
    just like a black and white mask. `lone_background=True` accepts them; pass it once another batch of the
    same data has shown a class other than 0.
    """
    fault = mask_type_fault(masks, num_classes, ignore_index)
    if fault is None:
        found = find_ids(masks)
        fault = mask_id_fault(found, masks.shape, num_classes, ignore_index, lone_background)
    refuse(fault)
    return found


def check_sample(sample: object, num_classes: int | None = None, where: str = "") -> None:
    """Raise ValueError unless `sample` is (image, mask): uint8 or float32 in 0..1, (C, H, W); ids (H, W).

    Nothing is cast before it is judged. With `num_classes` the ids are judged too; a mask of 0 and 255 alone passes,
    since one mask cannot tell void from white: `Gate` judges that. `where` begins the error: "train[3]".
    """
    if not isinstance(sample, tuple | list) or len(sample) != 2:
        refuse(_pair_fault(sample), where)
    image, mask = (
        part.as_subclass(Tensor) if isinstance(part, Tensor) else part for part in sample
    )  # faster
    refuse(image_fault(image) or _mask_fault(mask, num_classes) or _size_fault(image, mask), where)
    refuse(range_fault(image), where)
    if num_classes is not None:
        refuse(mask_id_fault(find_ids(mask), mask.shape, num_classes, lone_background=True), where)


def check_batch(images: object, masks: object, num_classes: int | None = None) -> None:
    """Raise ValueError unless these are a batch: images float32 in 0..1 (N, C, H, W), masks of ids (N, H, W).

    With `num_classes` the ids are judged too, as by `check_masks`.
    """
    fault = image_fault(images, batch=True) or _mask_fault(masks, num_classes, batch=True)
    if fault is None and images.dtype == torch.uint8:
        fault = "images are uint8, but a batch must be float32 0..1", "images = images.float() / 255"
    refuse(fault or _size_fault(images, masks) or range_fault(images))
    if num_classes is not None:
        check_masks(masks, num_classes)


def refuse(fault: Fault | None, where: str = "") -> None:
    """Raise ValueError with the sentence and the cure, where there is a fault."""
    if fault is not None:
        raise ValueError(f"{where}: {'; '.join(fault)}" if where else "; ".join(fault))


def _pair_fault(sample: object) -> Fault:
    due = "but must be the pair (image, mask)"
    if isinstance(sample, dict):
        names = [str(name) for name in sample]
        cure = f"return sample[{names[0]!r}], sample[{names[1]!r}]" if len(names) > 1 else "return both"
        return f"a sample is a dict of {', '.join(names) or 'nothing'}, {due}", cure
    if isinstance(sample, tuple | list):
        return f"a sample has {len(sample)} parts, {due}", "return those two from __getitem__"
    return f"a sample is {type(sample).__name__}, {due}", "return both from __getitem__"


# ------------------------------------------------------------------------------------------------- images


def image_fault(image: object, *, batch: bool = False) -> Fault | None:
    """What is wrong with the type or the axes of an image (C, H, W), or with `batch` of images (N, C, H, W)."""
    if isinstance(image, Tensor) and image.dtype in (torch.uint8, torch.float32):
        shape = image.shape
        if len(shape) == 3 + batch and 0 not in shape and (shape[-1] > 4 or shape[-3] in (1, 3, 4)):
            return None
    axes = ("N", "C", "H", "W") if batch else ("C", "H", "W")
    due = f"but must be uint8 0..255 or float32 0..1, ({', '.join(axes)})"
    if not isinstance(image, Tensor):
        return f"images are {type(image).__name__}, {due}, as tensors", _cure_of_no_tensor("image", image)
    shape = tuple(image.shape)
    if image.dtype not in (torch.uint8, torch.float32):
        return f"images are {_dtype(image)} {shape}, {due}", _cure_of_image_type(image)
    if len(shape) == len(axes) - 1:
        return f"images have shape {shape}, {due}", (
            "pass a batch: images[None]"
            if batch
            else "give a grey image its axis: image[None], or image.expand(3, -1, -1) for a model of 3 channels"
        )
    if len(shape) != len(axes):
        return (
            f"images have shape {shape}, {due}",
            "take away the axes that are too many, by squeeze or reshape",
        )
    if 0 in shape:
        return (
            f"images have shape {shape}, without a pixel, {due}",
            "look at how this one was read or cropped",
        )
    if shape[-1] in (1, 3, 4) and shape[-3] not in (1, 3, 4):
        return f"images have shape {shape}, {due}", "the channels come last: images = images.movedim(-1, -3)"
    return None


def _cure_of_no_tensor(name: str, found: object) -> str:
    if hasattr(found, "__array_interface__") and hasattr(found, "ndim"):  # numpy's
        turn = ".permute(2, 0, 1)" if name == "image" and found.ndim == 3 else ""
        return f"{name} = torch.from_numpy({name}){turn}"
    if hasattr(found, "getbands"):  # Pillow's
        return f"{name} = torch.from_numpy(np.array({name})){'.permute(2, 0, 1)' if name == 'image' else ''}"
    return "return two tensors, (image, mask), from __getitem__"


def _cure_of_image_type(image: Tensor) -> str:
    if image.is_floating_point():
        return "images = images.float()"
    if image.dtype == torch.bool:
        return "images = images.float()"
    if image.is_complex():
        return "take its magnitude, and scale it to 0..1"
    if image.numel() and int(image.long().max()) > 255:
        return "divide by the largest value the files can hold: images = images.float() / 65535 for 16 bits"
    return "bytes: images = images.to(torch.uint8)"


def range_fault(image: Tensor) -> Fault | None:
    """What is wrong with the values of float images; bytes cannot be wrong."""
    if not image.is_floating_point():
        return None
    low, high = (end.item() for end in image.aminmax())
    if -SLACK <= low and high <= 1 + SLACK:  # false for nan
        return None
    sentence = f"images hold floats from {low:.4g} to {high:.4g}, but must be in 0..1"
    if not image.isfinite().all():
        cure = "look for a division by a range or a deviation of 0, and for missing values in the files"
        return f"images hold nan or inf, but must be in 0..1 ({low:.4g} to {high:.4g})", cure
    if low < -SLACK:
        return sentence, "take Normalize out of the transform: models here get 0..1 and normalise themselves"
    if high <= 256:
        return sentence, "divide 0..255 by 255 once: images = images / 255"
    return sentence, "divide by the largest value the files can hold: images = images / 65535 for 16 bits"


# -------------------------------------------------------------------------------------------------- masks


def mask_type_fault(
    masks: Tensor, num_classes: int | None, ignore_index: int = IGNORE
) -> tuple[str, str] | None:
    """What is wrong with the type or the axes of `masks`, and the cure; None if they are integers (N, H, W)."""
    allowed = f"class ids {_classes(num_classes)} and {ignore_index} = ignore"
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


def _mask_fault(masks: object, num_classes: int | None, *, batch: bool = False) -> Fault | None:
    """`mask_type_fault`, of a sample's mask (H, W) or of a batch (N, H, W), which may be no tensor."""
    if not isinstance(masks, Tensor):
        sentence = f"masks are {type(masks).__name__}, but must be tensors of class ids, integers (H, W)"
        return sentence, _cure_of_no_tensor("mask", masks)
    axes, due = (3, "(N, H, W)") if batch else (2, "(H, W)")
    fault = mask_type_fault(masks.flatten(0, -3) if masks.ndim > 3 else masks, num_classes)
    if fault is None and masks.ndim != axes:
        sentence = f"masks have shape {tuple(masks.shape)}, but must be {due}: a class id per pixel"
        cure = _cure_of_axes(masks if batch else masks[None], num_classes)
        return sentence, cure if batch else cure.replace("masks.squeeze(1)", "masks[0]").replace("(1)", "(0)")
    return fault


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


def _float_fault(masks: Tensor, allowed: str, num_classes: int | None) -> tuple[str, str]:
    dtype = _dtype(masks)
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
    found: Sequence[int],
    shape: Sequence[int],
    num_classes: int,
    ignore_index: int = IGNORE,
    lone_background: bool = False,
) -> tuple[str, str] | None:
    """What is wrong with the ids `found` in masks of this `shape`, and the cure; None if all are allowed."""
    wrong = sorted(set(found) - set(range(num_classes)) - {ignore_index})
    black_and_white = list(found) == [0, 255] and not lone_background
    if not wrong and not black_and_white:
        return None
    sentence = (
        f"masks hold {_listed(found)}, but the classes are 0..{num_classes - 1} and {ignore_index} = ignore"
    )
    if list(found) == [0, 255]:
        return sentence, "pass binary=True, or divide the mask by 255"
    if wrong[0] < 0:
        return sentence, f"if {wrong[0]} marks void: masks[masks == {wrong[0]}] = {ignore_index}"
    if shape[-1] in (3, 4) and min(shape[:-1]) > 4:  # (H, W, 3), no batch of masks 3 pixels wide
        return sentence, "these look like colours: Folder(..., palette=...) turns them into ids"
    if wrong == [num_classes] and 0 not in found:
        return sentence, "the ids start at 1: masks = masks - 1, but keep void"
    if num_classes == 2 and len(found) == 2 and found[0] == 0:
        return sentence, "masks = (masks > 0).long()"
    if num_classes == 2 and [i for i in found if i != ignore_index] == [1, 2, 3]:
        # 1, 2, 3 are pet, background and outline: Parkhi et al., 2012, Oxford-IIIT Pet; its outline is void
        cure = "a trimap of inside, outside and outline: masks = torch.tensor([255, 1, 0, 255])[masks.long().clamp(0, 3)]"
        return sentence, cure
    if num_classes == 2 and any(127 < value < 255 for value in wrong):
        cure = "a grey or smoothed (JPEG, bilinear) black and white mask: masks = (masks > 127).long()"
        return sentence, cure
    if len(wrong) > 8:
        cure = "resize masks by nearest neighbour and store them as PNG (bilinear and JPEG blend ids); or pass a palette"
        return sentence, cure
    return sentence, f"raise num_classes, or make them void: masks[masks == {wrong[0]}] = {ignore_index}"


def _classes(num_classes: int | None) -> str:
    return "0..num_classes-1" if num_classes is None else f"0..{num_classes - 1}"


def _dtype(tensor: Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")


def _listed(ids: Sequence[int]) -> str:
    if len(ids) > 12:
        return f"{len(ids)} values from {ids[0]} to {ids[-1]}"
    return " and ".join(filter(None, [", ".join(map(str, ids[:-1])), str(ids[-1])]))
