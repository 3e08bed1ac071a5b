"""Predict an image of any size: pad by reflection to the model's stride, run, crop back."""

import sys
from collections import defaultdict
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext

import numpy as np
import PIL.Image
import PIL.ImageOps
import torch
from torch import Tensor, nn
from tqdm import tqdm

from nbhelpers.checks import check_finite, evaluating, logits_of
from nbhelpers.datasets.contract import SLACK, dtype_of
from nbhelpers.inference.tta import TTA
from nbhelpers.training.engine import PRECISIONS, fastest_precision

Image = Tensor | np.ndarray | PIL.Image.Image
PLAIN = TTA()
DEEP = 2**14  # numbers below it have 14 bits or fewer, and then `Folder` takes less than 65535 for white
# what is seen of Pillow's pictures whose numbers are something else: palettes, inks, transparency
SEEN = {"1": "L", "LA": "L", "P": "RGB", "PA": "RGB", "CMYK": "RGB", "YCbCr": "RGB"}


def predict(
    model: nn.Module,
    image: Image | Sequence[Image],
    *,
    ids: bool = False,
    tta: TTA = PLAIN,
    stride: int = 32,
    batch_size: int = 4,
    precision: str = "fp32",
) -> Tensor | list[Tensor]:
    """The probabilities of each pixel's classes, or with `ids=True` the most likely class.

    Args:
        image: a tensor (3, H, W) or an array (H, W, 3) or (H, W), uint8, uint16, or floats in 0..1; or a batch,
            (N, 3, H, W); or a list of images, whose sizes may differ. Grey arrays (H, W) become three equal
            channels, or stay one for a model that takes one. A model of any other number takes images of that number.
            uint16 is divided by 65535. What uses 14 of the 16 bits or fewer, in all the images together, is refused, since
            `Folder` stretches such files: scale it as in training, (image - black) / (white - black), as floats. In a loop
            that predicts one image a call do so for all, or one that is dark by itself stops it: image / 65535.
            A picture of Pillow's is turned as its EXIF tag says, and has the colours of its palette.
        tta: the views to average, `TTA(flips="h")`.
        stride: what both sides are padded to a multiple of, by reflection at the right and the lower edge; the
            result is cropped back. Pass the model's largest stride.
        batch_size: images in one forward, of equal padded size.
        precision: "fp32", "bf16", "fp16", or "auto" for the fastest here.

    Returns, on the CPU, float32 (num_classes, H, W), for a model of one channel (1, H, W), the foreground's; or
    ids uint8 (H, W) (int32 for more than 256 classes; one channel: 1 above a probability of 0.5). A batch gives
    a batch, a list gives a list. The model runs on its device in eval mode; every mode is restored.
    One that was not trained by `fit` runs faster on a processor after `model.to(memory_format=torch.channels_last)`.
    Several channels share the pixel, by softmax. Classes that overlap, each a sigmoid of its own, take a model of one channel
    for each.
    Raises ValueError for other images, and for a model whose logits are not as large as its images;
    FloatingPointError for logits that are not finite.
    """
    check_positive(stride=stride, batch_size=batch_size)
    is_list = isinstance(image, list | tuple)
    is_batch = not is_list and isinstance(image, Tensor) and image.ndim == 4
    if is_batch and not len(image):
        raise ValueError(f"image is a batch {tuple(image.shape)} of no images; it must hold one at least")
    grey = grey_channels(model)
    parts = image if is_list or is_batch else [image]
    images = [as_floats(part, grey) for part in parts]
    check_depth(filter(has_16_bits, parts))
    groups: dict[tuple[int, ...], list[int]] = defaultdict(list)  # padded shape -> positions
    for position, one in enumerate(images):
        groups[(len(one), *(up_to(side, stride) for side in one.shape[-2:]))].append(position)
    results: list[Tensor] = [torch.empty(0)] * len(images)
    with Forward(model, precision) as forward:
        for (_, *sides), positions in groups.items():
            for first in range(0, len(positions), batch_size):
                chunk = positions[first : first + batch_size]
                batch = torch.stack([reflected(images[position], sides) for position in chunk])
                for position, one in zip(chunk, forward(batch, tta, stride)):
                    height, width = images[position].shape[-2:]
                    one = one[:, :height, :width]
                    results[position] = (to_uint_ids(one) if ids else one.clone()).cpu()
    if is_list:
        return results
    return torch.stack(results) if is_batch else results[0]


