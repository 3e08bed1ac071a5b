"""Folds: near-duplicates together, kinds spread, predictions kept; and the competition's folders."""

import os
import re
import shutil
import tracemalloc
import zipfile

import cv2
import numpy as np
import pytest
import torch
from scipy import ndimage

from nbhelpers.datasets import Cells, Nuclei, Street
from nbhelpers.kaggle import (
    Bowl,
    alike,
    by_mask,
    dice,
    draw_competition,
    find_input,
    fold_notes,
    lay_out,
    lint_submission,
    make_folds,
    near_duplicates,
    noted_folds,
    out_of_fold,
    paired_gain,
    perceptual_hash,
    score_submission,
    stain,
    strata,
    top_hat,
    tune,
    tune_by_folds,
    write_submission,
)
from nbhelpers.kaggle.submissions import instance_rows
from tests.full_disk import full_disk
from tests.shared_data import shared_data

IMAGES = [Cells(size=(96, 96), length=40).read(index)[0] for index in range(40)]


def distance(a: int, b: int) -> int:
    return bin(a ^ b).count("1")


@pytest.mark.parametrize(
    "change",
    [
        lambda image: cv2.resize(image, (150, 70)),
        lambda image: cv2.imdecode(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 60])[1], 1),
        lambda image: np.clip(image * 0.8 + 5, 0, 255).astype(np.uint8),
        lambda image: np.roll(image, 1, axis=1),
        lambda image: image[1:-1, 1:-1],
    ],
    ids=["resized", "recompressed", "darker", "shifted", "cropped"],
)
def test_the_hash_hardly_changes(change):
    changes = [distance(perceptual_hash(image), perceptual_hash(change(image))) for image in IMAGES]
    assert np.mean(np.array(changes) <= 6) >= 0.9, changes


def test_unrelated_images_are_far_apart():
    hashes = [perceptual_hash(image) for image in IMAGES]
    distances = [distance(a, b) for n, a in enumerate(hashes) for b in hashes[:n]]
    assert min(distances) > 6 and 28 < np.mean(distances) < 36
    assert len(np.unique(near_duplicates(hashes))) == 40


def test_near_duplicates_are_linked():
    hashes = [0, 0b111, 2**64 - 1, 0b111111 << 3 | 0b111, 2**63]
    assert near_duplicates(hashes, 6).tolist() == [0, 0, 1, 0, 0]  # 0 to 3 by way of 1
    assert (
        near_duplicates(hashes, 0).tolist() == [0, 1, 4, 2, 3]
        or len(set(near_duplicates(hashes, 0).tolist())) == 5
    )


def test_hashes_of_what_is_no_image():
    with pytest.raises(ValueError, match="image is float32"):
        perceptual_hash(np.zeros((8, 8), np.float32))
    for channels in (1, 4):
        with pytest.raises(ValueError, match=rf"image is uint8 \(8, 8, {channels}\)"):
            perceptual_hash(np.zeros((8, 8, channels), np.uint8))
    with pytest.raises(ValueError, match=r"image is uint8 \(0, 8, 3\); .*, with one pixel at least"):
        perceptual_hash(np.zeros((0, 8, 3), np.uint8))


def test_blank_images_are_near_duplicates_of_each_other():
    blank = [
        np.full((side, side + 3, 3), grey, np.uint8) for side in (8, 33, 64) for grey in range(0, 256, 5)
    ]
    assert {perceptual_hash(image) for image in blank} == {0}


def test_stains():
    grey = np.full((20, 20, 3), 200, np.uint8)
    assert stain(grey) == "grey" and stain(grey // 10) == "fluorescent"
    assert stain(grey - np.array([0, 60, 10], np.uint8)) == "stained"
    found = [stain(image) for image in IMAGES]
    assert 0.5 < found.count("fluorescent") / 40 < 0.9 and "stained" in found  # toy cells: about two of three


def test_pictures_made_alike_have_bright_objects_on_dark():
    cells = Cells(size=(96, 96), length=40)
    brighter = []
    for index, image in enumerate(IMAGES):
        same, nuclei = alike(image), cells.read(index)[1] > 0
        assert same.dtype == np.uint8 and same.shape == image.shape
        assert same.min() == 0 and same.max() == 255
        brighter.append(same[nuclei].mean() > same[~nuclei].mean() + 20)
    assert np.mean(brighter) > 0.9
    assert not alike(np.full((4, 4, 3), 9, np.uint8)).any()  # nothing to stretch


def test_a_top_hat_is_the_picture_less_its_smoothed_opening():
    """Against scipy, which works in other types and rounds later: two grey levels."""
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (21, 21))
    for image in IMAGES[:6]:
        grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
        opened = ndimage.grey_opening(grey, footprint=disc, mode="nearest").astype(float)
        wanted = (grey - ndimage.gaussian_filter(opened, 21 / 4, mode="mirror")).clip(0)
        assert np.abs(top_hat(image, 21) - wanted).max() <= 2


