"""17 Iris segmentation, tuning: which learning rate suits which network, by val, in half of the steps."""

from studies import Study, Way
from studies.close_ups import NETWORKS, CloseUps
from studies.tuning import OnVal, tried

RATES = (3e-3, 1e-2, 3e-2)


class CloseUpsOnVal(OnVal, CloseUps):
    """Close-ups to train on, and of val to score."""


STUDY = Study(
    lesson="17_tuning",
    question="Which learning rate?",
    protocol=CloseUpsOnVal(epochs=4),
    ways={
        tried(name, rate): Way(build=build, terms={"lr": rate})
        for name, build in NETWORKS.items()
        for rate in RATES
    },
    claims=(),
    seeds=1,
)
