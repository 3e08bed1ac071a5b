"""Can this model learn one batch by heart? If not, more data or time will not help."""

import torch
from torch import Tensor, nn

from nbhelpers.checks.answers import first_non_finite, logits_of
from nbhelpers.checks.care import independent_copy, random_state_kept
from nbhelpers.datasets.contract import IGNORE, check_batch, check_masks
from nbhelpers.losses import pixel_loss
from nbhelpers.metrics import ConfusionMatrix, to_ids


def overfit_one_batch(
    model: nn.Module, batch: tuple[Tensor, Tensor], *, steps: int = 200, lr: float = 1e-2
) -> float:
    """Train a copy of `model` on one batch until its mean IoU passes 0.95; the mean IoU it reached, in [0, 1].

    The first thing to try when nothing is learnt: a model that cannot even learn one batch by heart has a
    fault in model, loss or masks, and more data or time will not help. `batch` is images float (N, 3, H, W) and
    masks (N, H, W). Steps of AdamW with `pixel_loss` in train mode, float32; the score is that of the same
    training forward. The caller's model, its gradients and the random state stay as they were.
    Raises ValueError for a batch that `check_batch` refuses or whose masks are all void, and for a model that gives no
    logits or has nothing to train; FloatingPointError where the loss is not finite.
    """
    images, masks = batch
    check_batch(images, masks)
    with random_state_kept(model), torch.enable_grad():
        student = independent_copy(model).train()
        trained = [p for p in student.parameters() if p.requires_grad]
        if not trained:
            raise ValueError(
                f"no parameter of this {type(model).__name__} requires a gradient, so it cannot learn: unfreeze it by "
                "model.requires_grad_(True)"
            )
        device = trained[0].device
        images, masks = images.to(device), masks.to(device)
        if (masks == IGNORE).all():
            raise ValueError("masks are void everywhere, so there is nothing to learn; take another batch")
        optimizer = torch.optim.AdamW(student.parameters(), lr=lr, weight_decay=0)
        mean_iou = 0.0
        for step in range(steps + 1):  # the last one is scored only
            logits = logits_of(student, images)
            if step == 0:
                check_masks(masks, max(2, logits.shape[1]))
            loss = pixel_loss(logits, masks)
            if not loss.isfinite():
                raise FloatingPointError(
                    f"the loss is {loss.item()} in step {step}, first in the output of "
                    f"{first_non_finite(student, images)!r}; look there, and try a lower lr than {lr:g}"
                )
            confusion = ConfusionMatrix(max(2, logits.shape[1]))
            confusion.update(to_ids(logits), masks)
            mean_iou = confusion.mean_iou
            if mean_iou > 0.95 or step == steps:
                break
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return mean_iou
