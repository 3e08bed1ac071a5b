"""What Kaggle would refuse or misread in a submission, told before it is sent."""

import re
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from nbhelpers.datasets.files import SUFFIXES
from nbhelpers.kaggle.rle import Convention, check_runs, find_convention, is_empty, read_runs
from nbhelpers.kaggle.submissions import read_table, shortened

CODES = re.compile("pixel|rle|predict|mask", re.IGNORECASE)  # what competitions call the column of the codes
# what an id may have of its file, and a class behind that: a.jpg_Fish; what else follows a dot is the id's: 1.2.276
SUFFIX = re.compile(rf"({'|'.join(map(re.escape, (*SUFFIXES, '.dcm')))})(_[^.]*)?$", re.IGNORECASE)
TEXTS = (".json", ".csv", ".txt", ".xml")  # what lies beside images and is none
Runs = tuple[int, np.ndarray, np.ndarray]  # the row's number, the starts and the lengths


class Id(tuple):
    """What names a row, all columns but the codes: shown as 'a', or as 'a, stomach'."""

    def __repr__(self) -> str:
        return repr(", ".join(self))


ById = dict[Id, list[tuple[int, str]]]  # {id: [(row's number, code)]}


def lint_submission(
    path: str | Path,
    sample: str | Path,
    sizes: Mapping[str, tuple[int, int]] | None = None,
    *,
    rows: str = "instance",
    overlap: bool = False,
    convention: str | Convention | None = None,
    images: str | Path | None = None,
) -> list[str]:
    """Everything for which Kaggle would refuse or misread the file at `path`, one sentence each; [] if it is well.

    sample: the competition's sample submission, for the header and the ids; one that is a header alone, as where all images
        are hidden, tells no ids. Of its columns one holds the codes, whose name has pixel, rle, predict or mask in it, or
        the last; the others together are the id: image, class, size.
    sizes: {first column: (height, width)} of the images; without them runs beyond an image's end are not seen. Where rows are
        of classes, a_Fish, {"a": (height, width)} will do.
    rows: "instance", several rows an id, or "one" row an id. overlap: whether rows of one id may share pixels.
    convention: of `rle_encode`, all but "coco"; None is that of "dsb-2018", but for an empty mask, which must then be
        written as in the sample, or as "" if that has none.
    images: the folder of the test images, or a zip of it: a file or a folder each, named as in the first column; files of
        text beside them are none. When a competition scores, it may hold others than the sample, which is then stale: what
        lies there counts.
    Rows are numbered as in an editor: the header is row 1. FileNotFoundError if one of the files is missing.
    """
    if rows not in ("instance", "one"):
        raise ValueError(f"rows is {rows!r}; it must be 'instance' or 'one'")
    how = find_convention("dsb-2018" if convention is None else convention)
    if how.form == "coco":
        raise ValueError(
            f"convention is {convention!r}, whose rows hold labels and confidences beside codes; only rows of one code "
            "can be examined: pass the convention of another competition"
        )
    wanted_header, place, wanted = _read_sample(sample)
    shown = {code.strip() for lines in wanted.values() for _, code in lines if is_empty(code)}
    tells_ids = bool(wanted)
    if sizes is not None:  # pandas reads the id 10078 as a number
        sizes = {str(name): size for name, size in sizes.items()}
    empties = shown or {""} if convention is None else {how.empty}
    header, found, faults = read_table(Path(path), len(wanted_header))
    if header is not None and header != wanted_header:
        faults.insert(0, f"row 1: the header is {header}; it must be {wanted_header}")
    by_id = _by_id(found, place)
    judged = by_id
    if images is not None:
        there = _files(Path(images))
        faults += _against_files(by_id, wanted, there, Path(images).name)
        # of images that are not in all three the files have spoken
        in_sample, in_rows = ({_image(name, there) for name in ids} for ids in (wanted, by_id))
        known = in_sample & in_rows & set(there.values())
        wanted, judged = (
            {name: lines for name, lines in ids.items() if _image(name, there) in known}
            for ids in (wanted, by_id)
        )
    if tells_ids:
        faults += _against_sample(by_id, judged, wanted)
    codes: list[str] = []
    for name, lines in by_id.items():
        size = _known(name, sizes or {})
        if sizes is not None and size is None and (name in wanted or not tells_ids):
            codes.append(f"row {lines[0][0]}: the size of {name[0]!r} is not known; add it to sizes")
        codes += _lint_image(name, lines, size, rows, overlap, how, empties)
    return faults + shortened(codes)


def _read_sample(sample: str | Path) -> tuple[list[str], int, ById]:
    """Of the sample submission: its header, the codes' column, and its rows by their id."""
    header, rows, faults = read_table(Path(sample), None, may_lack_end=True)
    if faults:
        raise ValueError(f"the sample submission {sample} cannot be read: {faults[0]}")
    if len(header) < 2:
        raise ValueError(
            f"the sample submission {sample} has the columns {header}; it must have an id and codes"
        )
    named = [column for column, name in enumerate(header) if CODES.search(name)]
    place = named[0] if len(named) == 1 else len(header) - 1
    return header, place, _by_id(rows, place)


def _by_id(rows: Iterable[tuple], place: int) -> ById:
    """{id: [(row's number, code)]}, `place` being the codes' column."""
    by_id: ById = {}
    for number, *values in rows:
        code = values.pop(place)
        by_id.setdefault(Id(values), []).append((number, code))
    return by_id


