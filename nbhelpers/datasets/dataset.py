"""What every dataset of the collection is: pairs of an image and a mask of class ids."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset
from torchvision import tv_tensors

from nbhelpers.datasets.contract import IGNORE, check_sample


class SegmentationDataset(Dataset, ABC):
    """Pairs `(image, mask)`: image uint8 (3, H, W), mask of class ids (H, W), 255 = ignore.

    A subclass sets `classes` and `palette`, and gives `__len__` and `read(index)`, which returns
    the pair as numpy arrays: image uint8 (H, W, 3) in RGB order, mask (H, W) integer.
    `transform` gets both as tv_tensors, so that a torchvision.transforms.v2 moves them together.
    """

    classes: tuple[str, ...]
    palette: np.ndarray  # uint8 RGB, (num_classes, 3)
    ignore_index = IGNORE

    def __init__(self, transform: Callable | None = None) -> None:
        self.transform = transform

    @property
    def num_classes(self) -> int:
        return len(self.classes)

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def read(self, index: int) -> tuple[np.ndarray, np.ndarray]: ...

    def read_first(self, count: int) -> Iterable[tuple[np.ndarray, np.ndarray]]:
        """`read(0), ..., read(count - 1)`; a dataset that has a quicker way to many than one by one overrides it."""
        # one by one: large files need not lie in memory at once
        return (self.read(index) for index in range(count))

    def __getitem__(self, index: int) -> tuple[tv_tensors.Image, tv_tensors.Mask]:
        if not -len(self) <= index < len(self):  # without this, iterating would never end
            raise IndexError(f"index {index} is out of range: {type(self).__name__} has {len(self)} pairs")
        image, mask = self.read(index % len(self))
        sample = (
            tv_tensors.Image(torch.from_numpy(image).permute(2, 0, 1)),  # (H, W, 3) -> (3, H, W), a view
            tv_tensors.Mask(torch.from_numpy(mask)),
        )
        return self.transform(*sample) if self.transform else sample


def check_split(split: str, splits: tuple[str, ...] = ("train", "val", "test")) -> None:
    """Raise ValueError unless there is such a split."""
    if split not in splits:
        raise ValueError(f"split is {split!r}; it must be one of {', '.join(map(repr, splits))}")


def checked_classes(classes: Sequence[str]) -> tuple[str, ...]:
    """The names of the classes. Raises ValueError unless they are 1 to 255."""
    if isinstance(classes, str):
        raise ValueError(
            f"classes are {classes!r}, one text; give a list of names: ['background', {classes!r}]"
        )
    names = tuple(classes)
    if not 1 <= len(names) <= IGNORE:
        raise ValueError(f"there are {len(names)} classes; give the names of 1 to {IGNORE}")
    return names


def collate(samples: Sequence[tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
    """Join samples to a batch: images float32 in 0..1 (N, C, H, W), masks int64 (N, H, W).

    Raises ValueError for samples that `check_sample` refuses, before anything is cast, and if they differ in size,
    channels or type.
    """
    for sample in samples:
        check_sample(sample)
    images, masks = zip(*samples)
    sizes = sorted({tuple(image.shape[-2:]) for image in images})
    if len(sizes) > 1:
        raise ValueError(
            f"a batch holds images of different sizes {sizes}; a batch must have one size: "
            "resize or crop in the dataset's transform, or use batch_size=1"
        )
    kinds = sorted({f"{image.shape[0]} channels of {image.dtype}" for image in images})
    if len(kinds) > 1:
        raise ValueError(f"a batch holds images of {' and '.join(kinds)}; read all in one way")
    images = torch.stack([image.as_subclass(Tensor) for image in images])
    masks = torch.stack([mask.as_subclass(Tensor).long() for mask in masks])  # their integers may differ
    if images.dtype == torch.uint8:
        images = images.float().div_(255)
    return images, masks
