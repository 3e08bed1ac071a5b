"""Scores by hand, objects of a mask, tuning, and what a public score is worth."""

from functools import partial

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from nbhelpers.datasets import Cells
from nbhelpers.kaggle import (
    bowl_score,
    by_components,
    by_mask,
    by_presence,
    by_watershed,
    dice,
    iou,
    mean_iou,
    paired_gain,
    simulate_leaderboard,
    sure_mask,
    surface_dice,
    tune,
    tune_by_folds,
    uw_madison_score,
)
from nbhelpers.metrics import ConfusionMatrix, Surfaces

EMPTY, FULL = np.zeros((4, 5), np.uint8), np.ones((4, 5), np.uint8)


def row(*ids: int) -> np.ndarray:
    return np.array([ids])


# Dice and IoU


def test_dice_and_iou_by_hand():
    a, b = row(1, 1, 1, 0), row(0, 1, 1, 1)
    assert dice(a, b) == 2 * 2 / 6 and iou(a, b) == 2 / 4
    assert mean_iou(row(1, 1, 0, 0), row(1, 0, 0, 0)) == (1 / 2 + 2 / 3) / 2


def test_the_rule_for_empty_masks():
    for score in (dice, iou):
        assert score(EMPTY, EMPTY) == 1.0
        assert score(EMPTY, FULL) == score(FULL, EMPTY) == 0.0
        assert score(FULL, FULL) == 1.0
    assert mean_iou(EMPTY, EMPTY) == 1.0 and mean_iou(EMPTY, FULL) == 0.0


@given(seed=st.integers(0, 999), share=st.floats(0.1, 0.9))
def test_scores_equal_the_confusion_matrix(seed, share):
    generator = np.random.default_rng(seed)
    prediction, truth = (generator.random((2, 9, 11)) < share).astype(np.uint8)
    confusion = ConfusionMatrix(2)
    confusion.update(torch.from_numpy(prediction), torch.from_numpy(truth))
    assert mean_iou(prediction, truth) == pytest.approx(confusion.mean_iou)
    assert dice(prediction, truth) == pytest.approx(confusion.dice[1].item())


@pytest.mark.parametrize("score", [dice, iou, mean_iou])
def test_masks_that_cannot_be_scored(score):
    with pytest.raises(ValueError, match="the prediction is 4 x 5 and the truth 5 x 4; .* size of the mask"):
        score(EMPTY, EMPTY.T)
    with pytest.raises(ValueError, match="prediction is float32; .* threshold"):
        score(EMPTY.astype(np.float32), EMPTY)
    with pytest.raises(ValueError, match="truth holds 0 to 255"):
        score(EMPTY, np.array([[0, 255]] * 4).repeat(3, 1)[:, :5])
    with pytest.raises(ValueError, match="prediction holds -1 to 1"):
        score(np.eye(4, 5, dtype=int) - np.eye(4, 5, 1, dtype=int), EMPTY)


# The Bowl's score


def test_bowl_by_hand():
    truth = row(1, 1, 1, 1, 0, 2, 2, 0, 0, 0)
    assert bowl_score(truth, truth) == 1.0
    assert bowl_score(truth * 0, truth) == 0.0 and bowl_score(truth, truth * 0) == 0.0
    assert bowl_score(truth * 0, truth * 0) == 1.0 and bowl_score(truth[:0], truth[:0]) == 1.0
    # the first with IoU 3/4, found at 0.50 .. 0.70, the second whole: 5 thresholds of 2/2, 5 of 1/3
    assert bowl_score(row(1, 1, 1, 0, 0, 2, 2, 0, 0, 0), truth) == pytest.approx((5 * 1 + 5 * 1 / 3) / 10)
    # one whole, one missed: TP 1, FN 1 everywhere
    assert bowl_score(row(1, 1, 1, 1, 0, 0, 0, 0, 0, 0), truth) == 0.5
    # both whole, one too many: TP 2, FP 1
    assert bowl_score(row(1, 1, 1, 1, 0, 2, 2, 0, 3, 3), truth) == pytest.approx(2 / 3)
    # merged to one object of 6: IoU 4/6 with the first, found at 0.50, 0.55, 0.60, 0.65: TP 1, FN 1; later FP 1, FN 2
    assert bowl_score(row(1, 1, 1, 1, 0, 1, 1, 0, 0, 0), truth) == pytest.approx(4 * 0.5 / 10)


