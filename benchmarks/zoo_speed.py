"""Our networks beside the same architecture in SMP, torchvision or transformers: seconds of a training step and of an image.

And FastFCN8 beside FCN8, both ours, for what separable convolutions save.

Training at batch 4, 160 x 160, inference of one 224 x 224 image. "equal" runs both in float32 and in torch's own memory
layout; "defaults" runs ours by the engine of `fit` with its checks (bf16 where the device has it, channels-last) and
theirs in float32. A ratio is their seconds over ours: above 1, ours is faster. All take turns within a round, on one
device and by one timer (benchmarks/timer.py); the median of the rounds counts.
Run: python -m benchmarks.zoo_speed ["NAME OF A PAIR" ...]; all pairs but those with transformers, which is no
dependency and must be installed for them, unless some are named. The rows of other pairs are kept.
"""

import json
import statistics
import sys
from collections.abc import Callable

import segmentation_models_pytorch as smp
import torch
import torch.nn.functional as F
from accelerate import Accelerator
from torch import Tensor, nn
from torchvision.models.segmentation import deeplabv3_resnet50

from benchmarks.timer import DEVICE, seconds
from nbhelpers.checks import check_masks
from nbhelpers.losses import pixel_loss
from nbhelpers.models.deeplabv3 import DeepLabV3
from nbhelpers.models.deeplabv3_plus import DeepLabV3Plus
from nbhelpers.models.encoder_unet import EncoderUNet
from nbhelpers.models.fcn8 import FCN8, FastFCN8
from nbhelpers.models.fpn import FPN
from nbhelpers.models.maskformer import MaskFormer, Proposals
from nbhelpers.models.maskformer_loss import Segments, set_loss
from nbhelpers.models.segformer import SegFormer
from nbhelpers.training.engine import Engine, fastest_precision, own_accelerator, to_device
from tools.record import RESULTS, provenance, record

ROUNDS, STEPS = 3, 2


class LogitsOnly(nn.Module):
    """torchvision's networks give a dict."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        return self.network(images)["out"]


class Scores(nn.Module):
    """transformers' networks give scores at stride 4, as an attribute."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        return F.interpolate(self.network(images).logits, size=images.shape[-2:], mode="bilinear")


def segformer_of_transformers() -> nn.Module:
    from transformers import SegformerConfig, SegformerForSemanticSegmentation

    return Scores(SegformerForSemanticSegmentation(SegformerConfig(num_labels=11)))  # B0 is its default


class Queries(nn.Module):
    """MaskFormer's own answers instead of logits, which transformers' gives only afterwards; `loss` as `fit_instances` has it."""

    def __init__(self) -> None:
        super().__init__()
        self.network = MaskFormer(num_classes=11)

    def forward(self, images: Tensor) -> Proposals:
        return self.network.propose(images)

    def loss(self, images: Tensor, truths: list[Segments]) -> Tensor:
        layers = self.network.propose_by_layer(images)
        with torch.autocast(DEVICE.type, enabled=False):
            return torch.stack([set_loss(each, truths) for each in layers]).sum()


class QueriesOfTransformers(nn.Module):
    """The same network and losses: ResNet-50, 100 queries, six layers that each answer."""

    def __init__(self) -> None:
        super().__init__()
        from transformers import (
            DetrConfig,
            MaskFormerConfig,
            MaskFormerForInstanceSegmentation,
            TimmBackboneConfig,
        )

        backbone = TimmBackboneConfig(
            backbone="resnet50", out_indices=[1, 2, 3, 4], use_pretrained_backbone=False
        )
        decoder = DetrConfig(decoder_layers=6, num_queries=100)
        self.network = MaskFormerForInstanceSegmentation(
            MaskFormerConfig(
                backbone_config=backbone, decoder_config=decoder, num_labels=11, use_auxiliary_loss=True
            )
        )

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        output = self.network(images, output_hidden_states=True)  # its auxiliary answers ask for them
        return output.class_queries_logits, output.masks_queries_logits

    def loss(self, images: Tensor, truths: list[Segments]) -> Tensor:
        labels = {
            "mask_labels": [truth.masks for truth in truths],
            "class_labels": [truth.classes for truth in truths],
        }
        return self.network(images, **labels, output_hidden_states=True).loss


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
    "SegFormer-B0, transformers": (lambda: SegFormer(num_classes=11), segformer_of_transformers),
    "MaskFormer, transformers": (Queries, QueriesOfTransformers),
    "FastFCN8, in place of theirs FCN8": (lambda: FastFCN8(num_classes=11), lambda: FCN8(num_classes=11)),
}


