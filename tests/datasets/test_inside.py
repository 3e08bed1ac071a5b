"""torch's own Subset and ConcatDataset go wherever a data set goes, and what they hide is looked for."""

import numpy as np
import pytest
import torch
from torch.utils.data import ConcatDataset, DataLoader, Dataset, Subset, random_split

from nbhelpers import visualisation as vis
from nbhelpers.checks import Gate
from nbhelpers.datasets import (
    Annotators,
    Cells,
    CopyPaste,
    Neighbours,
    Street,
    Tiles,
    check_no_overlap,
    class_weights,
    in_memory,
)
from nbhelpers.datasets.dataset import SegmentationDataset
from nbhelpers.datasets.inside import checksum, chosen

CELLS = in_memory(Cells("train", (32, 32), length=6))
FOLDS = np.array([0, 0, 1, 1, 2, 2])


class Own(Dataset):
    """A reader's own: samples, and what README asks for beside them."""

    num_classes, classes, palette = 2, CELLS.classes, CELLS.palette

    def __len__(self) -> int:
        return len(CELLS)

    def __getitem__(self, index: int):
        return CELLS[index]


AROUND = {
    "subset": lambda: Subset(CELLS, range(6)),
    "split": lambda: random_split(CELLS, (6, 0), torch.Generator().manual_seed(0))[0],
    "merged": lambda: ConcatDataset([Subset(CELLS, [0, 1, 2]), Subset(CELLS, [3, 4, 5])]),
    "own": Own,
}


@pytest.mark.parametrize("around", AROUND)
def test_whatever_takes_a_data_set_takes_it(around):
    dataset = AROUND[around]()
    torch.testing.assert_close(class_weights(dataset), class_weights(CELLS))
    assert len(Tiles(dataset, tile=16).places) == len(Tiles(CELLS, tile=16).places)
    instances = [Cells("train", (32, 32), length=6).instances(index) for index in range(6)]
    assert len(CopyPaste(dataset, instances)) == 6
    assert vis.show_batch(dataset).alt
    with pytest.raises(ValueError, match="6 of the 6 images of the second split are in the first too"):
        check_no_overlap(CELLS, dataset)


def test_pictures_may_be_chosen_by_a_bool_for_each():
    instances = [Cells("train", (32, 32), length=6).instances(index) for index in range(6)]
    for indices in (FOLDS != 0, [2, 3, 4, 5], torch.tensor([2, 3, 4, 5])):
        assert np.unique(Tiles(CELLS, tile=16, indices=indices).places[:, 0]).tolist() == [2, 3, 4, 5]
        assert CopyPaste(CELLS, instances, indices=indices).indices == [2, 3, 4, 5]


@pytest.mark.parametrize(
    "indices", [[True, False], FOLDS == 9, [], [-1], [6], [0.0, 1.0], [[0, 1]], ["0"]], ids=str
)
def test_what_names_no_pictures(indices):
    with pytest.raises(
        ValueError, match="whole numbers from 0 to 5, one at least, or True and False for each"
    ):
        chosen(indices, 6)


def test_a_subset_by_true_and_false_is_refused():
    with pytest.raises(
        ValueError, match=r"True and False, which torch takes for pictures 1 and 0.*flatnonzero"
    ):
        Gate(Subset(CELLS, FOLDS != 0), "train")


def test_a_loader_is_no_data_set():
    with pytest.raises(
        ValueError, match=r"train is a DataLoader; pass the dataset inside it, loader\.dataset"
    ):
        Gate(DataLoader(CELLS, 2), "train")


def test_parts_of_other_classes_are_not_merged():
    other = in_memory(Cells("train", (32, 32), length=2))
    other.classes = ("Background", "Yeast")
    with pytest.raises(
        ValueError, match=r"class 1 is 'Nucleus' in part 0 of train and 'Yeast' in part 1 of train"
    ):
        Gate(ConcatDataset([CELLS, other]), "train")


class Files(SegmentationDataset):
    """Keeps the names of its masks as `masks`, as most who write a data set do."""

    classes, palette = CELLS.classes, CELLS.palette

    def __init__(self) -> None:
        super().__init__()
        self.masks = [f"{index}.png" for index in range(6)]

    def __len__(self) -> int:
        return 6

    def read(self, index: int):
        return CELLS.read(int(self.masks[index].removesuffix(".png")))


