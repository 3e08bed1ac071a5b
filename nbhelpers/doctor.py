"""`doctor`: examine model, batch and loss, and say in plain words what is wrong and how to cure it.

Every check is one function of a `Case` in the table `CHECKS`. It returns whether all is well, a sentence with
the values it found, and the cure; it raises `Unchecked` where what it needs is missing or already found faulty,
so that one fault makes one finding fail, not ten.
"""

import hashlib
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.dropout import _DropoutNd
from torch.utils.data import Dataset, Subset

from nbhelpers.checks import (
    check_masks,
    first_non_finite,
    independent_copy,
    mask_id_fault,
    mask_type_fault,
    random_state_kept,
)
from nbhelpers.datasets.dataset import IGNORE
from nbhelpers.losses import pixel_loss
from nbhelpers.metrics import ConfusionMatrix, to_ids

STAGES = ("start", "training", "scoring")
REFUSALS = (RuntimeError, ValueError, TypeError, IndexError)  # what torch raises for arguments that do not fit


@dataclass(frozen=True)
class Finding:
    """The outcome of one check: its name, whether all is well, the values found, and the cure if it is not."""

    name: str
    ok: bool
    sentence: str
    cure: str


@dataclass(repr=False)
class Report(list[Finding]):
    """The findings of `doctor`, in the order of the checks; as text, the failed ones come first."""

    unchecked: dict[str, str] = field(default_factory=dict)  # name of the check -> what it needs

    def __str__(self) -> str:
        failed = [finding for finding in self if not finding.ok]
        lines = [f"{len(failed)} of {len(self)} checks failed" if failed else f"all {len(self)} checks passed"]
        for finding in failed:
            lines += [f"FAILED  {finding.name}: {finding.sentence}", f"        -> {finding.cure}"]
        lines += [f"ok      {finding.name}: {finding.sentence}" for finding in self if finding.ok]
        lines += [f"-       {name}: not checked, {reason}" for name, reason in self.unchecked.items()]
        return "\n".join(lines)

    __repr__ = __str__  # so that a notebook shows it


class Unchecked(Exception):
    """A check cannot be made; the text says what it lacks."""


Verdict = tuple[bool, str, str]  # all is well, sentence, cure


def doctor(
    model: nn.Module,
    batch: tuple[Tensor, Tensor],
    loss: Callable[[Tensor, Tensor], Tensor] | None = None,
    *,
    stage: str = "start",
    lr: float | None = None,
    train: Dataset | None = None,
    valid: Dataset | None = None,
) -> Report:
    """Examine a training set-up by the checks in `CHECKS`; the result shows itself as a report.

    Args:
        batch: images float 0..1 (N, 3, H, W) and masks int64 (N, H, W), as the loop gets them.
        loss: takes (logits (N, C, H, W), masks (N, H, W)); default `pixel_loss`.
        stage: "start", before the first step: the loss should be that of guessing; "training", after some
            epochs, or "scoring": the model should beat the majority baseline. Dropout and batch norm should
            be in train mode for the first two, in eval mode for "scoring".
        lr: learning rate for AdamW, tried for five steps on a copy.
        train, valid: datasets whose images are compared by content, each read once, without its transform.

    The forward is float32, in train mode at the start and in eval mode later. Everything runs on copies: the
    caller's model, its mode and gradients, and torch's random state stay as they were.
    Raises ValueError for an unknown stage or a batch that is not (images, masks).
    """
    if stage not in STAGES:
        raise ValueError(f"stage is {stage!r}, but must be one of {', '.join(STAGES)}")
    if len(batch) != 2 or not all(isinstance(part, Tensor) for part in batch):
        raise ValueError("batch must be the tensors (images, masks), as next(iter(loader)) gives them")
    report = Report()
    with random_state_kept(model):
        torch.manual_seed(0)
        case = Case(independent_copy(model), *batch, loss or pixel_loss, stage, lr, train, valid)
        for name, check in CHECKS.items():
            try:
                report.append(Finding(name, *check(case)))
            except Unchecked as reason:
                report.unchecked[name] = str(reason)
    return report


