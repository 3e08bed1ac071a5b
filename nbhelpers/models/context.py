"""What PSPNet and the DeepLabs share: an encoder that ends at a given stride, and the auxiliary head."""

from pathlib import Path

from torch import nn

from nbhelpers.models.blocks import ConvBNReLU
from nbhelpers.models.encoders import ENCODERS, Encoder, as_encoder

DEPTHS = {4: 2, 8: 3, 16: 4}  # stride -> depth of the feature that has it in an undilated backbone


def encoder_at(
    output_stride: int,
    encoder: str | nn.Module,
    *,
    in_channels: int = 3,
    weights: str | Path | None = None,
) -> tuple[nn.Module, str, str]:
    """An encoder whose last feature has `output_stride`; with the names of its last but one and its last
    feature.

    By dilation where the backbone can. VGG, DenseNet and SqueezeNet cannot, and none dilates down to stride
    4: there the backbone ends at the feature that has the stride by itself. Of an encoder that is built already it
    names the feature of that level. Errors as in `Encoder`.
    """
    level = DEPTHS.get(output_stride)
    if not isinstance(encoder, str):
        built = as_encoder(encoder, in_channels=in_channels, weights=weights)
        names = [f"c{level - 1}", f"c{level}"] if level else []
        if not set(names) <= built.channels.keys() or not names:
            raise ValueError(
                f"output_stride is {output_stride}, but this {type(encoder).__name__} has {', '.join(built.channels)}: "
                "pass 16 for c4 or 8 for c3, with a finer feature beside it, as FeaturePyramid has"
            )
        return built, *names
    options = {"output_stride": output_stride}
    if level and encoder in ENCODERS and output_stride not in ENCODERS[encoder].output_strides:
        options = {"depth": level}
    built = Encoder(encoder, in_channels=in_channels, weights=weights, **options)
    *_, middle, last = built.channels
    return built, middle, last


class AuxHead(nn.Sequential):
    """Scores from a middle feature, for training alone: (N, C, h, w) -> (N, num_classes, h, w).

    PSPNet, https://arxiv.org/abs/1612.01105, section 4; `fit` weighs its loss by 0.4, as its section 5.2.
    """

    def __init__(self, in_channels: int, num_classes: int, *, dropout: float = 0.1) -> None:
        hidden = max(1, in_channels // 4)  # 256 for ResNet-50's c4
        super().__init__(
            ConvBNReLU(in_channels, hidden),
            nn.Dropout(dropout),
            nn.Conv2d(hidden, num_classes, kernel_size=1),
        )
