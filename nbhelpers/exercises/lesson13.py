"""The exercises of 13_fc_densenet."""

from collections.abc import Callable

from nbhelpers.exercises import exercise, expect, try_function


@exercise
def check_channels(answer: int) -> None:
    """How many channels leave a dense block of 6 layers and growth rate 12 that was given 100?"""
    slips = {
        72: "that is what the block adds; what it was given leaves with it.",
        112: "one layer adds 12; there are 6.",
        160: "that is what the last layer reads; it adds 12 of its own.",
        106: "every layer adds as many channels as the growth rate, not one.",
        672: "the layers share the 100 channels that came in; they are there once.",
        7200: "channels are added, not multiplied.",
        12: "a layer gives 12 maps, but the block keeps all that were made.",
    }
    expect(answer, 100 + 6 * 12, slips, "each layer puts 12 new channels beside all that are there.")


@exercise
def check_parameters(answer: int) -> None:
    """How many parameters does `DenseLayer(112, 16)` have?"""
    norm, kernel, bias = 2 * 112, 3 * 3 * 112 * 16, 16
    slips = {
        kernel: "the convolution's weights are right; batch norm and the convolution's bias are missing.",
        kernel
        + bias: "the convolution is right; batch norm has a weight and a bias a channel that it reads.",
        kernel + norm: "this convolution has a bias, one for each of its 16 maps.",
        kernel + bias + 112: "batch norm has a weight and a bias a channel, not one of them.",
        kernel
        + bias
        + 2 * 16: "batch norm comes first here: it normalises the 112 maps that are read, not the 16.",
        112 * 16 + bias + norm: "every weight is a 3 x 3 kernel.",
        3 * 3 * 112 * 112 + 112 + norm: "a layer gives 16 maps, not as many as it reads: that is the point.",
    }
    expect(answer, norm + kernel + bias, slips, "batch norm over 112 maps, then 3 x 3 x 112 x 16, then 16.")


@exercise
def check_kept_maps(kept_maps: Callable[[int, int, int], int]) -> None:
    """How many maps wait for the backward pass of a dense block by torch.cat, from (channels, layers, growth_rate)?

    Each layer keeps what it reads, joined anew, and the same after batch norm.
    """

    def right(channels: int, layers: int, growth_rate: int) -> int:
        return 2 * sum(channels + growth_rate * layer for layer in range(layers))

    ours = "it is right for one block; use the three arguments instead of their values."
    slips = (  # of 48 channels, 4 layers and growth rate 16 a layer reads 48, 64, 80 and 96 maps
        (
            lambda c, n, k: right(c, n, k) / 2,
            "each layer keeps two copies: what it reads, and the same after batch norm.",
        ),
        (
            lambda c, n, k: right(c + k, n, k),
            "the first layer reads what came in, without any new maps: count layers from 0.",
        ),
        (
            lambda c, n, k: right(c + k, n, k) / 2,
            "the first layer reads what came in, without any new maps, and each layer keeps two copies.",
        ),
        (
            lambda c, n, k: 2 * (c + n * k),
            "that is for a buffer that all share; by torch.cat every layer has copies of its own.",
        ),
        (
            lambda c, n, k: c + n * k,
            "that is what leaves the block; every layer keeps copies of what it reads.",
        ),
        (lambda c, n, k: 2 * n * c, "what a layer reads grows: each of those before it has added its maps."),
        (
            lambda c, n, k: n * c,
            "the last layer reads more than the first, and each keeps copies of its own.",
        ),
        (lambda c, n, k: right(48, n, k), ours),
        (lambda c, n, k: right(c, 4, k), ours),
        (lambda c, n, k: right(c, n, 16), ours),
    )

    def otherwise(given: float, wanted: float, channels: int, layers: int, growth_rate: int) -> str:
        if given == 576 != wanted:
            return ours
        return (
            f"for {channels} channels, {layers} layers and growth rate {growth_rate} it should give "
            f"{wanted:.0f}, but gives {given.item():g}."
        )

    trials = [(48, 4, 16), (656, 15, 16), (100, 6, 12), (5, 1, 7), (32, 3, 8)]
    try_function(kept_maps, right, trials, slips, otherwise, gives="the number of maps")
