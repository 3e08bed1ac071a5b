"""Colours of the classes: one colour a class everywhere, told apart by colour-blind readers too.

The colours were searched for the largest smallest difference under normal, deuteranope and protanope sight
while each street class keeps its meaning (sky light blue, tree dark green). White is void: no label, no ink.
`tests/datasets/test_palette.py` holds the differences (CIEDE2000, where about 2 can just be seen side by side):
at least 14 between any two street classes and void, at least 11 within `categorical(21)`.
"""

import colorsys
from collections.abc import Sequence

import numpy as np

CAMVID_CLASSES = (
    "Sky",
    "Building",
    "Pole",
    "Road",
    "Pavement",
    "Tree",
    "SignSymbol",
    "Fence",
    "Car",
    "Pedestrian",
    "Bicyclist",
)
CAMVID = np.array(
    [
        (153, 212, 255),
        (145, 51, 26),
        (139, 136, 131),
        (71, 62, 95),
        (186, 155, 183),
        (30, 114, 81),
        (249, 224, 50),
        (165, 173, 122),
        (22, 60, 190),
        (248, 125, 23),
        (220, 6, 86),
    ],
    dtype=np.uint8,
)
VOID = np.array((255, 255, 255), dtype=np.uint8)

# Each colour is as far as can be from those before it, so the first n suit n classes. Row 0: a background.
_CATEGORICAL = np.array(
    [
        (64, 66, 88),
        (250, 190, 60),
        (40, 150, 130),
        (220, 50, 100),
        (150, 205, 250),
        (99, 52, 0),
        (153, 81, 255),
        (203, 188, 169),
        (97, 50, 55),
        (255, 0, 25),
        (170, 255, 170),
        (206, 128, 185),
        (0, 0, 249),
        (98, 106, 83),
        (159, 172, 105),
        (214, 186, 201),
        (0, 138, 0),
        (71, 103, 161),
        (158, 150, 255),
        (72, 126, 139),
        (109, 3, 136),
    ],
    dtype=np.uint8,
)
BINARY = _CATEGORICAL[:2]  # background, foreground
EYE_PARTS = _CATEGORICAL[[0, 4, 1, 3]]  # background, sclera, iris (amber, as in BINARY), pupil


def number_of_rgb(colours: np.ndarray | Sequence[int]) -> np.ndarray:
    """Red, green and blue, 0..255, as one number: (..., 3) -> int32 (...)."""
    return np.asarray(colours, np.int32) @ np.array([1 << 16, 1 << 8, 1], np.int32)


def rgb_of_number(number: int | np.ndarray) -> tuple[int | np.ndarray, ...]:
    """What `number_of_rgb` made it of, for a number or an array."""
    return number >> 16, number >> 8 & 255, number & 255


def categorical(num_classes: int) -> np.ndarray:
    """A palette for any classes: uint8 RGB (num_classes, 3), class 0 in the background's dark slate.

    Up to 21 classes (Pascal VOC) colour-blind readers can tell all apart. Further colours only differ from
    each other: no palette of, say, 150 classes can be read by colour alone.
    """
    further = []
    for index in range(num_classes - len(_CATEGORICAL)):
        hue = index * 0.618034 % 1  # the golden ratio spreads any number of hues evenly
        further.append(colorsys.hsv_to_rgb(hue, (0.9, 0.55)[index // 2 % 2], (0.95, 0.7, 0.5)[index % 3]))
    further = np.round(np.array(further).reshape(-1, 3) * 255).astype(np.uint8)
    return np.concatenate([_CATEGORICAL[:num_classes], further])
