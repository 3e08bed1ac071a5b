"""The one place where the collection reads an image file, and finds which mask belongs to which image.

Pillow decodes, because it refuses a file that was cut off (older OpenCV returns the half it has) and keeps
the class ids of a palette PNG (OpenCV turns them into colours).
"""

import io
import re
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp", ".gif")


def read_image(data: bytes, name: str | Path) -> np.ndarray:
    """Decode an image file's bytes to uint8 RGB (H, W, 3); `name` is what an error calls it.

    Grey becomes three equal channels, alpha is dropped, a photo is turned as its EXIF tag says. 16 bits
    are scaled by the range of the type, 0..65535 to 0..255, never by the content: a 12-bit camera's
    pictures come out dark, and equally dark.
    """
    picture = ImageOps.exif_transpose(_open(data, name))
    if picture.mode.startswith("I"):  # 16-bit grey; older Pillow hands it over as 32-bit
        grey = np.array(picture).astype(np.int64)
        if grey.min() < 0 or grey.max() > 65535:
            raise ValueError(
                f"{name} holds values {grey.min()}..{grey.max()}; an image must have 8 or 16 bits"
            )
        grey = ((grey + 128) // 257).astype(np.uint8)
        return np.repeat(grey[..., None], 3, axis=2)
    if picture.mode == "F":
        raise ValueError(
            f"{name} holds floating point numbers; an image must have 8 or 16 bits: convert it first"
        )
    return np.array(picture.convert("RGB"))


def read_mask(data: bytes, name: str | Path, *, colours: bool = False) -> np.ndarray:
    """Decode a mask file's bytes as they are: values (H, W), or RGB (H, W, 3) if `colours`.

    Values are grey levels, or the ids of a palette PNG. A colour file whose channels are all equal is
    grey; any other is a ValueError, because colours are no ids.
    """
    picture = _open(data, name)
    if colours:
        return np.array(picture.convert("RGB"))
    values = np.array(picture)
    if values.dtype == bool:
        return values.astype(np.uint8)
    if picture.mode == "F":
        raise ValueError(f"{name} holds floating point numbers; a mask must hold integer class ids")
    if values.ndim == 2:
        return values
    if picture.mode not in ("LA", "RGB", "RGBA"):
        raise ValueError(
            f"{name} has colour mode {picture.mode}; save the mask as a grey, palette or RGB PNG"
        )
    rgb = values[..., :1] if picture.mode == "LA" else values[..., :3]
    if (rgb != rgb[..., :1]).any():
        raise ValueError(
            f"{name} is a colour picture, but class ids are due; pass palette= with one colour a class"
        )
    return rgb[..., 0].copy()


def _open(data: bytes, name: str | Path) -> Image.Image:
    if not data:
        raise ValueError(f"{name} is empty (0 bytes); copy or download it again")
    try:
        picture = Image.open(io.BytesIO(data))
        picture.load()
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise ValueError(f"{name} cannot be read as an image ({error}); copy or download it again") from error
    return picture


def find_pairs(images: Path, masks: Path, mask_suffix: str = "") -> list[tuple[Path, Path]]:
    """The paths (image, mask) of equal stem, in natural order; errors as in `folder.Folder`."""
    image_files, mask_files = _by_stem(images, "images"), _by_stem(masks, "masks")
    if images.resolve() == masks.resolve():
        if not mask_suffix:
            raise ValueError(f"images and masks are both in {images}; pass mask_suffix=, such as '_mask'")
        image_files = {stem: path for stem, path in image_files.items() if not stem.endswith(mask_suffix)}
    mask_files = {
        stem[: len(stem) - len(mask_suffix)]: path
        for stem, path in mask_files.items()
        if stem.endswith(mask_suffix)
    }
    if alone := sorted(image_files.keys() - mask_files.keys(), key=_natural):
        raise FileNotFoundError(
            f"{image_files[alone[0]]} has no mask {masks / (alone[0] + mask_suffix)}.png (or of another type); "
            f"{len(alone)} of {len(image_files)} images have none: add the masks, or move the images away"
        )
    if alone := sorted(mask_files.keys() - image_files.keys(), key=_natural):
        raise FileNotFoundError(
            f"{mask_files[alone[0]]} has no image {images / alone[0]}.png (or another image type); "
            f"{len(alone)} of {len(mask_files)} masks have none: add the images, or move the masks away"
        )
    if not image_files:
        raise FileNotFoundError(f"no image in {images} has a mask that ends in {mask_suffix!r} in {masks}")
    return [(image_files[stem], mask_files[stem]) for stem in sorted(image_files, key=_natural)]


def _by_stem(folder: Path, role: str) -> dict[str, Path]:
    if not folder.is_dir():
        raise FileNotFoundError(f"{role} must be a folder, but there is none at {folder.resolve()}")
    files: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() not in SUFFIXES or path.name.startswith(
            "."
        ):  # "._a.png" is macOS's, not a picture
            continue
        if path.stem in files:
            raise ValueError(
                f"{files[path.stem]} and {path} have one stem; a pair needs one file each: remove one"
            )
        if path.stat().st_size == 0:
            raise ValueError(f"{path} is empty (0 bytes); copy or download it again")
        files[path.stem] = path
    if not files:
        raise FileNotFoundError(
            f"no {role} in {folder.resolve()}; expected files that end in {', '.join(SUFFIXES)}"
        )
    return files


def _natural(stem: str) -> list[tuple[bool, int, str]]:
    """Sort key that puts slice2 before slice10."""
    return [
        (part.isdecimal(), int(part) if part.isdecimal() else 0, part) for part in re.split(r"(\d+)", stem)
    ]