def test_an_iou_on_the_threshold_is_not_above_it():
    assert bowl_score(row(1, 0), row(1, 1)) == 0.0  # IoU 0.5 exactly
    six_of_ten = bowl_score(row(*[1] * 6, *[0] * 4), row(*[1] * 10))
    assert six_of_ten == pytest.approx(0.2)  # above 0.50 and 0.55; 0.6 is 0.5 + 2 * 0.05 in no float
    assert bowl_score(row(*[1] * 19, 0), row(*[1] * 20)) == pytest.approx(0.9)


def test_numbers_of_objects_mean_nothing():
    _, truth = None, Cells(size=(64, 64)).instances(1)
    prediction = Cells(size=(64, 64)).instances(2)
    expected = bowl_score(prediction, truth)
    shuffled = np.random.default_rng(0).permutation(truth.max()) * 7 + 5
    assert bowl_score(prediction, np.r_[0, shuffled][truth]) == expected


def naive_bowl(prediction, truth):
    """Object by object, as the competition's page describes it."""
    predicted, true = (set(np.unique(ids)) - {0} for ids in (prediction, truth))
    scores = []
    for step in range(10):
        hits = 0
        for t in true:
            for p in predicted:
                inter = ((prediction == p) & (truth == t)).sum()
                union = ((prediction == p) | (truth == t)).sum()
                hits += inter * 100 > union * (50 + 5 * step)
        scores.append(hits / (len(predicted) + len(true) - hits))
    return np.mean(scores)


@pytest.mark.parametrize("index", range(4))
def test_bowl_equals_the_naive_count(index):
    truth = Cells(size=(64, 64)).instances(index)
    prediction = by_components(cv2.blur((truth > 0).astype(np.float32), (3, 3)), 0.6)
    assert bowl_score(prediction, truth) == pytest.approx(naive_bowl(prediction, truth))


def test_instances_that_cannot_be_scored():
    with pytest.raises(ValueError, match="instances are bool"):
        bowl_score(EMPTY > 0, EMPTY)
    with pytest.raises(ValueError, match="instances hold -1"):
        bowl_score(row(-1, 1), row(0, 1))
    with pytest.raises(ValueError, match="the prediction is 1 x 2 and the truth 4 x 5"):
        bowl_score(row(0, 1), EMPTY)


# Objects


def discs(*circles: tuple[int, int, int]) -> np.ndarray:
    image = np.zeros((80, 120), np.float32)
    for x, y, radius in circles:
        cv2.circle(image, (x, y), radius, 0.9, -1)
    return image


def test_components():
    touching = np.zeros((4, 6), np.float32)
    touching[0, 0] = touching[1, 1] = 0.9  # a corner joins
    touching[3, 3:] = 0.6
    assert by_components(touching).max() == 2
    assert by_components(touching, 0.7).max() == 1
    assert np.array_equal(np.unique(by_components(touching, min_size=3)), [0, 1])
    assert by_components(touching, min_size=3)[3, 4] == 1
    assert by_components(touching * 0).max() == 0 and by_components(touching * 0 + 1).max() == 1


def test_watershed_cuts_two_unequal_discs_at_their_neck():
    """Radii 25 and 12, 32 apart: the circles cross at x = 63.5. Halfway between the middles would be x = 56."""
    image = discs((40, 40, 25), (72, 40, 12))
    assert by_components(image).max() == 1
    cut = by_watershed(image)
    assert cut.max() == 2 and np.array_equal(cut > 0, image > 0.5)
    large, small = cut[40, 40], cut[40, 72]
    assert abs(np.flatnonzero(cut[40] == large).max() - 63) <= 1
    assert abs(np.flatnonzero(cut[40] == small).min() - 64) <= 1


