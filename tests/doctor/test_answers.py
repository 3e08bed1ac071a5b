"""What a model gives is judged by one sentence everywhere, and the layer that breaks it is named."""

from collections import OrderedDict
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from nbhelpers.checks import check_finite, check_logits, logits_of

IMAGES = torch.rand(2, 3, 8, 12, generator=torch.Generator().manual_seed(0))
LOGITS = torch.zeros(2, 5, 8, 12)
DUE = "it must give a tensor of logits .*: wrap it in a model that picks them, "

ANSWERS = {
    "torchvision's": (
        OrderedDict(out=LOGITS, aux=LOGITS),
        "the model gives OrderedDict; " + DUE + r'output\["out"\]',
    ),
    "transformers' mapping": ({"loss": None, "logits": LOGITS}, DUE + r'output\["logits"\]'),
    "another dict": ({"seg": LOGITS}, DUE + r'output\["seg"\]'),
    "a tuple": ((None, LOGITS), "the model gives tuple; " + DUE + r"output\[1\]"),
    "a list": ([LOGITS, LOGITS], "the model gives list; " + DUE + r"output\[0\]"),
    "an object": (SimpleNamespace(logits=LOGITS), DUE + "output.logits"),
    "nothing": (None, "the model gives NoneType; " + DUE + "and returns them"),
    "ids": (LOGITS.argmax(1), r"the model gives int64 \(2, 8, 12\); .*take argmax"),
    "a classifier": (LOGITS.mean((2, 3)), r"gives \(2, 5\) for images \(2, 3, 8, 12\); .*no global pooling"),
    "no channel axis": (LOGITS[:, 0], "one logit a class for every pixel"),
    "other classes": (
        LOGITS[:, :3],
        r"gives \(2, 3, 8, 12\) .*logits \(2, 5, 8, 12\), .*: build it with num_classes=5",
    ),
    "one channel for five": (LOGITS[:, :1], "build it with num_classes=5"),
    "half the size": (LOGITS[..., ::2, ::2], r"logits \(2, 5, 8, 12\), as large as the images: interpolate"),
    "half the batch": (LOGITS[:1], "keep the batch axis"),
}


@pytest.mark.parametrize("answer", ANSWERS)
def test_what_is_no_logits_is_refused_with_the_way_to_them(answer):
    output, words = ANSWERS[answer]
    with pytest.raises(ValueError, match=words):
        check_logits(output, IMAGES, 5)


def test_logits_come_back():
    assert check_logits(LOGITS, IMAGES) is check_logits(LOGITS, IMAGES, 5) is LOGITS
    check_logits(LOGITS[:, :1], IMAGES, 2)


class PerPixel(nn.Linear):
    def forward(self, images):
        return super().forward(images.movedim(1, -1)).movedim(-1, 1)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
@pytest.mark.parametrize(
    "layer", [lambda: nn.Conv2d(3, 5, 1), lambda: PerPixel(3, 5)], ids=["conv", "linear"]
)
def test_weights_of_another_type_are_named(layer, dtype):
    name = str(dtype).removeprefix("torch.")
    words = rf"not take float32 images \(.*\); its weights are {name}: call model.float\(\)"
    with pytest.raises(ValueError, match=words):
        logits_of(layer().to(dtype), IMAGES)


def test_another_error_of_a_model_of_half_precision_is_its_own():
    with pytest.raises(RuntimeError, match="must match the size"):
        logits_of(Sum().half(), IMAGES)


class Sum(nn.Module):
    def __init__(self):
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(7))

    def forward(self, images):
        return images + self.bias


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_a_layer_that_breaks_in_eval_mode_is_named(value):
    model = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4), nn.Conv2d(4, 5, 1)).eval()
    check_finite(model(IMAGES), model, IMAGES)
    model[1].running_mean[0] = value
    with (
        torch.inference_mode(),
        pytest.raises(
            FloatingPointError, match="nan or infinite for images .* in eval mode, first in the output of '1'"
        ),
    ):
        check_finite(model(IMAGES), model, IMAGES)


def test_large_logits_are_finite():
    check_finite(LOGITS + 3e38, nn.Identity(), IMAGES)
