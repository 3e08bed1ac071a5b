"""FC-HarDNet: dense blocks with few links, placed like the overtones of a string.

Paper: Chao et al., 2019, https://arxiv.org/abs/1909.00948 (Figure 2, section 3). The widths are those of the 70
layers for segmentation that its authors published later, https://github.com/PingoLH/FCHarDNet.
Departures: odd sides are rounded up when halved; `align_corners` is False when maps grow.

The rule: where 2^n divides k, layer k reads layer k - 2^n; layer 0 is the block's input. So an odd layer reads the
one before it, and layer 8 reads 7, 6, 4 and 0. What many layers read is wide: growth_rate * multiplier^n channels for
the highest such n. The odd layers and the last leave the block.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from nbhelpers.models.blocks import ConvBNReLU, resize_to


def links(layer: int) -> list[int]:
    """The layers that `layer` (1 or more) reads, nearest first."""
    return [layer - 2**n for n in range(layer.bit_length()) if layer % 2**n == 0]


class HarDBlock(nn.Module):
    """Layers under the rule above: (N, C_in, H, W) -> (N, out_channels, H, W).

    `widths[k]` are the channels of layer k, rounded to an even number; `links[k]` the layers that it reads.
    """

    def __init__(self, in_channels: int, growth_rate: int, num_layers: int, *, multiplier: float) -> None:
        super().__init__()
        numbers = range(1, num_layers + 1)
        self.links = [[], *map(links, numbers)]
        grown = [growth_rate * multiplier ** (len(read) - 1) for read in self.links[1:]]
        self.widths = [in_channels, *(2 * int((width + 1) / 2) for width in grown)]
        self.layers = nn.ModuleList(
            ConvBNReLU(sum(self.widths[source] for source in self.links[k]), self.widths[k]) for k in numbers
        )
        self.leaving = [k for k in numbers if k % 2 or k == num_layers]
        self.out_channels = sum(self.widths[k] for k in self.leaving)

    def forward(self, x: Tensor) -> Tensor:
        made = [x]
        for layer, read in zip(self.layers, self.links[1:]):
            made.append(layer(torch.cat([made[source] for source in read], dim=1)))
        return torch.cat([made[k] for k in self.leaving], dim=1)

    def link_table(self) -> str:
        """A line for each layer: what it reads, and its channels."""
        return "\n".join(
            f"layer {k} reads {', '.join(map(str, read))}: {sum(self.widths[source] for source in read)} -> {width}"
            for k, (read, width) in enumerate(zip(self.links, self.widths))
            if k
        )


class Join(ConvBNReLU):
    """Enlarge to the skip's size, lay the skip beside it, mix: (N, C_in, h, w), (N, C_skip, H, W) -> (N, C_out, H, W)."""

    def __init__(self, in_channels: int, skip_channels: int, out_channels: int) -> None:
        super().__init__(in_channels + skip_channels, out_channels, kernel_size=1)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        return super().forward(torch.cat([resize_to(x, skip), skip], dim=1))


class FCHarDNet(nn.Module):
    """FC-HarDNet-70: images (N, in_channels, H, W) of any size -> logits (N, num_classes, H, W).

    Each scale, from stride 4 to 64, has a block of `layers` and `growth_rates`, and a 1 x 1 convolution to `widths`;
    the way up mirrors the blocks. All of it runs at a quarter of the image's resolution or less.
    """

    def __init__(
        self,
        *,
        num_classes: int,
        in_channels: int = 3,
        stem_widths: Sequence[int] = (16, 24, 32, 48),
        widths: Sequence[int] = (64, 96, 160, 224, 320),
        growth_rates: Sequence[int] = (10, 16, 18, 24, 32),
        layers: Sequence[int] = (4, 4, 8, 8, 8),
        multiplier: float = 1.7,
    ) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            *(
                ConvBNReLU(before, after, stride=stride)
                for before, after, stride in zip([in_channels, *stem_widths], stem_widths, (2, 1, 2, 1))
            )
        )
        self.pool = nn.AvgPool2d(2, ceil_mode=True)
        blocks = list(zip(growth_rates, layers))
        channels, skip_channels = stem_widths[-1], []
        self.downs, self.mixes_down = nn.ModuleList(), nn.ModuleList()
        for (growth_rate, count), width in zip(blocks, widths, strict=True):
            self.downs.append(HarDBlock(channels, growth_rate, count, multiplier=multiplier))
            skip_channels.append(self.downs[-1].out_channels)
            self.mixes_down.append(ConvBNReLU(skip_channels[-1], width, kernel_size=1))
            channels = width
        self.joins, self.ups = nn.ModuleList(), nn.ModuleList()
        for (growth_rate, count), skip in reversed(list(zip(blocks[:-1], skip_channels))):
            mixed = (channels + skip) // 2
            self.joins.append(Join(channels, skip, mixed))
            self.ups.append(HarDBlock(mixed, growth_rate, count, multiplier=multiplier))
            channels = self.ups[-1].out_channels
        self.head = nn.Conv2d(channels, num_classes, kernel_size=1)

    def forward(self, images: Tensor) -> Tensor:
        x = self.stem(images)
        skips = []
        for block, mix in zip(self.downs, self.mixes_down):
            x = self.pool(x) if skips else x
            skips.append(block(x))
            x = mix(skips[-1])
        skips.pop()  # of the coarsest scale
        for join, block in zip(self.joins, self.ups):
            x = block(join(x, skips.pop()))
        return resize_to(self.head(x), images)
