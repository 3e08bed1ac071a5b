"""FPN: carry the coarse features down a pyramid, then let every level of it vote.

Papers: the pyramid is of Lin et al., 2017, https://arxiv.org/abs/1612.03144 (Figure 3); the semantic head is
Panoptic FPN's, Kirillov et al., 2019, https://arxiv.org/abs/1901.02446 (Figure 3).
Departures: no 3 x 3 convolution behind each addition, for the head begins with one; the encoder comes by
name.
"""

from collections.abc import Sequence
from pathlib import Path

import torch.nn.functional as F
from torch import Tensor, nn

from nbhelpers.models.blocks import resize_to
from nbhelpers.models.encoders import as_encoder


class Branch(nn.Module):
    """Bring one level to the size of the finest: (N, C_in, h, w) -> (N, C_out, H, W).

    3 x 3 convolution, group norm, ReLU and a bilinear doubling, as often as it takes.
    """

    def __init__(self, in_channels: int, out_channels: int, *, doublings: int) -> None:
        super().__init__()
        self.convs = nn.ModuleList(
            nn.Sequential(
                # without a bias, as the norm has one
                nn.Conv2d(channels, out_channels, kernel_size=3, padding=1, bias=False),
                # two channels a group at least, for p5 of a small image has one value a channel
                nn.GroupNorm(min(32, out_channels // 2), out_channels),
                nn.ReLU(inplace=True),
            )
            for channels in [in_channels] + [out_channels] * (max(1, doublings) - 1)
        )

    def forward(self, x: Tensor, sizes: Sequence[tuple[int, int]]) -> Tensor:
        """`sizes` are those of the finer levels on the way, which `x` takes one after the other."""
        for conv, size in zip(self.convs, sizes, strict=True):
            x = F.interpolate(conv(x), size=size, mode="bilinear")
        return x


class FPN(nn.Module):
    """The pyramid with its semantic head: images (N, in_channels, H, W) -> logits (N, num_classes, H, W).

    Any size from 32 pixels a side. `encoder` is a name, or one that is built: `FeaturePyramid`. `pyramid_channels`
    are those of p2 to p5; `head_channels`, a multiple of 32, those of the head.
    """

    def __init__(
        self,
        *,
        num_classes: int,
        encoder: str | nn.Module = "resnet50",
        in_channels: int = 3,
        weights: str | Path | None = None,
        pyramid_channels: int = 256,
        head_channels: int = 128,
    ) -> None:
        super().__init__()
        self.encoder = as_encoder(encoder, in_channels=in_channels, weights=weights)
        self.names = [name for name in ("c5", "c4", "c3", "c2") if name in self.encoder.channels]
        self.laterals = nn.ModuleList(
            nn.Conv2d(self.encoder.channels[name], pyramid_channels, kernel_size=1) for name in self.names
        )
        self.branches = nn.ModuleList(
            Branch(pyramid_channels, head_channels, doublings=doublings)
            for doublings in reversed(range(len(self.names)))  # 3 from p5 to p2, 0 from p2 itself
        )
        self.head = nn.Conv2d(head_channels, num_classes, kernel_size=1)

    def forward(self, images: Tensor) -> Tensor:
        features = self.encoder(images)
        pyramid: list[Tensor] = []  # p5, p4, p3, p2
        for name, lateral in zip(self.names, self.laterals):
            level = lateral(features[name])
            if pyramid:
                level = level + F.interpolate(pyramid[-1], size=level.shape[-2:], mode="nearest")
            pyramid.append(level)
        # the semantic head: every level climbs over the finer ones to p2, where all are added
        sizes = [level.shape[-2:] for level in pyramid]
        climbs = [sizes[position + 1 :] or sizes[-1:] for position in range(len(sizes))]
        x = sum(branch(level, climb) for branch, level, climb in zip(self.branches, pyramid, climbs))
        return resize_to(self.head(x), images)
