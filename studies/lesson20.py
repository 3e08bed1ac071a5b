"""20 Masks by queries: when do queries beat watershed?"""

from collections.abc import Iterable

import numpy as np
import torch
from torch import nn

from nbhelpers.datasets import Cells, InMemory
from nbhelpers.kaggle.instances import by_watershed
from nbhelpers.kaggle.scores import bowl_score, overlaps
from nbhelpers.models.maskformer import MaskFormer
from nbhelpers.models.maskformer_loss import Weights
from nbhelpers.models.unet import UNet
from nbhelpers.training import History
from nbhelpers.training.instances import fit_instances
from studies import Claim, Protocol, Study, Way

MOST = 8  # nuclei in a picture
# chosen on val, by the Bowl's score: of a query's own mask; of an object, in pixels
LEAST, MIN_SIZE = 0.5, 10
WEIGHTS = Weights(dice=5.0, no_object=0.3)
GROUPS = {"none touch": (0.0, 0.0), "some touch": (0.001, 0.999), "all touch": (1.0, 1.0)}
QUERIES, WATERSHED, SHORT = "queries", "U-Net and watershed", "queries, a quarter of the steps"


class FewCells(Cells):
    """Toy cells of at most `MOST` nuclei, so that a dozen queries can name them all."""

    def __init__(
        self, split: str = "train", size: tuple[int, int] = (64, 64), length: int = 100, seed: int = 0
    ) -> None:
        super().__init__(split, size, 20 * length, seed)
        self.chosen: list[int] = []
        for index in range(20 * length):
            if super().instances(index).max() <= MOST:
                self.chosen.append(index)
                if len(self.chosen) == length:
                    break

    def __len__(self) -> int:
        return len(self.chosen)

    def read(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        return super().read(self.chosen[index])

    def instances(self, index: int) -> np.ndarray:
        return super().instances(self.chosen[index])


def touching(ids: np.ndarray) -> float:
    """The share of the objects of ids (H, W) that share a side or a corner with another one."""
    pairs = (
        (ids[1:], ids[:-1]),
        (ids[:, 1:], ids[:, :-1]),
        (ids[1:, 1:], ids[:-1, :-1]),
        (ids[1:, :-1], ids[:-1, 1:]),
    )
    meet = [
        here[(here != there) & (here > 0) & (there > 0)]
        for one, other in pairs
        for here, there in ((one, other), (other, one))
    ]
    return len(np.unique(np.concatenate(meet))) / max(1, ids.max())


def maskformer() -> MaskFormer:
    return MaskFormer(
        num_classes=2,
        encoder="resnet18",
        levels=("c1", "c2", "c3"),
        num_queries=12,
        channels=64,
        layers=3,
        heads=4,
        hidden_channels=256,
        dropout=0.0,
    )


def train_on_instances(
    network: MaskFormer, protocol: Protocol, train: InMemory, valid: InMemory, seed: int
) -> History:
    """`fit_instances` on the pictures of `train`, with their numbers."""
    return fit_instances(
        network,
        FewCells("train", protocol.size, len(train)),
        FewCells("val", protocol.size, len(valid)),
        epochs=protocol.epochs,
        lr=protocol.lr,
        batch_size=protocol.batch_size,
        weights=WEIGHTS,
        precision="fp32",
        seed=seed,
        quiet=True,
    )


def objects_of(network: nn.Module, images: Iterable[torch.Tensor]) -> list[np.ndarray]:
    """Ids (H, W) of the objects in each image (3, H, W): by the queries, or by the watershed of what pixels say."""
    with torch.inference_mode():
        found = []
        for image in images:
            batch = torch.as_tensor(image)[None].float() / 255
            if isinstance(network, MaskFormer):
                found.append(network.instances(batch, LEAST)[0].numpy())
            else:
                found.append(by_watershed(network(batch).softmax(1)[0, 1].numpy(), min_size=MIN_SIZE))
    return found


def by_group(scores: list[float], truths: list[np.ndarray], name: str) -> dict[str, float]:
    """The mean score, and that of the pictures of each group."""
    shares = np.array([touching(ids) for ids in truths])
    means = {name: float(np.mean(scores))}
    for group, (low, high) in GROUPS.items():
        means[f"{name}, {group}"] = float(np.mean(np.array(scores)[(shares >= low) & (shares <= high)]))
    return means


def bowl(network: nn.Module, test: InMemory) -> dict[str, float]:
    """The Bowl's score, and the share of true nuclei found at an IoU above one half, of all pictures and by group."""
    pictures = FewCells("test", test.images[0].shape[:2], len(test))
    truths = [pictures.instances(index) for index in range(len(pictures))]
    found = objects_of(network, (image for image, _ in test))
    hits = []
    for prediction, truth in zip(found, truths):
        inter, union = overlaps(prediction, truth)
        hits.append(float((2 * inter > union).any(0).mean()))
    scores = [bowl_score(prediction, truth) for prediction, truth in zip(found, truths)]
    return by_group(scores, truths, "Bowl's score") | by_group(hits, truths, "nuclei found")


STUDY = Study(
    lesson="20",
    question="When do queries beat watershed?",
    protocol=Protocol(size=(64, 64), scenes=1000, epochs=8, lr=1e-3, schedule="onecycle", dataset=FewCells),
    ways={
        QUERIES: Way(build=maskformer, train=train_on_instances, keep=True),
        SHORT: Way(build=maskformer, train=train_on_instances, terms={"epochs": 2}),
        WATERSHED: Way(build=lambda: UNet(num_classes=2, widths=(16, 32, 64)), terms={"lr": 4e-3}, keep=True),
    },
    measures={"bowl": bowl},
    claims=(
        Claim(QUERIES, WATERSHED, "Bowl's score"),
        *(
            Claim(QUERIES, WATERSHED, f"{measure}, {group}")
            for group in ("none touch", "all touch")
            for measure in ("Bowl's score", "nuclei found")
        ),
        Claim(QUERIES, SHORT, "Bowl's score"),
    ),
)
