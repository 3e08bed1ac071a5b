"""Copy-paste: objects of one picture into another, outline by outline. For sets of few objects."""

from collections.abc import Callable, Sequence

import numpy as np
from torch.utils.data import Dataset

from nbhelpers.datasets.dataset import SegmentationDataset
from nbhelpers.datasets.inside import Reader, chosen, told_by
from nbhelpers.datasets.transforms import draw


class CopyPaste(SegmentationDataset):
    """The pictures of `source`, each with up to `most` objects of others in it, drawn anew each time.

    An object is mirrored at random and set down at random, whole where it fits; its class comes along, and it covers what
    it lies on. Ghiasi et al., 2021, https://arxiv.org/abs/2012.07177; departures: objects keep their size, and their
    edges are not blended, which the paper found to make no difference.

    instances: ids (H, W) of the objects of each picture of `source`, 0 = none, as `Cells.instances` gives them.
    indices: the pictures to take, as ground and as givers: **those of the training folds**, or the objects of the fold
        that is scored would be trained on. Numbers, or a bool for each; default: all.
    kinds: a name for each picture of `source`, such as its stain; objects then go to pictures of their kind alone.
    Raises ValueError where instances, kinds and pictures do not fit together.
    """

    draws = True  # `read` gives something else each time

    def __init__(
        self,
        source: Dataset,
        instances: Sequence[np.ndarray],
        *,
        indices: Sequence[int] | None = None,
        kinds: Sequence | None = None,
        most: int = 4,
        transform: Callable | None = None,
    ) -> None:
        super().__init__(transform)
        kinds = [0] * len(source) if kinds is None else list(kinds)
        if len(instances) != len(source) or len(kinds) != len(source):
            raise ValueError(
                f"{len(source)} pictures, {len(instances)} instances and {len(kinds)} kinds; there must be one of each for "
                "every picture of the source"
            )
        if most < 1:
            raise ValueError(f"most is {most}; there must be at least 1 object to paste")
        self.source, self.instances, self.kinds, self.most = source, instances, kinds, most
        self.classes, self.palette = told_by(source, "classes"), told_by(source, "palette")
        self.void = getattr(source, "void", None)
        self.indices, self.read_whole = chosen(indices, len(source)), Reader(source)
        self.givers: dict[object, list[tuple[int, int]]] = {}  # by kind: (picture, number of the object)
        for index in self.indices:
            for number in np.unique(instances[index]):
                if number > 0:
                    self.givers.setdefault(kinds[index], []).append((index, int(number)))

    def __len__(self) -> int:
        return len(self.indices)

    def read(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        picture = self.indices[index]
        image, mask = (part.copy() for part in self.read_whole(picture))
        givers = self.givers.get(self.kinds[picture], [])
        for _ in range(draw(self.most + 1) if givers else 0):
            self._paste(image, mask, *givers[draw(len(givers))])
        return image, mask

    def _paste(self, image: np.ndarray, mask: np.ndarray, giver: int, number: int) -> None:
        """Set object `number` of picture `giver` down in `image` and `mask`, in place."""
        shape, (pixels, ids) = self.instances[giver] == number, self.read_whole(giver)
        if shape.shape != ids.shape:
            raise ValueError(
                f"the instances of picture {giver} are {shape.shape} and its mask {ids.shape}; they must be equal"
            )
        rows, columns = (np.flatnonzero(shape.any(axis=axis)) for axis in (1, 0))
        box = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        flips = tuple(slice(None, None, -1 if draw(2) else 1) for _ in range(2))
        shape, pixels, ids = (
            part[box][flips][: mask.shape[0], : mask.shape[1]] for part in (shape, pixels, ids)
        )
        top, left = (draw(room - side + 1) for room, side in zip(mask.shape, shape.shape))
        window = np.s_[top : top + shape.shape[0], left : left + shape.shape[1]]
        image[window][shape] = pixels[shape]
        mask[window][shape] = ids[shape]
