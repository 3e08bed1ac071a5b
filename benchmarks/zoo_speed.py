"""Our networks beside the same architecture in SMP or torchvision: seconds of a training step and of an image.

And FastFCN8 beside FCN8, both ours, for what separable convolutions save.

Training at batch 4, 160 x 160, inference of one 224 x 224 image. "equal" runs both in float32 and in torch's own memory
layout; "defaults" runs ours as `fit` does (bf16 where the processor has it, channels-last) and theirs in float32. A
ratio is their seconds over ours: above 1, ours is faster. All take turns within a round; the median of the rounds counts.
Run: python -m benchmarks.zoo_speed
"""

import statistics
import time
from collections.abc import Callable

import segmentation_models_pytorch as smp
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.models.segmentation import deeplabv3_resnet50

from nbhelpers.losses import pixel_loss
from nbhelpers.models.deeplabv3 import DeepLabV3
from nbhelpers.models.deeplabv3_plus import DeepLabV3Plus
from nbhelpers.models.encoder_unet import EncoderUNet
from nbhelpers.models.fcn8 import FCN8, FastFCN8
from nbhelpers.models.fpn import FPN
from nbhelpers.training.engine import Engine, make_accelerator
from tools.record import record

ROUNDS, STEPS = 3, 2


class LogitsOnly(nn.Module):
    """torchvision's networks give a dict."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        return self.network(images)["out"]


def of_smp(architecture: type[nn.Module], encoder: str) -> nn.Module:
    return architecture(encoder, encoder_weights=None, classes=11)


PAIRS: dict[str, tuple[Callable[[], nn.Module], Callable[[], nn.Module]]] = {  # ours, theirs
    "U-Net, ResNet-50, SMP": (
        lambda: EncoderUNet(num_classes=11, encoder="resnet50"),
        lambda: of_smp(smp.Unet, "resnet50"),
    ),
    "U-Net, MobileNetV2, SMP": (
        lambda: EncoderUNet(num_classes=11, encoder="mobilenetv2"),
        lambda: of_smp(smp.Unet, "mobilenet_v2"),
    ),
    "FPN, ResNet-50, SMP": (lambda: FPN(num_classes=11), lambda: of_smp(smp.FPN, "resnet50")),
    "DeepLabV3+, ResNet-50, SMP": (
        lambda: DeepLabV3Plus(num_classes=11),
        lambda: of_smp(smp.DeepLabV3Plus, "resnet50"),
    ),
    "DeepLabV3, ResNet-50, torchvision": (
        lambda: DeepLabV3(num_classes=11),
        lambda: LogitsOnly(deeplabv3_resnet50(weights=None, weights_backbone=None, num_classes=11)),
    ),
    "FastFCN8, in place of theirs FCN8": (lambda: FastFCN8(num_classes=11), lambda: FCN8(num_classes=11)),
}


def plain_step(model: nn.Module, images: Tensor, masks: Tensor) -> Callable[[], None]:
    """A step of training as a tutorial would write it, in float32."""
    optimizer = torch.optim.AdamW(model.train().parameters(), lr=1e-4)

    def step() -> None:
        loss = F.cross_entropy(model(images), masks)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()

    return step


def step_of_fit(model: nn.Module, images: Tensor, masks: Tensor) -> Callable[[], None]:
    """The same step by the engine of `fit`, auxiliary head included where there is one."""
    accelerator = make_accelerator()
    model.to(accelerator.device, memory_format=torch.channels_last).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, fused=True)
    engine = Engine(accelerator, model, pixel_loss, optimizer)
    images, masks = engine.to_device(images, masks)

    def step() -> None:
        logits, aux_logits = engine.network(images)
        accelerator.backward(engine._total_loss(logits, aux_logits, masks))
        engine.optimizer.step()
        engine.optimizer.zero_grad()

    return step


def inference(model: nn.Module, *, fast: bool = False) -> Callable[[], None]:
    images = torch.rand(1, 3, 224, 224)
    model.eval()
    if fast:
        model, images = (each.to(memory_format=torch.channels_last) for each in (model, images))

    @torch.inference_mode()
    def infer() -> None:
        with torch.autocast("cpu", torch.bfloat16, enabled=fast):
            model(images)

    return infer


def seconds(job: Callable[[], None]) -> float:
    job()  # warm-up
    started = time.perf_counter()
    for _ in range(STEPS):
        job()
    return (time.perf_counter() - started) / STEPS


def main() -> None:
    images, masks = torch.rand(4, 3, 160, 160), torch.randint(0, 11, (4, 160, 160))
    results = {}
    for name, (ours, theirs) in PAIRS.items():
        jobs = {
            "theirs, train": plain_step(theirs(), images, masks),
            "ours, train, equal": plain_step(ours(), images, masks),
            "ours, train, defaults": step_of_fit(ours(), images, masks),
            "theirs, infer": inference(theirs()),
            "ours, infer, equal": inference(ours()),
            "ours, infer, defaults": inference(ours(), fast=True),
        }
        rounds = [{job: seconds(run) for job, run in jobs.items()} for _ in range(ROUNDS)]
        row = {}
        for task in ("train", "infer"):
            for what in ("equal", "defaults"):
                ratios = [each[f"theirs, {task}"] / each[f"ours, {task}, {what}"] for each in rounds]
                row[f"{task}, {what}: theirs / ours"] = round(statistics.median(ratios), 2)
        row |= {job: round(statistics.median(each[job] for each in rounds), 3) for job in jobs}
        results[name] = row
        print(name, row, flush=True)
    print(record("zoo_speed", results))


if __name__ == "__main__":
    main()
