"""The exercises of 14_fc_hardnet."""

from collections.abc import Callable, Sequence

from nbhelpers.exercises import UNANSWERED, verdict


def check_links(answer: Sequence[int] | None) -> str:
    """Which layers does layer 12 of a harmonic block read? In any order."""
    slips = {
        (4, 8, 10, 11): "12 / 8 is no whole number, so there is no link of length 8 to layer 4.",
        (11,): "that holds for odd layers; 12 is divisible by 2 and by 4, too.",
        (10, 11): "12 is divisible by 4, too.",
        (8, 10): "every number is divisible by 2^0 = 1, so every layer reads the one before it.",
        (1, 2, 4): "those are the lengths of the links: layer 12 reads 12 - 1, 12 - 2 and 12 - 4.",
        (6, 9, 10, 11): "3 and 6 divide 12, but are no powers of 2.",
        (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11): "that is a dense block.",
        (8, 10, 11, 12): "a layer cannot read itself.",
    }
    asked = None if answer is None else tuple(sorted(answer))
    return verdict(asked, (8, 10, 11), slips, "layer k reads k - 2^n wherever 2^n divides k.")


def check_traffic(answer: int | None) -> str:
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
    return verdict(answer, 96 * places, slips, "(channels in + channels out) x height x width.")


def check_macs_a_value(macs_a_value: Callable[[int, int, int], float] | None) -> str:
    """Multiplications for each value moved, of a convolution of stride 1 from (in_channels, out_channels, kernel_size)."""
    if macs_a_value is None:
        return UNANSWERED
    value = macs_a_value(96, 32, 3)
    if value is None:
        return "Not yet: it gives None; return the number."
    slips = {
        24.0: "a kernel of 3 x 3 has 9 weights for each pair of channels.",
        72.0: "a kernel of 3 x 3 has 9 weights for each pair of channels, not 3.",
        1 / 216: "that is values for each multiplication; turn it over.",
        288.0: "what is written is moved, too: divide by channels in plus channels out.",
        864.0: "what is read is moved, too: divide by channels in plus channels out.",
        27648.0: "those are the multiplications at a place; divide by the values moved there.",
        9.0: "the products of channels count, not their sum: every output reads every input.",
    }
    close = [hint for known, hint in slips.items() if abs(value - known) < 1e-9 * known]
    if close:
        return f"Not yet: {close[0]}"
    if abs(value - 216) > 1e-6:
        return f"Not yet: from 96 to 32 channels by 3 x 3 it should give 216, but gives {value:g}."
    if abs(macs_a_value(200, 56, 1) - 43.75) > 1e-6:
        return (
            "Not yet: it is right for one layer, but from 200 to 56 channels by 1 x 1 it should give 43.75."
        )
    return "Right."
