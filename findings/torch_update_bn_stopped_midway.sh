#!/bin/sh
# torch 2.15.0: torch.optim.swa_utils.update_bn sets the momentum of every batch norm to None while it measures, which makes
# them average all batches equally, and gives it back after the last batch alone. Where the loader raises before (a file that
# cannot be read, Ctrl-C in a notebook), momentum stays None, and nothing tells: if this network is trained further, its
# statistics are a plain average over all batches since, instead of following the weights.
# Seen below: momentum 0.1 after a whole pass, None after one that was stopped.
set -e
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet torch==2.15.0 numpy==2.4.6
cd "$folder"
venv/bin/python - <<'PY'
import torch
from torch.optim.swa_utils import update_bn

network = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 1), torch.nn.BatchNorm2d(4))


def batches(readable):
    for number in range(3):
        if number >= readable:
            raise OSError("a picture that cannot be read")
        yield torch.rand(2, 3, 8, 8)


update_bn(batches(3), network)
print("after a whole pass:", network[1].momentum)
assert network[1].momentum == 0.1
try:
    update_bn(batches(1), network)
except OSError as error:
    print("stopped:", error)
print("after one that was stopped:", network[1].momentum)
assert network[1].momentum is None, "momentum is given back: this has changed"
PY
