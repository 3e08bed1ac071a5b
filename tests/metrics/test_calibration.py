"""Calibration equals torchmetrics and scikit-learn, void counts nothing, and a temperature undoes what it was."""

import math

import numpy as np
import pytest
import torch
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss
from torchmetrics.functional.classification import binary_calibration_error, multiclass_calibration_error

from nbhelpers.losses import pixel_loss
from nbhelpers.metrics.calibration import Calibration, fit_temperature, to_probabilities

VOID = 255


def drawn(channels=4, seed=0, shape=(3, 11, 13), temperature=1.0, void=0.1):
    """Logits and masks drawn from them: calibrated, until `temperature` scales the logits."""
    torch.manual_seed(seed)
    logits = 2 * torch.randn(shape[0], channels, *shape[1:])
    p = to_probabilities(logits)
    p = torch.cat([1 - p, p], dim=1) if channels == 1 else p
    masks = p.movedim(1, -1).flatten(0, -2).multinomial(1).view(shape)
    masks[torch.rand(shape) < void] = VOID
    return logits * temperature, masks


def counted(logits, masks, **options):
    calibration = Calibration(**options)
    for one, mask in zip(to_probabilities(logits), masks):  # image by image
        calibration.update(one[None], mask[None])
    return calibration


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("bins", [1, 7, 15])
def test_the_error_of_decisions_is_torchmetrics(seed, bins):
    logits, masks = drawn(seed=seed)
    theirs = multiclass_calibration_error(
        to_probabilities(logits), masks, num_classes=4, n_bins=bins, ignore_index=VOID
    )
    assert counted(logits, masks, bins=bins).error == pytest.approx(theirs.item(), abs=1e-6)


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("channels", [1, 2])
def test_the_error_of_a_class_is_torchmetrics_and_its_brier_score_is_sklearns(seed, channels):
    logits, masks = drawn(channels, seed)
    p = to_probabilities(logits)[:, -1]
    theirs = binary_calibration_error(p, masks, n_bins=15, ignore_index=VOID)
    ours = counted(logits, masks, class_id=1)
    assert ours.error == pytest.approx(theirs.item(), abs=1e-6)
    truth, p = masks[masks != VOID].numpy(), p[masks != VOID].numpy()
    assert ours.brier == pytest.approx(brier_score_loss(truth, p), abs=1e-6)
    frequency, confidence = calibration_curve(truth, p, n_bins=15)
    full = ours.counts > 0
    np.testing.assert_allclose(ours.frequency[full], frequency, atol=1e-6)
    np.testing.assert_allclose(ours.confidence[full], confidence, atol=1e-6)


def test_the_brier_score_of_decisions_is_a_sum_over_classes():
    logits, masks = drawn()
    keep = masks != VOID
    p = to_probabilities(logits).movedim(1, -1)[keep].numpy()
    # scikit-learn 1.6 knows two classes
    right = sum(brier_score_loss(masks[keep].numpy() == c, p[:, c]) for c in range(4))
    assert counted(logits, masks).brier == pytest.approx(right, abs=1e-6)


def test_by_hand():
    """Four pixels called 0.75, three of them right: calibrated; two called 0.5 + 0.25, one right."""
    p = torch.tensor([0.75, 0.75, 0.75, 0.75]).view(1, 1, 2, 2)
    masks = torch.tensor([[[1, 1], [1, 0]]])
    calibration = Calibration(class_id=1, bins=4)
    calibration.update(p, masks)
    assert calibration.error == 0
    assert calibration.brier == pytest.approx((3 * 0.25**2 + 0.75**2) / 4)
    assert calibration.counts.tolist() == [0, 0, 0, 4]
    masks[0, 0] = 0
    calibration.update(p, masks)  # now 4 of 8
    assert calibration.error == pytest.approx(0.25)
    assert calibration.frequency[3] == 0.5 and calibration.confidence[3] == 0.75
    assert calibration.frequency[0].isnan()


