"""Layers that two or more architectures share."""

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nbhelpers.models.depthwise import DepthwiseConv


class BatchNorm(nn.BatchNorm2d):
    """Batch norm that also trains where a channel has a single value, as in a batch of 1 pooled to 1 x 1.

    One value minus its own mean is 0, so torch refuses; here such a map is normalised by the running statistics,
    which stay as they are.
    """

    def forward(self, x: Tensor) -> Tensor:
        if self.training and x.shape[0] * x.shape[2] * x.shape[3] == 1:
            return F.batch_norm(x, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps)
        return super().forward(x)


class ConvBNReLU(nn.Sequential):
    """Convolution, batch norm, ReLU: (N, C_in, H, W) -> (N, C_out, H / stride, W / stride), rounded up.

    `kernel_size` is odd; padding keeps the size at stride 1.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        kernel_size: int = 3,
        stride: int = 1,
        dilation: int = 1,
    ) -> None:
        super().__init__(
            nn.Conv2d(
                in_channels,
                out_channels,
                kernel_size,
                stride=stride,
                padding=dilation * (kernel_size // 2),
                dilation=dilation,
                bias=False,  # batch norm has the bias
            ),
            BatchNorm(out_channels),
            nn.ReLU(inplace=True),
        )


class SeparableConv(nn.Sequential):
    """A convolution in each channel, then one of 1 x 1 across them, batch norm, ReLU: sizes as `ConvBNReLU`.

    About 1 / kernel_size^2 of the weights: k^2 C_in + C_in C_out instead of k^2 C_in C_out.
    """

    def __init__(
        self, in_channels: int, out_channels: int, *, kernel_size: int = 3, stride: int = 1, dilation: int = 1
    ) -> None:
        super().__init__(
            DepthwiseConv(in_channels, kernel_size=kernel_size, stride=stride, dilation=dilation),
            nn.Conv2d(in_channels, out_channels, kernel_size=1, bias=False),
            BatchNorm(out_channels),
            nn.ReLU(inplace=True),
        )


class Freezable(nn.Module):
    """What training can be told to pass by."""

    frozen = False

    def freeze(self) -> None:
        """Let training pass all of it by: no gradients, and batch norm keeps the statistics it has."""
        self.frozen = True
        self.requires_grad_(False).train(False)

    def unfreeze(self) -> None:
        """Undo `freeze`; the next `model.train()` moves the statistics again."""
        self.frozen = False
        self.requires_grad_(True)

    def train(self, mode: bool = True) -> "Freezable":
        return super().train(mode and not self.frozen)


class Normalize(nn.Module):
    """Images 0..1 to mean 0 and spread 1, channel by channel: (N, in_channels, H, W) to the same.

    `mean` and `std` are those of red, green and blue, in what a backbone was trained with. One channel takes their
    averages; more than three take them in turns, which is how timm spreads the weights of the first convolution.
    Raises ValueError for images that are not float or have another number of channels.
    """

    def __init__(self, mean: Sequence[float], std: Sequence[float], *, in_channels: int = 3) -> None:
        super().__init__()
        self.numbers = {}
        for name, values in (("mean", mean), ("std", std)):
            values = [sum(values) / len(values)] if in_channels == 1 else values
            self.numbers[name] = tuple(values[channel % len(values)] for channel in range(in_channels))
            # not in the state_dict: it is no weight, and belongs to the backbone's name
            row = torch.tensor(self.numbers[name]).reshape(1, -1, 1, 1)
            self.register_buffer(name, row, persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        if not images.is_floating_point():
            raise ValueError(f"images are {images.dtype}, but must be float in 0..1: images.float() / 255")
        if images.ndim != 4 or images.shape[1] != self.mean.shape[1]:
            raise ValueError(
                f"images have shape {tuple(images.shape)}, but must be (N, {self.mean.shape[1]}, H, W); "
                "build the model with in_channels=... for another number of channels"
            )
        return (images - self.mean) / self.std

    def _load_from_state_dict(self, *arguments: Any) -> None:
        for name, values in self.numbers.items():  # what was built on the meta device has lost them
            buffer = getattr(self, name)
            buffer.copy_(torch.tensor(values, device=buffer.device).view_as(buffer))
        super()._load_from_state_dict(*arguments)


def resize_to(x: Tensor, like: Tensor) -> Tensor:
    """Bilinearly to the height and width of `like`: (N, C, h, w), (.., H, W) -> (N, C, H, W)."""
    return F.interpolate(x, size=like.shape[-2:], mode="bilinear", align_corners=False)


def crop_to(x: Tensor, like: Tensor) -> Tensor:
    """The first rows and columns, as many as `like` has: (N, C, h, w), (.., H, W) -> (N, C, H, W), h >= H, w >= W.

    What was odd before a halving that rounds up is one too large after the doubling. Negative padding, unlike a
    slice, leaves the size open in torch.export.
    """
    return F.pad(x, (0, like.shape[-1] - x.shape[-1], 0, like.shape[-2] - x.shape[-2]))
