"""21 Which score: eight networks that differ in loss, width and skips, so that scores have something to disagree about.

`python -m studies.rankings` ranks them, and all that the other lessons keep, by each score.
"""

from torch import Tensor

from nbhelpers.losses import dice_loss, focal_loss, lovasz_loss, pixel_loss
from nbhelpers.models.unet import UNet
from studies import Protocol, Study, Way
from studies.lesson02 import close
from studies.measures import borders_and_interiors

WIDTHS = (8, 16, 32, 64)


def unet(widths: tuple[int, ...] = WIDTHS) -> UNet:
    return UNet(num_classes=11, widths=widths)


def without_first_skip() -> UNet:
    network = unet()
    network.ups[-1].register_forward_pre_hook(close)  # the finest: borders suffer, interiors hardly
    return network


def both(logits: Tensor, masks: Tensor) -> Tensor:
    return pixel_loss(logits, masks) + dice_loss(logits, masks)


LOSSES = {
    "cross-entropy": pixel_loss,
    "Dice": dice_loss,
    "cross-entropy and Dice": both,
    "focal": focal_loss,
    "Lovász": lovasz_loss,
}

STUDY = Study(
    lesson="21",
    protocol=Protocol(scenes=800, epochs=6, schedule="onecycle"),
    question="How often does the ranking of trained networks change with the score?",
    ways={
        name: Way(build=unet, terms={"options": {"loss": loss}}, keep=True) for name, loss in LOSSES.items()
    }
    | {
        "half as wide": Way(build=lambda: unet((4, 8, 16, 32)), keep=True),
        "one level less": Way(build=lambda: unet(WIDTHS[:3]), keep=True),
        "without the finest skip": Way(build=without_first_skip, keep=True),
    },
    measures={"borders and interiors": borders_and_interiors},
    claims=(),  # the rankings are judged over scenes, not over seeds
    seeds=1,
)
