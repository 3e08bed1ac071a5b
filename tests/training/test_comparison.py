"""nbhelpers.training.comparison: several seeds, and no conclusion below their noise."""

import math
import re

import pytest
import torch
from torch import nn

from nbhelpers.datasets import Cells, in_memory
from nbhelpers.metrics import ConfusionMatrix
from nbhelpers.training.comparison import Comparison, compare, mean_and_spread
from nbhelpers.visualisation import show_comparison


class Constant(nn.Module):
    """Says class 1 wherever red is above `threshold`."""

    def __init__(self, threshold: float) -> None:
        super().__init__()
        self.threshold = nn.Parameter(torch.tensor(threshold))

    def forward(self, images):
        above = images[:, :1] - self.threshold
        return torch.cat([-above, above], dim=1)


@pytest.fixture(scope="module")
def cells():
    return in_memory(Cells("val", (32, 32), length=3))


def confusion(score: float) -> ConfusionMatrix:
    """Of two classes, with this mean IoU: both have `hits` right of 100,000."""
    matrix = ConfusionMatrix(2)
    hits = round(200_000 * score / (1 + score))
    matrix.counts = torch.tensor([[hits, 100_000 - hits], [100_000 - hits, hits]])
    return matrix


def comparison(**scores) -> Comparison:
    return Comparison(
        {name: [confusion(value) for value in values] for name, values in scores.items()},
        {name: [2.0, 1.0, 3.0] for name in scores},
        {name: nn.Conv2d(3, 2, 1) for name in scores},
    )


def test_every_way_is_trained_with_every_seed_in_turns(cells):
    calls = []

    def train(name):
        def once(seed):
            calls.append((name, seed, torch.initial_seed()))
            return Constant(seed / 10)

        return once

    result = compare({"a": train("a"), "b": train("b")}, cells, seeds=3)
    assert calls == [(name, seed, seed) for seed in range(3) for name in "ab"]
    assert [len(result.scores["a"]), len(result.seconds["b"])] == [3, 3]
    assert result.models["a"].threshold == 0  # the first seed's
    assert result.scores["a"] == result.scores["b"] != [result.scores["a"][0]] * 3


def test_scores_are_those_of_evaluate_at_the_size_asked_for(cells):
    from nbhelpers.training import evaluate

    result = compare({"a": lambda seed: Constant(0.3)}, cells, seeds=2, size=(16, 16))
    assert result.scores["a"][0] == evaluate(Constant(0.3), cells, size=(16, 16)).mean_iou
    assert result.scores["a"][0] != evaluate(Constant(0.3), cells).mean_iou


def test_one_seed_has_no_spread(cells):
    with pytest.raises(ValueError, match="seeds is 1; it takes at least 2"):
        compare({"a": lambda seed: Constant(0.3)}, cells, seeds=1)


def test_a_verdict_only_where_no_seed_overlaps():
    apart = comparison(low=[0.50, 0.51, 0.52], high=[0.55, 0.53, 0.60])
    for order in (("low", "high"), ("high", "low")):
        sentence = apart.verdict(*order)
        assert sentence.startswith("'high' scores 0.050 higher than 'low'")
        assert "beyond the noise (chance does this once in 10 times)" in sentence
    for best in (0.54, 0.53):  # above the other's worst, and equal to it
        touching = comparison(low=[0.50, 0.51, best], high=[0.55, 0.53, 0.60])
        assert "the seeds overlap: no conclusion" in touching.verdict("low", "high")


def test_two_seeds_are_never_beyond_the_noise():
    sentence = comparison(low=[0.50, 0.51], high=[0.80, 0.81]).verdict("low", "high")
    assert "chance does this once in 3 times: no conclusion, take 3 seeds or more" in sentence
    assert "beyond" not in sentence


def test_the_table_names_what_it_measures():
    text = str(comparison(wide=[0.5, 0.6, 0.7], deep=[0.4, 0.4, 0.4]))
    assert re.search(r"^wide +8 +1\.0  0\.600 \+- 0\.100   \(0\.500 0\.600 0\.700\)$", text, re.MULTILINE)
    assert len({line.rindex(" (") for line in text.splitlines()}) == 1  # columns stand under each other


def test_mean_and_spread():
    assert mean_and_spread([1.0, 2.0, 3.0]) == (2.0, 1.0)
    assert mean_and_spread([1.0, 3.0]) == pytest.approx((2.0, 2**0.5))
    assert math.isnan(mean_and_spread([1.0])[1])


def test_the_picture_says_mean_and_range():
    picture = show_comparison(comparison(wide=[0.5, 0.6, 0.7], deep=[0.4, 0.4, 0.4]))
    assert picture.alt == (
        "mean IoU over seeds, mean and range: wide 0.600 (0.500 to 0.700); deep 0.400 (0.400 to 0.400)."
    )
    assert show_comparison({"wide": [1, 22.25]}, label="seconds").alt.endswith("wide 11.6 (1.0 to 22.2).")
    rounds = show_comparison({"wide": [1, 2, 80]}, label="milliseconds", each="round").alt
    assert rounds == "milliseconds over rounds, median and range: wide 2.0 (1.0 to 80.0)."
    with pytest.raises(ValueError, match="a number at least for each name"):
        show_comparison({"wide": []})
