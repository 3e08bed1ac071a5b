"""DeepLabV3+: DeepLabV3 with a small decoder, which brings the edges back from an early feature.

Paper: Chen et al., 2018, https://arxiv.org/abs/1802.02611 (Figure 2; Tables 1 and 2 for the decoder).
Departures: the encoder comes by name and has no multi-grid; a separable convolution has one batch norm,
behind both of its halves, as in SMP's network; dropout is 0.5.
`attention="se"` is ours: squeeze-and-excitation, https://arxiv.org/abs/1709.01507, at four places.
"""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from nbhelpers.models.attention import CBAM, SqueezeExcite
from nbhelpers.models.blocks import ConvBNReLU, SeparableConv, resize_to
from nbhelpers.models.context import encoder_at
from nbhelpers.models.deeplabv3 import ASPP, rates_for

ATTENTION = {None: lambda channels: nn.Identity(), "se": SqueezeExcite, "cbam": CBAM}


class DeepLabV3Plus(nn.Module):
    """The network of Figure 2: images (N, in_channels, H, W) -> logits (N, num_classes, H, W).

    Any size from 32 pixels a side. `output_stride` is the side of the image over that of ASPP's map, 16 or 8;
    `atrous_rates` are those of ASPP, None follows the stride; `skip_channels` are left of the early feature,
    c2.
    `attention`, "se" or "cbam", weighs the last feature, what ASPP makes of it, c2, and the two together.
    """

    def __init__(
        self,
        *,
        num_classes: int,
        encoder: str | nn.Module = "resnet50",
        output_stride: int = 16,
        in_channels: int = 3,
        weights: str | Path | None = None,
        atrous_rates: Sequence[int] | None = None,
        hidden_channels: int = 256,
        skip_channels: int = 48,
        dropout: float = 0.5,
        attention: str | None = None,
    ) -> None:
        super().__init__()
        if attention not in ATTENTION:
            raise ValueError(f"attention is {attention!r}; it must be 'se', 'cbam' or None")
        attend = ATTENTION[attention]
        self.encoder, _, self.last = encoder_at(
            output_stride, encoder, in_channels=in_channels, weights=weights
        )
        channels = self.encoder.channels
        self.attend_high = attend(channels[self.last])
        self.aspp = ASPP(
            channels[self.last],
            hidden_channels,
            atrous_rates=atrous_rates or rates_for(output_stride),
            separable=True,
            dropout=dropout,
        )
        self.attend_aspp = attend(hidden_channels)
        self.attend_low = attend(channels["c2"])
        self.reduce = ConvBNReLU(channels["c2"], skip_channels, kernel_size=1)  # or c2 would outweigh ASPP
        joined_channels = hidden_channels + skip_channels  # 304 = 256 + 48
        self.attend_joined = attend(joined_channels)
        self.head = nn.Sequential(
            SeparableConv(joined_channels, hidden_channels),
            SeparableConv(hidden_channels, hidden_channels),
            nn.Conv2d(hidden_channels, num_classes, kernel_size=1),
        )

    def forward(self, images: Tensor) -> Tensor:
        features = self.encoder(images)
        high = self.attend_aspp(self.aspp(self.attend_high(features[self.last])))
        low = self.reduce(self.attend_low(features["c2"]))  # stride 4
        joined = self.attend_joined(torch.cat([resize_to(high, low), low], dim=1))
        return resize_to(self.head(joined), images)
