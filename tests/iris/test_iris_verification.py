"""Distances of codes and the errors made with them: hand cases, and scikit-learn's ROC."""

import numpy as np
import pytest
from sklearn.metrics import roc_curve

from nbhelpers.iris import (
    IrisCode,
    all_distances,
    equal_error_rate,
    genuine_and_impostor,
    hamming_distance,
    roc,
)
from nbhelpers.iris.verification import TYPICAL

SHAPE = (2, 16, 128)


def random_code(seed):
    return IrisCode(np.random.default_rng(seed).random(SHAPE) < 0.5, np.ones(SHAPE, bool))


def test_of_a_code_to_itself_to_its_opposite_and_to_another():
    code = random_code(0)
    assert hamming_distance(code, code) == 0
    assert hamming_distance(code, IrisCode(~code.bits, code.valid), shifts=0) == 1
    alone = [hamming_distance(random_code(seed), random_code(seed + 100), shifts=0) for seed in range(40)]
    assert np.mean(alone) == pytest.approx(0.5, abs=0.005)
    assert 0.45 < hamming_distance(code, random_code(1)) < 0.5  # the best of 33 chances is a little below


def test_by_hand():
    bits = np.zeros((2, 1, 4), bool)
    a = IrisCode(bits, np.ones_like(bits))
    b = IrisCode(
        np.array([[[1, 0, 0, 0]], [[0, 0, 1, 1]]], bool), np.array([[[1, 1, 0, 0]], [[1, 1, 1, 0]]], bool)
    )
    assert hamming_distance(a, b, shifts=0) == pytest.approx(2 / 5)  # valid in both: five bits, two differ


@pytest.mark.parametrize("shift", [-8, -3, 5, 8])
def test_rotations_are_found(shift):
    code = random_code(0)
    turned = IrisCode(*(np.roll(part, shift, axis=-1) for part in code))
    assert hamming_distance(code, turned, shifts=8) == 0
    assert hamming_distance(turned, code, shifts=8) == 0
    assert hamming_distance(code, turned, shifts=abs(shift) - 1) > 0.4


@pytest.mark.parametrize("side", [-1, 1])
def test_sixteen_columns_are_tried_to_each_side(side):
    code = random_code(0)
    within, beyond = (IrisCode(np.roll(code.bits, side * by, axis=-1), code.valid) for by in (16, 17))
    assert hamming_distance(code, within) == 0 and hamming_distance(code, beyond) > 0.4


def test_masked_bits_have_no_say():
    code, other = random_code(0), random_code(1)
    half = np.zeros(SHAPE, bool)
    half[..., :64] = True
    mixed = IrisCode(np.where(half, code.bits, other.bits), half)
    assert hamming_distance(code, mixed, shifts=0) == 0
    assert hamming_distance(code, IrisCode(mixed.bits, ~half), shifts=0) > 0.4
    # a mask turns with its bits
    turned = IrisCode(*(np.roll(part, 4, axis=-1) for part in mixed))
    assert hamming_distance(code, turned, shifts=4) == 0


def test_fewer_than_no_shifts_are_refused():
    with pytest.raises(ValueError, match="shifts is -1; it must be 0, which turns no code, or more"):
        hamming_distance(random_code(0), random_code(1), shifts=-1)


def test_too_few_common_bits_are_no_answer():
    code = random_code(0)
    few = np.zeros(SHAPE, bool)
    few[:, 0, :20] = True
    assert np.isnan(hamming_distance(code, IrisCode(code.bits, few)))
    apart = np.zeros(SHAPE, bool)
    apart[..., :50] = True
    assert np.isnan(hamming_distance(IrisCode(code.bits, apart), IrisCode(code.bits, ~apart), shifts=0))


def test_a_twentieth_of_the_bits_is_enough():
    bits = np.zeros((2, 1, 10), bool)
    one = bits.copy()
    one[0, 0, 3] = True  # of 20
    assert hamming_distance(IrisCode(bits, one), IrisCode(~bits, ~bits), shifts=0) == 1
    assert hamming_distance(IrisCode(bits, one), IrisCode(bits, ~bits), shifts=0) == 0


