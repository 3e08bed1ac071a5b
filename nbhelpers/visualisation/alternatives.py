"""Several answers to one picture side by side."""

from collections.abc import Mapping, Sequence

import numpy as np
from torch import Tensor, nn

from nbhelpers.datasets.dataset import SegmentationDataset
from nbhelpers.visualisation.canvas import Picture, panels, styled
from nbhelpers.visualisation.labels import (
    as_ids,
    as_rgb,
    class_names_and_colours,
    class_patches,
    draw_image,
    draw_mask,
    largest_sides,
)
from nbhelpers.visualisation.pictures import describe_score
from nbhelpers.visualisation.probe import predict_ids


@styled
def show_alternatives(
    alternatives: Mapping[str, nn.Module | Sequence[Tensor | np.ndarray]],
    dataset: SegmentationDataset,
    indices: Sequence[int] = (0, 1),
) -> Picture:
    """A row for each sample: image, truth, and the prediction of each alternative with its mean IoU.

    `alternatives` are {name: model, or masks (H, W) predicted elsewhere, one for every index}. Raises ValueError
    where there are none, or not one mask for every index, or one that differs in size from its truth.
    """
    classes, palette = class_names_and_colours(dataset)
    samples = [dataset[index] for index in indices]
    if not samples or not alternatives:
        raise ValueError(f"{len(alternatives)} alternatives for {len(samples)} indices: at least one of each")
    images = [as_rgb(image) for image, _ in samples]
    truths = [as_ids(mask, len(classes)) for _, mask in samples]
    answers = {}
    for name, given in alternatives.items():
        if isinstance(given, nn.Module):
            given = [predict_ids(given, image) for image, _ in samples]
        answers[name] = [as_ids(mask, len(classes)) for mask in given]
        shapes, wanted = ([mask.shape for mask in masks] for masks in (answers[name], truths))
        if shapes != wanted:
            raise ValueError(
                f"{name!r} has masks {shapes}, but the truths are {wanted}: one each, at its size"
            )
    everything = [*truths, *(mask for masks in answers.values() for mask in masks)]
    shape = largest_sides(images)
    figure, axes = panels(
        len(samples), 2 + len(answers), shape, head=0.28, legend=class_patches(everything, classes, palette)
    )
    words = []
    for position, (row, index) in enumerate(zip(axes, indices, strict=True)):
        draw_image(row[0], images[position])
        draw_mask(row[1], truths[position], palette)
        titles = [f"image {index}", "truth"]
        for panel, (name, masks) in zip(row[2:], answers.items(), strict=True):
            draw_mask(panel, masks[position], palette)
            score, text = describe_score(truths[position], masks[position], classes)
            titles.append(f"{name}: {score.removeprefix('mean ')}")
            words.append(f"image {index}, {name}: {text}")
        for panel, title in zip(row, titles, strict=True):
            panel.set_title(title, pad=4)
    return Picture(figure, f"Rows of image, truth and {len(answers)} predictions. {' '.join(words)}")
