"""What the atrous depthwise convolution of `nbhelpers.models.depthwise` costs beside torch's, of the same numbers.

Milliseconds of the processor on one thread, both in turns, the least of the rounds: layers as DeepLabV3+ has them, with
and without their gradients, and whole training steps of it. With AVX2 alone, and with all instructions that the machine has.
Run: python -m benchmarks.atrous
"""

import time
from collections.abc import Callable
from functools import partial
from unittest import mock

import torch
from torch import nn

from benchmarks.core_speed import all_instructions, printed
from benchmarks.lessons_cost import HELD_TO
from nbhelpers.models.deeplabv3_plus import DeepLabV3Plus
from nbhelpers.models.depthwise import DepthwiseConv
from tools.record import record

ROUNDS = 9
LAYERS = [  # images, channels, height and width of the map, rates
    (4, 512, (5, 6), (2, 3)),
    (1, 2048, (14, 14), (6, 12, 18)),
    (1, 2048, (33, 33), (6, 12, 18)),
]
NETWORKS = {
    "lesson 12's, 4 of 72 x 96": (
        {"encoder": "squeezenet", "hidden_channels": 128, "atrous_rates": (1, 2, 3)},
        (4, 3, 72, 96),
    ),
    "on ResNet-50, 2 of 224 x 224": ({"encoder": "resnet50"}, (2, 3, 224, 224)),
}


def milliseconds(job: Callable[[], object]) -> dict[str, float]:
    """Of `job` with torch's convolution and with ours, and the ratio of the two."""
    forwards = {"torch": nn.Conv2d.forward, "ours": DepthwiseConv.forward}
    times: dict[str, list[float]] = {name: [] for name in forwards}
    for _ in range(ROUNDS):
        for name, forward in forwards.items():
            with mock.patch.object(DepthwiseConv, "forward", forward):
                started = time.process_time()
                job()
                times[name].append(time.process_time() - started)
    least = {name: 1000 * min(each) for name, each in times.items()}
    ratio = least["torch"] / least["ours"]
    return {f"{name}, ms": round(value, 2) for name, value in least.items()} | {
        "torch / ours": round(ratio, 2)
    }


def step(network: nn.Module, x: torch.Tensor) -> None:
    network(x).sum().backward()


def answer(network: nn.Module, x: torch.Tensor) -> None:
    with torch.inference_mode():
        network(x)


def measured() -> dict[str, dict]:
    torch.set_num_threads(1)
    rows = {}
    for images, channels, size, rates in LAYERS:
        for rate in rates:
            layer = DepthwiseConv(channels, dilation=rate).to(memory_format=torch.channels_last)
            x = torch.rand(images, channels, *size).to(memory_format=torch.channels_last).requires_grad_()
            name = f"{images} x {channels} x {size[0]} x {size[1]}, rate {rate}"
            for what in (answer, step):
                rows[f"{name}, {what.__name__}"] = milliseconds(partial(what, layer, x))
    for name, (options, shape) in NETWORKS.items():
        network = DeepLabV3Plus(num_classes=11, **options).to(memory_format=torch.channels_last)
        for what in (answer, step):
            rows[f"DeepLabV3+ {name}, {what.__name__}"] = milliseconds(
                partial(what, network, torch.rand(shape))
            )
    return rows


def main() -> None:
    """Measure in two processes, since torch reads what it is held to as it is imported."""
    free = all_instructions()
    program = "import json; from benchmarks.atrous import measured; print(json.dumps(measured()))"
    results = {}
    for name, environ in {"AVX2": free | HELD_TO, "all instructions": free}.items():
        results[name] = printed(program, environ)
        for row, found in results[name].items():
            print(f"{name}: {row}: {found}", flush=True)
    print("->", record("atrous", results))


if __name__ == "__main__":
    main()