def test_watershed_takes_a_pixel_that_hangs_on_a_corner_along():
    image = discs((40, 40, 25), (72, 40, 12))
    rows, columns = np.nonzero(image)
    right = columns.max()
    last = rows[columns == right].max()
    image[last + 1, right + 1] = 0.9
    assert image[last + 1, right] == image[last, right + 1] == 0
    cut = by_watershed(image)
    assert cut.max() == 2 and cut[last + 1, right + 1] == cut[last, right]


def test_watershed_leaves_single_objects_whole():
    one = discs((40, 40, 25))
    assert np.array_equal(by_watershed(one), by_components(one))
    ellipse = np.zeros((80, 120), np.float32)
    cv2.ellipse(ellipse, (60, 40), (45, 12), 20, 0, 360, 1.0, -1)
    assert by_watershed(ellipse).max() == 1
    line = np.zeros((20, 30), np.float32)
    line[10, 3:27] = line[4:6, 5] = 1.0
    assert by_watershed(line).max() == by_components(line).max() == 2
    assert by_watershed(line, min_size=5).max() == 1
    assert by_watershed(line * 0).max() == 0 and by_watershed(line * 0 + 1).max() == 1


def test_a_deeper_pass_is_asked_for():
    image = discs((40, 40, 25), (70, 40, 20))  # the second rises 3.5 above the pass
    assert by_watershed(image, depth=0.5).max() == 2 and by_watershed(image, depth=8.0).max() == 1
    for depth in (0, -1, float("nan")):
        with pytest.raises(ValueError, match=f"depth is {depth}; it must be above 0: .* by_components"):
            by_watershed(image, depth=depth)


@given(seed=st.integers(0, 50))
def test_watershed_only_splits_components(seed):
    generator = np.random.default_rng(seed)
    image = cv2.GaussianBlur(generator.random((40, 50)).astype(np.float32), (0, 0), 2)
    components, cut = by_components(image), by_watershed(image)
    assert np.array_equal(components > 0, cut > 0)
    for number in range(1, cut.max() + 1):
        assert len(np.unique(components[cut == number])) == 1
        assert cv2.connectedComponents((cut == number).astype(np.uint8))[0] == 2  # in one piece
    assert np.array_equal(np.unique(cut), np.arange(cut.max() + 1))


def test_on_toy_cells_the_watershed_finds_more_and_scores_higher():
    pictures = Cells(size=(128, 128))
    scores = []
    for index in range(8):
        mask, truth = pictures.read(index)[1].astype(np.float32), pictures.instances(index)
        scores.append([bowl_score(split(mask), truth) for split in (by_components, by_watershed)])
    assert np.mean(scores, axis=0)[1] > np.mean(scores, axis=0)[0] + 0.1


def test_what_is_no_probability():
    with pytest.raises(ValueError, match=r"probability is uint8 \(4, 5\); it must be floats"):
        by_components(FULL)
    with pytest.raises(ValueError, match=r"\(2, 4, 5\)"):
        by_watershed(np.zeros((2, 4, 5), np.float32))


@pytest.mark.parametrize("decide", [by_mask, by_components, by_watershed])
@pytest.mark.parametrize("shape", [(0, 5), (5, 0)])
def test_a_map_without_pixels_has_no_objects(decide, shape):
    """A cut-out may be one; OpenCV's connectedComponents ends the process there."""
    found = decide(np.zeros(shape), min_size=3)
    assert found.shape == shape and found.dtype == (bool if decide is by_mask else np.int32)


# Tuning


def test_tuning_finds_the_best_of_the_grid():
    predictions, truths = [row(0.2, 0.6), row(0.4, 0.9)], [row(0, 1), row(0, 1)]

    def score(prediction, truth, threshold, sign):
        return dice(sign * prediction > threshold, truth)

    choice = tune(score, predictions, truths, threshold=(0.1, 0.5, 0.95), sign=(-1, 1))
    assert choice.settings == {"threshold": 0.5, "sign": 1} and choice.score == 1.0
    assert len(choice.table) == 6 and choice.table[0.1, 1] == pytest.approx(2 / 3)
    with pytest.raises(ValueError, match="1 predictions and 2 truths"):
        tune(score, predictions[:1], truths, threshold=(0.5,))
    with pytest.raises(ValueError, match="score with {'threshold': 0.5} is nan"):
        tune(lambda p, t, threshold: np.nan, predictions, truths, threshold=(0.5,))