def rectangles(count: int, side: int) -> list[Segments]:
    """For each of `count` images six segments, each of a class of its own."""
    masks = torch.zeros(6, side, side)
    for number, mask in enumerate(masks):
        mask[20 * number : 20 * number + 60, 10 * number : 10 * number + 100] = 1
    return [Segments(torch.arange(6, device=DEVICE), masks.to(DEVICE)) for _ in range(count)]


def plain_step(model: nn.Module, images: Tensor, masks: Tensor) -> Callable[[], None]:
    """A step of training as a tutorial would write it, in float32."""
    model.to(DEVICE).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4)
    truths = rectangles(len(images), images.shape[-1]) if hasattr(model, "loss") else None

    def step() -> None:
        if truths:
            loss = model.loss(images.to(DEVICE), truths)
        else:
            loss = F.cross_entropy(model(images.to(DEVICE)), masks.to(DEVICE))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        loss.item()  # a loop tells its loss

    return step


def step_of_fit(
    accelerator: Accelerator, model: nn.Module, images: Tensor, masks: Tensor
) -> Callable[[], None]:
    """The same step by the engine of `fit`, its check of the masks and an auxiliary head included."""
    model.to(DEVICE, memory_format=torch.channels_last).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, fused=DEVICE.type == "cpu")
    engine = Engine(accelerator, model, pixel_loss, optimizer)
    truths = rectangles(len(images), images.shape[-1]) if hasattr(model, "loss") else None

    def step() -> None:
        if truths:  # as `fit_instances` does it
            with accelerator.autocast():
                loss = model.loss(images.to(DEVICE, memory_format=torch.channels_last), truths)
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            return
        batch = to_device(engine.accelerator.device, images, masks)
        check_masks(batch[1], 11, lone_background=True)
        engine.step(*batch)

    return step


def inference(model: nn.Module, *, fast: bool = False, side: int = 224) -> Callable[[], None]:
    images = torch.rand(1, 3, side, side)
    layout = torch.channels_last if fast else torch.contiguous_format
    model, images = model.to(DEVICE, memory_format=layout).eval(), images.to(DEVICE, memory_format=layout)
    dtype = {"bf16": torch.bfloat16, "fp16": torch.float16}.get(fastest_precision(DEVICE.type))

    @torch.inference_mode()
    def infer() -> None:
        with torch.autocast(DEVICE.type, dtype, enabled=fast and dtype is not None):
            model(images)

    return infer


def main() -> None:
    chosen = sys.argv[1:] or [name for name in PAIRS if "transformers" not in name]
    with own_accelerator() as accelerator:
        assert accelerator.device.type == DEVICE.type
        rows = measure(accelerator, chosen)
    if sys.argv[1:]:  # a run of its own beside the others, which keep theirs
        made_by = provenance("python -m benchmarks.zoo_speed " + " ".join(f'"{name}"' for name in chosen))
        path = RESULTS / "zoo_speed.json"
        content = json.loads(path.read_text("utf-8"))
        content["results"] |= {name: row | {"made by": made_by} for name, row in rows.items()}
        path.write_text(json.dumps(content, indent=1) + "\n")
        print(path)
    else:
        print(record("zoo_speed", rows))


def measure(accelerator: Accelerator, chosen: list[str]) -> dict[str, dict[str, float]]:
    images, masks = torch.rand(4, 3, 160, 160), torch.randint(0, 11, (4, 160, 160))
    results = {}
    for name in chosen:
        ours, theirs = PAIRS[name]
        jobs = {
            "theirs, train": plain_step(theirs(), images, masks),
            "ours, train, equal": plain_step(ours(), images, masks),
            "ours, train, defaults": step_of_fit(accelerator, ours(), images, masks),
            "theirs, infer": inference(theirs()),
            "ours, infer, equal": inference(ours()),
            "ours, infer, defaults": inference(ours(), fast=True),
        }
        rounds = [{job: seconds(run, DEVICE, STEPS) for job, run in jobs.items()} for _ in range(ROUNDS)]
        row = {}
        for task in ("train", "infer"):
            for what in ("equal", "defaults"):
                ratios = [each[f"theirs, {task}"] / each[f"ours, {task}, {what}"] for each in rounds]
                row[f"{task}, {what}: theirs / ours"] = round(statistics.median(ratios), 2)
        row |= {job: round(statistics.median(each[job] for each in rounds), 3) for job in jobs}
        results[name] = row
        print(name, row, flush=True)
    return results


if __name__ == "__main__":
    main()