def test_a_top_hat_removes_uneven_light_and_large_things_and_keeps_small_ones():
    rows, columns = np.mgrid[:200, :200]
    small = (rows % 50 - 25) ** 2 + (columns % 50 - 25) ** 2 < 64
    large = (rows - 100) ** 2 + (columns - 100) ** 2 < 70**2
    glow = columns * 0.4
    image = np.repeat((glow + 40 * large + 60 * small).astype(np.uint8)[..., None], 3, axis=2)
    found = top_hat(image)
    assert found.shape == (200, 200) and found.dtype == np.uint8
    inside = large & ~small & (np.hypot(rows - 100, columns - 100) < 30)
    assert found[small].min() >= 40 and found[inside].max() < 20  # of 60 and of 40


@pytest.mark.parametrize("look", [stain, alike, top_hat])
@pytest.mark.parametrize(
    "image",
    [
        np.zeros((9, 9), np.uint8),
        np.zeros((9, 9, 3)),
        np.zeros((9, 9, 4), np.uint8),
        np.zeros((9, 0, 3), np.uint8),
    ],
)
def test_what_is_no_picture(look, image):
    with pytest.raises(ValueError, match=rf"image is {image.dtype} \(9, [09].*; it must be a picture, uint8"):
        look(image)


@pytest.mark.parametrize("size", [0, 8, -3])
def test_the_disc_of_a_top_hat_has_a_middle(size):
    with pytest.raises(ValueError, match=f"the size of the disc is {size}.*take an odd number"):
        top_hat(IMAGES[0], size)


# Look-alikes


def radiograph(patient):
    """Two lungs as everybody has them, noise of its own, and a spot somewhere."""
    rng = np.random.default_rng(patient)
    y, x = np.mgrid[:128, :128]
    lungs = sum(np.exp(-((x - middle) ** 2 + (y - 60) ** 2) / 300) for middle in (38, 90))
    at = rng.integers(30, 98, 2)
    spot = np.exp(-((x - at[0]) ** 2 + (y - at[1]) ** 2) / 20)
    picture = 90 + 100 * np.exp(-((x - 64) ** 2 / 900 + (y - 64) ** 2 / 3000)) - 70 * lungs + 30 * spot
    return (picture + rng.normal(0, 8, picture.shape)).clip(0, 255).astype(np.uint8)


def test_alike_is_not_twice(capsys):
    patients = [perceptual_hash(radiograph(patient)) for patient in range(60)]
    assert len(set(near_duplicates(patients))) == 60
    doubt = (
        r"near_duplicates: these pictures are so alike that copies cannot be told from neighbours \(median 1\d bits\): "
        "pass patients or sequences as groups\n"
    )
    assert re.fullmatch(doubt, capsys.readouterr().out)
    groups = near_duplicates([*patients, patients[7]])
    assert groups[7] == groups[60] and len(set(groups)) == 60
    assert re.sub(doubt, "", capsys.readouterr().out) == (
        "near_duplicates: 61 images are 60 groups, the largest of 2; hashes of neighbours differ in at most 0 of 64 bits\n"
    )
    assert len(set(near_duplicates(patients, 6))) < 20 and "the largest of 3" in capsys.readouterr().out


def test_copies_among_unrelated_images_are_found(capsys):
    hashes = [perceptual_hash(image) for image in IMAGES]
    copies = [perceptual_hash(cv2.resize(image, (150, 70))) for image in IMAGES[:5]]
    groups = near_duplicates(hashes + copies)
    assert groups[:5].tolist() == groups[40:].tolist()
    told = capsys.readouterr().out
    assert "45 images are 40 groups, the largest of 2; hashes of neighbours differ in at most 6" in told
    assert "so alike" not in told


def test_copies_among_pictures_that_are_somewhat_alike_are_found(capsys):
    bits = np.random.default_rng(0).random((100, 64)) < 0.2  # a median of 20, of 32 where nothing is alike
    hashes = [int.from_bytes(np.packbits(row).tobytes(), "big") for row in bits]
    groups = near_duplicates([*hashes, hashes[7] ^ 0b111])
    assert groups[7] == groups[100] and len(set(groups)) == 100
    assert "so alike" not in capsys.readouterr().out


