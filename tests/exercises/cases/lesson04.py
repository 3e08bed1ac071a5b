"""Lesson 4: answers that are right, and wrong ones with what the hint must say."""

import numpy as np
import torch

from nbhelpers.exercises import lesson04
from nbhelpers.metrics import ConfusionMatrix

IGNORE = 255


def by_matrix(logits, masks, index):
    confusion = ConfusionMatrix(logits.shape[1])
    confusion.update(logits.argmax(1), masks)
    return confusion.iou[index]


def counts(logits, masks, index):
    """Predicted, true and both, of pixels that are not void."""
    predicted, true = (logits.argmax(1) == index) & (masks != IGNORE), masks == index
    return predicted.sum(), true.sum(), (predicted & true).sum()


def by_hand(logits, masks, index):
    predicted, true, both = counts(logits, masks, index)
    return both / (predicted + true - both)


def void_is_wrong(logits, masks, index):
    predicted, true = logits.argmax(1) == index, masks == index
    return (predicted & true).sum() / (predicted | true).sum()


def void_is_right(logits, masks, index):
    masks = torch.where(masks == IGNORE, logits.argmax(1), masks)
    return void_is_wrong(logits, masks, index)


def dice(logits, masks, index):
    predicted, true, both = counts(logits, masks, index)
    return 2 * both / (predicted + true)


def counted_twice(logits, masks, index):
    predicted, true, both = counts(logits, masks, index)
    return both / (predicted + true)


def accuracy(logits, masks, index):
    return ((logits.argmax(1) == masks) & (masks != IGNORE)).sum() / (masks != IGNORE).sum()


# name: (check, right answers, [(wrong answer, what the hint says)])
CHECKS = {
    "saving": (
        lesson04.check_saving,
        [0.4, 1 - (16 / 4 + 14) / 30],
        [
            (8 / 30, "a quarter of the pixels, not half"),
            (0.27, "a quarter of the pixels, not half"),
            (0.533, "not free"),
            (0.75, "if all 30 epochs were small"),
            (0.6, "the share it takes"),
            (18, "the share of 30 that is saved"),
            (12, "as a share of 30"),
            (40, "a fraction from 0 to 1"),
            (0.35, "not the other way round"),
            (0.9, "count in full epochs"),
        ],
    ),
    "rates": (
        lesson04.check_rates,
        [(1e-5, 1e-4, 1e-3), [1e-5, 0.0001, 0.001]],
        [
            ((1e-5, 5.05e-4, 1e-3), "linear scale"),
            ((1e-5, 5e-4, 1e-3), "linear scale"),
            ((1e-3, 1e-4, 1e-5), "smallest rate"),
            ((1e-3, 1e-3, 1e-3), "a rate of its own"),
            ((1e-4, 1e-4, 1e-3), "both ends are given"),
            ((1e-5, 1e-5, 1e-3), "both ends are given"),
            ((1e-5, 1e-3), "three rates"),
            (1e-4, "three rates"),
            ((1e-5, 2e-4, 1e-3), "one and the same factor"),
        ],
    ),
    "IoU": (
        lesson04.check_iou,
        [by_matrix, by_hand],
        [
            (void_is_wrong, "leave them out of the union"),
            (void_is_right, "counts nowhere"),
            (dice, "that is Dice"),
            (counted_twice, "counted twice"),
            (accuracy, "that is pixel accuracy"),
            (lambda *a: counts(*a)[2] / counts(*a)[0], "that is precision"),
            (lambda *a: counts(*a)[2] / counts(*a)[1], "that is recall"),
            (lambda *a: counts(*a)[2], "divide by the pixels"),
            (lambda logits, masks, index: by_hand(logits, masks, 1), "not always for class 1"),
            (lambda logits, masks, index: 0.9, "0.571, but it gives 0.900"),
        ],
    ),
}
RIGHT = [(check, answer) for check, right, _ in CHECKS.values() for answer in right]
WRONG = [(check, answer, hint) for check, _, wrong in CHECKS.values() for answer, hint in wrong]


def by_sets(logits, masks, index):
    ids, masks = logits.argmax(1).flatten().tolist(), masks.flatten().tolist()
    predicted = {
        place for place, (found, true) in enumerate(zip(ids, masks)) if found == index and true != IGNORE
    }
    true = {place for place, true in enumerate(masks) if true == index}
    return len(predicted & true) / len(predicted | true)


def by_numpy(logits, masks, index):
    ids, masks = logits.numpy().argmax(1), masks.numpy()
    ids = np.where(masks == IGNORE, -1, ids)
    return np.sum((ids == index) & (masks == index)) / np.sum((ids == index) | (masks == index))


def below_three(logits, masks, index):
    predicted, true = (logits.argmax(1) == index) & (masks < 3), masks == index
    return (predicted & true).sum() / (predicted | true).sum()


def by_picture(logits, masks, index):
    return torch.stack([by_hand(x[None], y[None], index) for x, y in zip(logits, masks)]).mean()


RIGHT += [(lesson04.check_iou, function) for function in (by_sets, by_numpy, below_three)]
WRONG += [
    (lesson04.check_iou, by_picture, "mean over pictures"),
    (
        lesson04.check_iou,
        lambda logits, masks, index: by_hand(logits[:1], masks[:1], index),
        "first picture alone",
    ),
    (lesson04.check_iou, lambda logits, masks, index: by_hand(-logits, masks, index), "argmax over dim=1"),
    (
        lesson04.check_iou,
        lambda logits, masks, index: by_matrix(logits, masks, index + 5),
        "stops with IndexError",
    ),
    (lesson04.check_iou, lambda *trial: by_hand(*trial) * float("nan"), "gives nan"),
    (lesson04.check_rates, (-5, -4, -3), "those are the exponents"),
]
