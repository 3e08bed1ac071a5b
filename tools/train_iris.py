"""Train the network that `nbhelpers.iris.load_segmenter` loads, on toy eyes alone, and score it.

Run: python -m tools.train_iris
It draws its data, trains for about two and a half hours on two cores, and writes the weights to
nbhelpers/iris/segmenter.safetensors and the scores to benchmarks/results/iris_segmenter.json.
"""

import argparse
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision import tv_tensors
from torchvision.transforms import InterpolationMode, v2

from nbhelpers.datasets import Eyes, in_memory
from nbhelpers.datasets.dataset import SegmentationDataset
from nbhelpers.inference import load_weights, save_weights
from nbhelpers.iris import e1
from nbhelpers.iris.segmenter import IRIS, WEIGHTS, WIDTHS, WORKING_SIZE, IrisSegmenter, load_segmenter
from nbhelpers.losses import pixel_loss
from nbhelpers.metrics import ConfusionMatrix
from nbhelpers.training import fit
from tools.record import RESULTS, record

BATCH = 8


class Stage(NamedTuple):
    """A part of the training, on toy eyes of `size`, at which the network works, too."""

    pictures: int
    size: tuple[int, int]
    epochs: int
    lr: float
    moved: float  # share of pictures that are turned, shifted and zoomed
    rough: float  # share of pictures under uneven light, and share with noise
    seed: int
    narrow: bool = False  # from then on by Muon, which is back sooner


STAGES = (  # many small pictures, to learn what an eye is; then larger ones, for its edges and lashes
    Stage(10_000, (96, 128), 4, 6e-3, moved=0.5, rough=0.0, seed=0),
    Stage(6_000, (192, 256), 6, 3e-3, moved=0.5, rough=0.2, seed=1),
    Stage(8_000, WORKING_SIZE, 6, 2e-3, moved=0.25, rough=0.1, seed=2),
    Stage(4_000, WORKING_SIZE, 4, 1e-3, moved=0.1, rough=0.05, seed=3),
    Stage(2_000, WORKING_SIZE, 2, 5e-4, moved=0.1, rough=0.05, seed=4),
    # narrowed, for half of the time an answer takes; and learnt again what that cost
    Stage(6_000, WORKING_SIZE, 2, 1e-2, moved=0.4, rough=0.2, seed=5, narrow=True),
    Stage(3_000, WORKING_SIZE, 1, 2e-3, moved=0.1, rough=0.05, seed=6, narrow=True),
    Stage(3_000, WORKING_SIZE, 2, 3e-3, moved=0.1, rough=0.05, seed=6, narrow=True),
)
WIDE = (32, 48, 96, 128, 160)  # channels until it is narrowed


class Step(torch.nn.Module):
    """A change of the picture's look, made with probability `p`."""

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p

    def forward(self, image: tv_tensors.Image, mask: tv_tensors.Mask):
        if torch.rand(()).item() >= self.p:
            return image, mask
        return tv_tensors.wrap(self.change(image.as_subclass(Tensor)), like=image), mask


class ToneCurve(Step):
    """Gamma, exposure, contrast and a lifted black at once: one table for 256 levels."""

    def change(self, image: Tensor) -> Tensor:
        gamma, gain, lift = torch.randn(()).mul(0.35).exp(), 0.5 + torch.rand(()), 0.25 * torch.rand(())
        table = torch.linspace(0, 1, 256) ** gamma * gain
        if torch.rand(()) < 0.3:
            table = lift + (1 - lift) * table
        return (table.clamp(0, 1) * 255).round().to(torch.uint8)[image.int()]


class Coarse(Step):
    """Shrink, and enlarge again: a picture of fewer pixels."""

    def change(self, image: Tensor) -> Tensor:
        share = 0.35 + 0.55 * torch.rand(()).item()
        small = [max(8, round(side * share)) for side in image.shape[-2:]]
        image_small = v2.functional.resize(image, small, antialias=True)
        return v2.functional.resize(image_small, list(image.shape[-2:]), antialias=False)


class Uneven(Step):
    """Light that changes over the picture, by a factor of up to about 2."""

    def change(self, image: Tensor) -> Tensor:
        field = F.interpolate(torch.randn(1, 1, 3, 4), image.shape[-2:], mode="bicubic")[0] * 0.25
        return (image * field.exp()).clamp(0, 255).to(torch.uint8)


