"""Train and score a network: `fit` is the loop that every lesson uses, `evaluate` the score it reports.

Several processes: start the same script by `torchrun --nproc_per_node 2 script.py` (CPU or GPU) or by
`accelerate launch`; every batch is then split between the processes, so `batch_size` keeps its meaning.
"""

import time
from functools import partial
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import Dataset

from nbhelpers.checks import Gate, evaluating
from nbhelpers.metrics import ConfusionMatrix
from nbhelpers.training.averaging import Averaging
from nbhelpers.training.checkpoints import check_place, load_checkpoint, save_checkpoint
from nbhelpers.training.engine import Engine, own_accelerator
from nbhelpers.training.history import History
from nbhelpers.training.keeping import Keeper, tried_out
from nbhelpers.training.plan import Loss, Plan
from nbhelpers.training.progress import Progress, duration
from nbhelpers.training.randomness import Batches, seed_network, seeded_loader
from nbhelpers.training.rehearsal import rehearse

__all__ = ["AtSize", "History", "evaluate", "fit"]


def fit(
    model: nn.Module,
    train: Dataset,
    valid: Dataset,
    *,
    epochs: int,
    lr: float = 2e-3,
    batch_size: int = 8,
    loss: Loss | None = None,
    class_weights: Tensor | None = None,
    schedule: str = "onecycle",
    weight_decay: float = 0.01,
    clip_norm: float | None = None,
    average: str | None = None,
    optimizer: str = "adamw",
    precision: str = "auto",
    workers: int = 0,
    seed: int = 0,
    resume: str | Path | None = None,
    stop_after: int | None = None,
    quiet: bool = False,
) -> History:
    """Train `model` in place on `train`, score it on `valid` after every epoch, and keep the best weights.

    Args:
        train, valid: datasets of samples (image, mask); see `nbhelpers.datasets`. One that has an attribute `progress`,
            as `Tiles` has, is told how much of the training lies behind, 0 to 1.
        lr: the highest learning rate of the schedule.
        loss: takes (logits (N, C, H, W) in float32, masks (N, H, W)) and gives a scalar, as those of
            `nbhelpers.losses` do. Default: its `pixel_loss`, cross-entropy over the pixels that are not void.
        class_weights: (C,), for the default loss; see `nbhelpers.datasets.class_weights`.
        schedule: "onecycle" (Smith and Topin, 2018) or "poly" (lr falls as (1 - step / steps) ** 0.9).
        clip_norm: the largest norm that all gradients together may have.
        average: "ema" scores and keeps an exponential average of the weights over the steps (decay 0.99); "swa" the plain
            average of the last quarter of the epochs, in which the rate is held, with batch norm measured anew on
            `train`. See `nbhelpers.training.averaging`.
        optimizer: "adamw" (Loshchilov and Hutter, 2019), or "muon", which learns faster at the same learning rates; see
            `nbhelpers.training.muon`.
        precision: "fp32", "bf16", "fp16", or "auto": the fastest that this processor or GPU has instructions for.
        workers: processes that load data; 0 by default, since workers hang in notebooks on some systems.
        seed: of order, augmentation and dropout, from 0; two seeds share none of them, and neither do two epochs or
            processes. Workers and processes do not change order and augmentation. It sets the generators of
            random, numpy and torch.
        resume: a checkpoint file, written after every epoch; where it exists, training goes on from it, if it was
            made by the same plan (bf16 and fp16 may take turns) on the same pictures: each fold needs a file of its own.
        stop_after: end after this many epochs of the plan; a later call with `resume` goes on. 0 trains nothing.
        quiet: print nothing, for experiments of many trainings.

    Returns the history; the model is left on its device, in eval mode, with the weights of the best epoch. So it is
    whatever ends the training: Ctrl-C (the stop button) returns the history so far, and an error (a full disk, a
    file that cannot be read) has it as its attribute `history`; in a notebook, `sys.last_value.history`. Before
    the first epoch is finished, an error leaves the weights as they were, and Ctrl-C what was learnt.
    Raises FloatingPointError at the first loss that is not finite, and ValueError where data, model, loss and
    checkpoint do not fit together: before any training, with model and random states as they were.
    """
    plan = Plan(
        epochs=epochs,
        lr=lr,
        batch_size=batch_size,
        loss=loss,
        class_weights=class_weights,
        schedule=schedule,
        weight_decay=weight_decay,
        clip_norm=clip_norm,
        seed=seed,
        stop_after=stop_after,
        average=average,
        optimizer=optimizer,
    )
    history, best = History(), None
    train_gate, valid_gate = Gate(train, "train"), Gate(valid, "valid")
    with (
        own_accelerator(precision) as accelerator,
        Progress(accelerator.is_main_process and not quiet) as progress,
    ):
        plan.check(train, valid, accelerator.num_processes)
        if resume is not None:
            check_place(resume)
        device, loss = accelerator.device, plan.loss_on(accelerator.device)
        with tried_out(model, device):
            rehearsal = rehearse(accelerator, model, loss, train_gate, valid_gate, batch_size)

        stepper = plan.optimizer_of(model, device)
        batches = Batches(len(train), batch_size, seed, accelerator.process_index, accelerator.num_processes)
        scheduler = plan.scheduler(stepper, steps_per_epoch=len(batches))
        averaging = Averaging(average, model, epochs)
        parts = {"model": model, "optimizer": stepper, "scheduler": scheduler, **averaging.parts}
        if accelerator.scaler is not None:
            parts["scaler"] = accelerator.scaler
        record = {} if resume is None else plan.record(train, valid, accelerator.mixed_precision)
        if resume is not None and Path(resume).exists():
            history.rows, best = load_checkpoint(resume, parts, record)
            progress.say(f"going on from {resume}, after epoch {len(history.rows)} of {epochs}")

        todo = range(len(history.rows), epochs if stop_after is None else min(epochs, stop_after))
        with (
            Keeper(model, history, best, progress.say) as keeper,
            Engine(accelerator, model, loss, stepper, bool(rehearsal.unused)) as engine,
            seeded_loader(train, batches, workers) as loader,
        ):
            if todo:
                seconds = (
                    rehearsal.step * len(batches) + rehearsal.score * len(valid) / accelerator.num_processes
                )
                progress.say(
                    f"{len(todo)} epochs of {len(batches)} steps of {batch_size} images, {engine.precision} on "
                    f"{device.type}: about {duration(len(todo) * seconds)}"
                )
            progress.start(len(todo) * len(batches))
            for epoch in todo:
                started = time.perf_counter()
                seed_network(seed, epoch, accelerator.process_index)
                batches.epoch = averaging.epoch = epoch
                batches.progress = epoch / max(1, epochs - 1)
                row = {"epoch": epoch + 1, "lr": scheduler.get_last_lr()[0]}
                row |= engine.train_epoch(loader, train_gate, scheduler, averaging, progress.bar, clip_norm)
                averaging.after_epoch()
                with averaging.worn(partial(engine.measure_batch_norm, loader)):
                    confusion, row["valid_loss"] = engine.score(valid_gate, batch_size, workers)
                    row |= {"mean_iou": confusion.mean_iou, "pixel_accuracy": confusion.pixel_accuracy}
                    row["seconds"] = time.perf_counter() - started
                    keeper.keep(row)
                if resume is not None and accelerator.is_main_process:
                    save_checkpoint(resume, parts, record, history.rows, keeper.best)
                progress.say(
                    f"epoch {epoch + 1:>{len(str(epochs))}}/{epochs}  train loss {row['train_loss']:.3f}  "
                    f"valid loss {row['valid_loss']:.3f}  mean IoU {row['mean_iou']:.3f}  {row['seconds']:.1f} s"
                )
    return history