def test_all_distances_are_those_of_the_pairs():
    rng = np.random.default_rng(3)
    codes = [IrisCode(rng.random(SHAPE) < 0.5, rng.random(SHAPE) < 0.7) for _ in range(5)]
    together = all_distances([*codes, None], shifts=8, normalised=False)
    assert together.shape == (6, 6) and np.isnan(together[5]).all() and np.isnan(together[:, 5]).all()
    for i, j in ((0, 1), (2, 4), (3, 3)):
        best = min(
            (((codes[i].bits ^ np.roll(codes[j].bits, s, -1)) & codes[i].valid & np.roll(codes[j].valid, s, -1)).sum())
            / (codes[i].valid & np.roll(codes[j].valid, s, -1)).sum()
            for s in range(-8, 9)
        )  # fmt: skip
        assert together[i, j] == pytest.approx(best) and together[j, i] == pytest.approx(best)
    assert np.isnan(all_distances([None, None])).all() and all_distances([]).shape == (0, 0)


def code_of(agreeing, common):
    """Two codes that agree in a share of the first `common` bits, which alone are valid in both."""
    bits = np.random.default_rng(5).random(SHAPE) < 0.5
    other, valid = bits.ravel().copy(), np.zeros(bits.size, bool)
    other[: round((1 - agreeing) * common)] ^= True
    valid[:common] = True
    return IrisCode(bits, np.ones(SHAPE, bool)), IrisCode(other.reshape(SHAPE), valid.reshape(SHAPE))


ALL = 2 * 16 * 128


@pytest.mark.parametrize(
    ("agreeing", "share", "expected"),
    [
        (0.7, TYPICAL, 0.3),  # the typical number of bits leaves it
        (0.7, TYPICAL / 4, 0.4),  # a quarter of them: half as far from one half
        (0.7, 1.0, 0.5 - 0.2 * np.sqrt(1 / TYPICAL)),
        (1.0, 1.0, 0.0),  # cut off, not below 0
        (0.0, 1.0, 1.0),
        (0.5, 0.9, 0.5),
        (0.7, 0.05, 0.5 - 0.2 * np.sqrt(0.05 / TYPICAL)),  # a twentieth is enough
        (0.7, 0.04, np.nan),
    ],
)
def test_the_distance_is_normalised_by_the_number_of_common_bits(agreeing, share, expected):
    codes = code_of(agreeing, round(share * ALL))
    assert all_distances(codes, shifts=0)[0, 1] == pytest.approx(expected, abs=2e-3, nan_ok=True)
    raw = hamming_distance(*codes, shifts=0)
    assert raw == pytest.approx(np.nan if np.isnan(expected) else 1 - agreeing, abs=5e-3, nan_ok=True)


def test_chance_spreads_alike_whatever_is_hidden():
    """Unrelated codes with few and with many common bits: after normalisation, as seldom far below one half."""
    rng = np.random.default_rng(0)
    spread = {}
    for share in (0.08, 0.9):
        codes = [IrisCode(rng.random(SHAPE) < 0.5, rng.random(SHAPE) < np.sqrt(share)) for _ in range(40)]
        pairs = np.triu_indices(40, 1)
        spread[share] = [all_distances(codes, 0, normalised=normal)[pairs].std() for normal in (False, True)]
    assert spread[0.08][0] > 2.5 * spread[0.9][0]
    assert spread[0.08][1] == pytest.approx(spread[0.9][1], rel=0.15)


@pytest.mark.parametrize("normalised", [True, False])
def test_a_code_is_no_distance_from_itself_however_few_its_bits(normalised):
    full, few = random_code(0), code_of(1.0, 100)[1]
    distances = all_distances([full, few, None, IrisCode(few.bits, few.valid & False)], normalised=normalised)
    assert np.array_equal(distances.diagonal(), [0, 0, np.nan, 0], equal_nan=True)
    assert np.isnan(distances[0, 1]) and np.isnan(hamming_distance(few, few))
    assert np.array_equal(distances, distances.T, equal_nan=True)


def test_codes_of_different_sheets_are_an_error():
    small = IrisCode(np.ones((2, 8, 64), bool), np.ones((2, 8, 64), bool))
    with pytest.raises(ValueError, match=r"shapes \[\(2, 8, 64\), \(2, 16, 128\)\]"):
        hamming_distance(small, random_code(0))
    one_row = IrisCode(random_code(0).bits, np.ones((2, 1, 128), bool))
    with pytest.raises(ValueError, match=r"shapes \[\(2, 1, 128\), \(2, 16, 128\)\]"):
        hamming_distance(one_row, one_row)


