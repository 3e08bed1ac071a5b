"""What the gate costs: CPU seconds of `fit` and `evaluate` here and in an older checkout, in turns, and its own share.

Each round starts a process per checkout, so that both import their own package.
Run: git worktree add /tmp/old COMMIT; python -m benchmarks.gate_cost /tmp/old
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

from tools.record import record

HERE, ROUNDS = Path(__file__).parents[1], 4

# Pictures of 96 x 128, as in the lessons; void in all masks. `files` stands for a reader's own set, not in memory.
SCRIPT = """
import json, sys, time, warnings
warnings.simplefilter("ignore")
import numpy as np, torch
from torch.utils.data import Dataset
torch.set_num_threads(1)
from nbhelpers.datasets import SegmentationDataset, in_memory
from nbhelpers.models.unet import UNet
from nbhelpers.training import evaluate, fit

class Pairs(SegmentationDataset):
    classes, palette = tuple(f"c{k}" for k in range(11)), np.zeros((11, 3), np.uint8)
    def __init__(self, length, void, spread=48):
        super().__init__()
        rng = np.random.default_rng(0)
        mask = rng.integers(0, 11, (length, 6, 8), dtype=np.uint8).repeat(16, 1).repeat(16, 2)
        self.masks_ = np.where(rng.random(mask.shape) < void, 255, mask).astype(np.uint8)
        self.images_ = (mask[..., None] * 20 + rng.integers(0, spread, (*mask.shape, 3))).astype(np.uint8)
    def __len__(self): return len(self.masks_)
    def read(self, index): return self.images_[index], self.masks_[index]

def cpu(call):
    started = time.process_time()
    call()
    return time.process_time() - started

times = {}
for name, void in (("void", 0.1), ("no void", 0.0)):
    for kind, keep in (("in memory", in_memory), ("read anew", lambda data: data)):
        train, valid = keep(Pairs(64, void)), keep(Pairs(32, void))
        torch.manual_seed(0)
        model = UNet(num_classes=11, widths=(8, 16, 32))
        options = {"epochs": 3, "batch_size": 8, "precision": "fp32", "quiet": True}
        if not times:
            fit(model, train, valid, **options)  # warm-up
        times[f"fit, {kind}, {name}"] = cpu(lambda: fit(model, train, valid, **options))
        times[f"evaluate, {kind}, {name}"] = cpu(lambda: [evaluate(model, valid, precision="fp32") for _ in range(4)])
shares = {}
try:
    from nbhelpers.datasets import dataset, gate
except ImportError:
    pass  # an older checkout
else:
    spent = [0.0]
    def watched(function):
        def call(*arguments, **options):
            started = time.process_time()
            try: return function(*arguments, **options)
            finally: spent[0] += time.process_time() - started
        return call
    dataset.check_sample = watched(dataset.check_sample)
    gate.Gate.see, gate.Gate.inspect = watched(gate.Gate.see), watched(gate.Gate.inspect)
    for name, call in (("fit", lambda: fit(model, train, valid, **options)), ("evaluate", lambda: evaluate(model, valid, precision="fp32"))):
        spent[0] = 0.0
        total = cpu(call)
        shares[name] = spent[0] / total
print(json.dumps([times, shares]))
"""


def measure(checkout: Path) -> list[dict[str, float]]:
    environment = os.environ | {"PYTHONPATH": str(checkout), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        cwd=checkout,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("old", type=Path, help="a checkout of the commit to compare with")
    old = parser.parse_args().old
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=old, capture_output=True, text=True, check=True
    ).stdout.strip()
    rounds = []
    for number in range(ROUNDS):
        rounds.append([measure(old), measure(HERE)] if number % 2 else [measure(HERE), measure(old)][::-1])
    shares = [after[1] for _, after in rounds]
    result = {
        f"share of the gate in {name}": round(statistics.median(s[name] for s in shares), 4)
        for name in shares[0]
    }
    print(result)
    for name in rounds[0][0][0]:
        before, after = ([pair[side][0][name] for pair in rounds] for side in (0, 1))
        result[name] = {
            "old_cpu_seconds": round(statistics.median(before), 3),
            "new_cpu_seconds": round(statistics.median(after), 3),
            "ratio": round(statistics.median(after) / statistics.median(before), 3),
        }
        print(f"{name:32} {result[name]}")
    print(
        record(
            "gate_cost", {"old": commit} | result, f"python -m benchmarks.gate_cost (checkout of {commit})"
        )
    )


if __name__ == "__main__":
    main()