def _files(folder: Path) -> dict[str, str]:
    """The images in `folder`, by each name that an id may have: of files with their suffix and without."""
    images = {}
    for path in (_unzipped(folder) if folder.is_file() else folder).iterdir():
        name = Path(path.name)
        if not path.name.startswith(".") and name.suffix.lower() not in TEXTS:
            is_whole = path.is_dir() or name.suffix[1:].isdecimal()  # a DICOM id may be a file's whole name
            images[path.name] = path.name if is_whole else name.stem
    return images | {image: image for image in images.values()}


def _unzipped(path: Path) -> zipfile.Path:
    """What is in a zip of a folder, be it with the folder's name before each or without."""
    try:
        root = zipfile.Path(path)
    except zipfile.BadZipFile as error:
        raise ValueError(f"{path} is neither a folder nor a zip of the test images ({error})") from error
    return inner if (inner := root / path.stem).is_dir() else root


def _known(row: tuple[str, ...], named: Mapping[str, Any]) -> Any:
    """What `named` has for a row's id, with or without what may be around the image's name: folders, suffix, label."""
    name = Path(row[0]).name
    whole = (row[0], name, SUFFIX.sub("", name))
    unlabelled = (one.rpartition("_")[0] for one in whole)  # the label is what follows the last underscore
    return next((named[one] for one in (*whole, *unlabelled) if one in named), None)


def _image(row: tuple[str, ...], there: dict[str, str]) -> str:
    """The image of a row's id, or a name that no image in `there` has."""
    return _known(row, there) or SUFFIX.sub("", Path(row[0]).name)


def _against_files(by_id: ById, wanted: ById, there: dict[str, str], folder: str) -> list[str]:
    """Images without a row, and rows without an image."""
    images = set(there.values())
    in_rows, in_sample = ({_image(name, there) for name in ids} for ids in (by_id, wanted))
    stale = {name: "" if name in in_sample else ", nor in the sample, which is stale" for name in images}
    without_row = [
        f"{name!r} lies in {folder} and has no row{stale[name]}" for name in sorted(images - in_rows)
    ]
    without_file = [
        f"row {lines[0][0]}: no file of {name[0]!r} lies in {folder}"
        for name, lines in by_id.items()
        if _image(name, there) not in images
    ]
    return shortened(without_row) + shortened(without_file)


def _against_sample(by_id: ById, judged: ById, wanted: ById) -> list[str]:
    """Ids of the sample without a row, and rows that are `judged` without an id of the sample."""
    missing = [
        f"{name!r} of the sample is missing; each image needs a row, an empty one too"
        for name in wanted
        if name not in by_id
    ]
    unknown = [
        f"row {lines[0][0]}: {name!r} is not in the sample"
        for name, lines in judged.items()
        if name not in wanted
    ]
    return shortened(missing) + shortened(unknown)


def _lint_image(
    name: Id,
    lines: list[tuple[int, str]],
    size: tuple[int, int] | None,
    rows: str,
    overlap: bool,
    convention: Convention,
    empties: set[str],
) -> Iterator[str]:
    """The faults of the rows of one id."""
    if rows == "one":
        for number, _ in lines[1:]:
            yield f"row {number}: {name!r} has a row already, row {lines[0][0]}; one row an id is due"
    elif len(lines) > 1:
        empty = [number for number, code in lines if is_empty(code)]
        if len(empty) == len(lines):
            for number in empty[1:]:
                yield f"row {number}: {name!r} has a row without runs already, row {empty[0]}; remove this row"
        else:
            for number in empty:
                yield f"row {number}: {name!r} has no runs here, but objects in other rows; remove this row"
    pixels = size[0] * size[1] if size else np.iinfo(np.int64).max
    runs: list[Runs] = []
    for number, code in lines:
        try:
            starts, lengths = read_runs(code, convention)
            check_runs(starts, lengths, pixels, convention, f"{size[0]} x {size[1]} pixels" if size else "")
        except ValueError as error:
            yield f"row {number}: {name!r}: {error}"
        else:
            if is_empty(code) and code.strip() not in empties:
                yield (
                    f"row {number}: {name!r} has {code!r} for an empty mask; it must be "
                    f"{' or '.join(map(repr, sorted(empties)))}: encode with the competition's convention=, and "
                    "pass it to lint_submission"
                )
            runs.append((number, starts, lengths))
    if not overlap and len(runs) > 1:
        yield from _shared_pixels(name, runs, convention.base)


def _shared_pixels(name: Id, runs: list[Runs], base: int) -> Iterator[str]:
    """The pairs of rows of one id whose runs meet, each once; `base` is the number of the first pixel."""
    owner = np.concatenate([np.full(len(starts), number) for number, starts, _ in runs])
    starts, lengths = (np.concatenate([run[axis] for run in runs]) for axis in (1, 2))
    by_start = np.argsort(starts, kind="stable")
    owner, starts, ends = owner[by_start], starts[by_start], (starts + lengths)[by_start]
    furthest = np.maximum.accumulate(ends)
    got_so_far = np.where(ends == furthest, np.arange(len(ends)), 0)
    reaches = np.maximum.accumulate(got_so_far)  # the run that ends furthest, of all up to each
    told: set[tuple[int, int]] = set()
    for at in np.flatnonzero(starts[1:] < furthest[:-1]) + 1:
        first, second = sorted((int(owner[reaches[at - 1]]), int(owner[at])))
        if (first, second) not in told:
            told.add((first, second))
            yield f"row {second}: {name!r} shares pixels with row {first}, from pixel {starts[at] + base} on"
