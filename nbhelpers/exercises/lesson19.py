"""The exercises of 19_segformer."""

from collections.abc import Callable

import torch
from torch import Tensor

from nbhelpers.exercises import exercise, expect, try_function


@exercise
def check_weights(answer: tuple[int, int]) -> None:
    """How many weights has attention in B0's first block, one head, for 512 x 512 pixels: whole, and reduced by 8?"""
    places, kept = 128 * 128, 16 * 16
    slips = {
        (places, kept): "these are places that ask and places that answer; each pair of them has a weight.",
        (
            places**2,
            places**2 // 8,
        ): "squares of 8 x 8 places answer as one: 64 times fewer keys, not 8 times.",
        (places**2, kept**2): "the keys are thinned out, not the queries: every place still asks.",
        (places * kept, places**2): "the whole first, then the reduced one.",
        (
            (512 * 512) ** 2,
            512 * 512 * 64 * 64,
        ): "the first map has stride 4: 128 x 128 places, not one for every pixel.",
        (
            (512 * 512) ** 2,
            512**4 // 64,
        ): "the first map has stride 4: 128 x 128 places, not one for every pixel.",
        (places * (places - 1), places * kept): "a place has a weight for itself as well.",
    }
    otherwise = "count the places of the map of stride 4 that ask, and those that answer; multiply."
    expect(answer, (places**2, places * kept), slips, otherwise, wanted="two numbers: (whole, reduced)")


@exercise
def check_parameters(answer: int) -> None:
    """How many parameters has `EfficientAttention(32, heads=1, reduction=8)`?"""
    linear, both, reduce, norm = 32 * 32 + 32, 32 * 64 + 64, 32 * 32 * 64 + 32, 2 * 32
    total = 2 * linear + both + reduce + norm
    slips = {
        2 * linear
        + both: "the convolution that thins the keys out has weights as well, and so has its norm.",
        total - norm: "the norm behind the reducing convolution has a weight and a bias for each channel.",
        total - reduce: "the reducing convolution has a kernel of 8 x 8 from 32 to 32 channels.",
        total
        - linear: "there are four projections: query, key, value and out; key and value come from one layer.",
        total - 4 * 32 - 32: "the linear layers and the convolution have biases.",
        total - 32 * 32 * 64 + 32 * 32 * 8: "the kernel is 8 x 8, so 64 weights for each pair of channels.",
        total
        - 32 * 32 * 64
        + 32 * 64: "the reducing convolution is an ordinary one: every channel reads all 32.",
    }
    expect(
        answer, total, slips, "count in x out + out for each layer; a kernel of 8 x 8 has 64 weights a pair."
    )


@exercise
def check_attention(attention: Callable[[Tensor, Tensor, Tensor], Tensor]) -> None:
    """Equation 1 of SegFormer for one head: query (places, d), key and value (fewer, d) -> (places, d)."""
    random = torch.Generator().manual_seed(19)

    def draw(places: int, d: int) -> Tensor:
        return torch.randn(places, d, dtype=torch.float64, generator=random)

    trials = [
        (draw(places, d), draw(fewer, d), draw(fewer, d))
        for places, fewer, d in ((6, 3, 4), (8, 2, 5), (5, 4, 9))
    ]

    def weights(query: Tensor, key: Tensor) -> Tensor:
        return (query @ key.T / query.shape[1] ** 0.5).softmax(dim=1)

    def right(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        return weights(query, key) @ value

    slips = (
        (
            lambda q, k, v: (q @ k.T).softmax(1) @ v,
            "divide the scores by the root of d, the length of a query, first.",
        ),
        (lambda q, k, v: (q @ k.T / q.shape[1]).softmax(1) @ v, "divide by the root of d, not by d itself."),
        (
            lambda q, k, v: (q @ k.T).softmax(1) / q.shape[1] ** 0.5 @ v,
            "the root belongs to the scores, before the softmax.",
        ),
        (
            lambda q, k, v: (q @ k.T / len(q) ** 0.5).softmax(1) @ v,
            "the root is that of d, not of the places that ask.",
        ),
        (
            lambda q, k, v: (q @ k.T / len(k) ** 0.5).softmax(1) @ v,
            "the root is that of d, not of the places that answer.",
        ),
        (
            lambda q, k, v: (q @ k.T / q.shape[1] ** 0.5).softmax(0) @ v,
            "the weights of the place that asks must sum to 1: softmax over dim=1.",
        ),
        (lambda q, k, v: q @ k.T / q.shape[1] ** 0.5 @ v, "the scores go through a softmax first."),
        (lambda q, k, v: weights(q, k) @ k, "what is handed over is the value, not the key."),
        (lambda q, k, v: weights(q, k), "these are the weights; multiply the values by them."),
    )
    try_function(
        attention,
        right,
        trials,
        slips,
        "softmax(query key^T / root of d) value, one row for each place that asks.",
        shape="it gives {given}; return {right}, a row for each place that asks.",
    )
