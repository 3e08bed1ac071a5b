"""Which mask belongs to which image: by the names of the files, and without passing over any."""

import re
import unicodedata
from collections.abc import Collection, Sequence
from pathlib import Path

from nbhelpers.datasets.files import SUFFIXES

# what Windows leaves; names with a dot in front are macOS's
LITTER = ("thumbs.db", "ehthumbs.db", "desktop.ini")
NUMBER = r"[ _.-]?\(?\d+\)?"  # of a further mask: "_1", " (2)", "3"
SEPARATE_NUMBER = r"[ _.-]\(?\d+\)?"  # where no suffix stands before it: 12.png is no further mask of 1.png


def find_pairs(images: Path, masks: Path) -> list[tuple[Path, Path]]:
    """The paths (image, mask) of equal stem, in natural order; errors as in `folder.Folder`."""
    return [(image, mask) for image, (mask,) in find_masks(images, masks)]


def find_masks(
    images: Path, masks: Path, mask_suffix: str = "", *, several: bool = False
) -> list[tuple[Path, list[Path]]]:
    """Each image with its mask, or with `several` its masks, in natural order; errors as in `folder.Folder`.

    A further mask is named as the first one with a number behind: `cat_mask.png`, `cat_mask_1.png`. Names are equal if
    they look so: in one normal form of Unicode (NFC), because zips from macOS hold the other.
    """
    mask_suffix = unicodedata.normalize("NFC", mask_suffix)
    image_files, mask_files = _by_stem(images, "images"), _by_stem(masks, "masks")
    if images.resolve() == masks.resolve():
        if not mask_suffix:
            raise ValueError(f"images and masks are both in {images}; pass mask_suffix=, such as '_mask'")
        is_mask = {
            stem: stem.endswith(mask_suffix) or _further_of(stem, mask_suffix) in image_files
            for stem in image_files
        }
        image_files = {stem: path for stem, path in image_files.items() if not is_mask[stem]}
        mask_files = {stem: path for stem, path in mask_files.items() if is_mask[stem]}
    else:
        if names := left_alone(masks):
            print(f"{masks}: left alone, as no mask by its ending: {first_three(names)}")
    found: dict[str, list[Path]] = {}
    for stem in sorted(mask_files, key=_natural):
        path = mask_files[stem]
        owner = stem.removesuffix(mask_suffix) if stem.endswith(mask_suffix) else None
        if owner not in image_files and (first := _further_of(stem, mask_suffix)) in image_files:
            owner = first
            if not several:
                raise ValueError(
                    f"{path} looks like a further mask of {image_files[first]}; pass several_masks=True for the union "
                    "of an image's masks, or move it away"
                )
        if owner is None:
            raise ValueError(
                f"{path} is in the masks' folder, but its name does not end in {mask_suffix!r}: move it away, or pass "
                "another mask_suffix="
            )
        found.setdefault(owner, []).append(path)
    if alone := sorted(image_files.keys() - found.keys(), key=_natural):
        raise FileNotFoundError(
            f"{image_files[alone[0]]} has no mask {masks / (alone[0] + mask_suffix)}.png (or of another type); "
            f"{len(alone)} of {len(image_files)} images have none: add the masks, or move the images away"
        )
    if alone := sorted(found.keys() - image_files.keys(), key=_natural):
        raise FileNotFoundError(
            f"{found[alone[0]][0]} has no image {images / alone[0]}.png (or another image type); "
            f"{len(alone)} of {len(mask_files)} masks have none: add the images, or move the masks away"
        )
    if not image_files:
        raise FileNotFoundError(f"no image in {images} has a mask that ends in {mask_suffix!r} in {masks}")
    return [(image_files[stem], found[stem]) for stem in sorted(image_files, key=_natural)]


def _further_of(stem: str, mask_suffix: str) -> str | None:
    """The stem of the image that a mask with a number behind belongs to; None for any other name."""
    match = re.fullmatch(rf"(.+){re.escape(mask_suffix)}{NUMBER if mask_suffix else SEPARATE_NUMBER}", stem)
    return match and match[1]


def _by_stem(folder: Path, role: str) -> dict[str, Path]:
    if not folder.is_dir():
        raise FileNotFoundError(f"{role} must be a folder, but there is none at {folder.resolve()}")
    files: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() not in SUFFIXES or path.name.startswith("."):
            continue
        stem = unicodedata.normalize("NFC", path.stem)
        if stem in files:
            raise ValueError(
                f"{files[stem]} and {path} have one stem; a pair needs one file each: remove one"
            )
        if path.stat().st_size == 0:
            raise ValueError(f"{path} is empty (0 bytes); copy or download it again")
        files[stem] = path
    if not files:
        raise FileNotFoundError(
            f"no {role} in {folder.resolve()}; expected files that end in {', '.join(SUFFIXES)}"
        )
    return files


def left_alone(folder: Path, endings: Collection[str] = SUFFIXES) -> list[str]:
    """The names of what lies in a folder and is no file of these endings; not what systems leave there."""
    return [
        path.name + "/" * path.is_dir()
        for path in sorted(folder.iterdir())
        if not (path.name.startswith(".") or path.name.lower() in LITTER)
        and (path.suffix.lower() not in endings or path.is_dir())
    ]


def first_three(names: Sequence[str]) -> str:
    """Them, and how many more there are."""
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _natural(stem: str) -> list[tuple[bool, int, str]]:
    """Sort key that puts slice2 before slice10."""
    return [
        (part.isdecimal(), int(part) if part.isdecimal() else 0, part) for part in re.split(r"(\d+)", stem)
    ]
