"""FC-DenseNet103 beside a plain one by torch.cat, same weights: memory and time of a training step, time of inference.

Training at batch 4, 160 x 160 in float32 and in bf16 autocast, inference of one 224 x 224 image in float32. Every
measurement is a process of its own, and they take turns in rounds; the plain network runs in both memory layouts.
Run: python -m benchmarks.fc_densenet_memory
"""

import json
import resource
import statistics
import subprocess
import sys
import time

import torch
import torch.nn.functional as F
from torch import nn

from benchmarks.plain_fc_densenet import PlainFCDenseNet, take_weights
from nbhelpers.models.fc_densenet import FCDenseNet
from nbhelpers.visualisation import LiveBytes
from tools.record import record

ROUNDS, STEPS, IMAGES = 3, 3, 7
NETWORKS = {"ours": FCDenseNet, "plain": PlainFCDenseNet, "plain, channels_last": PlainFCDenseNet}
TASKS = ("train, fp32", "train, bf16", "infer, fp32")


def live_bytes(build: type[nn.Module]) -> tuple[int, int]:
    """Bytes of tensors that the forward pass keeps for the backward pass, and the most of both passes.

    FC-DenseNet103, batch 4, 160 x 160, float32. Parameters, inputs and the optimizer are not counted.
    """
    with torch.device("meta"):
        model, images = build(num_classes=11).train(), torch.rand(4, 3, 160, 160)
        with LiveBytes() as count:
            logits = model(images)
            kept = count.now
            F.cross_entropy(logits, torch.zeros(4, 160, 160, dtype=torch.long)).backward()
    return kept, count.peak


def measure(name: str, task: str) -> dict[str, float]:
    """The median of the seconds that a step or an image takes, and the peak of this process in MB."""
    torch.manual_seed(0)
    model = NETWORKS[name](num_classes=11).train("train" in task)
    size = (4, 3, 160, 160) if "train" in task else (1, 3, 224, 224)
    images, masks = torch.rand(size), torch.randint(0, 11, (size[0], *size[2:]))
    if "channels_last" in name:
        model, images = (each.to(memory_format=torch.channels_last) for each in (model, images))
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4)

    def step() -> None:
        with torch.autocast("cpu", torch.bfloat16, enabled="bf16" in task):
            logits = model(images)
        loss = F.cross_entropy(logits.float(), masks)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    def infer() -> None:
        with torch.inference_mode():
            model(images)

    seconds = []
    for _ in range(1 + (STEPS if model.training else IMAGES)):  # the first warms up
        started = time.perf_counter()
        (step if model.training else infer)()
        seconds.append(time.perf_counter() - started)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024  # Linux counts in KiB
    return {"seconds": statistics.median(seconds[1:]), "peak_mb": peak}


def difference() -> float:
    """The largest difference of two logits at 224 x 224, as a share of the logits' standard deviation."""
    torch.manual_seed(0)
    ours = FCDenseNet(num_classes=11).eval()
    plain = take_weights(PlainFCDenseNet(num_classes=11), ours).eval()
    images = torch.rand(1, 3, 224, 224)
    with torch.inference_mode():
        expected = plain(images)
        return ((ours(images) - expected).abs().max() / expected.std()).item()


def in_process(*arguments: str) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.fc_densenet_memory", *arguments]
    return json.loads(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout)


def main() -> None:
    results = {}
    for task in TASKS:
        rounds = [{name: in_process(name, task) for name in NETWORKS} for _ in range(ROUNDS)]
        for what in ("seconds", "peak_mb"):
            medians = {name: statistics.median(row[name][what] for row in rounds) for name in NETWORKS}
            ratios = {
                f"ours / {name}": medians["ours"] / medians[name] for name in NETWORKS if name != "ours"
            }
            results[f"{task}: {what}"] = {key: round(value, 3) for key, value in (medians | ratios).items()}
            print(f"{task}: {what}", results[f"{task}: {what}"], flush=True)
    kept, plain_kept = live_bytes(FCDenseNet), live_bytes(PlainFCDenseNet)
    for index, what in enumerate(("kept for the backward pass", "at the peak")):
        results[f"train, fp32: MB of tensors {what}"] = {
            "ours": kept[index] // 10**6,
            "plain": plain_kept[index] // 10**6,
        }
    results["largest difference of logits, in their standard deviations"] = difference()
    print(record("fc_densenet_memory", results, "python -m benchmarks.fc_densenet_memory"))


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(json.dumps(measure(*sys.argv[1:])))
    else:
        main()
