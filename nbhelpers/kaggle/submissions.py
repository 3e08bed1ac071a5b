"""Submission files: written whole or not at all, and examined before they are sent."""

import csv
import io
import re
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from nbhelpers.inference.writing import written_whole
from nbhelpers.kaggle.rle import Convention, check_runs, find_convention, is_empty, read_runs, rle_encode

Row = tuple[str, ...]
HEADER = ("ImageId", "EncodedPixels")  # of the Data Science Bowl 2018
CODES = re.compile("pixel|rle|predict|mask", re.IGNORECASE)  # what competitions call the column of the codes
MOST = 20  # complaints of one kind that are written out


def image_rows(
    image_id: str, mask: np.ndarray, size: tuple[int, int], *, convention: str | Convention = "dsb-2018"
) -> Iterator[Row]:
    """One row an image: (image_id, runs); an empty mask has no runs.

    size: (height, width) of the image's file, which the mask must have, because a code of another size decodes to
    a scrambled picture. convention: of `rle_encode`. Raises ValueError for another size.
    """
    _check_size(image_id, mask, size)
    yield image_id, rle_encode(mask, convention=convention)


def instance_rows(
    image_id: str, instances: np.ndarray, size: tuple[int, int], *, convention: str | Convention = "dsb-2018"
) -> Iterator[Row]:
    """One row an object, in the order of the instance ids (H, W), 0 = background; one row without runs for none."""
    _check_size(image_id, instances, size)
    numbers = np.unique(instances)
    numbers = numbers[numbers != 0]
    for number in numbers:
        yield image_id, rle_encode(instances == number, convention=convention)
    if not len(numbers):
        yield image_id, rle_encode(instances != 0, convention=convention)


def class_rows(
    image_id: str,
    ids: np.ndarray,
    classes: Mapping[int, str],
    size: tuple[int, int],
    *,
    name: str = "{image}_{label}",
    convention: str | Convention = "dsb-2018",
) -> Iterator[Row]:
    """One row a class: ids (H, W) and {class id: label}; the row is called as `name` says, "0002cc93b_3"."""
    _check_size(image_id, ids, size)
    for number, label in classes.items():
        yield name.format(image=image_id, label=label), rle_encode(ids == number, convention=convention)


