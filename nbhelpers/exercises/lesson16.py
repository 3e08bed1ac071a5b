"""The exercises of 16_break_it."""

import math
from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

from nbhelpers.exercises import NotYet, as_numbers, call, exercise, expect_two_digits


@exercise
def check_floor(answer: float) -> None:
    """The least cross-entropy for 11 classes where the model ends in a softmax, to two digits."""
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
    otherwise = "put 1, 0, 0, ... (ten zeros) into a softmax, and take minus the logarithm of the first."
    expect_two_digits(answer, right, slips, otherwise)


# What a colleague sees, as the notebook tells it -> the check of the doctor that fails.
STORIES = {"Mia": "mode", "Jon": "split overlap", "Ada": "mask ids", "Tom": "image scaling"}
HINTS = {
    "mode": "batch norm and dropout behave differently in training: think of what is random there.",
    "split overlap": "look for the fault that makes a validation score too good, and no other score.",
    "mask ids": "cross-entropy of a label between 0 and 1 is never negative: look for labels that are larger than 1.",
    "image scaling": "training is fine, so masks, loss and rate are; look for what else differs on the web page.",
}


@exercise
def check_stories(answer: Mapping[str, str]) -> None:
    """For each colleague in `STORIES`, the name of the check that will fail."""
    if not isinstance(answer, Mapping):
        raise NotYet('answer by a dictionary: {"Mia": "...", "Jon": "...", "Ada": "...", "Tom": "..."}.')
    for name in STORIES:
        if answer.get(name) is None:
            raise NotYet(f"{name} waits for an answer too.")
    for name, check in STORIES.items():
        if " ".join(str(answer[name]).lower().replace("_", " ").replace("-", " ").split()) != check:
            raise NotYet(f"for {name}, {HINTS[check]}")


@exercise
def check_leak(count: Callable[[Sequence[Tensor], Sequence[Tensor]], int]) -> None:
    """How many images of valid are in train as well? `count(train, valid)` gets two lists of images."""
    random = torch.Generator().manual_seed(16)
    scenes = list(torch.randint(256, (6, 3, 4, 5), dtype=torch.uint8, generator=random))
    train = [scenes[2], scenes[0], scenes[0].clone(), scenes[5]]
    for valid, right, hint in (
        (
            [scenes[0].clone()],
            1,
            "an equal image may be another object in memory, and stand at another place.",
        ),
        (
            [scenes[1], *_alike(scenes[2]), scenes[4]],
            0,
            "images that only resemble each other are not the same.",
        ),
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
        (
            [scenes[4], scenes[2], scenes[3], scenes[1], scenes[5], scenes[0]],
            3,
            "valid may be longer than train.",
        ),
    ):
        lists = [image.clone() for image in train], [image.clone() for image in valid]
        value = call(count, lists, ("train", "valid"))
        try:
            number = as_numbers(value)
        except NotYet:
            number = None
        if number is None or number.size != 1:
            raise NotYet(f"it gives {type(value).__name__}; return a number of images.")
        if number % 1:
            raise NotYet("give a number of images, not a share.")
        if number != right:
            raise NotYet(
                f"for {len(valid)} images of valid it gives {number.item():g}, but {right} of them are in train; {hint}"
            )


def _alike(scene: Tensor) -> list[Tensor]:
    """Images that share something with `scene` and differ from it: all but one pixel, channel, row; all values; ..."""
    alike = []
    for part in ((0, 0, 0), (2, 3, 4), (0,), (1,), (2,), (slice(None), 0), (slice(None), 3)):
        other = scene.clone()
        other[part] = 255 - other[part]
        alike.append(other)
    return [*alike, scene.flip(0), scene.flip(1), scene.flip(2)]  # the last have its mean and its extremes
