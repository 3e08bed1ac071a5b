"""Lesson 16: answers that are right, and wrong ones with what the hint must say."""

import math

import numpy as np
import torch

from nbhelpers.exercises import lesson16

RIGHT_STORIES = dict(lesson16.STORIES)


def by_hash(train, valid):
    seen = {image.numpy().tobytes() for image in train}
    return sum(image.numpy().tobytes() in seen for image in valid)


def by_comparison(train, valid):
    return sum(any(torch.equal(image, other) for other in train) for image in valid)


RIGHT = [
    (lesson16.check_floor, math.log(1 + 10 / math.e)),
    (lesson16.check_floor, 1.54),
    (lesson16.check_stories, RIGHT_STORIES),
    (lesson16.check_stories, {name: check.title() for name, check in RIGHT_STORIES.items()}),
    (lesson16.check_leak, by_hash),
    (lesson16.check_leak, by_comparison),
]
WRONG = [
    (lesson16.check_floor, 0, "floor for logits"),
    (lesson16.check_floor, 2.40, "what guessing costs"),
    (lesson16.check_floor, 3.34, "the largest loss"),
    (lesson16.check_floor, 2.30, r"exp\(0\) = 1"),
    (lesson16.check_floor, 0.21, "minus its logarithm"),
    (lesson16.check_floor, 2.23, "the natural one"),
    (lesson16.check_floor, 1.0, "largest probability is 1"),
    (lesson16.check_floor, 7, "ten zeros"),
    (lesson16.check_stories, {}, "Mia waits"),
    (lesson16.check_stories, RIGHT_STORIES | {"Mia": "learning rate"}, "for Mia, .*random"),
    (lesson16.check_stories, RIGHT_STORIES | {"Jon": "baseline"}, "for Jon, .*too good"),
    (lesson16.check_stories, RIGHT_STORIES | {"Ada": "loss value"}, "for Ada, .*larger than 1"),
    (lesson16.check_stories, RIGHT_STORIES | {"Tom": "mode"}, "for Tom, .*web page"),
    (lesson16.check_leak, lambda train, valid: sum(a is b for a in train for b in valid), "another object"),
    (
        lesson16.check_leak,
        lambda train, valid: sum(torch.equal(a, b) for a, b in zip(train, valid)),
        "at another place",
    ),
    (
        lesson16.check_leak,
        lambda train, valid: sum(any(a.float().mean() == b.float().mean() for a in train) for b in valid),
        "only resemble",
    ),
    (
        lesson16.check_leak,
        lambda train, valid: sum(torch.equal(a, b) for a in train for b in set(valid)),
        "another object|counts once|twice",
    ),
    (lesson16.check_leak, lambda train, valid: len(valid), "only resemble"),
    (
        lesson16.check_leak,
        lambda train, valid: len({b.numpy().tobytes() for b in valid} & {a.numpy().tobytes() for a in train}),
        "valid repeats it",
    ),
    (lesson16.check_leak, lambda train, valid: by_hash(train, valid) / 3 + 0.1, "not a share"),
    (lesson16.check_leak, lambda train, valid: None, "gives None"),
]


def by_all(train, valid):
    return sum(any((image == other).all() for other in train) for image in valid)


def by_numpy(train, valid):
    train, valid = np.stack([*train]), np.stack([*valid])
    return (train[:, None] == valid).all((2, 3, 4)).any(0).sum()


def by_lists(train, valid):
    seen = [image.tolist() for image in train]
    return float(len([image for image in valid if image.tolist() in seen]))


def alike(compare):
    """Counts images of valid for which any of train gives the same by `compare`."""
    return lambda train, valid: sum(any(compare(a, b) for a in train) for b in valid)


RIGHT += [(lesson16.check_leak, function) for function in (by_all, by_numpy, by_lists)]
RIGHT += [
    (lesson16.check_stories, dict(reversed(RIGHT_STORIES.items()))),
    (lesson16.check_stories, RIGHT_STORIES | {"Ned": "nobody asked"}),
    (lesson16.check_stories, {name: check.replace(" ", "_") for name, check in RIGHT_STORIES.items()}),
    (lesson16.check_floor, 1.5),
]
RESEMBLE = [
    lambda a, b: a[0, 0, 0] == b[0, 0, 0],
    lambda a, b: a.max() == b.max(),
    lambda a, b: (a == b).any(),
    lambda a, b: torch.equal(a[:, :1], b[:, :1]),
    lambda a, b: torch.equal(a[:1], b[:1]),
    lambda a, b: torch.equal(a.flatten().sort().values, b.flatten().sort().values),
    lambda a, b: (a == b).float().mean() > 0.9,
    lambda a, b: torch.equal(a[..., 1:], b[..., 1:]),
]
WRONG += [(lesson16.check_leak, alike(compare), "only resemble") for compare in RESEMBLE]
WRONG += [
    (lesson16.check_leak, lambda train, valid: [by_hash(train, valid)] * 2, "return a number of images"),
    (lesson16.check_leak, lambda train, valid: by_hash(train.pop(), valid), "stops with|changes train"),
    (lesson16.check_floor, float("nan"), "nan is not a number"),
    (lesson16.check_stories, ["mode", "split overlap", "mask ids", "image scaling"], "by a dictionary"),
    (lesson16.check_stories, "mode", "by a dictionary"),
    (lesson16.check_stories, RIGHT_STORIES | {"Tom": None}, "Tom waits"),
]
