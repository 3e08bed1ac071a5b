"""SegNet: every pooling remembers where its maxima were, and the decoder puts the values back to those places.

Paper: Badrinarayanan et al., 2015, https://arxiv.org/abs/1511.00561 (Figures 2 and 3).
Departures: the last convolution, 64 to classes, has no batch norm. Only VGG pools by maxima alone, so on other
backbones the decoder grows its map bilinearly, and its stages are two convolutions of VGG's widths.
"""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import torch.nn.functional as F
from torch import Tensor, nn

from nbhelpers.models.blocks import ConvBNReLU, Normalize, resize_to
from nbhelpers.models.encoders import IMAGENET_MEAN, IMAGENET_STD, Encoder
from nbhelpers.models.fcn8 import CONVOLUTIONS

WIDTHS = (64, 64, 128, 256, 512, 512)  # of VGG's decoder after each stage, finest first


def unpool(x: Tensor, indices: Tensor, size: tuple[int, int]) -> Tensor:
    """Each value to the place that its maximum came from, 0 elsewhere: (N, C, h, w) -> (N, C, *size).

    `indices` (N, C, h, w) are those of `F.max_pool2d(..., return_indices=True)`, of maps as large as `size`.
    """
    height, width = size
    flat = x.new_zeros(x.shape[0], x.shape[1], height * width)
    return flat.scatter(2, indices.flatten(2), x.flatten(2)).unflatten(2, (height, width))


class SmallVGG(nn.Module):
    """A backbone like VGG's, with `widths` channels and so many `convolutions` in its stages, for small pictures.

    As of an `Encoder`, `depth` is how many poolings there are, and all convolutions up to the next one.
    """

    def __init__(
        self, widths: Sequence[int], convolutions: Sequence[int], *, in_channels: int, depth: int
    ) -> None:
        super().__init__()
        if not 1 <= depth <= len(widths) or len(widths) != len(convolutions):
            raise ValueError(
                f"{len(widths)} widths, {len(convolutions)} convolutions and {depth} poolings: there must be one of "
                "each a stage, and at most as many poolings"
            )
        self.normalize = Normalize(IMAGENET_MEAN, IMAGENET_STD, in_channels=in_channels)
        layers, before = [], in_channels
        for stage, (width, count) in enumerate(zip(widths, convolutions)):
            if stage <= depth:
                for _ in range(count):
                    layers += ConvBNReLU(before, width)
                    before = width
            if stage < depth:
                layers.append(nn.MaxPool2d(2))
        self.backbone = nn.ModuleDict({str(index): layer for index, layer in enumerate(layers)})


class SegNet(nn.Module):
    """Encoder and mirrored decoder without skips: images (N, in_channels, H, W) -> logits (N, num_classes, H, W).

    On VGG the decoder has the encoder's convolutions in reverse, and unpools by the encoder's indices; with
    `indices=False` the same layers work on maps that grow bilinearly.
    `num_upsampling` is how many poolings there are, and as many doublings: five in the paper. Four leave out VGG's
    last pooling but no convolution, three its last stage too.
    `widths` put a small VGG in the place of `encoder`: its channels, and the number of its `convolutions`, by stage.
    One in each of four stages is the outline of the paper's SegNet-Basic (section 3.1).
    Sizes, `weights` and errors as in `Encoder`.
    """

    def __init__(
        self,
        *,
        num_classes: int,
        encoder: str = "vgg16_bn",
        widths: Sequence[int] | None = None,
        convolutions: Sequence[int] = CONVOLUTIONS,
        num_upsampling: int = 5,
        indices: bool = True,
        in_channels: int = 3,
        weights: str | Path | None = None,
    ) -> None:
        super().__init__()
        if widths is None:
            self.encoder = Encoder(encoder, in_channels=in_channels, depth=num_upsampling, weights=weights)
        elif encoder != "vgg16_bn" or weights is not None:
            raise ValueError(
                f"widths={tuple(widths)} make a VGG of its own, without weights: "
                f"leave out encoder={encoder!r} and weights={weights!r}, or widths"
            )
        else:
            self.encoder = SmallVGG(widths, convolutions, in_channels=in_channels, depth=num_upsampling)
        self.indices = indices
        self.mirrors = widths is not None or "c0" in self.encoder.channels
        finest = 64  # the channels of VGG's first convolution, which the head mirrors
        if self.mirrors:
            finest = next(iter(self.encoder.backbone.values())).out_channels
            stages = mirrored_stages(self.encoder.backbone)
        else:
            coarse_to_fine = [self.encoder.channels[f"c{num_upsampling}"], *WIDTHS[num_upsampling - 1 :: -1]]
            stages = [[], *([(before, after), (after, after)] for before, after in pairwise(coarse_to_fine))]
        self.bottom, *stages = (
            nn.Sequential(*(ConvBNReLU(before, after) for before, after in stage)) for stage in stages
        )
        self.stages = nn.ModuleList(stages)  # one after each doubling
        self.head = nn.Conv2d(finest, num_classes, kernel_size=3, padding=1)

    def forward(self, images: Tensor) -> Tensor:
        x = self._mirrored(images) if self.mirrors else self._interpolated(images)
        return self.head(x)

    def _mirrored(self, images: Tensor) -> Tensor:
        x, memory = self.encoder.normalize(images), []
        for layer in self.encoder.backbone.values():
            if isinstance(layer, nn.MaxPool2d):
                size = x.shape[-2:]
                x, places = F.max_pool2d(x, 2, ceil_mode=True, return_indices=True)
                memory.append((places, size))
            else:
                x = layer(x)
        x = self.bottom(x)
        for stage in self.stages:
            places, size = memory.pop()
            grown = unpool(x, places, size) if self.indices else F.interpolate(x, size, mode="bilinear")
            x = stage(grown)
        return x

    def _interpolated(self, images: Tensor) -> Tensor:
        features = list(self.encoder(images).values())
        x = features.pop()
        for stage in self.stages:
            finer = features.pop() if features else images
            x = stage(resize_to(x, finer))
        return x


def mirrored_stages(vgg: nn.ModuleDict) -> list[list[tuple[int, int]]]:
    """(in, out) channels of the decoder's convolutions: VGG's from last to first, a new stage at each pooling.

    The first stage is empty if VGG ends with a pooling. VGG's first convolution has no mirror but the head.
    """
    stages: list[list[tuple[int, int]]] = [[]]
    for layer in reversed(vgg.values()):
        if isinstance(layer, nn.Conv2d):
            stages[-1].append((layer.out_channels, layer.in_channels))
        elif isinstance(layer, nn.MaxPool2d):
            stages.append([])
    stages[-1].pop()
    return stages
