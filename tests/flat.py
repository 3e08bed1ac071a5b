"""A network that trains in no time."""

import torch
from torch import nn


class Flat(nn.Module):
    """One convolution: images (N, 3, H, W) -> logits (N, 11, H, W)."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 11, 1)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.conv(images)
