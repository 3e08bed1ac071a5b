"""Every exercise accepts the right answer, and tells plausible wrong ones what went wrong."""

from fractions import Fraction

import torch
from torch.nn import functional as F

from nbhelpers.exercises import lesson01, lesson02
from nbhelpers.metrics import ConfusionMatrix
from nbhelpers.models.unet import DoubleConv, UNet
from tests.exercises.exercise_tester import (  # noqa: F401
    pytest_generate_tests,
    test_a_slip_gets_its_hint,
    test_every_check_is_tested,
    test_none_is_no_answer_yet,
    test_the_right_answer_is_accepted,
)

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


def accuracy(logits, masks):
    scored = masks != IGNORE
    return ((logits.argmax(1) == masks) & scored).sum() / scored.sum()


# name: (check, right answers, {wrong answer: what the hint says})
CHECKS = {
    "1.1 IoU": (
        lesson01.check_iou,
        [4 / 9, Fraction(4, 9), 0.44, 0.444, 0.45],
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
FUNCTIONS = {  # name: (check, right answers, [(wrong answer, what the hint says)])
    "1.3 prepare": (lesson01.check_prepare, list(PREPARED.values()), list(NOT_PREPARED.values())),
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


def test_the_numbers_of_lesson_1_are_those_of_the_metrics():
    """The answers were counted by hand; the package counts the same."""
    confusion = ConfusionMatrix(2)
    confusion.update(lesson01.PREDICTION, lesson01.TRUTH)
    assert lesson01.check_iou(confusion.iou[1].item()) == "Right."
    assert "Dice" in lesson01.check_iou(confusion.dice[1].item())
    assert "recall" in lesson01.check_iou(confusion.class_accuracy[1].item())
    assert "accuracy" in lesson01.check_iou(confusion.pixel_accuracy)
    assert "background" in lesson01.check_iou(confusion.iou[0].item())
    assert "mean" in lesson01.check_iou(confusion.mean_iou)

    confusion = ConfusionMatrix(2)
    confusion.counts[0, 0], confusion.counts[1, 0] = 95, 5
    assert lesson01.check_baseline(confusion.mean_iou) == "Right."
    assert "accuracy" in lesson01.check_baseline(confusion.pixel_accuracy)
    assert "Dice" in lesson01.check_baseline(confusion.mean_dice)
    assert "pooled" in lesson01.check_baseline(confusion.micro_iou)
    assert "weighted" in lesson01.check_baseline(confusion.frequency_weighted_iou)


def test_the_bottleneck_of_lesson_2_is_that_of_the_model():
    shapes = []
    model = UNet(num_classes=2, widths=(2, 2, 2, 2)).eval()
    model.downs[-1].register_forward_hook(lambda module, inputs, output: shapes.append(output.shape[-2:]))
    model(torch.rand(1, 3, 50, 70))
    assert lesson02.check_bottleneck_size(tuple(shapes[0])) == "Right."


def test_a_check_does_not_change_what_it_checks_with():
    before = lesson01.FILE.clone()
    lesson01.check_prepare(lambda file, size: file.fill_(7))
    assert torch.equal(lesson01.FILE, before)
