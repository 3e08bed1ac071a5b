"""Submission files: their rows, written whole or not at all, and read again."""

import csv
import io
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from nbhelpers.inference.writing import written_whole
from nbhelpers.kaggle.rle import Convention, rle_encode
from nbhelpers.kaggle.scores import check_instances

Row = tuple[str, ...]
HEADER = ("ImageId", "EncodedPixels")  # of the Data Science Bowl 2018
MOST = 20  # complaints of one kind that are written out


def image_rows(
    image_id: str, mask: np.ndarray, size: tuple[int, int], *, convention: str | Convention = "dsb-2018"
) -> Iterator[Row]:
    """One row an image: (image_id, runs); an empty mask has no runs.

    size: (height, width) of the image's file, which the mask must have, because a code of another size decodes to
    a scrambled picture. convention: of `rle_encode`. Raises ValueError for another size.
    """
    check_size(image_id, mask, size)
    yield image_id, rle_encode(mask, convention=convention)


def instance_rows(
    image_id: str, instances: np.ndarray, size: tuple[int, int], *, convention: str | Convention = "dsb-2018"
) -> Iterator[Row]:
    """One row an object, in the order of the instance ids (H, W), 0 = background; one row without runs for none.

    Raises ValueError for another size, and for ids that are no integers or negative.
    """
    check_size(image_id, instances, size)
    instances = np.asarray(instances)
    check_instances(instances)
    numbers = np.unique(instances)
    numbers = numbers[numbers != 0]
    for number in numbers:
        yield image_id, rle_encode(instances == number, convention=convention)
    if not len(numbers):
        yield image_id, rle_encode(instances != 0, convention=convention)


def class_rows(
    image_id: str,
    ids: np.ndarray | Mapping[int, np.ndarray],
    classes: Mapping[int, str],
    size: tuple[int, int],
    *,
    name: str = "{image}_{label}",
    convention: str | Convention = "dsb-2018",
) -> Iterator[Row]:
    """One row a class: ids (H, W) and {class id: label}; the row is called as `name` says, "0002cc93b_3".

    ids: the class of each pixel; or {class id: mask (H, W)}, a mask for each of `classes`, as a threshold for each makes
        them: these may share pixels.
    Raises ValueError for another size, for ids that are no integers, and for a class without a mask.
    """
    if isinstance(ids, Mapping):
        if missing := [number for number in classes if number not in ids]:
            raise ValueError(
                f"there is no mask of class {missing[0]!r}, but of {', '.join(map(repr, ids))}; give one for each of classes"
            )
        masks = ids
    else:
        ids = np.asarray(ids)
        if ids.dtype.kind not in "iu":
            raise ValueError(
                f"the mask of {image_id} is {ids.dtype}; it must be integers, the class of each pixel: take the argmax of "
                "probabilities, or predict(..., ids=True); a mask of one class goes in as {class id: mask}"
            )
        masks = {number: ids == number for number in classes}
    for number, label in classes.items():
        check_size(image_id, masks[number], size)
        yield name.format(image=image_id, label=label), rle_encode(masks[number], convention=convention)


def write_submission(path: str | Path, rows: Iterable[Row], header: Sequence[str] = HEADER) -> int:
    """Write header and rows as csv; returns the number of rows.

    `rows` may be a generator that predicts as it goes. Whatever stops it, an error in a prediction, a full disk,
    Ctrl-C, the file at `path` stays as it was. Raises OSError where it cannot be written, ValueError for no rows, for
    rows of other columns, and for nan, which pandas reads where a table has a blank.
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
                if any(value != value for value in row):
                    raise ValueError(
                        f"row {count + 1} holds nan, {tuple(row)}; an empty mask must be written as the competition does: "
                        "'', '-' or another text, see conventions_table()"
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
    _, rows, faults = read_table(Path(path), columns)
    if faults:
        raise ValueError(f"{path}: {faults[0]}")
    return [tuple(values) for _, *values in rows]


def read_table(
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
    return header, rows, shortened(faults)


def shortened(faults: list[str]) -> list[str]:
    """The first `MOST` of these, and how many more there are."""
    more = len(faults) - MOST
    return faults if more <= 0 else [*faults[:MOST], f"and {more} more like the last"]


def check_size(image_id: str, mask: np.ndarray, size: tuple[int, int]) -> None:
    """Raise ValueError for a mask of another size than its image, and for what is no size."""
    if len(size) != 2:
        raise ValueError(
            f"the size of {image_id} is {tuple(size)}; it must be (height, width): of an array image.shape[:2]"
        )
    if tuple(mask.shape) != tuple(size):
        raise ValueError(
            f"the mask of {image_id} is {' x '.join(map(str, mask.shape))}, but its image {size[0]} x {size[1]}; "
            "runs count the image's pixels: predict at its size"
        )
