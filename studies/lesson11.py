"""11 DeepLabV3: which rates, at which output stride?"""

from torch import Tensor, nn

from nbhelpers.models.blocks import ConvBNReLU, resize_to
from nbhelpers.models.deeplabv3 import ASPP
from studies import Claim, Protocol, Study, Way

WIDTHS = (16, 32, 64, 64)
NEAR, FAR = (1, 2, 3), (12, 24, 36)


def stages(output_stride: int, widths: tuple[int, ...] = WIDTHS) -> list[nn.Module]:
    """Two convolutions a stage; a stage that may not halve any more dilates instead."""
    layers, channels, stride, rate = [], 3, 1, 1
    for width in widths:
        step = 2 if stride < output_stride else 1
        layers.append(ConvBNReLU(channels, width, stride=step, dilation=rate))
        rate = rate if step == 2 else 2 * rate  # what would have been a stride
        layers.append(ConvBNReLU(width, width, dilation=rate))
        channels, stride = width, stride * step
    return layers


class SmallDeepLab(nn.Sequential):
    """Stages, ASPP, scores for each cell of the last map, and those enlarged to the picture."""

    def __init__(self, output_stride: int, rates: tuple[int, ...]) -> None:
        aspp = ASPP(WIDTHS[-1], 64, atrous_rates=rates, dropout=0.1)
        super().__init__(*stages(output_stride), aspp, nn.Conv2d(64, 11, kernel_size=1))

    def forward(self, images: Tensor) -> Tensor:
        return resize_to(super().forward(images), images)


STUDY = Study(
    lesson="11",
    question="Which rates, at which output stride?",
    protocol=Protocol(lr=6e-3),
    ways={
        f"stride {stride}, {name}": Way(build=lambda stride=stride, rates=rates: SmallDeepLab(stride, rates))
        for stride, name, rates in (
            (16, "near rates", NEAR),
            (8, "near rates", NEAR),
            (8, "far rates", FAR),
            (4, "near rates", NEAR),
            (4, "far rates", FAR),
        )
    },
    claims=(
        Claim("stride 8, near rates", "stride 16, near rates"),
        Claim("stride 4, near rates", "stride 8, near rates"),
        Claim("stride 8, near rates", "stride 8, far rates"),
        Claim("stride 4, near rates", "stride 4, far rates"),
    ),
)
