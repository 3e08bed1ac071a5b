"""Scores equal scikit-learn's and torchmetrics', void changes nothing, and the empty cases are as written."""

import math

import numpy as np
import pytest
import torch
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score, jaccard_score, recall_score
from torchmetrics.classification import MulticlassF1Score, MulticlassJaccardIndex

from nbhelpers.metrics import ConfusionMatrix, to_ids

NAN = math.nan


def random_case(seed, num_classes=6, absent=(), size=(3, 17, 23), void=0.1):
    """Predictions half right, with classes `absent` from both and class 0 absent from truth in odd seeds."""
    generator = torch.Generator().manual_seed(seed)
    classes = torch.tensor([c for c in range(num_classes) if c not in absent])
    masks = classes[torch.randint(len(classes), size, generator=generator)]
    guesses = classes[torch.randint(len(classes), size, generator=generator)]
    predictions = torch.where(torch.rand(size, generator=generator) < 0.5, masks, guesses)
    if seed % 2:
        masks[masks == 0] = 1
    masks[torch.rand(size, generator=generator) < void] = 255
    return predictions, masks


def matrix_of(predictions, masks, num_classes=6, **options):
    matrix = ConfusionMatrix(num_classes, **options)
    matrix.update(torch.as_tensor(predictions), torch.as_tensor(masks))
    return matrix


def assert_same_scores(left, right):
    assert torch.equal(left.counts, right.counts)
    assert left.mean_iou == pytest.approx(right.mean_iou, nan_ok=True)


CASES = [(seed, absent) for seed in range(6) for absent in ((), (2,), (0, 5), (0, 1, 2, 3, 4))]


@pytest.mark.parametrize(("seed", "absent"), CASES)
def test_scores_equal_scikit_learn(seed, absent):
    predictions, masks = random_case(seed, absent=absent)
    matrix = matrix_of(predictions, masks)
    scored = masks != 255
    truth, predicted = masks[scored].numpy(), predictions[scored].numpy()
    labels = range(6)

    np.testing.assert_array_equal(matrix.counts, confusion_matrix(truth, predicted, labels=labels))
    options = {"labels": labels, "average": None}
    iou = jaccard_score(truth, predicted, zero_division=0, **options)
    iou[~np.isin(labels, np.union1d(truth, predicted))] = NAN  # jaccard_score knows 0 and 1 only
    np.testing.assert_allclose(matrix.iou, iou)
    dice = f1_score(truth, predicted, zero_division=NAN, **options)
    np.testing.assert_allclose(matrix.dice, dice)
    recall = recall_score(truth, predicted, zero_division=NAN, **options)
    np.testing.assert_allclose(matrix.class_accuracy, recall)
    assert matrix.mean_iou == pytest.approx(np.nanmean(iou))
    assert matrix.mean_dice == pytest.approx(np.nanmean(dice))
    assert matrix.pixel_accuracy == pytest.approx(accuracy_score(truth, predicted))
    assert matrix.micro_iou == pytest.approx(jaccard_score(truth, predicted, average="micro"))
    weighted = jaccard_score(truth, predicted, average="weighted", zero_division=0)
    assert matrix.frequency_weighted_iou == pytest.approx(weighted)


@pytest.mark.parametrize(("seed", "absent"), CASES)
def test_scores_equal_torchmetrics(seed, absent):
    predictions, masks = random_case(seed, absent=absent)
    matrix = matrix_of(predictions, masks)
    options = {"num_classes": 6, "ignore_index": 255}
    absent_from_both = matrix.iou.isnan()  # torchmetrics gives such classes 0, and leaves them out of "macro"
    iou = MulticlassJaccardIndex(average="none", **options)(predictions, masks)
    torch.testing.assert_close(matrix.iou.nan_to_num().float(), iou)
    dice = MulticlassF1Score(average="none", **options)(predictions, masks)
    torch.testing.assert_close(matrix.dice.nan_to_num().float(), dice)
    assert not iou[absent_from_both].any()
    macro = MulticlassJaccardIndex(average="macro", **options)(predictions, masks)
    assert matrix.mean_iou == pytest.approx(macro.item(), rel=1e-5)
    micro = MulticlassJaccardIndex(average="micro", **options)(predictions, masks)
    assert matrix.micro_iou == pytest.approx(micro.item(), rel=1e-5)


