"""What one call of `fit` asks for, judged before anything is touched."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from numbers import Integral, Real
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import AdamW, Optimizer
from torch.optim.lr_scheduler import LRScheduler, OneCycleLR, PolynomialLR
from torch.utils.data import Dataset

from nbhelpers.datasets.inside import checksum, num_classes_of
from nbhelpers.losses import pixel_loss
from nbhelpers.training.averaging import KINDS
from nbhelpers.training.muon import Muon

Loss = Callable[[Tensor, Tensor], Tensor]  # (logits (N, C, H, W) float32, masks (N, H, W)) -> scalar

SCHEDULES = ("onecycle", "poly")
OPTIMIZERS = {"adamw": AdamW, "muon": Muon}


@dataclass(frozen=True)
class Plan:
    """The arguments of `fit` that decide its result; see there. Raises ValueError for one that makes no sense."""

    epochs: int
    lr: float
    batch_size: int
    loss: Loss | None = None
    class_weights: Tensor | None = None
    schedule: str = "onecycle"
    weight_decay: float = 0.01
    clip_norm: float | None = None
    seed: int = 0
    stop_after: int | None = None
    average: str | None = None
    optimizer: str = "adamw"

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if isinstance(value, np.generic):  # of np.logspace, say; a checkpoint holds plain values
                object.__setattr__(self, name, value.item())
        if self.loss is not None and self.class_weights is not None:
            raise ValueError(
                "class_weights belong to the default loss; give your own loss its weights itself"
            )
        if self.schedule not in SCHEDULES:
            raise ValueError(f"schedule is {self.schedule!r}; it must be 'onecycle' or 'poly'")
        if self.optimizer not in OPTIMIZERS:
            raise ValueError(f"optimizer is {self.optimizer!r}; it must be 'adamw' or 'muon'")
        if self.average not in KINDS:
            raise ValueError(f"average is {self.average!r}; it must be None, 'ema' or 'swa'")
        for name, lowest in (("epochs", 1), ("batch_size", 1), ("seed", 0), ("stop_after", 0)):
            value = getattr(self, name)
            if value is None and name == "stop_after":
                continue
            if not isinstance(value, Integral) or value < lowest:
                raise ValueError(f"{name} is {value!r}; it must be a whole number, at least {lowest}")
        for name in ("lr", "weight_decay", "clip_norm"):
            value = getattr(self, name)
            if value is None and name == "clip_norm" or value == 0 and name == "weight_decay":
                continue
            if not isinstance(value, Real) or not math.isfinite(value) or value <= 0:
                lowest = ", at least 0" if name == "weight_decay" else " above 0"
                raise ValueError(f"{name} is {value!r}; it must be a number{lowest}")

    def check(self, train: Dataset, valid: Dataset, processes: int) -> None:
        """Raise ValueError where the plan does not suit the data sets or the number of processes."""
        for name, amount in (("images in train", len(train)), ("images in valid", len(valid))):
            if amount < 1:
                raise ValueError(f"{amount} {name}; there must be at least 1")
        if self.batch_size % processes:
            raise ValueError(
                f"batch_size {self.batch_size} cannot be split between {processes} processes; take a multiple"
            )
        if isinstance(self.class_weights, Mapping):
            raise ValueError(
                f"class_weights are a dict, {dict(self.class_weights)}; give a tensor or a list, one number for each class"
            )
        if self.class_weights is not None:
            _check_weights(torch.as_tensor(self.class_weights), num_classes_of(train))

    def loss_on(self, device: torch.device) -> Loss:
        if self.loss is not None:
            return self.loss
        weights = self.class_weights
        if weights is not None:
            weights = torch.as_tensor(weights, dtype=torch.float32, device=device)
        return partial(pixel_loss, class_weights=weights)

    def optimizer_of(self, model: nn.Module, device: torch.device) -> Optimizer:
        fused = device.type == "cpu"  # where one fused loop takes a fifth of the time
        build = OPTIMIZERS[self.optimizer]
        return build(model.parameters(), lr=self.lr, weight_decay=self.weight_decay, fused=fused)

    def scheduler(self, optimizer: Optimizer, steps_per_epoch: int) -> LRScheduler:
        steps = self.epochs * steps_per_epoch
        if self.schedule == "poly":
            return PolynomialLR(optimizer, total_iters=steps, power=0.9)
        # the cycle ends at lr / 250,000, too little to learn from: that point lies one step behind the last
        return OneCycleLR(optimizer, max_lr=self.lr, total_steps=steps + 1)

    def record(self, train: Dataset, valid: Dataset, mixed_precision: str) -> dict[str, Any]:
        """What must be equal for `resume=` to go on, in plain values. bf16 and fp16 may take turns."""
        return {
            "epochs": self.epochs,
            "images": len(train),
            "checksum of train": checksum(train),
            "checksum of valid": checksum(valid),
            "batch_size": self.batch_size,
            "lr": self.lr,
            "schedule": self.schedule,
            "weight_decay": self.weight_decay,
            "clip_norm": self.clip_norm,
            "seed": self.seed,
            "average": self.average,
            "optimizer": self.optimizer,
            "loss": _described(self.loss or pixel_loss),
            "class_weights": None
            if self.class_weights is None
            else _plain(torch.as_tensor(self.class_weights)),
            "precision": "fp32" if mixed_precision == "no" else "bf16 or fp16",
        }


def _check_weights(weights: Tensor, num_classes: int) -> None:
    if weights.shape != (num_classes,):
        raise ValueError(
            f"class_weights have shape {tuple(weights.shape)}, but the data has {num_classes} classes: "
            f"give {num_classes} numbers, as class_weights(train) of nbhelpers.datasets does"
        )
    if not weights.isfinite().all() or (weights < 0).any() or not weights.any():
        raise ValueError(
            f"class_weights are {weights.tolist()}; they must be finite, none below 0, and one at least above 0"
        )


def _described(loss: Loss) -> str:
    """A loss's name with its settings, equal for equal losses in another session (a repr may hold an address)."""
    if isinstance(loss, partial):
        settings = {str(number): value for number, value in enumerate(loss.args)} | loss.keywords
        return f"{_described(loss.func)} with {_plain(settings)}"
    if hasattr(loss, "__qualname__"):  # a function
        return loss.__qualname__
    settings = {
        name: value for name, value in getattr(loss, "__dict__", {}).items() if not name.startswith("_")
    }
    if isinstance(loss, nn.Module):
        settings |= dict(loss.named_parameters()) | dict(loss.named_buffers())
        settings |= {name: _described(child) for name, child in loss.named_children()}
    return f"{type(loss).__qualname__} with {_plain(settings)}"


def _plain(value: Any) -> Any:
    if isinstance(value, Tensor | np.ndarray | np.generic):
        return value.tolist()
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, Real | str | None):
        return value
    return getattr(value, "__qualname__", type(value).__qualname__)  # a function's name
