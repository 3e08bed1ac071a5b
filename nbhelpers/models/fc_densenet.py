"""FC-DenseNet, "the one hundred layers Tiramisu": a U-Net of dense blocks.

Paper: Jégou et al., 2017, https://arxiv.org/abs/1611.09326 (Figures 1 and 2, Tables 1 and 2).
Departures: an odd side is rounded up when halved, and the transposed convolution's surplus row and column are
cut, so that any size goes through; batch norm's epsilon is torch's.

Channels, with growth rate k = 16 and the default layers (4, 5, 7, 10, 12, 15). A dense block adds k per layer to
what it is given. On the way down all of it goes on:

    48 -> 48 + 4 k = 112 -> 112 + 5 k = 192 -> 304 -> 464 -> 656 -> 656 + 15 k = 896  (Table 2, column m)

On the way up only what the block added goes on, else the channels would grow with the resolution (section 3.2):

    15 k + 656 + 12 k = 1088 -> 12 k + 464 + 10 k = 816 -> 10 k + 304 + 7 k = 576 -> 384 -> 5 k + 112 + 4 k = 256
"""

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from nbhelpers.models.blocks import BatchNorm
from nbhelpers.models.dense_block import Dropout, dense_block

VARIANTS = {  # of Table 3: `FCDenseNet(num_classes=11, **VARIANTS["FC-DenseNet56"])`
    "FC-DenseNet56": {"layers": (4, 4, 4, 4, 4, 4), "growth_rate": 12},
    "FC-DenseNet67": {"layers": (5, 5, 5, 5, 5, 5), "growth_rate": 16},
    "FC-DenseNet103": {"layers": (4, 5, 7, 10, 12, 15), "growth_rate": 16},
}


class DenseLayer(nn.Sequential):
    """The layer of Table 1: (N, C_in, H, W) -> (N, growth_rate, H, W)."""

    def __init__(self, in_channels: int, growth_rate: int, *, dropout: float) -> None:
        super().__init__(
            OrderedDict(
                norm=BatchNorm(in_channels),
                relu=nn.ReLU(),
                conv=nn.Conv2d(in_channels, growth_rate, kernel_size=3, padding=1),
                dropout=Dropout(dropout),
            )
        )


class DenseBlock(nn.Module):
    """Figure 2: every layer reads the input and all that the layers before it made.

    (N, C_1, H, W), (N, C_2, H, W), ... -> (N, C_1 + C_2 + ... + num_layers * growth_rate, H, W)
    """

    def __init__(self, in_channels: int, num_layers: int, growth_rate: int, *, dropout: float) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            DenseLayer(in_channels + index * growth_rate, growth_rate, dropout=dropout)
            for index in range(num_layers)
        )

    def forward(self, *parts: Tensor) -> Tensor:
        if not torch.compiler.is_compiling():
            return dense_block(self.layers, parts)
        x = torch.cat(parts, dim=1)  # the same as a graph can hold it, for torch.export and torch.compile
        for layer in self.layers:
            x = torch.cat([x, layer(x)], dim=1)
        return x


class TransitionDown(nn.Module):
    """Halve the size, mix the channels: (N, C, H, W) -> (N, C, H / 2, W / 2), rounded up.

    What lies between input and output is not kept for the backward pass, but made again.
    """

    def __init__(self, channels: int, *, dropout: float) -> None:
        super().__init__()
        self.norm = BatchNorm(channels)
        self.conv = nn.Conv2d(channels, channels, kernel_size=1)
        self.dropout = Dropout(dropout)
        self.pool = nn.MaxPool2d(2, ceil_mode=True)

    def forward(self, x: Tensor) -> Tensor:
        if torch.compiler.is_compiling():
            return self._halve(x)
        return checkpoint(self._halve, x, use_reentrant=False, context_fn=self._contexts)

    def _halve(self, x: Tensor) -> Tensor:
        x = self.conv(F.relu(self.norm(x), inplace=True))
        return self.pool(self.dropout(x))

    def _contexts(self) -> tuple[AbstractContextManager, AbstractContextManager]:
        return nullcontext(), self._counted_before()

    @contextmanager
    def _counted_before(self) -> Iterator[None]:
        """The second time, batch norm measures x again, but must not count it in its running statistics."""
        momentum, batches = self.norm.momentum, self.norm.num_batches_tracked.clone()
        self.norm.momentum = 0.0
        try:
            yield
        finally:
            self.norm.momentum = momentum
            self.norm.num_batches_tracked.copy_(batches)


class TransitionUp(nn.ConvTranspose2d):
    """Double the size to (H, W), that of the skip: (N, C_in, h, w) -> (N, C_out, H, W)."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(in_channels, out_channels, kernel_size=3, stride=2)

    def forward(self, x: Tensor, size: tuple[int, int]) -> Tensor:
        height, width = size
        return super().forward(x)[..., :height, :width]  # of 2 h + 1


class FCDenseNet(nn.Module):
    """FC-DenseNet of Figure 1: images (N, in_channels, H, W) of any size -> logits (N, num_classes, H, W).

    `layers` counts the layers of each dense block on the way down, then of the bottleneck; the way up mirrors it.
    The default is FC-DenseNet103; `VARIANTS` has the others. Its name counts the convolutions.
    """

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
        *scales, bottleneck = layers
        self.stem = nn.Conv2d(in_channels, stem_channels, kernel_size=3, padding=1)
        channels, skip_channels = stem_channels, []
        self.downs, self.transitions_down = nn.ModuleList(), nn.ModuleList()
        for count in scales:
            self.downs.append(DenseBlock(channels, count, growth_rate, dropout=dropout))
            channels += count * growth_rate
            skip_channels.append(channels)
            self.transitions_down.append(TransitionDown(channels, dropout=dropout))
        self.bottleneck = DenseBlock(channels, bottleneck, growth_rate, dropout=dropout)
        new = bottleneck * growth_rate
        self.transitions_up, self.ups = nn.ModuleList(), nn.ModuleList()
        for count in reversed(scales):
            self.transitions_up.append(TransitionUp(new, new))
            channels = new + skip_channels.pop()
            self.ups.append(DenseBlock(channels, count, growth_rate, dropout=dropout))
            new = count * growth_rate
        self.head = nn.Conv2d(channels + new, num_classes, kernel_size=1)
        for module in self.modules():
            if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
                nn.init.kaiming_uniform_(module.weight, nonlinearity="relu")  # section 4.1
                nn.init.zeros_(module.bias)

    def forward(self, images: Tensor) -> Tensor:
        x = self.stem(images.contiguous(memory_format=torch.channels_last))  # what follows keeps this layout
        skips = []
        for dense, down in zip(self.downs, self.transitions_down):
            skips.append(dense(x))
            x = down(skips[-1])
        seen = x.shape[1]
        x = self.bottleneck(x)
        for up, dense in zip(self.transitions_up, self.ups):
            skip = skips.pop()
            x = up(x[:, seen:], skip.shape[-2:])  # what the block added
            seen = x.shape[1] + skip.shape[1]
            x = dense(x, skip)
        return self.head(x)
