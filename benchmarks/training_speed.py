"""Images a second of a training epoch of `fit` with its defaults, beside a plain float32 loop over the same U-Net.

The paper's widths, batch 4, 160 x 160 toy street, augmented. Both run on one device, by one timer
(benchmarks/timer.py), and take turns. `fit`'s epoch is that of its engine: its order and seeds, its gate and its loss.
Run: python -m benchmarks.training_speed
"""

import statistics
from collections.abc import Callable

import torch.nn.functional as F
from accelerate import Accelerator
from torch.optim import AdamW
from torch.utils.data import DataLoader
from tqdm import tqdm

from benchmarks.timer import DEVICE, seconds
from nbhelpers.checks import Gate
from nbhelpers.datasets import Street, collate, in_memory, train_transform
from nbhelpers.models.unet import UNet
from nbhelpers.training.engine import Engine, own_accelerator
from nbhelpers.training.plan import Plan
from nbhelpers.training.randomness import Batches, seeded_loader
from tools.record import record

SIZE, BATCH, STEPS, ROUNDS = (160, 160), 4, 6, 3


def plain_epoch(dataset) -> Callable[[], None]:
    """An epoch as a tutorial would write it."""
    model = UNet(num_classes=11).to(DEVICE)
    optimizer = AdamW(model.parameters(), lr=1e-3)
    loader = DataLoader(dataset, BATCH, shuffle=True, collate_fn=collate)

    def epoch() -> None:
        for images, masks in loader:
            loss = F.cross_entropy(model(images.to(DEVICE)), masks.to(DEVICE), ignore_index=255)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            loss.item()

    return epoch


def epoch_of_fit(
    accelerator: Accelerator, dataset, loader: DataLoader, rows: list[dict]
) -> Callable[[], None]:
    """The same epoch by the engine of `fit`, which adds its row to `rows`."""
    plan = Plan(1000, 1e-3, BATCH, None, None, "poly", 0.01, None, 0)
    model = UNet(num_classes=11).to(DEVICE)
    optimizer = plan.optimizer(model, DEVICE)
    scheduler = plan.scheduler(optimizer, steps_per_epoch=STEPS)
    engine, gate = Engine(accelerator, model, plan.loss_on(DEVICE), optimizer), Gate(dataset, "train")
    bar = tqdm(disable=True)
    return lambda: rows.append(engine.train_epoch(loader, gate, scheduler, bar))


def main() -> None:
    dataset = in_memory(Street("train", size=SIZE, length=STEPS * BATCH), transform=train_transform())
    rounds, rows = [], []
    with (
        own_accelerator() as accelerator,
        seeded_loader(dataset, Batches(len(dataset), BATCH, 0), 0) as loader,
    ):
        plain, ours = plain_epoch(dataset), epoch_of_fit(accelerator, dataset, loader, rows)
        for _ in range(ROUNDS):
            slow, fast = seconds(plain), seconds(ours)
            images = STEPS * BATCH
            row = {"plain": images / slow, "fit": images / fast, "ratio": slow / fast}
            rounds.append(row | {"loader_share": rows[-1]["loader_share"]})
            print({name: round(value, 3) for name, value in rounds[-1].items()}, flush=True)
    medians = {name: round(statistics.median(row[name] for row in rounds), 3) for name in rounds[0]}
    print("medians:", medians, "->", record("training_speed", medians))


if __name__ == "__main__":
    main()
