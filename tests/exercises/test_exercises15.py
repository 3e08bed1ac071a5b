"""The exercises of lesson 15 accept the right answer, and tell plausible wrong ones what went wrong."""

import torch
from torch.nn import functional as F

from nbhelpers.exercises import lesson15
from nbhelpers.models.attention import SqueezeExcite
from tests.exercises.exercise_tester import (  # noqa: F401
    pytest_generate_tests,
    test_a_slip_gets_its_hint,
    test_every_check_is_tested,
    test_none_is_no_answer_yet,
    test_the_right_answer_is_accepted,
)


def by_torch(query, key, value):
    return F.scaled_dot_product_attention(query[None], key[None], value[None], scale=1.0)[0]


RIGHT = [
    (lesson15.check_parameters, 580),
    (lesson15.check_parameters, sum(p.numel() for p in SqueezeExcite(64).parameters())),
    (lesson15.check_weights, 7_290_000),
    (lesson15.check_attention, lambda query, key, value: (query @ key.T).softmax(1) @ value),
    (lesson15.check_attention, by_torch),
]
WRONG = [
    (lesson15.check_parameters, 512, "has a bias as well"),
    (lesson15.check_parameters, 516, "second convolution has a bias"),
    (lesson15.check_parameters, 576, "first convolution has a bias"),
    (lesson15.check_parameters, 8320, "64 / 16 channels"),
    (lesson15.check_parameters, 260, "a way back"),
    (lesson15.check_parameters, 2128, "the reduction divides"),
    (lesson15.check_parameters, 4676, "1 x 1"),
    (lesson15.check_parameters, 7, r"in x out \+ out"),
    (lesson15.check_weights, 2700, "number of places"),
    (lesson15.check_weights, 29_859_840_000, "not one for every pixel"),
    (lesson15.check_weights, 172_800, "stride 8"),
    (lesson15.check_weights, 5400, "every pair"),
    (lesson15.check_weights, 3_643_650, "have an order"),
    (lesson15.check_weights, 7_287_300, "for itself"),
    (lesson15.check_weights, 466_560_000, "by 64"),
    (lesson15.check_weights, 1, "pairs of places"),
    (lesson15.check_attention, lambda q, k, v: (q @ k.T).softmax(0) @ v, "dim=1"),
    (lesson15.check_attention, lambda q, k, v: (q @ k.T / 2).softmax(1) @ v, "no root"),
    (lesson15.check_attention, lambda q, k, v: q @ k.T @ v, "through a softmax first"),
    (lesson15.check_attention, lambda q, k, v: (q @ k.T).sigmoid() @ v, "one budget"),
    (lesson15.check_attention, lambda q, k, v: (k @ q.T).softmax(1) @ v, "the keys ask"),
    (lesson15.check_attention, lambda q, k, v: (q @ k.T).softmax(1) @ k, "not the key"),
    (lesson15.check_attention, lambda q, k, v: (q @ k.T).softmax(1), "these are the weights"),
    (lesson15.check_attention, lambda q, k, v: ((q @ k.T).softmax(1) @ v).T, r"return \(5, 4\)"),
    (lesson15.check_attention, lambda q, k, v: v, "softmax"),
    (lesson15.check_attention, lambda q, k, v: None, "NoneType"),
]


def test_the_attention_of_the_exercise_is_that_of_the_block():
    """The same equation, by another road: the block with its layers made the identity."""
    from nbhelpers.models.attention import SelfAttention

    block = SelfAttention(4, reduction=1)
    for layer in (block.query, block.key, block.value, block.out):
        layer.weight.data.copy_(torch.eye(4)[..., None, None])
    block.gate.data.fill_(1.0)
    x = torch.randn(1, 4, 2, 3)
    places = x.flatten(2)[0].T  # (6, 4)
    expected = (places @ places.T).softmax(1) @ places + places
    torch.testing.assert_close(block(x).flatten(2)[0].T, expected)
