"""Two binary masks and their void, judged before they are scored."""

import numpy as np
from torch import Tensor

Mask = np.ndarray | Tensor


def binary_pair(
    prediction: Mask, truth: Mask, void: Mask | None, dimensions: tuple[int, ...]
) -> tuple[np.ndarray, np.ndarray]:
    """`prediction` and `truth` as bool arrays, without the void pixels: what is said there changes nothing.

    Raises ValueError for anything but bool or 0 and 1, for shapes that differ, for other numbers of dimensions.
    """
    prediction, truth = _as_bool("prediction", prediction), _as_bool("truth", truth)
    if prediction.shape != truth.shape:
        raise ValueError(
            f"the prediction is {prediction.shape} and the truth {truth.shape}; they must be equal: "
            "predict at the size of the mask"
        )
    if truth.ndim not in dimensions or not truth.size:
        wanted = " or ".join({2: "(H, W)", 3: "(D, H, W)"}[number] for number in dimensions)
        raise ValueError(
            f"the masks are {truth.shape}; they must be {wanted} and not empty: score the images of a batch one by one"
        )
    if void is None:
        return prediction, truth
    void = _as_bool("void", void)
    if void.shape != truth.shape:
        raise ValueError(f"void is {void.shape} and the masks are {truth.shape}; they must be equal")
    return prediction & ~void, truth & ~void


def _as_bool(name: str, mask: Mask) -> np.ndarray:
    mask = mask.numpy(force=True) if isinstance(mask, Tensor) else np.asarray(mask)
    if mask.dtype == bool:
        return mask
    if mask.dtype.kind not in "iu":
        raise ValueError(
            f"{name} is {mask.dtype}; it must be bool or 0 and 1: take ids == number, or probabilities > threshold"
        )
    if mask.size and not (mask.min() >= 0 and mask.max() <= 1):
        raise ValueError(
            f"{name} holds {mask.min()} to {mask.max()}; it must be bool or 0 and 1: take ids == number, "
            "and void=ids == 255 for pixels that do not count"
        )
    return mask.astype(bool)
