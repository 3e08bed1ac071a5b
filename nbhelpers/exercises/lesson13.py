"""The exercises of 13_fc_densenet."""

from collections.abc import Callable

from nbhelpers.exercises import UNANSWERED, verdict


def check_channels(answer: int | None) -> str:
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
    return verdict(answer, 100 + 6 * 12, slips, "each layer puts 12 new channels beside all that are there.")


def check_parameters(answer: int | None) -> str:
    """How many parameters has `DenseLayer(112, 16)`?"""
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
    return verdict(
        answer, norm + kernel + bias, slips, "batch norm over 112 maps, then 3 x 3 x 112 x 16, then 16."
    )


def check_kept_maps(kept_maps: Callable[[int, int, int], int] | None) -> str:
    """How many maps wait for the backward pass of a dense block by torch.cat, from (channels, layers, growth_rate)?

    Each layer keeps what it reads, joined anew, and the same after batch norm.
    """
    if kept_maps is None:
        return UNANSWERED
    value = kept_maps(48, 4, 16)
    slips = {  # a layer reads 48, 64, 80 and 96 maps
        288: "each layer keeps two copies: what it reads, and the same after batch norm.",
        704: "the first layer reads what came in, without any new maps: count layers from 0.",
        352: "the first layer reads what came in, without any new maps, and each layer keeps two copies.",
        224: "that is for a buffer that all share; by torch.cat every layer has copies of its own.",
        112: "that is what leaves the block; every layer keeps copies of what it reads.",
        384: "what a layer reads grows: each of those before it has added its maps.",
        192: "the last layer reads more than the first, and each keeps copies of its own.",
    }
    if value is None:
        return "Not yet: it gives None; return the number of maps."
    if value in slips:
        return f"Not yet: {slips[value]}"
    if value != 576:
        return f"Not yet: for 48 channels, 4 layers and growth rate 16 it should give 576, but gives {value}."
    if kept_maps(656, 15, 16) != 2 * sum(656 + 16 * layer for layer in range(15)):
        return "Not yet: it is right for one block; use the three arguments instead of their values."
    return "Right."