def test_a_case_counted_by_hand():
    matrix = matrix_of([[0, 0, 1], [1, 2, 2]], [[0, 1, 1], [1, 255, 2]], num_classes=4)
    assert matrix.counts.tolist() == [[1, 0, 0, 0], [1, 2, 0, 0], [0, 0, 1, 0], [0, 0, 0, 0]]
    np.testing.assert_allclose(matrix.iou, [1 / 2, 2 / 3, 1, NAN])
    np.testing.assert_allclose(matrix.dice, [2 / 3, 4 / 5, 1, NAN])
    np.testing.assert_allclose(matrix.class_accuracy, [1, 2 / 3, 1, NAN])
    assert matrix.mean_iou == pytest.approx((1 / 2 + 2 / 3 + 1) / 3)
    assert matrix.pixel_accuracy == pytest.approx(4 / 5)
    assert matrix.micro_iou == pytest.approx(4 / 6)  # = a / (2 - a)
    assert matrix.frequency_weighted_iou == pytest.approx((1 * 1 / 2 + 3 * 2 / 3 + 1 * 1) / 5)


@pytest.mark.parametrize("seed", range(3))
def test_predictions_inside_void_change_nothing(seed):
    predictions, masks = random_case(seed, void=0.3)
    matrix = matrix_of(predictions, masks)
    perturbed = torch.where(masks == 255, (predictions + 1 + seed) % 6, predictions)
    assert not torch.equal(perturbed, predictions)
    assert_same_scores(matrix, matrix_of(perturbed, masks))


def test_merging_equals_counting_jointly():
    predictions, masks = random_case(0, size=(5, 8, 9))
    joint = matrix_of(predictions, masks)
    parts = [matrix_of(p, m) for p, m in zip(predictions, masks)]  # single images, (H, W)
    merged = sum(parts, start=ConfusionMatrix(6))
    assert_same_scores(joint, merged)
    assert parts[0].counts.sum() < joint.counts.sum()  # adding left its parts alone
    twice = matrix_of(predictions[:2], masks[:2])
    twice.update(predictions[2:], masks[2:])
    assert_same_scores(joint, twice)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.uint16, torch.int16, torch.int32, torch.int64])
def test_every_integer_type_counts_alike(dtype):
    # 149 * 150 overflows 8 and 16 bits
    predictions, masks = random_case(0, num_classes=150, size=(2, 40, 50))
    expected = matrix_of(predictions, masks, num_classes=150)
    masks = masks.to(torch.uint8) if dtype == torch.uint8 else masks.to(dtype)
    assert_same_scores(expected, matrix_of(predictions.to(dtype), masks, num_classes=150))


def test_bool_predictions_are_background_and_foreground():
    matrix = matrix_of([[True, False]], [[1, 1]], num_classes=2)
    assert matrix.counts.tolist() == [[0, 0], [1, 1]]


def test_another_ignore_index():
    matrix = matrix_of([[0, 1]], [[-1, 1]], num_classes=2, ignore_index=-1)
    assert matrix.counts.tolist() == [[0, 0], [0, 1]]
    for other in (matrix + matrix, matrix.majority_baseline()):
        assert other.ignore_index == -1
    with pytest.raises(ValueError, match="masks hold the id 255, but the classes are 0..1 and -1 = ignore"):
        matrix.update(torch.zeros(1, 1, dtype=torch.uint8), torch.full((1, 1), 255, dtype=torch.uint8))


def test_no_scored_pixel_is_nan_everywhere():
    for matrix in (ConfusionMatrix(3), matrix_of([[0, 1]], [[255, 255]], num_classes=3)):
        scores = ("mean_iou", "mean_dice", "pixel_accuracy", "frequency_weighted_iou", "micro_iou")
        assert all(math.isnan(getattr(matrix, score)) for score in scores)
        assert all(getattr(matrix, score).isnan().all() for score in ("iou", "dice", "class_accuracy"))
        assert math.isnan(matrix.majority_baseline().mean_iou)


