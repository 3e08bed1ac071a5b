"""The exercises of 01_start_here."""

from collections.abc import Callable, Mapping
from math import ceil

import torch
from torch import Tensor

from nbhelpers.datasets.dataset import IGNORE
from nbhelpers.exercises import NotYet, as_numbers, call, exercise, expect_two_digits

# Two masks of 4 x 4 for the first exercise; the truth has two pixels of void.
TRUTH = torch.tensor([[0, 0, 1, 1], [0, 0, 1, 1], [0, 1, 1, IGNORE], [0, 0, 0, IGNORE]])
PREDICTION = torch.tensor([[0, 1, 1, 0], [0, 1, 1, 0], [0, 1, 1, 1], [0, 1, 0, 1]])


@exercise
def check_iou(answer: float) -> None:
    """What is the IoU of class 1, for `PREDICTION` against `TRUTH`?"""
    slips = {
        4 / 11: "void counts here; leave the two pixels out whose truth is 255, whatever is predicted there.",
        6 / 11: "void counts as right here; leave the two pixels out whose truth is 255.",
        8 / 13: "that is Dice; IoU divides the pixels of both by the pixels of either.",
        4
        / 6: "that is recall, the share of the true pixels that was found; divide by the pixels of either mask.",
        4
        / 7: "that is precision, the share of the found pixels that is true; divide by the pixels of either mask.",
        4 / 13: "6 + 7 counts the pixels of both masks twice; a pixel of the union counts once.",
        9 / 14: "that is accuracy, which also counts the background that is right.",
        5 / 10: "that is the IoU of class 0, the background.",
        (4 / 9 + 5 / 10) / 2: "that is the mean over both classes; class 1 alone is asked for.",
    }
    _expect_fraction(
        answer, 4 / 9, slips, "count the pixels that are 1 in both, and those that are 1 in either."
    )


@exercise
def check_baseline(answer: float) -> None:
    """The mean IoU over two classes of 'background everywhere', where 5 % of the pixels are foreground."""
    slips = {
        0.95: "that is the accuracy, which is also the IoU of the background; the foreground has an IoU too.",
        0.0: "that is the IoU of the foreground; the mean takes in the background's.",
        0.05: "that is the share of the foreground; take the share of each class's union that is right.",
        0.5: "the IoU of the background is not 1: the missed foreground is in its union.",
        (2 * 0.95 / 1.95) / 2: "that is the mean Dice; IoU divides by the union.",
        0.95 / 1.05: "that is the pooled (micro) IoU; take the IoU of each class first, then the mean.",
        0.95**2: "that is weighted by frequency; in the mean both classes weigh the same.",
    }
    _expect_fraction(answer, 0.95 / 2, slips, "one IoU for each of the two classes, then their mean.")


def _expect_fraction(answer: float, right: float, slips: Mapping[float, str], otherwise: str) -> None:
    given = as_numbers(answer)
    if given.size == 1 and 1 < given <= 100:
        raise NotYet("give a fraction in 0..1, not a percentage or a count.")
    expect_two_digits(given, right, slips, otherwise, wanted="one number in 0..1")


FILE = torch.zeros(12, 16, dtype=torch.uint8)  # as an annotation tool saves it, for the third exercise
FILE[3:9, 3:9] = 255  # the object
FILE[2:10, 12:15] = 128  # not sure: void
GREYS = torch.tensor([0, 255, 128], dtype=torch.uint8)


@exercise
def check_prepare(prepare: Callable[[Tensor, tuple[int, int]], Tensor]) -> None:
    """A mask file of 0, 255 and 128 = not sure, uint8 (H, W), made ids 0, 1 and 255 of another size, int64.

    Any pixel of the file under the new one may be taken, as long as it is chosen by its place.
    """

    def prepared(file: Tensor, size: tuple[int, int]) -> Tensor:
        ids = call(prepare, (file, size), ("file_mask", "size"))
        ids = ids.detach().cpu() if isinstance(ids, Tensor) else ids
        if fault := _fault(ids, file, size):
            raise NotYet(fault)
        return ids

    random = torch.Generator().manual_seed(1)
    prepared(FILE, (6, 8))
    for shape, size in (((12, 16), (6, 8)), ((9, 14), (6, 7)), ((6, 5), (9, 10)), ((8, 10), (8, 10))):
        file = GREYS[torch.randint(3, shape, generator=random)]
        stripes = [GREYS[torch.arange(side) % 3] for side in shape]  # up to three neighbours differ
        down = prepared(stripes[0][:, None].repeat(1, shape[1]), size)[:, 0].tolist()
        along = prepared(stripes[1].repeat(shape[0], 1), size)[0].tolist()
        lines = [_ids(line).tolist() for line in stripes]
        # the stripes tell which row and which column of the file each pixel shows
        rows, columns = (
            torch.tensor(
                [next(p for p in _under(i, n, m) if line[p] == value) for i, value in enumerate(ids)]
            )
            for ids, line, n, m in zip((down, along), lines, shape, size)
        )
        if not torch.equal(prepared(file, size), _ids(file)[rows][:, columns]):
            raise NotYet(
                "which pixel it takes depends on the values, as it does for the largest of a block; nearest "
                "neighbour takes one by its place, so that no class grows."
            )


def _ids(file: Tensor) -> Tensor:
    return (file == 255).long().masked_fill(file == 128, IGNORE)


def _under(index: int, old: int, new: int) -> range:
    """The places of a side of `old` pixels that lie under pixel `index` of its `new` ones."""
    return range(index * old // new, ceil((index + 1) * old / new))


def _fault(ids: object, file: Tensor, size: tuple[int, int]) -> str:
    if not isinstance(ids, Tensor):
        return f"it gives {type(ids).__name__}; return a tensor."
    if tuple(ids.shape) == size[::-1] != size:
        return "height and width are swapped: size is (height, width)."
    if tuple(ids.shape) != size:
        return (
            f"for the size {size} it gives {tuple(ids.shape)}; return (height, width), without further axes."
        )
    found = sorted(ids.unique().tolist())
    strange = [value for value in found if value not in (0, 1, IGNORE)]
    if strange == [128]:
        return "128 is still there; it means not sure, so make it 255."
    if strange:
        return f"it holds {strange[0]:g}, which no pixel of the file means: resize ids by nearest neighbour."
    if ids.dtype != torch.int64:
        return f"it gives {str(ids.dtype).removeprefix('torch.')}; ids are int64: end with .long()."
    truth, wrong, missed, unsure = _ids(file).tolist(), [], [], []
    for row in range(size[0]):
        for column in range(size[1]):
            rows, columns = _under(row, file.shape[0], size[0]), _under(column, file.shape[1], size[1])
            under = {truth[y][x] for y in rows for x in columns}
            value = int(ids[row, column])
            if value not in under:
                wrong.append((row, column, value))
            if under == {1}:
                missed.append(value != 1)
            if under == {IGNORE}:
                unsure.append(value != IGNORE)
    if not wrong:
        return ""
    if missed and all(missed):
        return "the object, 255 in the file, must become class 1."
    if unsure and all(unsure):
        return "the pixels of 128, not sure, must become 255 = void, not a class."
    if any(value == IGNORE for _, _, value in wrong):
        return (
            "there is void where the file has none, as a smooth resize makes it: 128 lies between 0 and 255."
        )
    row, column, value = wrong[0]
    return f"pixel ({row}, {column}) holds {value}, but the file has another class there."
