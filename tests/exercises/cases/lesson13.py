"""Lesson 13: answers that are right, and wrong ones with what the hint must say."""

import numpy as np
import torch

from nbhelpers.exercises import lesson13


def kept_maps(channels, layers, growth_rate):
    return 2 * sum(channels + layer * growth_rate for layer in range(layers))


RIGHT = [
    (lesson13.check_channels, 172),
    (lesson13.check_parameters, 16_368),
    (lesson13.check_kept_maps, kept_maps),
    (lesson13.check_kept_maps, lambda c, n, k: n * (2 * c + (n - 1) * k)),
]
WRONG = [
    (lesson13.check_channels, 72, "what it was given leaves with it"),
    (lesson13.check_channels, 112, "there are 6"),
    (lesson13.check_channels, 160, "what the last layer reads"),
    (lesson13.check_channels, 106, "as many channels as the growth rate"),
    (lesson13.check_channels, 672, "are there once"),
    (lesson13.check_channels, 7200, "added, not multiplied"),
    (lesson13.check_channels, 12, "keeps all that were made"),
    (lesson13.check_channels, 99, "12 new channels beside all"),
    (lesson13.check_parameters, 16_128, "batch norm and the convolution's bias are missing"),
    (lesson13.check_parameters, 16_144, "a weight and a bias a channel that it reads"),
    (lesson13.check_parameters, 16_352, "this convolution has a bias"),
    (lesson13.check_parameters, 16_256, "not one of them"),
    (lesson13.check_parameters, 16_176, "batch norm comes first here"),
    (lesson13.check_parameters, 2_032, "a 3 x 3 kernel"),
    (lesson13.check_parameters, 113_232, "not as many as it reads"),
    (lesson13.check_parameters, 1, "batch norm over 112 maps"),
    (lesson13.check_kept_maps, lambda c, n, k: None, "it gives None"),
    (lesson13.check_kept_maps, lambda c, n, k: kept_maps(c, n, k) // 2, "two copies"),
    (lesson13.check_kept_maps, lambda c, n, k: kept_maps(c + k, n, k), "count layers from 0"),
    (lesson13.check_kept_maps, lambda c, n, k: kept_maps(c + k, n, k) // 2, "and each layer keeps two"),
    (lesson13.check_kept_maps, lambda c, n, k: 2 * (c + n * k), "a buffer that all share"),
    (lesson13.check_kept_maps, lambda c, n, k: c + n * k, "what leaves the block"),
    (lesson13.check_kept_maps, lambda c, n, k: 2 * n * c, "what a layer reads grows"),
    (lesson13.check_kept_maps, lambda c, n, k: n * c, "the last layer reads more"),
    (lesson13.check_kept_maps, lambda c, n, k: 7, "should give 576, but gives 7"),
    (lesson13.check_kept_maps, lambda c, n, k: 576, "use the three arguments"),
]


def by_growing(channels, layers, growth_rate):
    kept = 0
    for _ in range(layers):
        kept, channels = kept + 2 * channels, channels + growth_rate
    return kept


def by_arange(channels, layers, growth_rate):
    return 2 * (channels + growth_rate * torch.arange(layers)).sum()


def by_numpy(channels, layers, growth_rate):
    return np.float32(2 * np.linspace(channels, channels + (layers - 1) * growth_rate, layers).sum())


RIGHT += [(lesson13.check_kept_maps, function) for function in (by_growing, by_arange, by_numpy)]
WRONG += [
    (lesson13.check_kept_maps, lambda c, n, k: kept_maps(c, n, 16), "use the three arguments"),
    (lesson13.check_kept_maps, lambda c, n, k: kept_maps(48, n, k), "use the three arguments"),
    (lesson13.check_kept_maps, lambda c, n, k: kept_maps(c, 4, k), "use the three arguments"),
    (lesson13.check_kept_maps, lambda c, n, k: float("nan"), "gives nan"),
    (lesson13.check_kept_maps, lambda c, n, k: f"{kept_maps(c, n, k)} maps", "gives str; return the number"),
    (lesson13.check_kept_maps, lambda c, n, k: kept_maps(c, n, k) + (k == 7), "should give 10, but gives 11"),
]
