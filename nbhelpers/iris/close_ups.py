"""Close-ups: what a detector of eyes would cut out of a picture, made from what the toy eyes know of themselves."""

import math

import numpy as np
from torchvision import tv_tensors
from torchvision.transforms.v2 import functional as F

from nbhelpers.datasets.dataset import SegmentationDataset
from nbhelpers.datasets.memory import InMemory, in_memory
from nbhelpers.datasets.toy.eye_scene import Eye
from nbhelpers.datasets.transforms import resize_pair

WIDE = 2.6  # the box, in long semi-axes of the iris
OFF, ZOOM = 0.1, 0.08  # standard deviations of its centre, in semi-axes, and of the logarithm of its width
OPEN = 0.4  # least opening of the lids: a detector of eyes finds no shut ones


def close_ups(pictures: SegmentationDataset, eyes: list[Eye], size: tuple[int, int]) -> InMemory:
    """Cut the open ones of `eyes`, one for each of `pictures`, out of these, each `size` = (height, width).

    The boxes are as inexact as a detector's, and the same each time. Of `eyes` those with opening > OPEN are kept.
    Raises ValueError where there are not as many eyes as pictures.
    """
    if len(pictures) != len(eyes):
        raise ValueError(f"{len(eyes)} eyes for {len(pictures)} pictures; give Eyes.parameters(i) for each")
    rng, cut = np.random.default_rng(0), in_memory(pictures, limit=0)
    for index, eye in enumerate(eyes):
        if eye.opening > OPEN:
            image, mask = close_up(*pictures[index], eye, size, rng)
            cut.images.append(np.ascontiguousarray(image.permute(1, 2, 0).numpy()))
            cut.masks.append(mask.numpy())
    return cut


def close_up(
    image: tv_tensors.Image,
    mask: tv_tensors.Mask,
    eye: Eye,
    size: tuple[int, int],
    rng: np.random.Generator,
) -> tuple[tv_tensors.Image, tv_tensors.Mask]:
    """The box around one eye, moved and zoomed a little at random; beyond the picture's border it is black."""
    x, y, zoom = *rng.normal(0, OFF, 2), math.exp(rng.normal(0, ZOOM))
    width = WIDE * eye.iris.a * zoom
    height = width * size[0] / size[1]
    left, top = eye.iris.x + x * eye.iris.a - width / 2, eye.iris.y + y * eye.iris.a - height / 2
    box = [round(value) for value in (top, left, height, width)]
    return resize_pair(F.crop(image, *box), F.crop(mask, *box), size)
