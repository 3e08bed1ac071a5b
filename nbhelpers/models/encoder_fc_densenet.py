"""FC-DenseNet on a DenseNet encoder: the way down has learnt on ImageNet, the way up is the Tiramisu's.

Papers: Jégou et al., 2017, https://arxiv.org/abs/1611.09326 (Figure 1), for the way up; Huang et al., 2017,
https://arxiv.org/abs/1608.06993 (Table 1), for the way down.
Departures from FC-DenseNet: the backbone halves the image before its first dense block, so that the image itself is
the finest skip; the bottleneck may be left out.
"""

from collections.abc import Sequence
from pathlib import Path

from torch import Tensor, nn

from nbhelpers.models.encoders import Encoder
from nbhelpers.models.fc_densenet import DenseBlock, TransitionUp

DROPOUT = 0.2  # the Tiramisu's (Table 1)


class EncoderFCDenseNet(nn.Module):
    """A backbone and the Tiramisu's way up: images (N, in_channels, H, W) float 0..1 -> logits (N, num_classes, H, W).

    `bottleneck_blocks` are the layers of a dense block at the bottom, whose new features alone go up: 15 make
    DenseNet-121's 1024 channels 240. With 0 all 1024 go up, and 14.9 M parameters are 22.7 M.
    `layers` are those of the dense blocks on the way up, the finest last, for strides 16, 8, 4, 2 and 1.
    Sizes, `weights` and errors as in `Encoder`; ValueError also for an encoder without features of strides 2 to 32.
    """

    def __init__(
        self,
        *,
        num_classes: int,
        encoder: str = "densenet121",
        in_channels: int = 3,
        bottleneck_blocks: int = 15,
        layers: Sequence[int] = (12, 10, 7, 5, 4),
        growth_rate: int = 16,
        weights: str | Path | None = None,
    ) -> None:
        super().__init__()
        self.encoder = Encoder(encoder, in_channels=in_channels, weights=weights)
        if list(self.encoder.channels) != ["c1", "c2", "c3", "c4", "c5"]:
            raise ValueError(
                f"{encoder} has the features {', '.join(self.encoder.channels)}, but the way up needs c1 to c5: take "
                "densenet121, densenet169 or densenet201"
            )
        new, *skip_channels = [*reversed(self.encoder.channels.values()), in_channels]
        self.bottleneck = None
        if bottleneck_blocks:
            self.bottleneck = DenseBlock(new, bottleneck_blocks, growth_rate, dropout=DROPOUT)
            new = bottleneck_blocks * growth_rate
        self.transitions_up, self.ups = nn.ModuleList(), nn.ModuleList()
        for skip, count in zip(skip_channels, layers, strict=True):
            self.transitions_up.append(TransitionUp(new, new))
            self.ups.append(DenseBlock(new + skip, count, growth_rate, dropout=DROPOUT))
            seen, new = new + skip, count * growth_rate
        self.head = nn.Conv2d(seen + new, num_classes, kernel_size=1)

    def forward(self, images: Tensor) -> Tensor:
        x, *skips = reversed(self.encoder(images).values())
        seen = 0
        if self.bottleneck is not None:
            seen = x.shape[1]
            x = self.bottleneck(x)
        for up, dense, skip in zip(self.transitions_up, self.ups, [*skips, images]):
            x = up(x[:, seen:], skip.shape[-2:])  # of a dense block, what it added
            seen = x.shape[1] + skip.shape[1]
            x = dense(x, skip)
        return self.head(x)
