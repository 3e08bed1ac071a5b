"""The gate of a data set: faults anywhere in it are refused in plain words, sound sets are read no further than need be."""

import random
import re

import numpy as np
import PIL.Image
import pytest
import torch
from torch.utils.data import ConcatDataset, Dataset, Subset

from nbhelpers.checks import Gate, check_batch, check_sample
from nbhelpers.datasets.dataset import collate
from nbhelpers.datasets.inside import leaves

GENERATOR = torch.Generator().manual_seed(0)
IMAGES = torch.randint(0, 255, (16, 3, 24, 32), generator=GENERATOR, dtype=torch.uint8)
IDS = (IMAGES[:, 0] > 180).to(torch.uint8)  # 0 and 1 in every mask
VOID = torch.where(IMAGES[:, 1] > 240, 255, IDS)  # 0, 1 and 255
WHITE = IDS * 255


class Mine(Dataset):
    """A data set of one's own: what `sample(index)` gives; counts its reads."""

    num_classes = 2

    def __init__(self, sample, length=16, **attributes):
        self.sample, self.length, self.reads = sample, length, 0
        vars(self).update(attributes)

    def __len__(self):
        return self.length

    def __getitem__(self, index):
        if not 0 <= index < self.length:
            raise FileNotFoundError(index)  # as a set that reads files by their numbers
        self.reads += 1
        return self.sample(index)


def masks_of(masks, **options):
    return Mine(lambda index: (IMAGES[index], masks[index]), **options)


def passes(dataset, name="train", batch=4):
    """Inspect a set and see an epoch of it, as `fit` does."""
    gate = Gate(dataset, name)
    gate.inspect(batch)
    for start in range(0, len(dataset), batch):
        gate.see(collate([dataset[i] for i in range(start, min(start + batch, len(dataset)))])[1])
    return gate


def some(wrong, right, indices):
    return [wrong[index] if index in indices else right[index] for index in range(16)]


SOUND = {
    "ids": masks_of(IDS),
    "void": masks_of(VOID),
    "void in one mask": masks_of(some(VOID, IDS, [3])),
    "a mask of void and background alone": masks_of(some(WHITE, VOID, [0, 1, 2, 3])),
    "no object": masks_of(IDS * 0),
    "void declared": masks_of(WHITE, void=255),
    "one label, late": masks_of(some(IDS, IDS * 0 + 255, [3])),
    "all classes of a byte": masks_of(
        torch.arange(24 * 32).remainder(256).view(24, 32).expand(16, -1, -1), num_classes=255
    ),
    "int8": masks_of(IDS.char()),
    "uint16": masks_of([torch.from_numpy(mask.numpy().astype(np.uint16)) for mask in IDS]),
    "one channel": Mine(lambda index: (IMAGES[index, :1], IDS[index])),
    "six channels": Mine(lambda index: (IMAGES[index].repeat(2, 1, 1), IDS[index])),
    "floats a little above 1": Mine(lambda index: (IMAGES[index].float() / 254 * 1.00001, IDS[index])),
    "merged": ConcatDataset([masks_of(IDS), masks_of(VOID)]),
    "a part": Subset(masks_of(some(WHITE, IDS, [3])), [0, 1, 2, 4]),
}


@pytest.mark.parametrize("case", SOUND)
def test_a_sound_set_passes(case):
    passes(SOUND[case])


