"""From the mask of an iris to the code that recognises a person: fit, unwrap, encode, compare."""

from nbhelpers.iris.boundaries import Boundaries, NoIris, fit_boundaries
from nbhelpers.iris.close_ups import OPEN, close_up, close_ups
from nbhelpers.iris.encoding import IrisCode, encode, iris_code
from nbhelpers.iris.rubber_sheet import unwrap
from nbhelpers.iris.scores import e1, e2
from nbhelpers.iris.segmenter import load_segmenter
from nbhelpers.iris.spoiled import degrade
from nbhelpers.iris.verification import (
    Roc,
    all_distances,
    equal_error_rate,
    genuine_and_impostor,
    hamming_distance,
    roc,
)

__all__ = [
    "Boundaries",
    "IrisCode",
    "NoIris",
    "OPEN",
    "Roc",
    "all_distances",
    "close_up",
    "close_ups",
    "degrade",
    "e1",
    "e2",
    "encode",
    "equal_error_rate",
    "fit_boundaries",
    "genuine_and_impostor",
    "hamming_distance",
    "iris_code",
    "load_segmenter",
    "roc",
    "unwrap",
]
