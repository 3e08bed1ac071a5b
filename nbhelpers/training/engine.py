"""The machinery below `fit`: device and precision by accelerate, one pass over the data, and its checks."""

import copy
import math
import os
import time
from collections.abc import Callable
from pathlib import Path

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from accelerate.utils import DataLoaderConfiguration
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler
from torch.utils.data import DataLoader, Dataset, Subset
from tqdm import tqdm

from nbhelpers.checks import check_masks, first_non_finite
from nbhelpers.datasets.dataset import IGNORE, collate, num_classes_of
from nbhelpers.metrics import ConfusionMatrix, to_ids

Loss = Callable[[Tensor, Tensor], Tensor]  # (logits (N, C, H, W) float32, masks (N, H, W)) -> scalar

PRECISIONS = ("auto", "fp32", "bf16", "fp16")
AUX_WEIGHT = 0.4  # of an auxiliary head's loss: PSPNet, https://arxiv.org/abs/1612.01105, section 4.2


def make_accelerator(precision: str = "auto", seed: int = 0) -> Accelerator:
    """An Accelerator that splits every batch between processes, in an order that `seed` and the epoch decide.

    Raises ValueError for an unknown precision.
    """
    if precision not in PRECISIONS:
        raise ValueError(f"precision is {precision!r}; it must be one of {', '.join(PRECISIONS)}")
    # accelerate keeps one precision for the whole program; a notebook may train twice, in two of them
    AcceleratorState._reset_state()
    device_type = next((name for name in ("cuda", "mps") if getattr(torch, name).is_available()), "cpu")
    if precision == "auto":
        precision = fastest_precision(device_type)
    return Accelerator(
        cpu=device_type == "cpu",
        mixed_precision="no" if precision == "fp32" else precision,
        dataloader_config=DataLoaderConfiguration(
            split_batches=True, use_seedable_sampler=True, data_seed=seed
        ),
    )


def fastest_precision(device_type: str) -> str:
    """bf16 where the processor or GPU has instructions for it, fp16 on older GPUs, else fp32.

    The environment variable NBHELPERS_PRECISION goes before, for the whole package: set to fp32, a fast machine
    computes what a plain one does. Raises ValueError where it is no precision.
    """
    wanted = os.environ.get("NBHELPERS_PRECISION") or "auto"
    if wanted not in PRECISIONS:
        raise ValueError(
            f"NBHELPERS_PRECISION is {wanted!r}; it must be one of {', '.join(PRECISIONS)}, or not be set"
        )
    if wanted != "auto":
        return wanted
    if device_type == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp16"
    processor = Path("/proc/cpuinfo")  # Linux; other systems do not tell, and take fp32
    if device_type == "cpu" and processor.exists():
        has_bf16 = {"avx512_bf16", "amx_bf16", "bf16"} & set(processor.read_text().split())
        return "bf16" if has_bf16 else "fp32"
    return "fp32"


