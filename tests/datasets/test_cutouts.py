"""Tiles, pasted objects, windows around a class, neighbours as channels, several annotators: all drawn by seed."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch.utils.data import Subset
from torchvision import tv_tensors

from nbhelpers.checks import check_sample
from nbhelpers.datasets import IGNORE, Annotators, Cells, ClassCrop, CopyPaste, Neighbours, Tiles, in_memory
from nbhelpers.datasets.dataset import SegmentationDataset
from nbhelpers.losses import pixel_loss
from nbhelpers.models.unet import UNet
from nbhelpers.training import fit
from nbhelpers.training.randomness import Batches, seeded_loader


class Arrays(SegmentationDataset):
    """Pairs as given; an image tells its own index by its pixels."""

    classes, palette = ("Ground", "Thing"), np.array([(0, 0, 0), (255, 255, 255)], np.uint8)

    def __init__(self, masks, channels=1):
        super().__init__()
        self.masks, self.channels = [np.asarray(mask, np.uint8) for mask in masks], channels

    def __len__(self):
        return len(self.masks)

    def read(self, index):
        image = np.full((*self.masks[index].shape, self.channels), index + 1, np.uint8)
        return image, self.masks[index]


def slide(side=64, square=(0, 0, 0, 0)):
    mask = np.zeros((side, side), np.uint8)
    top, left, height, width = square
    mask[top : top + height, left : left + width] = 1
    return mask


# Tiles


def test_the_grid_is_laid_twice():
    tiles = Tiles(Arrays([np.zeros((40, 70))]), tile=32)
    assert tiles.places.tolist() == [[0, top, left] for top in (0, 8) for left in (0, 16, 32, 38)]
    assert len(tiles) == 2 * 3  # as many as cover it once
    assert len(Tiles(Arrays([np.zeros((40, 70))]), tile=32, length=100)) == 100


def test_bins_of_area_come_equally_often():
    """Of the tiles with foreground one is full and most are grazed; each bin is drawn in a quarter of the draws."""
    masks = [slide(64, (0, 0, 32, 32)), *[slide(64, (0, 0, 32, 6))] * 9]
    tiles = Tiles(Arrays(masks), tile=32, empty=0.25, bins=4)
    filled = [len(each) for each in tiles.bins]
    assert filled[0] > 5 * filled[4] and filled[1] > 5 * filled[4]
    torch.manual_seed(0)
    areas = np.array([tiles.read(0)[1].sum() / 32**2 for _ in range(2000)])
    assert np.mean(areas == 0) == pytest.approx(0.25, abs=0.03)
    occupied = np.flatnonzero(filled[1:])
    for number in occupied:
        share = np.mean((areas > number / 4) & (areas <= (number + 1) / 4))
        assert share == pytest.approx(0.75 / len(occupied), abs=0.04)


def test_bins_end_at_the_largest_area():
    tiles = Tiles(Arrays([slide(64, (0, 0, 8, 8)), slide(64, (0, 0, 8, 2))]), tile=32, bins=4)
    assert [len(each) for each in tiles.bins[1:]] == [1, 0, 0, 1]  # of 16 and of 64 pixels


def test_small_pictures_and_void():
    mask = slide(20, (2, 2, 4, 4))
    mask[10:] = IGNORE
    tiles = Tiles(Arrays([mask]), tile=32)
    image, found = tiles.read(0)
    assert image.shape == (32, 32, 1) and image[:20, :20].all() and not image[20:].any()
    assert np.array_equal(found[:20, :20], mask) and (found[20:] == IGNORE).all()
    void = np.full((64, 64), IGNORE, np.uint8)
    void[:8, :8] = 1
    assert Tiles(Arrays([void]), tile=32).places.tolist() == [[0, 0, 0]]
    with pytest.raises(ValueError, match="no tile with a labelled pixel"):
        Tiles(Arrays([np.full((64, 64), IGNORE)]), tile=32)


def test_the_natural_share_of_empty_tiles_counts_no_void():
    mask = slide(64, (0, 0, 32, 32))
    mask[32:] = IGNORE
    mask[32:, 63] = 0
    tiles = Tiles(Arrays([mask]), tile=32, length=100)
    places = tiles.places[:, 1:].tolist()
    empty = [not (mask[top : top + 32, left : left + 32] == 1).any() for top, left in places]
    assert tiles.empty_share == pytest.approx(np.mean(empty)) and 0 < np.mean(empty) < 1


def test_only_the_pictures_of_the_training_folds_are_cut():
    tiles = Tiles(Arrays([slide(64)] * 5), tile=32, indices=[1, 3])
    assert {int(tiles.read(0)[0][0, 0, 0]) for _ in range(60)} == {2, 4}


def test_black_and_white_is_no_void():
    with pytest.raises(ValueError, match="masks hold 0 and 255"):
        Tiles(Arrays([slide(64) + 255 * slide(64, (0, 0, 9, 9))]), tile=32)


@pytest.mark.parametrize("options", [{"tile": 1}, {"bins": 0}, {"empty": 1.5}, {"empty": (0.0, -0.1)}])
def test_tiles_that_cannot_be(options):
    with pytest.raises(ValueError, match="there must be 2 pixels a side, 1 bin, and shares of 0 to 1"):
        Tiles(Arrays([slide(64)]), **options)


@pytest.mark.parametrize("wrap", [lambda tiles: tiles, lambda tiles: Subset(tiles, range(len(tiles)))])
@pytest.mark.parametrize("workers", [0, 2])
def test_the_share_of_empty_tiles_goes_with_the_training(wrap, workers):
    tiles = Tiles(Arrays([slide(64, (0, 0, 8, 8))] * 4), tile=32, empty=(0.0, 1.0), length=40)
    batches, shares = Batches(40, 8, seed=0), []
    with seeded_loader(wrap(tiles), batches, workers) as loader:
        for epoch in range(3):
            batches.epoch, batches.progress = epoch, epoch / 2
            shares.append(np.mean([not mask.any() for _, masks in loader for mask in masks]))
    assert shares[0] == 0 and 0.25 < shares[1] < 0.75 and shares[2] == 1
    assert tiles.progress == 0.0  # as it was


def test_fit_tells_the_progress():
    seen = []

    class Watched(Tiles):
        def read(self, index):
            seen.append(self.progress)
            return super().read(index)

    source = Arrays([slide(64, (0, 0, 8, 8))] * 2, channels=3)
    network = UNet(num_classes=2, widths=(4, 8))
    fit(network, Watched(source, 32, length=4), source, epochs=3, batch_size=4, precision="fp32", quiet=True)
    assert [seen[-12:].count(value) for value in (0.0, 0.5, 1.0)] == [4, 4, 4]


# Copy-paste


def test_objects_keep_shape_and_colour():
    ids = [np.zeros((24, 24), np.int32) for _ in range(3)]
    ids[1][3:5, 3:10] = 7  # 2 x 7 pixels
    pictures = Arrays([each > 0 for each in ids], channels=3)
    pasted = CopyPaste(pictures, ids, most=1)
    torch.manual_seed(0)
    draws = [pasted.read(0) for _ in range(40)]
    areas = {int(mask.sum()) for _, mask in draws}
    assert areas == {0, 14}  # none or one, always whole
    for image, mask in draws:
        assert (image[mask == 1] == 2).all() and (image[mask == 0] == 1).all()
    assert len({tuple(np.argwhere(mask)[0]) for _, mask in draws if mask.any()}) > 10  # places differ
    assert not pictures.masks[0].any()  # the source is as it was


def test_objects_of_other_folds_and_kinds_are_not_given():
    ids = [np.full((8, 8), 1, np.int32)] * 4
    pictures = Arrays([np.zeros((8, 8))] * 4)

    def givers(**options):
        pasted = CopyPaste(pictures, ids, most=1, **options)
        return {int(pasted.read(0)[0][0, 0, 0]) for _ in range(60)}

    assert givers() == {1, 2, 3, 4}
    assert givers(indices=[0, 2]) == {1, 3}
    assert givers(kinds=["a", "b", "b", "a"]) == {1, 4}
    assert givers(kinds=["a", "b", "b", "a"], indices=[0, 1]) == {1}


def test_an_object_larger_than_the_picture_is_cut():
    pictures = Arrays([np.zeros((6, 9)), np.ones((12, 12))])
    pasted = CopyPaste(pictures, [np.zeros((6, 9), np.int32), np.ones((12, 12), np.int32)], most=1)
    assert {int(pasted.read(0)[1].sum()) for _ in range(20)} == {0, 54}


def test_pictures_without_their_instances():
    with pytest.raises(ValueError, match="2 pictures, 1 instances and 2 kinds"):
        CopyPaste(Arrays([slide()] * 2), [slide()])
    with pytest.raises(ValueError, match="most is 0"):
        CopyPaste(Arrays([slide()]), [slide()], most=0)
    pasted = CopyPaste(Arrays([slide(8)]), [np.ones((9, 9), int)], most=30)
    with pytest.raises(ValueError, match=r"instances of picture 0 are \(9, 9\) and its mask \(8, 8\)"):
        for _ in range(9):
            pasted.read(0)


class Painted(Arrays):
    """Of three classes; a pixel of any picture but the first tells its place."""

    classes, palette = ("Ground", "Thing", "Other"), np.eye(3, dtype=np.uint8)

    def read(self, index):
        image, mask = super().read(index)
        return image + index * np.arange(mask.size, dtype=np.uint8).reshape(*mask.shape, 1), mask


def test_an_object_comes_without_its_surroundings_and_in_four_mirrored_forms():
    ids = np.zeros((5, 6), np.uint8)
    ids[1:4, 1] = ids[3, 2] = 1  # an L, which no mirror leaves as it is
    mask = ids.copy()
    mask[1, 2] = 2  # something else, in the corner of its box
    pasted, found = CopyPaste(Painted([ids * 0, mask]), [ids * 0, ids], most=1), set()
    thing = (pasted.source.read(1)[0][..., 0] * ids)[1:4, 1:3]
    torch.manual_seed(0)
    for image, mask in (pasted.read(0) for _ in range(200)):
        assert (image[mask == 0] == 1).all() and set(mask.flat) <= {0, 1}
        if mask.any():
            rows, columns = np.nonzero(mask)
            box = np.s_[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
            found.add((image[..., 0] * mask)[box].tobytes())
    assert found == {thing[::down, ::right].tobytes() for down in (1, -1) for right in (1, -1)}


def test_an_object_is_pasted_anywhere():
    ids = np.zeros((2, 3), int)
    ids[0, 0] = 1
    pasted = CopyPaste(Arrays([ids * 0, ids]), [ids * 0, ids], most=1)
    torch.manual_seed(0)
    masks = [pasted.read(0)[1] for _ in range(200)]
    assert {tuple(np.argwhere(mask)[0]) for mask in masks if mask.any()} == set(np.ndindex(2, 3))


def test_the_void_of_the_source_is_taken_over():
    source = Arrays([slide(8)] * 2)
    source.void = IGNORE
    assert CopyPaste(source, [slide(8)] * 2).void == Neighbours(source, [0, 0]).void == IGNORE


# Windows around a class


def as_sample(mask):
    image = torch.from_numpy(np.stack([mask] * 3).astype(np.uint8))
    return tv_tensors.Image(image), tv_tensors.Mask(torch.from_numpy(np.asarray(mask, np.uint8)))


def test_a_rare_class_is_shown_in_half_of_the_windows():
    mask = np.zeros((60, 80), np.uint8)
    mask[30, 40] = 1  # a window of 16 x 16 shows it once in 11 times
    crop, sample = ClassCrop((16, 16)), as_sample(mask)
    torch.manual_seed(0)
    shown = [crop(*sample) for _ in range(400)]
    assert np.mean([bool(ids.any()) for _, ids in shown]) == pytest.approx(0.5, abs=0.08)
    assert all(torch.equal(image[0], ids) for image, ids in shown)  # moved together
    assert all(bool(ClassCrop((16, 16), classes=[1])(*sample)[1].any()) for _ in range(50))
    places = {tuple(ids.nonzero()[0].tolist()) for _, ids in shown if ids.any()}
    assert len(places) > 60  # anywhere in the window


def test_windows_of_void_and_of_small_pictures():
    empty = ClassCrop((4, 4), classes=[1])(*as_sample(np.zeros((9, 9))))
    assert empty[1].shape == (4, 4)
    image, ids = ClassCrop((8, 8))(*as_sample(np.full((3, 5), 1)))
    assert (ids[:3, :5] == 1).all() and (ids[3:] == IGNORE).all() and not image[:, 3:].any()
    void = np.full((20, 20), IGNORE)
    void[19, 19] = 0
    assert (ClassCrop((4, 4))(*as_sample(void))[1] == 0).any()  # void is no class to look for


# Neighbours


def test_neighbours_are_channels_within_a_series():
    source = Arrays([np.zeros((4, 5))] * 6)
    stack = Neighbours(source, ["a", "b", "a", "a", "b", "c"])
    channels = [stack.read(index)[0][0, 0].tolist() for index in range(6)]
    assert channels == [[1, 1, 3], [2, 2, 5], [1, 3, 4], [3, 4, 4], [2, 5, 5], [6, 6, 6]]
    back = Neighbours(source, [0] * 6, offsets=(-2, -1, 0))
    assert back.read(4)[0][0, 0].tolist() == [3, 4, 5] and back.read(0)[0][0, 0].tolist() == [1, 1, 1]
    check_sample(stack[2], 2)
    coloured = Neighbours(Arrays([np.zeros((4, 5))] * 3, channels=3), [0] * 3)
    assert coloured.read(1)[0].shape == (4, 5, 9)


def test_the_mask_is_the_middle_ones():
    masks = [slide(8, (index, 0, 1, 8)) for index in range(3)]
    stack = Neighbours(Arrays(masks), [0] * 3, offsets=(-1, 0))
    assert all(np.array_equal(stack.read(index)[1], masks[index]) for index in range(3))


def test_series_that_do_not_fit():
    source = Arrays([np.zeros((4, 5)), np.zeros((5, 5))])
    with pytest.raises(ValueError, match="2 pictures and 1 names of series"):
        Neighbours(source, [0])
    with pytest.raises(ValueError, match=r"offsets are \(-1, 1\); they must hold 0"):
        Neighbours(source, [0, 0], offsets=(-1, 1))
    with pytest.raises(ValueError, match=r"picture 1 is \(5, 5, 1\) and its neighbour 0 is \(4, 5, 1\)"):
        Neighbours(source, [0, 0]).read(0)


def test_a_network_for_neighbours_is_trained_by_fit():
    stack = in_memory(Neighbours(Arrays([slide(32, (4, 4, 9, 9))] * 4), [0] * 4))
    network = UNet(num_classes=2, in_channels=3, widths=(4, 8))
    history = fit(network, stack, stack, epochs=1, batch_size=4, precision="fp32", quiet=True)
    assert len(history.rows) == 1


# Annotators

DRAWN = [[slide(8, (0, 0, 8, width)) for width in (2, 4, 4)], [slide(8, (0, 0, 8, 8))]]


def test_every_annotator_is_drawn_equally_often():
    people = Annotators(Arrays([slide(8)] * 2), DRAWN)
    torch.manual_seed(0)
    widths = [int(people.read(0)[1][0].sum()) for _ in range(600)]
    assert np.mean(np.array(widths) == 2) == pytest.approx(1 / 3, abs=0.06) and set(widths) == {2, 4}
    assert people.read(1)[1].all()


def test_what_most_said():
    mask = Annotators(Arrays([slide(8)] * 2), DRAWN, agreed=True).read(0)[1]
    assert mask[0].tolist() == [1, 1, 1, 1, 0, 0, 0, 0]
    even = [[slide(8), np.ones((8, 8), np.uint8)], [np.full((8, 8), IGNORE, np.uint8), slide(8)]]
    tied = Annotators(Arrays([slide(8)] * 2), even, agreed=True)
    assert (tied.read(0)[1] == IGNORE).all() and (tied.read(1)[1] == 0).all()
    shares = Annotators(Arrays([slide(8)] * 2), DRAWN).share(0)
    assert shares[0] == pytest.approx([1, 1, 2 / 3, 2 / 3, 0, 0, 0, 0])


def test_void_is_no_voice():
    half = slide(8, (0, 0, 8, 8))
    half[0] = IGNORE
    drawn = [[half, slide(8, (0, 0, 8, 8)), slide(8)], [np.full((8, 8), IGNORE)]]
    share = Annotators(Arrays([slide(8)] * 2), drawn).share(0)
    assert share[0, 0] == 0.5 and share[1, 0] == pytest.approx(2 / 3)


def test_drawn_masks_are_soft_labels():
    """The mean over the annotators of loss and gradient is that against the shares."""
    people = Annotators(Arrays([slide(8)] * 2), DRAWN)
    logits = torch.randn(1, 2, 8, 8, requires_grad=True)
    share = torch.from_numpy(people.share(0))
    soft = F.cross_entropy(logits, torch.stack([1 - share, share])[None])
    drawn = torch.stack([pixel_loss(logits, torch.from_numpy(mask)[None]) for mask in DRAWN[0]]).mean()
    torch.testing.assert_close(drawn, soft)
    for loss in (drawn, soft):
        loss.backward(retain_graph=True)
    (first,) = torch.autograd.grad(drawn, logits, retain_graph=True)
    (second,) = torch.autograd.grad(soft, logits)
    torch.testing.assert_close(first, second)


def test_pictures_without_annotators():
    source = Arrays([slide(8)] * 2)
    with pytest.raises(ValueError, match="2 pictures and masks of 1"):
        Annotators(source, DRAWN[:1])
    with pytest.raises(ValueError, match="picture 1 has masks of nobody"):
        Annotators(source, [DRAWN[0], []])
    with pytest.raises(ValueError, match=r"picture 0 has masks of \[\(4, 4\), \(8, 8\)\]"):
        Annotators(source, [[slide(8), slide(4)], DRAWN[1]])


@pytest.mark.parametrize("kind", ["tiles", "pasted"])
def test_draws_depend_on_the_seed_alone(kind):
    cells = Cells(size=(64, 64), length=4)
    pictures, ids = in_memory(cells), [cells.instances(index) for index in range(4)]
    dataset = Tiles(pictures, 32, length=8) if kind == "tiles" else CopyPaste(pictures, ids)

    def epoch(seed):
        with seeded_loader(dataset, Batches(len(dataset), 4, seed), 0) as loader:
            return torch.cat([images for images, _ in loader])

    first = epoch(1)
    torch.manual_seed(99)
    assert torch.equal(epoch(1), first) and not torch.equal(epoch(2), first)
