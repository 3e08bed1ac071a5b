"""What the four networks of lesson 17 cost at full size: parameters, megabytes of weights, milliseconds of an answer.

The milliseconds are the median of several passes of one 240 x 320 picture, in float32, with random weights. What narrow
ones of the same plan learn is in studies/lesson17.py.
Run: python -m benchmarks.iris_networks
"""

import statistics
import time
from collections.abc import Callable

import torch
from torch import nn

from nbhelpers.models.encoder_unet import Pix2PixUNet
from nbhelpers.models.fc_densenet import FCDenseNet
from nbhelpers.models.fcn8 import FCN8, FastFCN8
from tools.record import record

PASSES = 5
FULL: dict[str, Callable[[], nn.Module]] = {
    "FCN8": lambda: FCN8(num_classes=2),
    "FastFCN8": lambda: FastFCN8(num_classes=2),
    "U-Net on MobileNetV2": lambda: Pix2PixUNet(num_classes=2),
    "FC-DenseNet103": lambda: FCDenseNet(num_classes=2),
}


@torch.inference_mode()
def cost(make: Callable[[], nn.Module]) -> dict[str, float]:
    model = make().eval().to(memory_format=torch.channels_last)
    picture = torch.rand(1, 3, 240, 320)
    seconds = []
    for _ in range(PASSES + 1):
        started = time.perf_counter()
        model(picture)
        seconds.append(time.perf_counter() - started)
    size = sum(tensor.numel() * tensor.element_size() for tensor in model.state_dict().values())
    return {
        "million parameters": round(sum(p.numel() for p in model.parameters()) / 1e6, 1),
        "megabytes": round(size / 1e6),
        "milliseconds": round(1000 * statistics.median(seconds[1:])),
    }


def main() -> None:
    costs = {}
    for name, make in FULL.items():
        costs[name] = cost(make)
        print(f"{name:22}", costs[name])
    print("->", record("iris_networks", {"full size": costs}))


if __name__ == "__main__":
    main()
