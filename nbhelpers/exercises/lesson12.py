"""The exercises of 12_deeplabv3plus."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from nbhelpers.exercises import UNANSWERED, verdict


def check_parameters(answer: int | None) -> str:
    """How many parameters has `SeparableConv(304, 256)`, batch norm included?"""
    depthwise, pointwise, norm = 3 * 3 * 304, 304 * 256, 2 * 256
    slips = {
        3 * 3 * 304 * 256: "that is a plain 3 x 3 convolution; here each channel has one kernel of its own.",
        3 * 3 * 304 * 256
        + norm: "that is a plain 3 x 3 convolution; here each channel has one kernel of its own.",
        depthwise + pointwise: "the convolutions are right; batch norm adds a weight and a bias a channel.",
        depthwise + pointwise + 256: "batch norm has a weight and a bias for each channel.",
        pointwise + norm: "the 3 x 3 kernels are missing, one for each of the 304 channels.",
        depthwise + norm: "the 1 x 1 convolution from 304 to 256 channels is missing.",
        3 * 3 * 256
        + pointwise
        + norm: "the depthwise half comes first, so it has a kernel for each of the 304 channels.",
        depthwise
        + pointwise
        + norm
        + 304
        + 256: "these convolutions have no bias: batch norm would cancel it.",
        depthwise
        + pointwise
        + norm
        + 2 * 304: "there is one batch norm, behind both halves; look at the source.",
        304 + pointwise + norm: "each of the 304 kernels has 3 x 3 weights.",
    }
    return verdict(
        answer, depthwise + pointwise + norm, slips, "add the 3 x 3 kernels, the 1 x 1, and batch norm."
    )


def check_joined(answer: tuple[int, int, int] | None) -> str:
    """The shape of what enters the decoder's first 3 x 3 convolution, for the paper's widths and 360 x 480."""
    slips = {
        (304, 120, 90): "height comes first, then width.",
        (256, 90, 120): "the early feature lies beside that of ASPP: its channels come on top.",
        (48, 90, 120): "that is the early feature alone; what ASPP found lies beside it.",
        (512, 90, 120): "the early feature is reduced to 48 channels before the join.",
        (304, 23, 30): "ASPP's map is enlarged to the size of the early feature, not the other way.",
        (304, 22, 30): "ASPP's map is enlarged to the size of the early feature, not the other way.",
        (304, 180, 240): "c2 has stride 4: two halvings, not one.",
        (304, 45, 60): "c2 has stride 4, not 8.",
        (
            304,
            360,
            480,
        ): "the decoder works at stride 4; the scores are enlarged to the picture at the very end.",
        (11, 90, 120): "those are the scores; the question is what enters the convolutions before them.",
    }
    return verdict(
        answer, (304, 90, 120), slips, "add both channels, and divide the picture by the stride of c2."
    )


def check_attend(attend: Callable[[Tensor, nn.Module, nn.Module], Tensor] | None) -> str:
    """Squeeze-and-excitation of a map (N, C, H, W), given its two 1 x 1 convolutions."""
    if attend is None:
        return UNANSWERED
    random = torch.Generator().manual_seed(0)
    squeeze, excite = nn.Conv2d(6, 3, kernel_size=1), nn.Conv2d(3, 6, kernel_size=1)
    with torch.no_grad():
        for parameter in (*squeeze.parameters(), *excite.parameters()):
            parameter.copy_(torch.randn(parameter.shape, generator=random))
        x = torch.randn(2, 6, 4, 5, generator=random)
        given = attend(x.clone(), squeeze, excite)
        if not isinstance(given, Tensor):
            return f"Not yet: it gives {type(given).__name__}; return a tensor as large as x."
        means = x.mean(dim=(2, 3), keepdim=True)
        gate = excite(squeeze(means).relu()).sigmoid()
        if given.shape == gate.shape and torch.allclose(given, gate, atol=1e-5):
            return "Not yet: these are the gates; multiply x by them."
        if given.shape != x.shape:
            return (
                f"Not yet: for x {tuple(x.shape)} it gives {tuple(given.shape)}; each value keeps its place."
            )
        if torch.allclose(given, x * gate, atol=1e-5):
            return "Right."
        logits, maxima = excite(squeeze(means).relu()), x.amax(dim=(2, 3), keepdim=True)
        slips = (
            (x * logits, "a gate lies between 0 and 1: end the excitation with a sigmoid."),
            (x * excite(squeeze(means)).sigmoid(), "there is a ReLU between the two convolutions."),
            (
                x * excite(squeeze(maxima).relu()).sigmoid(),
                "squeeze takes the mean of each channel, not the maximum.",
            ),
            (
                x * excite(squeeze(x).relu()).sigmoid(),
                "squeeze first: one mean for each channel, over all places.",
            ),
            (
                x * logits.softmax(dim=1),
                "gates do not compete: each channel has a sigmoid of its own, no softmax.",
            ),
            (x + gate, "the gates multiply the channels; they are not added."),
            (x, "x comes out as it went in; multiply it by the gates."),
            (
                x * excite(squeeze(x.mean(dim=(0, 2, 3), keepdim=True)).relu()).sigmoid(),
                "each picture has gates of its own: the mean goes over height and width, not over the batch.",
            ),
        )
    for wrong, hint in slips:
        if torch.allclose(given, wrong, atol=1e-5):
            return f"Not yet: {hint}"
    return (
        "Not yet: mean over height and width, squeeze, ReLU, excite, sigmoid, and multiply x by the result."
    )
