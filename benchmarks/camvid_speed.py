"""Recipes on CamVid: which reaches the mean IoU of the first in a third of its CPU seconds, and which the most?

Recipes take turns, each training in a process of its own, on one thread, in float32 and with AVX2 alone, so that machines
compare.
Each row is stored in studies/results/24_budget.json as soon as it is there; what is there is not made again.
Its curve has mean IoU on all of val at 360 x 480 beside the CPU seconds of training so far, without those of scoring, and
the operations so far; the verdict is by the score at the end. Decoding and drawing of the pictures is not counted.
Run: NBHELPERS_DATA=folder python -m benchmarks.camvid_speed run [--only NAME] [--seeds 3] [--scale 0.1]
Without `run`: the table of the rows that are there. A scale shortens all epochs, for trials, and is told in the row.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from filelock import FileLock
from torch import nn

from benchmarks.camvid_recipes import RECIPES, Phase, Recipe
from nbhelpers.datasets import CamVid, InMemory, class_weights, in_memory
from nbhelpers.inference.writing import written_whole
from nbhelpers.notebook import setup
from nbhelpers.training import evaluate, fit
from studies.which import budget
from studies.which.__main__ import PLAIN
from studies.which.costs import Costs
from tools.record import provenance

# one thread: one that waits for another spins, and CPU seconds would count that
HELD_TO = {"NBHELPERS_PRECISION": "fp32", "OMP_NUM_THREADS": "1"}
LOOKS = 4  # of a phase, at 360 x 480
WATCHED = 40  # of val, shrunk, after every epoch, as in lesson 02
# at the end, all networks: a crop shows things larger than val does
SEEN_AT = ((144, 192), (192, 256), (240, 320), (288, 384))


class Clock:
    """CPU and wall seconds of the blocks it is around."""

    def __init__(self) -> None:
        self.cpu = self.wall = 0.0

    def __enter__(self) -> None:
        self._started = time.process_time(), time.perf_counter()

    def __exit__(self, *_: object) -> None:
        self.cpu += time.process_time() - self._started[0]
        self.wall += time.perf_counter() - self._started[1]


def operations(recipe: Recipe, scale: float = 1) -> list[int]:
    """Multiplications so far at each look, of all passes forward over what was trained on.

    Those backward take about twice as many.
    """
    network, before, found = recipe.build(), 0, []
    for phase in recipe.phases:
        epochs, limit = shortened(phase, scale)
        epoch = (limit or phase.pictures) * Costs(phase.size, 1).macs(network)
        found += [before + stop * epoch for stop in stops(epochs)]
        before = found[-1]
    return found


def shortened(phase: Phase, scale: float) -> tuple[int, int | None]:
    """Epochs, and pictures where less than one epoch is left; None: all."""
    epochs = scale * phase.epochs
    if epochs >= 1:
        return round(epochs), None
    return 1, max(2 * phase.batch_size, round(epochs * phase.pictures))


def stops(epochs: int) -> list[int]:
    """After which epochs to score: `LOOKS` of them, evenly, with the last."""
    return sorted({max(1, round(epochs * (look + 1) / LOOKS)) for look in range(LOOKS)})


def measure(recipe: Recipe, seed: int, scale: float) -> dict:
    """One training, in the phases of `recipe`; what it scores and costs."""
    setup(seed, "camvid")
    pictures = in_memory(CamVid("val"), limit=None if scale >= 0.1 else 8)
    network, clock, curve, macs = recipe.build(), Clock(), [], iter(operations(recipe, scale))
    for number, phase in enumerate(recipe.phases):
        epochs, limit = shortened(phase, scale)
        train, valid = phase.train(limit), in_memory(pictures, phase.seen_at, limit=WATCHED)
        weights = class_weights(train).sqrt()
        with tempfile.TemporaryDirectory() as folder:
            for stop in stops(epochs):  # a plan in pieces is the same training: see `fit`
                with clock:
                    fit(
                        network,
                        train,
                        valid,
                        epochs=epochs,
                        stop_after=stop,
                        resume=Path(folder) / "checkpoint.pt",
                        lr=phase.lr,
                        batch_size=phase.batch_size,
                        class_weights=weights,
                        optimizer=phase.optimizer,
                        precision="fp32",
                        seed=100 * seed + number,
                        quiet=True,
                    )
                score = round(_score(network, pictures, phase.seen_at), 4)
                curve.append([round(clock.cpu, 1), score, next(macs)])
    by_size = {" x ".join(map(str, size)): round(_score(network, pictures, size), 4) for size in SEEN_AT}
    return {
        "mean_iou": curve[-1][1],
        "mean_iou_seen_at": by_size,
        "cpu_seconds": curve[-1][0],
        "seconds": round(clock.wall, 1),
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "macs": curve[-1][2],
        "parameters": sum(parameter.numel() for parameter in network.parameters()),
        "curve": curve,
        "recipe": ", then ".join(str(phase).removeprefix("Phase") for phase in recipe.phases),
        "protocol": f"all steps in float32; scored on {len(pictures)} photographs of val at 360 x 480, void ignored",
    }


def _score(network: nn.Module, pictures: InMemory, size: tuple[int, int]) -> float:
    return evaluate(network, pictures, size=size, batch_size=4, precision="fp32").mean_iou


def key(name: str, seed: int, scale: float) -> str:
    return f"{name}, seed {seed}" + ("" if scale == 1 else f", a trial of {scale:g}")


def store(name: str, row: dict) -> None:
    """Add a row, whatever another process may have added meanwhile."""
    with FileLock(Path(tempfile.gettempdir()) / "nbhelpers-camvid-speed.lock"):
        content = dict(sorted((budget.rows() | {name: row}).items()))
        with written_whole(budget.PATH) as temporary:
            Path(temporary).write_text(json.dumps(content, indent=1) + "\n", "utf-8")


def run(names: list[str], seeds: int, scale: float, minutes: float) -> None:
    """What is missing, each in a new process; all recipes of one seed before the next; begin none after `minutes`."""
    end = time.monotonic() + 60 * minutes
    for seed in range(seeds):
        for name in names:
            if key(name, seed, scale) in budget.rows() or time.monotonic() > end:
                continue
            one = [sys.executable, "-m", "benchmarks.camvid_speed", "one", "--only", name]
            one += ["--seeds", str(seed), "--scale", str(scale)]
            subprocess.run(one, env=os.environ | PLAIN | HELD_TO, check=True)


def main(argv: list[str]) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.camvid_speed", description="Recipes on CamVid."
    )
    parser.add_argument("action", nargs="?", choices=("run", "one"), help="`one` makes a row in this process")
    parser.add_argument(
        "--only", action="append", choices=RECIPES, metavar="NAME", help="may be given repeatedly"
    )
    parser.add_argument("--seeds", type=int, default=1, help="how many; for `one`, which")
    parser.add_argument("--scale", type=float, default=1, help="of all epochs; below 1 it is a trial")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="begin no row after so long")
    given = parser.parse_args(argv)
    names = given.only or list(RECIPES)
    if given.action == "one":
        (name,) = names
        row = {"name": name, "seed": given.seeds, "scale": given.scale}
        row |= measure(RECIPES[name], given.seeds, given.scale)
        command = f"python -m benchmarks.camvid_speed run --only {name!r}"
        command += "" if given.scale == 1 else f" --scale {given.scale:g}"
        store(key(name, given.seeds, given.scale), row | provenance(command))
        print(
            f"{key(name, given.seeds, given.scale)}: {row['mean_iou']:.3f} in {row['cpu_seconds']:.0f} CPU s"
        )
    elif given.action == "run":
        run(names, given.seeds, given.scale, given.minutes)
    else:
        print(budget.table(budget.rows()))


if __name__ == "__main__":
    main(sys.argv[1:])
