"""Lesson 14: answers that are right, and wrong ones with what the hint must say."""

from fractions import Fraction
from statistics import harmonic_mean

import torch
from torch import nn

from nbhelpers.exercises import lesson14
from nbhelpers.models.fc_hardnet import links


def macs_a_value(in_channels, out_channels, kernel_size):
    return kernel_size**2 * in_channels * out_channels / (in_channels + out_channels)


RIGHT = [
    (lesson14.check_links, [8, 10, 11]),
    (lesson14.check_links, {11, 10, 8}),
    (lesson14.check_links, links(12)),
    (lesson14.check_traffic, 301_056),
    (lesson14.check_macs_a_value, macs_a_value),
]
WRONG = [
    (lesson14.check_links, [11, 10, 8, 4], "no link of length 8"),
    (lesson14.check_links, [11], "divisible by 2 and by 4"),
    (lesson14.check_links, (11, 10), "divisible by 4, too"),
    (lesson14.check_links, [8, 10], "the one before it"),
    (lesson14.check_links, [1, 2, 4], "lengths of the links"),
    (lesson14.check_links, [11, 10, 9, 6], "no powers of 2"),
    (lesson14.check_links, range(12), "a dense block"),
    (lesson14.check_links, [12, 11, 10, 8], "cannot read itself"),
    (lesson14.check_links, [], "wherever 2.n divides k"),
    (lesson14.check_traffic, 64 * 3136, "it also writes"),
    (lesson14.check_traffic, 32 * 3136, "it also reads"),
    (lesson14.check_traffic, 9 * 64 * 32 * 3136, "those are multiplications"),
    (lesson14.check_traffic, 64 * 32 * 3136, "added, not multiplied"),
    (lesson14.check_traffic, 9 * 96 * 3136, "every value once"),
    (lesson14.check_traffic, 96 * 3136 + 9 * 64 * 32, "weights are left out"),
    (lesson14.check_traffic, 96, "56 x 56"),
    (lesson14.check_traffic, 96 * 56, "56 rows"),
    (lesson14.check_traffic, 5, "x height x width"),
    (lesson14.check_macs_a_value, lambda i, o, k: None, "it gives None"),
    (lesson14.check_macs_a_value, lambda i, o, k: i * o / (i + o), "9 weights for each"),
    (lesson14.check_macs_a_value, lambda i, o, k: k * i * o / (i + o), "not 3"),
    (lesson14.check_macs_a_value, lambda i, o, k: 1 / macs_a_value(i, o, k), "turn it over"),
    (lesson14.check_macs_a_value, lambda i, o, k: k * k * o, "what is written is moved"),
    (lesson14.check_macs_a_value, lambda i, o, k: k * k * i, "what is read is moved"),
    (lesson14.check_macs_a_value, lambda i, o, k: k * k * i * o, "divide by the values moved"),
    (lesson14.check_macs_a_value, lambda i, o, k: k * k * (i + o) / (i + o), "not their sum"),
    (lesson14.check_macs_a_value, lambda i, o, k: 5, "should give 216, but gives 5"),
    (lesson14.check_macs_a_value, lambda i, o, k: 216.0, "1 x 1 it should give 43.75"),
    (lesson14.check_macs_a_value, lambda i, o, k: k**2 * i * o // (i + o), "1 x 1 it should give 43.75"),
]


def by_fractions(in_channels, out_channels, kernel_size):
    return kernel_size**2 / Fraction(in_channels + out_channels, in_channels * out_channels)


def by_harmonic_mean(in_channels, out_channels, kernel_size):
    return kernel_size**2 * harmonic_mean([in_channels, out_channels]) / 2


def by_torch(in_channels, out_channels, kernel_size):
    channels = torch.tensor([in_channels, out_channels])
    return channels.prod() * kernel_size**2 / channels.sum()


def by_a_layer(in_channels, out_channels, kernel_size):
    weights = nn.Conv2d(in_channels, out_channels, kernel_size, bias=False, device="meta").weight
    return weights.numel() / (weights.shape[0] + weights.shape[1])


RIGHT += [
    (lesson14.check_macs_a_value, function)
    for function in (by_fractions, by_harmonic_mean, by_torch, by_a_layer)
]
WRONG += [
    (lesson14.check_macs_a_value, lambda i, o, k: k * macs_a_value(i, o, k), "two sides: 3 x 3"),
    (lesson14.check_macs_a_value, lambda i, o, k: macs_a_value(i, o, 3), "not every kernel is 3 x 3"),
    (lesson14.check_macs_a_value, lambda i, o, k: float("nan"), "gives nan"),
    (
        lesson14.check_macs_a_value,
        lambda i, o, k: k**2 * i * o / (i - i),
        "stops with ZeroDivisionError in line",
    ),
]
