"""Reading other people's files: every key is looked for and judged, and an error names file, object and key."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np

KINDS = {dict: "an object", list: "a list", str: "text", int: "a whole number", float: "a number"}


def load_json(path: Path) -> Any:
    """The content of a JSON file. Raises ValueError that names it where it is none."""
    data = path.read_bytes()
    if not data.strip():
        raise ValueError(f"{path} is empty; export or download it again")
    try:
        return json.loads(data.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} is no JSON file ({error}); it may be cut off: export it again") from error


def take(node: Any, key: str, kind: type | tuple[type, ...], where: str, default: Any = ...) -> Any:
    """`node[key]`, which must be of this kind; the default where it is missing or null and one is given."""
    if not isinstance(node, dict):
        raise ValueError(f"{where} is {_named(node)}; it must be an object with the key {key!r}")
    value = node.get(key)
    if value is None:
        if default is not ...:
            return default
        raise ValueError(f"{where} has no {key!r}; is it the export of another tool, or cut off?")
    good = isinstance(value, kind) and not (isinstance(value, bool) and kind is not bool)
    if not good or isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{key!r} of {where} is {_named(value)}; it must be {_of(kind)}")
    return value


def number(text: Any, what: str) -> float:
    """A finite number, of text as XML and CSV files hold it too."""
    try:
        value = float(text)
    except (TypeError, ValueError, OverflowError):
        value = math.nan
    if not math.isfinite(value):
        raise ValueError(f"{what} is {_named(text)}; it must be a number")
    return value


def whole(text: Any, what: str) -> int:
    """A whole number, of text too."""
    value = number(text, what)
    if value != int(value):
        raise ValueError(f"{what} is {_named(text)}; it must be a whole number")
    return int(value)


def size_of(height: Any, width: Any, where: str) -> tuple[int, int]:
    """(height, width) of a picture, in pixels."""
    size = whole(height, f"the height in {where}"), whole(width, f"the width in {where}")
    if not (0 < size[0] < 1 << 20 and 0 < size[1] < 1 << 20):
        raise ValueError(f"{where} says that its image has {size[0]} x {size[1]} pixels, which cannot be")
    return size


def points_of(values: Any, where: str, least: int = 1) -> np.ndarray:
    """Points (n, 2) of x, y, from pairs or from one flat list x, y, x, y; at least so many."""
    try:
        points = np.array(values, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"the points of {where} are no list of numbers: {str(values)[:60]}") from None
    if points.ndim == 1 and points.size % 2 == 0:
        points = points.reshape(-1, 2)
    if points.ndim != 2 or points.shape[1:] != (2,):
        raise ValueError(f"the points of {where} have shape {points.shape}; they must be pairs x, y")
    if not np.isfinite(points).all():
        raise ValueError(f"the points of {where} hold nan or inf")
    if len(points) < least:
        raise ValueError(f"{where} has {len(points)} points; it must have at least {least}")
    return points


def _of(kind: type | tuple[type, ...]) -> str:
    kinds = kind if isinstance(kind, tuple) else (kind,)
    return " or ".join(KINDS[one] for one in kinds)


def _named(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{type(value).__name__} {text[:37]}..."
