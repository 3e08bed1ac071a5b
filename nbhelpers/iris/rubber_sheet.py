"""Daugman's rubber sheet: the ring between pupil and limbus, cut open and stretched to a rectangle.

Each place of the iris has two numbers that neither the camera's distance nor the size of the pupil changes: its angle,
and its way from pupil (0) to limbus (1). Daugman, 1993, https://doi.org/10.1109/34.244676; 2004,
https://doi.org/10.1109/TCSVT.2003.818350. `cv2.warpPolar` knows one circle, but here two ellipses with centres of
their own bound the ring, so the places are computed and read with `cv2.remap`.
"""

import cv2
import numpy as np

from nbhelpers.iris.boundaries import Boundaries, check_mask, matrix_of

SHEET = (16, 256)  # rows from pupil to limbus, columns all around
FINER = 2  # times finer than the sheet, then averaged: a large iris has more pixels than the sheet


def unwrap(
    image: np.ndarray, mask: np.ndarray, boundaries: Boundaries, size: tuple[int, int] = SHEET
) -> tuple[np.ndarray, np.ndarray]:
    """Stretch the iris to a rectangle: sheet float32 in 0..1 and visible bool, both `size` (radial, angular).

    image: uint8 (3, H, W) in RGB or (H, W), array or tensor; of colours red is read, the nearest to infrared.
    mask: bool (H, W), the visible iris. Row 0 touches the pupil, the last row the limbus. Column 0 looks in the
    direction of x, then columns turn towards y, once around. `visible` is False where the mask does not hold all that
    was read, as under lids, lashes and reflections, and outside the image.
    Raises ValueError for another dtype or shape, and where image and mask differ in size.
    """
    mask = check_mask(mask)
    red = check_image(image, mask.shape)
    x, y = places(boundaries, (FINER * size[0], FINER * size[1]))
    red = cv2.remap(red, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    inside = cv2.remap(255 * mask.astype(np.uint8), x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
    sheet = cv2.resize(red.astype(np.float32) / 255, size[::-1], interpolation=cv2.INTER_AREA)
    visible = cv2.resize(inside.astype(np.float32), size[::-1], interpolation=cv2.INTER_AREA) > 250
    return sheet, visible


def places(boundaries: Boundaries, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Where in the image each cell of a sheet lies: x and y, float32 `size`, as `cv2.remap` counts (first pixel: 0).

    A place is (1 - r) * pupil(angle) + r * limbus(angle). The angle is the one on the round iris, before perspective
    narrowed it: so a new gaze moves no column, and a roll of the head moves all columns alike.
    """
    rows, columns = size
    r = (np.arange(rows) + 0.5)[:, None] / rows
    angle = (np.arange(columns) + 0.5) * (2 * np.pi / columns)
    circle = np.stack([np.cos(angle), np.sin(angle)])  # (2, columns)
    inner, outer = (
        matrix_of(ellipse) @ circle + np.array([[ellipse.x], [ellipse.y]])
        for ellipse in (boundaries.pupil, boundaries.limbus)
    )
    x, y = ((1 - r) * a + r * b - 0.5 for a, b in zip(inner, outer))
    return x.astype(np.float32), y.astype(np.float32)


def check_image(image: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """The red or the only channel, uint8 (H, W); ValueError unless it is a uint8 image of `shape`."""
    pixels = np.asarray(image)
    grey = pixels.ndim == 2
    if pixels.dtype != np.uint8 or not (grey or (pixels.ndim == 3 and pixels.shape[0] == 3)):
        raise ValueError(
            f"the image is {pixels.dtype} {pixels.shape}, but must be uint8 (3, H, W) or (H, W): "
            "pass it as the data set gives it, without a batch axis and not yet divided by 255"
        )
    if pixels.shape[-2:] != shape:
        raise ValueError(
            f"the image is {pixels.shape[-2:]} and the mask {shape} (height, width), but both must be equal: "
            "resize the mask to the image by nearest neighbour"
        )
    return pixels if grey else np.ascontiguousarray(pixels[0])
