"""The machinery below `fit`: device and precision by accelerate, one pass over the data, and its checks."""

import math
import operator
import os
import time
from collections.abc import Iterator, Sized
from contextlib import contextmanager
from pathlib import Path

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState, GradientState, PartialState
from accelerate.utils import DistributedDataParallelKwargs
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler
from torch.optim.swa_utils import update_bn
from torch.utils.data import DataLoader, Subset
from tqdm import tqdm

from nbhelpers.checks import Gate, check_finite, check_logits, first_non_finite, logits_of, mismatch_explained
from nbhelpers.datasets.dataset import collate
from nbhelpers.losses import presence_loss
from nbhelpers.metrics import ConfusionMatrix, to_ids
from nbhelpers.training.averaging import Averaging
from nbhelpers.training.plan import Loss

PRECISIONS = ("auto", "fp32", "bf16", "fp16")
AUX_WEIGHT = 0.4  # of an auxiliary head's loss: PSPNet, https://arxiv.org/abs/1612.01105, section 5.2


@contextmanager
def own_accelerator(precision: str = "auto") -> Iterator[Accelerator]:
    """An Accelerator for this block; one that the reader has, whose state is the whole program's, is left alone.

    Raises ValueError for an unknown precision.
    """
    if precision not in PRECISIONS:
        raise ValueError(f"precision is {precision!r}; it must be one of {', '.join(PRECISIONS)}")
    shared = {owner: dict(owner._shared_state) for owner in (PartialState, AcceleratorState, GradientState)}
    try:
        AcceleratorState._reset_state()
        GradientState._reset_state()
        gpu = any(getattr(torch, name).is_available() for name in ("cuda", "mps"))
        # the reader's, where an Accelerator has chosen one
        device_type = PartialState(cpu=not gpu).device.type
        if precision == "auto":
            precision = fastest_precision(device_type)
        yield Accelerator(
            cpu=device_type == "cpu",
            mixed_precision="no" if precision == "fp32" else precision,
            gradient_accumulation_steps=1,
        )
    finally:
        for owner, state in shared.items():
            if owner is PartialState and torch.distributed.is_initialized():
                continue  # the processes stay in touch
            owner._shared_state.clear()
            owner._shared_state.update(state)


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


