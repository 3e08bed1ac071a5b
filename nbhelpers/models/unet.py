"""U-Net: halve the image step by step, then double it back with a skip at each scale.

Paper: Ronneberger et al., 2015, https://arxiv.org/abs/1505.04597 (Figure 1).
Departures: convolutions are padded, so skips need no crop and the output is as large
as the input; batch norm follows every convolution; no dropout.
"""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from nbhelpers.models.blocks import crop_to


class DoubleConv(nn.Sequential):
    """Twice 3x3 convolution, batch norm, ReLU: (N, C_in, H, W) -> (N, C_out, H, W)."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        layers = []
        for channels in (in_channels, out_channels):
            layers += [
                # without a bias, as batch norm has one
                nn.Conv2d(channels, out_channels, kernel_size=3, padding=1, bias=False),
                nn.BatchNorm2d(out_channels),
                nn.ReLU(inplace=True),
            ]
        super().__init__(*layers)


class Up(nn.Module):
    """Double the size, join the skip: (N, C_in, h, w), (N, C_skip, H, W) -> (N, C_out, H, W)."""

    def __init__(self, in_channels: int, skip_channels: int, out_channels: int) -> None:
        super().__init__()
        self.up = nn.ConvTranspose2d(in_channels, out_channels, kernel_size=2, stride=2)
        self.conv = DoubleConv(skip_channels + out_channels, out_channels)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        x = crop_to(self.up(x), skip)  # an odd side was rounded up when halved
        return self.conv(torch.cat([skip, x], dim=1))


class UNet(nn.Module):
    """The U-shaped network of Figure 1: images (N, in_channels, H, W) -> logits (N, num_classes, H, W).

    Any size from 32 pixels a side (for the default five widths: each further width halves once more).
    `widths` are the channels of each scale, finest first.
    """

    def __init__(
        self, *, num_classes: int, in_channels: int = 3, widths: Sequence[int] = (64, 128, 256, 512, 1024)
    ) -> None:
        super().__init__()
        scales = list(pairwise(widths))  # (finer, coarser) channels of each halving
        self.stem = DoubleConv(in_channels, widths[0])
        self.pool = nn.MaxPool2d(2, ceil_mode=True)
        self.downs = nn.ModuleList(DoubleConv(fine, coarse) for fine, coarse in scales)
        self.ups = nn.ModuleList(Up(coarse, fine, fine) for fine, coarse in reversed(scales))
        self.head = nn.Conv2d(widths[0], num_classes, kernel_size=1)

    def forward(self, images: Tensor) -> Tensor:
        x = self.stem(images)
        skips = []
        for down in self.downs:
            skips.append(x)
            x = down(self.pool(x))
        for up in self.ups:
            x = up(x, skips.pop())
        return self.head(x)