@pytest.mark.parametrize(("hashes", "groups"), [([], []), ([5], [0]), ([5, 5], [0, 0]), ([5, 2**63], [0, 1])])
def test_near_duplicates_of_few_images(hashes, groups, capsys):
    assert near_duplicates(hashes).tolist() == groups
    assert len(hashes) > 1 or not capsys.readouterr().out  # without a pair nothing is alike


def test_hashes_at_the_distance_are_neighbours():
    assert near_duplicates([0, 2**10 - 1, 2**40 - 1], 10).tolist() == [0, 0, 1]


def test_many_hashes_are_compared_in_blocks():
    hashes = [int(number) for number in np.random.default_rng(0).integers(0, 2**63, 600)]
    groups = near_duplicates([*hashes, *(number ^ 5 for number in hashes[::100])])
    assert len(set(groups)) == 600 and groups[600:].tolist() == groups[:600:100].tolist()


def test_rare_strata_are_joined_from_the_last_feature_on():
    kinds = ["a"] * 12 + ["b"] * 6 + ["c"] * 2
    coverage = [n / 20 for n in range(20)]
    labels = strata(kinds, coverage, bins=2, least=5)
    assert len(set(labels[:10])) == 1 and len(set(labels[12:18])) == 1
    assert labels[0] != labels[12]
    assert min(np.bincount(labels)) >= 2 and len(strata(kinds)) == 20
    with pytest.raises(ValueError, match="one for every image"):
        strata(kinds, coverage[:3])


def test_folds_keep_groups_together_and_spread_the_strata():
    generator = np.random.default_rng(0)
    groups = np.repeat(np.arange(60), 2)
    labels = np.repeat(generator.integers(0, 3, 60), 2)
    folds = make_folds(groups, labels, 5)
    assert sorted(set(folds)) == [0, 1, 2, 3, 4]
    assert all(len(set(folds[groups == group])) == 1 for group in groups)
    table = np.array([[((folds == f) & (labels == v)).sum() for v in range(3)] for f in range(5)])
    assert (np.ptp(table, axis=0) <= 4).all(), table
    assert np.array_equal(folds, make_folds(groups, labels, 5)) and not np.array_equal(
        folds, make_folds(groups, labels, 5, seed=1)
    )
    assert sorted(set(make_folds(range(4), range(4), 2))) == [0, 1]  # all labels rarer than folds
    with pytest.raises(ValueError, match="1 folds of 3 groups; there must be 2 folds to one a group"):
        make_folds([0, 1, 2], [0, 0, 0], 1)
    with pytest.raises(ValueError, match="5 folds of 3 groups"):
        make_folds([0, 1, 2], [0, 0, 0], 5)
    with pytest.raises(ValueError, match="3 groups and 2 labels"):
        make_folds([0, 1, 2], [0, 0], 2)
    pairs = [("case1", "day0"), ("case1", "day1"), ("case2", "day0")]
    with pytest.raises(ValueError, match=r"groups are <U5 \(3, 2\); .* join the parts of a name, "):
        make_folds(pairs, [0, 0, 0], 2)
    with pytest.raises(
        ValueError, match=r"labels are <U5 \(3, 2\); there must be one number or text for each image"
    ):
        make_folds(range(3), pairs, 2)


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (["a", "b", float("nan"), "c"], "hold nan and text"),
        (["a", None, "b", "c"], "hold None and text"),
        ([1, 2, float("nan"), 3], "hold nan and numbers"),
        (["a", 2, 2, "b"], "hold numbers and text"),
    ],
)
def test_a_missing_name_is_no_name(names, told):
    """As pandas gives a column of patients of whom some are not known: all of these are not one patient."""
    names = np.array(names, object)
    with pytest.raises(ValueError, match=f"^groups {told}; they must be all numbers or all text"):
        make_folds(names, [0, 1, 0, 1], 2)
    with pytest.raises(ValueError, match=f"^labels {told}; "):
        make_folds(range(4), names, 2)
    with pytest.raises(ValueError, match=f"^groups {told}; "):
        paired_gain([1, 2, 3, 4], [2, 3, 4, 5], groups=names)


def test_names_of_one_kind_are_well():
    for names in (["a", "b", np.str_("c"), "d"], [1, np.int64(2), False, 3.5]):
        assert sorted(make_folds(np.array(names, object), [0, 1, 0, 1], 2)) == [0, 0, 1, 1]