def test_millions_of_pixels_are_added_exactly():
    """A sum in float32 would be 1 % too low: above 2 ** 20 it goes in steps of an eighth."""
    p, masks = (
        torch.full((1, 1, 1500, 1000), 0.9),
        (torch.arange(1_500_000) % 10 > 0).long().view(1, 1500, 1000),
    )
    calibration = Calibration(class_id=1)
    calibration.update(p, masks)
    assert calibration.error == pytest.approx(0, abs=1e-6) and calibration.brier == pytest.approx(
        0.09, abs=1e-6
    )


def test_ends_belong_to_the_first_and_the_last_bin():
    calibration = Calibration(class_id=1, bins=10)
    calibration.update(torch.tensor([0.0, 0.1, 1.0]).view(1, 1, 1, 3), torch.tensor([[[0, 0, 1]]]))
    assert calibration.counts.tolist() == [1, 1, 0, 0, 0, 0, 0, 0, 0, 1]


@pytest.mark.parametrize("channels", [1, 4])
def test_void_changes_nothing_and_one_channel_is_two(channels):
    logits, masks = drawn(channels)
    changed = logits.where((masks != VOID)[:, None], 9.0)
    assert repr(counted(logits, masks)) == repr(counted(changed, masks))
    if channels == 1:
        two = torch.cat([torch.zeros_like(logits), logits], dim=1)
        assert counted(logits, masks).error == pytest.approx(counted(two, masks).error, abs=1e-6)


@pytest.mark.parametrize("channels", [1, 3])
def test_a_temperature_divides_the_logits(channels):
    logits = torch.randn(2, channels, 4, 5)
    expected = (logits / 4).sigmoid() if channels == 1 else (logits / 4).softmax(1)
    torch.testing.assert_close(to_probabilities(logits, 4.0), expected)
    half = to_probabilities(logits.half())
    assert half.dtype == torch.float32 and torch.equal(half, to_probabilities(logits.half().float()))


def test_void_may_have_another_id():
    logits, masks = drawn()
    other = masks.where(masks != VOID, -1)
    assert repr(counted(logits, other, ignore_index=-1)) == repr(counted(logits, masks))
    assert fit_temperature(logits, other, ignore_index=-1) == fit_temperature(logits, masks)


def test_without_a_pixel_every_score_is_nan():
    calibration = counted(*drawn(void=1.1))
    assert math.isnan(calibration.error) and math.isnan(calibration.brier)
    assert "0 pixels" in repr(calibration)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda p, m: (4 * p, m), r"probabilities run from .* but must lie in 0\.\.1: to_probabilities"),
        (lambda p, m: (p * math.nan, m), "probabilities run from nan"),
        (
            lambda p, m: (p[0], m),
            r"probabilities are float32 \(4, 11, 13\), but must be floats \(N, C, H, W\)",
        ),
        (lambda p, m: (p.long(), m), "probabilities are int64"),
        (lambda p, m: (p, m[:, :5]), r"masks are int64 \(3, 5, 13\), but must be ids \(3, 11, 13\)"),
        (lambda p, m: (p, m.float()), "masks are float32"),
        (lambda p, m: (p, m + 1), r"masks hold the id 4, but the classes are 0\.\.3"),
        (lambda p, m: (p, m.where(m > 0, -1)), r"masks hold the id -1, but the classes are 0\.\.3"),
        (lambda p, m: (p[:, :1], m * 0 - 1), r"masks hold the id -1, but the classes are 0\.\.1"),
    ],
)
def test_what_is_refused(change, sentence):
    logits, masks = drawn(void=0)
    calibration = Calibration()
    with pytest.raises(ValueError, match=sentence):
        calibration.update(*change(to_probabilities(logits), masks))
    assert not calibration.counts.any()


