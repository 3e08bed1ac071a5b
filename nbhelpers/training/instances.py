"""Train a network that answers by a set of masks on pictures whose objects are numbered: `fit_instances`.

`fit` cannot carry this: its masks hold class ids, and its loss sees logits, not what each query says. The rest is as
there: AdamW, one cycle, precision by the same rule, the same streams of randomness.
"""

import math
import time
from collections.abc import Iterable
from typing import Protocol as Shape

import numpy as np
import torch
from torch import Tensor

from nbhelpers.checks import evaluating
from nbhelpers.metrics import ConfusionMatrix, to_ids
from nbhelpers.models.maskformer import MaskFormer
from nbhelpers.models.maskformer_loss import PAPER, Weights, segments_of, set_loss
from nbhelpers.training.engine import own_accelerator
from nbhelpers.training.history import History
from nbhelpers.training.plan import Plan
from nbhelpers.training.progress import Progress
from nbhelpers.training.randomness import Batches, seed_network


class Numbered(Shape):
    """Pictures with numbered objects, as `Cells`, `Nuclei` and the Bowl's training images are."""

    def __len__(self) -> int: ...

    def read(self, index: int) -> tuple[np.ndarray, np.ndarray]: ...  # image uint8 (H, W, 3) first

    def instances(self, index: int) -> np.ndarray: ...  # ids (H, W): 0, and one number an object


def fit_instances(
    model: MaskFormer,
    train: Numbered,
    valid: Numbered,
    *,
    epochs: int,
    lr: float = 1e-3,
    batch_size: int = 8,
    weights: Weights = PAPER,
    clip_norm: float | None = 1.0,
    precision: str = "auto",
    seed: int = 0,
    quiet: bool = False,
) -> History:
    """Train `model` in place on the pictures of `train`, turned and mirrored at random, and score it on `valid`.

    What is made small is the loss of the answers after every layer, each matched for itself (the paper's auxiliary
    losses); the history has that of the last, and the mean IoU of the pixels of background and objects.
    weights: of its parts; see `Weights`. lr: the highest of one cycle. The other arguments are those of `fit`.
    Pictures of a set must have one size; they are read once and kept in memory, on which one process trains. Ctrl-C returns
    the history so far. The model is left in eval mode, with its last weights.
    Raises ValueError for pictures or ids that do not fit together and for one of more segments than the model has
    queries, before any training; FloatingPointError at the first loss that is not finite.
    """
    plan = Plan(epochs, lr, batch_size, clip_norm=clip_norm, seed=seed)
    images, ids = _read(train, "train", len(model.queries))
    unseen = _read(valid, "valid", len(model.queries))
    history = History()
    with own_accelerator(precision) as accelerator, Progress(not quiet) as progress:
        device = accelerator.device
        model.to(device, memory_format=torch.channels_last).train()
        optimizer, batches = plan.optimizer_of(model, device), Batches(len(images), batch_size, seed)
        scheduler = plan.scheduler(optimizer, len(batches))
        progress.start(epochs * len(batches))
        try:
            for epoch in range(epochs):
                started, total = time.perf_counter(), 0.0
                seed_network(seed, epoch)
                batches.epoch = epoch
                row = {"epoch": epoch + 1, "lr": scheduler.get_last_lr()[0]}
                for batch in batches:
                    chosen = [index for index, _ in batch]
                    pictures, numbers = _turned(images[chosen], ids[chosen])
                    pictures = pictures.to(device, memory_format=torch.channels_last).float() / 255
                    truths = [segments_of(each) for each in numbers.to(device)]
                    with accelerator.autocast():
                        layers = model.propose_by_layer(pictures)
                    losses = [set_loss(proposals, truths, weights) for proposals in layers]
                    loss = torch.stack(losses).sum()
                    if not math.isfinite(loss.item()):
                        raise FloatingPointError(
                            f"the loss is {loss.item()} in epoch {epoch + 1}: try a lower lr than {lr:g}, or precision='fp32'"
                        )
                    optimizer.zero_grad()
                    loss.backward()
                    if clip_norm is not None:
                        torch.nn.utils.clip_grad_norm_(model.parameters(), clip_norm)
                    optimizer.step()
                    scheduler.step()
                    total += losses[-1].item()
                    progress.bar.update()
                row["train_loss"] = total / len(batches)
                with accelerator.autocast():
                    row |= _score(model, *unseen, weights, batch_size, device)
                row["seconds"] = time.perf_counter() - started
                history.rows.append(row)
                progress.say(
                    f"epoch {epoch + 1}/{epochs}  train loss {row['train_loss']:.3f}  valid loss {row['valid_loss']:.3f}  "
                    f"mean IoU {row['mean_iou']:.3f}  {row['seconds']:.1f} s"
                )
        except KeyboardInterrupt:
            progress.say(f"\ninterrupted in epoch {epoch + 1}: the model keeps what it has learnt")
        finally:
            model.eval()
    return history


