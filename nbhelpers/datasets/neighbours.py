"""2.5D: a picture's neighbours as further channels, for slices of a volume and for panels in time alike."""

from collections.abc import Callable, Sequence

import numpy as np
from torch.utils.data import Dataset

from nbhelpers.datasets.dataset import SegmentationDataset
from nbhelpers.datasets.inside import Reader, told_by


class Neighbours(SegmentationDataset):
    """Pairs of `source` whose image holds that of its neighbours too: uint8 (H, W, C * len(offsets)), mask as it is.

    A mask often cannot be told from its slice alone, and a network for volumes costs more than one for pictures. So slices
    before and after go in as channels: `UNet(num_classes=2, in_channels=3)` for grey slices and the offsets -1, 0, 1.
    For a sequence of moments, offsets (-2, -1, 0) look back alone.

    source: grey pictures of one channel (`Folder(..., in_channels=1)`), or of more.
    series: a name for each picture of `source`, its scan or scene; neighbours are the next ones of the same name, in the
        order of `source`. At the ends of a series its first or last picture is repeated.
    offsets: which neighbours, in the order of the channels.
    `predict_volume` of nbhelpers.inference takes the same offsets. Raises ValueError for names or sizes that do not fit.
    """

    def __init__(
        self,
        source: Dataset,
        series: Sequence,
        offsets: Sequence[int] = (-1, 0, 1),
        transform: Callable | None = None,
    ) -> None:
        super().__init__(transform)
        if len(series) != len(source):
            raise ValueError(
                f"{len(source)} pictures and {len(series)} names of series; there must be one for each picture"
            )
        if not offsets or 0 not in offsets:
            raise ValueError(
                f"offsets are {tuple(offsets)}; they must hold 0, the picture whose mask it is, such as (-1, 0, 1)"
            )
        self.source, self.offsets, self.read_whole = source, tuple(offsets), Reader(source)
        self.classes, self.palette = told_by(source, "classes"), told_by(source, "palette")
        self.void = getattr(source, "void", None)
        members: dict[object, list[int]] = {}
        for index, name in enumerate(series):
            members.setdefault(name, []).append(index)
        self.places = {index: (each, place) for each in members.values() for place, index in enumerate(each)}

    def __len__(self) -> int:
        return len(self.source)

    def neighbours(self, index: int) -> list[int]:
        """The indices in `source` of the pictures that become channels."""
        members, place = self.places[index]
        return [members[min(max(place + offset, 0), len(members) - 1)] for offset in self.offsets]

    def read(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        pairs = {each: self.read_whole(each) for each in {*self.neighbours(index), index}}
        image, mask = pairs[index]
        others = [pairs[each][0] for each in self.neighbours(index)]
        for each, other in zip(self.neighbours(index), others):
            if other.shape != image.shape:
                raise ValueError(
                    f"picture {each} is {other.shape} and its neighbour {index} is {image.shape}; a series must have one size"
                )
        return np.concatenate(others, axis=2), mask
