"""What the first cell of every notebook calls: seed, look around, and say in one line what was found.

Three environment variables choose what a notebook does, so that one and the same page serves them all:
DATA (`street`, drawn by code, or `camvid`, photographs), FULL=1 (the long schedule; FULL=0 keeps it short on
a GPU) and SMOKE=1 (a few steps only, for tests).
"""

import os
import platform
from dataclasses import dataclass
from typing import TypeVar

import torch
from accelerate.utils import set_seed

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


def setup(seed: int = 0, data: str | None = None) -> Run:
    """Seed random, numpy and torch, and print one line: versions, device, threads, data and mode.

    data: goes before the environment variable DATA; the default is "street".
    The mode is "full" on a GPU and "quick" on a processor, unless FULL or SMOKE says otherwise.
    Raises ValueError for a name or a switch that does not exist.
    """
    data = data or os.environ.get("DATA") or "street"
    if data not in SOURCES:
        raise ValueError(f"DATA is {data!r}; it must be one of {', '.join(SOURCES)}")
    device = _fastest_device()
    mode = _mode(on_gpu=device.type != "cpu")
    set_seed(seed)
    threads = torch.get_num_threads()
    print(
        f"Python {platform.python_version()}, torch {torch.__version__} on {device.type}, "
        f"{threads} thread{'s' if threads > 1 else ''} | data: {_source(data)} | {_explained(mode)}"
    )
    return Run(data, mode, device)


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
