"""What the first cell of every notebook calls: seed, look around, and say in one line what was found.

Three environment variables choose what a notebook does, so that one and the same page serves them all:
DATA (`street`, drawn by code, or `camvid`, photographs), FULL=1 (the long schedule; FULL=0 keeps it short on
a GPU) and SMOKE=1 (a few steps only, for tests). NBHELPERS_PRECISION=fp32 (or bf16, fp16) is what the whole package
computes in wherever a call says precision="auto"; unset, this is the fastest that the machine has instructions for.
"""

import ctypes
import importlib.util
import os
import platform
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import torch
from accelerate.utils import set_seed
from torch import Tensor
from torchvision.transforms import v2

from nbhelpers.datasets import CamVid, InMemory, Street, class_weights, in_memory, train_transform

SOURCES = ("street", "camvid")
T = TypeVar("T")


@dataclass(frozen=True)
class Run:
    """What `setup` found. data: "street" or "camvid"; mode: "quick", "full" or "smoke"; device: the fastest here."""

    data: str
    mode: str
    device: torch.device

    def pick(self, *, quick: T, full: T, smoke: T) -> T:
        """The value for this mode: `epochs = run.pick(quick=10, full=60, smoke=1)`."""
        return {"quick": quick, "full": full, "smoke": smoke}[self.mode]

    def scenes(self, size: tuple[int, int] = (72, 96), train: int = 400, valid: int = 100) -> "Scenes":
        """The street scenes of this run: `train` and `valid` of them, drawn by code at `size`; or photographs.

        CamVid's photographs are shrunk to twice `size` for training and scored as they are. The full mode takes
        all there are, and draws toy scenes of 4/3 the size; smoke takes a handful.
        """
        limit, few = self.pick(quick=(train, valid), full=(None, None), smoke=(8, 4))
        if self.data == "camvid":
            size = (2 * size[0], 2 * size[1])
            source = CamVid("train")
            pictures = in_memory(CamVid("val"), limit=self.pick(quick=None, full=None, smoke=4))
            limit = self.pick(quick=None, full=None, smoke=8)
        else:
            size = self.pick(quick=size, full=(size[0] * 4 // 3, size[1] * 4 // 3), smoke=size)
            source, pictures = Street("train", size), in_memory(Street("val", size), limit=few)
        # a short training on toy scenes is over before it needs more variety than a mirror gives
        short = self.data == "street" and self.mode != "full"
        transform = v2.RandomHorizontalFlip() if short else train_transform()
        return Scenes(
            in_memory(source, size, transform, limit),
            in_memory(pictures, size, limit=None if self.mode == "full" else 40),
            pictures,
            size,
        )


@dataclass(frozen=True)
class Scenes:
    """What a lesson trains on and is scored by; `size` (height, width) is that of `train` and `valid`.

    train: with augmentation. valid: the first val pairs, to look at after every epoch. pictures: the val pairs at
    their own size, for the score: `evaluate(model, scenes.pictures, size=scenes.size)`.
    """

    train: InMemory
    valid: InMemory
    pictures: InMemory
    size: tuple[int, int]

    @property
    def weights(self) -> Tensor:
        """(num_classes,): square roots of the median frequency weights, gentler than these."""
        return class_weights(self.train).sqrt()


def setup(seed: int = 0, data: str | None = None, *, needs: Sequence[str] = ()) -> Run:
    """Seed random, numpy and torch, and print one line: versions, device, threads, data and mode.

    data: goes before the environment variable DATA; the default is "street".
    needs: packages that this lesson imports and a hosted machine may lack; those that are missing are fetched.
    The mode is "full" on a GPU and "quick" on a processor, unless FULL or SMOKE says otherwise.
    Raises ValueError for a name or a switch that does not exist, RuntimeError for a package that cannot be fetched.
    """
    _fetch([name for name in needs if importlib.util.find_spec(name) is None])
    data = data or os.environ.get("DATA") or "street"
    if data not in SOURCES:
        raise ValueError(f"DATA is {data!r}; it must be one of {', '.join(SOURCES)}")
    device = _fastest_device()
    mode = _mode(on_gpu=device.type != "cpu")
    set_seed(seed)
    _keep_freed_memory()
    threads = torch.get_num_threads()
    print(
        f"Python {platform.python_version()}, torch {torch.__version__} on {device.type}, "
        f"{threads} thread{'s' if threads > 1 else ''} | data: {_source(data)} | {_explained(mode)}"
    )
    return Run(data, mode, device)


def _fetch(packages: list[str]) -> None:
    """Install these, and nothing that they depend on: from Kaggle's bundle where there is one, else by pip's own ways."""
    if not packages:
        return
    from nbhelpers.kaggle import find_bundle  # the room is large, and only a hosted machine comes here

    bundle = find_bundle()
    wheels = ["-f", str(bundle), "--retries=0"] if bundle else []
    pip = [sys.executable, "-m", "pip", "install", "-qq", "--no-deps", *wheels, *packages]
    done = subprocess.run(pip, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(
            f"this lesson needs {', '.join(packages)}, which could not be fetched: switch this notebook's internet on, "
            f"or pack it into the bundle by make kaggle WHEELS='{' '.join(packages)}'; then run this cell again\n{done.stderr}"
        )
    importlib.invalidate_caches()
    print(f"fetched for this lesson: {', '.join(packages)}")


def _keep_freed_memory() -> None:
    """Let glibc keep up to 256 MB of what was freed: a training step frees and asks for the same memory every time.

    Left alone, it gives the top of the heap back to the system at each step and fetches it anew, page by page: a tenth
    of the CPU seconds of the narrow U-Net's training. Elsewhere than on Linux with glibc, nothing happens.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt:
        mallopt(-3, 32 << 20)  # M_MMAP_THRESHOLD: maps of a batch come from the heap; its largest value
        mallopt(-1, 256 << 20)  # M_TRIM_THRESHOLD


def _source(data: str) -> str:
    if data == "street":
        return "street, drawn by code"
    return f"{data}, photographs from {os.environ.get('NBHELPERS_DATA') or 'data/'}"


def _fastest_device() -> torch.device:
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def _mode(on_gpu: bool) -> str:
    full, smoke = _switch("FULL"), _switch("SMOKE")
    if full and smoke:
        raise ValueError("FULL=1 and SMOKE=1 exclude each other; unset one of them")
    if smoke:
        return "smoke"
    return "full" if full or (full is None and on_gpu) else "quick"


def _switch(name: str) -> bool | None:
    value = os.environ.get(name, "")
    if value not in ("", "0", "1"):
        raise ValueError(f"{name} is {value!r}; it must be 1 or 0, or not be set")
    return None if value == "" else value == "1"


def _explained(mode: str) -> str:
    return {
        "quick": "quick (FULL=1 trains longer)",
        "full": "full, the long schedule (FULL=0 is quick)",
        "smoke": "smoke: a few steps, to see that it runs; the scores mean nothing",
    }[mode]
