"""Checks of what makes it learn: the loss, its gradient, the learning rate; and whether it has learnt."""

import math

import torch

from nbhelpers.datasets.dataset import IGNORE
from nbhelpers.doctor.case import REFUSALS, TRIAL_STEPS, Case, Unchecked, Verdict, text_of
from nbhelpers.doctor.images import image_scaling
from nbhelpers.doctor.masks import classes_present, mask_ids, sizes
from nbhelpers.doctor.network import channels, finite, probabilities
from nbhelpers.losses import pixel_loss


def loss_type(case: Case) -> Verdict:
    """Whether the loss takes this many channels; tried on a made-up pair, so that no mask is to blame."""
    case.require(channels)
    count, classes = case.logits.shape[1], case.num_classes
    made_up = torch.linspace(-1, 1, 2 * count * 64).view(2, count, 8, 8).requires_grad_()
    cure = "one channel goes with binary cross-entropy, more with cross-entropy; pixel_loss takes either"
    try:
        value = case.loss_of(made_up, torch.arange(128).view(2, 8, 8) % classes)
    except REFUSALS as error:
        return False, f"the loss refuses {count} channel(s) with ids 0..{classes - 1}: {text_of(error)}", cure
    if value.ndim:
        return False, f"the loss has shape {tuple(value.shape)}, due is one number", "take its mean"
    gradient = torch.autograd.grad(value, made_up, allow_unused=True)[0] if value.requires_grad else None
    if gradient is None or not gradient.any():
        return False, f"the loss has no gradient with respect to {count} channel(s)", cure
    return True, f"the loss takes {count} channel(s) with ids 0..{classes - 1}", ""


def loss_value(case: Case) -> Verdict:
    case.require(loss_type, finite, sizes, mask_ids)
    cure = "look in the loss for the log of 0, and for a division by the pixels of a class that is absent"
    try:
        value = case.loss_of(case.logits, case.ids).item()
    except REFUSALS as error:
        if (case.ids == IGNORE).any():
            cure = f"let the loss skip {IGNORE} = ignore: ignore_index={IGNORE}, or take pixel_loss"
        return False, f"the loss refuses this batch: {text_of(error)}", cure
    return math.isfinite(value), f"the loss of this batch is {value:.4g}", cure


def loss_in_void(case: Case) -> Verdict:
    case.require(loss_value)
    void = (case.ids == IGNORE).unsqueeze(1)  # (N, 1, H, W)
    if not void.any():
        return True, "the batch holds no void", ""
    changed = torch.where(void, -case.logits - 1, case.logits)
    before, after = (case.loss_of(logits, case.ids).item() for logits in (case.logits, changed))
    sentence = f"the loss is {before:.4g}, and {after:.4g} once the logits inside void alone are changed"
    cure = f"let the loss skip {IGNORE} = ignore: ignore_index={IGNORE}, or take pixel_loss"
    return math.isclose(before, after, rel_tol=1e-5), sentence, cure


def gradient(case: Case) -> Verdict:
    if case.stage == "scoring":
        raise Unchecked("since scoring needs none")
    case.require(loss_in_void)
    case.require_pixels()
    model = case.copy()
    try:
        value = case.loss_copy(model(case.device_images), case.device_ids)
    except REFUSALS as error:
        cure = "move the loss, or its class weights, to the device of the model: loss.to(device)"
        return False, f"the loss refuses tensors on {case.device_images.device}: {text_of(error)}", cure
    try:
        if value.requires_grad:
            value.backward()
    except REFUSALS as error:
        cure = "if it names an inplace operation, write y = y + 1 for y += 1 in forward, and no relu_ or inplace=True"
        return False, f"the gradient cannot be computed: {text_of(error)}", cure
    gradients = {name: p.grad for name, p in model.named_parameters() if p.grad is not None}
    total, broken = len(list(model.parameters())), [n for n, g in gradients.items() if not g.isfinite().all()]
    if broken:
        sentence = f"the gradient is nan or infinite in {len(broken)} of {total} parameter tensors, such as {broken[0]!r}"
        cure = "look for a root, a logarithm or a norm of 0, whose slope is infinite: (x + 1e-6).sqrt()"
        return False, sentence, cure
    reached = [gradient for gradient in gradients.values() if gradient.any()]
    cure = "unfreeze parameters by requires_grad_(True), and look for detach() or no_grad() in forward"
    return len(reached) > 0, f"the gradient reaches {len(reached)} of {total} parameter tensors", cure


def starting_loss(case: Case) -> Verdict:
    if case.stage != "start":
        raise Unchecked("since the model has been trained: stage is not 'start'")
    case.require(finite, sizes, mask_ids, probabilities, image_scaling)
    case.require_pixels()
    value, guess = pixel_loss(case.logits, case.ids).item(), math.log(case.num_classes)
    return (
        value < 3 * guess,  # measured: 1.0 to 1.1 times it for U-Nets, 2.2 for SMP's FPN with MobileNetV2
        f"cross-entropy starts at {value:.3g}, guessing costs ln {case.num_classes} = {guess:.3g}",
        "the first weights are too large: check the initialisation, and that images are 0..1",
    )


def learning_rate(case: Case) -> Verdict:
    if case.lr is None or case.stage != "start":
        raise Unchecked("pass lr= and a model that is not trained yet")
    case.require(gradient, starting_loss)
    try:
        first, *later = case.losses(case.lr)
    except REFUSALS as error:
        cure = "run a few steps by hand: some state of the model or of the loss changes from step to step"
        return False, f"a step of AdamW with lr {case.lr:g} fails: {text_of(error)}", cure
    last, too_large = later[-1], "the steps are too large: lower lr"
    sentence = (
        f"{TRIAL_STEPS} steps of AdamW with lr {case.lr:g} take the loss from {first:.4g} to {last:.4g}"
    )
    # Measured for five networks, lr 1e-7 to 10: good ones fall steadily, by a hundredth to four fifths.
    if last <= 0.7 * first:
        return True, sentence, ""
    if not all(value <= 1.05 * first for value in later):  # nan too
        return False, f"{sentence}, over {max(later):.4g}", too_large
    if last > 0.995 * first:
        other = case.losses(10 * case.lr)[-1]
        faster = first - other > 3 * (first - last)
        return (
            not faster,
            f"{sentence}, ten times that lr to {other:.4g}",
            "the steps are too small: raise lr",
        )
    other = case.losses(case.lr / 10)[-1]
    return last <= 1.05 * other, f"{sentence}, a tenth of that lr to {other:.4g}", too_large


def baseline(case: Case) -> Verdict:
    if case.stage == "start":
        raise Unchecked("since nothing has been learnt yet: pass stage='training' or 'scoring'")
    case.require(finite, sizes, mask_ids, classes_present)
    score, chance = case.confusion.mean_iou, case.confusion.majority_baseline().mean_iou
    colours = int(case.confusion.counts.any(dim=0).sum())
    return (
        score > chance,
        f"mean IoU {score:.3f} with {colours} classes predicted; always the most frequent one gives {chance:.3f}",
        "nothing is learnt: try overfit_one_batch, then lr, then class weights",
    )
