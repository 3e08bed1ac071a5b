"""07 U-Net++: which depth is enough, and is it better than a U-Net that costs as much?"""

from typing import Any

from torch import Tensor, nn

from nbhelpers.datasets import InMemory
from nbhelpers.losses import pixel_loss
from nbhelpers.models.unet import UNet
from nbhelpers.models.unet_plus_plus import UNetPlusPlus
from nbhelpers.training import History, evaluate, fit
from studies import Claim, Protocol, Study, Way

WIDTHS = (8, 16, 32, 64, 64)


def loss_of_every_head(model: UNetPlusPlus):
    """The mean of the losses of all heads, which hooks pick up on their way."""
    logits = {}
    for depth, head in model.heads.items():
        head.register_forward_hook(lambda _, inputs, output, depth=depth: logits.update({depth: output}))

    def loss(_mean_logits: Tensor, masks: Tensor) -> Tensor:
        losses = [pixel_loss(output.float(), masks) for output in logits.values()]
        return sum(losses) / len(losses)

    return loss


def train_every_head(network: nn.Module, protocol: Protocol, train: Any, valid: Any, seed: int) -> History:
    options = {
        "epochs": protocol.epochs,
        "lr": protocol.lr,
        "batch_size": protocol.batch_size,
        "schedule": protocol.schedule,
    }
    loss = loss_of_every_head(network)
    return fit(
        nn.Sequential(network), train, valid, loss=loss, precision="fp32", seed=seed, quiet=True, **options
    )


def score_of_every_depth(network: nn.Module, test: InMemory) -> dict[str, float]:
    """Mean IoU of the U-Net of each depth that can be cut out; nothing for a network that cannot be cut."""
    if not isinstance(network, UNetPlusPlus):
        return {}
    pruned = {f"depth {depth}": network.pruned(depth) for depth in (1, 2, 3, 4)}
    return {name: evaluate(each, test, precision="fp32").mean_iou for name, each in pruned.items()}


STUDY = Study(
    lesson="07",
    question="Which depth is enough, and is U-Net++ better than a U-Net of equal cost?",
    # by val, of 4e-3, 1e-2 and 2e-2 the best for U-Net++, and of the first two for U-Net
    protocol=Protocol(lr=1e-2),
    ways={
        "U-Net++": Way(
            build=lambda: UNetPlusPlus(num_classes=11, widths=WIDTHS), train=train_every_head, keep=True
        ),
        # widths that give U-Net++'s number of multiplications
        "U-Net": Way(build=lambda: UNet(num_classes=11, widths=(13, 26, 52, 104, 104))),
    },
    measures={"depths": score_of_every_depth},
    seeds=8,  # pairs need more of them
    claims=(
        Claim("U-Net++", "U-Net"),
        Claim("U-Net++", "U-Net++", "depth 2", "depth 1"),
        Claim("U-Net++", "U-Net++", "depth 3", "depth 2"),
        Claim("U-Net++", "U-Net++", "depth 4", "depth 3"),
    ),
)