@pytest.mark.parametrize("threshold", [0.5, (), "0.5", np.float32(0.5)])
def test_settings_without_values_to_try(threshold):
    with pytest.raises(ValueError, match=r"threshold is .*; it must hold the values to try, at least one"):
        tune(dice, [STACK[0]], [STACK[0] > 0.7], decide=by_mask, threshold=threshold)


def test_gains_and_no_gains():
    generator = np.random.default_rng(0)
    before = generator.random(60)
    same = paired_gain(before, before + generator.normal(0, 0.1, 60))
    better = paired_gain(before, before + 0.1 + generator.normal(0, 0.1, 60))
    assert same.low < 0 < same.high and "no difference" in str(same)
    assert better.low > 0 and str(better).endswith("a gain") and better.mean == pytest.approx(0.1, abs=0.04)
    assert str(paired_gain(before + 1, before)).endswith("a loss")
    assert "no difference" in str(paired_gain(before, before))
    with pytest.raises(ValueError, match="2 scores before and 3 after"):
        paired_gain([1, 2], [1, 2, 3])
    with pytest.raises(ValueError, match="scores of image 1 are nan"):
        paired_gain([1, np.nan, 2], [1, 2, 3])
    with pytest.raises(
        ValueError, match=r"groups are int64 \(3, 2\); there must be one number or text for each image"
    ):
        paired_gain([1, 2, 3], [1, 2, 3], groups=[(1, 1), (1, 2), (1, 2)])
    with pytest.raises(ValueError, match="2 groups for 3 images; there must be that of each image"):
        paired_gain([1, 2, 3], [1, 2, 3], groups="ab")
    with pytest.raises(
        ValueError, match="2 images of 1 group; an interval needs two images at least, of two"
    ):
        paired_gain([1, 2], [1, 2], groups=["Ann", "Ann"])


@pytest.mark.parametrize("images", [2, 5, 40])
def test_the_interval_of_single_images_is_students(images):
    before, after = np.random.default_rng(0).normal(size=(2, images))
    gain, wanted = paired_gain(before, after), stats.ttest_rel(after, before).confidence_interval()
    assert (gain.low, gain.high) == pytest.approx((wanted.low, wanted.high))
    assert paired_gain(before, after, groups=[f"p{n}" for n in range(images)]) == gain


@pytest.mark.parametrize("sizes", [[1] * 5, [20] * 10, [4, 8, 12, 16, 20, 24, 28, 32]])
def test_the_interval_holds_the_truth_as_often_as_it_says(sizes):
    """Scores of which three tenths of the variance are the patient's: 95 of 100, however few or unequal."""
    generator, patients = np.random.default_rng(0), np.repeat(np.arange(len(sizes)), sizes)
    misses = {"by patient": 0, "image by image": 0}
    for _ in range(1000):
        of_patient, of_image = (generator.normal(size=size) for size in (len(sizes), len(patients)))
        after = 0.3 + 0.3**0.5 * of_patient[patients] + 0.7**0.5 * of_image
        for way, groups in zip(misses, (patients, None)):
            gain = paired_gain(np.zeros(len(patients)), after, groups=groups)
            misses[way] += not gain.low <= 0.3 <= gain.high
    assert 30 <= misses["by patient"] <= 75
    assert max(sizes) == 1 or misses["image by image"] > 400


# Public and private


def test_leaderboards():
    generator = np.random.default_rng(0)
    clear = np.stack([np.full(100, level) for level in (0.5, 0.6, 0.7)]) + generator.normal(0, 0.01, (3, 100))
    result = simulate_leaderboard(clear)
    assert result.right == 1.0 and abs(result.optimism) < 0.01 and result.regret == 0.0
    equal = generator.normal(0.6, 0.2, (30, 100))  # thirty submissions that differ by luck alone
    result = simulate_leaderboard(equal)
    assert result.right < 0.3 and result.optimism > 0.03 and result.regret > 0.01
    assert result.spread == pytest.approx(0.2 * np.sqrt(1 / 30 + 1 / 70), rel=0.1)
    assert "in 100% of the splits" not in str(result) and "differ by" in str(result)
    drawn = [simulate_leaderboard(equal, repeats=50, seed=seed) for seed in (0, 0, 1)]
    assert drawn[0] == drawn[1] != drawn[2]
    patients = np.repeat(np.arange(10), [5, 15] * 5)
    grouped = simulate_leaderboard(generator.normal(0.6, 0.2, (30, 10))[:, patients], groups=patients)
    # three patients are public, not thirty images; 1.25 = the mean of 5**2 and 15**2 / the square of their mean
    assert grouped.spread == pytest.approx(0.2 * np.sqrt(1.25 * (1 / 3 + 1 / 7)), rel=0.1)
    with pytest.raises(ValueError, match="9 groups for 100 images"):
        simulate_leaderboard(equal, groups=range(9))


