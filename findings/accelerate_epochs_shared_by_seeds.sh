#!/bin/sh
# accelerate 1.15.0: SeedableRandomSampler seeds its generator with seed + epoch, so the second epoch of one seed has the
# order of the first epoch of the next. Repetitions with seeds 0, 1, 2 share most of their orders and are not independent.
# Seen below: seed 0 in epoch 1 and seed 1 in epoch 0 give the same order.
set -e
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet accelerate==1.15.0 torch==2.15.0 numpy==2.4.6
cd "$folder"
venv/bin/python - <<'PY'
from accelerate.data_loader import SeedableRandomSampler


def order(seed, epoch):
    sampler = SeedableRandomSampler(range(8), data_seed=seed)
    sampler.set_epoch(epoch)
    return list(sampler)


print(order(0, 1), order(1, 0), order(0, 0))
assert order(0, 1) == order(1, 0) != order(0, 0)
PY
