"""PSPNet: pool the features over grids of 1 to 36 cells, and show every pixel what each grid found around it.

Paper: Zhao et al., 2017, https://arxiv.org/abs/1612.01105 (Figure 3; the auxiliary head: Figure 4).
Departures: the encoder comes by name; ResNet begins with one convolution of 7 x 7, where the authors' code
has three of 3 x 3.
"""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from nbhelpers.models.blocks import ConvBNReLU, resize_to
from nbhelpers.models.context import AuxHead, encoder_at


def grid_means(x: Tensor, cells: int) -> Tensor:
    """The mean of each cell of a grid over the map: (N, C, h, w) -> (N, C, cells, cells).

    Cell i along a side of s pixels begins at floor(i s / cells) and ends at ceil((i + 1) s / cells), so that
    neighbours may share a pixel: adaptive average pooling, as a matrix product, which unlike torch's can be
    exported for images of any size.
    """
    cell = torch.arange(cells, device=x.device)[:, None]

    def weights(side: int) -> Tensor:  # (cells, side), each row sums to 1
        pixel = torch.arange(side, device=x.device)
        inside = (pixel >= cell * side // cells) & (pixel * cells < (cell + 1) * side)
        return (inside / inside.sum(dim=1, keepdim=True)).to(x.dtype)

    height, width = x.shape[2:]
    grid = torch.einsum("ih,jw->ijhw", weights(height), weights(width)).reshape(cells**2, height * width)
    return (grid @ x.flatten(2).mT).mT.unflatten(2, (cells, cells))  # of (N, h w, C), as channels_last lies


class PyramidPooling(nn.Module):
    """The features beside their means over each grid: (N, C, h, w) -> (N, out_channels, h, w).

    `bins` are the cells along a side of each grid. A grid's means are cut to C / len(bins) channels, so that
    all grids together weigh as much as the features: out_channels is 2 C.
    """

    def __init__(self, in_channels: int, *, bins: Sequence[int] = (1, 2, 3, 6)) -> None:
        super().__init__()
        if not bins:
            raise ValueError("bins is empty; give the cells along a side of each grid, such as (1, 2, 3, 6)")
        level_channels = in_channels // len(bins)
        self.bins = tuple(bins)
        self.levels = nn.ModuleList(ConvBNReLU(in_channels, level_channels, kernel_size=1) for _ in bins)
        self.out_channels = in_channels + len(bins) * level_channels

    def forward(self, x: Tensor) -> Tensor:
        pyramid = [x]
        for cells, level in zip(self.bins, self.levels):
            pyramid.append(resize_to(level(grid_means(x, cells)), x))
        return torch.cat(pyramid, dim=1)


class PSPNet(nn.Module):
    """The network of Figure 3: images (N, in_channels, H, W) -> logits (N, num_classes, H, W).

    Any size from 32 pixels a side. `output_stride` is the side of the image over that of the features which
    are pooled: 8 as in the paper, 4 or 16. `forward_with_aux` adds the auxiliary head's logits, for training.
    """

    def __init__(
        self,
        *,
        num_classes: int,
        encoder: str | nn.Module = "resnet50",
        output_stride: int = 8,
        in_channels: int = 3,
        weights: str | Path | None = None,
        bins: Sequence[int] = (1, 2, 3, 6),
        hidden_channels: int = 512,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        self.encoder, self.middle, self.last = encoder_at(
            output_stride, encoder, in_channels=in_channels, weights=weights
        )
        self.pyramid = PyramidPooling(self.encoder.channels[self.last], bins=bins)
        self.head = nn.Sequential(
            ConvBNReLU(self.pyramid.out_channels, hidden_channels),
            nn.Dropout(dropout),
            nn.Conv2d(hidden_channels, num_classes, kernel_size=1),
        )
        self.aux_head = AuxHead(self.encoder.channels[self.middle], num_classes, dropout=dropout)

    def forward(self, images: Tensor) -> Tensor:
        features = self.encoder(images)
        return resize_to(self.head(self.pyramid(features[self.last])), images)

    def forward_with_aux(self, images: Tensor) -> tuple[Tensor, Tensor]:
        features = self.encoder(images)
        logits = self.head(self.pyramid(features[self.last]))
        aux_logits = self.aux_head(features[self.middle])
        return resize_to(logits, images), resize_to(aux_logits, images)
