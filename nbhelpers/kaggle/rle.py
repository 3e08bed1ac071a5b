"""Run-length codes: a mask as text, by the conventions of the well-known competitions.

`print(conventions_table())` shows them: order of the pixels, first number, starts, empty mask, source. The code itself
lies below, in `nbhelpers.datasets.annotations`, because `Annotated` reads tables of such codes too.
"""

from nbhelpers.datasets.annotations.conventions import (
    CONVENTIONS,
    Convention,
    conventions_table,
    find_convention,
)
from nbhelpers.datasets.annotations.rle import check_runs, is_empty, read_runs, rle_decode, rle_encode

__all__ = [
    "CONVENTIONS",
    "Convention",
    "check_runs",
    "conventions_table",
    "find_convention",
    "is_empty",
    "read_runs",
    "rle_decode",
    "rle_encode",
]