@pytest.mark.parametrize("shares", [[0.1, 0.2, 0.3, 0.4], [0.5, 0.5, 0.25, 0.25]])
def test_amounts_are_no_labels(shares):
    """Each alone of its kind they would not be spread at all."""
    with pytest.raises(
        ValueError, match=f"labels hold {shares[0]}; they must be kinds, .* strata makes some"
    ):
        make_folds(range(4), shares, 2)
    assert np.bincount(make_folds(range(4), np.array([0.0, 0.0, 1.0, 1.0]), 2)).tolist() == [2, 2]


@pytest.mark.filterwarnings("ignore:The least populated class")
def test_a_kind_that_is_rarer_than_the_folds_leaves_the_others_spread():
    labels = np.random.default_rng(0).permutation([0] * 40 + [1] * 40 + [2] * 2)
    folds = make_folds(range(82), labels, 5)
    assert all(np.bincount(labels[folds == fold])[:2].tolist() == [8, 8] for fold in range(5))


AREAS = np.random.default_rng(0).lognormal(8, 1.5, 90)


@pytest.mark.parametrize(
    "areas",
    [AREAS, AREAS.astype(int), AREAS.astype(np.float32), AREAS.astype(int).tolist(), torch.tensor(AREAS.astype(int)),
     [int(area) if area > 3000 else float(area) for area in AREAS], [torch.tensor(area) for area in AREAS],
     [np.array(area) for area in AREAS]],
    ids=["float64", "int64", "float32", "list of int", "tensor", "mixed", "list of tensors", "list of arrays"],
)  # fmt: skip
def test_amounts_of_any_type_are_cut_into_thirds(areas):
    labels = strata(areas)
    assert np.bincount(labels).tolist() == [30, 30, 30]
    assert [int(AREAS[labels == label].min()) for label in range(3)] == sorted(
        np.sort(AREAS)[[0, 30, 60]].astype(int)
    )


@pytest.mark.parametrize(
    ("feature", "expected"),
    [
        ([0.0] * 70 + [0.1 * n for n in range(1, 21)], [70, 20]),  # most images without an object
        ([1.0] * 70 + [0.01 * n for n in range(20)], [20, 70]),
        ([0.0] * 60 + [1.0] * 30, [60, 30]),
        ([3.5] * 90, [90]),
        ([256] * 40 + [512] * 30 + [1024] * 20, [40, 30, 20]),  # few integers are names
        ([(256, 320)] * 40 + [(512, 640)] * 50, [40, 50]),
        ([True] * 40 + [False] * 50, [50, 40]),
        ([0] * 30 + list(range(1, 61)), [30, 30, 30]),  # most integers are rare: amounts
        ([0] * 50 + list(range(1, 41)), [50, 40]),  # counts of objects: half of the images have none
        ([0] * 20 + list(range(1, 13)) * 3, [20, 18, 18]),  # two of three images have a rare one
        ([7] * 18 + list(range(10, 28)), [18, 18]),  # half of the integers are rare, not most: names
    ],
)  # fmt: skip
def test_ties_and_names(feature, expected):
    assert sorted(np.bincount(strata(feature)).tolist()) == sorted(expected)


@pytest.mark.parametrize(
    ("size", "kinds"),
    [
        ("xxxxxyyyyy", "xxxxxyyyyy"),  # least images are enough
        ("xxxxxxxyyyzz", "xxxxxxxyyyyy"),  # of the rare ones together too
        ("xxxxxxxyyyyyyzz", "xxxxxxxyyyyyyyy"),  # fewer go to the smallest
        ("xxxxyyyyzzzz", "xxxxxxxxxxxx"),
    ],
)
def test_the_least_images_of_a_kind(size, kinds):
    assert (
        strata(["a"] * len(size), list(size), least=5).tolist()
        == np.unique(list(kinds), return_inverse=True)[1].tolist()
    )


def test_a_feature_of_nan():
    with pytest.raises(ValueError, match="a feature holds nan"):
        strata([0.5] * 10 + [float("nan")])


def test_rare_kinds_are_joined_within_the_first_feature():
    stain = ["A"] * 12 + ["B"] * 12 + ["C"] * 12
    size = (["s"] * 10 + ["l"] * 2) * 2 + ["s"] * 6 + ["m"] * 3 + ["l"] * 3
    labels = strata(stain, size)
    kinds = {
        label: {pair for pair, own in zip(zip(stain, size), labels) if own == label} for label in set(labels)
    }
    assert sorted(map(sorted, kinds.values())) == [
        [("A", "l"), ("A", "s")], [("B", "l"), ("B", "s")], [("C", "l"), ("C", "m")], [("C", "s")],
    ]  # fmt: skip


