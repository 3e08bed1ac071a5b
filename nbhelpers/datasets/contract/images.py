"""What is wrong with images: their type, their axes, the values of floats."""

import torch
from torch import Tensor

from nbhelpers.datasets.contract.fault import Fault, dtype_of

SLACK = 1e-3  # by which floats may leave 0..1: resizing an image makes 1.0000004 of 1


def image_fault(image: object, *, batch: bool = False) -> Fault | None:
    """What is wrong with the type or the axes of an image (C, H, W), or with `batch` of images (N, C, H, W)."""
    if isinstance(image, Tensor) and image.dtype in (torch.uint8, torch.float32):
        shape = image.shape
        if len(shape) == 3 + batch and 0 not in shape and (shape[-1] > 4 or shape[-3] in (1, 3, 4)):
            return None
    axes = ("N", "C", "H", "W") if batch else ("C", "H", "W")
    due = f"but must be uint8 0..255 or float32 0..1, ({', '.join(axes)})"
    if not isinstance(image, Tensor):
        return f"images are {type(image).__name__}, {due}, as tensors", cure_of_no_tensor("image", image)
    shape = tuple(image.shape)
    if image.dtype not in (torch.uint8, torch.float32):
        return f"images are {dtype_of(image)} {shape}, {due}", _cure_of_image_type(image)
    sentence = f"images have shape {shape}, {due}"
    if len(shape) == len(axes) - 1:
        grey = "give a grey image its axis: image[None], or image.expand(3, -1, -1) for a model of 3 channels"
        return sentence, "pass a batch: images[None]" if batch else grey
    if len(shape) != len(axes):
        return sentence, "take away the axes that are too many, by squeeze or reshape"
    if 0 in shape:
        return (
            f"images have shape {shape}, without a pixel, {due}",
            "look at how this one was read or cropped",
        )
    if shape[-1] in (1, 3, 4) and shape[-3] not in (1, 3, 4):
        return sentence, "the channels come last: images = images.movedim(-1, -3)"
    return None


def cure_of_no_tensor(name: str, found: object) -> str:
    if hasattr(found, "__array_interface__") and hasattr(found, "ndim"):  # numpy's
        turn = ".permute(2, 0, 1)" if name == "image" and found.ndim == 3 else ""
        return f"{name} = torch.from_numpy({name}){turn}"
    if hasattr(found, "getbands"):  # Pillow's
        return f"{name} = torch.from_numpy(np.array({name})){'.permute(2, 0, 1)' if name == 'image' else ''}"
    return "return two tensors, (image, mask), from __getitem__"


def _cure_of_image_type(image: Tensor) -> str:
    if image.is_floating_point() or image.dtype == torch.bool:
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
