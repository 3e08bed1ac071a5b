"""Pictures of one thing by different methods: tell the kinds apart, and make them look alike."""

import cv2
import numpy as np

DARK = 100  # of 255: a median below it is a black background
COLOURFUL = 12  # of 255: mean distance between a pixel's strongest and weakest colour
ENDS = (0.5, 99.5)  # percentiles that become black and white


def stain(image: np.ndarray) -> str:
    """The kind of microscope picture: "stained" (colours), "fluorescent" (bright on black), "grey" (dark on bright).

    image: uint8 (H, W, 3). The background is what most pixels show, so the median decides. Raises ValueError for anything
    else, as `alike` does.
    """
    _check_picture(image)
    pixels = image.reshape(-1, 3)
    if (pixels.max(axis=1) - pixels.min(axis=1)).mean() > COLOURFUL:
        return "stained"
    return "fluorescent" if np.median(pixels) < DARK else "grey"


def alike(image: np.ndarray) -> np.ndarray:
    """The picture with its contrast stretched and, unless it is fluorescent, inverted: uint8 (H, W, 3).

    Objects are then bright on dark in every picture, however it was stained and exposed, and a network need not
    learn each kind by itself. The darkest and the brightest half percent of the values become 0 and 255.
    """
    _check_picture(image)
    low, high = np.percentile(image, ENDS)
    stretched = (image - low) / max(high - low, 1) * 255
    stretched = stretched.clip(0, 255).round().astype(np.uint8)
    return stretched if stain(image) == "fluorescent" else 255 - stretched


def top_hat(image: np.ndarray, size: int = 81) -> np.ndarray:
    """How far a pixel stands out from what is larger than `size` pixels: uint8 (H, W), 0 where it does not.

    The brightness less its background: a grey opening by a disc of that diameter, smoothed, as by a rolling ball
    (Sternberg, 1983, https://doi.org/10.1109/MC.1983.1654163). Uneven light and glowing cell bodies go, whatever is
    smaller than the disc stays. image: uint8 (H, W, 3), with bright objects on dark, as `alike` makes them. Raises
    ValueError for anything else, and for a size that is not odd and positive.
    """
    _check_picture(image)
    if size < 1 or size % 2 == 0:
        raise ValueError(
            f"the size of the disc is {size}, but it has a pixel in its middle: take an odd number"
        )
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    background = cv2.GaussianBlur(cv2.morphologyEx(grey, cv2.MORPH_OPEN, disc), (0, 0), size / 4)
    return cv2.subtract(grey, background)


def _check_picture(image: np.ndarray) -> None:
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or not image.size:
        raise ValueError(
            f"image is {image.dtype} {image.shape}; it must be a picture, uint8 (H, W, 3), with one pixel at least: of "
            "RGBA take image[..., :3]"
        )
