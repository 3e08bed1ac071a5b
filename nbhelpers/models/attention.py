"""Attention blocks: weigh channels, places, or pairs of places by what the features themselves say.

Papers: squeeze-and-excitation, Hu et al., 2018, https://arxiv.org/abs/1709.01507 (Figure 2);
CBAM, Woo et al., 2018, https://arxiv.org/abs/1807.06521 (Figure 2);
self-attention, Zhang et al., 2019 (SAGAN), https://arxiv.org/abs/1805.08318 (Figure 2).
Each keeps the shape (N, channels, H, W), so it goes in anywhere: `unet.ups[-1].conv.append(CBAM(64))`.
Departures: no batch norm in CBAM (its equation 3 has none, its published code does); no spectral norm in
self-attention, which steadied the adversarial training of the paper.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class SqueezeExcite(nn.Module):
    """A weight in 0..1 for each channel, from the mean over all places: (N, C, H, W) -> (N, C, H, W).

    `reduction` divides the channels of the hidden layer, of which at least one remains.
    """

    def __init__(self, channels: int, *, reduction: int = 16) -> None:
        super().__init__()
        hidden = max(1, channels // reduction)
        self.squeeze = nn.Conv2d(channels, hidden, kernel_size=1)
        self.excite = nn.Conv2d(hidden, channels, kernel_size=1)

    def forward(self, x: Tensor) -> Tensor:
        context = x.mean(dim=(2, 3), keepdim=True)  # (N, C, 1, 1)
        return x * self.excite(self.squeeze(context).relu()).sigmoid()


class CBAM(nn.Module):
    """First which channels, then which places: (N, C, H, W) -> (N, C, H, W).

    Both ask the mean and the maximum, since a small object moves the maximum but hardly the mean.
    `reduction` is as in `SqueezeExcite`; `kernel_size`, odd, is that of the convolution over the places.
    """

    def __init__(self, channels: int, *, reduction: int = 16, kernel_size: int = 7) -> None:
        super().__init__()
        hidden = max(1, channels // reduction)
        self.channel_gate = nn.Sequential(
            nn.Conv2d(channels, hidden, kernel_size=1, bias=False),
            nn.ReLU(inplace=True),
            nn.Conv2d(hidden, channels, kernel_size=1, bias=False),
        )
        self.place_gate = nn.Conv2d(2, 1, kernel_size, padding=kernel_size // 2, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        mean, maximum = x.mean(dim=(2, 3), keepdim=True), x.amax(dim=(2, 3), keepdim=True)
        x = x * (self.channel_gate(mean) + self.channel_gate(maximum)).sigmoid()  # equation 2
        mean, maximum = x.mean(dim=1, keepdim=True), x.amax(dim=1, keepdim=True)
        return x * self.place_gate(torch.cat([mean, maximum], dim=1)).sigmoid()  # equation 3


class SelfAttention(nn.Module):
    """Every place adds what it finds at the places that resemble it: (N, C, H, W) -> (N, C, H, W).

    What is added passes a learnt `gate` that starts at zero, so that a fresh block changes nothing and
    training opens it step by step. `reduction` divides the channels in which places are compared. Time grows
    with (H W)^2: meant for maps of stride 8 and more.
    """

    def __init__(self, channels: int, *, reduction: int = 8) -> None:
        super().__init__()
        inner = max(1, channels // reduction)
        self.query = nn.Conv2d(channels, inner, kernel_size=1, bias=False)  # g of the paper
        self.key = nn.Conv2d(channels, inner, kernel_size=1, bias=False)  # f
        self.value = nn.Conv2d(channels, inner, kernel_size=1, bias=False)  # h
        self.out = nn.Conv2d(inner, channels, kernel_size=1, bias=False)  # v
        self.gate = nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        query, key, value = (
            layer(x).flatten(2).mT.unsqueeze(1)  # (N, inner, H, W) -> (N, 1 head, H * W places, inner)
            for layer in (self.query, self.key, self.value)
        )
        found = F.scaled_dot_product_attention(query, key, value, scale=1.0)  # equation 1 divides by no root
        return self.gate * self.out(found[:, 0].mT.unflatten(2, x.shape[2:])) + x
