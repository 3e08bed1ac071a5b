"""in_memory decodes once, and changes nothing but speed; class_weights counts what is labelled."""

import pickle

import numpy as np
import pytest
import torch

from nbhelpers.datasets.dataset import SegmentationDataset, collate
from nbhelpers.datasets.memory import in_memory
from nbhelpers.datasets.statistics import class_weights
from nbhelpers.datasets.transforms import eval_transform, train_transform


class Counted(SegmentationDataset):
    """Pairs of various sizes, and how often each was read."""

    classes = ("A", "B", "C")
    palette = np.array([(1, 2, 3), (4, 5, 6), (7, 8, 9)], dtype=np.uint8)

    def __init__(self, masks, transform=None):
        super().__init__(transform)
        self.masks, self.reads = masks, 0

    def __len__(self):
        return len(self.masks)

    def read(self, index):
        self.reads += 1
        mask = np.asarray(self.masks[index], dtype=np.uint8)
        return np.repeat(mask[..., None] * 10, 3, axis=2), mask


@pytest.fixture
def source():
    generator = np.random.default_rng(0)
    return Counted([generator.choice([0, 1, 2, 255], shape) for shape in ((20, 30), (24, 18), (20, 30))])


def test_an_epoch_decodes_nothing(source):
    data = in_memory(source)
    assert source.reads == len(source)
    for _ in range(3):
        samples = list(data)
    assert source.reads == len(source)
    assert len(samples) == len(data) == 3


def test_samples_and_description_are_those_of_the_source(source):
    data = in_memory(source)
    for (image, mask), (same_image, same_mask) in zip(data, source):
        assert torch.equal(image, same_image) and torch.equal(mask, same_mask)
        assert type(image) is type(same_image) and type(mask) is type(same_mask)
    assert data.classes == source.classes and np.array_equal(data.palette, source.palette)
    assert data.num_classes == 3 and data.ignore_index == 255


def test_a_size_is_what_eval_transform_gives(source):
    data = in_memory(source, size=(10, 12))
    source.transform = eval_transform((10, 12))
    for (image, mask), (expected_image, expected_mask) in zip(data, source):
        assert torch.equal(image, expected_image) and torch.equal(mask, expected_mask)
    images, masks = collate(list(data))
    assert images.shape == (3, 3, 10, 12) and masks.shape == (3, 10, 12)


def test_its_own_transform_stays_random(source):
    data = in_memory(source, transform=train_transform((16, 16)))
    torch.manual_seed(0)
    assert not torch.equal(data[0][0], data[0][0])


def test_a_transform_of_the_source_is_refused(source):
    source.transform = train_transform((16, 16))
    with pytest.raises(ValueError, match=r"Counted has a transform, .* in_memory\(dataset, transform=...\)"):
        in_memory(source)


def test_it_can_be_sent_to_a_worker(source):
    data = in_memory(source, transform=train_transform((16, 16)))
    assert len(pickle.loads(pickle.dumps(data))) == 3
    loader = torch.utils.data.DataLoader(data, batch_size=3, collate_fn=collate, num_workers=1)
    images, masks = next(iter(loader))
    assert images.shape == (3, 3, 16, 16) and images.dtype == torch.float32 and masks.dtype == torch.int64


def test_median_frequency_by_hand():
    # image 1: 6 A, 2 B; image 2: 4 A, 4 C; image 3: 8 A, and 4 void pixels that count nowhere
    masks = [
        [[0, 0, 0, 0], [0, 0, 1, 1]],
        [[0, 0, 0, 0], [2, 2, 2, 2]],
        [[0] * 4, [0] * 4, [255] * 4],
    ]
    # A: 18 of 24 = 0.75; B: 2 of 8 = 0.25; C: 4 of 8 = 0.5; median 0.5
    weights = class_weights(Counted(masks))
    assert weights.dtype == torch.float32
    assert torch.allclose(weights, torch.tensor([0.5 / 0.75, 2.0, 1.0]))


def test_an_absent_class_weighs_nothing_and_shifts_no_median():
    weights = class_weights(Counted([[[0, 0, 0, 1]], [[255, 255, 0, 0]]]))
    # A: 5 of 6; B: 1 of 4; median (5/6 + 1/4) / 2 = 13/24
    assert torch.allclose(weights, torch.tensor([13 / 24 * 6 / 5, 13 / 24 * 4, 0.0]))
    with pytest.raises(ValueError, match="none of the 1 masks has a labelled pixel"):
        class_weights(Counted([[[255, 255]]]))


def test_limit_keeps_the_first_pairs_and_reads_no_more():
    source = Counted([np.full((4, 4), index) for index in range(3)])
    kept = in_memory(source, limit=2)
    assert [mask.max().item() for _, mask in kept] == [0, 1]
    assert source.reads == 2
