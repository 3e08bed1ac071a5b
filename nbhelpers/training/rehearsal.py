"""Before the first epoch: a step and a scoring tried out, to refuse what cannot go well and to tell the time."""

import time
from dataclasses import dataclass

import torch
from accelerate import Accelerator
from torch import Tensor, nn
from torch.utils.data import Dataset

from nbhelpers.checks import check_masks
from nbhelpers.datasets.dataset import IGNORE, collate, num_classes_of
from nbhelpers.metrics import to_ids
from nbhelpers.training.engine import Forward, total_loss
from nbhelpers.training.plan import Loss


@dataclass(frozen=True)
class Rehearsal:
    """Seconds of a training step and of scoring an image, both with reading; parameters that get no gradient."""

    step: float
    score: float
    unused: list[str]


def rehearse(
    accelerator: Accelerator, model: nn.Module, loss: Loss, train: Dataset, valid: Dataset, batch_size: int
) -> Rehearsal:
    """Two training steps without an optimizer, then a batch of `valid`, on the accelerator's device.

    Raises ValueError where model, masks and loss do not fit together. Call it inside `tried_out`.
    """
    network, num_classes = Forward(model), num_classes_of(train)
    lone_background = _has_foreground(train)
    samples = batch_size // accelerator.num_processes
    for _ in range(2):  # the first pays for the set-up
        started = time.perf_counter()
        images, masks = _batch(accelerator, train, samples)
        check_masks(masks, num_classes, lone_background=lone_background)
        network.train()
        with accelerator.autocast():
            logits, aux_logits = network(images)
        check_logits(logits, masks, num_classes)
        value = total_loss(loss, logits, aux_logits, masks)
        if value.ndim:
            raise ValueError(f"the loss has shape {tuple(value.shape)}; it must be one number: take its mean")
        accelerator.backward(value)
        step = _seconds_since(started, images)
    unused = [name for name, each in model.named_parameters() if each.requires_grad and each.grad is None]
    started = time.perf_counter()
    network.eval()
    images, masks = _batch(accelerator, valid, samples)
    with torch.no_grad(), accelerator.autocast():
        logits, _ = network(images)
    check_logits(logits, masks, num_classes_of(valid))
    to_ids(logits)
    return Rehearsal(step, _seconds_since(started, images) / len(images), unused)


def check_logits(logits: Tensor, masks: Tensor, num_classes: int) -> None:
    """Raise ValueError unless `logits` are one map a class, or a single one for two classes, as large as `masks`."""
    channels = 1 if num_classes == 2 and logits.shape[1] == 1 else num_classes
    expected = (len(masks), channels, *masks.shape[1:])
    if logits.shape != expected:
        raise ValueError(
            f"the model gives {tuple(logits.shape)}, but {num_classes} classes and masks {tuple(masks.shape)} "
            f"ask for logits {expected}: build it with num_classes={num_classes}, and interpolate its "
            "logits to the size of the image"
        )


def _batch(accelerator: Accelerator, dataset: Dataset, size: int) -> tuple[Tensor, Tensor]:
    images, masks = collate([dataset[index] for index in range(min(size, len(dataset)))])
    device = accelerator.device
    return images.to(device, memory_format=torch.channels_last), masks.to(device)


def _seconds_since(started: float, images: Tensor) -> float:
    if images.device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - started


def _has_foreground(dataset: Dataset) -> bool:
    """Whether any mask holds a class other than 0: one of 0 and 255 alone may be black and white by mistake."""
    masks = (dataset[index][1] for index in range(len(dataset)))
    return any(((mask != 0) & (mask != IGNORE)).any() for mask in masks)
