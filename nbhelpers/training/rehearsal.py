"""Before the first epoch: a step and a scoring tried out, to refuse what cannot go well and to tell the time."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from nbhelpers.checks import Gate, check_finite, check_logits
from nbhelpers.datasets.contract import IGNORE, dtype_of
from nbhelpers.datasets.dataset import collate
from nbhelpers.datasets.inside import same_classes
from nbhelpers.metrics import to_ids
from nbhelpers.training.engine import Forward, to_device, total_loss
from nbhelpers.training.plan import Loss


@dataclass(frozen=True)
class Rehearsal:
    """Seconds of a training step and of scoring an image, both with reading; parameters that get no gradient."""

    step: float
    score: float
    unused: list[str]


def rehearse(
    accelerator: Accelerator, model: nn.Module, loss: Loss, train: Gate, valid: Gate, batch_size: int
) -> Rehearsal:
    """Two training steps without an optimizer, then a batch of `valid`, on the accelerator's device.

    The batches are the samples that the gates inspect, untimed; reading is told by their `reading`.
    Raises ValueError where data, model and loss do not fit together, FloatingPointError where logits are not finite
    in eval mode. Call it inside `tried_out`.
    """
    if train.num_classes != valid.num_classes:
        raise ValueError(
            f"train tells {train.num_classes} classes and valid {valid.num_classes}; they must be the same ones"
        )
    same_classes({"train": train.classes, "valid": valid.classes})
    network, count = Forward(model), batch_size // accelerator.num_processes
    train_samples, valid_samples = train.inspect(count), valid.inspect(count)
    for _ in range(2):  # the first pays for the set-up
        started = time.perf_counter()
        images, masks = to_device(accelerator.device, *collate(train_samples))
        train.see(masks)
        network.train()
        with accelerator.autocast():
            logits, aux_logits = network(images)
        check_logits(logits, images, train.num_classes)
        value = _loss_of(loss, logits, aux_logits, masks)
        accelerator.backward(value)
        step = _seconds_since(started, images) + len(images) * train.reading
    unused = [name for name, each in model.named_parameters() if each.requires_grad and each.grad is None]
    started = time.perf_counter()
    network.eval()
    images, masks = to_device(accelerator.device, *collate(valid_samples))
    valid.see(masks)
    with torch.no_grad(), accelerator.autocast():
        logits, _ = network(images)
        check_finite(check_logits(logits, images, valid.num_classes), model, images)
    to_ids(logits)
    return Rehearsal(step, _seconds_since(started, images) / len(images) + valid.reading, unused)


def _loss_of(loss: Loss, logits: Tensor, aux_logits: Sequence[Tensor], masks: Tensor) -> Tensor:
    try:
        value = total_loss(loss, logits, aux_logits, masks)
    except (TypeError, RuntimeError, ValueError) as error:
        raise ValueError(
            f"the loss cannot be taken: {error}; it gets logits, {dtype_of(logits)} {tuple(logits.shape)}, and masks of "
            f"class ids, int64 {tuple(masks.shape)} with {IGNORE} = void, and gives one number (those of nbhelpers.losses do)"
        ) from error
    if not isinstance(value, Tensor):
        raise ValueError(
            f"the loss is {type(value).__name__}; it must be a tensor: leave out item() and float()"
        )
    if value.ndim:
        raise ValueError(f"the loss has shape {tuple(value.shape)}; it must be one number: take its mean")
    if not value.requires_grad:
        raise ValueError(
            "the loss has no gradient, so that nothing can be learnt: leave out detach() and argmax, and unfreeze a "
            "parameter by requires_grad_(True)"
        )
    return value


def _seconds_since(started: float, images: Tensor) -> float:
    if images.device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - started
