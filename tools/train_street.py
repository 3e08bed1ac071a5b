"""Train the small U-Net that labels toy streets in the site's pages (docs/live/street.md), and score it.

Run: python -m tools.train_street
About three minutes of one core; writes docs/networks/street.safetensors (half precision) and
benchmarks/results/street_network.json.
"""

import time
from pathlib import Path

import torch
from torchvision.transforms import v2

from nbhelpers.datasets import Street, class_weights, in_memory
from nbhelpers.inference import load_weights, save_weights
from nbhelpers.models.unet import UNet
from nbhelpers.training import evaluate, fit
from tools.record import record

WEIGHTS = Path(__file__).resolve().parents[1] / "docs" / "networks" / "street.safetensors"
WIDTHS = (16, 32, 64, 96)
PLAN = {"epochs": 8, "lr": 4e-3, "batch_size": 4}


def street_network() -> UNet:
    """The stored network, in eval mode: images (N, 3, H, W) float 0..1 -> logits (N, 11, H, W)."""
    model = UNet(num_classes=len(Street.classes), widths=WIDTHS)
    load_weights(model, WEIGHTS)
    return model.eval()


def main() -> None:
    started = time.process_time()
    torch.manual_seed(0)
    train, val = in_memory(Street("train"), transform=v2.RandomHorizontalFlip()), in_memory(Street("val"))
    model = UNet(num_classes=len(Street.classes), widths=WIDTHS)
    fit(model, train, val, class_weights=class_weights(train).sqrt(), **PLAN)
    WEIGHTS.parent.mkdir(parents=True, exist_ok=True)
    save_weights(model.half(), WEIGHTS)  # it is the file that is scored
    confusion = evaluate(street_network(), Street("test"))
    results = {
        "plan": PLAN | {"widths": WIDTHS, "scenes": len(train)},
        "cpu_seconds": round(time.process_time() - started),
        "bytes": WEIGHTS.stat().st_size,
        "test": {
            "mean IoU": round(confusion.mean_iou, 4),
            "baseline": round(confusion.majority_baseline().mean_iou, 4),
            "IoU": dict(zip(Street.classes, [round(iou, 4) for iou in confusion.iou.tolist()], strict=True)),
        },
    }
    print(confusion.table(Street.classes))
    print("->", record("street_network", results, "python -m tools.train_street"))


if __name__ == "__main__":
    main()