class AtSize(nn.Module):
    """Run `network` on images shrunk to `size` (height, width): (N, C, H, W) -> logits (N, num_classes, H, W)."""

    def __init__(self, network: nn.Module, size: tuple[int, int]) -> None:
        super().__init__()
        self.network, self.size = network, size

    def forward(self, images: Tensor) -> Tensor:
        small = F.interpolate(images, self.size, mode="bilinear", antialias=True)
        return F.interpolate(self.network(small), images.shape[-2:], mode="bilinear")


def evaluate(
    model: nn.Module,
    dataset: Dataset,
    *,
    size: tuple[int, int] | None = None,
    batch_size: int = 8,
    precision: str = "auto",
    workers: int = 0,
) -> ConfusionMatrix:
    """Score `model` on every pair of `dataset`, in the precision that `fit` uses; the model's mode is kept.

    size: (height, width) that the images are shrunk to on their way in. The logits are enlarged to the mask's size,
        so that a network trained on small images is scored on the thin things that shrinking a mask deletes.
    Images of one batch must have one size: pass batch_size=1 where sizes vary.
    """
    gate = Gate(dataset, "dataset")
    model = model if size is None else AtSize(model, size)
    with own_accelerator(precision) as accelerator:
        model.to(accelerator.device, memory_format=torch.channels_last)
        with evaluating(model), Engine(accelerator, model) as engine:
            confusion, _ = engine.score(gate, batch_size, workers)
    return confusion
