"""What studies take of a trained network beside its mean IoU."""

import numpy as np
import scipy
import torch
from torch import nn

from nbhelpers.datasets import IGNORE, InMemory
from nbhelpers.metrics import ConfusionMatrix
from nbhelpers.visualisation import error_shares, predict_ids

# an object's smallest area
SIZES = {"1 to 15 px": 1, "16 to 63 px": 16, "64 to 255 px": 64, "256 px and more": 256}


def predictions(network: nn.Module, test: InMemory) -> np.ndarray:
    """Class ids (N, H, W) that `network` gives the pictures of `test`."""
    return np.stack([np.asarray(predict_ids(network, image)) for image, _ in test])


def near_border(mask: np.ndarray) -> np.ndarray:
    """Pixels of ids (H, W) whose 3 x 3 neighbourhood holds two classes or more; void counts as a class."""
    return scipy.ndimage.maximum_filter(mask, 3) != scipy.ndimage.minimum_filter(mask, 3)


def borders_and_interiors(network: nn.Module, test: InMemory) -> dict[str, float]:
    """Mean IoU of the pixels near a true border, and of all others."""
    found, parts = predictions(network, test), {}
    for name in ("borders", "interiors"):
        confusion = ConfusionMatrix(test.num_classes)
        for ids, mask in zip(found, test.masks):
            scored = np.where(near_border(mask) == (name == "borders"), mask, np.uint8(IGNORE))
            confusion.update(torch.from_numpy(ids)[None].long(), torch.from_numpy(scored)[None].long())
        parts[f"mean IoU, {name}"] = confusion.mean_iou
    return parts


def kinds_of_error(network: nn.Module, test: InMemory) -> dict[str, float]:
    """Each kind of error's share of the scored pixels, in percent; see `nbhelpers.visualisation.error_shares`."""
    return {f"{kind}, % of pixels": 100 * share for kind, share in error_shares(network, test).items()}


def recall_by_size(network: nn.Module, test: InMemory) -> dict[str, float]:
    """The mean share of an object's pixels that get its class, for objects of each size. An object is a connected
    patch of one class."""
    shares = {name: [] for name in SIZES}
    for ids, mask in zip(predictions(network, test), test.masks):
        for label in np.setdiff1d(mask, [IGNORE]):
            objects, count = scipy.ndimage.label(mask == label)
            areas = np.bincount(objects.ravel(), minlength=count + 1)[1:]
            right = np.bincount(objects[ids == label], minlength=count + 1)[1:]
            for area, hits in zip(areas, right):
                name = [name for name, least in SIZES.items() if area >= least][-1]
                shares[name].append(hits / area)
    return {f"recall, {name}": float(np.mean(values)) for name, values in shares.items()}
