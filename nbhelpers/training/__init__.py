"""Train and score a network: `fit` is the loop that every lesson uses, `evaluate` the score it reports.

Several processes: start the same script by `torchrun --nproc_per_node 2 script.py` (CPU or GPU) or by
`accelerate launch`; every batch is then split between the processes, so `batch_size` keeps its meaning.
"""

import sys
import time
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import torch
import torch.nn.functional as F
from accelerate.utils import set_seed
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler, OneCycleLR, PolynomialLR
from torch.utils.data import DataLoader, Dataset
from tqdm import tqdm

from nbhelpers.checks import evaluating
from nbhelpers.datasets.dataset import collate
from nbhelpers.losses import pixel_loss
from nbhelpers.metrics import ConfusionMatrix
from nbhelpers.training.checkpoints import load_checkpoint, save_checkpoint
from nbhelpers.training.engine import Engine, Loss, make_accelerator


@dataclass
class History:
    """One row an epoch: epoch, lr, train_loss, valid_loss, mean_iou, pixel_accuracy, seconds, loader_share.

    `loader_share` is the fraction of the epoch's training time that was spent waiting for data.
    """

    rows: list[dict[str, float]] = field(default_factory=list)

    @property
    def best(self) -> dict[str, float]:
        """The row of the highest mean IoU, the first of equals: the weights that `fit` leaves in the model."""
        if not self.rows:
            raise ValueError("the history is empty: no epoch was finished")
        return max(self.rows, key=lambda row: row["mean_iou"])

    def plot(self):
        """The learning curves, as a picture."""
        from nbhelpers.visualisation import show_curves  # pictures are heavy, and training does not need them

        return show_curves(self)


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
    precision: str = "auto",
    workers: int = 0,
    seed: int = 0,
    resume: str | Path | None = None,
    stop_after: int | None = None,
    quiet: bool = False,
) -> History:
    """Train `model` in place on `train`, score it on `valid` after every epoch, and keep the best weights.

    Args:
        train, valid: datasets of samples (image, mask); see `nbhelpers.datasets`.
        lr: the highest learning rate of the schedule, for AdamW.
        loss: takes (logits (N, C, H, W) in float32, masks (N, H, W)) and gives a scalar, as SMP's losses do.
            Default: `nbhelpers.losses.pixel_loss`, cross-entropy over the pixels that are not void.
        class_weights: (C,), for the default loss; see `nbhelpers.datasets.class_weights`.
        schedule: "onecycle" (Smith and Topin, 2018) or "poly" (lr falls as (1 - step / steps) ** 0.9).
        clip_norm: the largest norm that all gradients together may have.
        precision: "fp32", "bf16", "fp16", or "auto": the fastest that this processor or GPU has instructions for.
        workers: processes that load data; 0 by default, since workers hang in notebooks on some systems.
        seed: of order, augmentation and dropout; it sets the generators of random, numpy and torch.
        resume: a checkpoint file, written after every epoch; where it exists, training goes on from it.
        stop_after: end after this many epochs of the plan; a later call with `resume` goes on.
        quiet: print nothing, for experiments of many trainings.

    Returns the history. Interrupting (Ctrl-C, the stop button) returns what was learnt so far. The model is left
    on its device and in eval mode. Raises ValueError where data, model and loss do not fit together, before any
    training, and FloatingPointError at the first loss that is not finite.
    """
    accelerator = make_accelerator(precision, seed)

    def show(line: str) -> None:
        if accelerator.is_main_process and not quiet:
            tqdm.write(line, file=sys.stdout)  # above the progress bar

    if loss is not None and class_weights is not None:
        raise ValueError("class_weights belong to the default loss; give your own loss its weights itself")
    for name, amount in (
        ("epochs", epochs),
        ("images in train", len(train)),
        ("images in valid", len(valid)),
    ):
        if amount < 1:
            raise ValueError(f"{amount} {name}; there must be at least 1")
    if batch_size % accelerator.num_processes:
        raise ValueError(
            f"batch_size {batch_size} cannot be split between {accelerator.num_processes} processes; take a multiple"
        )
    if class_weights is not None:
        class_weights = class_weights.to(accelerator.device, torch.float32)
    model.to(accelerator.device, memory_format=torch.channels_last)
    on_cpu = accelerator.device.type == "cpu"  # where one fused loop takes a fifth of the time
    optimizer = torch.optim.AdamW(model.parameters(), lr=lr, weight_decay=weight_decay, fused=on_cpu)
    engine = Engine(accelerator, model, loss or partial(pixel_loss, class_weights=class_weights), optimizer)
    loader = accelerator.prepare(
        DataLoader(
            train,
            batch_size,
            shuffle=True,
            drop_last=len(train) > batch_size,  # a last batch of 1 breaks batch norm on a 1 x 1 map
            collate_fn=collate,
            num_workers=workers,
            persistent_workers=workers > 0,
        )
    )
    scheduler = _make_scheduler(schedule, optimizer, lr, steps=epochs * len(loader))

    history, best = History(), None
    plan = {"epochs": epochs, "steps": len(loader), "batch_size": batch_size}
    plan |= {"lr": lr, "schedule": schedule, "seed": seed}
    parts = {"model": model, "optimizer": optimizer, "scheduler": scheduler}
    if accelerator.scaler is not None:
        parts["scaler"] = accelerator.scaler
    if resume is not None and Path(resume).exists():
        history.rows, best = load_checkpoint(resume, parts, plan)
        show(f"going on from {resume}, after epoch {len(history.rows)} of {epochs}")
    todo = range(len(history.rows), min(epochs, stop_after or epochs))

    step = engine.rehearse(train, batch_size // accelerator.num_processes)
    seconds = step * (len(loader) + len(valid) / batch_size / 3)  # scoring has no backward pass: a third
    if todo:
        show(
            f"{len(todo)} epochs of {len(loader)} steps of {batch_size} images, {engine.precision} on "
            f"{accelerator.device.type}: about {_duration(len(todo) * seconds)}"
        )
    bar = tqdm(
        total=len(todo) * len(loader),
        disable=quiet or not accelerator.is_main_process,
        file=sys.stdout,  # not stderr, which notebooks paint red
        ncols=80,
        mininterval=1,
        smoothing=0.05,  # the time left from the whole run, not from the last steps
        bar_format="{percentage:3.0f}% |{bar}| {n_fmt} of {total_fmt} steps, {remaining} left",
    )
    try:
        for epoch in todo:
            started = time.perf_counter()
            # each epoch has a seed of its own, so resuming needs no generator states
            set_seed((seed * 10_000 + epoch) % 2**32, device_specific=True)
            loader.set_epoch(epoch)
            row = {"epoch": epoch + 1, "lr": scheduler.get_last_lr()[0]}
            row |= engine.train_epoch(loader, scheduler, bar, clip_norm)
            confusion, row["valid_loss"] = engine.score(valid, batch_size, workers)
            row |= {"mean_iou": confusion.mean_iou, "pixel_accuracy": confusion.pixel_accuracy}
            row["seconds"] = time.perf_counter() - started
            history.rows.append(row)
            if history.best is row:
                best = {name: value.detach().cpu().clone() for name, value in model.state_dict().items()}
            if resume is not None and accelerator.is_main_process:
                save_checkpoint(resume, parts, plan, history.rows, best)
            show(
                f"epoch {epoch + 1:>{len(str(epochs))}}/{epochs}  train loss {row['train_loss']:.3f}  "
                f"valid loss {row['valid_loss']:.3f}  mean IoU {row['mean_iou']:.3f}  {row['seconds']:.1f} s"
            )
    except KeyboardInterrupt:
        show(f"\ninterrupted in epoch {len(history.rows) + 1}: the model keeps what it learnt")
    finally:
        bar.close()
        engine.release()
    if best is not None:
        model.load_state_dict(best)
    model.eval()
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
    accelerator = make_accelerator(precision)
    model = model if size is None else AtSize(model, size)
    model.to(accelerator.device, memory_format=torch.channels_last)
    with evaluating(model):
        engine = Engine(accelerator, model)
        confusion, _ = engine.score(dataset, batch_size, workers)
    engine.release()
    return confusion


def _make_scheduler(schedule: str, optimizer: Optimizer, lr: float, steps: int) -> LRScheduler:
    if schedule == "onecycle":
        return OneCycleLR(optimizer, max_lr=lr, total_steps=steps)
    if schedule == "poly":
        return PolynomialLR(optimizer, total_iters=steps, power=0.9)
    raise ValueError(f"schedule is {schedule!r}; it must be 'onecycle' or 'poly'")


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
