"""04 U-Net by fastai: what does progressive resizing save?

The lesson's narrow dynamic U-Net. Each part of a training has a cycle of its own, as fastai's `fit_one_cycle` calls do,
and all are watched and scored at full size.
"""

from dataclasses import replace
from typing import Any

import timm
from torch import nn

from nbhelpers.datasets import in_memory
from nbhelpers.models.blocks import Normalize
from nbhelpers.models.encoders import IMAGENET_MEAN, IMAGENET_STD
from nbhelpers.training import History
from studies import Claim, Protocol, Study, Way
from studies.protocol import train_by_fit

SIZE = (72, 96)
EPOCHS = 24  # two thirds of them on small pictures
AS_LONG = 14  # epochs at full size that take the processor time of both parts together


def dynamic_unet() -> nn.Sequential:
    from fastai.vision.learner import create_body  # heavy, and only this needs it
    from fastai.vision.models.unet import DynamicUnet

    narrow = timm.create_model("resnet18", layers=(1, 1), channels=(32, 64), stem_type="deep", stem_width=16)
    return nn.Sequential(
        Normalize(IMAGENET_MEAN, IMAGENET_STD),
        DynamicUnet(create_body(narrow, pretrained=False), 11, SIZE, last_cross=False),
    )


def half_then_full(network: nn.Module, protocol: Protocol, train: Any, valid: Any, seed: int) -> History:
    """Two thirds of the epochs on pictures of half the side, a quarter of the pixels; then the rest at full size."""
    height, width = protocol.size
    small = in_memory(train, (height // 2, width // 2))
    first = protocol.epochs * 2 // 3
    parts = ((first, small, seed), (protocol.epochs - first, train, (seed + 1) % 2**32))
    rows: list[dict] = []
    for epochs, pictures, start in parts:
        history = train_by_fit(network, replace(protocol, epochs=epochs), pictures, valid, start)
        rows += [row | {"epoch": len(rows) + number} for number, row in enumerate(history.rows, 1)]
    return History(rows)


STUDY = Study(
    lesson="04",
    question="What does progressive resizing save?",
    protocol=Protocol(size=SIZE, epochs=EPOCHS, lr=6e-3, schedule="onecycle"),
    ways={
        "full size": Way(build=dynamic_unet),
        "half, then full": Way(build=dynamic_unet, train=half_then_full),
        "full size, as long": Way(build=dynamic_unet, terms={"epochs": AS_LONG}),
    },
    claims=(
        Claim("half, then full", "full size"),
        Claim("half, then full", "full size, as long"),
    ),
)