def test_an_empty_update_counts_nothing():
    matrix = matrix_of(torch.empty(0, 4, 4, dtype=torch.long), torch.empty(0, 4, 4, dtype=torch.long))
    assert matrix.counts.sum() == 0


def test_empty_truth_and_empty_prediction():
    both_empty = matrix_of([[0, 0]], [[0, 0]], num_classes=2)
    np.testing.assert_array_equal(both_empty.iou, [1, NAN])
    assert both_empty.mean_iou == 1
    false_alarm = matrix_of([[0, 1]], [[0, 0]], num_classes=2)
    np.testing.assert_array_equal(false_alarm.iou, [0.5, 0])
    np.testing.assert_array_equal(false_alarm.class_accuracy, [0.5, NAN])
    missed = matrix_of([[0, 0]], [[0, 1]], num_classes=2)
    np.testing.assert_array_equal(missed.iou, [0.5, 0])


def test_majority_baseline_predicts_one_class():
    predictions, masks = random_case(2)
    matrix = matrix_of(predictions, masks)
    most = masks[masks != 255].mode().values
    expected = matrix_of(torch.full_like(masks, most), masks)
    assert_same_scores(matrix.majority_baseline(), expected)


def test_majority_baseline_shows_how_little_accuracy_says():
    masks = torch.zeros(1, 10, 10, dtype=torch.long)
    masks[0, 0] = 1  # 10 % foreground
    matrix = matrix_of(torch.zeros_like(masks), masks, num_classes=2)
    assert matrix.pixel_accuracy == pytest.approx(0.9)
    assert matrix.mean_iou == pytest.approx(matrix.majority_baseline().mean_iou) == pytest.approx(0.45)


def test_to_ids():
    logits = torch.randn(2, 5, 7, 9)
    assert torch.equal(to_ids(logits), logits.argmax(dim=1))
    one_channel = torch.randn(2, 1, 7, 9)
    assert torch.equal(to_ids(one_channel), (one_channel.sigmoid() > 0.5).squeeze(1).long())
    assert to_ids(logits).dtype == to_ids(one_channel).dtype == torch.int64
    matrix_of(to_ids(one_channel), torch.ones(2, 7, 9, dtype=torch.long), num_classes=2)
    assert not to_ids(torch.zeros(1, 1, 2, 2)).any()  # 0 is background


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_predictions_on_a_gpu_count_as_on_the_cpu():
    predictions, masks = random_case(0)
    assert_same_scores(matrix_of(predictions, masks), matrix_of(predictions.cuda(), masks))


def test_table():
    matrix = matrix_of([[0, 0, 1], [1, 2, 2]], [[0, 1, 1], [1, 255, 2]], num_classes=4)
    assert matrix.table(("Sky", "Building", "Pole", "Car")).splitlines() == [
        "class     truth %    IoU   Dice",
        "Sky         20.00  0.500  0.667",
        "Building    60.00  0.667  0.800",
        "Pole        20.00  1.000  1.000",
        "Car          0.00      -      -",
        "mean               0.722  0.822   (always Building: IoU 0.200, Dice 0.250)",
    ]
    assert "-" in ConfusionMatrix(2).table(("background", "cell"))
    assert repr(matrix) == "ConfusionMatrix(4 classes, 5 pixels, mean IoU 0.722)"


