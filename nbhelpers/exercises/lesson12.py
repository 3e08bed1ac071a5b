"""The exercises of 12_deeplabv3plus."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from nbhelpers.exercises import exercise, expect, try_function


@exercise
def check_parameters(answer: int) -> None:
    """How many parameters does `SeparableConv(304, 256)` have, batch norm included?"""
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
    expect(answer, depthwise + pointwise + norm, slips, "add the 3 x 3 kernels, the 1 x 1, and batch norm.")


@exercise
def check_joined(answer: tuple[int, int, int]) -> None:
    """The shape of what enters the decoder's first 3 x 3 convolution, for the paper's widths and 360 x 480."""
    slips = {
        (304, 120, 90): "height comes first, then width.",
        (90, 120, 304): "the channels come first: (channels, height, width).",
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
    expect(
        answer,
        (304, 90, 120),
        slips,
        "add both channels, and divide the picture by the stride of c2.",
        wanted="three numbers: (channels, height, width)",
    )


@exercise
def check_attend(attend: Callable[[Tensor, nn.Module, nn.Module], Tensor]) -> None:
    """Squeeze-and-excitation of a map (N, C, H, W), given its two 1 x 1 convolutions."""
    random = torch.Generator().manual_seed(0)
    trials = []
    for hidden, shape in ((3, (2, 6, 4, 5)), (2, (3, 6, 7, 3))):
        squeeze, excite = nn.Conv2d(6, hidden, kernel_size=1), nn.Conv2d(hidden, 6, kernel_size=1)
        for parameter in (*squeeze.parameters(), *excite.parameters()):
            parameter.data = torch.randn(parameter.shape, generator=random)
        x = torch.randn(shape, generator=random) + torch.randn(*shape[:2], 1, 1, generator=random)
        trials.append((x, squeeze, excite))

    def logits(x: Tensor, squeeze: nn.Module, excite: nn.Module) -> Tensor:
        return excite(squeeze(x.mean(dim=(2, 3), keepdim=True)).relu())

    def right(x: Tensor, squeeze: nn.Module, excite: nn.Module) -> Tensor:
        return x * logits(x, squeeze, excite).sigmoid()

    slips = (
        (lambda x, s, e: logits(x, s, e).sigmoid(), "these are the gates; multiply x by them."),
        (
            lambda x, s, e: x * logits(x, s, e),
            "a gate lies between 0 and 1: end the excitation with a sigmoid.",
        ),
        (
            lambda x, s, e: x * e(s(x.mean(dim=(2, 3), keepdim=True))).sigmoid(),
            "there is a ReLU between the two convolutions.",
        ),
        (
            lambda x, s, e: x * e(s(x.amax(dim=(2, 3), keepdim=True)).relu()).sigmoid(),
            "squeeze takes the mean of each channel, not the maximum.",
        ),
        (
            lambda x, s, e: x * e(s(x.sum(dim=(2, 3), keepdim=True)).relu()).sigmoid(),
            "squeeze takes the mean of each channel, not the sum.",
        ),
        (
            lambda x, s, e: x * e(s(x).relu()).sigmoid(),
            "squeeze first: one mean for each channel, over all places.",
        ),
        (
            lambda x, s, e: x * logits(x, s, e).softmax(dim=1),
            "gates do not compete: each channel has a sigmoid of its own, no softmax.",
        ),
        (
            lambda x, s, e: x + logits(x, s, e).sigmoid(),
            "the gates multiply the channels; they are not added.",
        ),
        (lambda x, s, e: x, "x comes out as it went in; multiply it by the gates."),
        (
            lambda x, s, e: x * logits(x.mean(dim=0, keepdim=True), s, e).sigmoid(),
            "each picture has gates of its own: the mean goes over height and width, not over the batch.",
        ),
        (
            lambda x, s, e: x * logits(x[:1], s, e).sigmoid(),
            "each picture has gates of its own; these are the first one's for all.",
        ),
    )
    try_function(
        attend,
        right,
        trials,
        slips,
        "mean over height and width, squeeze, ReLU, excite, sigmoid, and multiply x by the result.",
        gives="a tensor as large as x",
        shape="for x {right} it gives {given}; each value keeps its place.",
    )