class Noise(Step):
    """The same noise in all channels: fine grain, or grains of two pixels."""

    def change(self, image: Tensor) -> Tensor:
        height, width = image.shape[-2:]
        grain = int(torch.randint(1, 3, ()))
        noise = torch.randn(1, 1, height // grain + 1, width // grain + 1)
        noise = F.interpolate(noise, scale_factor=grain)[0, :, :height, :width]
        return (image + noise * 30 * torch.rand(())).clamp(0, 255).to(torch.uint8)


def augmentation(width: int, moved: float, rough: float) -> v2.Compose:
    """Turn, shift, zoom, stretch; then what other cameras do to light, tone and sharpness, and `rough` of it worse."""
    fill = {tv_tensors.Image: 0, tv_tensors.Mask: 0}  # a dark border is no iris, and the network must know it
    move = v2.RandomAffine(45, (0.15, 0.15), (0.7, 1.4), (-8, 8, -8, 8), InterpolationMode.BILINEAR, fill)
    return v2.Compose(
        [
            v2.RandomHorizontalFlip(),
            v2.RandomApply([move], moved),
            v2.RandomGrayscale(0.3),
            v2.RandomApply([v2.GaussianBlur(7, (0.3, 0.008 * width))], 0.2),
            Coarse(0.3),
            ToneCurve(0.5),
            v2.RandomAutocontrast(0.1),
            Uneven(rough),
            Noise(rough),
            v2.RandomAdjustSharpness(3, 0.15),
            v2.RandomApply([v2.JPEG((15, 80))], 0.1),
        ]
    )


class OfParts(torch.nn.Module):
    """The segmenter as `fit` trains it: images -> logits of the four parts."""

    def __init__(self, segmenter: IrisSegmenter) -> None:
        super().__init__()
        self.segmenter = segmenter

    def forward(self, images: Tensor) -> Tensor:
        return self.segmenter.parts(images)


def loss(logits: Tensor, masks: Tensor) -> Tensor:
    """Cross-entropy of the four parts, and half of 1 - IoU of the iris, both over the batch."""
    iris, true = logits.softmax(dim=1)[:, IRIS], (masks == IRIS).float()
    common = (iris * true).sum()
    return pixel_loss(logits, masks) + 0.5 * (1 - common / ((iris + true).sum() - common + 1))


class StrangeCamera(SegmentationDataset):
    """The eyes of `source` by a camera that training never saw: a stand-in for photographs.

    Some are cropped near the iris; then equalised by tiles, or through a steep tone curve, under bands of light, or with
    speckle and shifted lines; most are grey, some out of focus, all are pressed hard as JPEG.
    """

    def __init__(self, source: SegmentationDataset, seed: int = 5) -> None:
        super().__init__()
        self.source, self.seed = source, seed
        self.classes, self.palette = source.classes, source.palette

    def __len__(self) -> int:
        return len(self.source)

    def read(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        rng = np.random.default_rng((self.seed, index))
        image, mask = self.source.read(index)
        height, width = mask.shape
        if rng.random() < 0.4:
            zoom = rng.uniform(1.2, 1.8)
            rows, columns = np.nonzero(mask) if mask.any() else ([height / 2], [width / 2])
            top = int(np.clip(np.mean(rows) - height / zoom / 2, 0, height - height / zoom))
            left = int(np.clip(np.mean(columns) - width / zoom / 2, 0, width - width / zoom))
            box = slice(top, top + int(height / zoom)), slice(left, left + int(width / zoom))
            image = cv2.resize(image[box], (width, height), interpolation=cv2.INTER_CUBIC)
            mask = cv2.resize(mask[box], (width, height), interpolation=cv2.INTER_NEAREST_EXACT)
        if rng.random() < 0.8:
            image = np.repeat(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)[..., None], 3, axis=2)
        kind = rng.integers(4)
        if kind == 0:
            tiles = cv2.createCLAHE(rng.uniform(2, 8), (8, 8))
            image = cv2.merge([tiles.apply(channel) for channel in cv2.split(image)])
        elif kind == 1:
            image = 255 / (1 + np.exp(-rng.uniform(4, 12) * (image / 255 - rng.uniform(0.25, 0.6))))
        elif kind == 2:
            phase = np.linspace(0, 1, width)[:, None] * rng.uniform(0.5, 1.5) + rng.random()
            image = cv2.medianBlur(
                (image * (0.35 + 0.65 * np.abs(np.sin(np.pi * phase)))).astype(np.uint8), 5
            )
        else:
            image = np.clip(image * (1 + 0.15 * rng.standard_normal((height, width, 1))), 0, 255)
            image[::2] = np.roll(image[::2], 2, axis=1)
        if rng.random() < 0.3:
            image = cv2.GaussianBlur(image, (0, 0), rng.uniform(1, 1 + 0.012 * width))
        image = image.astype(np.uint8)
        _, file = cv2.imencode(".jpg", image, (cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(8, 60))))
        return cv2.imdecode(file, cv2.IMREAD_COLOR), mask


@torch.inference_mode()
def scores(model: torch.nn.Module, dataset: SegmentationDataset) -> dict[str, float]:
    """E1 in percent, the IoU of the iris over all pixels together, and its mean over images that show one."""
    confusion, truth, predictions, single = ConfusionMatrix(2), [], [], []
    for image, mask in dataset:
        predicted = model(image[None] / 255).argmax(dim=1)[0]
        one = ConfusionMatrix(2)
        for matrix in (confusion, one):
            matrix.update(predicted[None], mask[None])
        if mask.any():
            single.append(one.iou[1].item())
        truth.append(mask.bool().numpy())
        predictions.append(predicted.bool().numpy())
    found = {"E1 percent": 100 * e1(predictions, truth), "IoU": confusion.iou[1].item()}
    found |= {"mean IoU of images": float(np.mean(single)), "median IoU of images": float(np.median(single))}
    return {name: round(value, 4) for name, value in found.items()}


