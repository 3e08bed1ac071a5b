"""The Data Science Bowl 2018 in Kaggle's folders: training images with instances, test images, sample, solution."""

import re
import zipfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import numpy as np
import PIL.Image

from nbhelpers.datasets.dataset import SegmentationDataset
from nbhelpers.datasets.files import read_image
from nbhelpers.datasets.nuclei import Nuclei
from nbhelpers.datasets.pairs import first_three
from nbhelpers.datasets.toy.cells import Cells
from nbhelpers.kaggle.bundle import find_input, folder_written_whole
from nbhelpers.kaggle.rle import find_convention, is_empty, read_runs, rle_decode
from nbhelpers.kaggle.scores import bowl_score, check_instances
from nbhelpers.kaggle.submissions import HEADER, check_size, instance_rows, read_submission, write_submission

TRAIN = "stage1_train"
TEST = "stage1_test"
SAMPLE = "stage1_sample_submission.csv"
SOLUTION = "stage1_solution.csv"
DRAWN = "nbhelpers-drawn.json"  # the manifest of a competition that we laid out
Instances = dict[str, np.ndarray]


class TrainImages(SegmentationDataset):
    """All training images of the competition: `Nuclei` without its own split, for folds of ours."""

    classes, palette = Nuclei.classes, Nuclei.palette

    def __init__(self, root: str | Path | None = None, transform: Callable | None = None) -> None:
        super().__init__(transform)
        self.parts = [Nuclei(split, root) for split in ("train", "val", "test")]
        self.places = [(part, index) for part in self.parts for index in range(len(part))]
        self.places.sort(key=lambda place: place[0].name(place[1]))

    def __len__(self) -> int:
        return len(self.places)

    def name(self, index: int) -> str:
        """The image's id."""
        part, inner = self.places[index]
        return part.name(inner)

    def read(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        part, inner = self.places[index]
        return part.read(inner)

    def instances(self, index: int) -> np.ndarray:
        """Ids of the nuclei, int32 (H, W), 0 = background."""
        part, inner = self.places[index]
        return part.instances(inner)


class TestImages:
    """The test images by id, from a folder of `<ImageId>/images/<ImageId>.png` or a zip of it, as Kaggle keeps it."""

    __test__ = False  # no test class, whatever pytest thinks of the name

    def __init__(self, place: Path) -> None:
        self.place = place
        if place.is_dir():
            names = [path.relative_to(place).as_posix() for path in place.glob("*/images/*")]
        else:
            with zipfile.ZipFile(place) as archive:
                names = archive.namelist()
        found = (re.fullmatch(r"(?:.*/)?([^/.][^/]*)/images/[^/.][^/]*\.png", name) for name in names)
        self.files = {match[1]: match[0] for match in found if match}
        self.ids = sorted(self.files)
        if not self.ids:
            raise FileNotFoundError(f"{place} holds no <ImageId>/images/<ImageId>.png; fetch the data again")

    def __len__(self) -> int:
        return len(self.ids)

    def read(self, image_id: str) -> np.ndarray:
        """The image, uint8 (H, W, 3). ValueError that names the file if it cannot be read."""
        name = self.files[image_id]
        if self.place.is_dir():
            return read_image((self.place / name).read_bytes(), self.place / name)
        with zipfile.ZipFile(self.place) as archive:
            return read_image(archive.read(name), self.place / name)


class Bowl:
    """The competition's folder: `train`, `test`, `sample`; Kaggle keeps some of them zipped, both are read.

    root: the folder that holds stage1_train, stage1_test and the sample submission. Raises FileNotFoundError that
    names what is missing.
    """

    def __init__(self, root: str | Path) -> None:
        self.root = Path(root)
        self._place(TRAIN)
        self.train = TrainImages(self.root)
        self.test = TestImages(self._place(TEST))
        self.sample = self._place(SAMPLE)

    @staticmethod
    def find() -> "Bowl | None":
        """The competition under Kaggle's input folder, or None."""
        root = find_input(TRAIN, f"{TRAIN}.zip")
        return None if root is None else Bowl(root)

    def solution(self) -> Instances | None:
        """The true instances of the test images, where the competition has published them; else None.

        Raises ValueError for a file that was cut off.
        """
        try:
            path = self._place(SOLUTION)
        except FileNotFoundError:
            return None
        codes: dict[str, list[str]] = {}
        sizes: dict[str, tuple[int, int]] = {}
        for name, code, height, width, _ in read_submission(path, columns=5):
            codes.setdefault(name, []).append(code)
            sizes[name] = int(height), int(width)
        return {name: to_instances(own, sizes[name]) for name, own in codes.items()}

    def _place(self, name: str) -> Path:
        for path in (self.root / name, self.root / f"{name}.zip"):
            if path.exists():
                return path
        raise FileNotFoundError(f"{self.root} has neither {name} nor {name}.zip; add the competition's data")


def to_instances(codes: list[str], size: tuple[int, int]) -> np.ndarray:
    """Instance ids int32 (H, W) of the codes of one image, numbered in their order; where two overlap the later has it."""
    instances = np.zeros(size, np.int32)
    for number, code in enumerate(codes, start=1):
        instances[rle_decode(code, size) > 0] = number
    return instances


def score_submission(path: str | Path, truths: Mapping[str, np.ndarray]) -> dict[str, float]:
    """The Bowl's score of each image: {id: score}; the leaderboard shows their mean.

    truths: instance ids (H, W) by image id. Raises ValueError for a file that cannot be read, for missing ids, and for
    objects of an image that share pixels, as one that is written twice: the competition refuses them.
    """
    codes: dict[str, list[str]] = {}
    for name, code in read_submission(path):
        codes.setdefault(name, []).append(code)
    if missing := [name for name in truths if name not in codes]:
        raise ValueError(
            f"{path} has no row for {first_three([*map(repr, missing)])}; lint_submission lists them"
        )
    scores = {}
    for name, truth in truths.items():
        own = [code for code in codes[name] if not is_empty(code)]
        found = to_instances(own, truth.shape)
        runs = (read_runs(code, find_convention("dsb-2018")) for code in own)
        if np.count_nonzero(found) < sum(lengths.sum() for _, lengths in runs):
            raise ValueError(
                f"{path} has objects of {name!r} that share pixels; each pixel may be of one object: lint_submission "
                "lists them"
            )
        scores[name] = bowl_score(found, truth)
    return scores


Picture = tuple[str, np.ndarray, np.ndarray]  # id, image uint8 (H, W, 3), instance ids (H, W)


def lay_out(root: str | Path, train: Iterable[Picture], test: Iterable[Picture]) -> None:
    """Write pictures into the competition's folders, with a sample submission and the solution.

    What a competition keeps in `train` you may hold back yourself as `test`, to try everything before you send it.
    It replaces what an earlier call wrote to `root`, whole or not at all. ValueError if `root` holds anything else, for
    two pictures of one id, for instances that are no ids or of another size than their image, and for none in `train`.
    """
    with folder_written_whole(root, DRAWN) as building:
        _lay_out(building, train, test)


def _lay_out(root: Path, train: Iterable[Picture], test: Iterable[Picture]) -> None:
    sample, solution = [], []
    for name, image, instances in train:
        check_instances(instances)
        check_size(name, instances, image.shape[:2])
        _save_image(root / TRAIN, name, image)
        if not instances.any():
            raise ValueError(
                f"{name!r} has no object; each training image of this competition has one at least: leave it out"
            )
        for number, own in enumerate(np.unique(instances[instances > 0]), start=1):
            mask = (instances == own).astype(np.uint8) * 255
            _save_png(root / TRAIN / name / "masks" / f"{number:04}.png", mask)
    for number, (name, image, instances) in enumerate(test):
        _save_image(root / TEST, name, image)
        size = image.shape[:2]
        sample.append((name, ""))
        for _, code in instance_rows(name, instances, size):
            solution.append((name, code, *map(str, size), "Private" if number % 3 else "Public"))
    write_submission(root / SAMPLE, sample)
    write_submission(root / SOLUTION, solution, (*HEADER, "Height", "Width", "Usage"))


def draw_competition(
    root: str | Path, *, train: int = 48, test: int = 12, size: tuple[int, int] = (96, 96), seed: int = 0
) -> None:
    """Draw toy cells in the competition's folders, with sample and solution: what stands in where the data is not there.

    The test images have three sizes, none of them that of the training images, as in the second stage. Errors as `lay_out`.
    """
    height, width = size
    others = [(height * 5 // 4, width), (height, width * 3 // 2 + 1), (height + 17, width + 40)]
    known = Cells("train", size, length=train, seed=seed)
    hidden = [Cells("test", other, length=test, seed=seed) for other in others]
    lay_out(
        root,
        ((f"toy{n:04}", known.read(n)[0], known.instances(n)) for n in range(train)),
        ((f"hidden{n:04}", hidden[n % 3].read(n)[0], hidden[n % 3].instances(n)) for n in range(test)),
    )


def _save_image(folder: Path, name: str, image: np.ndarray) -> None:
    path = folder / name / "images" / f"{name}.png"
    if path.exists():
        raise ValueError(f"two pictures of {folder.name} have the id {name!r}; each needs one of its own")
    _save_png(path, image)


def _save_png(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    PIL.Image.fromarray(pixels).save(path, compress_level=1)