def test_pairs():
    distances = np.array(
        [[0, 0.1, 0.2, 0.3], [0.1, 0, 0.4, np.nan], [0.2, 0.4, 0, 0.6], [0.3, np.nan, 0.6, 0]]
    )
    genuine, impostor = genuine_and_impostor(distances, [7, 7, 9, 9])
    assert genuine.tolist() == [0.1, 0.6]
    assert impostor.tolist()[:3] == [0.2, 0.3, 0.4] and np.isnan(impostor[3])
    with pytest.raises(ValueError, match="3 identities"):
        genuine_and_impostor(distances, [7, 7, 9])
    with pytest.raises(ValueError, match=r"distances are \(4, 5\) and there are 4 identities"):
        genuine_and_impostor(np.zeros((4, 5)), [7, 7, 9, 9])


def test_roc_by_hand():
    false_accept, false_reject, thresholds = roc([0.1, 0.3], [0.2, 0.4])
    assert thresholds.tolist() == [-np.inf, 0.1, 0.2, 0.3, 0.4, np.inf]
    assert false_accept.tolist() == [0, 0, 0.5, 0.5, 1, 1]
    assert false_reject.tolist() == [1, 0.5, 0.5, 0, 0, 0]
    assert equal_error_rate([0.1, 0.3], [0.2, 0.4]) == 0.5
    assert roc([0.1, 0.3], [0.2, 0.4]).equal_error_threshold == pytest.approx(0.2)
    of_three = roc([0.1], [0.2, 0.4, np.nan])
    assert (of_three.genuine_pairs, of_three.impostor_pairs) == (1, 3)


@pytest.mark.parametrize(
    ("genuine", "impostor", "rate"),
    [
        ([0.1, 0.2], [0.4, 0.5], 0),
        ([0.4, 0.5], [0.1, 0.2], 1),
        ([0.3, 0.3], [0.3, 0.3], 0.5),  # nothing to tell them by
        ([0.1, 0.2, 0.3, 0.45], [0.4, 0.5, 0.6, 0.7], 0.25),
        # a picture that fails is a person turned away, unless everybody is let in
        ([0.1, np.nan], [0.4, 0.5], 0.5),
        ([np.nan], [0.4], 1),
    ],
)
def test_equal_error_rate_by_hand(genuine, impostor, rate):
    assert equal_error_rate(genuine, impostor) == pytest.approx(rate)


@pytest.mark.parametrize(
    ("genuine", "impostor", "threshold"),
    [
        ([np.nan], [0.4, np.nan], 0.4),  # the last that tells, not infinity
        ([0.4, 0.5], [0.1, 0.1], 0.1),
        ([0.3, 0.3], [0.3, 0.3], 0.3),
    ],
)
def test_the_equal_error_threshold_is_a_distance(genuine, impostor, threshold):
    assert roc(genuine, impostor).equal_error_threshold == threshold


def test_roc_is_that_of_scikit_learn():
    rng = np.random.default_rng(0)
    genuine, impostor = rng.normal(0.3, 0.08, 300).round(2), rng.normal(0.45, 0.05, 2000).round(2)
    accept, true_accept, at = roc_curve(
        np.r_[np.ones(300), np.zeros(2000)], -np.r_[genuine, impostor], drop_intermediate=False
    )
    curve = roc(genuine, impostor)
    assert curve.false_accept[:-1] == pytest.approx(accept)
    assert curve.false_reject[:-1] == pytest.approx(1 - true_accept)
    assert curve.thresholds[1:-1] == pytest.approx(-at[1:])
    crossing = np.interp(0, accept + true_accept - 1, accept)
    assert curve.equal_error_rate == pytest.approx(crossing)
    below, above = (
        np.mean(genuine > t) - np.mean(impostor <= t)
        for t in curve.equal_error_threshold + np.array([-0.01, 0.01])
    )
    assert below > 0 > above


@pytest.mark.parametrize(("genuine", "impostor"), [([], [0.4]), ([0.3], [])])
def test_no_pairs_are_an_error(genuine, impostor):
    with pytest.raises(ValueError, match="each needs one at least"):
        roc(genuine, impostor)
