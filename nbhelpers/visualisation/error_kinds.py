"""Wrong pixels are not alike: a thing with another name, a thing lost in its surroundings, an outline, a patch."""

import math
from collections.abc import Mapping

import cv2
import numpy as np
import torch
from PIL.ImageColor import getrgb
from torch import Tensor, nn

from nbhelpers.datasets.dataset import IGNORE, SegmentationDataset
from nbhelpers.visualisation.canvas import Picture, panels, styled
from nbhelpers.visualisation.labels import (
    as_ids,
    as_rgb,
    class_names_and_colours,
    class_patches,
    colour_mask,
    draw_image,
    draw_mask,
    percent,
)
from nbhelpers.visualisation.probe import predict_ids

KINDS = {  # of error, the ids 1 to 4 of `error_kinds`, in colours that no street class has
    "misnamed": "#b428ff",
    "swallowed": "#000000",
    "outline": "#50aaff",
    "patch": "#00e1b4",
}
REACH = 2  # pixels on either side of a border that are outline
Mask = Tensor | np.ndarray


def error_kinds(prediction: Mask, mask: Mask) -> np.ndarray:
    """What kind of error each pixel is, from class ids (H, W): uint8 (H, W), 0 where it is right or void.

    A thing is a connected patch of one true class. It is wrong as a whole where one other class takes more than
    half of it: *misnamed* (1) if what was predicted there has its shape, an IoU of at least 0.5, and *swallowed*
    (2) if it is part of something larger. Of the other wrong pixels, those within 2 pixels of a true border are
    *outline* (3), and the rest *patch* (4).
    """
    prediction, truth = as_ids(prediction, IGNORE).astype(np.uint8), as_ids(mask, IGNORE).astype(np.uint8)
    if prediction.shape != truth.shape:
        raise ValueError(
            f"the prediction is {prediction.shape}, but its mask {truth.shape}: predict at the mask's size"
        )
    scored = truth != IGNORE
    if (prediction[scored] == IGNORE).any():
        raise ValueError(
            f"the prediction holds {IGNORE}, void, but must have a class for every pixel that is scored"
        )
    prediction = np.where(scored, prediction, IGNORE).astype(np.uint8)
    wrong = prediction != truth
    kinds = np.where(wrong, np.where(_near_border(truth), 3, 4), 0).astype(np.uint8)
    predicted = _things(prediction)
    for thing in _things(truth).values():
        for inside in thing:
            kind = _as_a_whole(inside, prediction, truth, predicted)
            if kind:
                kinds[inside & wrong] = kind
    return kinds


def _things(ids: np.ndarray) -> dict[int, list[np.ndarray]]:
    """The connected patches of each class, as masks (H, W)."""
    found = {}
    for index in np.setdiff1d(np.unique(ids), IGNORE).tolist():
        count, labels = cv2.connectedComponents((ids == index).astype(np.uint8), connectivity=8)
        found[index] = [labels == label for label in range(1, count)]
    return found


def _as_a_whole(
    inside: np.ndarray, prediction: np.ndarray, truth: np.ndarray, predicted: dict[int, list[np.ndarray]]
) -> int:
    """1 or 2 where the true thing `inside` (H, W) has one wrong class for the most part, else 0."""
    names, counts = np.unique(prediction[inside], return_counts=True)
    name = int(names[counts.argmax()])
    if name == truth[inside][0] or 2 * counts.max() <= inside.sum():
        return 0
    shapes = [shape for shape in predicted[name] if (shape & inside).any()]
    shape = np.logical_or.reduce(shapes)
    return 1 if 2 * (shape & inside).sum() >= (shape | inside).sum() else 2


def _near_border(truth: np.ndarray) -> np.ndarray:
    """Whether another class lies within REACH pixels: bool (H, W). Void is no class."""
    window = np.ones((2 * REACH + 1, 2 * REACH + 1), dtype=np.uint8)
    highest = cv2.dilate(np.where(truth == IGNORE, 0, truth + np.uint8(1)).astype(np.uint8), window)
    lowest = cv2.erode(np.where(truth == IGNORE, IGNORE, truth + np.uint8(1)).astype(np.uint8), window)
    return highest > lowest


def error_shares(model: nn.Module, dataset: SegmentationDataset) -> dict[str, float]:
    """Each kind's share of the scored pixels of `dataset`, as fractions: {"misnamed": .., "swallowed": ..}.

    Where every pixel is void, each share is nan.
    """
    counts, scored = np.zeros(len(KINDS) + 1, dtype=np.int64), 0
    for index in range(len(dataset)):
        image, mask = dataset[index]
        kinds = error_kinds(predict_ids(model, image), torch.as_tensor(mask))
        counts += np.bincount(kinds.ravel(), minlength=len(counts))
        scored += int((mask != IGNORE).sum())
    return {
        kind: count / scored if scored else math.nan
        for kind, count in zip(KINDS, counts[1:].tolist(), strict=True)
    }


@styled
def show_error_kinds(models: Mapping[str, nn.Module], dataset: SegmentationDataset, index: int) -> Picture:
    """One image of `dataset` with its truth, then the errors of each model in the colour of their kind.

    What is right has its class's colour, pale; void is white. See `error_kinds`.
    """
    classes, palette = class_names_and_colours(dataset)
    image, mask = dataset[index]
    truth = as_ids(mask, len(palette))
    legend = KINDS | class_patches([truth], classes, palette)
    figure, (row,) = panels(1, 2 + len(models), truth.shape, head=0.3, legend=legend)
    draw_image(row[0], as_rgb(image))
    draw_mask(row[1], truth, palette)
    row[0].set_title(f"image {index}", pad=4)
    row[1].set_title("truth", pad=4)
    pale = (0.25 * colour_mask(truth, palette) + 0.75 * 255).astype(np.uint8)
    colours = [getrgb(colour) for colour in KINDS.values()]
    words = []
    for panel, (name, model) in zip(row[2:], models.items(), strict=True):
        kinds = error_kinds(predict_ids(model, image), truth)
        painted = pale.copy()
        for kind, colour in enumerate(colours, start=1):
            painted[kinds == kind] = colour
        panel.imshow(painted, interpolation="nearest")
        panel.set_title(name, pad=4)
        words.append(f"{name}: {_shares_in_words(kinds, int((truth != IGNORE).sum()))}")
    return Picture(figure, f"Image {index}, its truth, and the errors by kind. {'; '.join(words)}.")


def _shares_in_words(kinds: np.ndarray, scored: int) -> str:
    if not scored:
        return "all pixels are void, nothing is scored"
    shares = (f"{kind} {percent((kinds == number).sum() / scored)}" for number, kind in enumerate(KINDS, 1))
    return f"{', '.join(shares)} of the scored pixels"
