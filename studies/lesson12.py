"""12 DeepLabV3+: what does the decoder (the plus) bring, and does squeeze-and-excite help?"""

from nbhelpers.models.deeplabv3 import DeepLabV3
from nbhelpers.models.deeplabv3_plus import DeepLabV3Plus
from studies import Claim, Protocol, Study, Way
from studies.measures import borders_and_interiors

SMALL = {
    "encoder": "squeezenet",
    "output_stride": 16,
    "atrous_rates": (1, 2, 3),
    "hidden_channels": 64,
    "dropout": 0.1,
}

STUDY = Study(
    lesson="12",
    question="What does the plus bring?",
    protocol=Protocol(options={"clip_norm": 1.0}),
    ways={
        "with decoder": Way(build=lambda: DeepLabV3Plus(num_classes=11, skip_channels=24, **SMALL)),
        "without": Way(build=lambda: DeepLabV3(num_classes=11, **SMALL)),
        "with decoder and SE": Way(
            build=lambda: DeepLabV3Plus(num_classes=11, skip_channels=24, attention="se", **SMALL)
        ),
    },
    measures={"borders and interiors": borders_and_interiors},
    claims=(
        Claim("with decoder", "without"),
        Claim("with decoder", "without", "mean IoU, borders"),
        Claim("with decoder", "without", "mean IoU, interiors"),
        Claim("with decoder and SE", "with decoder"),
    ),
)