def test_settings_that_make_no_sense():
    with pytest.raises(ValueError, match="bins is 0"):
        Calibration(bins=0)
    with pytest.raises(ValueError, match="class_id -1"):
        Calibration(-1)
    with pytest.raises(ValueError, match=r"class_id is 4, but the classes are 0\.\.3"):
        counted(*drawn(), class_id=4)
    with pytest.raises(ValueError, match="temperature is 0; it must be above 0"):
        to_probabilities(torch.zeros(1, 1, 1, 1), 0)


@pytest.mark.parametrize("channels", [1, 2, 5])
@pytest.mark.parametrize("temperature", [0.3, 1.0, 4.0])
def test_a_temperature_undoes_what_it_was(channels, temperature):
    logits, masks = drawn(channels, shape=(4, 60, 80), temperature=temperature)
    found = fit_temperature(logits, masks)
    assert found == pytest.approx(temperature, rel=0.05)
    # it is the minimum, of a scale above and below
    best = pixel_loss(logits.double() / found, masks)
    assert all(best < pixel_loss(logits.double() / (found * factor), masks) for factor in (0.99, 1.01))
    if temperature == 4:
        assert counted(logits / found, masks).error < 0.2 * counted(logits, masks).error
    assert fit_temperature(3 * logits.half(), masks) == pytest.approx(3 * found, rel=1e-2)


def test_void_pixels_need_no_finite_logits():
    logits, masks = drawn()
    changed = logits.where((masks != VOID)[:, None], math.nan)
    assert fit_temperature(changed, masks) == fit_temperature(logits, masks)


@pytest.mark.parametrize("temperature", [1, 30])
def test_half_logits_are_fitted_as_double(temperature):
    logits, masks = drawn(temperature=temperature)
    half = logits.half()
    assert fit_temperature(half, masks) == pytest.approx(fit_temperature(half.double(), masks), rel=1e-6)


def test_certain_and_wrong_pixels_have_a_temperature_too():
    logits, masks = drawn(1, shape=(2, 40, 50))
    assert 100 < fit_temperature(1e4 * logits.sign(), masks) < 1e5


@pytest.mark.parametrize(
    ("logits", "masks", "sentence"),
    [
        ([3.0, -2.0], [1, 0], "all 2 held-out pixels are right"),
        ([3.0, -2.0], [0, 1], "the logits tell nothing of these masks"),
        ([3.0, -2.0], [VOID, VOID], "masks hold no labelled pixel"),
        ([0.0, 0.0], [0, 0], "the logits tell nothing of these masks"),  # a tie is not right
        ([3.0, -math.inf], [1, 0], "logits hold nan or infinity; leave out masked classes"),
        ([math.nan, 1.0], [1, 0], "logits hold nan or infinity"),
    ],
)
def test_no_temperature_is_best(logits, masks, sentence):
    with pytest.raises(ValueError, match=sentence):
        fit_temperature(torch.tensor(logits).view(1, 1, 1, 2), torch.tensor(masks).view(1, 1, 2))


@pytest.mark.parametrize("channels", [1, 4])
@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            lambda x, m: (x, m[:, :5]),
            r"masks are int64 \(3, 5, 13\), but must be ids \(3, 11, 13\), as large as the log",
        ),
        (lambda x, m: (x, m[0]), r"masks are int64 \(11, 13\)"),
        (lambda x, m: (x, m.double()), "masks are float64"),
        (lambda x, m: (x, m + 4), r"masks hold the id [4-7], but the classes are 0\.\.[13]"),
        (lambda x, m: (x, m - 9), "masks hold the id -"),
        (lambda x, m: (x[0], m), r"logits are \(., 11, 13\), but must be \(N, C, H, W\)"),
    ],
)
def test_no_temperature_of_masks_that_do_not_fit(channels, change, sentence):
    with pytest.raises(ValueError, match=sentence):
        fit_temperature(*change(*drawn(channels, void=0)))