@pytest.mark.parametrize("scores", [np.zeros(5), np.zeros((2, 1)), np.full((2, 9), np.nan)])
def test_leaderboards_that_cannot_be(scores):
    with pytest.raises(ValueError, match=r"scores are \("):
        simulate_leaderboard(scores)
    with pytest.raises(ValueError, match="with public=1.0; .* at least one image, or group, in each part"):
        simulate_leaderboard(np.ones((2, 9)), public=1.0)


# Tuned scores


def volume(*slices: tuple[int, int]) -> np.ndarray:
    """A row of 10 pixels a slice, filled from the first to before the second."""
    filled = np.zeros((len(slices), 1, 10), np.uint8)
    for plane, (first, last) in zip(filled, slices):
        plane[0, first:last] = 1
    return filled


def test_surface_dice_has_the_rule_for_empty_masks():
    assert surface_dice(EMPTY, EMPTY, 0) == 1.0
    assert surface_dice(EMPTY, FULL, 3) == surface_dice(FULL, EMPTY, 3) == 0.0
    truth, shifted = np.zeros((2, 12, 12), np.uint8)
    truth[2:8, 2:8] = shifted[3:9, 3:9] = 1
    assert (
        surface_dice(shifted, truth, 1) == Surfaces(shifted, truth).dice(1) > surface_dice(shifted, truth, 0)
    )
    assert surface_dice(truth[None], truth[None], 0, spacing=(1, 1, 1)) == 1.0


def test_uw_madison_by_hand():
    """The first slice has 2 * 2 / (4 + 2) of Dice, the second none, in the third neither has a pixel."""
    truth, prediction = volume((0, 4), (0, 2), (0, 0)), volume((0, 2), (0, 0), (0, 0))
    diagonal = np.sqrt(3**2 + 1**2 + 10**2)
    near = 1 - 2 / diagonal  # pixel 3 of the first slice is 2 away from pixel 1, no other is further
    assert uw_madison_score(prediction, truth) == pytest.approx(0.4 * (2 / 3 + 0) / 2 + 0.6 * near)
    for value in (0.0, 1.0):
        expected = 0.4 * (2 / 3 + 0 + value) / 3 + 0.6 * near
        assert uw_madison_score(prediction, truth, both_empty=value) == pytest.approx(expected)
    assert uw_madison_score(truth, truth) == 1.0
    empty = truth * 0
    assert uw_madison_score(empty, empty) == 1.0 and uw_madison_score(empty, empty, both_empty=0.0) == 0.6
    assert uw_madison_score(empty, truth) == uw_madison_score(truth, empty) == 0.0
    for wrong in (EMPTY, truth[:0]):
        with pytest.raises(ValueError, match=r"the masks are \(.*\); they must be volumes"):
            uw_madison_score(wrong, wrong)
    with pytest.raises(ValueError, match="the prediction is 3 x 1 x 10 and the truth 1 x 1 x 10"):
        uw_madison_score(truth, truth[:1])


def test_uw_madison_of_several_empty_slices_and_of_slices_apart():
    truth, prediction = volume((0, 4), (0, 2), (0, 0), (0, 0)), volume((0, 2), (0, 0), (0, 0), (0, 0))
    near = 1 - 2 / np.sqrt(4**2 + 1**2 + 10**2)
    expected = 0.4 * (2 / 3 + 0 + 1 + 1) / 4 + 0.6 * near
    assert uw_madison_score(prediction, truth, both_empty=1.0) == pytest.approx(expected)
    truth, prediction = volume((0, 4), (0, 0), (0, 4)), volume((0, 4), (0, 0), (0, 0))  # two slices away
    far = 1 - 2 / np.sqrt(3**2 + 1**2 + 10**2)
    assert uw_madison_score(prediction, truth) == pytest.approx(0.4 * (1 + 0) / 2 + 0.6 * far)


