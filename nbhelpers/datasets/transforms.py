"""What happens to a pair on its way to the model: one recipe for training, one for evaluation.

Both take and return `(image, mask)` as uint8 tv_tensors and work by torchvision.transforms.v2. `collate`
makes a batch of them afterwards.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torchvision import tv_tensors
from torchvision.transforms import InterpolationMode, v2
from torchvision.transforms.v2 import functional as F

from nbhelpers.datasets.dataset import IGNORE

GREY = torch.tensor([0.2989, 0.587, 0.114])  # weights of ITU-R BT.601, as in torchvision
Pair = tuple[tv_tensors.Image, tv_tensors.Mask]


def resize_pair(image: tv_tensors.Image, mask: tv_tensors.Mask, size: tuple[int, int]) -> Pair:
    """Resize to (height, width): the image bilinear with antialiasing, the mask by nearest neighbour.

    The mask takes the pixel under each centre ("nearest-exact"). `v2.Resize` takes the one up and left of
    it instead, which at 360 x 480 to 96 x 128 shifts the mask by 1.4 source pixels against the image.
    """
    image = F.resize(image, list(size), antialias=True)
    ids = F.resize_image(mask.as_subclass(Tensor)[None], list(size), InterpolationMode.NEAREST_EXACT)[0]
    return image, tv_tensors.wrap(ids, like=mask)


class Resize(torch.nn.Module):
    """`resize_pair` as a step of a recipe."""

    def __init__(self, size: tuple[int, int]) -> None:
        super().__init__()
        self.size = _checked_size(size)

    def forward(self, image: tv_tensors.Image, mask: tv_tensors.Mask) -> Pair:
        return resize_pair(image, mask, self.size)


class RandomCrop(torch.nn.Module):
    """Cut out a random rectangle and resize it to `size`, or back to the size of the image if that is None.

    scale: the least and the most of the image's area that is kept. The rectangle has the shape of the
    result, but for a random stretch of up to 4/3, as in v2.RandomResizedCrop. Where the result is longer or higher
    than the image by more than that, no such rectangle is large enough: the largest is taken.
    """

    def __init__(self, size: tuple[int, int] | None, scale: tuple[float, float]) -> None:
        super().__init__()
        if not 0 < scale[0] <= scale[1] <= 1:
            raise ValueError(
                f"scale is {scale}; it must be 0 < low <= high <= 1, as shares of the image's area"
            )
        self.size = None if size is None else _checked_size(size)
        self.scale = scale

    def forward(self, image: tv_tensors.Image, mask: tv_tensors.Mask) -> Pair:
        height, width = image.shape[-2:]
        size = self.size or (height, width)
        share, stretch, y, x = torch.rand(4).tolist()
        area = height * width * (self.scale[0] + share * (self.scale[1] - self.scale[0]))
        # all aspects (width / height) within the stretch of which a rectangle of this area fits into the image
        least, most = (size[1] / size[0] * limit for limit in (3 / 4, 4 / 3))
        low, high = (min(max(limit, least), most) for limit in (area / height**2, width**2 / area))
        aspect = low * (high / low) ** stretch
        crop_height = max(1, min(height, round(math.sqrt(area / aspect))))
        crop_width = max(1, min(width, round(math.sqrt(area * aspect))))
        top, left = int(y * (height - crop_height + 1)), int(x * (width - crop_width + 1))
        box = (top, left, crop_height, crop_width)
        return resize_pair(F.crop(image, *box), F.crop(mask, *box), size)


class ClassCrop(torch.nn.Module):
    """Cut out a window of `size` (height, width) that shows a class drawn evenly from those that the picture has.

    A random window shows a rare class as rarely as it is. Here a class is drawn, then one of its pixels, then a window
    around it, evenly from those that hold it. classes: the ids to draw from; default: all but void. Where the
    picture has none of them the window is drawn from all. Smaller pictures are filled up with black, void in the mask.
    """

    def __init__(self, size: tuple[int, int], classes: Sequence[int] | None = None) -> None:
        super().__init__()
        self.size, self.classes = _checked_size(size), classes

    def forward(self, image: tv_tensors.Image, mask: tv_tensors.Mask) -> Pair:
        height, width = self.size
        missing = [0, 0, max(0, width - mask.shape[-1]), max(0, height - mask.shape[-2])]
        if any(missing):
            image, mask = F.pad(image, missing, fill=0), F.pad(mask, missing, fill=IGNORE)
        ids = mask.as_subclass(Tensor)
        present = [
            class_id
            for class_id in ids.unique().tolist()
            if class_id != IGNORE and (self.classes is None or class_id in self.classes)
        ]
        room = [side - own for side, own in zip(ids.shape, self.size)]
        low, high = [0, 0], room
        if present:
            places = (ids == present[draw(len(present))]).nonzero()
            pixel = places[draw(len(places))].tolist()
            low = [max(0, at - own + 1) for at, own in zip(pixel, self.size)]
            high = [min(at, most) for at, most in zip(pixel, room)]
        top, left = (first + draw(last - first + 1) for first, last in zip(low, high))
        box = (top, left, height, width)
        return F.crop(image, *box), F.crop(mask, *box)


def draw(count: int) -> int:
    """A number from 0 to count - 1, of torch's generator, which `fit` seeds for each sample."""
    return int(torch.randint(count, ()))


