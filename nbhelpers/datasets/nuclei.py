"""Nuclei of the Data Science Bowl 2018, read from Kaggle's folders or straight from the zip."""

import hashlib
import os
import re
import zipfile
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import numpy as np

from nbhelpers.datasets.dataset import SegmentationDataset, check_split
from nbhelpers.datasets.files import read_image, read_mask
from nbhelpers.datasets.locate import locate
from nbhelpers.datasets.pairs import LITTER
from nbhelpers.datasets.palette import BINARY

PLACES = (  # a folder of image folders, or a zip of one
    "dsb2018/stage1_train",
    "stage1_train",
    "dsb2018_stage1_train*.zip",
    "stage1_train.zip",
    "kaggle-dsbowl-2018-dataset-fixes*.zip",
)


class Nuclei(SegmentationDataset):
    """Microscope pictures of cell nuclei, fluorescent and stained, of various sizes; Background and Nucleus.

    Files: `<ImageId>/images/<ImageId>.png`, and in `<ImageId>/masks/` one png a nucleus. `read` merges the
    masks to 0 and 1, `instances` keeps them apart; what is read of a palette, alpha or a low depth stands in
    `nbhelpers.datasets.files`. Every picture goes to train, val or test (about 80, 10 and 10 %) by a hash of its id,
    so that a part of the data has the split of the whole. Crops of one slide have different ids: they can fall into
    different splits, and scores are a little too good for that.
    Caicedo et al., 2019, https://doi.org/10.1038/s41592-019-0612-7.
    """

    classes = ("Background", "Nucleus")
    palette = BINARY

    def __init__(
        self, split: str = "train", root: str | Path | None = None, transform: Callable | None = None
    ) -> None:
        check_split(split)
        super().__init__(transform)
        self.place = locate("nuclei", PLACES, "dsb2018/stage1_train/<ImageId>/images and masks", root)
        self._archive: zipfile.ZipFile | None = None
        self._archive_owner = 0  # process id: a zip that is open may not be shared with a worker
        images, masks = defaultdict(list), defaultdict(list)
        for name in self._names():
            if match := re.fullmatch(r"(?:.*/)?([^/.][^/]*)/(images|masks)/[^/.][^/]*", name):
                if name.lower().endswith(LITTER):
                    continue
                if not name.endswith(".png"):
                    raise ValueError(f"{self.place / name} is no PNG, as all images and masks of the set are")
                (images if match[2] == "images" else masks)[match[1]].append(name)
        for image_id in images.keys() | masks.keys():
            if len(images[image_id]) != 1 or not masks[image_id]:
                raise ValueError(
                    f"{self.place}: {image_id} has {len(images[image_id])} images and {len(masks[image_id])} masks; "
                    "it must have one image and at least one mask: fetch the data again"
                )
        if not images:
            raise FileNotFoundError(f"{self.place} holds no <ImageId>/images/*.png; fetch the data again")
        self.ids = sorted(image_id for image_id in images if split_of(image_id) == split)
        self.files = {image_id: (images[image_id][0], sorted(masks[image_id])) for image_id in self.ids}

    def __len__(self) -> int:
        return len(self.ids)

    def name(self, index: int) -> str:
        """The image's id."""
        return self.ids[index]

    def read(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        name, _ = self.files[self.ids[index]]
        image = read_image(self._bytes(name), self.place / name)
        mask = (self.instances(index) > 0).astype(np.uint8)
        if image.shape[:2] != mask.shape:
            raise ValueError(
                f"{self.place / name} is {image.shape[0]} x {image.shape[1]} pixels, but its masks are "
                f"{mask.shape[0]} x {mask.shape[1]}; they must be equal: fetch the data again"
            )
        return image, mask

    def instances(self, index: int) -> np.ndarray:
        """Ids of the nuclei, int32 (H, W): 0 = background, 1..n in the order of the mask files' names.

        Where two masks overlap (a few pixels in all of the data), the later one has the pixel.
        """
        _, names = self.files[self.ids[index]]
        masks = [read_mask(self._bytes(name), self.place / name) for name in names]
        instances = np.zeros(masks[0].shape, dtype=np.int32)
        for number, (name, mask) in enumerate(zip(names, masks), start=1):
            if mask.shape != instances.shape:
                raise ValueError(
                    f"{self.place / name} is {mask.shape[0]} x {mask.shape[1]} pixels, but {names[0]} is "
                    f"{instances.shape[0]} x {instances.shape[1]}; they must be equal: fetch the data again"
                )
            instances[mask > 0] = number
        return instances

    def _names(self) -> list[str]:
        if self.place.is_dir():
            return [path.relative_to(self.place).as_posix() for path in self.place.glob("*/*/*")]
        return self._zip().namelist()

    def _bytes(self, name: str) -> bytes:
        return (self.place / name).read_bytes() if self.place.is_dir() else self._zip().read(name)

    def _zip(self) -> zipfile.ZipFile:
        if self._archive is None or self._archive_owner != os.getpid():
            self._archive, self._archive_owner = zipfile.ZipFile(self.place), os.getpid()
        return self._archive

    def __getstate__(self) -> dict:
        return self.__dict__ | {"_archive": None}  # an open file cannot be sent to a worker


def split_of(image_id: str) -> str:
    """The split of a picture, by a hash of its id alone."""
    share = int(hashlib.sha256(image_id.encode()).hexdigest(), 16) % 10
    return {8: "val", 9: "test"}.get(share, "train")