@pytest.mark.parametrize("shape", [(6, 8), (2, 6, 8)])
def test_a_mask_without_small_parts(shape):
    probability = np.zeros(shape, np.float32)
    probability[..., 0, 0] = probability[..., 1, 1] = 0.6  # a corner joins; in a volume the slices too
    probability[..., 5, 5:8] = 0.9
    size = 2 if len(shape) == 2 else 4
    assert by_mask(probability).sum() == probability.astype(bool).sum()
    assert by_mask(probability, 0.7).sum() == 3 * size // 2
    assert np.array_equal(by_mask(probability, min_size=size), probability > 0.5)
    assert np.array_equal(by_mask(probability, min_size=size + 1), probability > 0.7)
    assert by_mask(probability, least=10**3).sum() == 0 and by_mask(probability, least=1).any()
    assert by_presence((probability, 0.4)).sum() == 0 and by_presence((probability, 0.5)).any()
    assert by_presence((probability, 0.0), 0.7, present=0).sum() == 3 * size // 2


def test_a_mask_of_the_least_size_is_kept():
    probability = np.zeros((4, 5), np.float32)
    probability[0, :3] = 0.9
    for decide, prediction in ((by_mask, probability), (by_presence, (probability, 0.9))):
        assert decide(prediction, least=3).sum() == 3 and not decide(prediction, least=4).any()


def test_the_smallest_part_and_the_least_mask_are_two_settings():
    probability = np.zeros((5, 5), np.float32)
    probability[0, 0] = probability[2, :2] = probability[4, :3] = 0.9
    for decide, prediction in ((by_mask, probability), (by_presence, (probability, 0.9))):
        for settings, pixels in (
            ((2, 0), 5),
            ((3, 0), 3),
            ((4, 0), 0),
            ((0, 4), 6),
            ((2, 5), 5),
            ((2, 6), 0),
        ):
            assert decide(prediction, 0.5, *settings).sum() == pixels, settings


def test_what_cannot_be_decided():
    with pytest.raises(ValueError, match=r"probability is uint8 \(4, 5\); it must be floats"):
        by_mask(FULL)
    with pytest.raises(ValueError, match=r"probability is float64 \(5,\)"):
        by_mask(np.zeros(5))


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (
            2.5,
            "probability runs from 0 to 2.5; it must lie in 0..1: of logits take the sigmoid or the softmax",
        ),
        (-0.7, "probability runs from -0.7 to 0; "),
        (np.nan, "probability runs from nan to nan; .* broken network or image"),
    ],
)
@pytest.mark.parametrize("decide", [by_mask, by_components, by_watershed, sure_mask])
def test_logits_and_nan_are_no_probabilities(decide, value, message):
    probability = np.zeros((4, 5), np.float32)
    probability[1, 2] = value
    with pytest.raises(ValueError, match=message):
        decide(probability)
    with pytest.raises(
        ValueError, match=message.replace("0 to 2.5", "2.5 to 2.5").replace("-0.7 to 0", "-0.7 to -0.7")
    ):
        by_presence((np.zeros((4, 5)), value))


@pytest.mark.parametrize("threshold", [50, -0.1, np.nan])
def test_thresholds_that_no_probability_reaches(threshold):
    """Every mask would be empty, or full, and score well where most truths are."""
    probability = np.full((4, 5), 0.5)
    for decide in (by_mask, by_components, by_watershed):
        with pytest.raises(ValueError, match=f"threshold is {threshold}; it must lie in 0..1"):
            decide(probability, threshold)
        assert not decide(probability, 1).any() and decide(probability, 0).all()
    with pytest.raises(ValueError, match=f"present is {threshold}; it must lie in 0..1"):
        by_presence((probability, 0.5), present=threshold)