def test_names_of_masks_are_not_taken_for_masks():
    Gate(Files(), "train").inspect()


@pytest.mark.parametrize("bins", range(1, 30))
def test_the_fullest_tile_is_in_the_last_bin(bins):
    class Full(Files):
        def read(self, index: int):
            mask = np.zeros((16, 16), np.uint8)
            mask.flat[: (187, 40, 10, 91, 1, 0)[index]] = 1
            return np.zeros((16, 16, 3), np.uint8), mask

    tiles = Tiles(Full(), tile=16, bins=bins, empty=0.0)
    assert sum(len(each) for each in tiles.bins) == len(tiles.places) == 6
    assert 0 in tiles.bins[bins]


def test_another_choice_of_pictures_is_another_checksum():
    again = in_memory(Cells("train", (32, 32), length=6))
    assert checksum(CELLS) == checksum(again) == checksum(Subset(CELLS, range(6)))
    other = in_memory(Cells("train", (32, 32), length=6, seed=1))
    held_out = [Subset(CELLS, np.flatnonzero(fold != FOLDS)) for fold in range(3)]
    tiles = [Tiles(CELLS, tile=16, indices=fold != FOLDS) for fold in range(3)]
    sets = [CELLS, other, *held_out, *tiles, Subset(CELLS, [5, 4, 3, 2, 1, 0])]
    assert len({checksum(each) for each in sets}) == len(sets)


def test_a_checksum_does_not_change_with_draws():
    tiles = Tiles(in_memory(Street("train", (32, 32)), limit=3), tile=16)
    before = checksum(tiles)
    tiles[0], setattr(tiles, "progress", 0.5)
    assert checksum(tiles) == before


def annotated(masks, **options):
    return Annotators(CELLS, masks, **options)


OWN = [[CELLS.masks[index]] for index in range(6)]
REFUSED = {
    "transposed": (
        lambda: Annotators(WIDE, [[mask.T] for mask in WIDE.masks])[0],
        r"masks of picture 0 are \(40, 32\)",
    ),
    "black and white": (
        lambda: annotated([[mask[0] * 255] for mask in OWN]),
        r"the masks of picture 0: masks hold 0 and 255",
    ),
    "another id": (lambda: annotated([*OWN[:5], [OWN[5][0] + 1]]), "a mask of picture 5: masks hold 1 and 2"),
    "floats": (lambda: annotated([[mask[0] / 2] for mask in OWN]), "a mask of picture 0"),
    "tiles frozen": (
        lambda: in_memory(Tiles(CELLS, tile=16)),
        r"Tiles draws anew at each reading.*Tiles\(in_memory",
    ),
    "annotators frozen": (lambda: in_memory(annotated(OWN)), "Annotators draws anew"),
}
WIDE = in_memory(Cells("train", (32, 40), length=2))


@pytest.mark.parametrize("fault", REFUSED)
def test_what_would_be_trained_on_wrongly(fault):
    make, message = REFUSED[fault]
    with pytest.raises(ValueError, match=message):
        make()


def test_what_most_annotators_said_may_be_kept():
    assert len(in_memory(annotated(OWN, agreed=True))) == 6


def test_pictures_are_found_again_in_what_is_drawn_from_them():
    instances = [Cells("train", (32, 32), length=6).instances(index) for index in range(6)]
    drawn = [Tiles(CELLS, tile=16), CopyPaste(CELLS, instances), Neighbours(CELLS, [0] * 6), annotated(OWN)]
    for each in drawn:
        with pytest.raises(ValueError, match="2 of the 2 images of the second split are in the first too"):
            check_no_overlap(each, Subset(CELLS, [3, 4]))
    check_no_overlap(Tiles(CELLS, tile=16, indices=FOLDS != 0), Subset(CELLS, [0, 1]))


def test_neighbours_and_annotators_take_a_subset():
    some = Subset(CELLS, [4, 2])
    assert np.array_equal(Neighbours(some, [0, 0])[0][0][3:6], CELLS[4][0])
    assert np.array_equal(Annotators(some, [OWN[4], OWN[2]])[1][1], CELLS[2][1])
