#!/bin/sh
# MONAI 1.6.1: where one of the two masks is empty, compute_hausdorff_distance is inf, but with percentile=95 it is nan:
# the percentile interpolates between two infinite distances. A mean that leaves nan out, as MONAI's own does, then drops
# the very images in which an object was missed altogether.
# Seen below: both values for a square that was missed, and the mean of HD95 with a second, perfect image.
set -e
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet monai==1.6.1 torch==2.15.0 scipy==1.17.1 numpy==2.4.6
cd "$folder"
venv/bin/python - <<'PY'
import torch
from monai.metrics import HausdorffDistanceMetric, compute_hausdorff_distance

square = torch.zeros(1, 1, 9, 9)
square[..., 3:6, 3:6] = 1
nothing = torch.zeros(1, 1, 9, 9)
largest = compute_hausdorff_distance(nothing, square, include_background=True)
hd95 = compute_hausdorff_distance(nothing, square, include_background=True, percentile=95)
metric = HausdorffDistanceMetric(include_background=True, percentile=95, reduction="mean")
metric(torch.cat([nothing, square]), torch.cat([square, square]))
mean = metric.aggregate()
print(largest, hd95, mean)
assert largest.isinf().all() and hd95.isnan().all() and mean.item() == 0
PY
