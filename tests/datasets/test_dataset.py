"""What every dataset has: pairs as tensors that move together, and batches of them."""

import numpy as np
import pytest
import torch
from torch.utils.data import ConcatDataset, Subset
from torchvision import tv_tensors
from torchvision.transforms import v2

from nbhelpers.datasets import Cells, Eyes, Street
from nbhelpers.datasets.dataset import SegmentationDataset, collate
from nbhelpers.datasets.inside import num_classes_of


class Ramps(SegmentationDataset):
    classes = ("a", "b", "c")
    palette = np.zeros((3, 3), dtype=np.uint8)

    def __len__(self):
        return 4

    def read(self, index):
        image = np.arange(6 * 8 * 3, dtype=np.uint8).reshape(6, 8, 3) + index
        return image, np.full((6, 8), min(index, 2), dtype=np.uint8)


def test_a_sample_is_a_pair_of_tv_tensors():
    image, mask = Ramps()[1]
    assert isinstance(image, tv_tensors.Image) and isinstance(mask, tv_tensors.Mask)
    assert (image.shape, image.dtype) == ((3, 6, 8), torch.uint8)
    assert (mask.shape, mask.dtype) == ((6, 8), torch.uint8)
    assert image[:, 0, 1].tolist() == [4, 5, 6]  # row 0, column 1, red green blue


def test_the_transform_gets_both():
    flipped, plain = Ramps(v2.RandomHorizontalFlip(p=1)), Ramps()
    assert torch.equal(flipped[0][0], plain[0][0].flip(-1))


def test_indices_count_from_the_end_and_stop():
    dataset = Ramps()
    assert torch.equal(dataset[-1][0], dataset[3][0])
    assert len(list(dataset)) == 4
    for index in (4, -5):
        with pytest.raises(IndexError, match=f"index {index} is out of range: Ramps has 4 pairs"):
            dataset[index]


def test_a_batch_is_float_0_to_1_and_int64():
    images, masks = collate([Ramps()[0], Ramps()[3]])
    assert (images.shape, images.dtype) == ((2, 3, 6, 8), torch.float32)
    assert (masks.shape, masks.dtype) == ((2, 6, 8), torch.int64)
    assert type(images) is torch.Tensor and type(masks) is torch.Tensor
    assert torch.equal(images * 255, torch.stack([Ramps()[0][0], Ramps()[3][0]]).float())
    assert images.max() <= 1


def test_float_images_are_left_as_they_are():
    image, mask = Ramps()[0]
    images, _ = collate([(image.float() / 255, mask)])
    assert images.max() <= 1 and images.max() > 0.5


def test_a_batch_of_two_sizes_is_refused():
    small = (torch.zeros(3, 4, 4, dtype=torch.uint8), torch.zeros(4, 4, dtype=torch.uint8))
    with pytest.raises(ValueError, match=r"different sizes \[\(4, 4\), \(6, 8\)\].*batch_size=1"):
        collate([Ramps()[0], small])


def test_subsets_and_concatenations_know_their_classes():
    assert num_classes_of(Subset(Subset(Ramps(), [0, 1]), [0])) == 3
    assert num_classes_of(ConcatDataset([Ramps(), Ramps()])) == 3
    with pytest.raises(ValueError, match="list does not tell its number of classes"):
        num_classes_of([])


@pytest.mark.parametrize("kind", [Street, Cells, Eyes])
def test_every_toy_reads_what_it_has_and_no_more(kind):
    toy = kind("val", (32, 32), length=3)
    assert np.array_equal(toy.read(-1)[0], toy.read(2)[0]) and np.array_equal(toy.read(-3)[0], toy.read(0)[0])
    for index in (3, 99, -4):
        with pytest.raises(IndexError, match=f"index {index} is out of range: {kind.__name__} has 3 pairs"):
            toy.read(index)
