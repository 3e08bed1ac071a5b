"""DeepLabV3: keep the features large by dilation, and look at them with several rates of dilation at once.

Paper: Chen et al., 2017, https://arxiv.org/abs/1706.05587 (Figure 5; section 3.3).
Departures: the encoder comes by name and has no multi-grid (one dilation for all of a stage). From
torchvision's network come one more 3 x 3 convolution before the scores, dropout, and an auxiliary head for
training.
"""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from nbhelpers.models.blocks import ConvBNReLU, SeparableConv, resize_to
from nbhelpers.models.context import AuxHead, encoder_at


def rates_for(output_stride: int) -> tuple[int, ...]:
    """The paper's 6, 12 and 18 at stride 16, which span as many pixels at another: twice that at stride 8."""
    return tuple(rate * 16 // output_stride for rate in (6, 12, 18))


class ASPP(nn.Module):
    """Atrous spatial pyramid pooling, Figure 5: (N, C_in, h, w) -> (N, C_out, h, w).

    A 1 x 1 convolution, a 3 x 3 convolution for each of `atrous_rates` and the mean of the whole map, side by
    side, are fused by another 1 x 1 convolution. `separable` splits the 3 x 3 convolutions, as DeepLabV3+
    does.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        atrous_rates: Sequence[int],
        separable: bool = False,
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        atrous_conv = SeparableConv if separable else ConvBNReLU
        branches = len(atrous_rates) + 2  # the point and the image
        self.point = ConvBNReLU(in_channels, out_channels, kernel_size=1)
        self.atrous = nn.ModuleList(
            atrous_conv(in_channels, out_channels, dilation=rate) for rate in atrous_rates
        )
        self.image = ConvBNReLU(in_channels, out_channels, kernel_size=1)
        self.fuse = ConvBNReLU(branches * out_channels, out_channels, kernel_size=1)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        point = self.point(x)
        image = self.image(x.mean(dim=(2, 3), keepdim=True)).expand_as(point)  # the same at every pixel
        return self.dropout(self.fuse(torch.cat([point, *(conv(x) for conv in self.atrous), image], dim=1)))


class DeepLabV3(nn.Module):
    """The network of Figure 5: images (N, in_channels, H, W) -> logits (N, num_classes, H, W).

    Any size from 32 pixels a side. `output_stride` is the side of the image over that of ASPP's map: 16
    trains fast, 8 (the default, torchvision's) is sharper. `atrous_rates` are those of ASPP; None follows the
    stride. `forward_with_aux` adds the logits of the auxiliary head, for training.
    """

    def __init__(
        self,
        *,
        num_classes: int,
        encoder: str | nn.Module = "resnet50",
        output_stride: int = 8,
        in_channels: int = 3,
        weights: str | Path | None = None,
        atrous_rates: Sequence[int] | None = None,
        hidden_channels: int = 256,
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        self.encoder, self.middle, self.last = encoder_at(
            output_stride, encoder, in_channels=in_channels, weights=weights
        )
        self.aspp = ASPP(
            self.encoder.channels[self.last],
            hidden_channels,
            atrous_rates=atrous_rates or rates_for(output_stride),
            dropout=dropout,
        )
        self.head = nn.Sequential(
            ConvBNReLU(hidden_channels, hidden_channels),
            nn.Conv2d(hidden_channels, num_classes, kernel_size=1),
        )
        self.aux_head = AuxHead(self.encoder.channels[self.middle], num_classes)

    def forward(self, images: Tensor) -> Tensor:
        features = self.encoder(images)
        return resize_to(self.head(self.aspp(features[self.last])), images)

    def forward_with_aux(self, images: Tensor) -> tuple[Tensor, Tensor]:
        features = self.encoder(images)
        logits, aux_logits = self.head(self.aspp(features[self.last])), self.aux_head(features[self.middle])
        return resize_to(logits, images), resize_to(aux_logits, images)
