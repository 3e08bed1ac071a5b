import numpy as np
import pytest
import torch

from nbhelpers.datasets import Specks
from nbhelpers.datasets.toy.drawing import LENGTHS


@pytest.mark.parametrize("size", [(48, 64), (32, 100)])
def test_a_pair_is_an_image_and_ids(size):
    for image, mask in Specks("val", size, length=4, share=0.1):
        assert image.shape == (3, *size) and mask.shape == size
        assert image.dtype == mask.dtype == torch.uint8
        assert mask.unique().tolist() == [0, 1]


@pytest.mark.parametrize(("share", "length", "slack"), [(0.2, 100, 0.1), (0.01, 600, 0.15)])
@pytest.mark.parametrize("size", [(32, 48), (60, 32)])
def test_the_share_is_kept_at_every_shape(share, length, slack, size):
    dataset = Specks(size=size, length=length, share=share)
    found = np.mean([dataset.read(index)[1].mean() for index in range(length)])
    assert found == pytest.approx(share, rel=slack)


def test_a_rarer_class_is_in_fewer_pictures_and_its_specks_are_as_bright():
    often, seldom = (Specks(length=300, share=share) for share in (0.02, 0.002))
    pairs = [[dataset.read(index) for index in range(300)] for dataset in (often, seldom)]
    having = [np.mean([mask.any() for _, mask in group]) for group in pairs]
    assert having[0] > 0.7 and 0.05 < having[1] < 0.3
    light = [np.concatenate([image[mask == 1, 0] for image, mask in group]).mean() for group in pairs]
    assert light[0] == pytest.approx(light[1], rel=0.1)


def test_the_same_index_gives_the_same_pixels_and_the_scene_keeps_when_the_size_changes():
    one = Specks(length=9, share=0.1)
    other = Specks(length=9, share=0.1)
    large = Specks(size=(144, 192), share=0.1)
    for index in (3, 0):
        for a, b in zip(one.read(index), other.read(index)):
            assert np.array_equal(a, b)
        assert (one.read(index)[1] == large.read(index)[1][1::3, 1::3]).mean() > 0.97


def test_pictures_differ_by_split_seed_and_index():
    datasets = [Specks(split, seed=seed) for split in LENGTHS for seed in (0, 1)]
    pictures = {dataset.read(index)[0].tobytes() for dataset in datasets for index in range(3)}
    assert len(pictures) == len(datasets) * 3


@pytest.mark.parametrize("share", [0, -0.1, 0.4, float("nan")])
def test_a_share_that_makes_no_sense_is_refused(share):
    with pytest.raises(ValueError, match=f"share is {share}; it must be above 0 and at most 0.3"):
        Specks(share=share)
