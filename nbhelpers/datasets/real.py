"""Well-known sets of real pictures: CamVid, ISBI 2012, Oxford-IIIT Pets, Pascal VOC.

Nothing is downloaded here. Where the files are missing, a FileNotFoundError names the one command that
fetches them. `root` is always the folder that holds a set's own folder; None means `data_folders()`.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from torchvision.datasets import VOCSegmentation

from nbhelpers.datasets.dataset import IGNORE, SegmentationDataset, check_split
from nbhelpers.datasets.files import read_image, read_mask
from nbhelpers.datasets.folder import Folder
from nbhelpers.datasets.locate import locate
from nbhelpers.datasets.palette import BINARY, CAMVID, CAMVID_CLASSES, categorical

ISBI2012_BLOCKS = {"train": slice(0, 20), "val": slice(20, 25), "test": slice(25, 30)}
VOC_CLASSES = (
    "Background Aeroplane Bicycle Bird Boat Bottle Bus Car Cat Chair Cow "
    "DiningTable Dog Horse Motorbike Person PottedPlant Sheep Sofa Train TvMonitor"
).split()


class CamVid(Folder):
    """Street scenes from a car in Cambridge: SegNet's split, 367 / 101 / 233 pairs of 360 x 480, 11 classes.

    Files: `camvid/{train,val,test}` with the images and `camvid/{train,val,test}annot` with ids 0..10, and
    11 for void, which becomes 255.
    Brostow et al., 2009, https://doi.org/10.1016/j.patrec.2008.04.005; split and classes of Badrinarayanan
    et al., 2015, https://arxiv.org/abs/1511.00561.
    """

    def __init__(
        self, split: str = "train", root: str | Path | None = None, transform: Callable | None = None
    ) -> None:
        check_split(split)
        layout = f"camvid/{split} with the annotations in camvid/{split}annot"
        images = locate("camvid", (f"camvid/{split}",), layout, root)
        masks = images.with_name(f"{split}annot")
        super().__init__(images, masks, CAMVID_CLASSES, void=11, transform=transform)
        self.palette = CAMVID


class ISBI2012(Folder):
    """Electron microscopy of a fly larva's nerve cord, the U-Net paper's data: 30 slices of 512 x 512, grey.

    Classes: 0 = membrane and 1 = inside a cell, 0 and 255 in the files. The official test labels are secret,
    so the 30 labelled slices are split: 0..19 train, 20..24 val, 25..29 test. Neighbouring slices look
    alike, which is why each split is one block of the stack and not every nth slice.
    Files: `isbi2012/image` and `isbi2012/label`.
    Arganda-Carreras et al., 2015, https://doi.org/10.3389/fnana.2015.00142.
    """

    def __init__(
        self, split: str = "train", root: str | Path | None = None, transform: Callable | None = None
    ) -> None:
        check_split(split)
        images = locate(
            "isbi2012", ("isbi2012/image",), "isbi2012/image with the masks in isbi2012/label", root
        )
        super().__init__(
            images, images.with_name("label"), ("Membrane", "Cell"), binary=True, transform=transform
        )
        if len(self.pairs) != 30:
            raise ValueError(
                f"{images.parent} holds {len(self.pairs)} pairs; ISBI 2012 has 30: fetch it again"
            )
        self.pairs, self.frames = (rows[ISBI2012_BLOCKS[split]] for rows in (self.pairs, self.frames))


class OxfordPets(SegmentationDataset):
    """Photos of cats and dogs of 37 breeds, of various sizes; classes Background and Pet.

    The files' trimap has 1 = pet, 2 = background, 3 = a border in doubt, which becomes 255. Of the official
    3,680 training pictures, which are ordered by breed, every fifth is val: 2,944 / 736 / 3,669.
    Files: as torchvision.datasets.OxfordIIITPet keeps them, in `oxford-iiit-pet/`; read as all files here are.
    Parkhi et al., 2012, https://doi.org/10.1109/CVPR.2012.6248092.
    """

    classes = ("Background", "Pet")
    palette = BINARY

    def __init__(
        self, split: str = "train", root: str | Path | None = None, transform: Callable | None = None
    ) -> None:
        check_split(split)
        layout = "oxford-iiit-pet/images and oxford-iiit-pet/annotations"
        folder = locate("pets", ("oxford-iiit-pet/annotations",), layout, root).parent
        super().__init__(transform)
        official = "test" if split == "test" else "trainval"
        lines = (folder / "annotations" / f"{official}.txt").read_text("utf-8").splitlines()
        self.indices = [i for i in range(len(lines)) if split == "test" or (i % 5 == 4) == (split == "val")]
        self.folder, self.names = folder, [lines[i].split()[0] for i in self.indices]

    def __len__(self) -> int:
        return len(self.indices)

    def read(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        image = self.folder / "images" / f"{self.names[index]}.jpg"
        trimap = self.folder / "annotations" / "trimaps" / f"{self.names[index]}.png"
        values = read_mask(trimap, trimap, ids=range(4))
        if values.max() > 3:
            raise ValueError(
                f"{trimap} holds {values.max()}, but a trimap holds 1, 2 and 3: fetch the data again"
            )
        ids = np.array([IGNORE, 1, 0, IGNORE], dtype=np.uint8)  # of trimap values 0 (unused), 1, 2, 3
        return read_image(image, image, frame=0), ids[values]  # some are GIFs by content


class VOC(SegmentationDataset):
    """Pascal VOC 2012: photos of 20 kinds of objects and background, of various sizes, 1,464 / 1,449.

    A border around each object is void, 255. The test labels are secret: the splits are train and val.
    The palette is the collection's, safe for colour-blind readers; the set's own is `voc_palette`.
    Files: as torchvision.datasets.VOCSegmentation keeps them, in `VOCdevkit/VOC2012/`.
    Everingham et al., 2015, https://doi.org/10.1007/s11263-014-0733-5.
    """

    classes = tuple(VOC_CLASSES)
    palette = categorical(21)

    def __init__(
        self, split: str = "train", root: str | Path | None = None, transform: Callable | None = None
    ) -> None:
        check_split(split, ("train", "val"))
        layout = "VOCdevkit/VOC2012/SegmentationClass, JPEGImages and ImageSets"
        folder = locate("voc", ("VOCdevkit/VOC2012/SegmentationClass",), layout, root)
        super().__init__(transform)
        listed = VOCSegmentation(folder.parents[2], year="2012", image_set=split)
        self.pairs = [(Path(image), Path(mask)) for image, mask in zip(listed.images, listed.masks)]

    def __len__(self) -> int:
        return len(self.pairs)

    def read(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        image, mask = self.pairs[index]
        return read_image(image, image), read_mask(mask, mask, ids={*range(21), IGNORE})


def voc_palette(num_classes: int) -> np.ndarray:
    """VOC's own colours, uint8 (num_classes, 3), for masks that come as pictures: `Folder(..., palette=...)`.

    Bits 0, 1, 2 of the id are the top bits of R, G, B, bits 3, 4, 5 the next, and so on. The void border is
    (224, 224, 192).
    """
    ids = np.arange(num_classes)
    colours = np.zeros((num_classes, 3), dtype=np.uint8)
    for bit in range(8):
        colours[:, bit % 3] |= ((ids >> bit & 1) << (7 - bit // 3)).astype(np.uint8)
    return colours
