"""The exercises of 15_attention."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from nbhelpers.exercises import UNANSWERED, verdict


def check_parameters(answer: int | None) -> str:
    """How many parameters has `SqueezeExcite(64)`, whose reduction is 16?"""
    slips = {
        2 * 64 * 4: "the weights are right; each of the two convolutions has a bias as well.",
        2 * 64 * 4 + 4: "the second convolution has a bias too, one for each of its 64 channels.",
        2 * 64 * 4 + 64: "the first convolution has a bias too, one for each of its 4 channels.",
        2 * 64 * 64 + 2 * 64: "the hidden layer has 64 / 16 channels, not 64.",
        64 * 4 + 4: "that is the way in; there is a way back from 4 to 64 channels.",
        2 * 64 * 16 + 16 + 64: "the reduction divides: 64 / 16 = 4 hidden channels, not 16.",
        9 * 2 * 64 * 4 + 4 + 64: "the convolutions are 1 x 1: there is a single place left.",
    }
    return verdict(
        answer, 2 * 64 * 4 + 4 + 64, slips, "count in x out + out for each of the two convolutions."
    )


def check_weights(answer: int | None) -> str:
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
    return verdict(answer, places**2, slips, "count the places of the map, then the pairs of places.")


def check_attention(attention: Callable[[Tensor, Tensor, Tensor], Tensor] | None) -> str:
    """Equation 1 and 2 of SAGAN: query, key and value (places, inner) -> what each place takes, (places, inner)."""
    if attention is None:
        return UNANSWERED
    query, key, value = torch.randn(3, 5, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    scores = query @ key.T
    right = scores.softmax(1) @ value
    slips = (
        (scores.softmax(0) @ value, "the weights of the place that asks must sum to 1: softmax over dim=1."),
        (
            (scores / math.sqrt(4)).softmax(1) @ value,
            "equation 1 divides by no root; that is the Transformer's.",
        ),
        (scores @ value, "the scores go through a softmax first."),
        (scores.sigmoid() @ value, "a softmax, not a sigmoid: what is taken shares one budget."),
        (scores.T.softmax(1) @ value, "here the keys ask the queries; the rows belong to the query."),
        (scores.softmax(1) @ key, "what is handed over is the value, not the key."),
        (scores.softmax(1), "these are the weights; multiply the values by them."),
    )
    found = attention(query.clone(), key.clone(), value.clone())
    if not isinstance(found, Tensor):
        return f"Not yet: it gives {type(found).__name__}; return a tensor."
    for wrong, hint in slips:
        if found.shape == wrong.shape and torch.allclose(found.double(), wrong):
            return f"Not yet: {hint}"
    if found.shape != right.shape:
        return f"Not yet: for 5 places of 4 numbers it gives {tuple(found.shape)}; return (5, 4)."
    if not torch.allclose(found.double(), right):
        return "Not yet: softmax(query key^T) value, one row for each place that asks."
    return "Right."
