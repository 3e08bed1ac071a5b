"""FCN-8s: make VGG16 fully convolutional, and sharpen its coarse scores by those of two earlier layers.

Paper: Long, Shelhamer and Darrell, 2015, https://arxiv.org/abs/1411.4038 (Figure 3).
`FastFCN8` builds all layers but the first from depthwise separable convolutions: Howard et al., 2017
(MobileNets), https://arxiv.org/abs/1704.04861 (section 3.1).
Departures: fc6 pads by 3 and the image is filled up to a multiple of 32, where the paper pads it by 100 all
around; batch norm in VGG16 (the network of 2015 has none: `batch_norm=False`); trained at once, not FCN-32s
first, so score layers start at random and not at zero; the last upsampling is learnt too; `weights` fill
VGG16's convolutions, but not fc6 and fc7.
"""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nbhelpers.models.blocks import BatchNorm, Normalize
from nbhelpers.models.encoders import IMAGENET_MEAN, IMAGENET_STD, Encoder

CONVOLUTIONS = (2, 2, 3, 3, 3)  # in each stage of VGG16: Simonyan and Zisserman, 2015, Table 1, column D


def convolution(
    in_channels: int,
    out_channels: int,
    kernel_size: int = 3,
    *,
    separable: bool = False,
    batch_norm: bool = False,
) -> nn.Sequential:
    """Convolution, batch norm if asked for, ReLU: (N, C_in, H, W) -> (N, C_out, H, W).

    Separable: the same twice, first the kernel within each channel, then 1 x 1 across channels, which divides
    weights and multiplications by nearly kernel_size^2.
    """
    steps = [(in_channels, out_channels, kernel_size, 1)]
    if separable:
        steps = [(in_channels, in_channels, kernel_size, in_channels), (in_channels, out_channels, 1, 1)]
    layers = []
    for fan_in, fan_out, size, groups in steps:
        layers.append(nn.Conv2d(fan_in, fan_out, size, padding=size // 2, groups=groups, bias=not batch_norm))
        layers += [BatchNorm(fan_out)] if batch_norm else []
        layers.append(nn.ReLU(inplace=True))
    return nn.Sequential(*layers)


def bilinear_upsampling(channels: int, factor: int) -> nn.ConvTranspose2d:
    """A transposed convolution that starts as bilinear: (N, C, h, w) -> (N, C, factor h, factor w)."""
    layer = nn.ConvTranspose2d(channels, channels, 2 * factor, stride=factor, padding=factor // 2, bias=False)
    slope = 1 - (torch.arange(2 * factor) + 0.5 - factor).abs() / factor  # for 2: 1/4, 3/4, 3/4, 1/4
    with torch.no_grad():
        layer.weight.copy_(torch.eye(channels)[..., None, None] * slope[:, None] * slope)  # each class alone
    return layer


class FCN8(nn.Module):
    """The skip network of Figure 3, FCN-8s: images (N, in_channels, H, W) -> logits (N, num_classes, H, W).

    Any size. `widths` are the channels of VGG16's stages, `fc_channels` those of fc6 and fc7. `conv` is
    "standard" or "separable"; the first layer stays standard, since a separable one sees each colour alone.
    `weights` are VGG16's: "imagenet", a file, or None for random ones, as in `Encoder`.
    """

    def __init__(
        self,
        *,
        num_classes: int,
        in_channels: int = 3,
        weights: str | Path | None = None,
        widths: Sequence[int] = (64, 128, 256, 512, 512),
        fc_channels: int = 4096,
        conv: str = "standard",
        batch_norm: bool = True,
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        if conv not in ("standard", "separable"):
            raise ValueError(f"conv is {conv!r}; it must be 'standard' or 'separable'")
        self.normalize = Normalize(IMAGENET_MEAN, IMAGENET_STD, in_channels=in_channels)
        self.stages, channels = nn.ModuleList(), in_channels
        for width, count in zip(widths, CONVOLUTIONS, strict=True):
            stage = nn.Sequential()
            for _ in range(count):
                separable = conv == "separable" and len(self.stages) + len(stage) > 0
                stage.append(convolution(channels, width, separable=separable, batch_norm=batch_norm))
                channels = width
            self.stages.append(stage)
        self.pool = nn.MaxPool2d(2)
        self.fc6 = convolution(channels, fc_channels, 7, separable=conv == "separable")
        self.fc7 = convolution(fc_channels, fc_channels, 1)
        self.dropout = nn.Dropout(dropout)
        for conv2d in _layers(self, nn.Conv2d):  # torch's default shrinks the signal to nothing in 15 layers
            nn.init.kaiming_normal_(conv2d.weight, nonlinearity="relu")
        if weights is not None:
            if conv == "separable" or tuple(widths) != (64, 128, 256, 512, 512):
                raise ValueError(
                    f"weights={weights!r} are VGG16's: they need conv='standard' and its own widths"
                )
            self._take_over(
                Encoder("vgg16_bn" if batch_norm else "vgg16", in_channels=in_channels, weights=weights)
            )
        *_, pool3, pool4, _ = widths
        self.score_pool3 = nn.Conv2d(pool3, num_classes, kernel_size=1)
        self.score_pool4 = nn.Conv2d(pool4, num_classes, kernel_size=1)
        self.score_fc7 = nn.Conv2d(fc_channels, num_classes, kernel_size=1)
        self.up_fc7 = bilinear_upsampling(num_classes, 2)
        self.up_pool4 = bilinear_upsampling(num_classes, 2)
        self.up_image = bilinear_upsampling(num_classes, 8)

    def forward(self, images: Tensor) -> Tensor:
        right, below = -images.shape[3] % 32, -images.shape[2] % 32  # so that five halvings leave no rest
        x, pools = F.pad(self.normalize(images), (0, right, 0, below)), []
        for stage in self.stages:
            x = self.pool(stage(x))
            pools.append(x)
        *_, pool3, pool4, pool5 = pools  # strides 8, 16, 32
        fc7 = self.dropout(self.fc7(self.dropout(self.fc6(pool5))))
        scores = self.up_fc7(self.score_fc7(fc7)) + self.score_pool4(pool4)
        scores = self.up_pool4(scores) + self.score_pool3(pool3)
        return F.pad(self.up_image(scores), (0, -right, 0, -below))  # torch.export cannot slice to any size

    @torch.no_grad()
    def _take_over(self, vgg16: Encoder) -> None:
        for ours, theirs in zip(_layers(self.stages, nn.Conv2d), _layers(vgg16, nn.Conv2d), strict=True):
            ours.weight.copy_(theirs.weight)
            if ours.bias is not None:
                ours.bias.copy_(theirs.bias)
        norms = zip(
            _layers(self.stages, BatchNorm), _layers(vgg16, nn.BatchNorm2d), _layers(vgg16, nn.Conv2d)
        )
        for ours, theirs, conv in norms:
            ours.load_state_dict(theirs.state_dict())
            ours.running_mean -= conv.bias  # theirs adds it before the mean is taken off, ours has none


def _layers(module: nn.Module, kind: type[nn.Module]) -> list[nn.Module]:
    return [layer for layer in module.modules() if isinstance(layer, kind)]


FastFCN8 = partial(FCN8, conv="separable")  # 21 M parameters where FCN8 has 134 M
