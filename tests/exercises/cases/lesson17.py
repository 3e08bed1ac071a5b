"""Lesson 17: answers that are right, and wrong ones with what the hint must say."""

import numpy as np
import torch

from nbhelpers import iris
from nbhelpers.exercises import lesson17

NEVER = [
    ((7.5, 100), "mean of two rates"),
    ((7.5, 0), "all of the iris is missed"),
    ((7.5, 7.5), "then average with the other rate"),
    ((7.5, 3.75), "not of the picture"),
    ((7.5, 25), "not four"),
    ((92.5, 50), "the background is right"),
    ((100, 50), "divides by all pixels"),
    ((50, 7.5), "wrong order"),
    ((0.075, 0.5), "100 times as much"),
    ((0, 50), "all wrong"),
    (7.5, "two numbers, E1 and E2"),
    ((7.5, 53.75), "which share of the true background"),
]


def by_loops(predicted, true):
    rates = []
    for guess, truth in zip(predicted, true):
        false_positive = sum(g and not t for g, t in zip(guess.flat, truth.flat)) / (~truth).sum()
        rates.append((false_positive + (truth & ~guess).sum() / truth.sum()) / 2)
    return sum(rates) / len(rates)


def by_torch(predicted, true):
    predicted, true = (torch.from_numpy(masks).flatten(1).double() for masks in (predicted, true))
    missed = ((1 - predicted) * true).sum(1) / true.sum(1)
    extra = (predicted * (1 - true)).sum(1) / (1 - true).sum(1)
    return torch.stack([missed, extra]).mean()


def by_what_is_right(predicted, true):
    """One less the mean of what is kept of each."""
    kept = [(g[t].mean() + (~g[~t]).mean()) / 2 for g, t in zip(predicted, true)]
    return 1 - np.mean(kept)


def by_weights(predicted, true):
    wrong = predicted != true
    return np.mean([(np.average(w, weights=t) + np.average(w, weights=~t)) / 2 for w, t in zip(wrong, true)])


def rates(predicted, true, axes=(1, 2)):
    extra = (predicted & ~true).sum(axes) / (~true).sum(axes)
    return extra, (~predicted & true).sum(axes) / true.sum(axes)


def of_predicted(predicted, true):
    extra = (predicted & ~true).sum((1, 2)) / np.maximum(predicted.sum((1, 2)), 1)
    return np.mean([extra, rates(predicted, true)[1]])


def of_iris(predicted, true):
    return np.mean([(predicted & ~true).sum((1, 2)) / true.sum((1, 2)), rates(predicted, true)[1]])


def e1(predicted, true):
    return (predicted != true).mean()


RIGHT = [
    (lesson17.check_scores, (0.92, 6.80)),
    (lesson17.check_scores, np.array([0.917, 6.798])),
    (lesson17.check_scores, [1100 / 1200, 50 * (300 / 114_000 + 800 / 6000)]),
    (lesson17.check_scores, torch.tensor([0.92, 6.8])),
    (lesson17.check_scores, (np.float32(0.9167), 6.798)),
    (lesson17.check_never, (7.5, 50)),
    (lesson17.check_never, (torch.tensor(0.075) * 100, 50.0)),  # 7.5000005
    (lesson17.check_e2, by_loops),
    (lesson17.check_e2, by_torch),
    (lesson17.check_e2, by_what_is_right),
    (lesson17.check_e2, by_weights),
    (lesson17.check_e2, lambda predicted, true: iris.e2(predicted, true)),
    (lesson17.check_e2, lambda predicted, true: np.float32(by_loops(predicted, true))),
]
WRONG = [
    (lesson17.check_scores, 0.92, "two numbers"),
    (lesson17.check_scores, (0.0092, 6.80), "E1: .*100 times"),
    (lesson17.check_scores, (0.42, 6.80), "do not cancel"),
    (lesson17.check_scores, (0.25, 6.80), "those that were missed"),
    (lesson17.check_scores, (0.67, 6.80), "those too many"),
    (lesson17.check_scores, (18.33, 6.80), "all pixels of the picture"),
    (lesson17.check_scores, (17.46, 6.80), "1 - IoU"),
    (lesson17.check_scores, (5, 6.80), "300 pixels are too many"),
    (lesson17.check_scores, (0.92, 0.068), "E2: .*100 times"),
    (lesson17.check_scores, (0.92, 13.60), "not their sum"),
    (lesson17.check_scores, (0.92, 9.17), "share of the true background"),
    (lesson17.check_scores, (0.92, 9.39), "not of what was predicted"),
    (lesson17.check_scores, (0.92, 0.46), "a base of its own"),
    (lesson17.check_scores, (0.92, 13.33), "false-negative rate"),
    (lesson17.check_scores, (0.92, 2), "E2: 300 pixels"),
    (lesson17.check_scores, (6.80, 0.92), "E1: 300 pixels"),
    (lesson17.check_scores, (float("nan"), 6.80), "E1: nan"),
    (lesson17.check_scores, {"E1": 0.92, "E2": 6.80}, "numbers are asked for"),
    *((lesson17.check_never, answer, hint) for answer, hint in NEVER),
    (lesson17.check_e2, lambda p, t: np.mean(rates(p, t, None)), "each picture by itself"),
    (lesson17.check_e2, e1, "that is E1"),
    (lesson17.check_e2, lambda p, t: rates(p, t)[0].mean(), "false-positive rate alone"),
    (lesson17.check_e2, lambda p, t: rates(p, t)[1].mean(), "false-negative rate alone"),
    (lesson17.check_e2, lambda p, t: sum(rates(p, t)).mean(), "not their sum"),
    (lesson17.check_e2, lambda p, t: 100 * by_loops(p, t), "in percent"),
    (lesson17.check_e2, lambda p, t: np.sum(rates(p, t)) / 2, "instead of summing"),
    (lesson17.check_e2, of_predicted, "not of what was predicted"),
    (lesson17.check_e2, of_iris, "not of the true iris"),
    (lesson17.check_e2, lambda p, t: e1(p, t) / 2, "a base of its own"),
    (lesson17.check_e2, lambda p, t: by_loops(t, p), "exchanged the two"),
    (lesson17.check_e2, lambda p, t: 1 - by_loops(p, t), "what is right"),
    (lesson17.check_e2, lambda p, t: np.mean(rates(p, t), axis=0), "one number for each picture"),
    (lesson17.check_e2, lambda p, t: None, "one number"),
    (lesson17.check_e2, lambda p, t: 0.5, "for each picture: false positives"),
    (lesson17.check_e2, lambda p, t: p - t, "stops with TypeError in line"),
]
