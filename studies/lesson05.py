"""05 FCN-8s: what do separable convolutions cost in score?"""

from nbhelpers.models.fcn8 import FCN8, FastFCN8
from studies import Claim, Study, Way

NARROW = {"widths": (12, 24, 48, 64, 64), "fc_channels": 64, "dropout": 0.1}
WIDE = {"widths": (24, 48, 96, 128, 128), "fc_channels": 128, "dropout": 0.1}

STUDY = Study(
    lesson="05",
    question="What do separable convolutions cost in score, and is the saving better spent on width?",
    ways={
        "standard": Way(build=lambda: FCN8(num_classes=11, **NARROW), keep=True),
        "separable": Way(build=lambda: FastFCN8(num_classes=11, **NARROW), terms={"lr": 1e-2}, keep=True),
        "separable, twice as wide": Way(build=lambda: FastFCN8(num_classes=11, **WIDE), terms={"lr": 1e-2}),
    },
    claims=(Claim("standard", "separable"), Claim("standard", "separable, twice as wide")),
)
