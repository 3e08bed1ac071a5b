"""Lesson 3: answers that are right, and wrong ones with what the hint must say."""

import numpy as np
import torch
from torchvision.transforms.v2.functional import normalize

from nbhelpers.exercises import lesson03
from nbhelpers.models.blocks import Normalize


def channels(values):
    return torch.tensor(values).reshape(1, 3, 1, 1)


def preprocess(images, mean, std):
    return (images.float() / 255 - channels(mean)) / channels(std)


def in_place(images, mean, std):
    images[:] = 0
    return images.float()


# name: (check, right answers, [(wrong answer, what the hint says)])
CHECKS = {
    "brightest": (
        lesson03.check_brightest,
        [(1 - 0.485) / 0.229, 2.25, 2.249, 2.2489],
        [
            ((255 - 0.485) / 0.229, "divide by 255 first"),
            (1111.4, "usual example's fault"),
            (255, "divide by 255 first"),
            (1.0, "subtract the mean and divide"),
            (0.515, "now divide by the spread"),
            (4.37, "subtract the mean before"),
            (3.88, "first subtract the mean"),
            (-2.10, "divides by 255 twice"),
            (0.118, "so that the result has spread 1"),
            (7.0, "to 0..1, minus the mean"),
        ],
    ),
    "micro IoU": (
        lesson03.check_micro_iou,
        [2 / 3, 0.67, 0.667, 0.66],
        [
            (0.8, "that is the pixel accuracy"),
            (66.7, "a fraction from 0 to 1"),
            (80, "a fraction from 0 to 1"),
            (0.571, "twice below the line, not three"),
            (0.6, "no overlap"),
            (0.64, "do not square"),
            (0.4, "do not halve"),
            (0.889, "the other way round"),
            (0.1, "wrong for two classes"),
        ],
    ),
    "preprocess": (
        lesson03.check_preprocess,
        [
            preprocess,
            lambda images, mean, std: Normalize(mean, std)(images / 255),
            lambda images, mean, std: (
                (images.permute(0, 2, 3, 1) / 255 - torch.tensor(mean)) / torch.tensor(std)
            ).permute(0, 3, 1, 2),
        ],
        [
            (lambda images, mean, std: (images.float() - channels(mean)) / channels(std), "from 0..255"),
            (lambda images, mean, std: images / 255, "not used"),
            (lambda images, mean, std: images / 255 - channels(mean), "does not divide by the spread"),
            (lambda images, mean, std: (images / 255 - channels(mean)) * channels(std), "multiplying"),
            (lambda images, mean, std: preprocess(images / 255, mean, std), "by 255 twice"),
            (
                lambda images, mean, std: (images / 255 - torch.tensor(mean)) / torch.tensor(std),
                "laid along the width",
            ),
            (lambda images, mean, std: preprocess(images, mean, std).byte(), "gives integers"),
            (lambda images, mean, std: preprocess(images, mean, std)[0], r"makes \(3, 2, 3\)"),
            (lambda images, mean, std: None, "gives NoneType"),
            (lambda images, mean, std: preprocess(images, mean, std).numpy(), "gives ndarray"),
            (lambda images, mean, std: preprocess(images, mean, std) + 1, "each channel must be"),
            (in_place, "changes the pictures"),
        ],
    ),
}
RIGHT = [(check, answer) for check, right, _ in CHECKS.values() for answer in right]
WRONG = [(check, answer, hint) for check, _, wrong in CHECKS.values() for answer, hint in wrong]


def by_numpy(images, mean, std):
    pixels = images.numpy().transpose(0, 2, 3, 1) / 255
    return torch.from_numpy(((pixels - np.array(mean)) / np.array(std)).transpose(0, 3, 1, 2))


def by_channel(images, mean, std):
    return torch.stack([(images[:, c] / 255 - mean[c]) / std[c] for c in range(3)], dim=1)


RIGHT += [
    (lesson03.check_preprocess, by_numpy),
    (lesson03.check_preprocess, by_channel),
    (lesson03.check_preprocess, lambda images, mean, std: normalize(images / 255, mean, std)),
]
WRONG += [
    (
        lesson03.check_preprocess,
        lambda images, mean, std: preprocess(images.flip(1), mean, std),
        "red and blue",
    ),
    (
        lesson03.check_preprocess,
        lambda images, mean, std: preprocess(images, mean, std).flip(1),
        "red and blue",
    ),
    (
        lesson03.check_preprocess,
        lambda images, mean, std: preprocess(images.flip(2), mean, std),
        "on their heads",
    ),
    (
        lesson03.check_preprocess,
        lambda images, mean, std: preprocess(images.flip(3), mean, std),
        "left and right",
    ),
    (
        lesson03.check_preprocess,
        lambda images, mean, std: preprocess(images[[0] * len(images)], mean, std),
        "first one",
    ),
    (lesson03.check_preprocess, lambda images, mean, std: preprocess(images, std, mean), "are swapped"),
    (lesson03.check_preprocess, lambda images, mean, std: images / 255 / channels(std), "does not subtract"),
    (
        lesson03.check_preprocess,
        lambda images, mean, std: images / 255 / channels(std) - channels(mean),
        "before you",
    ),
    (
        lesson03.check_preprocess,
        lambda images, mean, std: (images - mean) / std,
        "stops with TypeError in line",
    ),
]
