"""Lesson 19: answers that are right, and wrong ones with what the hint must say."""

import torch
from torch.nn import functional as F

from nbhelpers.exercises import lesson19
from nbhelpers.models.segformer import EfficientAttention


def of_the_paper(query, key, value):
    return (query @ key.T / query.shape[1] ** 0.5).softmax(1) @ value


def by_torch(query, key, value):
    return F.scaled_dot_product_attention(query[None], key[None], value[None])[0]


def by_hand(query, key, value):
    weights = (query @ key.T / query.shape[1] ** 0.5).exp()
    return (weights / weights.sum(dim=1, keepdim=True)) @ value


def by_place(query, key, value):
    return torch.stack([(key @ place / len(place) ** 0.5).softmax(0) @ value for place in query])


def in_float32(query, key, value):
    return of_the_paper(query.float(), key.float(), value.float()).numpy()


RIGHT = [
    (lesson19.check_weights, (268_435_456, 4_194_304)),
    (lesson19.check_parameters, 69_856),
    (
        lesson19.check_parameters,
        sum(p.numel() for p in EfficientAttention(32, heads=1, reduction=8).parameters()),
    ),
    *(
        (lesson19.check_attention, function)
        for function in (of_the_paper, by_torch, by_hand, by_place, in_float32)
    ),
]
WRONG = [
    (lesson19.check_weights, (16_384, 256), "each pair of them"),
    (lesson19.check_weights, (268_435_456, 33_554_432), "not 8 times"),
    (lesson19.check_weights, (268_435_456, 65_536), "every place still asks"),
    (lesson19.check_weights, (4_194_304, 268_435_456), "the whole first"),
    (lesson19.check_weights, (68_719_476_736, 1_073_741_824), "has stride 4"),
    (lesson19.check_weights, (268_419_072, 4_194_304), "for itself"),
    (lesson19.check_weights, (1, 2), "that ask, and those that answer"),
    (lesson19.check_weights, 268_435_456, "give two numbers: .whole, reduced."),
    (lesson19.check_parameters, 4224, "the convolution that thins"),
    (lesson19.check_parameters, 69_792, "the norm behind"),
    (lesson19.check_parameters, 4288, "kernel of 8 x 8 from"),
    (lesson19.check_parameters, 68_800, "four projections"),
    (lesson19.check_parameters, 69_696, "have biases"),
    (lesson19.check_parameters, 12_512, "64 weights for each pair"),
    (lesson19.check_parameters, 6368, "every channel reads all 32"),
    (lesson19.check_parameters, 7, r"in x out \+ out"),
    (lesson19.check_attention, lambda q, k, v: (q @ k.T).softmax(1) @ v, "by the root of d"),
    (lesson19.check_attention, lambda q, k, v: (q @ k.T / q.shape[1]).softmax(1) @ v, "not by d itself"),
    (
        lesson19.check_attention,
        lambda q, k, v: (q @ k.T).softmax(1) / q.shape[1] ** 0.5 @ v,
        "before the softmax",
    ),
    (lesson19.check_attention, lambda q, k, v: (q @ k.T / len(q) ** 0.5).softmax(1) @ v, "places that ask"),
    (
        lesson19.check_attention,
        lambda q, k, v: (q @ k.T / len(k) ** 0.5).softmax(1) @ v,
        "places that answer",
    ),
    (lesson19.check_attention, lambda q, k, v: (q @ k.T / q.shape[1] ** 0.5).softmax(0) @ v, "dim=1"),
    (lesson19.check_attention, lambda q, k, v: q @ k.T / q.shape[1] ** 0.5 @ v, "through a softmax first"),
    (lesson19.check_attention, lambda q, k, v: of_the_paper(q, k, k), "not the key"),
    (
        lesson19.check_attention,
        lambda q, k, v: (q @ k.T / q.shape[1] ** 0.5).softmax(1),
        "these are the weights",
    ),
    (lesson19.check_attention, lambda q, k, v: of_the_paper(q, k, v).T, r"return \(6, 4\)"),
    (lesson19.check_attention, lambda q, k, v: q, "softmax"),
    (lesson19.check_attention, lambda q, k, v: None, "NoneType"),
    (lesson19.check_attention, lambda q, k, v: (q @ k).softmax(1) @ v, "stops with RuntimeError in line"),
]
