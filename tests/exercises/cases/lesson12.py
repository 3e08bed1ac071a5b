"""Lesson 12: answers that are right, and wrong ones with what the hint must say."""

import re

import torch
import torch.nn.functional as F

from nbhelpers.exercises import lesson12
from nbhelpers.models.attention import SqueezeExcite

CHECKS = {  # check: (right answers, {wrong answer: what the hint says})
    lesson12.check_parameters: (
        [81_072],
        {
            700_416: "that is a plain 3 x 3 convolution",
            700_928: "that is a plain 3 x 3 convolution",
            80_560: "batch norm adds a weight and a bias",
            80_816: "a weight and a bias for each channel",
            78_336: "the 3 x 3 kernels are missing",
            3_248: "the 1 x 1 convolution",
            80_640: "the depthwise half comes first",
            81_632: "no bias",
            81_680: "one batch norm",
            78_640: "has 3 x 3 weights",
            1: "add the 3 x 3 kernels",
        },
    ),
    lesson12.check_joined: (
        [(304, 90, 120)],
        {
            (304, 120, 90): "height comes first",
            (256, 90, 120): "its channels come on top",
            (48, 90, 120): "the early feature alone",
            (512, 90, 120): "reduced to 48 channels",
            (304, 23, 30): "enlarged to the size of the early feature",
            (304, 180, 240): "two halvings, not one",
            (304, 45, 60): "not 8",
            (304, 360, 480): "at the very end",
            (11, 90, 120): "those are the scores",
            (1, 1, 1): "divide the picture by the stride of c2",
        },
    ),
}


def attend(x, squeeze, excite):
    return x * excite(squeeze(x.mean(dim=(2, 3), keepdim=True)).relu()).sigmoid()


def logits(x, squeeze, excite):
    return excite(squeeze(x.mean(dim=(2, 3), keepdim=True)).relu())


def by_the_block(x, squeeze, excite):
    block = SqueezeExcite(6)
    block.squeeze, block.excite = squeeze, excite
    return block(x)


SLIPS = [  # (wrong function, what the hint says)
    (lambda x, s, e: None, "it gives NoneType"),
    (lambda x, s, e: logits(x, s, e).sigmoid(), "these are the gates"),
    (lambda x, s, e: x.mean(dim=(2, 3)), "each value keeps its place"),
    (lambda x, s, e: x * logits(x, s, e), "end the excitation with a sigmoid"),
    (lambda x, s, e: x * e(s(x.mean(dim=(2, 3), keepdim=True))).sigmoid(), "a ReLU between"),
    (lambda x, s, e: x * e(s(x.amax(dim=(2, 3), keepdim=True)).relu()).sigmoid(), "not the maximum"),
    (lambda x, s, e: x * e(s(x).relu()).sigmoid(), "squeeze first"),
    (lambda x, s, e: x * logits(x, s, e).softmax(dim=1), "no softmax"),
    (lambda x, s, e: x + logits(x, s, e).sigmoid(), "not added"),
    (lambda x, s, e: x, "as it went in"),
    (lambda x, s, e: attend(x.mean(dim=0, keepdim=True), s, e), "each value keeps its place"),
    (lambda x, s, e: x * e(s(x.mean(dim=(0, 2, 3), keepdim=True)).relu()).sigmoid(), "not over the batch"),
    (lambda x, s, e: 2 * attend(x, s, e), "and multiply x by the result"),
]


RIGHT = [(check, answer) for check, (right, _) in CHECKS.items() for answer in right]
RIGHT += [(lesson12.check_attend, function) for function in (attend, by_the_block)]
WRONG = [
    (check, slip, re.escape(hint)) for check, (_, wrong) in CHECKS.items() for slip, hint in wrong.items()
]
WRONG += [(lesson12.check_attend, function, re.escape(hint)) for function, hint in SLIPS]


def by_pooling(x, squeeze, excite):
    return x * torch.sigmoid(excite(F.relu(squeeze(F.adaptive_avg_pool2d(x, 1)))))


def by_matrices(x, squeeze, excite):
    """Without calling the convolutions: on one place they are matrices."""
    hidden = (x.mean((2, 3)) @ squeeze.weight[:, :, 0, 0].T + squeeze.bias).clamp(min=0)
    gates = (hidden @ excite.weight[:, :, 0, 0].T + excite.bias).sigmoid()
    return torch.einsum("nchw,nc->nchw", x, gates)


def by_picture(x, squeeze, excite):
    return torch.cat([attend(picture[None], squeeze, excite) for picture in x])


def in_float64(x, squeeze, excite):
    return x.double() * excite(squeeze(x.mean((2, 3), keepdim=True)).relu()).sigmoid()


RIGHT += [(lesson12.check_attend, function) for function in (by_pooling, by_matrices, by_picture, in_float64)]
WRONG += [
    (lesson12.check_attend, lambda x, s, e: x * logits(x[:1], s, e).sigmoid(), "the first one's for all"),
    (lesson12.check_attend, lambda x, s, e: x * e(s(x.sum((2, 3), True)).relu()).sigmoid(), "not the sum"),
    (lesson12.check_attend, lambda x, s, e: x * e(s(x.mean((2, 3)))), "stops with RuntimeError in line"),
    (lesson12.check_attend, lambda x, s, e: x.mul_(logits(x, s, e).sigmoid()), "it changes x"),
    (lesson12.check_joined, (90, 120, 304), "the channels come first"),
]
