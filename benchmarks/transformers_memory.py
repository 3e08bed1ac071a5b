"""Memory of our SegFormer-B0 and MaskFormer beside transformers' own: by how much a step or an image raises a process's peak.

Training at batch 4, 160 x 160, inference of one image of 224 x 224, of SegFormer also of 1024 x 1024, in float32. Every measurement is a
process of its own; counted from just before the first step to the peak of the third. Linux alone.
Run: python -m benchmarks.transformers_memory, where transformers is installed
"""

import json
import statistics
import subprocess
import sys
from pathlib import Path

import torch

from benchmarks.zoo_speed import PAIRS, inference, plain_step
from tools.record import record

ROUNDS = 3
JOBS = (
    ("SegFormer-B0, transformers", "train", 160),
    ("SegFormer-B0, transformers", "infer", 224),
    ("SegFormer-B0, transformers", "infer", 1024),
    ("MaskFormer, transformers", "train", 160),
    ("MaskFormer, transformers", "infer", 224),
)


def megabytes(field: str) -> float:
    """A line of /proc/self/status, such as VmHWM, the peak of the memory that the process held."""
    lines = Path("/proc/self/status").read_text("utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field)) / 1024


def measure(name: str, task: str, side: int, whose: str) -> float:
    """Megabytes between what the process held before and the most that it held."""
    torch.manual_seed(0)
    model = PAIRS[name][whose == "theirs"]()
    if task == "train":
        job = plain_step(model, torch.rand(4, 3, side, side), torch.randint(0, 11, (4, side, side)))
    else:
        job = inference(model, side=side)
    Path("/proc/self/clear_refs").write_text("5")  # forget the peak so far
    before = megabytes("VmRSS")
    for _ in range(3):
        job()
    return megabytes("VmHWM") - before


def main() -> None:
    results = {}
    for name, task, side in JOBS:
        peaks = {"ours": [], "theirs": []}
        for _ in range(ROUNDS):
            for whose, values in peaks.items():
                command = [
                    sys.executable,
                    "-m",
                    "benchmarks.transformers_memory",
                    name,
                    task,
                    str(side),
                    whose,
                ]
                values.append(float(subprocess.check_output(command, text=True).splitlines()[-1]))
        medians = {whose: statistics.median(values) for whose, values in peaks.items()}
        results[f"{name}, {task}, {side} x {side}: MB"] = {
            whose: round(value, 1) for whose, value in medians.items()
        } | {"ours / theirs": round(medians["ours"] / medians["theirs"], 2)}
        print(json.dumps(results), flush=True)
    print(record("transformers_memory", results))


if __name__ == "__main__":
    if len(sys.argv) > 1:
        name, task, side, whose = sys.argv[1:]
        print(measure(name, task, int(side), whose))
    else:
        main()