class Forward(AbstractContextManager):
    """Inside, the model is in eval mode; gives a function from aligned float images to mean probabilities."""

    def __init__(self, model: nn.Module, precision: str) -> None:
        if precision not in PRECISIONS:
            raise ValueError(f"precision is {precision!r}; it must be one of {', '.join(PRECISIONS)}")
        self.model, self.precision = model, precision

    def __enter__(self) -> "Forward":
        self._mode = evaluating(self.model)
        self.device = self._mode.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._mode.__exit__(*error)

    @torch.no_grad()
    def __call__(self, images: Tensor, tta: TTA, stride: int) -> Tensor:
        """Images float (N, C, H, W) with sides that `stride` divides -> float32 (N, num_classes, H, W)."""
        images = images.to(self.device)
        views = tta.views
        total: Tensor | float = 0.0
        for view in views:
            seen = view.of(images, stride).contiguous(memory_format=torch.channels_last)
            total = total + view.back(self._probabilities(seen), images.shape[-2:])
        return total / len(views)

    def _probabilities(self, images: Tensor) -> Tensor:
        with self._autocast():
            logits = logits_of(self.model, images)
            check_finite(logits, self.model, images)
        logits = logits.float()
        return logits.sigmoid() if logits.shape[1] == 1 else logits.softmax(dim=1)

    def _autocast(self) -> AbstractContextManager:
        kind = self.device.type
        precision = fastest_precision(kind) if self.precision == "auto" else self.precision
        if precision == "fp32":
            return nullcontext()
        return torch.autocast(kind, torch.bfloat16 if precision == "bf16" else torch.float16)


def grey_channels(model: nn.Module) -> int:
    """How many equal channels a grey array becomes: one if that is what the model's first layer takes, else three."""
    counts = (getattr(module, "in_channels", None) for module in model.modules())
    return 1 if next((count for count in counts if isinstance(count, int)), 3) == 1 else 3


def as_floats(image: Image, grey: int = 3) -> Tensor:
    """One image as a model takes it: float32 (C, H, W) in 0..1, C = `grey` for an array (H, W).

    Raises ValueError for what is no image.
    """
    if isinstance(image, Tensor):
        image = image.detach().as_subclass(Tensor)  # tv_tensors.Image too
    else:
        if isinstance(image, PIL.Image.Image):
            image = PIL.ImageOps.exif_transpose(image)
            image = image.convert(SEEN.get(image.mode, image.mode))
        array = np.asarray(image)
        if array.ndim == 2:
            array = np.repeat(array[..., None], grey, axis=2)
        if array.ndim == 3:
            array = np.moveaxis(array, 2, 0)  # (H, W, C) -> (C, H, W), a view
        if array.dtype == np.uint16:  # torch computes little with it
            array = array.astype(np.float32) / 65535
        if array.dtype.kind not in "uif":
            raise ValueError(f"image is {array.dtype}; it must be uint8, uint16 or floats in 0..1")
        # an own copy, because a memory map may be read-only; in this machine's order of bytes
        image = torch.from_numpy(np.array(array, array.dtype.newbyteorder("=")))
    if image.ndim != 3 or 0 in image.shape:
        raise ValueError(
            f"image has shape {tuple(image.shape)}, channels first; it must be a tensor (3, H, W) or an array "
            "(H, W, 3) or (H, W), with at least one pixel"
        )
    if image.dtype == torch.uint8:
        return image.float() / 255
    if image.dtype == torch.uint16:
        return image.float() / 65535
    if not image.is_floating_point():
        raise ValueError(f"image is {dtype_of(image)}; it must be uint8, uint16 or floats in 0..1")
    low, high = (end.item() for end in image.aminmax())
    if not (low >= -SLACK and high <= 1 + SLACK):  # also true for nan
        raise ValueError(
            f"image holds floats from {low:g} to {high:g}; they must be in 0..1: divide 0..255 by 255, and do not "
            "normalise: the model does"
        )
    return image.float().clamp(0, 1)


