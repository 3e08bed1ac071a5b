"""Your own images and masks from two folders, and the check that two splits share no picture."""

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from nbhelpers.datasets.dataset import IGNORE, SegmentationDataset
from nbhelpers.datasets.files import find_pairs, read_image, read_mask
from nbhelpers.datasets.palette import categorical


class Folder(SegmentationDataset):
    """Image and mask files of equal stem in two folders: `photos/cat.jpg` with `masks/cat.png`.

    images, masks: the folders (not searched deeper); png, jpg, bmp, tif, webp or gif; in the order of
        their names, with 2 before 10. The same folder twice is fine if `mask_suffix` tells them apart.
    classes: names of the class ids 0, 1, ...
    Masks hold class ids, unless
    binary: they hold 0 and 255 (or 0 and 1), which become 0 and 1;
    palette: they are colours; row i of the RGB palette, (num_classes, 3), is class i's exact colour.
    void: the id, or with `palette` the RGB colour, that becomes 255 = ignore. 255 in a mask of ids is
        ignored anyway; `void=255` says that a mask of only 0 and 255 is meant so.
    mask_suffix: what follows the stem in a mask's name: "_mask" for `cat_mask.png`.

    Raises FileNotFoundError or ValueError, naming the file: here for files that are missing, alone, empty
    or doubled, and on reading for what a file holds (unreadable, sizes that differ, unknown ids or colours).
    """

    def __init__(
        self,
        images: str | Path,
        masks: str | Path,
        classes: Sequence[str],
        *,
        palette: Sequence[Sequence[int]] | np.ndarray | None = None,
        binary: bool = False,
        void: int | Sequence[int] | None = None,
        mask_suffix: str = "",
        transform: Callable | None = None,
    ) -> None:
        super().__init__(transform)
        self.classes = tuple(classes)
        if not 1 <= len(self.classes) <= IGNORE:
            raise ValueError(f"there are {len(self.classes)} classes; give the names of 1 to {IGNORE}")
        if binary and (len(self.classes) != 2 or palette is not None or void is not None):
            raise ValueError(
                f"binary=True is for masks of 0 and 255, which need two classes, no palette and no void; "
                f"classes are {self.classes}, palette={palette is not None}, void={void}"
            )
        if void is not None and np.shape(void) != (() if palette is None else (3,)):
            raise ValueError(f"void is {void}; it must be an id, or with palette= an RGB colour")
        self.binary = binary
        self.void = void
        self.colours: dict[int, int] | None = None  # RGB as one number -> class id
        if palette is None:
            self.palette = categorical(len(self.classes))
        else:
            self.palette = _checked_palette(palette, len(self.classes))
            self.colours = {_packed(colour): index for index, colour in enumerate(self.palette.tolist())}
            if void is not None:
                self.colours[_packed(void)] = IGNORE
        self.pairs = find_pairs(Path(images), Path(masks), mask_suffix)

    def __len__(self) -> int:
        return len(self.pairs)

    def name(self, index: int) -> str:
        """The image's path."""
        return str(self.pairs[index][0])

    def read(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        image_path, mask_path = self.pairs[index]
        image = read_image(image_path.read_bytes(), image_path)
        mask = read_mask(mask_path.read_bytes(), mask_path, colours=self.colours is not None)
        if image.shape[:2] != mask.shape[:2]:
            swapped = image.shape[:2] == mask.shape[1::-1]
            turned = "; one of them is turned by 90 degrees" if swapped else ""
            raise ValueError(
                f"{image_path} is {_size(image)} pixels, but its mask {mask_path} is {_size(mask)}; "
                f"they must be equal{turned}"
            )
        if self.colours is not None:
            return image, self._ids_of_colours(mask, mask_path)
        return image, self._checked_ids(mask, mask_path)

    def _checked_ids(self, mask: np.ndarray, path: Path) -> np.ndarray:
        values = np.flatnonzero(np.bincount(mask.ravel())) if mask.dtype == np.uint8 else np.unique(mask)
        found, expected = set(values.tolist()), f"classes 0..{self.num_classes - 1}"
        if self.binary:
            if not (found <= {0, 255} or found <= {0, 1}):
                raise ValueError(
                    f"{path} holds {_listed(found)}, but with binary=True a mask holds 0 and 255; "
                    "a JPEG or a smooth resize blurs masks: threshold it and save it as PNG"
                )
            return (mask > 0).astype(np.uint8)
        if found <= {0, 255} and 255 in found and self.void != 255:
            raise ValueError(
                f"{path} holds {_listed(found)} only, but ids of {expected} and 255 = ignore are due; "
                "if 255 is a class, pass binary=True or divide the mask by 255; if it is void, pass void=255"
            )
        unknown = found - set(range(self.num_classes)) - {IGNORE, self.void}
        if unknown:
            counts = ", ".join(
                f"{value} ({int((mask == value).sum())} pixels)" for value in sorted(unknown)[:5]
            )
            raise ValueError(
                f"{path} holds the ids {counts}, but there are {expected} and 255 = ignore; "
                "name all classes, or pass void= for one id to ignore"
            )
        mask = mask.astype(np.uint8)
        if self.void in found:
            mask[mask == self.void] = IGNORE
        return mask

    def _ids_of_colours(self, mask: np.ndarray, path: Path) -> np.ndarray:
        packed = mask.astype(np.int32) @ np.array([1 << 16, 1 << 8, 1], dtype=np.int32)  # (H, W, 3) -> (H, W)
        present, inverse = np.unique(packed, return_inverse=True)
        unknown = [colour for colour in present.tolist() if colour not in self.colours]
        if unknown:
            counts = ", ".join(
                f"{(colour >> 16, colour >> 8 & 255, colour & 255)} ({int((packed == colour).sum())} pixels)"
                for colour in unknown[:5]
            )
            more = f" and {len(unknown) - 5} more" if len(unknown) > 5 else ""
            raise ValueError(
                f"{path} holds colours that are not in the palette: {counts}{more}; add them to palette=, "
                "or pass void= for the colour to ignore (a JPEG blurs colours: masks must be PNG)"
            )
        ids = np.array([self.colours[colour] for colour in present.tolist()], dtype=np.uint8)
        return ids[inverse].reshape(packed.shape)


def check_no_overlap(a: SegmentationDataset, b: SegmentationDataset) -> None:
    """Raise ValueError if a picture of `a` is also in `b`, compared by its pixels, whatever its name."""
    known = {_fingerprint(a, index): index for index in range(len(a))}
    shared = [(known[key], index) for index in range(len(b)) if (key := _fingerprint(b, index)) in known]
    if shared:
        first = "; ".join(f"{_name(a, i)} is {_name(b, j)}" for i, j in shared[:3])
        raise ValueError(
            f"{len(shared)} of the {len(b)} images of the second split are in the first too, so a score "
            f"on it would be too good: {first}; remove them from one split"
        )


def _fingerprint(dataset: SegmentationDataset, index: int) -> bytes:
    image, _ = dataset.read(index)
    return hashlib.blake2b(np.ascontiguousarray(image), key=str(image.shape).encode()).digest()


def _name(dataset: SegmentationDataset, index: int) -> str:
    return dataset.name(index) if hasattr(dataset, "name") else f"{type(dataset).__name__}[{index}]"


def _checked_palette(palette: Sequence[Sequence[int]] | np.ndarray, num_classes: int) -> np.ndarray:
    colours = np.asarray(palette)
    if colours.shape != (num_classes, 3) or colours.min() < 0 or colours.max() > 255:
        raise ValueError(
            f"palette has shape {colours.shape}; it must be ({num_classes}, 3): RGB 0..255, one a class"
        )
    if len(np.unique(colours, axis=0)) < num_classes:
        raise ValueError("palette holds one colour twice; every class needs its own")
    return colours.astype(np.uint8)


def _packed(colour: Sequence[int]) -> int:
    red, green, blue = (int(value) for value in colour)
    return red << 16 | green << 8 | blue


def _size(array: np.ndarray) -> str:
    return f"{array.shape[0]} x {array.shape[1]}"


def _listed(values: set[int]) -> str:
    first = sorted(values)
    return (
        " and ".join(map(str, first))
        if len(first) < 3
        else f"{len(first)} values from {first[0]} to {first[-1]}"
    )