class RandomColour(torch.nn.Module):
    """Change brightness, contrast and saturation, each by a random factor of 1 - strength to 1 + strength.

    The factors mean what they mean in v2.ColorJitter. All three are linear in RGB, so one 3 x 3 matrix and
    an offset do at once what v2.ColorJitter does in three passes, in a third of the time or less.
    Images of other than three channels have no saturation to change; their grey is the mean of the channels.
    """

    def __init__(self, strength: float) -> None:
        super().__init__()
        self.strength = checked_strength(strength)

    def forward(self, image: tv_tensors.Image, mask: tv_tensors.Mask) -> Pair:
        check_bytes(image)
        rgb = image.as_subclass(Tensor).flatten(1).float()  # (3, H * W)
        factors = 1 + self.strength * (2 * torch.rand(3) - 1)
        matrix, offset = _colour_change(*factors.tolist(), rgb.mean(dim=1))
        rgb = torch.addmm(offset[:, None] + 0.5, matrix, rgb)  # + 0.5 rounds, as uint8 cuts off
        changed = rgb.clamp_(0, 255).to(torch.uint8).reshape(image.shape)
        return tv_tensors.wrap(changed, like=image), mask


def checked_strength(strength: float) -> float:
    if not 0 <= strength < 1:
        raise ValueError(f"strength is {strength}; it must be 0 <= strength < 1")
    return strength


def check_bytes(image: Tensor) -> None:
    """Raise ValueError for an image whose colours are no bytes."""
    if image.dtype != torch.uint8:
        raise ValueError(f"image is {image.dtype}; it must be uint8 0..255: scale it after the transform")


def _colour_change(
    brightness: float, contrast: float, saturation: float, mean: Tensor
) -> tuple[Tensor, Tensor]:
    """The matrix (3, 3) and offset (3,) of the change, for an image of this mean colour (3,)."""
    channels = len(mean)
    if channels != 3:
        saturation = 1.0
    weights = GREY if channels == 3 else torch.full((channels,), 1 / channels)
    grey = weights.expand(channels, channels)  # turns a colour to the grey of equal brightness
    matrix = brightness * contrast * (saturation * torch.eye(channels) + (1 - saturation) * grey)
    return matrix, (1 - contrast) * brightness * (grey @ mean)  # contrast pulls towards the mean grey


def train_transform(
    size: tuple[int, int] | None = None,
    *,
    scale: tuple[float, float] = (0.5, 1.0),
    degrees: float = 0.0,
    vertical_flip: bool = False,
) -> v2.Compose:
    """The training recipe: random crop, horizontal flip, mild changes of brightness, contrast and saturation.

    size: (height, width) of the result; None keeps each image's own.
    scale: share of the image's area that a crop keeps.
    degrees: turn by up to this angle; the new corners are black, and 255 = ignore in the mask.
    vertical_flip: for pictures without an up and down, such as microscopy.
    Hue is left alone: to shift it costs more than all the rest together.
    """
    steps = [RandomCrop(size, scale), v2.RandomHorizontalFlip()]
    if vertical_flip:
        steps.append(v2.RandomVerticalFlip())
    if degrees:
        fill = {tv_tensors.Image: 0, tv_tensors.Mask: IGNORE}
        steps.append(v2.RandomRotation(degrees, interpolation=InterpolationMode.BILINEAR, fill=fill))
    return v2.Compose([*steps, RandomColour(0.25)])


def eval_transform(size: tuple[int, int] | None = None) -> torch.nn.Module:
    """The evaluation recipe: resize to (height, width), or nothing at all if `size` is None."""
    return v2.Identity() if size is None else Resize(size)


def _checked_size(size: tuple[int, int]) -> tuple[int, int]:
    if len(size) != 2 or min(size) < 1:
        raise ValueError(f"size is {size}; it must be (height, width) in pixels")
    return int(size[0]), int(size[1])
