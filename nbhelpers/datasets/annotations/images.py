"""The image files that an export speaks of: found by name inside one folder, never outside it."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path, PurePosixPath

import numpy as np

from nbhelpers.datasets.annotations.formats.label_studio import original_name
from nbhelpers.datasets.annotations.shapes import Picture
from nbhelpers.datasets.depth import Depth
from nbhelpers.datasets.files import ORIENTATION, SUFFIXES, opened, read_samples, upright

SIDES_SWAPPED = (5, 6, 7, 8)  # the EXIF orientations of photographs that lie on their side


class ImageFiles:
    """`find(picture)` gives the path of the image that an export speaks of.

    place: a folder (that of a file), searched deeply, or a mapping from names to paths. A name may have folders before
    it, which choose between files of equal name, and may lack its ending or have that of another image format.
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
        self.paths = [
            path
            for path in sorted(self.folder.rglob("*"))
            if path.suffix.lower() in SUFFIXES and not path.name.startswith(".") and path.is_file()
        ]
        self.by_name: dict[str, list[Path]] = {}
        for path in self.paths:
            for key in {path.name, path.stem}:
                self.by_name.setdefault(key, []).append(path)
        self.folders: dict[str, list[Path]] = {}
        for folder in dict.fromkeys(path.parent for path in self.paths):
            self.folders.setdefault(folder.name, []).append(folder)

    def find(self, picture: Picture) -> Path:
        """Raises FileNotFoundError where there is none, and ValueError where several fit."""
        if self.named is not None:
            if picture.name not in self.named:
                raise FileNotFoundError(f"images= has no path for {picture.name!r}")
            return self.named[picture.name]
        wanted = picture.path
        there, other = wanted.parent, None
        names = (wanted.name, _without_ending(wanted.name))
        for key in dict.fromkeys(name for one in names for name in (one, original_name(one))):
            paths = self.by_name.get(key, [])
            if not paths:
                continue
            steps = [_agreement(path.parent, there) for path in paths]
            most = max(steps)
            paths = [path for path, count in zip(paths, steps, strict=True) if count == most]
            closer = [
                folder
                for folder in self.folders.get(there.name, ())
                if _agreement(folder, there) > most and folder not in paths[0].parents
            ]
            if closer:  # val/1.png is missing where there is a folder val, and train/1.png is another image
                other = other or (closer[0], paths[0])
                continue
            if len(paths) > 1:
                raise ValueError(
                    f"several files in {self.folder} fit the name {picture.name!r}: {paths[0]} and {paths[1]}"
                )
            return paths[0]
        if other is not None:
            raise FileNotFoundError(
                f"{other[0]} holds no image {picture.name!r}, and {other[1]} is of another folder; add the image that is "
                "missing, or pass images= with a mapping from names to paths"
            )
        raise FileNotFoundError(
            f"{self.folder} holds no image {picture.name!r}; pass images= with the folder that does or, where its file is named "
            "otherwise, with a mapping from names to paths"
        )

    def find_all(self, pictures: Sequence[Picture], *, embedded: bool) -> list[Path | None]:
        """The path of each picture; with `embedded`, None where the export holds the image itself.

        An export may say twice that it speaks of one file (two annotators), and so may a mapping. Raises ValueError
        where two pictures get one file otherwise.
        """
        found = [None if embedded and picture.embedded else self.find(picture) for picture in pictures]
        owners: dict[Path, Picture] = {}
        for path, picture in zip(found, pictures, strict=True):
            owner = picture if path is None or self.named is not None else owners.setdefault(path, picture)
            if owner.path != picture.path:
                raise ValueError(
                    f"{owner.where} ({owner.name!r}) and {picture.where} ({picture.name!r}) both get the image {path}; "
                    "add the image that is missing, or, if both are of this one, pass images= with a mapping from "
                    "names to paths"
                )
        return found

    def others(self, pictures: Sequence[Picture]) -> tuple[list[Path], list[Path]]:
        """The images that belong to no picture: those in a folder with one that does, and those in other folders."""
        if self.named is not None:
            return [], []
        found = set(map(self.find, pictures))
        folders = {path.parent for path in found}
        beside, elsewhere = [], []
        for path in self.paths:
            if path not in found:
                (beside if path.parent in folders else elsewhere).append(path)
        return beside, elsewhere


def read_picture(
    path: Path | None, picture: Picture, depth: Depth
) -> tuple[np.ndarray, tuple[int, int], Callable[[np.ndarray], np.ndarray]]:
    """The image as it is shown, the size (height, width) of the mask to paint, and what turns the mask to the image.

    A photograph with an EXIF tag has two sizes, as stored and as shown; the size in the export says which one the
    annotator saw. Without it, or in a square, the shown one. Raises ValueError where the export's size is neither.
    """
    data = picture.embedded if path is None else path.read_bytes()
    where = f"the image in {picture.where}" if path is None else path
    image = depth.image(read_samples(data, where))
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
    with opened(data) as file:
        return file.getexif().get(ORIENTATION, 1)


def _agreement(here: Path, there: PurePosixPath) -> int:
    """In how many steps two folders agree, counted from the file; one more where they are the same."""
    count = 0
    for one, other in zip(reversed(here.parts), reversed(there.parts), strict=False):
        if one != other:
            return count
        count += 1
    return count + (0 < count == len(here.parts) == len(there.parts))


def _without_ending(name: str) -> str:
    """Of an image only: `v1.25` is a name."""
    path = PurePosixPath(name)
    return path.stem if path.suffix.lower() in SUFFIXES else name
