"""The exercises of 27_drawings_to_photographs."""

from collections.abc import Callable, Mapping
from math import comb

from torch import Tensor, rand

from nbhelpers.exercises import exercise, expect, try_function

Weights = Mapping[str, Tensor]


@exercise
def check_p(answer: tuple[float, float]) -> None:
    """The p of two groups of five that do not overlap, by a permutation test on both sides; and of the smallest of six, by Holm."""
    p, claims = 2 / comb(10, 5), 6
    slips = {
        (p / 2, claims * p / 2): "that is one side; were all of the other group higher, it would be as remarkable.",
        (p, p): "the second number is corrected: the smallest of six p is multiplied by six.",
        (p, p / claims): "a correction makes p larger, not smaller.",
        (p, p * (claims - 1)): "Holm multiplies the smallest of six by six, the next by five.",
        (claims * p, p): "the p of one comparison comes first.",
        (2 / 2**10, claims * 2 / 2**10): "ten coins would give that; here five of the ten have to be of either group.",
        (2 / 2**5, claims * 2 / 2**5): "that is for five pairs; nothing pairs the seeds of two ways.",
        (1 / 2**5, claims / 2**5): "that is for five pairs; nothing pairs the seeds of two ways.",
        (2 / comb(10, 2), claims * 2 / comb(10, 2)): "choose five of the ten, not two.",
    }  # fmt: skip
    expect(
        answer,
        (p, claims * p),
        slips,
        "in how many ways may ten scores be shared out to two groups of five, and how many of these are as far apart?",
        wanted="two numbers: (p of one, p of the smallest of six, corrected)",
        tolerance=1e-2,
    )


@exercise
def check_tau(answer: tuple[int, float]) -> None:
    """Pairs that A .50, B .45, C .40, D .35 and A .42, B .48, C .46, D .30 order otherwise, and Kendall's tau."""
    slips = {
        (4, 1 / 3): "that many pairs are ordered alike; the others are asked for.",
        (2, 2 / 3): "that is the share of pairs ordered alike; tau takes the others away from them.",
        (2, -1 / 3): "more pairs are ordered alike than otherwise, so tau is above 0.",
        (2, 1 / 6): "4 - 2 of 6 pairs: there are six, not twelve.",
        (2, 1 / 2): "four networks make six pairs, not four.",
        (2, 0.4): "that is Spearman's, which counts how far each has moved; Kendall's counts pairs.",
        (2, 2): "4 - 2 is divided by the number of pairs.",
        (3, 0): "A has lost its place to B and to C; have B, C and D another order among themselves?",
        (1, 2 / 3): "A stands behind B *and* behind C on photographs.",
    }
    expect(
        answer,
        (2, 1 / 3),
        slips,
        "go through AB, AC, AD, BC, BD and CD: in which is the one ahead here and the other there?",
        wanted="two numbers: (pairs ordered otherwise, tau)",
        tolerance=0.02,
    )


@exercise
def check_taken(taken: Callable[[Weights, Weights], list[bool]]) -> None:
    """For each of `new`'s weights, in their order: does `old` have one of that name in that shape?

    Both are {name: tensor}, as `state_dict` gives them.
    """

    def right(old: Weights, new: Weights) -> list[bool]:
        return [name in old and old[name].shape == value.shape for name, value in new.items()]

    def of_shapes(old: Weights, new: Weights) -> list[bool]:
        return [value.shape in {each.shape for each in old.values()} for value in new.values()]

    def of_sizes(old: Weights, new: Weights) -> list[bool]:
        return [name in old and old[name].numel() == value.numel() for name, value in new.items()]

    def of_lengths(old: Weights, new: Weights) -> list[bool]:
        return [name in old and len(old[name]) == len(value) for name, value in new.items()]

    slips = (
        (lambda old, new: [name in old for name in new], "the same name is not enough: a head of other classes has another shape."),
        (of_shapes, "the same shape is not enough: it must be the weight of the same name."),
        (of_sizes, "as many numbers are not enough: (2, 3) and (3, 2) hold six each."),
        (of_lengths, "the first side alone does not tell: compare whole shapes."),
        (lambda old, new: [not each for each in right(old, new)], "those are the ones that stay as they are; True is for the others."),
        (lambda old, new: right(new, old), "one for each of the *new* network's weights: go through those."),
        (lambda old, new: [True] * len(new), "some have no weight of that name and shape in the old network."),
        (lambda old, new: [False] * len(new), "the values differ, and that is the point: compare names and shapes."),
    )  # fmt: skip
    trials = [
        (_weights(a=(4, 3), b=(4,), head=(11, 4)), _weights(a=(4, 3), b=(4,), head=(3, 4))),
        (_weights(a=(2, 3), b=(3, 2)), _weights(b=(2, 3), a=(2, 3), c=(2,))),
        (_weights(a=(2, 3), b=(2,), c=(5,), d=(1, 2)), _weights(d=(2, 1), c=(5,))),
        (_weights(a=(3, 3, 1), b=(3, 3)), _weights(a=(3, 3), b=(3, 4), c=(3, 3, 1))),
        (_weights(a=(2,)), _weights(a=(2,))),
    ]
    try_function(
        taken,
        right,
        trials,
        slips,
        lambda given, wanted, old, new: (
            f"where the old has {_shapes(old)} and the new {_shapes(new)}, it should give {wanted.astype(bool).tolist()}."
        ),
        gives="a list of True and False",
        shape="give one True or False for each of the new network's weights: {right}, not {given}.",
    )


def _weights(**shapes: tuple[int, ...]) -> dict[str, Tensor]:
    return {name: rand(shape) for name, shape in shapes.items()}


def _shapes(weights: Weights) -> dict[str, tuple[int, ...]]:
    return {name: tuple(value.shape) for name, value in weights.items()}
