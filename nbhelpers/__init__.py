"""Helpers of the segmentation notebooks: datasets, models, training, metrics and pictures.

Importing this costs nothing beyond Python; torch loads when a room of the package is entered.
"""

__version__ = "0.1.0"
