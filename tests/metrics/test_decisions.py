"""Decisions against brute force: every mask, every truth; and against the package rankseg by stored values."""

import itertools
import json

import numpy as np
import pytest
import torch
from scipy.stats import binom

from benchmarks.rankseg import probability_map
from nbhelpers.metrics.decisions import (
    _expected_dice,
    _expected_iou,
    by_costs,
    by_expected_dice,
    by_expected_iou,
    by_thresholds,
)
from tools.record import RESULTS

STORED = json.loads((RESULTS / "rankseg.json").read_text("utf-8"))["results"]


def dice(mask, truth):
    return 2 * (mask & truth).sum() / (mask.sum() + truth.sum())


def iou(mask, truth):
    return (mask & truth).sum() / (mask | truth).sum()


def expected(score, mask, p, empty):
    """The mean score of `mask` over all truths, each by its probability."""
    total = 0.0
    for bits in itertools.product((False, True), repeat=len(p)):
        truth = torch.tensor(bits)
        chance = torch.where(truth, p, 1 - p).prod().item()
        total += chance * (empty if not (mask | truth).any() else score(mask, truth).item())
    return total


def best_by_brute_force(score, p, empty):
    masks = [torch.tensor(bits) for bits in itertools.product((False, True), repeat=len(p))]
    return max(expected(score, mask, p, empty) for mask in masks)


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("empty", [0.0, 1.0])
@pytest.mark.parametrize(("decide", "score"), [(by_expected_dice, dice), (by_expected_iou, iou)])
def test_no_mask_has_a_higher_expected_score(seed, empty, decide, score):
    torch.manual_seed(seed)
    p = torch.rand(1 + seed % 5, dtype=torch.float64) ** (1 + seed % 3)
    if seed in (4, 7):
        p[0], p[-1] = 1.0, 0.0
    mask = decide(p.view(1, 1, -1, 1), empty).flatten()
    assert expected(score, mask, p, empty) == pytest.approx(best_by_brute_force(score, p, empty), abs=1e-9)


@pytest.mark.parametrize("p", [[0.9, 0.63, 0.5, 0.3, 0.13, 0.09], [1e-3] * 5, [0.999, 0.99, 0.01]], ids=str)
@pytest.mark.parametrize(("scores", "score"), [(_expected_dice, dice), (_expected_iou, iou)])
def test_expected_scores_are_the_sums_over_all_truths(p, scores, score):
    p = torch.tensor(p, dtype=torch.float64)
    likeliest = torch.ones(len(p), len(p)).tril().bool()  # the first pixel, the first two ...
    expectations = [expected(score, mask, p, empty=0.0) for mask in likeliest]
    assert scores(p).tolist() == pytest.approx(expectations, abs=1e-7)


def test_the_expected_dice_of_many_faint_pixels():
    count, chance = 2000, 0.03
    found = _expected_dice(torch.full((count,), chance, dtype=torch.float64))
    hits, others = np.arange(count + 1), np.arange(count)
    all_of_them = binom.pmf(hits, count, chance) @ (2 * hits / (count + hits))
    one = chance * binom.pmf(others, count - 1, chance) @ (2 / (2 + others))
    assert found[[0, -1]].tolist() == pytest.approx([one, all_of_them], abs=1e-8)


@pytest.mark.parametrize("decide", [by_expected_dice, by_expected_iou])
def test_what_cannot_be_there_and_what_rounding_has_pushed_out(decide):
    assert not decide(torch.zeros(1, 1, 3, 4), empty=0.0).any()
    p = torch.full((1, 1, 4, 5), 1 + 5e-4)
    p[..., 2:, :] = -5e-4
    assert torch.equal(decide(p), p > 0.5)


@pytest.mark.parametrize("seed", range(5))
def test_float_and_double_are_decided_alike(seed):
    p = 0.4 * torch.rand(1, 1, 80, 100, generator=torch.Generator().manual_seed(seed))
    assert torch.equal(by_expected_dice(p), by_expected_dice(p.double()))


