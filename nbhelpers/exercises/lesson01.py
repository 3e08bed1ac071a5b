"""The exercises of 01_start_here."""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from nbhelpers.datasets.dataset import IGNORE
from nbhelpers.exercises import UNANSWERED

# Two masks of 4 x 4 for the first exercise; the truth has two pixels of void.
TRUTH = torch.tensor([[0, 0, 1, 1], [0, 0, 1, 1], [0, 1, 1, IGNORE], [0, 0, 0, IGNORE]])
PREDICTION = torch.tensor([[0, 1, 1, 0], [0, 1, 1, 0], [0, 1, 1, 1], [0, 1, 0, 1]])


def close_verdict(answer: float | None, right: float, slips: Mapping[float, str], otherwise: str) -> str:
    """As `verdict`, for fractions that may be rounded to two digits."""
    if answer is None:
        return UNANSWERED
    if 1 < answer <= 100:
        return "Not yet: give a fraction in 0..1, not a percentage or a count."
    nearest = min([right, *slips], key=lambda known: abs(answer - known))
    if abs(answer - nearest) > 0.006:
        return f"Not yet: {otherwise}"
    return "Right." if nearest == right else f"Not yet: {slips[nearest]}"


def check_iou(answer: float | None) -> str:
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
    return close_verdict(
        answer, 4 / 9, slips, "count the pixels that are 1 in both, and those that are 1 in either."
    )


def check_baseline(answer: float | None) -> str:
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
    return close_verdict(answer, 0.95 / 2, slips, "one IoU for each of the two classes, then their mean.")


FILE = torch.zeros(12, 16, dtype=torch.uint8)  # as an annotation tool saves it, for the third exercise
FILE[3:9, 3:9] = 255  # the object
FILE[2:10, 12:15] = 128  # not sure: void


def check_prepare(prepare: Callable[[Tensor, tuple[int, int]], Tensor] | None) -> str:
    """A mask file of 0, 255 and 128 = not sure, uint8 (H, W), made ids 0, 1 and 255 of another size, int64."""
    if prepare is None:
        return UNANSWERED
    ids = prepare(FILE.clone(), (6, 8))
    if fault := _fault(ids):
        return f"Not yet: {fault}"
    return "Right."


def _fault(ids: object) -> str:
    if not isinstance(ids, Tensor):
        return f"it gives {type(ids).__name__}; return a tensor."
    if tuple(ids.shape) == (8, 6):
        return "height and width are swapped: size is (height, width)."
    if tuple(ids.shape) != (6, 8):
        return (
            f"for the size (6, 8) it gives {tuple(ids.shape)}; return (height, width), without further axes."
        )
    found = sorted(ids.unique().tolist())
    strange = [value for value in found if value not in (0, 1, IGNORE)]
    if strange == [128]:
        return "128 is still there; it means not sure, so make it 255."
    if strange:
        return f"it holds {strange[0]:g}, which no pixel of the file means: resize ids by nearest neighbour."
    if ids.dtype != torch.int64:
        return f"it gives {str(ids.dtype).removeprefix('torch.')}; ids are int64: end with .long()."
    truth = torch.zeros(12, 16, dtype=torch.int64)
    truth[FILE == 255], truth[FILE == 128] = 1, IGNORE
    blocks = truth.unfold(0, 2, 2).unfold(1, 2, 2).flatten(2)  # (6, 8, 4): the four pixels under each new one
    wrong = ~(blocks == ids[..., None]).any(dim=2)
    if not wrong.any():
        return ""
    if (ids[blocks.eq(1).all(dim=2)] != 1).all():
        return "the object, 255 in the file, must become class 1."
    if (ids[blocks.eq(IGNORE).all(dim=2)] != IGNORE).all():
        return "the pixels of 128, not sure, must become 255 = void, not a class."
    if (ids[wrong] == IGNORE).any():
        return (
            "there is void where the file has none, as a smooth resize makes it: 128 lies between 0 and 255."
        )
    row, column = wrong.nonzero()[0].tolist()
    return f"pixel ({row}, {column}) holds {ids[row, column]}, but the file has another class there."
