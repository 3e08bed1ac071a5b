"""`predict_tiled` on 10,000 x 10,000 pixels from a memory map: peak memory, megapixels a second, and its overhead.

The overhead is measured on images that fit as a whole too: the time of `predict_tiled` over that of `predict`, the
two in turns. Sharing `overlap` pixels alone makes it (tile / (tile - overlap))^2 inside a large image.
Run: python -m benchmarks.predict_tiled
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import psutil
import torch

from nbhelpers.datasets import Cells
from nbhelpers.inference import predict, predict_tiled
from nbhelpers.models.unet import UNet
from tools.execution import Meter
from tools.record import record

TILE, OVERLAP, STRIDE, WHOLE, ROUNDS = 1024, 128, 16, 2048, 3


def draw(path: Path, side: int) -> np.ndarray:
    """A picture of side x side pixels on disk, of toy cells repeated, mapped into memory."""
    cells = Cells(size=(1000, 1000)).read(1)[0]
    image = np.lib.format.open_memmap(path, "w+", np.uint8, (side, side, 3))
    for top in range(0, side, 1000):
        for left in range(0, side, 1000):
            room = image[top : top + 1000, left : left + 1000]
            room[:] = cells[: room.shape[0], : room.shape[1]]
    image.flush()
    del image
    return np.load(path, mmap_mode="r")


def timed(call, *arguments, **options) -> float:
    started = time.perf_counter()
    call(*arguments, **options)
    return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--side", type=int, default=10_000)
    side = parser.parse_args().side
    torch.manual_seed(0)
    model = UNet(num_classes=2, widths=(16, 32, 64, 128)).to(memory_format=torch.channels_last).eval()
    options = {"ids": True, "stride": STRIDE, "precision": "auto"}
    tiles = {"tile": TILE, "overlap": OVERLAP, "progress": False}

    pixels = np.tile(Cells(size=(1024, 1024)).read(1)[0], (2, 2, 1))
    assert pixels.shape == (WHOLE, WHOLE, 3)
    ratios = []
    for _ in range(ROUNDS):
        whole = timed(predict, model, pixels, **options)
        ratios.append(timed(predict_tiled, model, pixels, **tiles, **options) / whole)
        print(f"{WHOLE} x {WHOLE}: whole {whole:.1f} s, tiled {ratios[-1]:.2f} times that")

    memory = Meter(psutil.Process().pid)  # from here on: the whole image above took its memory before
    memory.start()
    with tempfile.TemporaryDirectory() as folder:
        image = draw(Path(folder) / "image.npy", side)
        out = np.lib.format.open_memmap(Path(folder) / "ids.npy", "w+", np.uint8, (side, side))
        seconds = timed(predict_tiled, model, image, **tiles | {"progress": True}, **options, out=out)
        nuclei = float((out[::10, ::10] > 0).mean())
        del image, out
    memory.done.set()
    results = {
        "side": side,
        "tile": TILE,
        "overlap": OVERLAP,
        "model": "UNet, widths (16, 32, 64, 128), 2 classes, untrained",
        "threads": torch.get_num_threads(),
        "seconds": round(seconds, 1),
        "megapixels_per_second": round(side * side / 1e6 / seconds, 2),
        "peak_memory_mb": round(memory.mb),
        "tiled_over_whole_time": round(statistics.median(ratios), 3),
        "overlap_alone": round((TILE / (TILE - OVERLAP)) ** 2, 3),
        "share_of_class_1": round(nuclei, 3),
    }
    print(results, "->", record("predict_tiled", results))


if __name__ == "__main__":
    main()
