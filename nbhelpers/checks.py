"""First aid: are these masks, this model and this batch fit to train on? `doctor` has the full examination."""

import copy
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from nbhelpers.datasets.dataset import IGNORE
from nbhelpers.losses import pixel_loss
from nbhelpers.metrics import ConfusionMatrix, to_ids


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
    if fault is not None:
        raise ValueError("; ".join(fault))
    return found


def mask_type_fault(masks: Tensor, num_classes: int, ignore_index: int = IGNORE) -> tuple[str, str] | None:
    """What is wrong with the type or the axes of `masks`, and the cure; None if they are integers (N, H, W)."""
    allowed = f"class ids 0..{num_classes - 1} and {ignore_index} = ignore"
    if masks.is_floating_point():
        return _float_fault(masks, allowed, num_classes)
    if masks.dtype == torch.bool:
        return f"masks are bool, but must be integers, {allowed}", "masks = masks.long()"
    if masks.ndim not in (2, 3):
        return (
            f"masks have shape {tuple(masks.shape)}, but must be (N, H, W): one of the {allowed} per pixel",
            _cure_of_axes(masks, num_classes),
        )
    return None


def _float_fault(masks: Tensor, allowed: str, num_classes: int) -> tuple[str, str]:
    dtype = str(masks.dtype).removeprefix("torch.")
    if not masks.isfinite().all():
        return (
            f"masks are {dtype} and hold nan or inf, but must be integers, {allowed}",
            "never divide a mask by its maximum, which is 0 in an empty mask",
        )
    fractions = masks[masks != masks.round()]
    if len(fractions) == 0:
        return f"masks are {dtype}, but must be integers, {allowed}", "masks = masks.long()"
    sentence = (
        f"masks are {dtype} and hold fractions such as {fractions[0]:.3g}, but must be integers, {allowed}"
    )
    bytes_ = masks * 255
    ids = bytes_.round()
    if torch.allclose(bytes_, ids, atol=1e-3) and ((ids >= 0) & ((ids < num_classes) | (ids == 255))).all():
        return (
            f"{sentence}: masks were divided by 255, as only images are",
            "masks = (masks * 255).round().long()",
        )
    return f"{sentence}: masks were resized bilinearly", "resize masks by nearest neighbour, mode='nearest'"


def _cure_of_axes(masks: Tensor, num_classes: int) -> str:
    channels = masks.shape[1] if masks.ndim == 4 else None
    if channels == 1:
        return "masks = masks.squeeze(1)"
    if channels == num_classes and masks.numel() and masks.max() <= 1:
        return "these look one-hot: masks = masks.argmax(1)"
    if masks.ndim == 4 and 3 in (channels, masks.shape[-1]):
        return "these look like colours: Folder(..., palette=...) turns them into ids"
    return "give one id per pixel, without a channel axis"


def find_ids(masks: Tensor) -> list[int]:
    """The distinct ids of integer `masks`, in order; counting bytes is much faster than torch.unique."""
    if masks.numel() == 0:
        return []
    if masks.dtype != torch.uint8:
        low, high = masks.long().aminmax()
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
    if num_classes == 2:
        return (
            sentence,
            "a grey or smoothed (JPEG, bilinear) black and white mask: masks = (masks > 127).long()",
        )
    if len(wrong) > 8:
        cure = "resize masks by nearest neighbour and store them as PNG (bilinear and JPEG blend ids); or pass a palette"
        return sentence, cure
    return sentence, f"raise num_classes, or make them void: masks[masks == {wrong[0]}] = {ignore_index}"


def _listed(ids: Sequence[int]) -> str:
    if len(ids) > 12:
        return f"{len(ids)} values from {ids[0]} to {ids[-1]}"
    return " and ".join(filter(None, [", ".join(map(str, ids[:-1])), str(ids[-1])]))


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


@contextmanager
def random_state_kept(model: nn.Module) -> Iterator[None]:
    """Give back torch's random state, of the CPU and of the model's GPU, as it was."""
    devices = {tensor.device for tensor in model.parameters() if tensor.is_cuda}
    with torch.random.fork_rng(devices=sorted(devices, key=str)):
        yield


@contextmanager
def evaluating(model: nn.Module) -> Iterator[torch.device]:
    """Eval mode inside the block; afterwards every module, frozen ones too, has its own mode again."""
    modes = {module: module.training for module in model.modules()}
    parameter = next(model.parameters(), None)
    model.eval()
    try:
        yield torch.device("cpu") if parameter is None else parameter.device
    finally:
        for module, training in modes.items():
            module.training = training


def independent_copy(model: nn.Module) -> nn.Module:
    """A deep copy that can be trained without touching `model`; raises ValueError where there is none."""
    if "forward" in vars(model):
        raise ValueError(
            f"the forward of this {type(model).__name__} was replaced on the instance, so a copy would still "
            "run the original: pass the model from before accelerator.prepare"
        )
    return copy.deepcopy(model)


def overfit_one_batch(
    model: nn.Module, batch: tuple[Tensor, Tensor], *, steps: int = 200, lr: float = 1e-2
) -> float:
    """Train a copy of `model` on one batch until its mean IoU passes 0.95; the mean IoU it reached, in [0, 1].

    The first thing to try when nothing is learnt: a model that cannot even learn one batch by heart has a
    fault in model, loss or masks, and more data or time will not help. `batch` is images float (N, 3, H, W) and
    masks (N, H, W). Steps of AdamW with `pixel_loss` in train mode, float32; the score is that of the same
    training forward. The caller's model, its gradients and the random state stay as they were.
    Raises ValueError for masks that `check_masks` refuses or that are all void, and FloatingPointError where
    the loss is not finite.
    """
    images, masks = batch
    with random_state_kept(model), torch.enable_grad():
        student = independent_copy(model).train()
        device = next(student.parameters()).device
        images, masks = images.to(device), masks.to(device).long()
        if (masks == IGNORE).all():
            raise ValueError("masks are void everywhere, so there is nothing to learn; take another batch")
        optimizer = torch.optim.AdamW(student.parameters(), lr=lr, weight_decay=0)
        mean_iou = 0.0
        for step in range(steps + 1):  # the last one is scored only
            logits = student(images)
            if step == 0:
                check_masks(masks, max(2, logits.shape[1]))
            confusion = ConfusionMatrix(max(2, logits.shape[1]))
            confusion.update(to_ids(logits), masks)
            mean_iou = confusion.mean_iou
            if mean_iou > 0.95 or step == steps:
                break
            loss = pixel_loss(logits, masks)
            if not loss.isfinite():
                raise FloatingPointError(
                    f"the loss is {loss.item()} in step {step}, first in the output of "
                    f"{first_non_finite(student, images)!r}; look there, and try a lower lr than {lr:g}"
                )
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return mean_iou
