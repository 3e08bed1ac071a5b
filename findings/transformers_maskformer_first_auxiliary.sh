#!/bin/sh
# transformers 5.24.0: MaskFormer's auxiliary logits, from which its auxiliary loss is made, are those of the decoder's
# hidden states without the last, and the first of these is the decoder's input, which is zero. So the first auxiliary
# class logits are one constant, whatever the image; the paper has one answer for each layer instead.
# Seen below: three layers, three auxiliary answers; two images, the same first class logits.
set -e
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet transformers==5.24.0 torch==2.15.0 torchvision==0.29.2 scipy==1.17.1 numpy==2.4.6
cd "$folder"
venv/bin/python - <<'PY'
import torch
from transformers import DetrConfig, MaskFormerConfig, MaskFormerForInstanceSegmentation, ResNetConfig

torch.manual_seed(0)
stages = ["stage1", "stage2", "stage3", "stage4"]
config = MaskFormerConfig(
    backbone_config=ResNetConfig(
        layer_type="basic", depths=[1] * 4, hidden_sizes=[16] * 4, embedding_size=16, out_features=stages
    ),
    decoder_config=DetrConfig(
        decoder_layers=3, d_model=32, decoder_attention_heads=4, decoder_ffn_dim=32, num_queries=5
    ),
    fpn_feature_size=32,
    mask_feature_size=32,
    num_labels=2,
    use_auxiliary_loss=True,
)
network = MaskFormerForInstanceSegmentation(config).eval()
with torch.no_grad():
    answers = [
        network(torch.rand(1, 3, 64, 64), output_hidden_states=True, output_auxiliary_logits=True).auxiliary_logits
        for _ in range(2)
    ]
one, other = ([layer["class_queries_logits"] for layer in answer] for answer in answers)
print(len(one), [bool(torch.equal(a, b)) for a, b in zip(one, other)])
assert [torch.equal(a, b) for a, b in zip(one, other)] == [True, False, False]
PY
