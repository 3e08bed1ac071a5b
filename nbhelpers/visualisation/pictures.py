"""Images and their masks: a batch, one mask over its image, predictions beside the truth and their errors."""

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from nbhelpers.datasets.dataset import IGNORE, SegmentationDataset
from nbhelpers.metrics import ConfusionMatrix
from nbhelpers.visualisation.canvas import Picture, panels, styled
from nbhelpers.visualisation.labels import (
    HasClasses,
    as_ids,
    as_rgb,
    class_names_and_colours,
    class_patches,
    colour_mask,
    describe_ids,
    draw_image,
    draw_mask,
    largest_sides,
    percent,
)
from nbhelpers.visualisation.probe import predict_ids

Sample = tuple[Tensor, Tensor]


@styled
def show_batch(
    dataset: SegmentationDataset,
    samples: Sequence[Sample] | tuple[Tensor, Tensor] | None = None,
    *,
    n: int = 4,
    titles: Sequence[str] = (),
) -> Picture:
    """Images above their masks, with a legend of the classes that occur.

    Args:
        dataset: names the classes and their colours, and gives its first samples when `samples` is None.
        samples: pairs (image, mask), or a batch (images (N, 3, H, W), masks (N, H, W)).
        n: show at most so many.
        titles: one for each sample that is shown, above it.

    Raises ValueError for images or masks of other shapes or values, see `as_rgb` and `as_ids`, and for too few or too
    many titles.
    """
    classes, palette = class_names_and_colours(dataset)
    if samples is None:
        samples = [dataset[index] for index in range(min(n, len(dataset)))]
    elif len(samples) == 2 and isinstance(samples[0], Tensor):
        if len(samples[0]) != len(samples[1]):
            raise ValueError(
                f"the batch has {len(samples[0])} images and {len(samples[1])} masks, but each image needs one"
            )
        samples = list(zip(*samples, strict=True))
    pairs = [(as_rgb(image), as_ids(mask, len(classes))) for image, mask in list(samples)[:n]]
    if not pairs:
        raise ValueError("there is no sample to show: the dataset or batch is empty, or n is 0")

    if titles and len(titles) != len(pairs):
        raise ValueError(f"{len(titles)} titles for {len(pairs)} samples; give one each, or none")

    columns = min(len(pairs), 4)
    rows = math.ceil(len(pairs) / columns)
    patches = class_patches((ids for _, ids in pairs), classes, palette)
    shape = largest_sides([image for image, _ in pairs])
    figure, axes = panels(2 * rows, columns, shape, head=0.28 if titles else 0.08, legend=patches)
    for index, (image, ids) in enumerate(pairs):
        row, column = divmod(index, columns)
        draw_image(axes[2 * row, column], image)
        draw_mask(axes[2 * row + 1, column], ids, palette)
        if titles:
            axes[2 * row, column].set_title(titles[index], pad=4)
    for panel in axes.flat:
        if not panel.images:
            panel.set_axis_off()
    names = titles or [f"Image {index}" for index in range(len(pairs))]
    words = [f"{name}: {describe_ids(ids, classes)}." for name, (_, ids) in zip(names, pairs, strict=True)]
    return Picture(figure, f"Images above their masks. {' '.join(words)}")


@styled
def show_overlay(image: Tensor | np.ndarray, mask: Tensor | np.ndarray, dataset: HasClasses) -> Picture:
    """An image, its mask, and both laid over each other with every class outlined in its colour.

    `dataset` names the classes and colours; shapes as in `as_rgb` and `as_ids`. Void is left untinted in the
    overlay. Raises ValueError for other shapes or values, and if image and mask differ in size.
    """
    classes, palette = class_names_and_colours(dataset)
    image, ids = as_rgb(image), as_ids(mask, len(classes))
    if image.shape[:2] != ids.shape:
        raise ValueError(
            f"image is {image.shape[:2]} and mask {ids.shape}, but both must have one height and width"
        )
    patches = class_patches([ids], classes, palette)
    figure, ((left, middle, right),) = panels(1, 3, ids.shape, legend=patches)
    for panel, title in zip((left, middle, right), ("image", "mask", "mask over image"), strict=True):
        panel.set_title(title, pad=4)
    draw_image(left, image)
    draw_mask(middle, ids, palette)
    tinted = np.where((ids == IGNORE)[..., None], image, 0.5 * image + 0.5 * colour_mask(ids, palette))
    draw_image(right, tinted.astype(np.uint8))
    for index in np.setdiff1d(np.unique(ids), IGNORE):
        if (ids != index).any() and min(ids.shape) > 1:  # matplotlib outlines from 2 x 2 pixels on
            right.contour(ids == index, levels=[0.5], colors=[palette[index] / 255], linewidths=1.2)
    return Picture(figure, f"An image, its mask, and the mask over the image: {describe_ids(ids, classes)}.")


