"""Thousands of samples made wrong by chance: does each end in words of ours, and is none ever scored wrong?

A trial takes sound pairs, with ids of 2 to 6 classes and void in half of the trials, and changes one, some or all of
them: types, axes, sizes, ranges, ids, the pair itself, or two of these at once. `evaluate` then scores a network that
reads its answer off the red channel. It must either refuse the set by an error that the package itself raises, or count
exactly the pixels that the sound pairs would have given. Every tenth trial goes through `fit` as well, as train and as
valid. Changes that leave a pair right (`SOUND`) must be scored. All else is a defect, printed with its number.
Run: python -m benchmarks.gate_fuzz [--trials 2000]
"""

import argparse
import random
import traceback
from collections import Counter
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import Dataset

import nbhelpers
from nbhelpers.training import evaluate, fit
from tools.record import record

LENGTH, PACKAGE = 6, Path(nbhelpers.__file__).parent


def sound(r: random.Random, image: Tensor, mask: Tensor, n: int) -> object:
    """Another way to write the same pair."""
    integers = mask.to(r.choice([torch.uint8, torch.int16, torch.int32, torch.int64]))
    return r.choice(
        [
            (image, integers),
            (image, torch.from_numpy(mask.numpy().astype(np.uint16))),
            (image / 255, mask),
            [image, mask],
            (image.mT.contiguous().mT, mask.mT.contiguous().mT),
            (image / 254.99, mask),
            (image[:1], mask),
            (image[[0, 1, 2, 0]], mask),
        ][: 6 if r.random() < 0.9 else 8]
    )


def numbers(r: random.Random, image: Tensor, mask: Tensor, n: int) -> tuple:
    """An id that is no class takes the place of some."""
    wrong = r.choice([-100, -2, -1, n, n + 1, 127, 254, 256, 1000, 65535, 2**31, r.randrange(n, 255)])
    where = torch.rand(mask.shape) < r.choice([0.01, 0.5, 1.0])
    where[r.randrange(mask.shape[0]), r.randrange(mask.shape[1])] = True
    return image, torch.where(where, wrong, mask.long())


def scaled_images(r: random.Random, image: Tensor, mask: Tensor, n: int) -> tuple:
    image = image.float() / 255
    return r.choice(
        [
            image * 255,
            image * 65535,
            image * 2 - 1,
            (image - 0.45) / 0.225,
            image + 0.2 + 0.9 * (1 - image.max()),
            torch.where(
                torch.rand(image.shape) < 0.01, r.choice([float("nan"), float("inf"), -1.0, 7.0]), image
            ),
        ]
    ), mask


def image_types(r: random.Random, image: Tensor, mask: Tensor, n: int) -> tuple:
    floats = image.float() / 255
    kinds = (torch.float64, torch.float16, torch.bfloat16, torch.complex64)
    return r.choice(
        [
            *(floats.to(kind) for kind in kinds),
            *(image.to(kind) for kind in (torch.int8, torch.int16, torch.int32, torch.int64)),
            image > 128,
            torch.from_numpy(image.numpy().astype(np.uint16) * 257),
            image.numpy(),
            image.permute(1, 2, 0).numpy(),
            Image.fromarray(image.permute(1, 2, 0).numpy()),
            image.tolist(),
            None,
            "image.png",
        ]
    ), mask


def image_axes(r: random.Random, image: Tensor, mask: Tensor, n: int) -> tuple:
    return r.choice(
        [
            image.permute(1, 2, 0),
            image[0],
            image[None],
            image.flatten(),
            image[:, :0],
            image[:0],
            image[[0, 1, 2, 0]],
            image[:1],
            image[..., None],
        ]
    ), mask


def sizes(r: random.Random, image: Tensor, mask: Tensor, n: int) -> tuple:
    return r.choice(
        [
            (image, mask[1:]),
            (image, mask[:, ::2]),
            (image, mask.mT),
            (image[:, :-1], mask),
            (image.repeat(1, 2, 1), mask),
            (image, mask[:0]),
        ]
    )


def mask_types(r: random.Random, image: Tensor, mask: Tensor, n: int) -> tuple:
    blurred = F.avg_pool2d(mask.float()[None, None], 3, 1, 1)[0, 0]
    kinds = (torch.float16, torch.bfloat16, torch.float32, torch.float64, torch.complex64)
    return image, r.choice(
        [
            mask / 255,
            blurred,
            mask / max(1, int(mask.max())),
            torch.full(mask.shape, float("nan")),
            *(mask.to(kind) for kind in kinds),
            mask > 0,
            mask.numpy(),
            mask.tolist(),
            Image.fromarray(mask.numpy()),
            None,
        ]
    )


def mask_axes(r: random.Random, image: Tensor, mask: Tensor, n: int) -> tuple:
    one_hot = F.one_hot(mask.long().clamp(max=n - 1), n)
    return image, r.choice(
        [
            mask[None],
            mask[..., None],
            mask.expand(3, -1, -1),
            mask[..., None].expand(-1, -1, 3),
            one_hot,
            one_hot.permute(2, 0, 1),
            one_hot.permute(2, 0, 1).float(),
            mask.flatten(),
            mask[0, 0],
        ]
    )


def pairs(r: random.Random, image: Tensor, mask: Tensor, n: int) -> object:
    return r.choice(
        [
            {"image": image, "mask": mask},
            (image,),
            (image, mask, 0),
            image,
            None,
            [],
            torch.stack([image, image]),
            {"image": image, "label": mask, "path": "a.png"},
        ]
    )


def black_and_white(r: random.Random, image: Tensor, mask: Tensor, n: int) -> tuple:
    return image, torch.where(mask == 0, 0, 255).to(r.choice([torch.uint8, torch.int64, torch.int32]))


