"""A dataset decoded once and kept in memory, so that an epoch reads no file."""

from collections.abc import Callable

import numpy as np
import torch
from torchvision import tv_tensors

from nbhelpers.datasets.dataset import SegmentationDataset
from nbhelpers.datasets.gate import Gate, as_tensors
from nbhelpers.datasets.transforms import resize_pair


class InMemory(SegmentationDataset):
    """What `in_memory` returns: the pairs of `source`, read once, with classes and palette of `source`.

    `images` is a list of uint8 (H, W, 3), `masks` of uint8 (H, W). Samples are views of them: a transform
    must not write into what it gets (those of torchvision do not).
    """

    def __init__(
        self,
        source: SegmentationDataset,
        size: tuple[int, int] | None = None,
        transform: Callable | None = None,
        limit: int | None = None,
    ) -> None:
        if not hasattr(source, "read"):
            raise ValueError(
                f"in_memory takes a SegmentationDataset, such as Folder, but got {type(source).__name__}; call it "
                "before Subset, random_split or ConcatDataset, or give your dataset a read(index)"
            )
        if source.transform is not None:
            raise ValueError(
                f"{type(source).__name__} has a transform, which would be drawn once and then frozen in memory; "
                "make the dataset without one and pass it here: in_memory(dataset, transform=...)"
            )
        if getattr(source, "draws", False):
            raise ValueError(
                f"{type(source).__name__} draws anew at each reading, and one draw would be frozen in memory; keep its "
                f"source there instead: {type(source).__name__}(in_memory(dataset), ...)"
            )
        super().__init__(transform)
        self.classes = source.classes
        self.palette = source.palette
        self.ignore_index = source.ignore_index
        count = len(range(len(source))[:limit])
        gate, pairs = Gate(source, type(source).__name__), []
        for index, pair in enumerate(source.read_first(count)):
            gate.judge(index, as_tensors(*pair))  # at the full size, where thin void is still there
            pairs.append(_resized(*pair, size))
        gate.settle()
        self.void = gate.leaves[0].void
        self.images = [image for image, _ in pairs]
        self.masks = [mask for _, mask in pairs]

    def __len__(self) -> int:
        return len(self.images)

    @property
    def kept_masks(self) -> list[np.ndarray]:
        """The masks as `read` gives them, for who judges them all: nothing is decoded for it."""
        return self.masks

    def read(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        return self.images[index], self.masks[index]


def in_memory(
    dataset: SegmentationDataset,
    size: tuple[int, int] | None = None,
    transform: Callable | None = None,
    limit: int | None = None,
) -> InMemory:
    """Decode every pair of `dataset` once, and if `size` = (height, width) is given resize it once.

    Costs 4 bytes a pixel: CamVid's 367 training pairs take 254 MB at 360 x 480, 18 MB at 96 x 128.
    `transform` is applied on every access, so that augmentation stays random. `limit` keeps the first so many
    pairs. Every pair is judged before it is kept, masks of 0 and 255 alone by the whole of those kept.
    Raises ValueError for what is no pair of the contract, and if `dataset` has a transform of its own.
    """
    return InMemory(dataset, size, transform, limit)


def _resized(
    image: np.ndarray, mask: np.ndarray, size: tuple[int, int] | None
) -> tuple[np.ndarray, np.ndarray]:
    mask = mask.astype(np.uint8, copy=False)  # of ids 0..254 and 255, which the gate has seen to
    if size is None:
        return image, mask
    small, ids = resize_pair(
        tv_tensors.Image(torch.from_numpy(image).permute(2, 0, 1)),
        tv_tensors.Mask(torch.from_numpy(mask)),
        size,
    )
    return np.ascontiguousarray(small.permute(1, 2, 0).numpy()), ids.numpy()  # (3, H, W) -> (H, W, 3)
