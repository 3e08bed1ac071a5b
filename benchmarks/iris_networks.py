"""The four networks of lesson 17: what the full ones cost, and what narrow ones of the same plan learn in as many steps.

Cost: parameters, megabytes of weights, and the median milliseconds of several passes of one 240 x 320 picture, in
float32, with random weights. Learning: the narrow networks of the lesson, on the same close-ups of toy eyes in the same
order, for some 2,500 steps instead of the lesson's few dozen; scored at 120 x 160 on the lesson's test pictures.
Run: python -m benchmarks.iris_networks
"""

import statistics
import time
from collections.abc import Callable

import numpy as np
import torch
from torch import nn
from torchvision import tv_tensors
from torchvision.transforms import InterpolationMode, v2

from nbhelpers.datasets import IGNORE, Eyes, in_memory
from nbhelpers.datasets.memory import InMemory
from nbhelpers.iris import OPEN, close_ups, e1, e2
from nbhelpers.metrics import ConfusionMatrix
from nbhelpers.models.encoder_unet import Pix2PixUNet
from nbhelpers.models.fc_densenet import FCDenseNet
from nbhelpers.models.fcn8 import FCN8, FastFCN8
from nbhelpers.training import AtSize, fit
from tools.record import record

PASSES = 5
FULL: dict[str, Callable[[], nn.Module]] = {
    "FCN8": lambda: FCN8(num_classes=2),
    "FastFCN8": lambda: FastFCN8(num_classes=2),
    "U-Net on MobileNetV2": lambda: Pix2PixUNet(num_classes=2),
    "FC-DenseNet103": lambda: FCDenseNet(num_classes=2),
}
VGG = {"widths": (8, 16, 32, 64, 64), "fc_channels": 128, "dropout": 0.0}
NARROW: dict[str, Callable[[], nn.Module]] = {
    "FCN8": lambda: FCN8(num_classes=2, **VGG),
    "FastFCN8": lambda: FastFCN8(num_classes=2, **VGG),
    "U-Net on MobileNetV2": lambda: Pix2PixUNet(num_classes=2, widths=(128, 64, 32, 16)),
    "FC-DenseNet": lambda: FCDenseNet(
        num_classes=2, layers=(1, 1, 2), growth_rate=8, stem_channels=8, dropout=0.0
    ),
}
SIZE = (48, 64)  # of the close-ups that are learnt from
TERMS = {"epochs": 10, "lr": 1e-2, "batch_size": 8, "weight_decay": 0.05, "quiet": True}


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


def cut_from(eyes: Eyes, size: tuple[int, int]) -> InMemory:
    return close_ups(in_memory(eyes), [eyes.parameters(index) for index in range(len(eyes))], size)


def learnt(
    make: Callable[[], nn.Module], train: InMemory, valid: InMemory, test: InMemory
) -> dict[str, float]:
    torch.manual_seed(0)
    model = make()
    parameters = sum(p.numel() for p in model.parameters())
    started = time.perf_counter()
    fit(model, train, valid, precision="fp32", **TERMS)
    seconds = time.perf_counter() - started
    network, confusion, true, found = AtSize(model, SIZE), ConfusionMatrix(2), [], []
    with torch.inference_mode():
        for image, mask in test:
            found.append(network(image[None] / 255).argmax(dim=1))
            true.append(mask[None].long())
            confusion.update(found[-1], true[-1])
    arrays = [torch.cat(masks).numpy() == 1 for masks in (found, true)]
    return {
        "parameters": parameters,
        "E1 percent": round(100 * e1(*arrays), 2),
        "E2 percent": round(100 * e2(*arrays), 2),
        "IoU": round(confusion.iou[1].item(), 3),
        "training seconds": round(seconds),
    }


def main() -> None:
    costs = {}
    for name, make in FULL.items():
        costs[name] = cost(make)
        print(f"{name:22}", costs[name])
    void = {tv_tensors.Image: 0, tv_tensors.Mask: IGNORE}
    move = v2.RandomAffine(45, (0.1, 0.1), (0.8, 1.25), interpolation=InterpolationMode.BILINEAR, fill=void)
    train = cut_from(Eyes("train", (96, 128), length=2_200), SIZE)
    train.transform = v2.Compose([v2.RandomHorizontalFlip(), move, v2.ColorJitter(brightness=0.3)])
    valid = cut_from(Eyes("val", (96, 128)), SIZE)
    test = cut_from(Eyes("test", (240, 320), length=240, pictures_per_identity=6), (120, 160))
    steps = len(train) // TERMS["batch_size"] * TERMS["epochs"]
    share = float(np.mean(test.masks))
    print(f"{len(train)} close-ups, {steps} steps; {len(test)} to test, {100 * share:.1f} % of them iris")
    scores = {}
    for name, make in NARROW.items():
        scores[name] = learnt(make, train, valid, test)
        print(f"{name:22}", scores[name])
    terms = {name: value for name, value in TERMS.items() if name != "quiet"}
    learning = {
        "close-ups": len(train),
        "least opening": OPEN,
        "size": SIZE,
        "steps": steps,
        "terms": terms,
        "networks": scores,
        "never iris, E1 percent": round(100 * share, 2),
    }
    print("->", record("iris_networks", {"full size": costs, "narrow, trained": learning}))


if __name__ == "__main__":
    main()
