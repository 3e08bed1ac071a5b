"""Several people have drawn each mask, and they disagree: how that is trained on, and what it is scored against."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch.utils.data import Dataset

from nbhelpers.datasets.contract import find_ids, mask_fault, mask_id_fault, refuse
from nbhelpers.datasets.dataset import IGNORE, SegmentationDataset
from nbhelpers.datasets.inside import Leaf, Reader, told_by
from nbhelpers.datasets.transforms import draw


class Annotators(SegmentationDataset):
    """The pictures of `source`, each time with the mask of one of its annotators, drawn at random.

    That is training on soft labels: the mean over the draws of a loss that is linear in the labels, cross-entropy for one,
    is the loss against the share of the annotators that said so; and in the long run the network gives that share. The
    masks stay what they are everywhere else, ids with 255 = void, so that `fit` and every loss take them.

    masks: of each picture of `source` those of all its annotators, ids (H, W); the source's own are not used. Their number
        may differ from picture to picture.
    agreed: give what most annotators said instead, each pixel for itself, 255 where two classes have equally many voices:
        the set to score on.
    Raises ValueError for pictures without a mask, for masks of other sizes or ids, and for black and white ones.
    """

    def __init__(
        self,
        source: Dataset,
        masks: Sequence[Sequence[np.ndarray]],
        *,
        agreed: bool = False,
        transform: Callable | None = None,
    ) -> None:
        super().__init__(transform)
        if len(masks) != len(source):
            raise ValueError(
                f"{len(source)} pictures and masks of {len(masks)}; there must be some for every picture"
            )
        self.masks, self.agreed, self.draws = masks, agreed, not agreed
        self.source, self.read_whole = source, Reader(source)
        self.classes, self.palette = told_by(source, "classes"), told_by(source, "palette")
        shown = Leaf(self, range(len(masks)), range(len(masks)))
        for index, drawn in enumerate(masks):
            shapes = {np.shape(mask) for mask in drawn}
            if len(shapes) != 1:
                raise ValueError(
                    f"picture {index} has masks of {sorted(shapes) or 'nobody'}; there must be one at least, and all of one size"
                )
            for mask in map(torch.as_tensor, drawn):
                where = f"a mask of picture {index}"
                refuse(mask_fault(mask, self.num_classes), where)
                refuse(
                    mask_id_fault(find_ids(mask), mask.shape, self.num_classes, lone_background=True), where
                )
                raised = mask.to(torch.uint8) + 1
                shown.note(int(raised.min()), int(raised.max()), index)
        if shown.suspect is not None:  # 255 is white, not void
            refuse(mask_id_fault([0, IGNORE], (), self.num_classes), f"the masks of picture {shown.suspect}")
        self.void = IGNORE

    def __len__(self) -> int:
        return len(self.source)

    def read(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        image, _ = self.read_whole(index)
        drawn = self.masks[index]
        if np.shape(drawn[0]) != image.shape[:2]:
            raise ValueError(
                f"the masks of picture {index} are {np.shape(drawn[0])} and the picture {image.shape[:2]}; they must be "
                "equal, height first"
            )
        if self.agreed:
            return image, self._agreed(np.stack(drawn))
        return image, np.asarray(drawn[draw(len(drawn))])

    def share(self, index: int, class_id: int = 1) -> np.ndarray:
        """The share of the annotators of a picture that said `class_id`, of those that said anything: float32 (H, W)."""
        drawn = np.stack(self.masks[index])
        said = (drawn != IGNORE).sum(axis=0)
        return np.divide(
            (drawn == class_id).sum(axis=0), said, out=np.zeros(said.shape, np.float32), where=said > 0
        )

    def _agreed(self, drawn: np.ndarray) -> np.ndarray:
        votes = np.stack([(drawn == class_id).sum(axis=0) for class_id in range(self.num_classes)])
        most = votes.max(axis=0)
        clear = ((votes == most).sum(axis=0) == 1) & (most > 0)
        return np.where(clear, votes.argmax(axis=0), IGNORE).astype(np.uint8)
