"""From the probability of foreground to single objects, numbered 1..n."""

import cv2
import numpy as np

from nbhelpers.kaggle.decisions import as_probability, check_thresholds

NEIGHBOURS = np.ones((3, 3), np.uint8)  # a pixel and the eight around it


def by_components(probability: np.ndarray, threshold: float = 0.5, min_size: int = 0) -> np.ndarray:
    """Each connected area (pixels that share a side or a corner) above `threshold` is an object: int32 (H, W).

    probability: float (H, W) in 0..1. min_size: in pixels; smaller objects become background.
    Raises ValueError for other input.
    """
    mask = _foreground(probability, threshold)
    if not mask.size:  # which ends the process in OpenCV, without an error
        return mask.astype(np.int32)
    _, areas = cv2.connectedComponents(mask, connectivity=8)
    return _renumbered(areas, min_size)


def by_watershed(
    probability: np.ndarray, threshold: float = 0.5, min_size: int = 0, *, depth: float = 1.0
) -> np.ndarray:
    """As `by_components`, but areas are cut at their necks: int32 (H, W).

    The distance to the background makes a landscape of each area, whose peaks are the middles of objects. A peak
    counts where it rises by more than `depth` pixels above the pass to a higher one (the extended maxima of Soille,
    2003, "Morphological Image Analysis", section 6.3). From the peaks down the landscape is flooded, by scikit-image.
    OpenCV's own watershed follows differences of colour instead of the height, so it would cut halfway between two
    peaks and not at the neck; and scikit-image's `h_maxima` takes seven times as long as the peaks here.
    Raises ValueError for other input, and for a depth that is not above 0.
    """
    from skimage.segmentation import watershed  # a third of a second to import, and only this needs it

    if not depth > 0:
        raise ValueError(f"depth is {depth}; it must be above 0: without a cut at necks take by_components")
    mask = _foreground(probability, threshold)
    if mask.all():  # no background, so no distance to it
        return _renumbered(mask.astype(np.int32), min_size)
    height = cv2.distanceTransform(mask, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    peaks = _peaks(height, depth)
    count, areas, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    labels = areas.copy()
    pairs = np.unique(np.stack([areas[peaks > 0], peaks[peaks > 0]]), axis=1)
    for area in np.flatnonzero(np.bincount(pairs[0], minlength=count) > 1):  # the others are one object each
        left, top, wide, high = stats[area, : cv2.CC_STAT_AREA]
        box = np.s_[top : top + high, left : left + wide]
        inside = areas[box] == area
        flooded = watershed(-height[box], peaks[box], mask=inside, connectivity=2)
        labels[box][inside] = count + flooded[inside]
    return _renumbered(labels, min_size)


def _peaks(height: np.ndarray, depth: float) -> np.ndarray:
    """The tops that rise by more than `depth` above the pass to a higher one, numbered: int32 (H, W)."""
    lowered = np.maximum(height - np.float32(depth), 0)
    # reconstruction by dilation: what is left when no peak may be higher than its surroundings + depth
    while True:
        raised = np.minimum(cv2.dilate(lowered, NEIGHBOURS), height)
        if np.array_equal(raised, lowered):
            break
        lowered = raised
    domes = height - lowered
    count, labels = cv2.connectedComponents((domes > 0).astype(np.uint8), connectivity=8)
    rise = np.zeros(count, np.float32)
    np.maximum.at(rise, labels.ravel(), domes.ravel())
    high = rise >= depth - 1e-3  # a low one rises by less
    high[0] = False
    return (np.cumsum(high) * high).astype(np.int32)[labels]


def _foreground(probability: np.ndarray, threshold: float) -> np.ndarray:
    """Where the probability is above the threshold: uint8 (H, W)."""
    check_thresholds(threshold=threshold)
    due = "(H, W): that of the foreground, predict(model, image)[1], or [0] of a model of one channel"
    return (as_probability(probability, [2], due) > threshold).astype(np.uint8)


def _renumbered(labels: np.ndarray, min_size: int) -> np.ndarray:
    """Without objects of fewer pixels than `min_size`; the rest is 1..n."""
    sizes = np.bincount(labels.ravel(), minlength=1)
    keep = (sizes > 0) & (sizes >= min_size)
    keep[0] = False
    return (np.cumsum(keep) * keep).astype(np.int32)[labels]
