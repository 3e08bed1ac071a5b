"""What transformers' MaskFormer answers with weights and images that a formula gives: maskformer_referee.json.

Run: python -m tests.models.maskformer_referee (in an environment that has transformers beside this project's packages).
"""

import json
import re
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from nbhelpers.models.maskformer import MaskFormer
from nbhelpers.models.maskformer_loss import Segments

FILE = Path(__file__).with_suffix(".json")
LEVELS = {"paper": ("c2", "c3", "c4", "c5"), "fine": ("c1", "c2", "c3")}
QUERIES, CHANNELS, LAYERS, HEADS, HIDDEN, CLASSES = 7, 32, 3, 4, 48, 3


def ours(levels: tuple[str, ...]) -> MaskFormer:
    model = MaskFormer(
        num_classes=CLASSES,
        encoder="resnet18",
        levels=levels,
        num_queries=QUERIES,
        channels=CHANNELS,
        layers=LAYERS,
        heads=HEADS,
        hidden_channels=HIDDEN,
    )
    return filled(model).eval()


def filled(model: nn.Module) -> nn.Module:
    """Every weight and statistic of other random numbers, the same in any version of torch."""
    rng = np.random.default_rng(0)
    with torch.no_grad():
        for name, tensor in model.state_dict().items():
            if not tensor.is_floating_point():
                continue
            values = rng.standard_normal(tensor.shape)
            if name.endswith("running_var"):
                values = 0.5 + values**2
            elif tensor.ndim > 1 and name != "queries":
                values = values / np.sqrt(tensor[0].numel())
            elif name.endswith("weight"):
                values = 1 + 0.3 * values
            tensor.copy_(torch.from_numpy(values))
    return model


def scene() -> tuple[Tensor, list[Segments]]:
    """Two images of 64 x 96, and three and no segments on them."""
    rng = np.random.default_rng(1)
    images = torch.from_numpy(rng.random((2, 3, 64, 96), np.float32))
    masks = torch.zeros(3, 64, 96)
    masks[0, 3:31, 5:50], masks[1, 20:60, 50:90], masks[2, 40:64, 0:33] = 1, 1, 1
    return images, [
        Segments(torch.tensor([0, 2, 1]), masks),
        Segments(torch.zeros(0, dtype=torch.long), torch.zeros(0, 64, 96)),
    ]


def theirs(model: MaskFormer) -> nn.Module:
    """transformers' class with the weights of `model`."""
    import transformers

    levels = [int(level[1:]) - 1 for level in model.levels]
    config = transformers.MaskFormerConfig(
        backbone_config=transformers.TimmBackboneConfig(
            backbone="resnet18", out_indices=levels, use_pretrained_backbone=False
        ),
        decoder_config=transformers.DetrConfig(
            decoder_layers=LAYERS,
            decoder_attention_heads=HEADS,
            decoder_ffn_dim=HIDDEN,
            d_model=CHANNELS,
            num_queries=QUERIES,
        ),
        fpn_feature_size=CHANNELS,
        mask_feature_size=CHANNELS,
        num_labels=CLASSES,
    )
    referee = transformers.MaskFormerForInstanceSegmentation(config).eval()
    state, wanted = renamed(model.state_dict()), referee.state_dict()
    missing = [name for name in wanted if name not in state and not name.startswith("criterion")]
    # theirs keeps the stages of the backbone that its features do not need
    assert all(re.search(r"_backbone\.(layer[34])", name) for name in missing), missing
    assert set(state) <= set(wanted), set(state) - set(wanted)
    referee.load_state_dict(state, strict=False)
    return referee


RENAMED = (
    (r"^encoder\.backbone\.", "model.pixel_level_module.encoder._backbone."),
    (r"^pixel_decoder\.head\.", "model.pixel_level_module.decoder.mask_projection."),
    (r"^pixel_decoder\.stem\.", "model.pixel_level_module.decoder.fpn.stem."),
    (r"^pixel_decoder\.laterals\.(\d+)\.", r"model.pixel_level_module.decoder.fpn.layers.\1.proj."),
    (r"^pixel_decoder\.blocks\.(\d+)\.", r"model.pixel_level_module.decoder.fpn.layers.\1.block."),
    (r"^project\.", "model.transformer_module.input_projection."),
    (r"^queries$", "model.transformer_module.queries_embedder.weight"),
    (r"^norm\.", "model.transformer_module.decoder.layernorm."),
    (r"^layers\.", "model.transformer_module.decoder.layers."),
    (r"\.among\.", ".self_attn."),
    (r"\.across\.", ".encoder_attn."),
    (r"\.norms\.0\.", ".self_attn_layer_norm."),
    (r"\.norms\.1\.", ".encoder_attn_layer_norm."),
    (r"\.norms\.2\.", ".final_layer_norm."),
    (r"\.think\.0\.", ".mlp.fc1."),
    (r"\.think\.2\.", ".mlp.fc2."),
    (r"\.out_proj\.", ".o_proj."),
    (r"^class_head\.", "class_predictor."),
    (r"^mask_head\.(\d)", lambda found: f"mask_embedder.{int(found[1]) // 2}.0"),
)


def renamed(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Our state under their names; our attention keeps the weights of query, key and value in one tensor."""
    result = {}
    for name, tensor in state.items():
        for pattern, other in RENAMED:
            name = re.sub(pattern, other, name)
        if "in_proj_" in name:
            prefix, kind = name.split("in_proj_")
            for letter, part in zip("qkv", tensor.chunk(3)):
                result[f"{prefix}{letter}_proj.{kind}"] = part
        else:
            result[name] = tensor
    return result


@torch.no_grad()
def answers(model: MaskFormer) -> dict[str, list | float]:
    """The referee's logits, of masks every fifth pixel, and its losses: of its answer, and of that after each layer."""
    referee = theirs(model)
    images, truths = scene()
    labels = {
        "mask_labels": [truth.masks for truth in truths],
        "class_labels": [truth.classes for truth in truths],
    }
    inputs = model.encoder.normalize(images)
    output = referee(inputs, **labels, output_hidden_states=True)
    norm = referee.model.transformer_module.decoder.layernorm
    losses = []
    # the last one is its answer, with the norm
    for state in output.transformer_decoder_hidden_states[-LAYERS:-1]:
        state = norm(state)  # as in the paper's code; transformers' own auxiliary loss leaves it out
        masks = torch.einsum(
            "nqc,nchw->nqhw", referee.mask_embedder(state), output.pixel_decoder_last_hidden_state
        )
        parts = referee.get_loss_dict(
            masks, referee.class_predictor(state), labels["mask_labels"], labels["class_labels"], None
        )
        losses.append(float(referee.get_loss(parts)))
    return {
        "classes": output.class_queries_logits.tolist(),
        "masks": output.masks_queries_logits[..., ::5, ::5].tolist(),
        "loss": float(output.loss),
        "loss_by_layer": [*losses, float(output.loss)],
    }


def main() -> None:
    import transformers

    content = {
        "command": "python -m tests.models.maskformer_referee",
        "versions": {"transformers": transformers.__version__, "torch": torch.__version__},
        "answers": {name: answers(ours(levels)) for name, levels in LEVELS.items()},
    }
    FILE.write_text(json.dumps(content) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
