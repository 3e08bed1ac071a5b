"""The image files that an export speaks of: found by name inside one folder, never outside it."""

import io
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path, PurePosixPath

import numpy as np
from PIL import Image

from nbhelpers.datasets.annotations.formats.label_studio import original_name
from nbhelpers.datasets.annotations.shapes import Picture
from nbhelpers.datasets.files import ORIENTATION, SUFFIXES, read_image, upright

SIDES_SWAPPED = (5, 6, 7, 8)  # the EXIF orientations of photographs that lie on their side


class ImageFiles:
    """`find(name)` gives the path of the image that an export calls so.

    place: a folder (that of a file), searched deeply, or a mapping from names to paths. A name may have folders before
    it, which choose between files of equal name, and may lack its ending.
    """

    def __init__(self, place: str | Path | Mapping[str, str | Path]) -> None:
        self.named = (
            {name: Path(path) for name, path in place.items()} if isinstance(place, Mapping) else None
        )
        if self.named is not None:
            return
        self.folder = Path(place).parent if Path(place).is_file() else Path(place)
        if not self.folder.is_dir():
            raise FileNotFoundError(f"images must be a folder, but there is none at {self.folder}")
        self.by_name: dict[str, list[Path]] = {}
        for path in sorted(self.folder.rglob("*")):
            if path.suffix.lower() in SUFFIXES and not path.name.startswith(".") and path.is_file():
                for key in {path.name, path.stem}:
                    self.by_name.setdefault(key, []).append(path)

    def find(self, name: str) -> Path:
        """Raises FileNotFoundError where there is none, and ValueError where several fit."""
        if self.named is not None:
            if name not in self.named:
                raise FileNotFoundError(f"images= has no path for {name!r}")
            return self.named[name]
        wanted = PurePosixPath(name.replace("\\", "/"))
        for key in dict.fromkeys(
            (wanted.name, original_name(wanted.name), wanted.stem, original_name(wanted.stem))
        ):
            paths = self.by_name.get(key, [])
            if len(paths) > 1:
                paths = _nearest(paths, wanted)
            if len(paths) == 1:
                return paths[0]
            if paths:
                raise ValueError(
                    f"several files in {self.folder} fit the name {name!r}: {paths[0]} and {paths[1]}"
                )
        raise FileNotFoundError(
            f"{self.folder} holds no image {name!r}; pass images= with the folder that does"
        )


def read_picture(
    path: Path | None, picture: Picture
) -> tuple[np.ndarray, tuple[int, int], Callable[[np.ndarray], np.ndarray]]:
    """The image as it is shown, the size (height, width) of the mask to paint, and what turns the mask to the image.

    A photograph with an EXIF tag has two sizes, as stored and as shown; the size in the export says which one the
    annotator saw. Without it, or in a square, the shown one. Raises ValueError where the export's size is neither.
    """
    data = picture.embedded if path is None else path.read_bytes()
    where = f"the image in {picture.where}" if path is None else path
    image = read_image(data, where)
    shown = image.shape[:2]
    if picture.size in (None, shown):
        return image, shown, lambda mask: mask
    orientation = _orientation(data)
    if orientation in SIDES_SWAPPED and picture.size == shown[::-1]:
        return image, shown[::-1], partial(upright, orientation=orientation)
    raise ValueError(
        f"{where} is {shown[0]} x {shown[1]} pixels, but {picture.where} was drawn on "
        f"{picture.size[0]} x {picture.size[1]}; the image was resized or turned after it was annotated: use the original"
    )


def _orientation(data: bytes) -> int:
    with Image.open(io.BytesIO(data)) as file:
        return file.getexif().get(ORIENTATION, 1)


def _nearest(paths: list[Path], wanted: PurePosixPath) -> list[Path]:
    """Those whose folders agree with `wanted`'s in the most steps, counted from the file."""

    def agreement(path: Path) -> int:
        pairs = zip(reversed(path.parts[:-1]), reversed(wanted.parts[:-1]), strict=False)
        count = 0
        for here, there in pairs:
            if here != there:
                break
            count += 1
        return count

    most = max(map(agreement, paths))
    return [path for path in paths if agreement(path) == most]
