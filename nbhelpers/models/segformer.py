"""SegFormer: four scales of attention whose keys are thinned out, and a head of nothing but linear layers.

Paper: Xie et al., 2021, https://arxiv.org/abs/2105.15203 (Figure 2; sizes B0 to B5: Table 6 of the appendix).
Departures: the head multiplies its linear layers with each other before it applies them, for nothing
non-linear stands between them; the result is the same, without four wide maps at the finest scale. Logits are
resized to the image, where the paper scores at stride 4. Layer norm's epsilon is torch's.

Maps are (N, h, w, C) all through the encoder, which is what linear layers and layer norms want; a convolution
sees the same memory as (N, C, h, w) in channels-last layout, so that nothing is copied.
"""

from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.ops import StochasticDepth

from nbhelpers.models.blocks import ConvBNReLU, Normalize, resize_to
from nbhelpers.models.encoders import IMAGENET_MEAN, IMAGENET_STD
from nbhelpers.models.segformer_weights import take_over

_B1 = {"widths": (64, 128, 320, 512)}
SIZES = {  # `SegFormer(num_classes=11, **SIZES["B3"])`; the defaults are B0
    "B0": {},
    "B1": _B1,
    "B2": _B1 | {"depths": (3, 4, 6, 3), "head_channels": 768},
    "B3": _B1 | {"depths": (3, 4, 18, 3), "head_channels": 768},
    "B4": _B1 | {"depths": (3, 8, 27, 3), "head_channels": 768},
    "B5": _B1 | {"depths": (3, 6, 40, 3), "head_channels": 768},
}