class Forward(nn.Module):
    """What accelerate wraps and patches, so that the reader's model stays as it was."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor | None]:
        if self.training and hasattr(self.model, "forward_with_aux"):
            with mismatch_explained(self.model, images):
                answer = self.model.forward_with_aux(images)
            if not isinstance(answer, tuple | list) or len(answer) != 2:
                raise ValueError(
                    f"forward_with_aux gives {type(answer).__name__}{f' of {len(answer)}' if isinstance(answer, Sized) else ''}; "
                    "it must give (logits, aux_logits), or (logits, None)"
                )
            logits, aux_logits = answer
            is_presence = getattr(aux_logits, "ndim", 4) == 2  # (N, num_classes), and no map
            if aux_logits is not None and not is_presence:
                check_logits(aux_logits, images)
            return check_logits(logits, images), aux_logits
        return logits_of(self.model, images), None


def to_device(device: torch.device, images: Tensor, masks: Tensor) -> tuple[Tensor, Tensor]:
    return images.to(device, memory_format=torch.channels_last), masks.to(device)


def total_loss(loss: Loss, logits: Tensor, aux_logits: Tensor | None, masks: Tensor) -> Tensor:
    """The loss of the logits in float32, plus that of an auxiliary head, of maps or of presence, at its weight."""
    value = loss(logits.float(), masks)
    if aux_logits is None:
        return value
    aux_loss = presence_loss if aux_logits.ndim == 2 else loss
    return value + AUX_WEIGHT * aux_loss(aux_logits.float(), masks)


class Engine:
    """A model with its optimizer on the accelerator's device and in its precision, run over data.

    Autocast covers the model alone: logits reach the loss in float32. Convolutions run channels-last.
    `unused_parameters`: whether some get no gradient, which several processes must know beforehand.
    """

    def __init__(
        self,
        accelerator: Accelerator,
        model: nn.Module,
        loss: Loss | None = None,
        optimizer: Optimizer | None = None,
        unused_parameters: bool = False,
    ) -> None:
        self.accelerator = accelerator
        self.model = model
        self.loss = loss
        self._wrapper = Forward(model)
        accelerator.ddp_handler = DistributedDataParallelKwargs(find_unused_parameters=unused_parameters)
        self.network, self.optimizer = accelerator.prepare(self._wrapper, optimizer)

    def __enter__(self) -> "Engine":
        return self

    def __exit__(self, *_) -> None:
        """Let go of model and optimizer: a traceback may hold the engine, and what accelerate patched holds itself."""
        del self._wrapper.model
        self.accelerator._models.clear()
        self.accelerator._optimizers.clear()
        del self._wrapper, self.model, self.network, self.optimizer

    @property
    def precision(self) -> str:
        return "fp32" if self.accelerator.mixed_precision == "no" else self.accelerator.mixed_precision

    def train_epoch(
        self,
        loader: DataLoader,
        gate: Gate,
        scheduler: LRScheduler,
        averaging: Averaging,
        bar: tqdm,
        clip_norm: float | None = None,
    ) -> dict[str, float]:
        """One pass over `loader`: the mean loss, and the share of the time that was spent waiting for data.

        Raises FloatingPointError at the first loss that is not finite, and ValueError at masks that `gate` refuses.
        """
        self.network.train()
        self.optimizer.zero_grad()  # of what the reader, or an interrupted step, has left
        started = ready = time.perf_counter()
        total = waited = 0.0
        for index, batch in enumerate(loader):
            waited += time.perf_counter() - ready
            images, masks = to_device(self.accelerator.device, *batch)
            gate.see(masks)
            value = self.step(images, masks, clip_norm)
            if not math.isfinite(value):
                raise FloatingPointError(self._why_not_finite(value, index, images, scheduler))
            if not self.optimizer.step_was_skipped:  # fp16 skips a step whose gradients overflow
                averaging.after_step(scheduler)
            total += value
            bar.update()
            ready = time.perf_counter()
        mean = torch.tensor(total / len(loader), device=self.accelerator.device)
        return {
            "train_loss": self.accelerator.reduce(mean, "mean").item(),
            "loader_share": waited / (time.perf_counter() - started),
        }

    def step(self, images: Tensor, masks: Tensor, clip_norm: float | None = None) -> float:
        """One step of the optimizer; returns the loss, and leaves the weights alone where it is not finite."""
        loss = total_loss(self.loss, *self.network(images), masks)
        value = loss.item()
        if math.isfinite(value):
            self.accelerator.backward(loss)
            if clip_norm is not None:
                self.accelerator.clip_grad_norm_(self.model.parameters(), clip_norm)
            self.optimizer.step()
            self.optimizer.zero_grad()
        return value

    def measure_batch_norm(self, loader: DataLoader) -> None:
        """Batch norm's statistics anew, over one pass of `loader`.

        Those of frozen layers stay, and those of layers that see one value a channel in every batch (`BatchNorm`).
        """
        self.network.train()
        norms = [each for each in self.network.modules() if isinstance(each, _BatchNorm)]
        frozen = [norm for norm in norms if norm.track_running_stats and not norm.training]
        before = [
            (norm, norm.momentum, {name: buffer.clone() for name, buffer in norm.named_buffers()})
            for norm in norms
        ]
        for norm in frozen:  # or update_bn sets them to 0 and 1; in eval mode they are used all the same
            norm.track_running_stats = False
        try:
            update_bn((to_device(self.accelerator.device, *batch)[0] for batch in loader), self.network)
        finally:
            for norm in frozen:
                norm.track_running_stats = True
            for norm, momentum, _ in before:  # update_bn leaves None behind where it is interrupted
                norm.momentum = momentum
        for norm, _, buffers in before:
            if norm.num_batches_tracked == 0:  # update_bn set it to 0 and 1, and nothing was measured
                norm.load_state_dict(buffers, strict=False)

    @torch.no_grad()  # not inference_mode: what a model keeps for the next call must suit training
    def score(self, gate: Gate, batch_size: int, workers: int = 0) -> tuple[ConfusionMatrix, float]:
        """The confusion matrix over all of `gate`'s set, and the mean loss of its images (nan without a loss).

        Raises ValueError at masks that `gate` refuses, and FloatingPointError at logits that are nan.
        """
        dataset = gate.dataset
        rank, processes = self.accelerator.process_index, self.accelerator.num_processes
        device = self.accelerator.device
        if processes > 1:  # each has seen other batches, and all take the first one's batch-norm statistics
            for buffer in self.model.buffers():
                torch.distributed.broadcast(buffer, src=0)
        network = self.accelerator.unwrap_model(self.network).eval()  # keeps autocast
        mine = Subset(dataset, range(rank, len(dataset), processes))
        confusion, total = ConfusionMatrix(gate.num_classes), 0.0
        loader = DataLoader(
            mine,
            operator.index(batch_size),  # torch refuses numpy's
            collate_fn=collate,
            num_workers=workers,
            generator=torch.Generator(),  # or starting it would draw from the reader's
        )
        for batch in loader:
            images, masks = to_device(self.accelerator.device, *batch)
            gate.see(masks)
            logits, _ = network(images)
            check_logits(logits, images, gate.num_classes)
            try:
                ids = to_ids(logits)
            except FloatingPointError:
                with self.accelerator.autocast():
                    check_finite(logits, self.model, images)  # names the layer
                raise
            confusion.update(ids, masks)
            if self.loss is not None:
                total += self.loss(logits, masks).item() * len(masks)
        confusion.counts = self.accelerator.reduce(confusion.counts.to(device), "sum").cpu()
        total = self.accelerator.reduce(torch.tensor(total, device=device), "sum").item()
        return confusion, total / len(dataset) if self.loss is not None else math.nan

    def _why_not_finite(self, value: float, index: int, images: Tensor, scheduler: LRScheduler) -> str:
        with self.accelerator.autocast():  # fp16 overflows where fp32 would not
            wrapped = Forward(self.model)  # with its auxiliary head
            wrapped.training = self.model.training
            culprit = (first_non_finite(wrapped, images) or "").removeprefix("model.")
        where = (
            f"first in the output of {culprit!r}" if culprit else "in the loss itself; the logits are finite"
        )
        return (
            f"the loss is {value} in batch {index} of this epoch, {where} (lr {scheduler.get_last_lr()[0]:.2g}, "
            f"{self.precision}): try a lower lr, clip_norm=1.0, or precision='fp32', and look at this batch "
            "for values that are not numbers"
        )
