"""Masks from what annotation tools export: one call finds the format, counts the labels and is a dataset.

A pixel belongs to an object if its centre lies inside; see `shapes`. On the command line,
`python -m nbhelpers.datasets.annotations EXPORT IMAGES OUT` writes the masks as PNG.
"""

from nbhelpers.datasets.annotations.conventions import CONVENTIONS, Convention
from nbhelpers.datasets.annotations.dataset import Annotated
from nbhelpers.datasets.annotations.find import FORMATS, read_export
from nbhelpers.datasets.annotations.paint import Rules, paint

__all__ = ["CONVENTIONS", "FORMATS", "Annotated", "Convention", "Rules", "paint", "read_export"]
