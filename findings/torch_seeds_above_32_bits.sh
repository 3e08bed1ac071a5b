#!/bin/sh
# torch 2.15.0: the CPU's generator uses the lower 32 bits of a seed, although torch.manual_seed takes 64 and
# torch.initial_seed gives all of them back. Seeds that are made by hashing or by multiplying can so fall together.
# Seen below: seeds 7 and 7 + 5 * 2**32 give the same numbers.
set -e
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet torch==2.15.0 numpy==2.4.6
cd "$folder"
venv/bin/python - <<'PY'
import torch

torch.manual_seed(7)
first = torch.rand(3)
torch.manual_seed(7 + 5 * 2**32)
second = torch.rand(3)
print(first, second, torch.initial_seed())
assert torch.equal(first, second) and torch.initial_seed() == 7 + 5 * 2**32
PY
