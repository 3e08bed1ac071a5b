"""What a dataset's masks say about its classes."""

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from nbhelpers.datasets.contract import IGNORE
from nbhelpers.datasets.gate import Gate, as_tensors
from nbhelpers.datasets.inside import Reader


def class_weights(dataset: Dataset) -> Tensor:
    """Weights of the classes for the loss by median frequency balancing, float32 (num_classes,).

    weight(c) = median of the frequencies / freq(c), where freq(c) is the number of pixels of class c over
    the number of labelled pixels in the images where c is present: rare classes weigh more than 1, common
    ones less. Void pixels count nowhere; a class that is never present weighs 0. Reads every mask once.
    Raises ValueError for masks that hold other ids than those of the classes, and if none has a label. Masks of 0
    and 255 alone pass; `fit` judges whether 255 is void in them.
    Eigen and Fergus, 2015, https://arxiv.org/abs/1411.4734, section 6.3.2; used by SegNet, Badrinarayanan
    et al., 2015, https://arxiv.org/abs/1511.00561.
    """
    gate, read = Gate(dataset, type(dataset).__name__), Reader(dataset)
    pixels = np.zeros(gate.num_classes, dtype=np.int64)
    pixels_where_present = np.zeros(gate.num_classes, dtype=np.int64)
    for index in range(len(dataset)):
        image, mask = read(index)
        gate.judge(index, as_tensors(image, mask))
        counts = np.bincount(mask[mask != IGNORE], minlength=gate.num_classes)
        pixels += counts
        pixels_where_present += (counts > 0) * counts.sum()
    present = pixels > 0
    if not present.any():
        raise ValueError(
            f"none of the {len(dataset)} masks has a labelled pixel, so classes have no frequency"
        )
    frequency = pixels[present] / pixels_where_present[present]
    weights = np.zeros(gate.num_classes)
    weights[present] = np.median(frequency) / frequency
    return torch.from_numpy(weights).float()
