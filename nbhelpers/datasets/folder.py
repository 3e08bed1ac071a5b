"""Your own images and masks from two folders."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from nbhelpers.datasets.dataset import IGNORE, SegmentationDataset, checked_classes
from nbhelpers.datasets.depth import Depth
from nbhelpers.datasets.files import count_frames, read_mask, read_samples
from nbhelpers.datasets.pairs import find_masks
from nbhelpers.datasets.palette import categorical, number_of_rgb, rgb_of_number
from nbhelpers.datasets.samples import numbers_in


class Folder(SegmentationDataset):
    """Image and mask files of equal stem in two folders: `photos/cat.jpg` with `masks/cat.png`.

    images, masks: the folders (not searched deeper); png, jpg, bmp, tif, webp or gif; in the order of
        their names, with 2 before 10. The same folder twice is fine if `mask_suffix` tells them apart.
        TIFF stacks of as many images as masks are so many pairs.
    classes: names of the class ids 0, 1, ...
    Masks hold class ids, unless
    binary: they hold 0 and 255 (or 0 and 1, or of 16 bits 0 and 65535), which become 0 and 1;
    palette: they are colours; row i of the RGB palette, (num_classes, 3), is class i's exact colour, 0..255.
    void: the id, any integer that is no class, or with `palette` the RGB colour, that becomes 255 = ignore. 255 in a
        mask of ids is ignored anyway; `void=255` says that a mask of only 0 and 255 is meant so.
    mask_suffix: what follows the stem in a mask's name: "_mask" for `cat_mask.png`.
    several_masks: an image may have further masks, with a number behind (`cat_mask_1.png`); with `binary`, the object is
        their union.
    in_channels: the images' bands. 3: RGB, or grey three times; any other number must be what the files have.
    value_range: (black, white), the numbers that become 0 and 255, for images of more than 8 bits; what lies beyond is
        cut off. By default they are searched once for the bits that they use, 8, 10, 12, 14 or 16, and a line says
        what was found: give that range to every split. Signed and float images have no default.
    What is made of palettes, alpha, EXIF tags, low and high depths: the table in `nbhelpers.datasets.files`.

    Raises FileNotFoundError or ValueError, naming the file: here for files that are missing, alone, empty,
    doubled, or masks of no image, and on reading for what a file holds (unreadable, sizes that differ, unknown ids or
    colours). Files in the masks' folder that are no images are named in a printed line.
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
        several_masks: bool = False,
        in_channels: int = 3,
        value_range: tuple[float, float] | None = None,
        transform: Callable | None = None,
    ) -> None:
        super().__init__(transform)
        self.classes = checked_classes(classes)
        if binary and (len(self.classes) != 2 or palette is not None or void is not None):
            raise ValueError(
                f"binary=True is for masks of 0 and 255, which need two classes, no palette and no void; "
                f"classes are {self.classes}, palette={palette is not None}, void={void}"
            )
        if several_masks and not binary:
            raise ValueError("several_masks=True joins black and white masks; pass binary=True with it")
        self.binary = binary
        self.void = _checked_void(void, self.classes, palette is not None)
        self.colours: dict[int, int] | None = None  # RGB as one number -> class id
        if palette is None:
            self.palette = categorical(len(self.classes))
        else:
            self.palette = _checked_palette(palette, len(self.classes))
            self.colours = {
                colour: index for index, colour in enumerate(number_of_rgb(self.palette).tolist())
            }
            if void is not None:
                colour = int(number_of_rgb(void))
                if (index := self.colours.get(colour)) is not None:
                    raise ValueError(f"void is {void}, the colour of the class {self.classes[index]!r}")
                self.colours[colour] = IGNORE
        found = find_masks(Path(images), Path(masks), mask_suffix, several=several_masks)
        self.pairs: list[tuple[Path, Path]] = []  # one a sample: a stack of 30 stands here 30 times
        self.frames: list[int | None] = []
        self.more_masks = {image: more for image, (_, *more) in found if more}
        for image, of_image in found:
            mask, frames = of_image[0], _equal_frames(image, of_image)
            self.pairs += [(image, mask)] * frames
            self.frames += range(frames) if frames > 1 else [None]
        places = [(image, frame) for (image, _), frame in zip(self.pairs, self.frames)]
        self.depth = Depth(places, in_channels, value_range)

    def __len__(self) -> int:
        return len(self.pairs)

    @property
    def value_range(self) -> tuple[float, float] | None:
        """The numbers that become 0 and 255, as given or found; None for images of 8 bits."""
        return self.depth.value_range

    def name(self, index: int) -> str:
        """The image's path, of a stack with the number of the frame."""
        frame = self.frames[index]
        return str(self.pairs[index][0]) + ("" if frame is None else f", frame {frame}")

    def read(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        (image_path, mask_path), frame = self.pairs[index], self.frames[index]
        image = self.depth.image(read_samples(image_path, image_path, frame))
        mask = self._read_mask(mask_path, frame, image.shape, image_path)
        for path in self.more_masks.get(image_path, ()):
            mask |= self._read_mask(path, frame, image.shape, image_path)
        return image, mask

    def _read_mask(
        self, path: Path, frame: int | None, shape: tuple[int, ...], image_path: Path
    ) -> np.ndarray:
        ids = None if self.binary else {*range(self.num_classes), IGNORE, self.void}
        mask = read_mask(path, path, colours=self.colours is not None, ids=ids, frame=frame)
        if shape[:2] != mask.shape[:2]:
            swapped = shape[:2] == mask.shape[1::-1]
            turned = "; one of them is turned by 90 degrees, perhaps by an EXIF tag that the other lacks"
            raise ValueError(
                f"{image_path} is {_size(shape)} pixels, but its mask {path} is {_size(mask.shape)}; "
                f"they must be equal{turned if swapped else ''}"
            )
        return self._checked_ids(mask, path) if self.colours is None else self._ids_of_colours(mask, path)

    def _checked_ids(self, mask: np.ndarray, path: Path) -> np.ndarray:
        values = numbers_in(mask)
        found, expected = set(values.tolist()), f"classes 0..{self.num_classes - 1}"
        if self.binary:
            if not any(found <= {0, white} for white in (1, 255, np.iinfo(mask.dtype).max)):
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
        if self.void not in found:
            return mask.astype(np.uint8)
        is_void = mask == self.void  # before the cast, which makes 0 of 256
        mask = mask.astype(np.uint8)
        mask[is_void] = IGNORE
        return mask

    def _ids_of_colours(self, mask: np.ndarray, path: Path) -> np.ndarray:
        packed = number_of_rgb(mask)
        present, inverse = np.unique(packed, return_inverse=True)
        unknown = [colour for colour in present.tolist() if colour not in self.colours]
        if unknown:
            counts = ", ".join(
                f"{rgb_of_number(colour)} ({int((packed == colour).sum())} pixels)" for colour in unknown[:5]
            )
            more = f" and {len(unknown) - 5} more" if len(unknown) > 5 else ""
            raise ValueError(
                f"{path} holds colours that are not in the palette: {counts}{more}; add them to palette=, "
                "or pass void= for the colour to ignore (a JPEG blurs colours: masks must be PNG)"
            )
        ids = np.array([self.colours[colour] for colour in present.tolist()], dtype=np.uint8)
        return ids[inverse].reshape(packed.shape)


def _checked_palette(palette: Sequence[Sequence[int]] | np.ndarray, num_classes: int) -> np.ndarray:
    colours = np.asarray(palette)
    if colours.shape != (num_classes, 3) or colours.min() < 0 or colours.max() > 255:
        held = f" and holds {colours.min()}..{colours.max()}" if colours.size else ""
        raise ValueError(
            f"palette has shape {colours.shape}{held}; it must be ({num_classes}, 3): RGB 0..255, one a class"
        )
    if (colours != colours.astype(np.uint8)).any():
        raise ValueError("palette holds fractions; it must hold RGB 0..255: multiply colours of 0..1 by 255")
    if len(np.unique(colours, axis=0)) < num_classes:
        raise ValueError("palette holds one colour twice; every class needs its own")
    if colours.dtype.kind == "f" and colours.max() == 1:
        raise ValueError("palette holds floats of 0..1; it must hold RGB 0..255: multiply it by 255")
    return colours.astype(np.uint8)


def _checked_void(
    void: int | Sequence[int] | None, classes: tuple[str, ...], of_colours: bool
) -> int | Sequence[int] | None:
    if void is None:
        return None
    values = np.asarray(void)
    if values.shape != ((3,) if of_colours else ()) or values.dtype.kind not in "ui":
        raise ValueError(f"void is {void}; it must be an id, or with palette= an RGB colour")
    if of_colours:
        if values.min() < 0 or values.max() > 255:
            raise ValueError(f"void is {void}; a colour is RGB 0..255")
        return tuple(values.tolist())
    if 0 <= values < len(classes):
        raise ValueError(
            f"void is {void}, the id of the class {classes[int(values)]!r}; it must be another id"
        )
    return int(values)


def _equal_frames(image: Path, masks: list[Path]) -> int:
    """How many pages each of the files has: more than one only in stacks of TIFF."""
    frames = {path: _frames(path) for path in (image, *masks)}
    for mask in masks:
        if frames[mask] != frames[image]:
            raise ValueError(
                f"{image} has {frames[image]} frames, but its mask {mask} has {frames[mask]}; they must be equal"
            )
    return frames[image]


def _frames(path: Path) -> int:
    if path.suffix.lower() not in (".tif", ".tiff"):
        return 1  # of an animation, reading says that it is one
    try:
        return count_frames(path)
    except ValueError:
        return 1  # damaged, reading says so


def _size(shape: tuple[int, ...]) -> str:
    return f"{shape[0]} x {shape[1]}"


def _listed(values: set[int]) -> str:
    first = sorted(values)
    return (
        " and ".join(map(str, first))
        if len(first) < 3
        else f"{len(first)} values from {first[0]} to {first[-1]}"
    )
