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


class Anything(SegmentationDataset):
    """Pairs as they are given."""

    classes = ("A", "B")
    palette = np.zeros((2, 3), dtype=np.uint8)

    def __init__(self, *pairs, num_classes=2):
        super().__init__()
        self.pairs, self.classes = pairs, tuple(map(str, range(num_classes)))

    def __len__(self):
        return len(self.pairs)

    def read(self, index):
        return self.pairs[index]


IMAGE = np.zeros((4, 6, 3), dtype=np.uint8)
MASK = np.zeros((4, 6), dtype=np.uint8)
MASK[0, 0] = 1
VOID = MASK.copy()
VOID[1] = 255
FAULTY = {
    "300 classes": ([(IMAGE, MASK)], 300, "num_classes = 300; it must be a whole number from 2 to 255"),
    "an id beyond a byte": (
        [(IMAGE, MASK), (IMAGE, MASK * np.int32(256))],
        2,
        r"Anything\[1\]: masks hold 0 and 256",
    ),
    "a negative id": ([(IMAGE, -MASK.astype(np.int16))], 2, r"Anything\[0\]: masks hold -1 and 0"),
    "no class": ([(IMAGE, MASK * 7)], 2, "masks hold 0 and 7"),
    "fractions": ([(IMAGE, MASK / 255)], 2, "masks are float64 and hold fractions .*divided by 255"),
    "whole floats": ([(IMAGE, MASK * 1.0)], 2, "masks are float64, but must be integers"),
    "black and white": (
        [(IMAGE, MASK), (IMAGE, MASK * 255)],
        2,
        r"Anything\[1\]: masks hold 0 and 255.*void = 255",
    ),
    "an axis too many": ([(IMAGE, MASK[..., None])], 2, r"shape \(4, 6, 1\), but must be \(H, W\)"),
    "float64 images": ([(IMAGE / 255, MASK)], 2, "images are float64"),
    "16 bits": ([(IMAGE.astype(np.uint16), MASK)], 2, "images are uint16"),
    "grey": ([(IMAGE[..., 0], MASK)], 2, r"images have shape \(4, 6\)"),
    "another size": ([(IMAGE, MASK[:2])], 2, "must be equally large"),
    "no arrays": ([(IMAGE.tolist(), MASK)], 2, "images are list"),
}


@pytest.mark.parametrize(
    ("keep", "case"),
    [(in_memory, case) for case in FAULTY]
    + [(class_weights, case) for case in FAULTY if case != "black and white"],  # left to fit
)
def test_what_is_no_pair_is_refused_before_it_is_cast(keep, case):
    pairs, num_classes, words = FAULTY[case]
    with pytest.raises(ValueError, match=words):
        keep(Anything(*pairs, num_classes=num_classes))


@pytest.mark.parametrize(
    "dtype", [np.int8, np.uint8, np.int16, np.uint16, np.int32, np.int64, np.uint32, np.uint64, ">i4"]
)
def test_ids_of_any_integer_type_are_kept(dtype):
    (mask,) = in_memory(Anything((IMAGE, MASK.astype(dtype)))).masks
    assert mask.dtype == np.uint8 and np.array_equal(mask, MASK)


def test_void_that_was_seen_beside_a_class_stays_void_when_it_is_resized_away():
    source = Anything((IMAGE, VOID), (IMAGE, np.where(VOID == 255, 255, 0).astype(np.uint8)))
    assert in_memory(source, size=(2, 3)).void == 255
    assert in_memory(Anything((IMAGE, MASK))).void is None


def test_a_subset_is_no_dataset_to_keep(source):
    with pytest.raises(ValueError, match=r"but got Subset; call it before Subset, .*read\(index\)"):
        in_memory(torch.utils.data.Subset(source, [0]))
