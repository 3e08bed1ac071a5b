"""What `doctor` examines: a `Case`, which every check is a function of."""

import copy
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property

import torch
from torch import Tensor, nn
from torch.utils.data import Dataset

from nbhelpers.checks import independent_copy, random_state_kept
from nbhelpers.datasets.contract import IGNORE
from nbhelpers.datasets.inside import num_classes_of
from nbhelpers.metrics import ConfusionMatrix, to_ids

Verdict = tuple[bool, str, str]  # all is well, sentence, cure
REFUSALS = Exception  # a model or a loss is the reader's code, and may raise anything: that is a finding
TRIAL_STEPS = 5


class Unchecked(Exception):
    """A check cannot be made; the text says why."""


@dataclass
class Case:
    """What is examined. `model` is a copy of the caller's, in the mode it was found in; no check changes it."""

    model: nn.Module
    images: Tensor
    masks: Tensor
    loss: Callable[[Tensor, Tensor], Tensor]
    stage: str
    lr: float | None
    train: Dataset | None
    valid: Dataset | None
    passed: set[str] = field(default_factory=set)

    def require(self, *checks: Callable) -> None:
        for check in checks:
            if name_of(check) not in self.passed:
                raise Unchecked(f"since {name_of(check)!r} did not pass")

    def copy(self) -> nn.Module:
        """A model for a trial forward: in train mode at the start, else in eval mode."""
        return independent_copy(self.model).train(self.stage == "start")

    @cached_property
    def device_images(self) -> Tensor:
        return self.images.to(next((p.device for p in self.model.parameters()), "cpu"))

    @cached_property
    def answer(self) -> tuple[object, str]:
        """What the model returns for the images, or the text of its error."""
        try:
            with torch.no_grad():
                return self.copy()(self.device_images), ""
        except REFUSALS as error:
            return None, text_of(error)

    @cached_property
    def logits(self) -> Tensor:
        """(N, C, h, w) float32, on the CPU, where an id out of range is an error and not a dead GPU."""
        return self.answer[0].float().cpu()

    @cached_property
    def ids(self) -> Tensor:
        return self.masks.cpu()

    def require_pixels(self) -> None:
        if (self.ids == IGNORE).all():
            raise Unchecked("since the batch is void everywhere")

    @property
    def num_classes(self) -> int:
        """Of the data set if one was passed, else of the model: a single channel tells two classes."""
        for data in (self.train, self.valid):
            with suppress(ValueError):  # it does not tell
                return num_classes_of(data)
        return max(2, self.logits.shape[1])

    @property
    def device_ids(self) -> Tensor:
        return self.ids.to(self.device_images.device)

    @property
    def loss_copy(self) -> Callable[[Tensor, Tensor], Tensor]:
        """The loss; of a module a copy, since it may count, learn or keep gradients."""
        return copy.deepcopy(self.loss) if isinstance(self.loss, nn.Module) else self.loss

    @cached_property
    def cpu_loss(self) -> Callable[[Tensor, Tensor], Tensor]:
        return self.loss_copy.cpu() if isinstance(self.loss, nn.Module) else self.loss

    def loss_of(self, logits: Tensor, ids: Tensor) -> Tensor:
        """The loss of CPU tensors; only a function that holds tensors of the GPU is called with them there."""
        try:
            return self.cpu_loss(logits, ids)
        except RuntimeError:  # an id out of range, which would kill the GPU, is an IndexError
            device = self.device_images.device
            if device.type == "cpu":
                raise
            return self.loss_copy(logits.to(device), ids.to(device))

    @cached_property
    def confusion(self) -> ConfusionMatrix:
        confusion = ConfusionMatrix(self.num_classes)
        confusion.update(to_ids(self.logits), self.ids)
        return confusion

    def losses(self, lr: float) -> list[float]:
        """The loss on the batch before each of a few steps of AdamW on a copy, and after the last."""
        model, loss = self.copy(), self.loss_copy
        optimizer = torch.optim.AdamW(model.parameters(), lr=lr, weight_decay=0)
        values = []
        for _ in range(TRIAL_STEPS + 1):
            with random_state_kept(model):  # the same dropout each time
                value = loss(model(self.device_images), self.device_ids)
            values.append(value.item())
            optimizer.zero_grad()
            value.backward()
            optimizer.step()
        return values


def name_of(check: Callable) -> str:
    return check.__name__.replace("_", " ")


def text_of(error: Exception) -> str:
    text = f"{type(error).__name__}: {error}".splitlines()[0]
    return text if len(text) < 200 else f"{text[:200]}..."
