"""14 FC-HarDNet: what do the far links bring?"""

import torch
from torch import Tensor, nn

from nbhelpers.models.fc_hardnet import FCHarDNet, HarDBlock
from studies import Claim, Protocol, Study, Way

SHALLOW = {
    "stem_widths": (16, 16, 24, 32),
    "widths": (48, 64, 96),
    "growth_rates": (12, 14, 16),
    "layers": (4, 4, 8),
}


def nearest_only() -> FCHarDNet:
    """Every layer reads the one before it; zeros stand where the far links' channels came in."""

    def close(nearest: int):
        def hook(_layer: nn.Module, inputs: tuple[Tensor]) -> Tensor:
            near, far = inputs[0][:, :nearest], inputs[0][:, nearest:]
            return torch.cat([near, torch.zeros_like(far)], dim=1)

        return hook

    network = FCHarDNet(num_classes=11, **SHALLOW)
    for block in network.modules():
        if isinstance(block, HarDBlock):
            for layer, read in zip(block.layers, block.links[1:]):
                layer.register_forward_pre_hook(close(block.widths[read[0]]))
    return network


STUDY = Study(
    lesson="14",
    question="What do the far links bring?",
    protocol=Protocol(lr=6e-3),
    ways={
        "harmonic links": Way(build=lambda: FCHarDNet(num_classes=11, **SHALLOW), keep=True),
        "nearest only": Way(build=nearest_only),
    },
    claims=(Claim("harmonic links", "nearest only"),),
)
