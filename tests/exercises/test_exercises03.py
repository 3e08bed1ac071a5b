"""Lesson 3: every exercise accepts the right answer, and tells plausible wrong ones what went wrong."""

import pytest
import torch

from nbhelpers.exercises import lesson03
from nbhelpers.metrics import ConfusionMatrix
from nbhelpers.models.blocks import Normalize
from tests.exercises.exercise_tester import (  # noqa: F401
    pytest_generate_tests,
    test_a_slip_gets_its_hint,
    test_every_check_is_tested,
    test_none_is_no_answer_yet,
    test_the_right_answer_is_accepted,
)


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


def test_the_micro_iou_is_that_of_the_metrics():
    confusion = ConfusionMatrix(3)
    confusion.counts[:] = torch.tensor([[50, 5, 0], [5, 20, 5], [3, 2, 10]])  # 80 of 100 are right
    assert confusion.pixel_accuracy == pytest.approx(0.8)
    assert lesson03.check_micro_iou(confusion.micro_iou) == "Right."
