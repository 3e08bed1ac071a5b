"""17 Iris segmentation: which network finds the iris, and under which conditions does it fail?

The lesson's four networks, narrow, on close-ups of toy eyes that are changed anew in each epoch, each at the learning
rate that val chose (studies/lesson17_tuning.py) and on the same terms otherwise; scored on the lesson's test pictures, all
of them and those of each condition.
"""

import numpy as np
from torch import nn

from nbhelpers.datasets import InMemory
from nbhelpers.iris import e1, e2
from nbhelpers.training import AtSize
from studies import Claim, Study, Way
from studies.close_ups import NETWORKS, SIZE, TEST, CloseUps, conditions_of, open_eyes
from studies.measures import predictions

IRIS = "IoU of the iris"
CHOSEN = {"FCN8": 1e-2, "FastFCN8": 3e-2, "U-Net on MobileNetV2": 1e-2, "FC-DenseNet": 1e-2}


def of_the_iris(network: nn.Module, test: InMemory) -> dict[str, float]:
    """IoU of the iris, E1 and E2 on all close-ups, and the IoU on those of each condition."""
    found, true = predictions(AtSize(network, SIZE), test) == 1, np.stack(test.masks) == 1
    eyes = open_eyes("test", TEST["length"])
    measures = {IRIS: iou(found, true), "E1, %": 100 * e1(found, true), "E2, %": 100 * e2(found, true)}
    for name in conditions_of(eyes[0]):
        chosen = [conditions_of(eye)[name] for eye in eyes]
        measures[f"{IRIS}, {name}"] = iou(found[chosen], true[chosen])
    return measures


def iou(found: np.ndarray, true: np.ndarray) -> float:
    """Of two sets of masks (n, H, W), over all their pixels together."""
    return float((found & true).sum() / (found | true).sum())


STUDY = Study(
    lesson="17",
    question="Which network finds the iris?",
    protocol=CloseUps(),
    ways={name: Way(build=build, terms={"lr": CHOSEN[name]}) for name, build in NETWORKS.items()},
    measures={"iris": of_the_iris},
    claims=(
        Claim("FCN8", "FastFCN8", IRIS),
        Claim("U-Net on MobileNetV2", "FCN8", IRIS),
        Claim("FCN8", "FC-DenseNet", IRIS),
        Claim("FC-DenseNet", "FastFCN8", IRIS),
        Claim("U-Net on MobileNetV2", "FC-DenseNet", IRIS),
    ),
)
