"""06 SegNet: how should a small map grow, by indices or bilinearly?"""

from nbhelpers.models.segnet import SegNet
from studies import Claim, Study, Way
from studies.measures import borders_and_interiors

BASIC = {"widths": (32, 64, 96, 128), "convolutions": (1, 1, 1, 1), "num_upsampling": 4}

STUDY = Study(
    lesson="06",
    question="How should a map grow?",
    ways={
        "indices": Way(build=lambda: SegNet(num_classes=11, **BASIC), keep=True),
        "bilinear": Way(build=lambda: SegNet(num_classes=11, indices=False, **BASIC), keep=True),
    },
    measures={"borders and interiors": borders_and_interiors},
    claims=(
        Claim("indices", "bilinear"),
        Claim("indices", "bilinear", "mean IoU, borders"),
        Claim("indices", "bilinear", "mean IoU, interiors"),
    ),
)