class OverlapPatches(nn.Module):
    """Cut a map into patches that share pixels with their neighbours: (N, H, W, C_in) -> (N, h, w, C_out).

    h is H / stride, rounded up. A patch is 2 * stride - 1 pixels wide, so it reaches half into the next ones.
    """

    def __init__(self, in_channels: int, out_channels: int, *, stride: int) -> None:
        super().__init__()
        side = 2 * stride - 1  # 7 at stride 4, 3 at stride 2
        self.project = nn.Conv2d(in_channels, out_channels, side, stride=stride, padding=side // 2)
        self.norm = nn.LayerNorm(out_channels)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(convolve(self.project, x))


class EfficientAttention(nn.Module):
    """Every place asks all others, which answer as one for each square of `reduction` x `reduction` places.

    (N, h, w, C) -> (N, h, w, C). Time grows with h w * h w / reduction^2 (equation 2 of the paper).
    """

    def __init__(self, channels: int, *, heads: int, reduction: int) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(channels, channels)
        self.key_value = nn.Linear(channels, 2 * channels)
        self.out = nn.Linear(channels, channels)
        if reduction > 1:
            self.reduce = nn.Conv2d(channels, channels, kernel_size=reduction, stride=reduction)
            self.reduce_norm = nn.LayerNorm(channels)
        else:
            self.reduce = None

    def forward(self, x: Tensor) -> Tensor:
        query, key, value = self.project(x)
        found = F.scaled_dot_product_attention(query, key, value)  # (N, heads, h w, C / heads)
        return self.out(found.transpose(1, 2).reshape(x.shape))

    def weights(self, x: Tensor) -> Tensor:
        """How much each place takes from where, to look at: (N, h, w, C) -> (N, heads, h w, h w / reduction^2).

        Each row sums to 1. `forward` never holds this matrix.
        """
        query, key, _ = self.project(x)
        return (query @ key.mT / query.shape[-1] ** 0.5).softmax(dim=-1)

    def project(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        fewer = x if self.reduce is None else self.reduce_norm(convolve(self.reduce, x))
        key, value = self.key_value(fewer).flatten(1, 2).chunk(2, dim=-1)
        queries = self.query(x).flatten(1, 2)  # (N, h w, C)
        query, key, value = (y.unflatten(2, (self.heads, -1)).transpose(1, 2) for y in (queries, key, value))
        return query, key, value  # (N, heads, places, C / heads)


class MixFFN(nn.Module):
    """Widen, look at the eight neighbours, narrow: (N, h, w, C) -> (N, h, w, C) (equation 3).

    The 3 x 3 convolution is padded with zeros, which tells places near the border where they are: SegFormer has
    no other position, and so none to interpolate for images of another size.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        hidden = 4 * channels  # as the authors' code; Table 6 has 8 for the first two scales of B0 to B4
        self.expand = nn.Linear(channels, hidden)
        self.depthwise = nn.Conv2d(hidden, hidden, kernel_size=3, padding=1, groups=hidden)
        self.shrink = nn.Linear(hidden, channels)

    def forward(self, x: Tensor) -> Tensor:
        return self.shrink(F.gelu(convolve(self.depthwise, self.expand(x))))


class Block(nn.Module):
    """Attention, then Mix-FFN, each added to what it was given: (N, h, w, C) -> (N, h, w, C).

    In training either is left out with probability `drop_path`, image by image (stochastic depth).
    """

    def __init__(self, channels: int, *, heads: int, reduction: int, drop_path: float) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(channels)
        self.attention = EfficientAttention(channels, heads=heads, reduction=reduction)
        self.norm2 = nn.LayerNorm(channels)
        self.ffn = MixFFN(channels)
        self.drop_path = StochasticDepth(drop_path, mode="row")

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.drop_path(self.attention(self.norm1(x)))
        return x + self.drop_path(self.ffn(self.norm2(x)))


class Stage(nn.Module):
    """One scale: patches, blocks, norm: (N, H, W, C_in) -> (N, h, w, C_out)."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        stride: int,
        heads: int,
        reduction: int,
        drop_paths: Sequence[float],
    ) -> None:
        super().__init__()
        self.embed = OverlapPatches(in_channels, out_channels, stride=stride)
        self.blocks = nn.Sequential(
            *(Block(out_channels, heads=heads, reduction=reduction, drop_path=rate) for rate in drop_paths)
        )
        self.norm = nn.LayerNorm(out_channels)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(self.blocks(self.embed(x)))


class AllMLPHead(nn.Module):
    """Bring all scales to `channels` and to the finest one's size, join, mix: features -> (N, num_classes, h, w).

    The paper's order is linear layer, resize, join, linear layer. Resizing commutes with a linear layer, and the
    product of two linear layers is one: each scale needs a single multiplication, at its own size.
    """

    def __init__(self, widths: Sequence[int], channels: int, num_classes: int, *, dropout: float) -> None:
        super().__init__()
        self.linears = nn.ModuleList(nn.Linear(width, channels) for width in widths)
        self.fuse = ConvBNReLU(len(widths) * channels, channels, kernel_size=1)
        self.dropout = nn.Dropout(dropout)
        self.classify = nn.Conv2d(channels, num_classes, kernel_size=1)

    def forward(self, features: Sequence[Tensor]) -> Tensor:
        conv, norm, relu = self.fuse
        parts = conv.weight.flatten(1).chunk(len(features), dim=1)
        joined = 0
        for x, linear, part in zip(features, self.linears, reversed(parts)):  # the paper joins coarsest first
            weight, bias = part @ linear.weight, part @ linear.bias
            scores = F.conv2d(x, weight[..., None, None], bias)
            joined = joined + (scores if x is features[0] else resize_to(scores, features[0]))
        return self.classify(self.dropout(relu(norm(joined))))


class SegFormer(nn.Module):
    """The network of Figure 2: images (N, in_channels, H, W) float 0..1 -> logits (N, num_classes, H, W).

    Any size from 29 pixels a side. `widths`, `depths` (blocks), `heads` and `reductions` belong to the four
    scales, of stride 4, 8, 16 and 32; `SIZES` has the paper's. `drop_path` is the last block's; the others' grow
    towards it in even steps.

    `weights` is a .safetensors or .pth file with the names of the authors' code, of SMP or of the Hugging Face
    hub: https://huggingface.co/nvidia/mit-b0 is B0's encoder trained on ImageNet, and
    https://huggingface.co/nvidia/segformer-b0-finetuned-ade-512-512 a whole network of 150 classes. A file's head is
    taken as well, but for the scores if they are of another number of classes. NVIDIA's licence allows research
    and evaluation only (https://github.com/NVlabs/SegFormer/blob/master/LICENSE).

    Raises ValueError for images that are too small and a file that holds other weights, FileNotFoundError for a
    missing one.
    """

    def __init__(
        self,
        *,
        num_classes: int,
        in_channels: int = 3,
        widths: Sequence[int] = (32, 64, 160, 256),
        depths: Sequence[int] = (2, 2, 2, 2),
        heads: Sequence[int] = (1, 2, 5, 8),
        reductions: Sequence[int] = (8, 4, 2, 1),
        head_channels: int = 256,
        drop_path: float = 0.1,
        dropout: float = 0.1,
        weights: str | Path | None = None,
    ) -> None:
        super().__init__()
        self.normalize = Normalize(IMAGENET_MEAN, IMAGENET_STD, in_channels=in_channels)
        self.stages = nn.ModuleList()
        rates = torch.linspace(0, drop_path, sum(depths), device="cpu").tolist()
        ends = accumulate(depths)
        scales = zip((in_channels, *widths), widths, depths, ends, heads, reductions, (4, 2, 2, 2))
        for before, width, depth, end, head_count, reduction, stride in scales:
            if width % head_count:
                raise ValueError(
                    f"{head_count} heads cannot share {width} channels evenly; widths are {widths}"
                )
            self.stages.append(
                Stage(
                    before,
                    width,
                    stride=stride,
                    heads=head_count,
                    reduction=reduction,
                    drop_paths=rates[end - depth : end],
                )
            )
        self.head = AllMLPHead(widths, head_channels, num_classes, dropout=dropout)
        # a map must hold one square of its reduction: 29 = 4 * (8 - 1) + 1 pixels
        self.smallest = max(stride * (square - 1) + 1 for stride, square in zip((4, 8, 16, 32), reductions))
        self.apply(_init)
        if weights is not None:
            take_over(self, weights)

    def forward(self, images: Tensor) -> Tensor:
        if min(images.shape[-2:]) < self.smallest:
            raise ValueError(
                f"images are {images.shape[-2]} x {images.shape[-1]}, but SegFormer needs {self.smallest} pixels a "
                "side or more: enlarge or pad them"
            )
        x = self.normalize(images).permute(0, 2, 3, 1)
        features = []  # strides 4, 8, 16, 32
        for stage in self.stages:
            x = stage(x)
            features.append(x.permute(0, 3, 1, 2))
        return resize_to(self.head(features), images)


def convolve(layer: nn.Conv2d, x: Tensor) -> Tensor:
    """A convolution of maps whose channels stand last: (N, H, W, C_in) -> (N, h, w, C_out)."""
    return layer(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)


def _init(layer: nn.Module) -> None:
    """As the authors' code: narrow for linear layers, by the fan-out for convolutions."""
    if isinstance(layer, nn.Linear):
        nn.init.trunc_normal_(layer.weight, std=0.02)
    elif isinstance(layer, nn.Conv2d):
        fan_out = layer.kernel_size[0] * layer.kernel_size[1] * layer.out_channels // layer.groups
        nn.init.normal_(layer.weight, std=(2 / fan_out) ** 0.5)
    else:
        return
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
