"""What every reader of a format gives: pictures with their objects, the labels, and what looked odd."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from nbhelpers.datasets.annotations.shapes import Picture


@dataclass(frozen=True)
class Export:
    """What a file or folder of annotations holds.

    format: its name. labels: in the export's own order. odd: sentences about what was passed over or mended.
    void: labels that the format itself counts as void. complete: every pixel should have a label, so that there is
    no background. whole: it is of all images in a folder, so that one without annotations has no object; None: nothing in
    it tells.
    """

    format: str
    labels: tuple[str, ...]
    pictures: tuple[Picture, ...]
    odd: tuple[str, ...] = ()
    void: tuple[str, ...] = ()
    complete: bool = False
    whole: bool | None = False

    @property
    def counts(self) -> dict[str, int]:
        """How many objects each label has; in painted masks, how many pictures hold it."""
        found = Counter(one.label for picture in self.pictures for one in picture.objects)
        found.update(
            label for picture in self.pictures if picture.painted for label in picture.painted.labels
        )
        return {label: found[label] for label in dict.fromkeys((*self.labels, *found))}


def labels_of(pictures: tuple[Picture, ...]) -> tuple[str, ...]:
    """The labels that occur, in alphabetical order, for formats that have no list of their own."""
    return tuple(sorted({one.label for picture in pictures for one in picture.objects}))


def image_folder(path: Path, annotations: str, images: str) -> str:
    """The folder of the image that belongs to the file `path`: the last step `annotations` of its own is `images`."""
    steps = list(path.parent.parts)
    if annotations in steps:
        steps[-1 - steps[::-1].index(annotations)] = images
    return str(Path(*steps))
