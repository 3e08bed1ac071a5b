"""Images, masks and classes as pictures need them: checked, painted, and put into words."""

from collections.abc import Iterable, Sequence
from typing import Protocol

import numpy as np
from matplotlib.axes import Axes
from torch import Tensor

from nbhelpers.datasets.contract import IGNORE, SLACK
from nbhelpers.datasets.inside import told_by
from nbhelpers.datasets.palette import VOID

VOID_LABEL = "void, not scored"


def class_patches(
    ids: Iterable[np.ndarray], classes: Sequence[str], palette: np.ndarray
) -> dict[str, np.ndarray]:
    """The legend of the classes that occur in `ids`, in the order of their ids, void last."""
    present = sorted(set().union(*(np.unique(mask).tolist() for mask in ids)))
    return {
        VOID_LABEL if index == IGNORE else classes[index]: VOID if index == IGNORE else palette[index]
        for index in present
    }


class HasClasses(Protocol):
    """What names and colours classes: every dataset of the collection does."""

    classes: Sequence[str]
    palette: np.ndarray


def class_names_and_colours(dataset: HasClasses) -> tuple[tuple[str, ...], np.ndarray]:
    """`dataset.classes`, and `dataset.palette` as uint8 (num_classes, 3), also of what is inside a Subset.

    Raises ValueError if they do not match, or are not told.
    """
    classes, palette = (told_by(dataset, name) for name in ("classes", "palette"))
    classes, palette = tuple(classes), np.asarray(palette, dtype=np.uint8)
    if palette.shape != (len(classes), 3):
        raise ValueError(
            f"{type(dataset).__name__}.palette has shape {palette.shape}, but must be ({len(classes)}, 3): "
            "RGB 0..255, one colour a class; categorical(num_classes) in nbhelpers.datasets.palette makes one"
        )
    return classes, palette


def as_rgb(image: Tensor | np.ndarray) -> np.ndarray:
    """An image as uint8 (H, W, 3): tensors are (3, H, W) or (1, H, W), arrays (H, W, 3) or (H, W).

    Values are uint8, or floats in 0..1. Raises ValueError otherwise.
    """
    shape = tuple(image.shape)
    if isinstance(image, Tensor):
        if len(shape) != 3 or shape[0] not in (1, 3):
            cure = "pass one image of the batch, images[0]" if len(shape) == 4 else "put the channels first"
            raise ValueError(
                f"image is a tensor of shape {shape}, but must be (3, H, W) or (1, H, W): {cure}"
            )
        image = image.detach().cpu()
        image = (image.float() if image.is_floating_point() else image).permute(1, 2, 0).numpy()
    elif not (len(shape) == 2 or len(shape) == 3 and shape[2] == 3):
        raise ValueError(f"image is an array of shape {shape}, but must be (H, W, 3) or (H, W)")
    if np.issubdtype(image.dtype, np.floating):
        low, high = float(image.min()), float(image.max())
        if not (low >= -SLACK and high <= 1 + SLACK):  # also true for nan
            raise ValueError(
                f"image holds floats from {low:g} to {high:g}, but floats must be in 0..1: "
                "divide 0..255 by 255, and show images before they are normalised"
            )
        image = np.round(image.clip(0, 1) * 255).astype(np.uint8)
    if image.dtype != np.uint8:
        raise ValueError(
            f"image is {image.dtype}, but must be uint8 or floats in 0..1: convert it with .astype('uint8')"
        )
    image = image if image.ndim == 3 else image[..., None]
    return np.broadcast_to(image, (*image.shape[:2], 3))


def as_ids(mask: Tensor | np.ndarray, num_classes: int) -> np.ndarray:
    """A mask as integers (H, W).

    Raises ValueError for other shapes, for floats, and for ids that no class has.
    """
    ids = mask.detach().cpu().numpy() if isinstance(mask, Tensor) else np.asarray(mask)
    if ids.ndim != 2:
        raise ValueError(
            f"mask has shape {ids.shape}, but must be (H, W): pass masks[0] of a batch, or mask[0]"
        )
    if ids.dtype == bool:
        ids = ids.astype(np.uint8)
    if not np.issubdtype(ids.dtype, np.integer):
        raise ValueError(
            f"mask is {ids.dtype}, but must hold integer class ids: take logits.argmax(0), or mask.long()"
        )
    wrong = sorted(set(np.unique(ids).tolist()) - {*range(num_classes), IGNORE})
    if wrong:
        raise ValueError(
            f"mask holds {', '.join(map(str, wrong[:5]))}, but ids must be 0..{num_classes - 1}, or "
            f"{IGNORE} = void: pass the dataset of this mask, or divide a mask of 0 and 255 by 255"
        )
    return ids


def colour_mask(mask: Tensor | np.ndarray, palette: np.ndarray) -> np.ndarray:
    """Paint class ids (H, W) in their colours: uint8 RGB (H, W, 3); void, 255, is white.

    Raises ValueError for ids that the palette has no colour for, and for a palette of more than 255 colours.
    """
    if len(palette) > IGNORE:
        raise ValueError(
            f"the palette has {len(palette)} colours, but a mask tells at most {IGNORE} classes apart, 0..{IGNORE - 1}, as "
            f"{IGNORE} is void: give the rarest classes one id together"
        )
    table = np.tile(VOID, (256, 1))
    table[: len(palette)] = palette
    return table[as_ids(mask, len(palette))]


def largest_sides(images: Sequence[np.ndarray]) -> tuple[int, int]:
    """The largest height and the largest width."""
    return max(image.shape[0] for image in images), max(image.shape[1] for image in images)


def draw_image(axes: Axes, image: np.ndarray) -> None:
    enlarged = axes.get_window_extent().width >= image.shape[1] - 0.5
    axes.imshow(image, interpolation="nearest" if enlarged else "antialiased")


def draw_mask(axes: Axes, mask: np.ndarray, palette: np.ndarray) -> None:
    # anything else would mix in other classes
    axes.imshow(colour_mask(mask, palette), interpolation="nearest")


def percent(fraction: float) -> str:
    return "under 1 %" if 0 < fraction <= 0.005 else f"{100 * fraction:.0f} %"


def describe_ids(ids: np.ndarray, classes: Sequence[str]) -> str:
    """The four largest classes of a mask in words: `Road 41 %, Building 22 %, ... , void 3 %`."""
    values, counts = np.unique(ids, return_counts=True)
    shares = {int(value): count / ids.size for value, count in zip(values, counts, strict=True)}
    void = shares.pop(IGNORE, 0)
    largest = sorted(shares, key=shares.get, reverse=True)
    words = [f"{classes[index]} {percent(shares[index])}" for index in largest[:4]]
    if len(largest) > 4:
        words.append(f"{len(largest) - 4} smaller classes")
    if void:
        words.append(f"void {percent(void)}")
    return ", ".join(words)