@dataclass
class Case:
    """What is examined, with what the checks derive from it; a property raises Unchecked if it cannot be had."""

    model: nn.Module  # a copy of the caller's, in the mode it was found in
    images: Tensor
    masks: Tensor
    loss: Callable[[Tensor, Tensor], Tensor]
    stage: str
    lr: float | None
    train: Dataset | None
    valid: Dataset | None

    def copy(self, training: bool) -> nn.Module:
        return independent_copy(self.model).train(training)

    @cached_property
    def usable_images(self) -> Tensor:
        if not image_type(self)[0] or not self.images.isfinite().all():
            raise Unchecked("the images are not usable")
        return self.images.to(next(self.model.parameters()).device)

    @cached_property
    def answer(self) -> tuple[object, str]:
        """What the model returns for the images, or the error's text. No gradient."""
        try:
            with torch.no_grad():
                return self.copy(training=self.stage == "start")(self.usable_images), ""
        except REFUSALS as error:
            return None, f"{type(error).__name__}: {error}"

    @cached_property
    def logits(self) -> Tensor:
        """(N, C, h, w), finite, on the CPU, where an id out of range is an error, not a dead GPU."""
        if not forward(self)[0]:
            raise Unchecked("the model gives no logits")
        if not self.answer[0].isfinite().all():
            raise Unchecked("the logits are not finite")
        return self.answer[0].float().cpu()

    @property
    def channels(self) -> int:
        return self.logits.shape[1]

    @property
    def num_classes(self) -> int:
        return max(2, self.channels)

    @cached_property
    def ids(self) -> Tensor:
        """The masks, int64 (N, H, W), on the CPU, if all their ids are allowed."""
        if not mask_type(self)[0] or not mask_ids(self)[0]:
            raise Unchecked("the masks hold no valid ids")
        return self.masks.cpu()

    @cached_property
    def classes_present(self) -> list[int]:
        return [int(i) for i in self.ids.unique() if i != IGNORE]

    @cached_property
    def pair(self) -> tuple[Tensor, Tensor]:
        """Logits and masks of one size."""
        if not sizes(self)[0]:
            raise Unchecked("the sizes differ")
        if not self.classes_present:
            raise Unchecked("all pixels are void")
        return self.logits, self.ids

    @cached_property
    def cpu_loss(self) -> Callable[[Tensor, Tensor], Tensor]:
        return independent_copy(self.loss).cpu() if isinstance(self.loss, nn.Module) else self.loss

    def descend(self, model: nn.Module, steps: int, lr: float) -> list[float]:
        """The loss on the batch before each of `steps` of AdamW on `model`, and after the last."""
        if not loss_fits(self)[0] or not void_is_ignored(self):
            raise Unchecked("the loss does not work on this batch")
        images, masks = self.usable_images, self.pair[1].to(self.usable_images.device)
        optimizer = torch.optim.AdamW(model.parameters(), lr=lr, weight_decay=0)
        values = []
        with torch.enable_grad():
            for step in range(steps + 1):
                torch.manual_seed(0)  # the same dropout each time
                value = self.loss(model(images), masks)
                values.append(value.item())
                if step < steps:
                    optimizer.zero_grad()
                    value.backward()
                    optimizer.step()
        return values


def image_type(case: Case) -> Verdict:
    dtype, shape = str(case.images.dtype).removeprefix("torch."), tuple(case.images.shape)
    sentence = f"images are {dtype} {shape}, and must be float32 (N, C, H, W)"
    if case.images.ndim == 4 and shape[-1] in (1, 3, 4) and shape[1] not in (1, 3, 4):
        return False, sentence, "the channels are last: images = images.movedim(-1, 1)"
    return (
        case.images.ndim == 4 and case.images.dtype == torch.float32,
        sentence,
        "batch samples with nbhelpers.datasets.collate, or images = images.float() / 255 for bytes",
    )


def image_range(case: Case) -> Verdict:
    low, high = case.images.min().item(), case.images.max().item()
    return (
        math.isfinite(low) and math.isfinite(high) and (high <= 1 or low < 0),  # negative: see scaled_twice
        f"images hold {low:.3g} to {high:.3g}, and must lie in 0..1",
        "divide bytes by 255, once; where nan, look for a division by a standard deviation of 0",
    )


