import cv2
import numpy as np
import pytest
import torch

from nbhelpers.datasets.toy.cells import Cells, _Nuclei
from nbhelpers.datasets.toy.drawing import LENGTHS


@pytest.mark.parametrize("size", [(128, 128), (32, 100), (97, 41)])
def test_a_pair_is_an_image_and_ids(size):
    dataset = Cells("val", size, length=8)
    for image, mask in dataset:
        assert image.shape == (3, *size) and mask.shape == size
        assert image.dtype == mask.dtype == torch.uint8
        assert mask.unique().tolist() == [0, 1]
    assert {split: len(Cells(split)) for split in LENGTHS} == {"train": 600, "val": 100, "test": 100}


def test_the_same_index_gives_the_same_pixels_in_any_order():
    one, other = Cells(length=9), Cells(length=9)
    expected = [one.read(index) for index in range(4)]
    for index in (3, 1, 2, 0):
        for a, b in zip(expected[index], other.read(index)):
            assert np.array_equal(a, b)
    assert np.array_equal(one.instances(-1), other.instances(8))


def test_pictures_differ_by_split_seed_and_index():
    datasets = [Cells(split, seed=seed) for split in LENGTHS for seed in (0, 1)]
    pictures = {dataset.read(index)[0].tobytes() for dataset in datasets for index in range(3)}
    assert len(pictures) == len(datasets) * 3


def test_the_scene_stays_the_same_when_the_size_changes():
    small, large = Cells(size=(96, 128), length=20), Cells(size=(288, 384), length=20)
    for index in range(20):
        image, mask = small.read(index)
        big_image, big_mask = large.read(index)
        assert (mask == big_mask[1::3, 1::3]).mean() > 0.96  # the centre of each 3 x 3 block; edges may round
        shrunk = cv2.resize(big_image, (128, 96), interpolation=cv2.INTER_AREA).astype(float)
        assert np.abs(shrunk - image).mean() < 12  # of 255: the same stain and focus, noise apart


def test_instances_are_numbered_and_agree_with_the_mask():
    dataset = Cells(length=40)
    for index in range(40):
        ids, mask = dataset.instances(index), dataset.read(index)[1]
        assert ids.shape == (128, 128) and ids.dtype == np.int32
        assert np.array_equal(ids > 0, mask == 1)
        assert np.array_equal(np.unique(ids)[-ids.max() :], np.arange(1, ids.max() + 1))


def touching(ids):
    """Number of pixels that lie left of, or above, a pixel of another nucleus."""
    pairs = ((ids[:, 1:], ids[:, :-1]), (ids[1:], ids[:-1]))
    return sum(int(((a != b) & (a > 0) & (b > 0)).sum()) for a, b in pairs)


def test_nuclei_touch_so_that_components_are_fewer_than_nuclei():
    dataset = Cells(length=60)
    ids = [dataset.instances(index) for index in range(60)]
    assert np.mean([touching(i) > 0 for i in ids]) > 0.6
    nuclei = sum(i.max() for i in ids)
    components = sum(cv2.connectedComponents((i > 0).astype(np.uint8))[0] - 1 for i in ids)
    assert components < 0.75 * nuclei


def test_a_nucleus_on_top_owns_its_pixels():
    dataset = Cells(length=30)
    overlaps = 0
    for index in range(30):
        nuclei = _Nuclei(dataset.rng(index), dataset.size)
        assert np.array_equal(nuclei.top > 0, nuclei.bottom > 0)
        assert (nuclei.top >= nuclei.bottom).all()  # numbers rise with the order of drawing
        overlaps += (nuclei.top > nuclei.bottom).any()
        areas, whole = np.bincount(nuclei.top.ravel(), minlength=nuclei.count + 1), []
        for number in range(1, nuclei.count + 1):
            count, _, stats, _ = cv2.connectedComponentsWithStats((nuclei.top == number).astype(np.uint8))
            whole.append(count <= 2 or stats[1:, cv2.CC_STAT_AREA].max() > 0.5 * areas[number])
        assert np.mean(whole) > 0.9  # a nucleus is one piece, unless another lies across it
    assert overlaps >= 15


def test_number_size_and_share_vary():
    dataset = Cells(length=150)
    ids = [dataset.instances(index) for index in range(150)]
    counts = np.array([i.max() for i in ids])
    sides = np.array([np.sqrt(np.median(np.bincount(i.ravel())[1:])) for i in ids])
    shares = np.array([(i > 0).mean() for i in ids])
    assert counts.min() >= 1 and counts.max() > 80
    assert np.percentile(sides, 5) < 9 and np.percentile(sides, 95) > 18  # pixels of 128
    assert shares.min() < 0.04 and shares.max() > 0.3


def test_fluorescent_nuclei_are_brighter_and_stained_ones_darker_than_what_surrounds_them():
    dataset = Cells(length=150)
    fluorescent, right = [], []
    for index in range(150):
        image, mask = dataset.read(index)
        background = np.median(image[mask == 0])
        fluorescent.append(background < 90)
        around = (cv2.dilate(mask, np.ones((9, 9))) > 0) & (mask == 0)
        contrast = image[mask == 1].mean() - image[around].mean()
        right.append(contrast > 0 if fluorescent[-1] else contrast < 0)
        if fluorescent[-1]:
            assert (image[..., 0] == image[..., 2]).all()
    assert 0.5 < np.mean(fluorescent) < 0.8
    assert np.mean(right) > 0.98


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"split": "training"}, "split is 'training'; it must be one of 'train', 'val', 'test'"),
        ({"size": (128,)}, r"size is \(128,\); it must be \(height, width\)"),
        ({"size": (128, 31)}, "the width in size is 31; it must be an integer of at least 32"),
        ({"length": 1.5}, "length is 1.5; it must be an integer of at least 1"),
        ({"seed": True}, "seed is True; it must be an integer of at least 0"),
    ],
)
def test_bad_arguments_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        Cells(**arguments)


def test_there_is_no_picture_past_the_end():
    for ask in (Cells(length=3).instances, Cells(length=3).read, Cells(length=3).__getitem__):
        with pytest.raises(IndexError, match="index 3 is out of range: Cells has 3 pairs"):
            ask(3)