def write_submission(path: str | Path, rows: Iterable[Row], header: Sequence[str] = HEADER) -> int:
    """Write header and rows as csv; returns the number of rows.

    `rows` may be a generator that predicts as it goes. Whatever stops it, an error in a prediction, a full disk,
    Ctrl-C, the file at `path` stays as it was. Raises OSError where it cannot be written, ValueError for no rows.
    """
    with written_whole(path) as temporary:
        count = 0
        with open(temporary, "w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(header)
            for row in rows:
                if len(row) != len(header):
                    raise ValueError(
                        f"row {count + 1} has {len(row)} values for the {len(header)} columns {header}"
                    )
                writer.writerow(row)
                count += 1
        if not count:
            raise ValueError(f"{path} would have no rows; a submission names every image of the test set")
    return count


def read_submission(path: str | Path, columns: int = 2) -> list[Row]:
    """The rows of a submission, or of another table of masks in csv, without the header.

    Raises ValueError for a file that is no csv of so many columns, or that was cut off; FileNotFoundError.
    """
    _, rows, faults = _read(Path(path), columns)
    if faults:
        raise ValueError(f"{path}: {faults[0]}")
    return [tuple(values) for _, *values in rows]


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

    sample: the competition's sample submission, for the header and the ids. Of its columns one holds the codes, whose
        name has pixel, rle, predict or mask in it, or the last; the others together are the id: image, class, size.
    sizes: {first column: (height, width)} of the images; without them runs beyond an image's end are not seen.
    rows: "instance", several rows an id, or "one" row an id. overlap: whether rows of one id may share pixels.
    convention: of `rle_encode`, all but "coco"; None is that of "dsb-2018", but for an empty mask, which must then be
        written as in the sample, or as "" if that has none.
    images: the folder of the test images, a file or a folder each, named as in the first column. When a competition
        scores, it may hold others than the sample, which is then stale: what lies there counts.
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
    wanted_header, wanted_rows, wrong = _read(Path(sample), None, may_lack_end=True)
    if wrong:
        raise ValueError(f"the sample submission {sample} cannot be read: {wrong[0]}")
    if len(wanted_header) < 2:
        raise ValueError(
            f"the sample submission {sample} has the columns {wanted_header}; it must have an id and codes"
        )
    named = [column for column, name in enumerate(wanted_header) if CODES.search(name)]
    place = named[0] if len(named) == 1 else len(wanted_header) - 1
    wanted = _by_id(wanted_rows, place)
    shown = {code.strip() for lines in wanted.values() for _, code in lines if is_empty(code)}
    empties = shown or {""} if convention is None else {how.empty}
    header, found, faults = _read(Path(path), len(wanted_header))
    if header is not None and header != wanted_header:
        faults.insert(0, f"row 1: the header is {header}; it must be {wanted_header}")
    by_id = _by_id(found, place)
    if images is not None:
        there = _files(Path(images))
        faults += _against_files(by_id, wanted, there, Path(images).name)
        # of images that are not in all three the files have spoken
        known = {_stem(name) for name in wanted} & there & {_stem(name) for name in by_id}
        wanted, judged = (
            {name: lines for name, lines in ids.items() if _stem(name) in known} for ids in (wanted, by_id)
        )
    else:
        judged = by_id
    missing = [name for name in wanted if name not in by_id]
    faults += _most(
        [f"{name!r} of the sample is missing; each image needs a row, an empty one too" for name in missing]
    )
    faults += _most(
        [
            f"row {lines[0][0]}: {name!r} is not in the sample"
            for name, lines in judged.items()
            if name not in wanted
        ]
    )
    codes: list[str] = []
    for name, lines in by_id.items():
        size = (sizes or {}).get(name[0])
        if sizes is not None and size is None and name in wanted:
            codes.append(f"row {lines[0][0]}: the size of {name[0]!r} is not known; add it to sizes")
        codes += _lint_image(name, lines, size, rows, overlap, how, empties)
    return faults + _most(codes)


def _files(folder: Path) -> set[str]:
    """The names of the images in `folder`: of files without their suffix, of folders as they are."""
    return {
        path.name if path.is_dir() else path.stem
        for path in folder.iterdir()
        if not path.name.startswith(".")
    }


def _stem(row: tuple[str, ...]) -> str:
    """The image of a row's id, which may have the file's suffix."""
    return Path(row[0]).stem


def _against_files(by_id: Mapping, wanted: Mapping, there: set[str], folder: str) -> list[str]:
    """Images without a row, and rows without an image."""
    in_rows, in_sample = ({_stem(name) for name in ids} for ids in (by_id, wanted))
    stale = {name: "" if name in in_sample else ", nor in the sample, which is stale" for name in there}
    without_row = [
        f"{name!r} lies in {folder} and has no row{stale[name]}" for name in sorted(there - in_rows)
    ]
    without_file = [
        f"row {lines[0][0]}: no file of {name[0]!r} lies in {folder}"
        for name, lines in by_id.items()
        if _stem(name) not in there
    ]
    return _most(without_row) + _most(without_file)


class _Id(tuple):
    """What names a row, all columns but the codes: shown as 'a', or as 'a, stomach'."""

    def __repr__(self) -> str:
        return repr(", ".join(self))


def _by_id(rows: Iterable[tuple], place: int) -> dict[_Id, list[tuple[int, str]]]:
    """{id: [(row's number, code)]}, `place` being the codes' column."""
    by_id: dict[_Id, list[tuple[int, str]]] = {}
    for number, *values in rows:
        code = values.pop(place)
        by_id.setdefault(_Id(values), []).append((number, code))
    return by_id


def _lint_image(
    name: _Id,
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
        for number, code in lines:
            if is_empty(code):
                yield f"row {number}: {name!r} has no runs here, but objects in other rows; remove this row"
    pixels = size[0] * size[1] if size else np.iinfo(np.int64).max
    runs: list[tuple[int, np.ndarray, np.ndarray]] = []
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
    if overlap or len(runs) < 2:
        return
    owner = np.concatenate([np.full(len(starts), number) for number, starts, _ in runs])
    starts, lengths = (np.concatenate([run[axis] for run in runs]) for axis in (1, 2))
    by_start = np.argsort(starts, kind="stable")
    owner, starts, ends = owner[by_start], starts[by_start], (starts + lengths)[by_start]
    furthest = np.maximum.accumulate(ends)
    reaches = np.maximum.accumulate(
        np.where(ends == furthest, np.arange(len(ends)), 0)
    )  # the run that got so far
    told: set[tuple[int, int]] = set()
    for at in np.flatnonzero(starts[1:] < furthest[:-1]) + 1:
        first, second = sorted((int(owner[reaches[at - 1]]), int(owner[at])))
        if (first, second) not in told:
            told.add((first, second))
            yield f"row {second}: {name!r} shares pixels with row {first}, from pixel {starts[at] + convention.base} on"


def _read(
    path: Path, columns: int | None, *, may_lack_end: bool = False
) -> tuple[list[str] | None, list[tuple], list[str]]:
    """Header, rows as (line number, *values), and what is wrong with the file, a csv or a zip of one.

    columns: how many values a row must have; None for as many as the header. may_lack_end: whether the last row may
    lack its line end, as in some competitions' own files; in ours that tells that the file was cut off.
    """
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path.resolve()}")
    faults: list[str] = []
    data = path.read_bytes()
    if path.suffix == ".zip":  # as Kaggle keeps some sample submissions
        try:
            with zipfile.ZipFile(path) as archive:
                data = archive.read(next(name for name in archive.namelist() if name.endswith(".csv")))
        except (zipfile.BadZipFile, StopIteration) as error:
            why = str(error) or "there is no .csv in it"
            return None, [], [f"the file is no zip of a csv ({why}); fetch it again"]
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        return None, [], [f"byte {error.start} is no UTF-8 text; is this a csv?"]
    if not text.strip():
        return None, [], ["the file is empty"]
    if not text.endswith(("\n", "\r")) and not may_lack_end:
        line = text.count("\n") + 1
        faults.append(f"row {line}: the last row has no end; the file may be cut off there: write it again")
    header, rows = None, []
    # Python's own limit, 131,072 letters, is less than one large mask has
    csv.field_size_limit(max(csv.field_size_limit(), len(text)))
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        for values in reader:
            if not values:  # an empty line
                continue
            if header is None:
                header, columns = values, columns or len(values)
                continue
            if len(values) != columns:
                faults.append(
                    f"row {reader.line_num}: has {len(values)} values; it must have {columns}, with an id and its runs"
                )
            else:
                rows.append((reader.line_num, *values))
    except csv.Error as error:
        faults.append(f"row {reader.line_num}: {error}; the file may be cut off there: write it again")
    return header, rows, _most(faults)


def _most(faults: list[str]) -> list[str]:
    more = len(faults) - MOST
    return faults if more <= 0 else [*faults[:MOST], f"and {more} more like the last"]


def _check_size(image_id: str, mask: np.ndarray, size: tuple[int, int]) -> None:
    if tuple(mask.shape) != tuple(size):
        raise ValueError(
            f"the mask of {image_id} is {' x '.join(map(str, mask.shape))}, but its image {size[0]} x {size[1]}; "
            "runs count the image's pixels: predict at its size"
        )
