"""Lesson 15: answers that are right, and wrong ones with what the hint must say."""

import torch
from torch.nn import functional as F

from nbhelpers.exercises import lesson15
from nbhelpers.models.attention import SqueezeExcite


def by_torch(query, key, value):
    return F.scaled_dot_product_attention(query[None], key[None], value[None], scale=1.0)[0]


RIGHT = [
    (lesson15.check_parameters, 580),
    (lesson15.check_parameters, sum(p.numel() for p in SqueezeExcite(64).parameters())),
    (lesson15.check_weights, 7_290_000),
    (lesson15.check_attention, lambda query, key, value: (query @ key.T).softmax(1) @ value),
    (lesson15.check_attention, by_torch),
]
WRONG = [
    (lesson15.check_parameters, 512, "has a bias as well"),
    (lesson15.check_parameters, 516, "second convolution has a bias"),
    (lesson15.check_parameters, 576, "first convolution has a bias"),
    (lesson15.check_parameters, 8320, "64 / 16 channels"),
    (lesson15.check_parameters, 260, "a way back"),
    (lesson15.check_parameters, 2128, "the reduction divides"),
    (lesson15.check_parameters, 4676, "1 x 1"),
    (lesson15.check_parameters, 7, r"in x out \+ out"),
    (lesson15.check_weights, 2700, "number of places"),
    (lesson15.check_weights, 29_859_840_000, "not one for every pixel"),
    (lesson15.check_weights, 172_800, "stride 8"),
    (lesson15.check_weights, 5400, "every pair"),
    (lesson15.check_weights, 3_643_650, "have an order"),
    (lesson15.check_weights, 7_287_300, "for itself"),
    (lesson15.check_weights, 466_560_000, "by 64"),
    (lesson15.check_weights, 1, "pairs of places"),
    (lesson15.check_attention, lambda q, k, v: (q @ k.T).softmax(0) @ v, "dim=1"),
    (lesson15.check_attention, lambda q, k, v: (q @ k.T / 2).softmax(1) @ v, "no root"),
    (lesson15.check_attention, lambda q, k, v: q @ k.T @ v, "through a softmax first"),
    (lesson15.check_attention, lambda q, k, v: (q @ k.T).sigmoid() @ v, "one budget"),
    (lesson15.check_attention, lambda q, k, v: (k @ q.T).softmax(1) @ v, "the keys ask"),
    (lesson15.check_attention, lambda q, k, v: (q @ k.T).softmax(1) @ k, "not the key"),
    (lesson15.check_attention, lambda q, k, v: (q @ k.T).softmax(1), "these are the weights"),
    (lesson15.check_attention, lambda q, k, v: ((q @ k.T).softmax(1) @ v).T, r"return \(5, 4\)"),
    (lesson15.check_attention, lambda q, k, v: v, "softmax"),
    (lesson15.check_attention, lambda q, k, v: None, "NoneType"),
]


def by_hand(query, key, value):
    weights = (query @ key.T).exp()
    return (weights / weights.sum(dim=1, keepdim=True)) @ value


def by_place(query, key, value):
    return torch.stack([(key @ place).softmax(0) @ value for place in query])


def in_float32(query, key, value):
    return ((query.float() @ key.float().T).softmax(1) @ value.float()).numpy()


RIGHT += [(lesson15.check_attention, function) for function in (by_hand, by_place, in_float32)]
WRONG += [
    (lesson15.check_attention, lambda q, k, v: (q @ k.T).softmax(1) @ q, "not the query"),
    (lesson15.check_attention, lambda q, k, v: (q @ q.T).softmax(1) @ v, "not each other"),
    (lesson15.check_attention, lambda q, k, v: (q @ k).softmax(1) @ v, "stops with RuntimeError in line"),
    (lesson15.check_attention, lambda q, k, v: F.scaled_dot_product_attention(q, k, v), "no root"),
]