def has_16_bits(part: Image) -> bool:
    if isinstance(part, Tensor):
        return part.dtype == torch.uint16
    return np.asarray(part).dtype in ("<u2", ">u2")  # whatever machine wrote it


def check_depth(parts: Iterable[Image]) -> None:
    """Raise ValueError where uint16 `parts`, together all that is to be predicted, use 14 of their 16 bits or fewer.

    Such pictures would be many times darker than in training. Nothing is read on once one is bright enough.
    """
    highest = 0
    for part in parts:
        numbers = part.numpy(force=True) if isinstance(part, Tensor) else np.asarray(part)
        highest = max(highest, int(numbers.max(initial=0)))
        if highest >= DEEP:
            return
    if highest:  # a blank picture is as dark at any depth
        raise ValueError(
            f"image is uint16 with values up to {highest}, and 65535 would be white; pass floats in 0..1, scaled as in "
            "training: image / 65535 for the whole type, image / 4095 for 12 bits in 16 (of a file by open_image(path, "
            "value_range=(black, white)), or by --range at the command line); do so for every image, the bright ones too"
        )


def array_to_fill(out: np.ndarray | None, shape: tuple[int, ...], dtype: type) -> np.ndarray:
    """`out` as it is, or a new array for None; ValueError for one that the result does not fit into."""
    if out is None:
        return np.empty(shape, dtype)
    if not isinstance(out, np.ndarray):
        raise ValueError(f"out is {type(out).__name__}; it must be numpy's array or memory map")
    faults = [] if out.flags.writeable else ["read-only"]
    faults += ["turned round"] if min(out.strides, default=0) < 0 else []  # torch has no negative strides
    if faults or out.shape != shape or out.dtype != dtype:
        raise ValueError(
            f"out is {', '.join([f'{out.dtype} {out.shape}', *faults])}; this result is {np.dtype(dtype)} {shape} and "
            "must be writeable, in its own order"
        )
    return out


def check_positive(**counts: int) -> None:
    for name, count in counts.items():
        if count < 1:
            raise ValueError(f"{name} is {count}; it must be at least 1")


def progress_bar(total: int, unit: str, shown: bool) -> tqdm:
    """Of tiles or slices, as far as they are predicted."""
    return tqdm(total=total, disable=not shown, file=sys.stdout, ncols=80, mininterval=1, unit=unit)


def up_to(side: int, stride: int) -> int:
    """The next multiple of `stride`."""
    return -(-side // stride) * stride


def reflected(image: Tensor, sides: Sequence[int]) -> Tensor:
    """Grow (C, H, W) to (C, *sides) at the lower and right edge by reflection, as often as it takes."""
    for axis, side in zip((1, 2), sides):
        length = image.shape[axis]
        if side > length:
            period = max(1, 2 * (length - 1))  # 0 1 2 3 2 1 | 0 1 2 3 ...
            index = torch.arange(side, device=image.device) % period
            image = image.index_select(axis, torch.minimum(index, period - index))
    return image


def to_uint_ids(probabilities: Tensor) -> Tensor:
    """The most likely class: (num_classes, ...) -> uint8 (...), int32 for more than 256 classes."""
    if len(probabilities) == 1:
        return (probabilities[0] > 0.5).to(torch.uint8)
    return probabilities.max(dim=0).indices.to(torch.uint8 if len(probabilities) <= 256 else torch.int32)
