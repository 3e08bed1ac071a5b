"""A dataset of pictures and of the masks that its annotations make."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from nbhelpers.datasets.annotations.conventions import Convention
from nbhelpers.datasets.annotations.export import Export
from nbhelpers.datasets.annotations.find import read_export
from nbhelpers.datasets.annotations.images import ImageFiles, read_picture
from nbhelpers.datasets.annotations.paint import Rules, paint
from nbhelpers.datasets.annotations.shapes import Picture
from nbhelpers.datasets.dataset import IGNORE, SegmentationDataset, checked_classes
from nbhelpers.datasets.depth import Depth
from nbhelpers.datasets.palette import categorical

UNLABELLED = ("empty", "error", "skip")
VOID_LABELS = ("__ignore__", "ignore")  # labelme's name for it, and the usual one


class Annotated(SegmentationDataset):
    """Pairs of an image and the mask that its annotations make.

    Args:
        path: what the tool exported, a file or a folder; `annotations.FORMATS` lists the formats.
        images: the folder of the image files, searched deeply, or a mapping from the export's names to paths; None:
            the folder of the export itself, or the images inside labelme's files.
        classes: the names in the order of their ids. Pixels of no object are the class named `background`; where
            `classes` has no such name they are void. Default: `background` and all labels of the export, in its
            order; without a background for formats that label every pixel. A label that is called like it but for
            capitals and outer underscores, as in labelme's `_background_`, is that class too.
        format: one of `annotations.FORMATS`; None finds it.
        convention: of the run-length codes in Kaggle's tables, which must be named there: one of
            `annotations.CONVENTIONS`, or a `Convention`.
        void: labels whose objects become 255; None: those of `VOID_LABELS`. skip: labels that are left out, as if
            nobody had drawn them. Both must be labels of the export, and none of `classes`.
        order, overlap, crowd, width, centres: how objects become a mask, see `annotations.Rules`.
        unlabelled: an image without an object is "empty" (all background), an "error", or left out ("skip"). That is also
            one that lies beside others and has no text file (YOLO), or no row (Kaggle's tables). None: "empty", but images
            without a row are left out, since they may be another fold's, and `odd` counts them.
        value_range: (black, white) of images of more than 8 bits, as in `Folder`: searched where it is not given.

    A pixel belongs to an object if its centre does. `counts` tells how many objects each label has, `odd` what was
    passed over. Raises FileNotFoundError for images that are missing and ValueError for all else, naming file and
    object; for what an image's own file decides (its size), on reading.
    """

    def __init__(
        self,
        path: str | Path,
        images: str | Path | Mapping[str, str | Path] | None = None,
        classes: Sequence[str] | None = None,
        *,
        format: str | None = None,
        convention: str | Convention | None = None,
        background: str = "background",
        void: Sequence[str] | None = None,
        skip: Sequence[str] = (),
        order: str = "file",
        overlap: str = "cover",
        crowd: str = "void",
        width: float | None = None,
        centres: bool = False,
        unlabelled: str | None = None,
        value_range: tuple[float, float] | None = None,
        transform: Callable | None = None,
    ) -> None:
        super().__init__(transform)
        if unlabelled not in (None, *UNLABELLED):
            raise ValueError(
                f"unlabelled is {unlabelled!r}; it must be one of {', '.join(map(repr, UNLABELLED))}"
            )
        self.rules = Rules(order, overlap, crowd, width, centres)
        path, given = Path(path), None if classes is None else checked_classes(classes)
        content = read_export(path, format, given, convention)
        self.format, self.counts, self.odd = content.format, content.counts, content.odd
        self._check_given(() if void is None else void, skip, given or (), content)
        void = (*(VOID_LABELS if void is None else void), *content.void)
        self.classes = checked_classes(given or _labels(content, background, void, skip))
        if len(set(self.classes)) < len(self.classes):
            raise ValueError(f"classes are {self.classes}; give each name once")
        self.palette = categorical(self.num_classes)
        ids = {name: place for place, name in enumerate(self.classes)}
        same = [name for name in (background, *ids) if name in ids and _plain(name) == _plain(background)]
        self.background = ids[same[0]] if same else IGNORE
        alike = [label for label in self.counts if _plain(label) == _plain(background)]
        painted = dict.fromkeys(alike if same else (), self.background) | dict.fromkeys(void, IGNORE) | ids
        self.ids = {label: value for label, value in painted.items() if label not in skip}
        unknown = [label for label, count in self.counts.items() if count and label not in (*self.ids, *skip)]
        if unknown:
            raise ValueError(
                f"{path} has objects of {', '.join(map(repr, unknown))}, but the classes are {', '.join(self.classes)}; "
                "name them in classes=, or in void= (255) or skip= (left out)"
            )
        files = ImageFiles(path if images is None else images)
        self.pictures = self._chosen(content, files, unlabelled)
        if not self.pictures:
            raise ValueError(f"{path} holds no annotated image")
        self.files = files.find_all(self.pictures, embedded=images is None)
        self.depth = Depth([(file, None) for file in self.files if file is not None], 3, value_range)

    def __len__(self) -> int:
        return len(self.pictures)

    def name(self, index: int) -> str:
        """The image's path, or its name in the export where the export holds it."""
        return str(self.files[index] or self.pictures[index].name)

    def read(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        picture, path = self.pictures[index], self.files[index]
        image, size, turn = read_picture(path, picture, self.depth)
        if picture.painted is None:
            mask = paint(picture.objects, size, self.ids, self.background, self.rules)
        else:
            mask = picture.painted.mask(self.ids, self.background)
        mask = turn(mask)
        if mask.shape != image.shape[:2]:
            raise ValueError(
                f"{path} is {image.shape[0]} x {image.shape[1]} pixels, but its mask {picture.where} is "
                f"{mask.shape[0]} x {mask.shape[1]}; they must be equal"
            )
        return image, mask

    def _check_given(
        self, void: Sequence[str], skip: Sequence[str], classes: Sequence[str], content: Export
    ) -> None:
        """`void`, `skip` and `classes` as the caller wrote them. A split may lack a label, which is odd and no error."""
        if both := [label for label in void if label in classes]:
            raise ValueError(
                f"{', '.join(map(repr, both))} stand in classes= and in void=; take them out of one"
            )
        labels = dict.fromkeys((*self.counts, *content.void))
        for label in (*void, *skip):
            if label in labels:
                continue
            if near := [one for one in labels if _plain(one) == _plain(label)]:
                raise ValueError(f"void= or skip= has {label!r}, but the label is {near[0]!r}; write it so")
            self.odd += (f"void= or skip= has {label!r}, but the labels are {', '.join(labels) or 'none'}",)

    def _chosen(self, content: Export, files: ImageFiles, unlabelled: str | None) -> tuple[Picture, ...]:
        """The pictures of the export and those beside them, as `unlabelled` says."""
        pictures = content.pictures
        if content.whole is not False and unlabelled != "skip":
            beside = self._not_listed(files, pictures)
            if content.whole or unlabelled is not None:
                pictures += beside
            elif beside:
                self.odd += (
                    f"{len(beside)} images have no row, {beside[0].name} first: left out; pass unlabelled='empty' if there is "
                    "nothing on them",
                )
        drawn = tuple(picture for picture in pictures if picture.painted or self._objects(picture))
        if unlabelled == "error" and len(drawn) < len(pictures):
            first = next(picture for picture in pictures if picture not in drawn)
            raise ValueError(
                f"{len(pictures) - len(drawn)} images have no object, {first.name} first; pass unlabelled='empty' if there "
                "is nothing on them, or 'skip' if nobody has looked at them"
            )
        return drawn if unlabelled == "skip" else pictures

    def _not_listed(self, files: ImageFiles, pictures: tuple[Picture, ...]) -> tuple[Picture, ...]:
        """The images beside those of `pictures`; those of other folders may be another split's, and are odd."""
        beside, elsewhere = files.others(pictures)
        if elsewhere:
            self.odd += (
                f"{len(elsewhere)} images lie in folders where none has annotations, {elsewhere[0]} first: left out",
            )
        return tuple(Picture(path.name, None, (), str(path), folder=str(path.parent)) for path in beside)

    def _objects(self, picture: Picture) -> list:
        return [one for one in picture.objects if one.label in self.ids]


def _labels(content: Export, background: str, void: Sequence[str], skip: Sequence[str]) -> tuple[str, ...]:
    """The classes by default: all labels but `void` and `skip`, before them `background` where it has pixels."""
    kept = [label for label in content.labels if label not in (*void, *skip)]
    named = [label for label in kept if _plain(label) != _plain(background)]
    labelled_all = content.complete and named == kept
    return tuple(named) if background in void or labelled_all else (background, *named)


def _plain(name: str) -> str:
    """Without capitals and outer underscores: labelme writes `_background_`, others `Background`."""
    return name.strip("_").lower()
