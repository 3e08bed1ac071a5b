"""The exercises of 15_attention."""

from collections.abc import Callable

import torch
from torch import Tensor

from nbhelpers.exercises import exercise, expect, try_function


@exercise
def check_parameters(answer: int) -> None:
    """How many parameters does `SqueezeExcite(64)`, whose reduction is 16, have?"""
    slips = {
        2 * 64 * 4: "the weights are right; each of the two convolutions has a bias as well.",
        2 * 64 * 4 + 4: "the second convolution has a bias too, one for each of its 64 channels.",
        2 * 64 * 4 + 64: "the first convolution has a bias too, one for each of its 4 channels.",
        2 * 64 * 64 + 2 * 64: "the hidden layer has 64 / 16 channels, not 64.",
        64 * 4 + 4: "that is the way in; there is a way back from 4 to 64 channels.",
        2 * 64 * 16 + 16 + 64: "the reduction divides: 64 / 16 = 4 hidden channels, not 16.",
        9 * 2 * 64 * 4 + 4 + 64: "the convolutions are 1 x 1: there is a single place left.",
    }
    expect(answer, 2 * 64 * 4 + 4 + 64, slips, "count in x out + out for each of the two convolutions.")


@exercise
def check_weights(answer: int) -> None:
    """How many weights has self-attention on the map of stride 8 of a picture of 360 x 480?"""
    places = 45 * 60
    slips = {
        places: "that is the number of places; each of them has a weight for each of them.",
        (360 * 480) ** 2: "the map has stride 8: 45 x 60 places, not one for every pixel.",
        360 * 480: "the map has stride 8: 45 x 60 places; and each has a weight for each.",
        2 * places: "not two numbers a place, but one for every pair of places.",
        places
        * (places - 1)
        // 2: "pairs have an order, since A may ask B and B not A; and a place asks itself too.",
        places * (places - 1): "a place has a weight for itself as well.",
        (360 * 480 // 8) ** 2: "stride 8 divides both sides by 8, so the number of places by 64.",
    }
    expect(answer, places**2, slips, "count the places of the map, then the pairs of places.")


@exercise
def check_attention(attention: Callable[[Tensor, Tensor, Tensor], Tensor]) -> None:
    """Equation 1 and 2 of SAGAN: query, key and value (places, inner) -> what each place takes, (places, inner)."""
    random = torch.Generator().manual_seed(1)
    trials = [
        tuple(torch.randn(3, places, inner, dtype=torch.float64, generator=random))
        for places, inner in ((5, 4), (7, 4), (4, 6))
    ]

    def right(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        return (query @ key.T).softmax(dim=1) @ value

    slips = (
        (
            lambda q, k, v: (q @ k.T).softmax(0) @ v,
            "the weights of the place that asks must sum to 1: softmax over dim=1.",
        ),
        (
            lambda q, k, v: right(q / q.shape[1] ** 0.5, k, v),
            "equation 1 divides by no root; that is the Transformer's.",
        ),
        (lambda q, k, v: q @ k.T @ v, "the scores go through a softmax first."),
        (
            lambda q, k, v: (q @ k.T).sigmoid() @ v,
            "a softmax, not a sigmoid: what is taken shares one budget.",
        ),
        (lambda q, k, v: right(k, q, v), "here the keys ask the queries; the rows belong to the query."),
        (lambda q, k, v: right(q, k, k), "what is handed over is the value, not the key."),
        (lambda q, k, v: right(q, k, q), "what is handed over is the value, not the query."),
        (lambda q, k, v: right(q, q, v), "the queries ask the keys, not each other."),
        (lambda q, k, v: (q @ k.T).softmax(1), "these are the weights; multiply the values by them."),
    )
    try_function(
        attention,
        right,
        trials,
        slips,
        "softmax(query key^T) value, one row for each place that asks.",
        shape="it gives {given}; return {right}, a row for each place that asks.",
    )