def scaled_twice(case: Case) -> Verdict:
    images = case.usable_images
    low, high = images.min().item(), images.max().item()
    if low < 0:
        return (
            False,
            f"images hold {low:.3g} to {high:.3g}, mean {images.mean().item():.2g}: they are normalised already, "
            "and the model normalises again",
            "take Normalize out of the transform: a model here gets images in 0..1",
        )
    return high >= 0.02, f"the brightest value is {high:.2g}", "the images were divided by 255 twice: do it once"


def mask_type(case: Case) -> Verdict:
    dtype, shape = str(case.masks.dtype).removeprefix("torch."), tuple(case.masks.shape)
    classes = next((data.num_classes for data in (case.train, case.valid) if hasattr(data, "num_classes")), None)
    if fault := mask_type_fault(case.masks, classes or 255):
        return False, *fault
    return (
        case.masks.ndim == 3 and case.masks.dtype == torch.int64,
        f"masks are {dtype} {shape}, and must be int64 (N, H, W)",
        "batch samples with nbhelpers.datasets.collate, or masks = masks.long()",
    )


def mask_ids(case: Case) -> Verdict:
    if not mask_type(case)[0]:
        raise Unchecked("the masks are not integers (N, H, W)")
    found = case.masks.unique().tolist()
    if fault := mask_id_fault(found, case.masks.shape, case.num_classes):
        return False, *fault
    return True, f"masks hold {len(found)} ids, all of 0..{case.num_classes - 1} or {IGNORE} = ignore", ""


def mask_resizing(case: Case) -> Verdict:
    """Bilinear resizing draws a rim of the ids between those of two neighbours: 5 between 3 and 7."""
    borders = rims = 0
    for masks in (case.ids, case.ids.mT):
        left, middle, right = masks[..., :-2], masks[..., 1:-1], masks[..., 2:]
        known = (left != IGNORE) & (middle != IGNORE) & (right != IGNORE)
        apart = known & ((left - right).abs() > 1)  # between neighbouring ids there is no other
        borders += int(apart.sum())
        rims += int((apart & ((middle - left) * (right - middle) > 0)).sum())
    if borders < 50:
        raise Unchecked("too few pixels lie between two classes")
    # CamVid, 4 images a batch: nearest 0.01 to 0.05, bilinear 0.11 to 0.55, for 48 x 64 to 270 x 360
    return (
        rims / borders < 0.1,
        f"{rims / borders:.0%} of the pixels between two classes hold an id that lies between theirs",
        "masks were resized bilinearly: resize them by nearest neighbour",
    )


def sizes(case: Case) -> Verdict:
    if case.images.ndim != 4 or case.masks.ndim != 3:
        raise Unchecked("images or masks have the wrong number of axes")
    shapes = {"images": case.images.shape, "masks": case.masks.shape, "logits": case.logits.shape}
    extents = {name: (shape[0], *shape[-2:]) for name, shape in shapes.items()}
    return (
        len(set(extents.values())) == 1,
        "(N, H, W) is " + ", ".join(f"{extent} for {name}" for name, extent in extents.items()),
        "move image and mask by one transform; let the model interpolate its logits to the image's size",
    )


def one_class(case: Case) -> Verdict:
    return (
        len(case.classes_present) > 1,
        f"the masks hold {len(case.classes_present)} of {case.num_classes} classes: {case.classes_present}",
        "nothing can be told apart here: look at other batches, crop larger, shuffle, or check the masks",
    )


def void_share(case: Case) -> Verdict:
    share = (case.ids == IGNORE).float().mean().item()
    return (
        share <= 0.5,
        f"{share:.0%} of the pixels are void",
        "little is left to learn from: pad and rotate less, or check which id the masks use for void",
    )


def forward(case: Case) -> Verdict:
    output, error = case.answer
    if error:
        return False, f"the model refuses images {tuple(case.images.shape)}: {error}", "check in_channels and size"
    if not isinstance(output, Tensor):
        return False, f"the model returns a {type(output).__name__}, not a tensor", "return the logits alone"
    return (
        output.ndim == 4,
        f"the model returns {tuple(output.shape)}, and must return (N, num_classes, H, W)",
        "a segmentation model keeps one logit per class for every pixel: drop its pooling or flattening",
    )


