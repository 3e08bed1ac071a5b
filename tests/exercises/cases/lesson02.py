"""Lesson 2: answers that are right, and wrong ones with what the hint must say."""

import numpy as np
import torch

from nbhelpers.exercises import lesson02
from nbhelpers.metrics import ConfusionMatrix
from nbhelpers.models.unet import DoubleConv

IGNORE = 255


def accuracy(logits, masks):
    scored = masks != IGNORE
    return ((logits.argmax(1) == masks) & scored).sum() / scored.sum()


# name: (check, right answers, {wrong answer: what the hint says})
CHECKS = {
    "2.1 parameters": (
        lesson02.check_parameters,
        [221_696, sum(p.numel() for p in DoubleConv(64, 128).parameters())],
        {
            221_184: "each of the two batch norms adds",
            221_440: "there are two batch norms, and each has a weight and a bias",
            221_952: "no bias",
            148_000: "3 x 3 x in x out",
            25_088: "every weight is a 3 x 3 kernel",
            147_968: "takes the 128 channels",
        },
    ),
    "2.2 bottleneck": (
        lesson02.check_bottleneck_size,
        [(7, 9)],
        {
            (6, 8): "rounded down",
            (4, 5): "three halvings",
            (3, 4): "three halvings",
            (9, 7): "height comes first",
            (13, 18): "one halving is missing",
            (50, 70): "halve 50 and 70 three times",
        },
    ),
}
FUNCTIONS = {
    "2.3 accuracy": (
        lesson02.check_accuracy,
        [accuracy, lambda logits, masks: float(accuracy(logits, masks))],
        [
            (lambda logits, masks: (logits.argmax(1) == masks).float().mean(), "void counts as wrong"),
            (lambda logits, masks: (logits.argmax(1) == masks).sum(), "divide by the number of pixels"),
            (lambda logits, masks: accuracy(logits.flip(1), masks), "argmax over dim=1"),
            (lambda logits, masks: 1.0, "2 of 3 right, 0.667, but gives 1.000"),
            (lambda logits, masks: 2 / 3, "1.0 where every pixel is right"),
        ],
    ),
}
RIGHT = [(check, answer) for check, right, _ in (CHECKS | FUNCTIONS).values() for answer in right]
WRONG = [(check, answer, hint) for check, _, wrong in CHECKS.values() for answer, hint in wrong.items()]
WRONG += [(check, answer, hint) for check, _, wrong in FUNCTIONS.values() for answer, hint in wrong]


def by_numpy(logits, masks):
    ids, masks = logits.numpy().argmax(axis=1), masks.numpy()
    return np.mean(ids[masks != IGNORE] == masks[masks != IGNORE])


def by_matrix(logits, masks):
    confusion = ConfusionMatrix(logits.shape[1])
    confusion.update(logits.argmax(1), masks)
    return confusion.pixel_accuracy


def by_loops(logits, masks):
    found = [
        (ids[mask != IGNORE] == mask[mask != IGNORE]).tolist() for ids, mask in zip(logits.argmax(1), masks)
    ]
    return sum(map(sum, found)) / sum(map(len, found))


def by_class(logits, masks):
    ids = logits.argmax(1)
    return torch.stack([(ids[masks == c] == c).float().mean() for c in masks.unique() if c != IGNORE]).mean()


def by_picture(logits, masks):
    return torch.stack([accuracy(x[None], y[None]) for x, y in zip(logits, masks)]).mean()


def of_things(logits, masks):
    things = (masks > 0) & (masks < IGNORE)
    return (logits.argmax(1) == masks)[things].float().mean()


RIGHT += [(lesson02.check_accuracy, function) for function in (by_numpy, by_matrix, by_loops)]
WRONG += [
    (
        lesson02.check_accuracy,
        lambda logits, masks: accuracy(logits[:1], masks[:1]),
        "the first picture alone",
    ),
    (lesson02.check_accuracy, by_picture, "mean over pictures"),
    (lesson02.check_accuracy, by_class, "mean over classes"),
    (lesson02.check_accuracy, of_things, "class 0 counts as well"),
    (lesson02.check_accuracy, lambda logits, masks: 1 - accuracy(logits, masks), "pixels that are wrong"),
    (
        lesson02.check_accuracy,
        lambda logits, masks: ((logits.argmax(1) == masks) | (masks == IGNORE)).float().mean(),
        "void counts as right",
    ),
    (
        lesson02.check_accuracy,
        lambda logits, masks: [accuracy(x[None], y[None]) for x, y in zip(logits, masks)],
        "a number for each picture",
    ),
    (lesson02.check_accuracy, lambda logits, masks: logits.argmax(2) == masks, "stops with RuntimeError"),
    (lesson02.check_accuracy, lambda logits: 1.0, r"cannot be called with \(logits, masks\)"),
    (lesson02.check_parameters, 73_984, "one convolution and its batch norm"),
    (lesson02.check_parameters, 0, "3 x 3 x in x out"),
    (lesson02.check_bottleneck_size, (6.25, 8.75), "whole rows"),
    (lesson02.check_bottleneck_size, (7,), "give two numbers: .height, width.; this holds 1"),
]
