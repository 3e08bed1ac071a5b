"""09 PSPNet: what does global context fix, and what does the auxiliary loss bring?"""

import torch
from torch import Tensor, nn

from nbhelpers.models.pspnet import PSPNet, PyramidPooling
from studies import Claim, Study, Way
from studies.measures import kinds_of_error

SMALL = {"encoder": "squeezenet", "output_stride": 4, "hidden_channels": 64}


class OwnFeatures(PyramidPooling):
    """The pyramid's four convolutions on the pixel's own features: as many weights, no context."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([x, *(level(x) for level in self.levels)], dim=1)


class WithoutAux(nn.Module):
    """Hides `forward_with_aux`, so that `fit` has one loss only."""

    def __init__(self, network: PSPNet) -> None:
        super().__init__()
        self.network = network
        network.aux_head = nn.Identity()  # nobody would train it

    def forward(self, images: Tensor) -> Tensor:
        return self.network(images)


def pspnet() -> PSPNet:
    return PSPNet(num_classes=11, **SMALL)


def without_context() -> PSPNet:
    network = pspnet()
    own = OwnFeatures(network.encoder.channels[network.last], bins=network.pyramid.bins)
    own.load_state_dict(network.pyramid.state_dict())
    network.pyramid = own
    return network


STUDY = Study(
    lesson="09",
    question="What does global context fix?",
    ways={
        "pyramid": Way(build=pspnet, keep=True),
        "own features": Way(build=without_context, keep=True),
        "no aux loss": Way(build=lambda: WithoutAux(pspnet())),
    },
    measures={"kinds": kinds_of_error},
    claims=(
        Claim("pyramid", "own features"),
        Claim("pyramid", "no aux loss"),
        *(
            Claim("pyramid", "own features", f"{kind}, % of pixels")
            for kind in ("misnamed", "swallowed", "patch", "outline")
        ),
    ),
)