BLACK_AND_WHITE = r"masks hold 0 and 255, but the classes are 0..1 and 255 = ignore; pass binary=True, or divide the mask by 255.*void = 255"
FAULTY_MASKS = {
    "black and white": (masks_of(WHITE), "train\\[0\\]: " + BLACK_AND_WHITE),
    "the first file alone is right": (masks_of(some(IDS, WHITE, [0])), BLACK_AND_WHITE),
    "one file is wrong, and no spread sample": (
        masks_of(some(WHITE, IDS, [3])),
        "train\\[3\\]: " + BLACK_AND_WHITE,
    ),
    "blank masks first": (masks_of(some(IDS * 0, WHITE, range(8))), BLACK_AND_WHITE),
    "all black or all white": (
        masks_of([mask * 0 + 255 * (k % 2) for k, mask in enumerate(IDS)]),
        BLACK_AND_WHITE,
    ),
    "all black, and a late one white": (
        masks_of(some(IDS * 0 + 255, IDS * 0, [3])),
        "train\\[3\\]: " + BLACK_AND_WHITE,
    ),
    "a wrong part of a merged set": (
        ConcatDataset([masks_of(VOID), masks_of(WHITE)]),
        "train\\[16\\]: " + BLACK_AND_WHITE,
    ),
    "a wrong part, blank at its ends": (
        ConcatDataset([masks_of(VOID), masks_of(some(WHITE, IDS * 0, range(5, 9)))]),
        BLACK_AND_WHITE,
    ),
    "a subset of a merged set": (
        Subset(ConcatDataset([masks_of(VOID), masks_of(WHITE)]), [0, 1, 30, -1]),
        "train\\[2\\]: " + BLACK_AND_WHITE,
    ),
    "nothing but void": (
        masks_of(IDS * 0 + 255),
        "train: none of the 16 masks has a labelled pixel.*hidden test",
    ),
    "a late id": (
        masks_of(some(IDS + 6, IDS, [3])),
        "a mask of train: masks hold 6 and 7, .*raise num_classes",
    ),
    "a late id between the classes and void": (
        masks_of(some(VOID.clamp(max=254), VOID, [3])),
        "masks hold 0, 1 and 254",
    ),
    "a late id, the first that is no class": (
        masks_of(some(IDS + 1, IDS, [3])),
        "a mask of train: masks hold 1 and 2, but the classes are 0..1",
    ),
    "the same beside void": (
        masks_of(some(torch.where(VOID == 1, 2, VOID), IDS, [3])),
        "a mask of train: masks hold 0, 2 and 255, but the classes are 0..1",
    ),
    "a late negative id": (
        masks_of(some(-IDS.long(), IDS.long(), [3])),
        "hold -1 and 0, .*if -1 marks void",
    ),
    "an id of 300 classes": (masks_of(IDS.long() * 256), "hold 0 and 256"),
    "ids / 255": (
        masks_of(IDS / 255),
        r"train\[0\]: masks are float32 .*fractions such as 0.00392.*divided by 255",
    ),
    "ids / 255, late": (masks_of(some(IDS / 255, IDS, [3])), "masks are float32 .*divided by 255"),
    "floats": (masks_of(IDS.float()), r"masks are float32, but must be integers.*masks = masks.long\(\)"),
    "floats with nan": (masks_of(IDS / 0.0), "hold nan or inf"),
    "half precision": (masks_of((IDS / 255).half()), "masks are float16 and hold fractions"),
    "bool": (masks_of(IDS.bool()), "masks are bool"),
    "an axis of channels": (
        masks_of(IDS[:, None]),
        r"shape \(1, 24, 32\), but must be \(H, W\).*masks = masks\[0\]",
    ),
    "one-hot": (
        masks_of(torch.stack([1 - IDS, IDS], dim=1)),
        r"shape \(2, 24, 32\).*one-hot: masks = masks.argmax\(0\)",
    ),
    "colours": (masks_of(IMAGES.movedim(1, -1)), r"shape \(24, 32, 3\).*look like colours"),
    "smaller": (
        masks_of(IDS[:, ::2]),
        r"images are \(3, 24, 32\), but their masks \(12, 32\).*one transform",
    ),
    "turned": (masks_of(IDS.mT), r"masks \(32, 24\).*turned by 90 degrees"),
    "numpy masks": (masks_of(IDS.numpy()), r"masks are ndarray, .*mask = torch.from_numpy\(mask\)$"),
}
FAULTY_IMAGES = {
    "float64": (lambda image: image.double() / 255, r"images are float64 \(3, 24, 32\).*images.float\(\)"),
    "float16": (lambda image: (image / 255).half(), r"images are float16.*images.float\(\)"),
    "int64": (lambda image: image.long(), r"images are int64.*images.to\(torch.uint8\)"),
    "uint16": (
        lambda image: torch.from_numpy(image.numpy().astype(np.uint16) * 257),
        "images are uint16.*/ 65535",
    ),
    "bool": (lambda image: image > 100, r"images are bool.*images.float\(\)"),
    "channels last": (lambda image: image.movedim(0, -1), r"shape \(24, 32, 3\).*movedim\(-1, -3\)"),
    "grey without an axis": (lambda image: image[0], r"shape \(24, 32\).*image\[None\].*expand"),
    "a batch": (lambda image: image[None], r"shape \(1, 3, 24, 32\).*too many"),
    "empty": (lambda image: image[:, :0], "without a pixel"),
    "numpy": (
        lambda image: image.movedim(0, -1).numpy(),
        r"images are ndarray.*image = torch.from_numpy\(image\).permute\(2, 0, 1\)",
    ),
    "Pillow": (
        lambda image: PIL.Image.fromarray(image.movedim(0, -1).numpy()),
        r"images are Image.*torch.from_numpy\(np.array\(image\)\)",
    ),
    "a path": (lambda image: "a.png", "images are str.*return two tensors"),
    "floats 0..255": (lambda image: image.float(), "floats from 0 to 254, .*divide 0..255 by 255 once"),
    "floats a little above 1": (lambda image: image.float() / 254 * 1.002, "floats from 0 to 1.002, "),
    "floats below 0": (
        lambda image: image / 255 - 0.002,
        "floats from -0.002 to .*take Normalize out",
    ),
    "floats of 16 bits": (lambda image: image.float() * 257, "to 6.528e.04, .*/ 65535"),
    "normalised": (lambda image: (image / 255 - 0.45) / 0.22, "floats from -2.045 to .*take Normalize out"),
    "nan": (lambda image: image / 0.0, "images hold nan or inf, .*deviation of 0"),
}
FAULTY_SAMPLES = {
    "a dict": (
        lambda image, mask: {"image": image, "mask": mask},
        r"a dict of image, mask.*sample\['image'\]",
    ),
    "three parts": (lambda image, mask: (image, mask, "name"), "a sample has 3 parts"),
    "an image alone": (lambda image, mask: image, "a sample is Tensor"),
}
FAULTS = FAULTY_MASKS | {
    name: (Mine(lambda index, change=change: (change(IMAGES[index]), IDS[index])), words)
    for name, (change, words) in FAULTY_IMAGES.items()
}
FAULTS |= {
    name: (Mine(lambda index, make=make: make(IMAGES[index], IDS[index])), words)
    for name, (make, words) in FAULTY_SAMPLES.items()
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_faulty_set_is_refused_with_the_values_and_the_cure(fault):
    dataset, words = FAULTS[fault]
    with pytest.raises(ValueError, match=words):
        passes(dataset)


@pytest.mark.parametrize("fault", [*FAULTY_IMAGES, *FAULTY_SAMPLES])
@pytest.mark.parametrize("position", [0, 3, 15])
def test_a_single_faulty_sample_is_refused_wherever_it_is(fault, position):
    right = masks_of(IDS)
    mixed = Mine(lambda index: (FAULTS[fault][0] if index == position else right)[index])
    with pytest.raises(ValueError, match=f"{FAULTS[fault][1]}|a batch holds images"):
        passes(mixed)


SETS = {
    "no length": (iter(()), "train is .*, which has no length"),
    "300 classes": (
        masks_of(IDS, num_classes=300),
        "num_classes = 300; it must be a whole number from 2 to 255.*void",
    ),
    "256 classes": (
        masks_of(IDS, num_classes=256),
        "num_classes = 256; it must be a whole number from 2 to 255",
    ),
    "one class": (masks_of(IDS, num_classes=1), "num_classes = 1; .*background counts as a class"),
    "no number": (masks_of(IDS, num_classes="two"), "num_classes = 'two'"),
    "another void": (
        masks_of(IDS, ignore_index=0),
        r"ignore_index = 0, but void is 255 here: masks\[masks == 0\] = 255",
    ),
    "parts of other classes": (
        ConcatDataset([masks_of(IDS), masks_of(IDS, num_classes=5)]),
        r"the parts of train tell \[2, 5\] classes",
    ),
}


@pytest.mark.parametrize("case", SETS)
def test_a_set_that_says_something_impossible_is_refused(case):
    dataset, words = SETS[case]
    with pytest.raises(ValueError, match=words):
        Gate(dataset, "train")


NO_OBJECT = some(IDS * 0 + 255, some(IDS * 0, IDS, [2]), [3])  # late, one of background and one of void alone


@pytest.mark.parametrize(
    "masks", [IDS, VOID, some(VOID, IDS, [3]), NO_OBJECT], ids=["ids", "void", "rare void", "no object"]
)
def test_a_sound_set_is_read_once_more_for_no_more_than_a_batch(masks):
    data = masks_of(masks)
    passes(data)
    assert data.reads == 16 + 4


def test_a_doubt_is_read_on_only_until_it_is_settled():
    data = masks_of(some(WHITE, VOID, [0, 1]))  # the third shows what 255 is
    Gate(data, "train").inspect(1)
    assert data.reads == 1 + 3
    data = masks_of(some(IDS, IDS * 0 + 255, [4]))
    Gate(data, "valid").inspect(1)
    assert data.reads == 1 + 5


def test_what_is_inspected_is_spread_and_returned():
    gate = Gate(masks_of(IDS), "train")
    samples = gate.inspect(4)
    assert all(
        torch.equal(image, IMAGES[index]) for (image, _), index in zip(samples, (0, 5, 10, 15), strict=True)
    )
    assert len(gate.inspect(99)) == 16


def test_of_every_part_a_sample_is_looked_at_before_any_training():
    parts = ConcatDataset([masks_of(IDS), masks_of(IDS.float(), length=1), masks_of(IDS)])
    with pytest.raises(ValueError, match=r"train\[16\]: masks are float32"):
        Gate(parts, "train").inspect(4)  # of 33, spread: 0, 10, 21 and 32


def test_looking_changes_no_random_state():
    def drawn(index):
        return IMAGES[index], IDS[index] * int(torch.rand(1) + np.random.rand() + random.random() < 9)

    states = torch.get_rng_state(), np.random.get_state()[1].copy(), random.getstate()
    Gate(Mine(drawn), "train").inspect()
    assert torch.equal(torch.get_rng_state(), states[0])
    assert np.array_equal(np.random.get_state()[1], states[1]) and random.getstate() == states[2]


def test_leaves_know_where_their_samples_stand():
    first, second = masks_of(IDS), masks_of(VOID)
    parts = leaves(Subset(ConcatDataset([Subset(first, [5, 6, 7]), second]), [1, 3, 18, 0]))
    assert [(p.dataset, list(p.indices), list(p.positions)) for p in parts] == [
        (first, [6, 5], [0, 3]),
        (second, [0, 15], [1, 2]),
    ]

    class Changes(Subset):
        def __getitem__(self, index):
            return super().__getitem__(index)

        def __getitems__(self, indices):
            return [self[index] for index in indices]

    changed = Changes(first, [0])
    assert leaves(changed)[0].dataset is changed


def test_the_file_is_named():
    with pytest.raises(ValueError, match=re.escape("train[0] (folder/3.png): masks are float32")):
        passes(Subset(masks_of(IDS.float(), name=lambda index: f"folder/{index}.png"), [3]))


BATCHES = {
    "bytes": (IMAGES, IDS, "images are uint8, but a batch must be float32 0..1; images = images.float"),
    "no batch": (IMAGES[0] / 255, IDS[0], r"shape \(3, 24, 32\).*pass a batch: images\[None\]"),
    "a mask without its batch": (IMAGES / 255, IDS[0], r"shape \(24, 32\).*pass a batch: masks\[None\]"),
    "fewer masks": (IMAGES / 255, IDS[:3], r"images are \(16, 3, 24, 32\), but their masks \(3, 24, 32\)"),
    "white": (IMAGES / 255, WHITE, "masks hold 0 and 255"),
}


@pytest.mark.parametrize("case", BATCHES)
def test_a_batch_is_judged_by_the_same_rules(case):
    images, masks, words = BATCHES[case]
    check_batch(IMAGES / 255, IDS, 2)
    with pytest.raises(ValueError, match=words):
        check_batch(images, masks, 2)


def test_one_sample():
    check_sample((IMAGES[0], IDS[0]), 2)
    with pytest.raises(ValueError, match="^masks hold 0 and 7"):
        check_sample((IMAGES[0], IDS[0] * 7), 2)
