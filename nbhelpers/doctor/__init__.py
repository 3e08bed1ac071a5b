"""`doctor`: examine model, batch and loss, and say in plain words what is wrong and how to cure it."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.utils.data import Dataset

from nbhelpers.checks import independent_copy, random_state_kept
from nbhelpers.doctor import images, learning, masks, network
from nbhelpers.doctor.case import Case, Unchecked, name_of
from nbhelpers.losses import pixel_loss

# A check is a function of a Case that gives a Verdict; it stands after those it requires. Adding one is one line.
CHECKS = (
    images.image_type,
    images.image_range,
    images.image_scaling,
    network.forward,
    network.finite,
    network.probabilities,
    network.channels,
    masks.mask_type,
    masks.sizes,
    masks.mask_ids,
    masks.mask_resizing,
    masks.classes_present,
    masks.void_share,
    learning.loss_type,
    learning.loss_value,
    learning.loss_in_void,
    learning.gradient,
    learning.starting_loss,
    learning.learning_rate,
    network.mode,
    learning.baseline,
    masks.samples,
    images.split_overlap,
)

STAGES = ("start", "training", "scoring")


@dataclass(frozen=True)
class Finding:
    """The outcome of one check: its name, whether all is well, the values found, and the cure, empty if it is."""

    name: str
    ok: bool
    sentence: str
    cure: str


class Report(list[Finding]):
    """The findings of `doctor`, in the order of the checks; shown as text, the failed ones first.

    `unchecked` holds the checks that could not be made, by name, with the reason.
    """

    def __init__(self) -> None:
        super().__init__()
        self.unchecked: dict[str, str] = {}

    @property
    def failed(self) -> list[str]:
        """Names of the checks that failed."""
        return [finding.name for finding in self if not finding.ok]

    def __str__(self) -> str:
        failed = len(self.failed)
        lines = [f"{failed} of {len(self)} checks failed" if failed else f"all of {len(self)} checks passed"]
        for finding in self:
            if not finding.ok:
                lines += [f"FAILED  {finding.name}: {finding.sentence}", f"        cure: {finding.cure}"]
        lines += [f"ok      {finding.name}: {finding.sentence}" for finding in self if finding.ok]
        lines += [f"-       {name}: not checked, {reason}" for name, reason in self.unchecked.items()]
        return "\n".join(lines)

    __repr__ = __str__  # a notebook shows the last expression of a cell by its repr


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
        batch: images float32 in 0..1 (N, 3, H, W) and masks int64 (N, H, W), as the training loop gets them.
        loss: takes (logits (N, C, H, W), masks (N, H, W)) and gives a scalar; default `pixel_loss`.
        stage: "start", before the first step, where the loss should be about that of guessing; "training", after
            some epochs, or "scoring", where the model should beat the majority baseline. Batch norm and
            dropout should be in train mode for the first two, and in eval mode for "scoring".
        lr: a learning rate of AdamW to try, for five steps on a copy, and again ten times lower or higher.
        train, valid: datasets; some of their samples are judged as `fit` judges them, and the images of both are
            compared by content, each read once and, where the set has a `read`, not transformed.

    The forward runs in float32, in train mode at the start and in eval mode later. All of it happens on copies:
    the caller's model and loss, their modes, gradients and statistics, and torch's random state stay as they were.
    Raises ValueError for another stage, or a batch that is empty or not (images, masks).
    """
    if stage not in STAGES:
        raise ValueError(f"stage is {stage!r}, but must be one of {', '.join(STAGES)}")
    if len(batch) != 2 or not all(isinstance(part, Tensor) for part in batch):
        raise ValueError("batch must be the two tensors (images, masks), as next(iter(loader)) gives them")
    if not all(part.numel() for part in batch):
        raise ValueError(f"the batch is empty: images {tuple(batch[0].shape)}, masks {tuple(batch[1].shape)}")
    report = Report()
    with random_state_kept(model), torch.enable_grad():
        case = Case(independent_copy(model), *batch, loss or pixel_loss, stage, lr, train, valid)
        for check in CHECKS:
            try:
                ok, sentence, cure = check(case)
            except Unchecked as reason:
                report.unchecked[name_of(check)] = str(reason)
                continue
            report.append(Finding(name_of(check), ok, sentence, "" if ok else cure))
            if ok:
                case.passed.add(name_of(check))
    return report
