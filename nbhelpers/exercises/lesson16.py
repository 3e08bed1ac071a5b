"""The exercises of 16_break_it."""

import math
from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

from nbhelpers.exercises import UNANSWERED


def check_floor(answer: float | None) -> str:
    """The least cross-entropy for 11 classes where the model ends in a softmax, to two digits."""
    if answer is None:
        return UNANSWERED
    right = math.log(1 + 10 / math.e)
    slips = {
        0.0: "that is the floor for logits, which may grow without end; probabilities end at 1.",
        math.log(11): "that is what guessing costs; the right class may have probability 1, the others 0.",
        math.log(1 + 10 * math.e): "that is the largest loss: all probability on a wrong class, at best.",
        math.log(10): "ten of the eleven classes get exp(0) = 1, and the right one exp(1).",
        1
        / (
            1 + 10 / math.e
        ): "that is the probability that the second softmax gives; the loss is minus its logarithm.",
        1.0: "the largest probability is 1, the loss is minus the logarithm of its softmax.",
        right / math.log(2): "the logarithm is the natural one.",
    }
    nearest = min([right, *slips], key=lambda known: abs(answer - known))
    if abs(answer - nearest) > 0.006:
        return (
            "Not yet: put 1, 0, 0, ... (ten zeros) into a softmax, and take minus the logarithm of the first."
        )
    return "Right." if nearest == right else f"Not yet: {slips[nearest]}"


# What a colleague sees, as the notebook tells it -> the check of the doctor that fails.
STORIES = {"Mia": "mode", "Jon": "split overlap", "Ada": "mask ids", "Tom": "image scaling"}
HINTS = {
    "mode": "batch norm and dropout behave differently in training: think of what is random there.",
    "split overlap": "look for the fault that makes a validation score too good, and no other score.",
    "mask ids": "cross-entropy of a label between 0 and 1 is never negative: look for labels that are larger than 1.",
    "image scaling": "training is fine, so masks, loss and rate are; look for what else differs on the web page.",
}


def check_stories(answer: Mapping[str, str] | None) -> str:
    """For each colleague in `STORIES`, the name of the check that will fail."""
    if answer is None:
        return UNANSWERED
    missing = [name for name in STORIES if name not in answer]
    if missing:
        return f"Not yet: {missing[0]} waits for an answer too."
    for name, check in STORIES.items():
        if str(answer[name]).strip().lower() != check:
            return f"Not yet: for {name}, {HINTS[check]}"
    return "Right."


def check_leak(count: Callable[[Sequence[Tensor], Sequence[Tensor]], int] | None) -> str:
    """How many images of valid are in train as well? `count(train, valid)` gets two lists of images."""
    if count is None:
        return UNANSWERED
    scenes = [torch.full((3, 2, 2), value, dtype=torch.uint8) for value in range(6)]
    scenes[3] = scenes[3].index_fill(2, torch.tensor([1]), 1)  # columns 3 1; its mean is that of scene 2
    train = [scenes[2], scenes[0], scenes[0].clone(), scenes[5]]
    for valid, right, hint in (
        (
            [scenes[0].clone()],
            1,
            "an equal image may be another object in memory, and stand at another place.",
        ),
        ([scenes[1], scenes[3], scenes[4]], 0, "images that only resemble each other are not the same."),
        (
            [scenes[0], scenes[5], scenes[1]],
            2,
            "count images of valid; one that is in train twice counts once.",
        ),
        (
            [scenes[0], scenes[0]],
            2,
            "count every image of valid that is in train, also where valid repeats it.",
        ),
    ):
        value = count([image.clone() for image in train], [image.clone() for image in valid])
        if isinstance(value, float) and not value.is_integer():
            return "Not yet: give a number of images, not a share."
        if value is None or int(value) != right:
            return f"Not yet: for {len(valid)} images of valid it gives {value}, but {right} of them are in train; {hint}"
    return "Right."
