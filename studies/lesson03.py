"""03 U-Net by SMP: what does the encoder buy, what does a start that has learnt, what does the scaling fault cost?"""

from functools import cache

import segmentation_models_pytorch as smp
import torch
from torch import Tensor, nn

from nbhelpers.datasets import Street, in_memory
from nbhelpers.models.blocks import Normalize
from nbhelpers.models.encoders import IMAGENET_MEAN, IMAGENET_STD
from studies import Claim, Protocol, Study, Way
from studies.protocol import train_by_fit

ELSEWHERE = 1  # the seed of the streets that the pretrained encoder has seen


class Times255(nn.Module):
    """The usual fault: bytes of 0..255 where 0..1 are due."""

    def forward(self, images: Tensor) -> Tensor:
        return images * 255


def unet(encoder: str = "resnet18", faulty: bool = False) -> nn.Sequential:
    options = {"encoder_depth": 4, "decoder_channels": (64, 48, 32, 16), "encoder_weights": None}
    network = smp.Unet(encoder, classes=11, **options)
    layers = [Normalize(IMAGENET_MEAN, IMAGENET_STD), network]
    return nn.Sequential(Times255(), *layers) if faulty else nn.Sequential(*layers)


@cache
def learnt_elsewhere() -> dict[str, Tensor]:
    """An encoder's weights after 800 scenes of streets that no other row has seen."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network, size = unet(), (48, 64)
        train, valid = (
            in_memory(Street(split, size, length, seed=ELSEWHERE))
            for split, length in (("train", 800), ("val", 50))
        )
        train_by_fit(network, Protocol(epochs=6, lr=4e-3, schedule="onecycle"), train, valid, seed=0)
    return {name: value.clone() for name, value in network[1].encoder.state_dict().items()}


def pretrained() -> nn.Sequential:
    network = unet()
    network[1].encoder.load_state_dict(learnt_elsewhere())
    return network


STUDY = Study(
    lesson="03",
    question="What does the encoder buy?",
    protocol=Protocol(scenes=100, epochs=60),  # few pictures are where a start that has learnt should pay
    ways={
        "resnet18": Way(build=unet),
        "mobilenet_v2": Way(build=lambda: unet("mobilenet_v2")),
        "resnet18, pretrained": Way(build=pretrained),
        "resnet18, 0..255": Way(build=lambda: unet(faulty=True)),
    },
    claims=(
        Claim("resnet18", "mobilenet_v2"),
        Claim("resnet18, pretrained", "resnet18"),
        Claim("resnet18", "resnet18, 0..255"),
    ),
)