@styled
def show_predictions(
    predictions: nn.Module | Sequence[Tensor | np.ndarray],
    dataset: SegmentationDataset,
    indices: Sequence[int] = (0, 1, 2),
) -> Picture:
    """Image, truth, prediction and errors in a row for each sample, with the sample's own mean IoU.

    In the errors, right pixels are pale, wrong ones black, and void, which is not scored, is white.

    Args:
        predictions: a model, which is run on one image at a time in eval mode (its mode is restored),
            or masks predicted elsewhere, (H, W) each, one for every index.
        indices: the samples of `dataset` to show.

    Raises ValueError if there is not one prediction for every index, or if one differs in size from its mask.
    """
    classes, palette = class_names_and_colours(dataset)
    indices = list(indices)
    samples = [dataset[index] for index in indices]
    if isinstance(predictions, nn.Module):
        predictions = [predict_ids(predictions, image) for image, _ in samples]
    if len(predictions) != len(samples) or not samples:
        raise ValueError(
            f"{len(predictions)} predictions for {len(samples)} indices: pass one mask for every index"
        )

    images = [as_rgb(image) for image, _ in samples]
    truths = [as_ids(mask, len(classes)) for _, mask in samples]
    predictions = [as_ids(mask, len(classes)) for mask in predictions]
    for index, truth, prediction in zip(indices, truths, predictions, strict=True):
        if prediction.shape != truth.shape:
            raise ValueError(
                f"the prediction for sample {index} is {prediction.shape}, but its mask {truth.shape}: "
                "predict at the mask's size"
            )
    patches = class_patches([*truths, *predictions], classes, palette) | {"wrong": "black"}
    figure, axes = panels(len(samples), 4, largest_sides(images), head=0.28, legend=patches)
    words = []
    shown = zip(axes, indices, images, truths, predictions, strict=True)
    for row, index, image, truth, prediction in shown:
        score, text = describe_score(truth, prediction, classes)
        draw_image(row[0], image)
        draw_mask(row[1], truth, palette)
        draw_mask(row[2], prediction, palette)
        row[3].imshow(error_map(truth, prediction, palette), interpolation="nearest")
        titles = (f"image {index}", "truth", "prediction", f"errors: {score}")
        for panel, title in zip(row, titles, strict=True):
            panel.set_title(title, pad=4)
        words.append(f"Image {index}: {text}")
    return Picture(figure, f"Rows of image, truth, prediction and errors. {' '.join(words)}")


def error_map(truth: np.ndarray, prediction: np.ndarray, palette: np.ndarray) -> np.ndarray:
    pale = (0.25 * colour_mask(truth, palette) + 0.75 * 255).astype(np.uint8)  # void stays white
    wrong = (prediction != truth) & (truth != IGNORE)
    return np.where(wrong[..., None], np.uint8(0), pale)


def describe_score(truth: np.ndarray, prediction: np.ndarray, classes: Sequence[str]) -> tuple[str, str]:
    """The score for the title, and the sentence for the alt text with the most frequent confusion."""
    confusion = ConfusionMatrix(len(classes))
    confusion.update(torch.from_numpy(prediction.astype(np.int64)), torch.from_numpy(truth.astype(np.int64)))
    scored = int(confusion.counts.sum())
    if not scored:
        return "all void", "all pixels are void, nothing is scored."
    title = f"mean IoU {confusion.mean_iou:.2f}"
    text = f"{title}, {percent(confusion.pixel_accuracy)} of the scored pixels right"
    wrong = confusion.counts.clone().fill_diagonal_(0)
    if wrong.any():
        true, predicted = divmod(int(wrong.argmax()), len(classes))
        share = percent(int(wrong.max()) / scored)
        text += f"; the most frequent error is {classes[true]} taken for {classes[predicted]}, {share}"
    return title, f"{text}."
