"""10 GCN: how large must the kernel be, and is the refinement worth it?"""

from torch import Tensor, nn

from nbhelpers.models.blocks import resize_to
from nbhelpers.models.encoders import Encoder
from nbhelpers.models.gcn import BoundaryRefinement, GlobalConvolution
from studies import Claim, Protocol, Study, Way
from studies.measures import kinds_of_error


class OneKernel(nn.Module):
    """Two stages of SqueezeNet, one global convolution, one refinement (or none)."""

    def __init__(self, kernel_size: int, refined: bool = True) -> None:
        super().__init__()
        self.encoder = Encoder("squeezenet", depth=2)
        self.score = GlobalConvolution(self.encoder.channels["c2"], 11, kernel_size=kernel_size)
        self.refine = BoundaryRefinement(11) if refined else nn.Identity()

    def forward(self, images: Tensor) -> Tensor:
        return resize_to(self.refine(self.score(self.encoder(images)["c2"])), images)


STUDY = Study(
    lesson="10",
    question="How large must the kernel be?",
    protocol=Protocol(lr=6e-3),
    ways={
        "k = 3": Way(build=lambda: OneKernel(3), keep=True),
        "k = 7": Way(build=lambda: OneKernel(7), keep=True),
        "k = 15": Way(build=lambda: OneKernel(15), keep=True),
        "k = 7, not refined": Way(build=lambda: OneKernel(7, refined=False)),
    },
    measures={"kinds": kinds_of_error},
    claims=(
        Claim("k = 7", "k = 3"),
        Claim("k = 15", "k = 7"),
        Claim("k = 15", "k = 3"),
        Claim("k = 7", "k = 7, not refined"),
        Claim("k = 7", "k = 7, not refined", "outline, % of pixels"),
    ),
)
