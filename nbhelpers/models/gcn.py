"""GCN: large kernels classify, since they see whole objects; small residual blocks then mend the edges.

Paper: Peng et al., 2017 (Large Kernel Matters), https://arxiv.org/abs/1703.02719 (Figure 2).
Departures: the encoder comes by name; scores are resized bilinearly where the paper learns a deconvolution,
so that odd sizes fit.
"""

from pathlib import Path

from torch import Tensor, nn

from nbhelpers.models.blocks import resize_to
from nbhelpers.models.encoders import Encoder


class GlobalConvolution(nn.Module):
    """A k x k kernel at the price of 4 k weights, not k^2: (N, C_in, h, w) -> (N, C_out, h, w) (Figure 2B).

    A column and then a row make a k x k kernel; a row and then a column make another, and the two are added.
    Nothing is non-linear in between. `kernel_size` is k, which must be odd.
    """

    def __init__(self, in_channels: int, out_channels: int, *, kernel_size: int = 15) -> None:
        super().__init__()
        if kernel_size % 2 == 0:
            raise ValueError(
                f"kernel_size is {kernel_size}; it must be odd, or the scores shift by half a pixel"
            )
        column, row = (kernel_size, 1), (1, kernel_size)
        self.column_row, self.row_column = (
            nn.Sequential(
                nn.Conv2d(in_channels, out_channels, first, padding="same"),
                nn.Conv2d(out_channels, out_channels, second, padding="same"),
            )
            for first, second in ((column, row), (row, column))
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.column_row(x) + self.row_column(x)


class BoundaryRefinement(nn.Module):
    """Add a correction that two 3 x 3 convolutions find: (N, C, h, w) -> (N, C, h, w) (Figure 2C)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.correct = nn.Sequential(
            nn.Conv2d(channels, channels, kernel_size=3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(channels, channels, kernel_size=3, padding=1),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.correct(x)


class GCN(nn.Module):
    """The network of Figure 2A: images (N, in_channels, H, W) -> logits (N, num_classes, H, W).

    Any size from 32 pixels a side. `kernel_size` is that of the global convolutions, odd: up to 15 in the
    paper, whose coarsest map is 16 x 16. Every map behind the encoder has `num_classes` channels.
    """

    def __init__(
        self,
        *,
        num_classes: int,
        encoder: str = "resnet50",
        in_channels: int = 3,
        weights: str | Path | None = None,
        kernel_size: int = 15,
    ) -> None:
        super().__init__()
        self.encoder = Encoder(encoder, in_channels=in_channels, weights=weights)
        self.names = [name for name in ("c5", "c4", "c3", "c2") if name in self.encoder.channels]
        self.scorers = nn.ModuleList(
            nn.Sequential(
                GlobalConvolution(self.encoder.channels[name], num_classes, kernel_size=kernel_size),
                BoundaryRefinement(num_classes),
            )
            for name in self.names
        )
        resizings = len(self.names) + 1  # to each finer feature, to c1 and to the image
        self.refiners = nn.ModuleList(BoundaryRefinement(num_classes) for _ in range(resizings))

    def forward(self, images: Tensor) -> Tensor:
        features = self.encoder(images)
        scores = [score(features[name]) for name, score in zip(self.names, self.scorers)]  # coarse to fine
        *refiners, refine_half, refine_full = self.refiners
        x, *skips = scores
        for skip, refine in zip(skips, refiners, strict=True):
            x = refine(resize_to(x, skip) + skip)
        x = refine_half(resize_to(x, features["c1"]))
        return refine_full(resize_to(x, images))
