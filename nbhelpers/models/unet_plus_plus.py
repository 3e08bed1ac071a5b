"""U-Net++: a U-Net whose skips are filled with nodes, so that every depth of U-Net is in it at once.

Paper: Zhou et al., 2018, https://arxiv.org/abs/1807.10165 (Figure 1 and equation 1).
Departures: widths are U-Net's (64 to 1024), twice the paper's; the heads' logits are averaged, not their
probabilities, and it is their mean that is trained, with the shallowest head as auxiliary output.
"""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import torch
from torch import Tensor, nn

from nbhelpers.models.blocks import crop_to, resize_to
from nbhelpers.models.encoders import Encoder, find_backbone
from nbhelpers.models.unet import DoubleConv


class Node(nn.Module):
    """X^(i,j) of equation 1: join all earlier nodes of its row with the doubled node from the row below.

    [(N, C, H, W) for C in row_channels], (N, C_below, H / 2, W / 2) -> (N, C_out, H, W).
    """

    def __init__(self, row_channels: Sequence[int], below_channels: int, out_channels: int) -> None:
        super().__init__()
        self.up = nn.ConvTranspose2d(below_channels, out_channels, kernel_size=2, stride=2)
        self.conv = DoubleConv(sum(row_channels) + out_channels, out_channels)

    def forward(self, row: list[Tensor], below: Tensor) -> Tensor:
        x = crop_to(self.up(below), row[0])  # an odd side was rounded up when halved
        return self.conv(torch.cat([*row, x], dim=1))


class UNetPlusPlus(nn.Module):
    """Nested U-Nets that share an encoder: images (N, in_channels, H, W) -> logits (N, num_classes, H, W).

    `nodes[i][j]` is the paper's X^(i,j): row i has stride 2^i, column 0 is the encoder, and column j ends the
    U-Net of depth j in `nodes[0][j]`. `widths` are the channels of the rows, finest first; `num_upsampling` is the
    depth of the deepest U-Net, so it uses the first num_upsampling + 1 of them.
    `encoder` takes the place of column 0: its finest features, from stride 1 on VGG and 2 elsewhere, and then the
    logits grow to the image bilinearly.
    With `deep_supervision` each depth has a head, and their mean is the output ("accurate mode"); `pruned` cuts
    the network down to a lesser depth. Sizes, `weights` and errors as in `Encoder`; without one, any size.
    """

    def __init__(
        self,
        *,
        num_classes: int,
        encoder: str | None = None,
        in_channels: int = 3,
        widths: Sequence[int] = (64, 128, 256, 512, 1024),
        num_upsampling: int = 4,
        deep_supervision: bool = True,
        weights: str | Path | None = None,
    ) -> None:
        super().__init__()
        if not 1 <= num_upsampling < len(widths):
            raise ValueError(
                f"num_upsampling is {num_upsampling}, but must be 1 to {len(widths) - 1}, one less than the "
                f"{len(widths)} widths"
            )
        self.arguments = {
            "num_classes": num_classes,
            "encoder": encoder,
            "in_channels": in_channels,
            "widths": tuple(widths),
            "deep_supervision": deep_supervision,
        }
        widths = widths[: num_upsampling + 1]
        if encoder is None:
            self.encoder, first_column = None, widths
            column = [DoubleConv(before, after) for before, after in pairwise((in_channels, *widths))]
        else:
            depth = num_upsampling + find_backbone(encoder).levels[0]
            self.encoder = Encoder(encoder, in_channels=in_channels, depth=depth, weights=weights)
            first_column = list(self.encoder.channels.values())
            column = [nn.Identity() for _ in widths]
        self.pool = nn.MaxPool2d(2, ceil_mode=True)
        self.nodes = nn.ModuleList(nn.ModuleList([node]) for node in column)
        for row, (width, below_width) in enumerate(pairwise(widths)):
            for j in range(1, num_upsampling + 1 - row):
                row_channels = [first_column[row]] + [width] * (j - 1)
                below = first_column[row + 1] if j == 1 else below_width
                self.nodes[row].append(Node(row_channels, below, width))
        depths = range(1, num_upsampling + 1) if deep_supervision else [num_upsampling]
        self.heads = nn.ModuleDict({str(j): nn.Conv2d(widths[0], num_classes, kernel_size=1) for j in depths})

    def forward(self, images: Tensor) -> Tensor:
        return self.forward_with_aux(images)[0]

    def forward_with_aux(self, images: Tensor) -> tuple[Tensor, Tensor | None]:
        """The logits, and those of the shallowest head alone, which is all that the deepest pruning keeps."""
        first_row = self._first_row(images)
        logits = [head(first_row[int(j)]) for j, head in self.heads.items()]
        aux_logits = logits[0] if len(logits) > 1 else None
        mean = torch.stack(logits).mean(dim=0)
        if self.encoder is None or "c0" in self.encoder.channels:
            return mean, aux_logits
        return resize_to(mean, images), None if aux_logits is None else resize_to(aux_logits, images)

    def _first_row(self, images: Tensor) -> list[Tensor]:
        """X^(0,0) to X^(0,num_upsampling)."""
        grid = [[x] for x in self._first_column(images)]
        for j in range(1, len(grid)):
            for i in range(len(grid) - j):
                grid[i].append(self.nodes[i][j](grid[i], grid[i + 1][j - 1]))
        return grid[0]

    def _first_column(self, images: Tensor) -> list[Tensor]:
        if self.encoder is not None:
            return list(self.encoder(images).values())
        column = [self.nodes[0][0](images)]
        for row in self.nodes[1:]:
            column.append(row[0](self.pool(column[-1])))
        return column

    def pruned(self, num_upsampling: int) -> "UNetPlusPlus":
        """A smaller copy for inference, with the weights of the U-Nets of depth 1 to `num_upsampling`.

        Raises ValueError without deep supervision, whose heads of the lesser depths it needs.
        """
        if not self.arguments["deep_supervision"]:
            raise ValueError("only a U-Net++ built with deep_supervision=True has the heads to be pruned")
        if not 1 <= num_upsampling < len(self.nodes):
            raise ValueError(
                f"num_upsampling is {num_upsampling}, but must be 1 to {len(self.nodes) - 1}, the depth of this "
                "network"
            )
        smaller = UNetPlusPlus(**self.arguments, num_upsampling=num_upsampling)
        state = self.state_dict()
        smaller.load_state_dict({name: state[name] for name in smaller.state_dict()})
        return smaller.to(self.heads["1"].weight).train(self.training)
