"""FC-DenseNet as its paper draws it, by torch.cat and torch's own layers: what ours is measured and tested against."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from nbhelpers.models.fc_densenet import FCDenseNet


def dense_layers(channels: int, count: int, growth_rate: int, dropout: float) -> nn.ModuleList:
    return nn.ModuleList(
        nn.Sequential(
            nn.BatchNorm2d(seen),
            nn.ReLU(inplace=True),
            nn.Conv2d(seen, growth_rate, kernel_size=3, padding=1),
            nn.Dropout(dropout),
        )
        for seen in range(channels, channels + count * growth_rate, growth_rate)
    )


class PlainFCDenseNet(nn.Module):
    """images (N, in_channels, H, W) -> logits (N, num_classes, H, W)."""

    def __init__(
        self,
        *,
        num_classes: int,
        in_channels: int = 3,
        layers: Sequence[int] = (4, 5, 7, 10, 12, 15),
        growth_rate: int = 16,
        stem_channels: int = 48,
        dropout: float = 0.2,
    ) -> None:
        super().__init__()
        *scales, bottom = layers
        self.stem = nn.Conv2d(in_channels, stem_channels, kernel_size=3, padding=1)
        channels, skips = stem_channels, []
        self.down_blocks, self.transitions_down = nn.ModuleList(), nn.ModuleList()
        for count in scales:
            self.down_blocks.append(dense_layers(channels, count, growth_rate, dropout))
            channels += count * growth_rate
            skips.append(channels)
            self.transitions_down.append(
                nn.Sequential(
                    nn.BatchNorm2d(channels),
                    nn.ReLU(inplace=True),
                    nn.Conv2d(channels, channels, kernel_size=1),
                    nn.Dropout(dropout),
                    nn.MaxPool2d(2, ceil_mode=True),
                )
            )
        self.bottleneck = dense_layers(channels, bottom, growth_rate, dropout)
        new = bottom * growth_rate
        self.transitions_up, self.up_blocks = nn.ModuleList(), nn.ModuleList()
        for count in reversed(scales):
            self.transitions_up.append(nn.ConvTranspose2d(new, new, kernel_size=3, stride=2))
            channels = new + skips.pop()
            self.up_blocks.append(dense_layers(channels, count, growth_rate, dropout))
            new = count * growth_rate
        self.head = nn.Conv2d(channels + new, num_classes, kernel_size=1)

    def forward(self, images: Tensor) -> Tensor:
        x = self.stem(images)
        skips = []
        for block, down in zip(self.down_blocks, self.transitions_down):
            for layer in block:
                x = torch.cat([x, layer(x)], dim=1)
            skips.append(x)
            x = down(x)
        block = self.bottleneck
        for up, next_block in zip(self.transitions_up, self.up_blocks):
            x = up(self.added(block, x))
            skip = skips.pop()
            x = torch.cat([x[..., : skip.shape[-2], : skip.shape[-1]], skip], dim=1)
            block = next_block
        return self.head(torch.cat([x, self.added(block, x)], dim=1))

    def added(self, block: nn.ModuleList, x: Tensor) -> Tensor:
        new = []
        for layer in block:
            new.append(layer(x))
            x = torch.cat([x, new[-1]], dim=1)
        return torch.cat(new, dim=1)


def take_weights(plain: PlainFCDenseNet, ours: FCDenseNet) -> PlainFCDenseNet:
    """Give `plain` the weights and statistics of `ours`, which are made in the same order."""
    state = dict(zip(plain.state_dict(), ours.state_dict().values(), strict=True))
    plain.load_state_dict(state)
    return plain