@torch.no_grad()
def _score(
    model: MaskFormer, images: Tensor, ids: Tensor, weights: Weights, batch_size: int, device: torch.device
) -> dict[str, float]:
    """The mean loss of a picture's answers, and the mean IoU of background and objects."""
    confusion, total = ConfusionMatrix(2), 0.0
    with evaluating(model):
        for pictures, numbers in zip(images.split(batch_size), ids.to(device).split(batch_size)):
            pictures = pictures.to(device, memory_format=torch.channels_last).float() / 255
            proposals = model.propose(pictures)
            total += set_loss(proposals, [segments_of(each) for each in numbers], weights).item() * len(
                numbers
            )
            confusion.update(to_ids(model.vote(proposals, pictures)) > 0, numbers > 0)
    return {"valid_loss": total / len(ids), "mean_iou": confusion.mean_iou}


def _read(pictures: Numbered, name: str, most: int) -> tuple[Tensor, Tensor]:
    """All images, uint8 (N, 3, H, W), and ids, int64 (N, H, W)."""
    if not (hasattr(pictures, "read") and hasattr(pictures, "instances")):
        raise ValueError(
            f"{name} is {type(pictures).__name__}, which does not number its objects; give it read(index), with the image first, and "
            "instances(index), ids (H, W) with 0 for background, as Cells has them"
        )
    images, ids = [], []
    for index in range(len(pictures)):
        image, numbers = np.asarray(pictures.read(index)[0]), np.asarray(pictures.instances(index))
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[:2] != numbers.shape:
            raise ValueError(
                f"{name}[{index}] is {image.dtype} {image.shape} and its ids are {numbers.shape}; they must be uint8 "
                "(H, W, channels) and (H, W)"
            )
        if numbers.dtype.kind not in "iu" or numbers.min() < 0:
            raise ValueError(
                f"the ids of {name}[{index}] are {numbers.dtype} from {numbers.min()}; they must be whole numbers from 0"
            )
        if images and image.shape != images[0].shape:
            raise ValueError(
                f"{name}[{index}] is {image.shape} and {name}[0] {images[0].shape}; they must have one size: cut them"
            )
        count = len(np.unique(numbers))
        if count > most:
            raise ValueError(
                f"{name}[{index}] has {count} segments, its background among them, but the model has {most} queries: "
                f"build it with num_queries={count} or more, or leave such pictures out"
            )
        images.append(image)
        ids.append(numbers.astype(np.int64))
    if not images:
        raise ValueError(f"0 images in {name}; there must be at least 1")
    return torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2), torch.from_numpy(np.stack(ids))


def _turned(images: Tensor, ids: Tensor) -> tuple[Tensor, Tensor]:
    """Both mirrored at random, together; quarter turns too where the picture is square."""
    axes: Iterable[int] = [axis for axis in (-1, -2) if torch.rand(()) < 0.5]
    images, ids = images.flip(*axes) if axes else images, ids.flip(*axes) if axes else ids
    if images.shape[-1] == images.shape[-2] and torch.rand(()) < 0.5:
        images, ids = images.mT, ids.mT
    return images, ids
