"""What a model gives: are these logits, of the right shape, finite; and if not, which layer is to blame?"""

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from nbhelpers.checks.care import random_state_kept
from nbhelpers.datasets.contract import Fault, dtype_of


def logits_of(model: nn.Module, images: Tensor) -> Tensor:
    """Run `model` on `images` (N, C, H, W) and give back its logits, judged by `check_logits`.

    Raises ValueError as well where the model was built for another number of channels, or its weights are of another type.
    """
    with mismatch_explained(model, images):
        output = model(images)
    return check_logits(output, images)


@contextmanager
def mismatch_explained(model: nn.Module, images: Tensor) -> Iterator[None]:
    """Say in plain words when a layer of `model` refuses the type or the number of channels of `images` (N, C, H, W)."""
    try:
        yield
    except RuntimeError as error:
        if cure := cure_of_type(model, images, str(error)):
            due = dtype_of(images)
            raise ValueError(f"the model does not take {due} images ({error}); {cure}") from error
        count = images.shape[1]
        if f"but got {count} channels" not in str(error):
            raise
        raise ValueError(
            f"the model does not take images of {count} channels ({error}); tensors are (3, H, W) and arrays (H, W, 3): "
            f"leave out an alpha channel, by image[..., :3] of an array, or build the model with in_channels={count}"
        ) from error


def cure_of_type(model: nn.Module, images: Tensor, error: str) -> str:
    """What to do about an error of `model` that comes from weights of another type than `images`; empty for any other."""
    others = (p.dtype for p in model.parameters() if p.is_floating_point() and p.dtype != images.dtype)
    other = next(others, None)
    if other is None or "type" not in error:
        return ""
    name = str(other).removeprefix("torch.")
    return f"its weights are {name}: call model.float(), and for speed predict or fit with precision='fp16' or 'bf16'"


def check_logits(output: object, images: Tensor, num_classes: int | None = None) -> Tensor:
    """Give back what a model returned for `images` (N, C, H, W), if it is logits (N, num_classes, H, W).

    One channel is right for two classes. Raises ValueError for a dict, a tuple or another object, with the way to the
    logits in it, and for another shape or type. Whether they are finite: `check_finite`.
    """
    if fault := answer_fault(output, images, num_classes):
        raise ValueError(": ".join(fault))
    return output


def answer_fault(output: object, images: Tensor, num_classes: int | None = None) -> Fault | None:
    """What is wrong with what a model returned for `images`, and the cure; None if it is logits."""
    if not isinstance(output, Tensor):
        due = "it must give a tensor of logits (N, num_classes, H, W)"
        cure = f"wrap it in a model that picks them, {_way_to_logits(output)}"
        return f"the model gives {type(output).__name__}; {due}", cure
    shape, asked = tuple(output.shape), tuple(images.shape)
    if not output.is_floating_point():
        sentence = (
            f"the model gives {dtype_of(output)} {shape}; it must give logits, floats (N, num_classes, H, W)"
        )
        return sentence, "take argmax and rounding out of it: scoring decides the classes"
    channels = shape[1] if len(shape) == 4 else 0
    if num_classes is not None and not (channels == num_classes or (channels, num_classes) == (1, 2)):
        channels = num_classes
    due = (asked[0], channels or "num_classes", *asked[2:])
    if shape == due:
        return None
    due = str(due).replace("'", "")
    sentence = (
        f"the model gives {shape} for images {asked}; it must give logits {due}, as large as the images"
    )
    if len(shape) != 4:
        return sentence, "keep one logit a class for every pixel: no global pooling, no flatten, no squeeze"
    cures = []
    if shape[1] != channels:
        cures.append(f"build it with num_classes={num_classes}; void is no class and needs no channel")
    if shape[2:] != asked[2:]:
        cures.append("interpolate them to the size of the images at its end")
    if shape[0] != asked[0]:
        cures.append("keep the batch axis: one answer an image")
    return sentence, ", and ".join(cures)


def _way_to_logits(output: object) -> str:
    if isinstance(output, Mapping):
        names = [name for name, value in output.items() if isinstance(value, Tensor)]
        name = next((name for name in ("out", "logits") if name in names), names[0] if names else "out")
        return f"output[{name!r}]".replace("'", '"')
    if hasattr(output, "logits"):
        return "output.logits, interpolated to the size of the images"
    if isinstance(output, tuple | list) and any(isinstance(part, Tensor) for part in output):
        return f"output[{next(k for k, part in enumerate(output) if isinstance(part, Tensor))}]"
    return "and returns them"


def check_finite(logits: Tensor, model: nn.Module, images: Tensor) -> None:
    """Raise FloatingPointError that names the first layer to give nan or infinity, unless all `logits` are finite.

    `images` is what `model` was given; it runs again to find the layer, in the mode it is in.
    """
    # a sum is finite if its terms are; where large ones overflow it, all are looked at
    if math.isfinite(logits.sum(dtype=torch.float32).item()) or bool(logits.isfinite().all()):
        return
    culprit = first_non_finite(model, images)
    where = f", first in the output of {culprit!r}" if culprit else ""
    mode = "train" if model.training else "eval"
    raise FloatingPointError(
        f"the model gives logits that are nan or infinite for images {tuple(images.shape)} in {mode} mode{where}: look "
        "there for weights or running statistics that are not finite, which one bad batch can leave, for a division by "
        "0, and for an overflow, which precision='fp32' avoids"
    )


def first_non_finite(model: nn.Module, images: Tensor) -> str | None:
    """Name the first module, in the order of `forward`, whose output holds nan or inf; None if there is none.

    `images` is a batch for `model`, on its device. Returns "images" where they are not finite themselves, and
    the class of `model` where its own forward, not a part of it, makes the first such value. The forward runs
    in the mode the model is in and under the caller's autocast; the hooks are removed afterwards, and buffers
    and random numbers are as before.
    """
    if not images.isfinite().all():
        return "images"
    found: list[str] = []

    def watch(name: str) -> torch.utils.hooks.RemovableHandle:
        def hook(module: nn.Module, arguments: tuple, output: object) -> None:
            if not found and not all(tensor.isfinite().all() for tensor in _tensors(output)):
                found.append(name)

        return model.get_submodule(name).register_forward_hook(hook)

    handles = [watch(name) for name, _ in model.named_modules()]
    buffers = {name: buffer.clone() for name, buffer in model.named_buffers()}
    try:
        with torch.no_grad(), random_state_kept(model):
            model(images)
    finally:
        for handle in handles:
            handle.remove()
        for name, buffer in model.named_buffers():
            buffer.copy_(buffers[name])  # batch norm in train mode has counted this forward
    return (found[0] or type(model).__name__) if found else None


def _tensors(output: object) -> Iterator[Tensor]:
    if isinstance(output, Tensor):
        yield output
    elif isinstance(output, Mapping):
        yield from _tensors(list(output.values()))
    elif isinstance(output, list | tuple):
        for part in output:
            yield from _tensors(part)