@pytest.mark.parametrize("decide", [by_expected_dice, by_expected_iou])
def test_images_and_classes_are_decided_alone_and_certainty_is_kept(decide):
    torch.manual_seed(0)
    p = torch.rand(2, 3, 4, 5)
    p[1, 2], p[0, 1] = 0.0, 1.0
    masks = decide(p)
    assert masks.shape == p.shape and masks.dtype == torch.bool
    assert not masks[1, 2].any() and masks[0, 1].all()
    for image, class_id in itertools.product(range(2), range(3)):
        alone = decide(p[image, class_id][None, None])
        assert torch.equal(masks[image, class_id], alone[0, 0])
    sure = (p > 0.5).float()
    assert torch.equal(decide(sure), sure.bool())


def test_where_nothing_is_sure_more_than_half_is_not_the_rule():
    faint = torch.full((1, 1, 10, 10), 0.4)
    assert not (faint > 0.5).any() and by_expected_dice(faint).all()
    # one faint pixel: Dice 0.4 if it is taken, and 0.6 if an empty mask of an empty truth scores 1
    assert not by_expected_dice(faint[..., :1, :1]).any()
    assert by_expected_dice(faint[..., :1, :1], empty=0.0).all()


@pytest.mark.parametrize("case", STORED["cases"][::3], ids=str)
def test_rankseg_by_its_best_solver_is_as_good(case):
    """TRNA, the refined normal approximation: its masks come within 0.0005 of the best expected Dice."""
    *kind, seed, size = case
    p = probability_map(*kind, seed)
    scores = _expected_dice(p.flatten().double().sort(descending=True).values)
    assert 0 <= scores.max() - scores[size - 1] < 5e-4
    assert by_expected_dice(p, empty=0.0).sum() == scores.argmax() + 1


def test_costs():
    torch.manual_seed(0)
    p = torch.rand(2, 3, 5, 6)
    p /= p.sum(dim=1, keepdim=True)
    assert torch.equal(by_costs(p, 1 - torch.eye(3)), p.argmax(1))
    costs = torch.rand(3, 3)
    paid = sum(p[:, truth, None] * costs[truth, :, None, None] for truth in range(3))  # (N, decision, H, W)
    assert torch.equal(by_costs(p, costs), paid.argmin(1))
    one = torch.tensor([0.05, 0.09, 0.11, 0.9]).view(1, 1, 2, 2)
    assert by_costs(one, [[0, 1], [9, 0]]).flatten().tolist() == [0, 0, 1, 1]


def test_thresholds():
    torch.manual_seed(0)
    p = torch.rand(2, 3, 5, 6)
    assert torch.equal(by_thresholds(p, (0.2, 0.2, 0.2)), p.argmax(1))
    assert torch.equal(
        by_thresholds(p, (0.4, 0.2, 0.1)), (p * torch.tensor([1, 2, 4])[:, None, None]).argmax(1)
    )
    one = torch.rand(2, 1, 5, 6)
    two = torch.cat([1 - one, one], dim=1)
    for t in (0.1, 0.5, 0.93):
        above = (one[:, 0] > t).long()
        assert torch.equal(by_thresholds(one, t), above)
        assert torch.equal(by_thresholds(two, (1 - t, t)), above)


@pytest.mark.parametrize(
    ("decide", "sentence"),
    [
        (lambda p: by_costs(p, [[0, 1], [1, 0]]), r"costs are \(2, 2\), but must be finite, \(3, 3\)"),
        (lambda p: by_costs(p, torch.full((3, 3), float("nan"))), "must be finite"),
        (lambda p: by_costs(p, torch.full((3, 3), float("inf"))), "must be finite"),
        (lambda p: by_thresholds(p, 0.5), r"thresholds are 0\.5, but must be 3 numbers above 0"),
        (lambda p: by_thresholds(p, (0.5, 0.0, 0.5)), "must be 3 numbers above 0"),
        (lambda p: by_thresholds(p[:, :1], 1.0), "must be 2 numbers above 0"),
        (lambda p: by_expected_dice(9 * p), r"must lie in 0\.\.1: to_probabilities"),
        (lambda p: by_expected_iou(p[0]), "must be floats"),
    ],
)
def test_what_is_refused(decide, sentence):
    with pytest.raises(ValueError, match=sentence):
        decide(torch.full((1, 3, 2, 2), 0.9))
