"""08 FPN: which level finds which size of object?"""

from torch import Tensor, nn

from nbhelpers.datasets import InMemory
from nbhelpers.models.fpn import FPN
from studies import Claim, Protocol, Study, Way
from studies.measures import SIZES, recall_by_size


def flatten(_branch: nn.Module, _inputs: tuple, vote: Tensor) -> Tensor:
    """A hook that silences a level: its vote is as strong as before, and the same everywhere."""
    return vote.mean(dim=(2, 3), keepdim=True).expand_as(vote)


def fpn(silent: str | None = None) -> FPN:
    """FPN on SqueezeNet; `silent` names a level whose vote says nothing about places, in training and in use."""
    network = FPN(num_classes=11, encoder="squeezenet", pyramid_channels=64, head_channels=64)
    if silent is not None:
        levels = ["p" + name[1:] for name in network.names]
        network.branches[levels.index(silent)].register_forward_hook(flatten)
    return network


def recall_when_silenced(network: FPN, test: InMemory) -> dict[str, float]:
    """Recall by size, as trained and with the vote of one level after the other silenced after training."""
    recall = recall_by_size(network, test)
    if any(branch._forward_hooks for branch in network.branches):
        return recall
    for branch, name in zip(network.branches, network.names):
        handle = branch.register_forward_hook(flatten)
        silenced = recall_by_size(network, test)
        handle.remove()
        recall |= {f"p{name[1:]} silenced: {size}": value for size, value in silenced.items()}
    return recall


STUDY = Study(
    lesson="08",
    question="Which level finds which size of object?",
    protocol=Protocol(lr=1e-3),  # by val: at the others' 4e-3 SqueezeNet, without batch norm, stops at 0.30
    ways={
        "all levels": Way(build=fpn),
        "trained without p2": Way(build=lambda: fpn("p2")),
        "trained without p4": Way(build=lambda: fpn("p4")),
    },
    measures={"recall": recall_when_silenced},
    claims=(
        Claim("all levels", "trained without p2"),
        Claim("all levels", "trained without p4"),
        *(
            Claim("all levels", "trained without p2", f"recall, {size}")
            for size in (list(SIZES)[0], list(SIZES)[-1])
        ),
        *(
            Claim("all levels", "trained without p4", f"recall, {size}")
            for size in (list(SIZES)[0], list(SIZES)[-1])
        ),
    ),
)