IDS = torch.zeros(2, 4, 4, dtype=torch.long)
ERRORS = {
    "logits instead of ids": (
        lambda: matrix_of(torch.rand(2, 6, 4, 4), IDS),
        r"predictions are float32 of shape \(2, 6, 4, 4\), .* class ids 0..5: take logits.argmax\(1\), or .*to_ids",
    ),
    "float masks": (
        lambda: matrix_of(IDS, IDS.float()),
        "masks are float32 .* 0..5 or 255 = ignore: resize masks by nearest",
    ),
    "shapes differ": (
        lambda: matrix_of(IDS, IDS[:, :2]),
        r"predictions are \(2, 4, 4\) and masks \(2, 2, 4\), but both must be the same \(N, H, W\)",
    ),
    "channel axis": (lambda: matrix_of(IDS[:, None], IDS[:, None]), "drop the channel axis"),
    "prediction too large": (
        lambda: matrix_of(IDS + 6, IDS),
        "predictions hold the id 6, but the classes are 0..5: ",
    ),
    "prediction negative": (lambda: matrix_of(IDS - 1, IDS), "predictions hold the id -1"),
    "prediction beyond 32 bits": (lambda: matrix_of(IDS + 2**32, IDS), "predictions hold the id 4294967296"),
    "mask too large": (
        lambda: matrix_of(IDS, IDS + 6),
        "masks hold the id 6, but the classes are 0..5 and 255 = ignore: divide",
    ),
    "mask negative": (lambda: matrix_of(IDS, IDS - 1), "masks hold the id -1"),
    "one class": (lambda: ConfusionMatrix(1), "num_classes is 1, but .* at least 2: .* so pass 2"),
    "ignore is a class": (
        lambda: ConfusionMatrix(6, ignore_index=0),
        "ignore_index 0 is one of the classes 0..5",
    ),
    "adding different classes": (
        lambda: ConfusionMatrix(2) + ConfusionMatrix(3),
        r"matrices of 2 classes \(ignore 255\) and 3 classes \(ignore 255\) cannot be added",
    ),
    "adding different voids": (
        lambda: ConfusionMatrix(2) + ConfusionMatrix(2, ignore_index=-1),
        r"matrices of 2 classes \(ignore 255\) and 2 classes \(ignore -1\) cannot be added",
    ),
    "names missing": (lambda: ConfusionMatrix(3).table(("a", "b")), "class_names has 2 names for 3 classes"),
    "ids as logits": (lambda: to_ids(IDS), r"logits are int64 of shape \(2, 4, 4\), but must be floats"),
    "logits without batch": (lambda: to_ids(torch.rand(6, 4, 4)), "with its batch axis"),
}


@pytest.mark.parametrize("fault", ERRORS)
def test_errors_say_what_it_is_what_it_must_be_and_what_to_do(fault):
    call, message = ERRORS[fault]
    with pytest.raises(ValueError, match=message):
        call()


def test_a_refused_batch_is_not_counted():
    matrix = ConfusionMatrix(6)
    with pytest.raises(ValueError, match="masks hold"):
        matrix.update(IDS, IDS + 6)
    assert matrix.counts.sum() == 0


def test_nan_decides_nothing():
    for channels in (1, 3):
        logits = torch.zeros(1, channels, 2, 2)
        logits[0, -1, 0, 0] = NAN
        with pytest.raises(FloatingPointError, match="logits hold nan.*first_non_finite"):
            to_ids(logits)
    assert to_ids(torch.tensor([-math.inf, math.inf]).view(1, 2, 1, 1)).item() == 1


def test_a_score_of_nothing_says_so():
    matrix = matrix_of(torch.zeros(4, 4).long(), torch.full((4, 4), 255))
    assert repr(matrix) == "ConfusionMatrix(6 classes, no labelled pixel: every score is nan)"
    assert math.isnan(matrix.mean_iou)
    assert matrix.table("abcdef").endswith("no labelled pixel was scored: every score is nan")


def test_what_is_no_tensor_is_refused():
    ids = torch.zeros(4, 4).long()
    with pytest.raises(ValueError, match="masks are ndarray, but must be a tensor of class ids 0..5"):
        ConfusionMatrix(6).update(ids, ids.numpy())
    with pytest.raises(ValueError, match="predictions are complex64"):
        ConfusionMatrix(6).update(ids.cfloat(), ids)
    with pytest.raises(ValueError, match="logits are dict, but must be a tensor"):
        to_ids({"out": ids})
