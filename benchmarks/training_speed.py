"""Images a second of `fit` with its defaults, beside a plain float32 loop over the same U-Net and data.

The paper's widths, batch 4, 160 x 160 toy street. The two take turns, so that a noisy machine is fair to both.
Run: python -m benchmarks.training_speed
"""

import statistics
import time

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.data import DataLoader

from nbhelpers.datasets import Street, collate, in_memory, train_transform
from nbhelpers.models.unet import UNet
from nbhelpers.training import fit
from tools.record import record

SIZE, BATCH, STEPS, ROUNDS = (160, 160), 4, 6, 3


def plain_loop(dataset) -> float:
    """Images a second of the loop as a tutorial would write it."""
    model = UNet(num_classes=11)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    loader = DataLoader(dataset, BATCH, shuffle=True, collate_fn=collate)

    def step(images: Tensor, masks: Tensor) -> None:
        loss = F.cross_entropy(model(images), masks, ignore_index=255)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    step(*next(iter(loader)))  # warm-up
    started = time.perf_counter()
    for images, masks in loader:
        step(images, masks)
    return STEPS * BATCH / (time.perf_counter() - started)


def by_fit(dataset) -> tuple[float, float]:
    """Images a second of one epoch of `fit`, its scoring of one image included; and the loader's share of the time."""
    valid = in_memory(Street("val", size=SIZE, length=1))
    row = fit(UNet(num_classes=11), dataset, valid, epochs=1, batch_size=BATCH).rows[0]
    return STEPS * BATCH / row["seconds"], row["loader_share"]


def main() -> None:
    dataset = in_memory(Street("train", size=SIZE, length=STEPS * BATCH), transform=train_transform())
    rounds = []
    for _ in range(ROUNDS):
        plain = plain_loop(dataset)
        fast, share = by_fit(dataset)
        rounds.append({"plain": plain, "fit": fast, "ratio": fast / plain, "loader_share": share})
        print({name: round(value, 3) for name, value in rounds[-1].items()})
    medians = {name: round(statistics.median(r[name] for r in rounds), 3) for name in rounds[0]}
    print("medians:", medians, "->", record("training_speed", medians))


if __name__ == "__main__":
    main()
