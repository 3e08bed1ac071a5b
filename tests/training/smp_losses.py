"""What the losses of segmentation_models_pytorch are not: sentences, each with a check on the version installed.

Lesson 22 shows the sentences; tests/training/test_losses.py runs the checks.
"""

import math

import torch
import torch.nn.functional as F
from segmentation_models_pytorch import losses as smp

VOID = 255


def batch(channels=3, *, void=False):
    torch.manual_seed(0)
    logits, masks = torch.randn(2, channels, 8, 8), torch.randint(0, max(2, channels), (2, 8, 8))
    if void:
        masks[0, :3] = VOID
    return logits, masks


def focal_without_gamma():
    logits, masks = batch()
    one_against_rest = F.binary_cross_entropy_with_logits(logits, F.one_hot(masks).movedim(3, 1).float())
    focal = smp.FocalLoss("multiclass", gamma=0.0)(logits, masks)
    torch.testing.assert_close(focal, one_against_rest)
    return not math.isclose(focal, F.cross_entropy(logits, masks), rel_tol=0.1)


def absent_class():
    logits, masks = batch()
    masks = masks.clamp(max=1)  # class 2 has no true pixel
    logits = logits.index_fill(1, torch.tensor(2), 20.0).requires_grad_()  # and is predicted everywhere
    loss = smp.DiceLoss("multiclass")(logits, masks)
    empty = smp.DiceLoss("binary")(torch.full((1, 1, 8, 8), 20.0), torch.zeros(1, 8, 8).long())
    return empty == 0 and loss <= 2 / 3


def dice_of_the_batch():
    logits, masks = batch(1)
    masks[0], masks[1, 1:] = 1, 0
    dice = smp.DiceLoss("binary")
    images = [dice(logits[i : i + 1], masks[i : i + 1]) for i in range(2)]
    return not math.isclose(dice(logits, masks), sum(images) / 2, rel_tol=0.05)


def void_in_the_mean():
    logits, masks = batch(void=True)
    soft = smp.SoftCrossEntropyLoss(smooth_factor=0.0, ignore_index=VOID)(logits, masks)
    torch.testing.assert_close(
        soft, F.cross_entropy(logits, masks, ignore_index=VOID, reduction="sum") / masks.numel()
    )
    one, masks = batch(1, void=True)
    keep = masks != VOID
    soft = smp.SoftBCEWithLogitsLoss(ignore_index=VOID)(one[:, 0], masks.float())
    right = F.binary_cross_entropy_with_logits(one[:, 0][keep], masks[keep].float(), reduction="sum")
    torch.testing.assert_close(soft, right / masks.numel())
    return True


def no_smoothing():
    logits, masks = batch()
    try:
        smp.SoftCrossEntropyLoss()(logits, masks)
    except TypeError:
        return True
    return False


def all_void():
    logits, masks = batch()
    masks[:] = VOID
    focal = smp.FocalLoss("multiclass", ignore_index=VOID)(logits, masks)
    lovasz = smp.LovaszLoss("multiclass", ignore_index=VOID)(logits, masks)
    return focal.isnan().item() and lovasz.shape == (0, 3)


def lovasz_in_half():
    logits, masks = batch()
    try:
        smp.LovaszLoss("multiclass")(logits.bfloat16(), masks)
    except RuntimeError as error:
        return "dtype" in str(error)
    return False


def hinge():
    one, masks = batch(1)
    two = torch.cat([torch.zeros_like(one), one], dim=1)
    return (
        smp.LovaszLoss("binary")(10 * one, masks) > 2 > 1 > smp.LovaszLoss("multiclass")(10 * two, masks)
    ).item()


def one_channel_as_multiclass():
    one, masks = batch(1)
    return smp.DiceLoss("multiclass")(one, torch.zeros_like(masks)) == 0  # whatever the logits


def ids_out_of_range():
    logits, masks = batch()
    focal = smp.FocalLoss("multiclass")(logits, masks + 3)
    lovasz = smp.LovaszLoss("multiclass")(logits, masks + 3)
    return focal.isfinite().item() and lovasz == 0


def power_of_the_mean():
    logits, masks = batch()
    plain = [smp.TverskyLoss("multiclass", classes=[c])(logits, masks) for c in range(3)]
    focal = smp.TverskyLoss("multiclass", gamma=0.5)(logits, masks)
    torch.testing.assert_close(focal, (sum(plain) / 3) ** 0.5)
    logits.requires_grad_()
    smp.TverskyLoss("multiclass", gamma=0.5, ignore_index=VOID)(
        logits, torch.full_like(masks, VOID)
    ).backward()
    return logits.grad.isnan().any().item()


def no_logits():
    one, masks = batch(1)
    return smp.MCCLoss()(10 * one, masks).isnan().item() or not math.isclose(
        smp.MCCLoss()(one, masks), smp.MCCLoss()(one.sigmoid(), masks), rel_tol=0.05
    )


CLAIMS = {
    "`FocalLoss` with gamma 0 is not cross-entropy: it is the mean of one-against-rest terms": focal_without_gamma,
    "In `DiceLoss` a class without a true pixel adds 0, however strongly it is predicted, and still counts in the mean": absent_class,
    "`DiceLoss` is that of the whole batch, not the mean over its images": dice_of_the_batch,
    "`SoftCrossEntropyLoss` and `SoftBCEWithLogitsLoss` divide by all pixels, void ones too": void_in_the_mean,
    "`SoftCrossEntropyLoss()` as it comes stops with a TypeError: it needs a `smooth_factor`": no_smoothing,
    "Where all is void, `FocalLoss` is nan and `LovaszLoss` an empty tensor": all_void,
    "`LovaszLoss` for several classes stops at logits in bfloat16": lovasz_in_half,
    "`LovaszLoss` for one channel is a hinge of the logits, without an upper end; for two it is of probabilities": hinge,
    "`DiceLoss('multiclass')` of a network with one channel is 0, whatever it predicts": one_channel_as_multiclass,
    "`FocalLoss` and `LovaszLoss` take ids that have no channel, and leave them out in silence": ids_out_of_range,
    "`TverskyLoss` takes the power gamma of the classes' mean, not of each class; below 1 an all-void batch gives nan gradients": power_of_the_mean,
    "`MCCLoss` takes probabilities, where all others take logits": no_logits,
}
