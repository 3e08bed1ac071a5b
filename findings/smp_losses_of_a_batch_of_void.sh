#!/bin/sh
# segmentation-models-pytorch 0.6.0: where every pixel of a batch has the ignore_index, which happens with small crops, its
# losses answer in three ways: DiceLoss with 0, FocalLoss with nan, LovaszLoss with an empty tensor whose backward stops.
# Seen below: the three values, and the empty one's shape.
set -e
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet segmentation-models-pytorch==0.6.0 torch==2.15.0 torchvision==0.29.2 numpy==2.4.6
cd "$folder"
venv/bin/python - <<'PY'
import segmentation_models_pytorch as smp
import torch

logits, masks = torch.randn(2, 3, 4, 4), torch.full((2, 4, 4), 255)
values = {
    loss.__name__: loss("multiclass", ignore_index=255)(logits, masks)
    for loss in (smp.losses.DiceLoss, smp.losses.FocalLoss, smp.losses.LovaszLoss)
}
print(values)
assert values["DiceLoss"] == 0 and values["FocalLoss"].isnan() and values["LovaszLoss"].shape == (0, 3)
PY
