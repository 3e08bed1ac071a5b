"""`predict_volume` along three axes: peak memory, megavoxels a second, and whether it equals the plain way.

The volume is drawn: toy cells, their pictures laid one on the other and blurred along the depth. Memory is that of the
whole process, the volume, the result and torch among it; the result is of one class, float32.
Run: python -m benchmarks.three_axes --side 512 (default: 64)
"""

import argparse
import resource
import sys

import cv2
import numpy as np
import torch

from benchmarks.timer import DEVICE, now
from nbhelpers.datasets import Cells
from nbhelpers.inference import predict, predict_volume
from nbhelpers.models.unet import UNet
from tools.record import record

STRIDE, SMALL = 8, 32


def draw(side: int) -> np.ndarray:
    """Grey, uint8 (side, side, side); every sixteenth slice is a picture of its own, those between fade."""
    cells = Cells(size=(side, side), length=side // 16 + 2)
    keys = [cv2.cvtColor(cells.read(index)[0], cv2.COLOR_RGB2GRAY) for index in range(len(cells))]
    volume = np.empty((side, side, side), np.uint8)
    for depth, plane in enumerate(volume):
        share = depth % 16 / 16
        plane[:] = cv2.addWeighted(keys[depth // 16], 1 - share, keys[depth // 16 + 1], share, 0)
    return volume


def plainly(model: torch.nn.Module, volume: np.ndarray) -> np.ndarray:
    """Every slice of every axis by `predict`: (2, D, H, W)."""
    total = 0
    for axis in range(3):
        slices = np.moveaxis(volume, axis, 0)
        maps = np.stack([predict(model, picture, stride=STRIDE).numpy() for picture in slices], axis=1)
        total = total + np.moveaxis(maps, 1, axis + 1)
    return total / 3


def peak_mb() -> float:
    """The largest resident memory of this process so far."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1e6 if sys.platform == "darwin" else 1e3)  # bytes there, kilobytes elsewhere


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--side", type=int, default=64)
    side = parser.parse_args().side
    torch.manual_seed(0)
    model = UNet(num_classes=2, in_channels=1, widths=(8, 16, 32, 64)).to(DEVICE).eval()
    small = draw(SMALL)
    found = predict_volume(model, small, stride=STRIDE, progress=False).numpy()
    difference = float(np.abs(found - plainly(model, small)).max())

    volume = draw(side)
    before = peak_mb()
    started = now()
    predict_volume(model, volume, classes=(1,), stride=STRIDE)
    seconds = now() - started
    results = {
        "side": side,
        "largest difference from the plain way": difference,
        "voxels, million": round(volume.size / 1e6, 2),
        "seconds, of all threads together on a processor": round(seconds, 1),
        "megavoxels a second": round(volume.size / 1e6 / seconds, 3),
        "peak memory before, MB": round(before),
        "peak memory, MB": round(peak_mb()),
        "device": DEVICE.type,
    }
    print(results, "->", record("three_axes", results))


if __name__ == "__main__":
    main()
