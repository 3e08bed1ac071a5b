"""The exercises of 14_fc_hardnet."""

from collections.abc import Callable, Iterable

import numpy as np

from nbhelpers.exercises import as_numbers, exercise, expect, try_function


@exercise
def check_links(answer: Iterable[int]) -> None:
    """Which layers does layer 12 of a harmonic block read? In any order."""
    slips = {
        (4, 8, 10, 11): "12 / 8 is no whole number, so there is no link of length 8 to layer 4.",
        (11,): "that holds for odd layers; 12 is divisible by 2 and by 4, too.",
        (10, 11): "12 is divisible by 4, too.",
        (8, 10): "every number is divisible by 2^0 = 1, so every layer reads the one before it.",
        (1, 2, 4): "those are the lengths of the links: layer 12 reads 12 - 1, 12 - 2 and 12 - 4.",
        (6, 9, 10, 11): "3 and 6 divide 12, but are no powers of 2.",
        tuple(range(12)): "that is a dense block.",
        (8, 10, 11, 12): "a layer cannot read itself.",
    }
    listed = list(answer) if isinstance(answer, set | frozenset) else answer
    otherwise = "layer k reads k - 2^n wherever 2^n divides k."
    expect(np.sort(as_numbers(listed), axis=None), (8, 10, 11), slips, otherwise, wanted=None)


@exercise
def check_traffic(answer: int) -> None:
    """How many values does a 3 x 3 convolution from 64 to 32 channels on 56 x 56 read and write (CIO)?"""
    places = 56 * 56
    slips = {
        64 * places: "that is what it reads; it also writes.",
        32 * places: "that is what it writes; it also reads.",
        9 * 64 * 32 * places: "those are multiplications; count the values of its input and output.",
        64 * 32 * places: "input and output are added, not multiplied.",
        9 * 96 * places: "CIO counts every value once, however often a kernel passes over it.",
        96 * places + 9 * 64 * 32: "weights are left out: they are few beside the maps here.",
        96: "that is a place; there are 56 x 56.",
        96 * 56: "there are 56 rows as well as 56 columns.",
    }
    expect(answer, 96 * places, slips, "(channels in + channels out) x height x width.")


@exercise
def check_macs_a_value(macs_a_value: Callable[[int, int, int], float]) -> None:
    """Multiplications for each value moved, of a convolution of stride 1 from (in_channels, out_channels, kernel_size)."""

    def right(in_channels: int, out_channels: int, kernel_size: int) -> float:
        return kernel_size**2 * in_channels * out_channels / (in_channels + out_channels)

    slips = (
        (lambda i, o, k: right(i, o, 1), "a kernel of 3 x 3 has 9 weights for each pair of channels."),
        (
            lambda i, o, k: right(i, o, k) / k,
            "a kernel of 3 x 3 has 9 weights for each pair of channels, not 3.",
        ),
        (lambda i, o, k: right(i, o, k) * k, "a kernel has two sides: 3 x 3 has 9 weights, not 27."),
        (lambda i, o, k: right(i, o, 3), "use `kernel_size`: not every kernel is 3 x 3."),
        (lambda i, o, k: 1 / right(i, o, k), "that is values for each multiplication; turn it over."),
        (
            lambda i, o, k: k * k * o,
            "what is written is moved, too: divide by channels in plus channels out.",
        ),
        (lambda i, o, k: k * k * i, "what is read is moved, too: divide by channels in plus channels out."),
        (
            lambda i, o, k: k * k * i * o,
            "those are the multiplications at a place; divide by the values moved there.",
        ),
        (
            lambda i, o, k: k * k,
            "the products of channels count, not their sum: every output reads every input.",
        ),
    )

    def otherwise(given: float, wanted: float, in_channels: int, out_channels: int, kernel_size: int) -> str:
        first = (
            "" if (in_channels, out_channels, kernel_size) == trials[0] else "it is right for one layer, but "
        )
        return (
            f"{first}from {in_channels} to {out_channels} channels by {kernel_size} x {kernel_size} it should "
            f"give {wanted:g}, but gives {given.item():g}."
        )

    trials = [(96, 32, 3), (200, 56, 1), (64, 64, 5), (12, 20, 7)]
    try_function(macs_a_value, right, trials, slips, otherwise, gives="the number")
