"""Lesson 1: answers that are right, and wrong ones with what the hint must say."""

from fractions import Fraction

import cv2
import torch
from torch.nn import functional as F
from torchvision.transforms.v2 import InterpolationMode
from torchvision.transforms.v2.functional import resize

from nbhelpers.exercises import lesson01

IGNORE = 255


def scaled(ids, size, mode="nearest"):
    smooth = {} if mode.startswith("nearest") else {"align_corners": False}
    return F.interpolate(ids[None, None].float(), size, mode=mode, **smooth)[0, 0]


def as_ids(file, object=1, unsure=IGNORE):
    ids = torch.zeros(file.shape, dtype=torch.int64)
    ids[file == 255], ids[file == 128] = object, unsure
    return ids


def thresholded(file, size):
    """A smooth resize first, the classes afterwards."""
    smooth = scaled(file, size, "bilinear").round()
    return (smooth > 128).long().masked_fill(smooth == 128, IGNORE)


def enlarged(file, size):
    """The object's outline is two pixels too far out."""
    ids = as_ids(file)
    ids[1:11, 1:11] = 1
    return scaled(ids, size).long()


PREPARED = {  # right answers to the third exercise of lesson 1
    "nearest": lambda file, size: scaled(as_ids(file), size).long(),
    "nearest-exact": lambda file, size: scaled(as_ids(file), size, "nearest-exact").long(),
    "by index": lambda file, size: as_ids(file)[
        torch.linspace(0, file.shape[0] - 1, size[0]).round().long()[:, None],
        torch.linspace(0, file.shape[1] - 1, size[1]).round().long(),
    ],
    "resized as a file": lambda file, size: as_ids(scaled(file, size)),
}
NOT_PREPARED = {  # name: (answer, what the hint says)
    "no return": (lambda file, size: None, "gives NoneType; return a tensor"),
    "a numpy array": (lambda file, size: scaled(as_ids(file), size).long().numpy(), "return a tensor"),
    "swapped": (lambda file, size: scaled(as_ids(file), size[::-1]).long(), r"size is \(height, width\)"),
    "not resized": (lambda file, size: as_ids(file), r"gives \(12, 16\)"),
    "a channel axis": (lambda file, size: scaled(as_ids(file), size).long()[None], "without further axes"),
    "bilinear": (lambda file, size: scaled(as_ids(file), size, "bilinear"), "resize ids by nearest"),
    "bilinear, rounded": (lambda file, size: scaled(as_ids(file), size, "bilinear").long(), "by nearest"),
    "bilinear on the file": (thresholded, "void where the file has none"),
    "floats": (lambda file, size: scaled(as_ids(file), size), "end with .long()"),
    "bytes": (lambda file, size: scaled(as_ids(file), size).byte(), "gives uint8"),
    "as in the file": (lambda file, size: scaled(file, size).long(), "128 is still there"),
    "object is void": (lambda file, size: scaled(as_ids(file, object=IGNORE), size).long(), "become class 1"),
    "object forgotten": (lambda file, size: scaled(as_ids(file, object=0), size).long(), "become class 1"),
    "unsure is an object": (
        lambda file, size: scaled(as_ids(file, unsure=1), size).long(),
        "must become 255",
    ),
    "unsure is background": (
        lambda file, size: scaled(as_ids(file, unsure=0), size).long(),
        "must become 255",
    ),
    "upside down": (lambda file, size: scaled(as_ids(file), size).long().flip(1), "must become class|255"),
    "every second pixel, whatever the size": (
        lambda file, size: as_ids(file)[1::2, 1::2],
        r"for the size \(6, 7\) it gives \(4, 7\)",
    ),
    "enlarged": (enlarged, "holds 1, but the file has another class there"),
    "shifted": (
        lambda file, size: scaled(as_ids(file).roll(-2, 0), size).long(),
        "void where the file has none",
    ),
}


# name: (check, right answers, {wrong answer: what the hint says})
CHECKS = {
    "1.1 IoU": (
        lesson01.check_iou,
        [4 / 9, Fraction(4, 9), 0.44, 0.444],
        {
            4 / 11: "void counts here",
            0.36: "void counts here",
            6 / 11: "void counts as right",
            8 / 13: "that is Dice",
            0.62: "that is Dice",
            4 / 6: "that is recall",
            4 / 7: "that is precision",
            4 / 13: "counts once",
            9 / 14: "that is accuracy",
            0.5: "class 0, the background",
            17 / 36: "class 1 alone",
            44.4: "not a percentage or a count",
            4: "not a percentage or a count",
            0.9: "1 in both, and those that are 1 in either",
            -1.0: "1 in both",
            0.45: "1 in both",  # neither rounded nor cut off
            0.4500001: "1 in both",
        },
    ),
    "1.2 baseline": (
        lesson01.check_baseline,
        [0.475, 0.95 / 2, 0.48, 0.47],
        {
            0.95: "that is the accuracy",
            0.0: "IoU of the foreground",
            0.05: "share of the foreground",
            0.5: "missed foreground is in its union",
            0.487: "mean Dice",
            0.905: "pooled",
            0.9025: "weighted by frequency",
            47.5: "not a percentage",
            0.7: "one IoU for each",
        },
    ),
}
FUNCTIONS = {
    "1.3 prepare": (lesson01.check_prepare, list(PREPARED.values()), list(NOT_PREPARED.values())),
}
RIGHT = [(check, answer) for check, right, _ in (CHECKS | FUNCTIONS).values() for answer in right]
WRONG = [(check, answer, hint) for check, _, wrong in CHECKS.values() for answer, hint in wrong.items()]
WRONG += [(check, answer, hint) for check, _, wrong in FUNCTIONS.values() for answer, hint in wrong]


def by_opencv(file, size):
    return torch.from_numpy(cv2.resize(as_ids(file).byte().numpy(), size[::-1], interpolation=0)).long()


def by_torchvision(file, size):
    return resize(as_ids(file)[None], list(size), interpolation=InterpolationMode.NEAREST)[0]


def of_every_block(file, size):
    """The largest id of the pixels under the new one: object and void grow."""
    return F.adaptive_max_pool2d(as_ids(file)[None].float(), size)[0].long()


def most_are_object(file, size):
    return (F.adaptive_avg_pool2d((file == 255)[None].float(), size)[0] >= 0.5).long()


def of_the_first_column(file, size):
    return scaled(as_ids(file), size).long()[:, :1].repeat(1, size[1])


RIGHT += [(lesson01.check_prepare, prepare) for prepare in (by_opencv, by_torchvision)]
WRONG += [
    (lesson01.check_prepare, of_every_block, "depends on the values"),
    (lesson01.check_prepare, most_are_object, "must become 255"),
    (lesson01.check_prepare, of_the_first_column, "the object, 255 in the file, must become class 1"),
    (lesson01.check_prepare, lambda file, size: file.fill_(7), "changes file_mask|it holds 7"),
    (lesson01.check_prepare, lambda file, size: as_ids(file)[99], "it stops with IndexError"),
    (lesson01.check_baseline, 0.6, "one IoU for each"),
]
