"""The statistics against brute force, hand computation and stored values of another library."""

from itertools import combinations, product

import numpy as np
import pytest
from scipy import stats

from studies.statistics import difference, holm, spread


def brute_force(first: np.ndarray, second: np.ndarray) -> float:
    """The share of all ways to deal the scores out whose means lie as far apart."""
    pooled, seen = np.concatenate([first, second]), abs(np.mean(first) - np.mean(second))
    far = []
    for chosen in combinations(range(len(pooled)), len(first)):
        ours = np.isin(np.arange(len(pooled)), chosen)
        far.append(abs(pooled[ours].mean() - pooled[~ours].mean()) >= seen - 1e-12)
    return float(np.mean(far))


def brute_force_pairs(first: np.ndarray, second: np.ndarray) -> float:
    gains = np.subtract(first, second)
    flipped = [abs((gains * signs).mean()) for signs in product((1, -1), repeat=len(gains))]
    return float(np.mean(np.array(flipped) >= abs(gains.mean()) - 1e-12))


@pytest.mark.parametrize("seeds", [(3, 3), (5, 5), (4, 6)])
def test_the_exact_p_value_is_brute_forces(seeds):
    rng = np.random.default_rng(sum(seeds))
    for _ in range(3):
        first, second = rng.normal(0.02, 0.02, seeds[0]), rng.normal(0, 0.02, seeds[1])
        assert difference(first, second).p == pytest.approx(brute_force(first, second))


@pytest.mark.parametrize("seeds", [3, 5, 8])
def test_pairs_flip_signs(seeds):
    rng = np.random.default_rng(seeds)
    first, second = rng.normal(0.02, 0.02, seeds), rng.normal(0, 0.02, seeds)
    assert difference(first, second, paired=True).p == pytest.approx(brute_force_pairs(first, second))


@pytest.mark.parametrize(
    ("first", "second"),
    [  # of thousandths: many ways to deal them out, or to flip signs, lie exactly as far apart
        ([0.507, 0.506, 0.500], [0.506, 0.506, 0.507]),
        ([0.506, 0.507, 0.511, 0.508, 0.507], [0.506, 0.506, 0.511, 0.503, 0.509]),
        ([0.511, 0.501, 0.503], [0.506, 0.500, 0.504]),
        ([0.500, 0.501, 0.504, 0.509], [0.504, 0.509, 0.503, 0.502]),
    ],
)
def test_ties_count_as_far_apart(first, second):
    assert difference(first, second).p == pytest.approx(brute_force(first, second))
    assert difference(first, second, paired=True).p == pytest.approx(brute_force_pairs(first, second))


def test_up_to_eight_seeds_all_orders_are_dealt_out():
    """Two of C(16, 8) lie as far apart; of more seeds a sample is drawn, and the same one each time."""
    assert difference(range(100, 108), range(8)).p == pytest.approx(2 / 12_870)
    assert difference(range(2, 11), range(9)).p == difference(range(2, 11), range(9)).p


def test_five_seeds_that_lie_apart_are_one_chance_in_126():
    found = difference([0.5, 0.51, 0.52, 0.53, 0.54], [0.4, 0.41, 0.42, 0.43, 0.44])
    assert found.mean == pytest.approx(0.1)
    assert found.p == pytest.approx(2 / 252)
    assert found.low < 0.1 < found.high


def test_the_interval_covers_as_often_as_it_says():
    rng = np.random.default_rng(0)
    covered = []
    for _ in range(300):
        test = stats.ttest_ind(
            first := rng.normal(0.1, 0.02, 5), second := rng.normal(0, 0.03, 5), equal_var=False
        )
        interval = test.confidence_interval(0.95)
        covered.append(interval.low < 0.1 < interval.high)
    found = difference(first, second)
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high))
    assert 0.91 < np.mean(covered) < 0.99


def test_what_could_have_been_seen():
    """By simulation: a true difference of `visible` is found in about four studies of five."""
    rng = np.random.default_rng(1)
    once = difference([0.0, 0.01, 0.02, 0.03, 0.04], [0.0, 0.01, 0.02, 0.03, 0.04])
    effect, spread = once.visible(0.05), np.std([0.0, 0.01, 0.02, 0.03, 0.04], ddof=1)
    hits = [
        stats.ttest_ind(rng.normal(effect, spread, 5), rng.normal(0, spread, 5), equal_var=False).pvalue
        < 0.05
        for _ in range(1000)
    ]
    assert np.mean(hits) == pytest.approx(0.8, abs=0.06)


def test_intervals_are_students():
    gains = difference([0.5, 0.52, 0.57, 0.55], [0.4, 0.45, 0.44, 0.5], paired=True)
    assert gains.high - gains.mean == pytest.approx(stats.t.ppf(0.975, 3) * gains.error)
    unequal = difference([0.5, 0.9], [0.4, 0.41, 0.42, 0.43, 0.44, 0.45])
    assert unequal.high - unequal.mean == pytest.approx(stats.t.ppf(0.975, unequal.freedom) * unequal.error)
    scores = [0.1, 0.4, 0.2, 0.35, 0.3]
    low, high = stats.t.interval(0.95, 4, np.mean(scores), stats.sem(scores))
    assert spread([scores]).half_interval == pytest.approx((high - low) / 2)


@pytest.mark.filterwarnings("ignore:Precision loss")
@pytest.mark.parametrize("paired", [False, True])
@pytest.mark.parametrize("seeds", [2, 3])
def test_seeds_that_do_not_scatter_tell_nothing_of_what_could_be_seen(seeds, paired):
    """Three times 0.1 has a standard deviation of 1e-17 by numpy, and so have gains of 0.1."""
    found = difference([0.1] * seeds, [0.2] * seeds, paired=paired)
    assert found.error == 0 and np.isnan(found.visible())
    assert difference([0.5, 0.6, 0.7], [0.4, 0.5, 0.6], paired=True).error == 0


@pytest.mark.parametrize("wrong", [float("nan"), float("inf")])
def test_scores_that_are_no_numbers_are_refused(wrong):
    with pytest.raises(ValueError, match=f"scores are .*{wrong}.*; each must be a number"):
        difference([0.5, 0.6], [0.4, wrong])


def test_holm_is_statsmodels():
    """statsmodels 0.14.5, multipletests(p, method="holm")[1]."""
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.5, 0.6]) == pytest.approx([1.0, 1.0])
    assert holm([]) == []


def test_one_seed_is_refused():
    with pytest.raises(ValueError, match="there must be two seeds a way at least, and pairs as many"):
        difference([0.5], [0.4, 0.5])
    with pytest.raises(ValueError, match="there must be two seeds a way at least, and pairs as many"):
        difference([0.5, 0.6, 0.7], [0.4, 0.5], paired=True)