@pytest.mark.parametrize("seed", range(40))
@pytest.mark.filterwarnings("ignore:The least populated class")
def test_no_fold_is_empty(seed):
    rng = np.random.default_rng(seed)
    splits = int(rng.integers(2, 8))
    count = splits + int(rng.integers(0, 3))
    groups = np.repeat(np.arange(count), rng.integers(1, 7, count))
    folds = make_folds(groups, rng.integers(0, 4, len(groups)), splits, seed=seed)
    assert sorted(set(folds)) == list(range(splits))
    assert all(len(set(folds[groups == group])) == 1 for group in groups)


@pytest.mark.filterwarnings("ignore:The least populated class")
def test_a_fold_that_the_splitter_leaves_empty_gets_a_group():
    patients = [0] * 3 + [1] * 2 + [2] * 3 + [3] * 4 + [4] * 4
    kinds = [3, 1, 4, 2, 2, 0, 2, 2, 3, 0, 4, 1, 1, 1, 1, 0]
    assert np.bincount(make_folds(patients, kinds, n_splits=5, seed=199)).tolist() == [3, 4, 2, 3, 4]
    # the largest fold is one patient, and cannot give any
    patients = [0] * 7 + [1] * 2 + [2] * 2 + [3] * 2
    kinds = [2, 0, 3, 1, 3, 2, 0, 1, 0, 2, 0, 3, 1]
    assert np.bincount(make_folds(patients, kinds, n_splits=4)).tolist() == [2, 7, 2, 2]


# Out of fold


@pytest.mark.parametrize(("answers", "told"), [(1, "1"), (3, "more than 2"), (0, "0")])
@pytest.mark.parametrize("kind", [list, iter])
def test_a_wrong_number_of_predictions_leaves_none(tmp_path, answers, told, kind):
    with pytest.raises(ValueError, match=f"fold 0 gave {told} predictions for 2 images"):
        out_of_fold([0, 1, 0, 1], lambda train, held: kind([np.zeros(1)] * answers), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["folds.npy"]


def test_out_of_fold_goes_on_where_it_stopped(tmp_path):
    folds = np.array([0, 1, 0, 1, 2])
    calls = []

    def predict(train, held):
        assert not set(train) & set(held) and len(train) + len(held) == 5
        calls.append(held.tolist())
        for index in held:
            if index == 3 and len(calls) == 2:
                raise KeyboardInterrupt
            yield np.full((2, 2), index, np.float16)

    with pytest.raises(KeyboardInterrupt):
        out_of_fold(folds, predict, tmp_path)
    result = out_of_fold(folds, predict, tmp_path)
    assert [array[0, 0] for array in result] == [0, 1, 2, 3, 4]
    assert calls == [[0, 2], [1, 3], [1, 3], [4]]
    with pytest.raises(ValueError, match="predictions for other folds"):
        out_of_fold(folds[::-1], predict, tmp_path)
    with pytest.raises(ValueError, match="fold 0 gave 1 predictions for 2 images"):
        out_of_fold(folds, lambda train, held: [np.zeros(1)], tmp_path / "other")


@pytest.mark.parametrize(
    ("folds", "message"),
    [
        ([0, 1, np.nan, 1], "folds hold nan; they must be whole numbers"),
        ([0, 1, 0.5, 1], "folds hold 0.5; they must be whole numbers"),
        ([0, 1, None, 1], r"folds are object \(4,\)"),
        ([[0, 1], [0, 1]], r"folds are int64 \(2, 2\); .* the fold of each image"),
        ([3] * 4, "1 folds of 4 .*; there must be .*two"),
    ],
)
def test_folds_are_judged_before_any_training(tmp_path, folds, message):
    with pytest.raises(ValueError, match=message):
        out_of_fold(folds, lambda train, held: pytest.fail("it trains"), tmp_path)
    with pytest.raises(ValueError, match=message):
        tune_by_folds(dice, [0] * 4, [0] * 4, folds)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (
            lambda held: {index: np.zeros(1) for index in held},
            "fold 0 gave dict; it must give one array for each",
        ),
        (lambda held: [{"mask": np.zeros(1)}] * 2, "the prediction for image 0 is dict; it must be an array"),
        (lambda held: [(np.zeros(3), 0.5)] * 2, "the prediction for image 0 is tuple"),
        (lambda held: [np.zeros(1), None], "the prediction for image 2 is NoneType"),
        (lambda held: [np.array(["a"])] * 2, "the prediction for image 0 is ndarray of <U1"),
    ],
)
def test_predictions_that_are_no_arrays(tmp_path, answer, message):
    with pytest.raises(ValueError, match=message):
        out_of_fold([0, 1, 0, 1], lambda train, held: answer(held), tmp_path)
    assert not (tmp_path / "2.npy").exists()


