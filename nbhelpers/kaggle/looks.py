"""Pictures of one thing by different methods: tell the kinds apart, and make them look alike."""

import numpy as np

DARK = 100  # of 255: a median below it is a black background
COLOURFUL = 12  # of 255: mean distance between a pixel's strongest and weakest colour
ENDS = (0.5, 99.5)  # percentiles that become black and white


def stain(image: np.ndarray) -> str:
    """The kind of microscope picture: "stained" (colours), "fluorescent" (bright on black), "grey" (dark on bright).

    image: uint8 (H, W, 3). The background is what most pixels show, so the median decides.
    """
    pixels = image.reshape(-1, 3)
    if (pixels.max(axis=1).astype(int) - pixels.min(axis=1)).mean() > COLOURFUL:
        return "stained"
    return "fluorescent" if np.median(pixels) < DARK else "grey"


def alike(image: np.ndarray) -> np.ndarray:
    """The picture with its contrast stretched and, unless it is fluorescent, inverted: uint8 (H, W, 3).

    Objects are then bright on dark in every picture, however it was stained and exposed, and a network need not
    learn each kind by itself. The darkest and the brightest half percent of the values become 0 and 255.
    """
    low, high = np.percentile(image, ENDS)
    stretched = (image - low) / max(high - low, 1) * 255
    stretched = stretched.clip(0, 255).round().astype(np.uint8)
    return stretched if stain(image) == "fluorescent" else 255 - stretched