WRONG = (
    numbers,
    scaled_images,
    image_types,
    image_axes,
    sizes,
    mask_types,
    mask_axes,
    pairs,
    black_and_white,
)


class Pairs(Dataset):
    """Sound pairs; those of `changed` go through `change`, alike at each reading."""

    def __init__(self, seed: int) -> None:
        r = random.Random(seed)
        torch.manual_seed(seed)
        self.seed, self.num_classes = seed, r.randint(2, 6)
        height = r.randint(5, 20)
        shape = (LENGTH, height, height + r.randint(1, 9))  # a square mask may be turned unseen
        answers = torch.randint(self.num_classes, shape)
        self.masks = torch.where(
            torch.rand(shape) < 0.8, answers, torch.randint(self.num_classes, shape)
        ).byte()
        self.images = torch.randint(256, (LENGTH, 3, *shape[1:])).byte()
        self.images[:, 0] = answers  # what the network reads
        self.images[:, :, 0, 0] = 255  # each image has its whole range
        self.masks[:, 0, 1] = 0  # and each mask a background
        self.changed = set(r.sample(range(LENGTH), r.choice([0, 1, 2, LENGTH, LENGTH])))
        self.changes = [r.choice(WRONG)]
        if r.random() < 0.25:
            self.changes.append(r.choice(WRONG[:-1]))
        if r.random() < 0.5 and black_and_white not in self.changes:  # beside void that one cannot be told
            self.masks[torch.rand(shape) < 0.2] = 255
        if not self.changed or r.random() < 0.1:
            self.changes = [sound]

    def __len__(self) -> int:
        return LENGTH

    def right(self, index: int) -> tuple[Tensor, Tensor]:
        return self.images[index], self.masks[index]

    def __getitem__(self, index: int) -> object:
        if not 0 <= index < LENGTH:
            raise FileNotFoundError(f"{index}.png")
        sample = self.right(index)
        if index not in self.changed:
            return sample
        r = random.Random(self.seed)  # one kind of slip in all of them
        torch.manual_seed(self.seed + index)
        first, *second = self.changes
        sample = first(r, *sample, self.num_classes)
        for change in second:  # what the first has spoilt may be no longer spoilt further
            try:
                sample = change(r, *sample, self.num_classes)
            except Exception:
                break
        return sample


class Right(Pairs):
    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        return self.right(index)


class ReadsRed(nn.Module):
    """The answer of a pixel is its red channel, an id / 255."""

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.num_classes, self.gain = num_classes, nn.Parameter(torch.ones(()))

    def forward(self, images: Tensor) -> Tensor:
        ids = (images[:, 0] * 255).round().long().clamp(0, self.num_classes - 1)
        return F.one_hot(ids, self.num_classes).movedim(-1, 1).float() * self.gain


def outcome(call) -> tuple[str, object]:
    """What became of a call: ("counts", them), ("refused", the text), or ("defect", the error)."""
    try:
        return "counts", call()
    except Exception as error:
        ours = PACKAGE in Path(traceback.extract_tb(error.__traceback__)[-1].filename).parents
        if ours and isinstance(error, ValueError | FloatingPointError) and str(error):
            return "refused", str(error)
        return "defect", f"{type(error).__name__}: {error}"


def examine(seed: int) -> tuple[str, str]:
    """The kind of the trial, and how it ended: "scored right", "refused" or a defect in words."""
    # dividing 6: `fit` leaves out a last batch
    data, batch = Pairs(seed), random.Random(seed).choice([1, 2, 3, 6])
    kind = " + ".join(change.__name__ for change in data.changes)

    def score(pairs: Dataset) -> Tensor:
        return evaluate(ReadsRed(data.num_classes), pairs, batch_size=batch, precision="fp32").counts

    how, found = outcome(lambda: score(data))
    if how == "counts":
        how = "scored right" if torch.equal(found, score(Right(seed))) else "defect"
        found = "scored wrong"
    if how == "defect":
        return kind, f"defect: {found}"
    if (
        how == "refused"
        and data.changes == [sound]
        and "of the same" not in found
        and "a batch holds" not in found
    ):
        return kind, f"defect: refused, though right: {found}"
    if seed % 10 == 0:
        options = {"epochs": 1, "batch_size": batch, "precision": "fp32", "quiet": True}
        for train, valid in ((data, Right(seed)), (Right(seed), data)):
            by_fit, text = outcome(lambda: fit(ReadsRed(data.num_classes), train, valid, **options))  # noqa: B023
            if by_fit == "defect" or (by_fit == "counts") != (how == "scored right"):
                return kind, f"defect: evaluate {how}, fit {by_fit}: {text}"
    return kind, how


def run(trials: int, first: int = 0) -> tuple[dict[str, int], list[str]]:
    """How many of the trials ended how, and the defects."""
    ends, defects = Counter(), []
    for seed in range(first, first + trials):
        kind, how = examine(seed)
        if how.startswith("defect"):
            defects.append(f"trial {seed}, {kind}: {how}")
        ends[f"{kind if ' + ' not in kind else 'two changes'}, {how.split(':')[0]}"] += 1
    return dict(sorted(ends.items())), defects


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--trials", type=int, default=2000)
    trials = parser.parse_args().trials
    torch.set_num_threads(1)
    ends, defects = run(trials)
    print("\n".join(defects))
    wrong = sum("scored wrong" in text for text in defects)
    result = {"trials": trials, "scored_wrong": wrong, "other_defects": len(defects) - wrong, "ends": ends}
    print(result, "->", record("gate_fuzz", result))


if __name__ == "__main__":
    main()
