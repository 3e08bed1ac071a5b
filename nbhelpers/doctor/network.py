"""Checks of the model: what it returns, and the mode it is in."""

import torch
from torch import Tensor
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.dropout import _DropoutNd

from nbhelpers.checks import answer_fault, cure_of_type, first_non_finite
from nbhelpers.doctor.case import REFUSALS, Case, Verdict
from nbhelpers.doctor.images import image_range, image_type


def forward(case: Case) -> Verdict:
    case.require(image_type, image_range)
    output, error = case.answer
    if error:
        cure = cure_of_type(case.model, case.images, error)
        cure = cure or "compare with the model's in_channels, and with the sizes its docstring allows"
        if "more than 1 value per channel" in error:  # of batch norm, behind a pooling to one pixel
            cure = "batch norm cannot take the mean of one value: make batches of two images at least, drop_last=True"
        return False, f"the model refuses images {tuple(case.images.shape)}: {error}", cure
    if not isinstance(output, Tensor) or not output.is_floating_point():
        return False, *answer_fault(output, case.images)
    return (
        output.ndim == 4,
        f"the model returns {tuple(output.shape)}, due is (N, num_classes, H, W)",
        "keep one logit per class for every pixel: no global pooling, no flatten",
    )


def finite(case: Case) -> Verdict:
    for name, tensor in case.model.state_dict().items():
        if not tensor.isfinite().all():
            return (
                False,
                f"the weights hold nan or inf, first in {name!r}",
                "make the model anew, and lower lr",
            )
    case.require(forward)
    culprit = first_non_finite(case.copy(), case.device_images)
    cure = "look there for a division by 0, a root or logarithm of 0 or less, or an overflow"
    return (
        culprit is None,
        f"nan or inf comes first out of {culprit!r}" if culprit else "no nan, no inf",
        cure,
    )


def probabilities(case: Case) -> Verdict:
    case.require(finite)
    with torch.no_grad():  # logits leave 0..1 for images as strange as these, probabilities never do
        try:
            strange = case.copy()(200 * case.device_images - 100)
        except REFUSALS:  # a model may insist on 0..1
            strange = case.copy()(1 - case.device_images.clamp(0, 1))
    low, high = case.logits.aminmax()
    within = low >= 0 and 0 < high <= 1 and bool(((strange >= 0) & (strange <= 1)).all())
    sums = case.logits.sum(dim=1)
    name = "softmax" if torch.allclose(sums, torch.ones_like(sums), atol=1e-3) else "sigmoid"
    return (
        not within,
        f"the model gives {low:.3g} to {high:.3g}"
        + (f": probabilities, after a {name}" if within else ": logits"),
        f"take the {name} out of the model: the loss applies its own, and twice flattens the gradient",
    )


def channels(case: Case) -> Verdict:
    case.require(forward)
    count = case.logits.shape[1]
    return (
        count == case.num_classes or (count, case.num_classes) == (1, 2),
        f"the model gives {count} channel(s) for {case.num_classes} classes",
        f"build the model with num_classes={case.num_classes}; void is no class and needs no channel",
    )


def mode(case: Case) -> Verdict:
    layers = [module for module in case.model.modules() if isinstance(module, (_BatchNorm, _DropoutNd))]
    if case.stage != "scoring":  # what is frozen stays in eval mode
        frozen = [module for module in case.model.modules() if getattr(module, "frozen", False)]
        still = {inner for module in frozen for inner in module.modules()}
        layers = [layer for layer in layers if layer not in still]
    training = sum(module.training for module in layers)
    sentence = (
        f"{training} of {len(layers)} batch norm and dropout layers are in train mode, for {case.stage}"
    )
    if case.stage == "scoring":
        return training == 0, sentence, "call model.eval() before scoring or predicting"
    return (
        not layers or training > 0,
        sentence,
        "call model.train() before every epoch: scoring left eval mode",
    )
