"""A linear head on a frozen encoder: what does a transformer that somebody else trained already know?

Source: Oquab et al., 2023 (DINOv2), https://arxiv.org/abs/2304.07193 (section 7.4, "linear": a linear layer predicts
the class of every patch, and its logits are enlarged to the image).
Departures: channels are standardised by the mean and spread of the kept features, where the paper has a batch norm.
`nbhelpers.training.frozen` trains it.
"""

import torch
from torch import Tensor, nn

from nbhelpers.models.blocks import Freezable, resize_to


class LinearHead(nn.Module):
    """One linear layer behind a frozen encoder: images (N, in_channels, H, W) float 0..1 -> logits (N, num_classes, H, W).

    `encoder` gives {"c4": (N, C, h, w)}, as `ViTEncoder` does, and is frozen here. Only `scores` learns.
    """

    def __init__(self, encoder: Freezable, *, num_classes: int) -> None:
        super().__init__()
        encoder.freeze()
        channels = encoder.channels["c4"]
        self.encoder, self.num_classes = encoder, num_classes
        self.register_buffer("mean", torch.zeros(channels))
        self.register_buffer("std", torch.ones(channels))
        self.scores = nn.Linear(channels, num_classes)

    def forward(self, images: Tensor) -> Tensor:
        c4 = self.encoder(images)["c4"].permute(0, 2, 3, 1)  # (N, h, w, C)
        return resize_to(self.score(c4).permute(0, 3, 1, 2), images)

    def score(self, tokens: Tensor) -> Tensor:
        """Each token by itself: (.., C) -> (.., num_classes)."""
        return self.scores((tokens - self.mean) / self.std)