def narrowed(wide: IrisSegmenter, widths: Sequence[int]) -> IrisSegmenter:
    """A copy with fewer channels at each scale: those that matter most.

    As in network slimming (Liu et al., 2017, https://arxiv.org/abs/1708.06519), the factor of batch norm tells how much of a
    channel goes on. Where none follows, the channel's weights do.
    """
    narrow = IrisSegmenter(widths=widths)
    old, new = wide.unet, narrow.unet

    def strongest(weights: Tensor, count: int) -> Tensor:
        return weights.topk(count).indices.sort().values  # in their old order

    def double(old: nn.Sequential, new: nn.Sequential, taken: Tensor) -> Tensor:
        """Fill both convolutions, the first of which is given the channels `taken`; which ones the second gives."""
        for place in (0, 3):
            norm = old[place + 1]
            kept = strongest(norm.weight.abs(), new[place].out_channels)
            new[place].weight.copy_(old[place].weight[kept][:, taken])
            for name, value in new[place + 1].state_dict().items():
                value.copy_(getattr(norm, name)[kept] if value.ndim else getattr(norm, name))
            taken = kept
        return taken

    with torch.no_grad():
        taken = double(old.stem, new.stem, torch.arange(old.stem[0].in_channels))
        skips = []
        for old_down, new_down in zip(old.downs, new.downs):
            skips.append(taken)
            taken = double(old_down, new_down, taken)
        for old_up, new_up in zip(old.ups, new.ups):
            weight = old_up.up.weight[taken]  # (in, out, 2, 2)
            kept = strongest(weight.square().sum((0, 2, 3)), new_up.up.out_channels)
            new_up.up.weight.copy_(weight[:, kept])
            new_up.up.bias.copy_(old_up.up.bias[kept])
            # the skip's channels come first
            joined = torch.cat([skips.pop(), old_up.up.out_channels + kept])
            taken = double(old_up.conv, new_up.conv, joined)
        new.head.weight.copy_(old.head.weight[:, taken])
        new.head.bias.copy_(old.head.bias)
    return narrow


def begun(number: int, path: Path) -> IrisSegmenter:
    """The network with which stage `number` begins: new, or from the file that the stage before wrote."""
    narrow_before = number > 0 and STAGES[number - 1].narrow
    model = IrisSegmenter(widths=WIDTHS if narrow_before else WIDE)
    if number:
        load_weights(model, path)
    if STAGES[number].narrow and not narrow_before:
        model = narrowed(model, WIDTHS)
    return model.to(memory_format=torch.channels_last)


def train(first: int, path: Path) -> None:
    """Train from stage `first` on. Each stage begins from the file that the one before wrote, so pieces make a whole."""
    torch.manual_seed(STAGES[0].seed)  # of the first weights
    for number, stage in enumerate(STAGES[first:], start=first):
        print(f"stage {number}: {stage}")
        model = begun(number, path)
        model.working_size = stage.size
        pictures = Eyes("train", stage.size, stage.pictures, stage.seed, parts=True)
        pictures = in_memory(pictures, transform=augmentation(stage.size[1], stage.moved, stage.rough))
        valid = in_memory(Eyes("val", stage.size, parts=True))
        plan = {"epochs": stage.epochs, "lr": stage.lr, "seed": stage.seed, "batch_size": BATCH}
        plan |= {"optimizer": "muon"} if stage.narrow else {}
        fit(OfParts(model), pictures, valid, loss=loss, workers=1, **plan)  # the worker changes pictures
        save_weights(model.half(), path)  # half the size; it is the file that is scored


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument(
        "--first",
        type=int,
        default=0,
        help="the stage to begin with, from the file that the one before wrote",
    )
    parser.add_argument("--score", action="store_true", help="score the stored network anew, train nothing")
    arguments = parser.parse_args()
    path = Path(__file__).resolve().parents[1] / "nbhelpers" / "iris" / WEIGHTS
    results = {}
    if arguments.score:
        known = json.loads((RESULTS / "iris_segmenter.json").read_text())
        results["training"] = known["results"]["training"]
    else:
        started = time.perf_counter()
        train(arguments.first, path)
        seconds = round(time.perf_counter() - started)
        results["training"] = {
            "stages": [stage._asdict() for stage in STAGES],
            "batch_size": BATCH,
            "from stage": arguments.first,
            "seconds": seconds,
        }
    model = load_segmenter()
    results["file"] = {"bytes": path.stat().st_size, "parameters": sum(p.numel() for p in model.parameters())}
    large = Eyes("test", (240, 320))
    for name, dataset in (
        ("test 96 x 128", Eyes("test")),
        ("test 240 x 320", large),
        ("test 240 x 320, another camera", StrangeCamera(large)),
    ):
        results[name] = scores(model, dataset)
        print(name, results[name])
    print("->", record("iris_segmenter", results, "python -m tools.train_iris"))


if __name__ == "__main__":
    main()
