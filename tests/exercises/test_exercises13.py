"""The exercises of lesson 13 accept the right answer, and tell plausible wrong ones what went wrong."""

import torch
from torch import nn

from nbhelpers.exercises import lesson13
from nbhelpers.models.fc_densenet import DenseBlock, DenseLayer
from tests.exercises.exercise_tester import (  # noqa: F401
    pytest_generate_tests,
    test_a_slip_gets_its_hint,
    test_every_check_is_tested,
    test_none_is_no_answer_yet,
    test_the_right_answer_is_accepted,
)


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


def test_the_numbers_are_those_of_the_model():
    with torch.device("meta"):
        channels = DenseBlock(100, 6, 12, dropout=0)(torch.rand(1, 100, 4, 4)).shape[1]
        layer = DenseLayer(112, 16, dropout=0)
    assert lesson13.check_channels(channels) == "Right."
    assert lesson13.check_parameters(sum(p.numel() for p in layer.parameters())) == "Right."


def test_the_kept_maps_are_those_of_autograd():
    """Saved tensors of a block by torch.cat: what batch norm reads, and what the convolution reads."""
    kept = {}

    def keep(tensor):
        if tensor.ndim == 4 and not isinstance(tensor, nn.Parameter):
            kept[tensor.data_ptr()] = tensor.shape[1]
        return tensor

    x = torch.rand(1, 48, 8, 8)
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        for channels in range(48, 112, 16):
            layer = DenseLayer(channels, 16, dropout=0)
            layer.relu.inplace = True
            x = torch.cat([x, layer(x)], dim=1)
    assert (
        lesson13.check_kept_maps(lambda c, n, k: sum(kept.values()) if c == 48 else kept_maps(c, n, k))
        == "Right."
    )