def test_means_of_probabilities_may_be_rounded():
    full = np.full((4, 5), np.nextafter(np.float32(1), np.float32(2)))
    assert by_mask(full).all() and by_components(full).all() and (sure_mask(full) == 1).all()
    assert by_mask(np.zeros((0, 5))).shape == (0, 5)


STACK = np.arange(20, dtype=np.float32).reshape(1, 4, 5) / 20


@pytest.mark.parametrize(
    ("score", "decide", "probability", "truth"),
    [
        (dice, by_mask, STACK[0], STACK[0] > 0.7),
        (iou, by_mask, STACK[0], STACK[0] > 0.7),
        (partial(surface_dice, tolerance=0.5), by_mask, STACK[0], STACK[0] > 0.7),
        (uw_madison_score, by_mask, STACK, STACK > 0.7),
        (dice, by_presence, (STACK[0], 0.9), STACK[0] > 0.7),
        (bowl_score, by_components, STACK[0], (STACK[0] > 0.7).astype(np.int32)),
        (bowl_score, by_watershed, STACK[0], (STACK[0] > 0.7).astype(np.int32)),
    ],
)
def test_one_way_to_tune_by_any_score(score, decide, probability, truth):
    choice = tune(score, [probability], [truth], decide=decide, threshold=(0.3, 0.7, 0.9), min_size=(0, 2))
    assert choice.settings == {"threshold": 0.7, "min_size": 0} and choice.score == 1.0


def test_scores_of_folds_are_not_of_their_own_choice():
    """Fold 0 is best at 0.5, fold 1 at 0.1: each is scored by the other's threshold."""
    predictions = [row(0.4, 0.6)] * 2 + [row(0.2, 0.6)] * 3
    truths = [row(0, 1)] * 2 + [row(1, 1)] * 3
    tuned = tune_by_folds(dice, predictions, truths, [0, 0, 1, 1, 1], decide=by_mask, threshold=(0.5, 0.1))
    assert tuned.by_fold == {0: {"threshold": 0.1}, 1: {"threshold": 0.5}}
    assert tuned.scores == pytest.approx([2 / 3] * 5)
    plain = tune(dice, predictions, truths, decide=by_mask, threshold=(0.5, 0.1))
    assert tuned.choice == plain and plain.settings == {"threshold": 0.1}
    assert plain.score == pytest.approx((2 * 2 / 3 + 3) / 5) and plain.score > tuned.scores.mean()
    for folds in ([0, 1], [0] * 5):
        with pytest.raises(ValueError, match="for 5 truths; there must be the fold of each image"):
            tune_by_folds(dice, predictions, truths, folds, decide=by_mask, threshold=(0.5,))


def test_a_choice_by_chance_is_worth_nothing_out_of_fold():
    """Fifty settings that differ by luck alone: the best of them looks good, and is not."""
    generator, pairs = np.random.default_rng(0), []
    for _ in range(20):
        noise = generator.normal(0, 1, (40, 50))
        tuned = tune_by_folds(
            lambda scores, truth, setting: scores[setting],
            noise,
            range(40),
            np.arange(40) % 4,
            setting=range(50),
        )
        pairs.append((tuned.choice.score, tuned.scores.mean()))
    chosen, honest = np.mean(pairs, axis=0)
    assert chosen > 0.25 and abs(honest) < 0.12


def test_presence_is_tuned_where_a_few_wrong_pixels_cost_a_whole_image():
    """Of six images three are empty; the pixels look alike in all, the head knows which are."""
    pixels = np.zeros((8, 8), np.float32)
    pixels[2:5, 2:5] = 0.8
    truths = [pixels > 0.5, pixels > 1] * 3
    predictions = [(pixels, 0.7), (pixels, 0.2)] * 3
    tuned = tune_by_folds(
        dice,
        predictions,
        truths,
        [0, 0, 1, 1, 2, 2],
        decide=by_presence,
        threshold=(0.5,),
        present=(0.0, 0.5),
    )
    assert tuned.choice.table == {(0.5, 0.0): 0.5, (0.5, 0.5): 1.0}
    assert tuned.choice.settings["present"] == 0.5 and tuned.scores.tolist() == [1.0] * 6
