"""U-Net on any encoder: the left side of the U is a backbone, the right side stays a plain decoder.

Papers: Ronneberger et al., 2015, https://arxiv.org/abs/1505.04597 (Figure 1), for the shape;
Isola et al., 2017 (pix2pix), https://arxiv.org/abs/1611.07004, section 6.1.1, for the upsampler of `Pix2PixUNet`.
Departures: the decoder is narrower than the encoder, as is usual with a backbone, and doubles by nearest neighbour.
`Pix2PixUNet` takes the outputs of MobileNetV2's stages as skips, and has no dropout.
"""

from collections.abc import Sequence
from math import log2
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nbhelpers.models.blocks import BatchNorm, crop_to
from nbhelpers.models.encoders import Encoder
from nbhelpers.models.unet import DoubleConv


class Join(nn.Module):
    """Grow to the skip's size, join it: (N, C_in, h, w), (N, C_skip, H, W) -> (N, C_out, H, W)."""

    def __init__(self, in_channels: int, skip_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv = DoubleConv(in_channels + skip_channels, out_channels)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        return self.conv(torch.cat([grow(x, skip), skip], dim=1))


def grow(x: Tensor, like: Tensor) -> Tensor:
    """Repeat pixels until the map is as large as `like`: (N, C, h, w), (.., H, W) -> (N, C, H, W)."""
    return F.interpolate(x, size=like.shape[-2:], mode="nearest")


class EncoderUNet(nn.Module):
    """U-Net on a backbone: images (N, in_channels, H, W) float 0..1 -> logits (N, num_classes, H, W).

    Every feature of the encoder but the deepest is a skip; where the finest has stride 2 (all but VGG), the last
    doubling has none. `widths` are the channels after each doubling, finest last; an encoder with fewer strides
    takes the last ones. Sizes, `weights` and errors as in `Encoder`.
    """

    def __init__(
        self,
        *,
        num_classes: int,
        encoder: str = "resnet50",
        in_channels: int = 3,
        widths: Sequence[int] = (256, 128, 64, 32, 16),
        weights: str | Path | None = None,
    ) -> None:
        super().__init__()
        self.encoder = Encoder(encoder, in_channels=in_channels, weights=weights)
        deepest, *skips = reversed(self.encoder.channels.values())
        doublings = int(log2(max(self.encoder.strides.values())))
        if len(widths) < doublings:
            raise ValueError(
                f"widths are {tuple(widths)}, but {encoder} asks for {doublings}, one for each doubling"
            )
        widths = widths[-doublings:]
        self.joins = nn.ModuleList(
            Join(coarse, skip, fine) for coarse, skip, fine in zip((deepest, *widths), skips, widths)
        )
        self.last = DoubleConv(*widths[-2:]) if len(skips) < doublings else None
        self.head = nn.Conv2d(widths[-1], num_classes, kernel_size=3, padding=1)

    def forward(self, images: Tensor) -> Tensor:
        x, *skips = reversed(self.encoder(images).values())
        for join, skip in zip(self.joins, skips):
            x = join(x, skip)
        if self.last is not None:
            x = self.last(grow(x, images))
        return self.head(x)


class Upsample(nn.Sequential):
    """pix2pix's: double the size by a transposed convolution, batch norm, ReLU: (N, C_in, h, w) -> (N, C_out, 2h, 2w)."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(
            nn.ConvTranspose2d(
                in_channels, out_channels, kernel_size=3, stride=2, padding=1, output_padding=1, bias=False
            ),
            BatchNorm(out_channels),
            nn.ReLU(inplace=True),
        )


class Pix2PixUNet(nn.Module):
    """The small U-Net of TensorFlow's segmentation tutorial: MobileNetV2 and four of pix2pix's upsamplers.

    Images (N, in_channels, H, W) float 0..1 -> logits (N, num_classes, H, W). Between the skips there is nothing but
    the upsampler, so the decoder costs little. `widths` are its channels, coarsest first.
    Sizes, `weights` and errors as in `Encoder`.
    """

    def __init__(
        self,
        *,
        num_classes: int,
        encoder: str = "mobilenetv2",
        in_channels: int = 3,
        widths: Sequence[int] = (512, 256, 128, 64),
        weights: str | Path | None = None,
    ) -> None:
        super().__init__()
        self.encoder = Encoder(encoder, in_channels=in_channels, weights=weights)
        if "c5" not in self.encoder.channels:
            raise ValueError(
                f"{encoder} has the features {', '.join(self.encoder.channels)}, but the way up needs c1 to c5: take "
                "another, such as mobilenetv2"
            )
        if len(widths) != 4:
            raise ValueError(f"widths are {tuple(widths)}; there must be 4, one for each doubling up to c1")
        deepest, *skips = (self.encoder.channels[name] for name in ("c5", "c4", "c3", "c2", "c1"))
        joined = [width + skip for width, skip in zip(widths, skips)]
        self.ups = nn.ModuleList(Upsample(coarse, fine) for coarse, fine in zip((deepest, *joined), widths))
        self.head = nn.ConvTranspose2d(
            joined[-1], num_classes, kernel_size=3, stride=2, padding=1, output_padding=1
        )

    def forward(self, images: Tensor) -> Tensor:
        features = self.encoder(images)
        x = features["c5"]
        for up, name in zip(self.ups, ("c4", "c3", "c2", "c1")):
            skip = features[name]
            x = torch.cat([crop_to(up(x), skip), skip], dim=1)  # odd sides were rounded up
        return crop_to(self.head(x), images)