class _Forward(nn.Module):
    """What accelerate wraps and patches, so that the reader's model stays as it was."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor | None]:
        if self.training and hasattr(self.model, "forward_with_aux"):
            return self.model.forward_with_aux(images)
        return self.model(images), None


class Engine:
    """A model with its optimizer on the accelerator's device and in its precision, run over data.

    Autocast covers the model alone: logits reach the loss in float32. Convolutions run channels-last.
    """

    def __init__(
        self,
        accelerator: Accelerator,
        model: nn.Module,
        loss: Loss | None = None,
        optimizer: Optimizer | None = None,
    ) -> None:
        self.accelerator = accelerator
        self.model = model
        self.loss = loss
        self._wrapper = _Forward(model)
        self.network, self.optimizer = accelerator.prepare(self._wrapper, optimizer)

    def release(self) -> None:
        """Let go of the model: what accelerate patched refers to itself, and would keep it until garbage is collected."""
        del self._wrapper.model

    @property
    def precision(self) -> str:
        return "fp32" if self.accelerator.mixed_precision == "no" else self.accelerator.mixed_precision

    def to_device(self, images: Tensor, masks: Tensor) -> tuple[Tensor, Tensor]:
        images = images.to(self.accelerator.device, memory_format=torch.channels_last)
        return images, masks.to(self.accelerator.device)

    def rehearse(self, train: Dataset, size: int) -> float:
        """Seconds of a training step on `size` samples, of two timed; leaves model and gradients as they were.

        Raises ValueError where model, masks and loss do not fit together.
        """
        before = copy.deepcopy(self.model.state_dict())
        samples = [train[index] for index in range(min(size, len(train)))]
        num_classes = num_classes_of(train)
        self.network.train()
        for _ in range(2):  # the first pays for the set-up
            started = time.perf_counter()
            images, masks = self.to_device(*collate(samples))
            check_masks(masks, num_classes, lone_background=_has_foreground(train))
            logits, aux_logits = self.network(images)
            expected = (
                len(masks),
                1 if num_classes == 2 and logits.shape[1] == 1 else num_classes,
                *masks.shape[1:],
            )
            if logits.shape != expected:
                raise ValueError(
                    f"the model gives {tuple(logits.shape)}, but {num_classes} classes and masks {tuple(masks.shape)} "
                    f"ask for logits {expected}: build it with num_classes={num_classes}, and interpolate its "
                    "logits to the size of the image"
                )
            value = self._total_loss(logits, aux_logits, masks)
            if value.ndim:
                raise ValueError(
                    f"the loss has shape {tuple(value.shape)}; it must be one number: take its mean"
                )
            self.accelerator.backward(value)
            if images.device.type == "cuda":
                torch.cuda.synchronize()
            seconds = time.perf_counter() - started
        self.optimizer.zero_grad()
        self.model.load_state_dict(before)
        return seconds

    def train_epoch(
        self, loader: DataLoader, scheduler: LRScheduler, bar: tqdm, clip_norm: float | None = None
    ) -> dict[str, float]:
        """One pass over `loader`: the mean loss, and the share of the time that was spent waiting for data.

        Raises FloatingPointError at the first loss that is not finite.
        """
        num_classes = num_classes_of(loader.dataset)
        self.network.train()
        started = ready = time.perf_counter()
        total = waited = 0.0
        for index, batch in enumerate(loader):
            waited += time.perf_counter() - ready
            images, masks = self.to_device(*batch)
            check_masks(masks, num_classes, lone_background=True)  # the rehearsal saw a class
            value = self._total_loss(*self.network(images), masks)
            if not math.isfinite(value.item()):
                raise FloatingPointError(self._why_not_finite(value.item(), index, images, scheduler))
            self.accelerator.backward(value)
            if clip_norm is not None:
                self.accelerator.clip_grad_norm_(self.model.parameters(), clip_norm)
            self.optimizer.step()
            if not self.optimizer.step_was_skipped:  # fp16 skips a step whose gradients overflow
                scheduler.step()
            self.optimizer.zero_grad()
            total += value.item()
            bar.update()
            ready = time.perf_counter()
        mean = torch.tensor(total / len(loader), device=self.accelerator.device)
        return {
            "train_loss": self.accelerator.reduce(mean, "mean").item(),
            "loader_share": waited / (time.perf_counter() - started),
        }

    @torch.inference_mode()
    def score(self, dataset: Dataset, batch_size: int, workers: int = 0) -> tuple[ConfusionMatrix, float]:
        """The confusion matrix over all of `dataset`, and the mean loss of its images (nan without a loss)."""
        rank, processes = self.accelerator.process_index, self.accelerator.num_processes
        if (
            processes > 1
        ):  # batch-norm statistics differ by what each process has seen: all take the first one's
            for buffer in self.model.buffers():
                torch.distributed.broadcast(buffer, src=0)
        network = self.accelerator.unwrap_model(self.network).eval()  # keeps autocast
        mine = Subset(dataset, range(rank, len(dataset), processes))
        confusion, total = ConfusionMatrix(num_classes_of(dataset)), 0.0
        for batch in DataLoader(mine, batch_size, collate_fn=collate, num_workers=workers):
            images, masks = self.to_device(*batch)
            logits, _ = network(images)
            confusion.update(to_ids(logits), masks)
            if self.loss is not None:
                total += self.loss(logits, masks).item() * len(masks)
        confusion.counts = self.accelerator.reduce(confusion.counts.to(images.device), "sum").cpu()
        total = self.accelerator.reduce(torch.tensor(total, device=images.device), "sum").item()
        return confusion, total / len(dataset) if self.loss is not None else math.nan

    def _total_loss(self, logits: Tensor, aux_logits: Tensor | None, masks: Tensor) -> Tensor:
        value = self.loss(logits, masks)
        return value if aux_logits is None else value + AUX_WEIGHT * self.loss(aux_logits, masks)

    def _why_not_finite(self, value: float, index: int, images: Tensor, scheduler: LRScheduler) -> str:
        with self.accelerator.autocast():  # fp16 overflows where fp32 would not
            culprit = first_non_finite(self.model, images)
        where = (
            f"first in the output of {culprit!r}" if culprit else "in the loss itself; the logits are finite"
        )
        return (
            f"the loss is {value} in batch {index} of this epoch, {where} (lr {scheduler.get_last_lr()[0]:.2g}, "
            f"{self.precision}): try a lower lr, clip_norm=1.0, or precision='fp32', and look at this batch "
            "for values that are not numbers"
        )


def _has_foreground(dataset: Dataset) -> bool:
    """Whether any mask holds a class other than 0: one of 0 and 255 alone may be black and white by mistake."""
    return any(((mask != 0) & (mask != IGNORE)).any() for _, mask in dataset)