def test_predictions_may_be_tensors(tmp_path):
    oof = out_of_fold([0, 1], lambda train, held: torch.ones(1, 1, 2, 3), tmp_path)
    assert [prediction.shape for prediction in oof] == [(1, 2, 3)] * 2


def test_predictions_are_read_one_at_a_time(tmp_path, monkeypatch):
    """All of them together may be larger than memory."""
    monkeypatch.chdir(tmp_path)
    tracemalloc.start()
    oof = out_of_fold(
        np.arange(40) % 2, lambda _, held: (np.full((100, 1000), i, np.float32) for i in held), "oof"
    )
    monkeypatch.chdir("/")  # which changes nothing
    assert len(oof) == 40 and [int(prediction[0, 0]) for prediction in oof] == list(range(40))
    assert tracemalloc.get_traced_memory()[1] < 4e6  # of 16 MB
    tracemalloc.stop()
    assert [int(prediction[0, 0]) for prediction in oof[-3::2]] == [37, 39] and oof[np.int64(-1)][0, 0] == 39
    with pytest.raises(IndexError):
        oof[40]


def test_a_full_disk_loses_no_prediction(tmp_path):
    folds = np.array([0, 1])
    sizes = {0: 10, 1: 5000}
    with full_disk(after=3000), pytest.raises(OSError, match="1.npy was not written"):
        out_of_fold(folds, lambda train, held: [np.zeros(sizes[i], np.uint8) for i in held], tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0.npy", "folds.npy"]


# Weights that were trained elsewhere


def test_folds_come_back_with_the_weights():
    ids, folds = ["c", "a", "b"], np.array([2, 0, 1])
    assert noted_folds(fold_notes(ids, folds), ["a", "b", "c"]).tolist() == [0, 1, 2]
    assert noted_folds(fold_notes(ids, folds), ["b"]).tolist() == [1]  # fewer pictures: the same folds
    numbers = np.array([10044, 10274])  # as pandas reads the ids of some competitions
    assert noted_folds(fold_notes(numbers, [1, 0]), numbers[::-1]).tolist() == [0, 1]


def test_two_pictures_of_one_id_have_no_folds():
    """By the later one's fold the earlier would be predicted by models that have learnt from it."""
    with pytest.raises(
        ValueError, match="'a' is the id of several images, whose folds could not be told apart"
    ):
        fold_notes(["b", "a", "a"], [0, 0, 1])
    with pytest.raises(ValueError, match="argument 2 is (shorter|longer)"):
        fold_notes(["a", "b"], [0])


@pytest.mark.parametrize(
    ("notes", "message"),
    [
        (fold_notes(["toy0", "toy1", "toy2"], [0, 1, 2]), "'real0' was in no fold .* 2 of 2 .* 3 images, toy0, toy1 ..."),
        (fold_notes(["real0"], [0]), "'real1' was in no fold of these weights, as 1 of 2 images here"),
        ({}, "'real0' was in no fold .* train here, or predict without tuning"),
    ],
)  # fmt: skip
def test_weights_of_other_pictures(notes, message):
    with pytest.raises(ValueError, match=message):
        noted_folds(notes, ["real0", "real1"])


# The competition's folders


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    root = tmp_path_factory.mktemp("input") / "data-science-bowl-2018"
    draw_competition(root, train=6, test=4, size=(64, 64))
    return root


def test_the_drawn_competition(drawn, monkeypatch):
    monkeypatch.setenv("KAGGLE_INPUT", str(drawn.parent))
    bowl = Bowl.find()
    assert bowl.root == drawn and len(bowl.train) == 6 and len(bowl.test) == 4
    toy = Cells("train", (64, 64), length=6)
    for index in range(6):
        assert np.array_equal(bowl.train.read(index)[0], toy.read(index)[0])
        assert np.array_equal(bowl.train.instances(index), toy.instances(index))
    sizes = {name: bowl.test.read(name).shape[:2] for name in bowl.test.ids}
    assert len(set(sizes.values())) == 3 and (64, 64) not in sizes.values()
    truths = bowl.solution()
    assert truths.keys() == sizes.keys() and {name: truth.shape for name, truth in truths.items()} == sizes


def test_a_competition_drawn_twice_is_the_second(tmp_path):
    draw_competition(tmp_path, train=3, test=3, size=(48, 48), seed=0)
    draw_competition(tmp_path, train=2, test=1, size=(48, 48), seed=1)
    bowl, toy = Bowl(tmp_path), Cells("train", (48, 48), length=2, seed=1)
    assert (len(bowl.train), len(bowl.test), len(bowl.solution())) == (2, 1, 1)
    assert all(np.array_equal(bowl.train.instances(n), toy.instances(n)) for n in range(2))


def test_a_folder_of_other_things_is_left_alone(tmp_path):
    (tmp_path / "stage1_train").mkdir()
    (tmp_path / "stage1_train" / "real.png").touch()
    with pytest.raises(ValueError, match="holds stage1_train/real.png, which we did not write"):
        draw_competition(tmp_path, train=1, test=1, size=(32, 32))
    assert [path.name for path in tmp_path.rglob("*")] == ["stage1_train", "real.png"]


def picture(name, instances):
    return name, np.zeros((16, 16, 3), np.uint8), instances


def test_any_type_of_ids_is_laid_out(tmp_path):
    """255 objects, which is all that uint8 can number; and numbers with gaps."""
    many, gaps = np.arange(256, dtype=np.uint8).reshape(16, 16), np.zeros((16, 16), np.int64)
    gaps[2:4, 5], gaps[9] = 70_000, 3
    lay_out(tmp_path, [picture("a", many), picture("b", gaps)], [picture("c", many)])
    bowl = Bowl(tmp_path)
    assert np.array_equal(np.sort(bowl.train.instances(0), axis=None), np.arange(256))
    assert np.array_equal(bowl.train.instances(1), np.searchsorted([0, 3, 70_000], gaps))
    assert np.array_equal(bowl.solution()["c"], many)


ONE = np.ones((16, 16), int)


@pytest.mark.parametrize(
    ("train", "test", "message"),
    [
        (["a", "b"], ["c", "c"], "two pictures of stage1_test have the id 'c'; each needs one of its own"),
        (["a", "a", "b"], ["c"], "two pictures of stage1_train have the id 'a'"),
    ],
)
def test_pictures_of_one_id_are_not_laid_out(tmp_path, train, test, message):
    with pytest.raises(ValueError, match=message):
        lay_out(tmp_path / "bowl", [picture(n, ONE) for n in train], [picture(n, ONE) for n in test])
    assert not (tmp_path / "bowl").exists()


@pytest.mark.parametrize(
    ("instances", "message"),
    [
        (ONE[:8], "the mask of a is 8 x 16, but its image 16 x 16"),
        (ONE * 1.0, "instances are float64; they must be integers"),
        (-ONE, "instances hold -1"),
        (ONE * 0, "'a' has no object; each training image of this competition has one at least"),
    ],
)
def test_instances_that_cannot_be_laid_out(tmp_path, instances, message):
    with pytest.raises(ValueError, match=message):
        lay_out(tmp_path, [picture("a", instances)], [picture("a", ONE)])
    if instances.any():  # of a test image none may be there
        with pytest.raises(ValueError, match=message):
            lay_out(tmp_path, [picture("a", ONE)], [picture("a", instances)])


def test_a_perfect_and_a_wrong_submission(drawn, tmp_path):
    bowl, path = Bowl(drawn), tmp_path / "submission.csv"
    truths = bowl.solution()
    write_submission(
        path, (row for name in truths for row in instance_rows(name, truths[name], truths[name].shape))
    )
    assert lint_submission(path, bowl.sample, {name: truth.shape for name, truth in truths.items()}) == []
    assert set(score_submission(path, truths).values()) == {1.0}
    write_submission(path, [(name, "") for name in truths])
    assert set(score_submission(path, truths).values()) == {0.0}
    write_submission(path, [(next(iter(truths)), "")])
    with pytest.raises(ValueError, match="has no row for 'hidden0001', 'hidden0002'"):
        score_submission(path, truths)


def test_a_solution_that_was_cut_off(drawn, tmp_path):
    root = shutil.copytree(drawn, tmp_path / "bowl")
    path = root / "stage1_solution.csv"
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(ValueError, match="stage1_solution.csv: row .* cut off"):
        Bowl(root).solution()


@pytest.mark.parametrize("place", [".", "bowl", "competitions/bowl", "datasets/someone/bowl"])
def test_where_kaggle_mounts_data(tmp_path, monkeypatch, place):
    monkeypatch.setenv("KAGGLE_INPUT", str(tmp_path))
    (tmp_path / place / "stage1_train").mkdir(parents=True)
    assert find_input("none", "stage1_train") == tmp_path / place


def test_what_lies_inside_a_competition_is_not_listed(tmp_path, monkeypatch):
    """It may be a million files."""
    for root in ("bowl", "competitions/bowl"):
        (tmp_path / root / "train" / "images").mkdir(parents=True)
    listed, scandir = [], os.scandir
    monkeypatch.setattr(os, "scandir", lambda path: listed.append(str(path)) or scandir(path))
    monkeypatch.setattr(os, "listdir", None)
    monkeypatch.setenv("KAGGLE_INPUT", str(tmp_path))
    assert find_input("none") is None
    assert not [path for path in listed if "train" in path]


def test_zipped_as_kaggle_keeps_it(drawn, tmp_path):
    for name in ("stage1_train", "stage1_test"):
        shutil.make_archive(str(tmp_path / name), "zip", drawn / name)
    with zipfile.ZipFile(tmp_path / "stage1_sample_submission.csv.zip", "w") as archive:
        archive.write(drawn / "stage1_sample_submission.csv", "stage1_sample_submission.csv")
    zipped, unpacked = Bowl(tmp_path), Bowl(drawn)
    assert zipped.test.ids == unpacked.test.ids and zipped.solution() is None
    with zipfile.ZipFile(tmp_path / "stage1_solution.csv.zip", "w") as archive:
        archive.write(drawn / "stage1_solution.csv", "stage1_solution.csv")
    assert zipped.solution().keys() == unpacked.solution().keys()
    assert np.array_equal(zipped.test.read("hidden0002"), unpacked.test.read("hidden0002"))
    assert np.array_equal(zipped.train.instances(3), unpacked.train.instances(3))


def test_what_is_missing_or_corrupt(drawn, tmp_path, monkeypatch):
    monkeypatch.setenv("KAGGLE_INPUT", str(tmp_path))
    assert Bowl.find() is None and find_input("nothing") is None
    monkeypatch.setenv("KAGGLE_INPUT", str(tmp_path / "none"))
    assert Bowl.find() is None
    shutil.copytree(drawn, tmp_path / "bowl")
    image = tmp_path / "bowl" / "stage1_test" / "hidden0001" / "images" / "hidden0001.png"
    image.write_bytes(image.read_bytes()[:500])
    with pytest.raises(ValueError, match="hidden0001.png cannot be read as an image"):
        Bowl(tmp_path / "bowl").test.read("hidden0001")
    (tmp_path / "bowl" / "stage1_sample_submission.csv").unlink()
    with pytest.raises(FileNotFoundError, match="has neither stage1_sample_submission.csv nor"):
        Bowl(tmp_path / "bowl")
    (tmp_path / "empty" / "stage1_test").mkdir(parents=True)
    from nbhelpers.kaggle.bowl import TestImages

    with pytest.raises(FileNotFoundError, match="holds no <ImageId>/images"):
        TestImages(tmp_path / "empty" / "stage1_test")


def test_the_real_data_has_no_hidden_twins():
    """What `distance=6` does on real microscope pictures: it joins few, and only of one size."""
    root = shared_data("dsb2018_stage1_train_subset.zip")
    nuclei = Nuclei("val", root)
    images = [nuclei.read(index)[0] for index in range(len(nuclei))]
    groups = near_duplicates([perceptual_hash(image) for image in images])
    assert len(np.unique(groups)) >= 0.9 * len(images)
    assert {stain(image) for image in images} <= {"fluorescent", "stained", "grey"}


def test_other_pictures_hash_apart():
    hashes = [perceptual_hash(Street(size=(96, 128)).read(index)[0]) for index in range(12)]
    assert len(np.unique(near_duplicates(hashes))) == 12


def test_tuning_reads_each_prediction_once(tmp_path, monkeypatch):
    def predicted(train, held):
        return (np.full((2, 2), 0.3 * index) for index in held)

    oof, read, load = out_of_fold(np.array([0, 1, 0]), predicted, tmp_path), [], np.load
    monkeypatch.setattr(np, "load", lambda path, **options: read.append(path.name) or load(path, **options))
    truths = [np.ones((2, 2), bool)] * 3
    tune(dice, oof, truths, decide=by_mask, threshold=(0.2, 0.4), min_size=(0, 1))
    assert read == ["0.npy", "1.npy", "2.npy"]