def finite(case: Case) -> Verdict:
    for name, tensor in case.model.state_dict().items():
        if not tensor.isfinite().all():
            return False, f"the weights hold nan or inf, first in {name!r}", "load or make the model anew, lower lr"
    if not forward(case)[0]:
        raise Unchecked("the model gives no logits")
    culprit = first_non_finite(case.copy(training=case.stage == "start"), case.usable_images)
    if culprit is None:
        return True, "weights and logits are finite", ""
    return False, f"nan or inf comes first out of {culprit!r}", "look for a division by 0 or the log of 0 there"


def probabilities(case: Case) -> Verdict:
    sums = case.logits.sum(dim=1)
    with torch.no_grad():  # logits leave 0..1 for images as strange as these, probabilities never
        strange = case.copy(training=case.stage == "start")(200 * case.usable_images - 100).cpu()
    bounded = all(((0 <= x) & (x <= 1)).all() for x in (case.logits, strange))
    activation = "softmax" if case.channels > 1 and torch.allclose(sums, torch.ones(())) else "sigmoid"
    return (
        not bounded,
        f"the model gives {case.logits.min().item():.3g} to {case.logits.max().item():.3g}"
        + (f" and never leaves 0..1: these are probabilities after a {activation}" if bounded else ", logits"),
        f"take the {activation} out of the model: the loss has its own, and twice flattens the gradient",
    )


def loss_fits(case: Case) -> Verdict:
    """Whether the loss takes logits and ids of these channels; a made-up pair, so that no mask is to blame."""
    made_up = torch.linspace(-1, 1, 2 * case.channels * 64).view(2, case.channels, 8, 8).requires_grad_()
    ids = torch.arange(128).view(2, 8, 8) % case.num_classes
    cure = "one channel goes with binary cross-entropy, C channels with cross-entropy: pixel_loss takes both"
    try:
        with torch.enable_grad():
            value = case.cpu_loss(made_up, ids)
    except REFUSALS as error:
        text = f"{type(error).__name__}: {error}".split("\n")[0]
        return False, f"the loss refuses {case.channels} channels and ids 0..{case.num_classes - 1}: {text}", cure
    if value.ndim:
        return False, f"the loss has shape {tuple(value.shape)}, and must be one number", "take its mean"
    gradient = torch.autograd.grad(value, made_up, allow_unused=True)[0] if value.requires_grad else None
    if gradient is None or not gradient.any():
        return False, f"the loss {value.item():.3g} has no gradient with respect to the logits", cure
    return True, f"the loss takes {case.channels} channel(s) and ids 0..{case.num_classes - 1}", ""


def void_in_loss(case: Case) -> Verdict:
    (logits, ids), cure = case.pair, "give the loss ignore_index=255, or take pixel_loss"
    void = (ids == IGNORE).unsqueeze(1)  # (N, 1, H, W)
    if not void.any():
        raise Unchecked("the batch holds no void")
    if not loss_fits(case)[0]:
        raise Unchecked("the loss does not fit the model")
    changed = torch.where(void, torch.full_like(logits[:, :1], 10).expand_as(logits[:, :1]), logits[:, :1])
    changed = torch.cat([changed, logits[:, 1:]], dim=1)  # surely class 0, inside void alone
    try:
        before, after = (case.cpu_loss(x, ids).item() for x in (logits, changed))
    except REFUSALS as error:
        return False, f"the loss refuses {IGNORE} in the masks: {type(error).__name__}: {error}", cure
    return (
        math.isclose(before, after, rel_tol=1e-5),
        f"the loss is {before:.4g}, and {after:.4g} after changing the logits inside void alone",
        cure,
    )


def void_is_ignored(case: Case) -> bool:
    try:
        return void_in_loss(case)[0]
    except Unchecked:
        return True


def gradient(case: Case) -> Verdict:
    trainable = sum(p.requires_grad for p in case.model.parameters())
    total = len(list(case.model.parameters()))
    return trainable > 0, f"{trainable} of {total} parameters can be trained", "unfreeze: p.requires_grad_(True)"
