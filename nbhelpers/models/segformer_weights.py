"""SegFormer's weights under other people's names: the authors' code and SMP's, and the Hugging Face hub's."""

import re
from pathlib import Path

import torch
from torch import Tensor, nn

RENAMED = (  # in this order; what a file of ours holds passes unchanged
    (r"^segformer\.", ""),  # transformers' whole network
    # a scale of the encoder: the authors count from 1, the hub from 0
    (r"^encoder\.(patch_embed|block|norm)(?=\d)", r"\1"),  # SMP's whole network
    (r"^(patch_embed|block|norm)(\d)\.", lambda found: f"{found[1]}s.{int(found[2]) - 1}."),
    (r"^encoder\.patch_embeddings\.|^patch_embeds\.", "embed."),
    (r"^encoder\.block\.|^blocks\.", "block."),
    (r"^encoder\.layer_norm\.|^norms\.", "norm."),
    (r"^embed\.(\d+)\.proj\.", r"stages.\1.embed.project."),
    (r"^embed\.(\d+)\.(layer_)?norm\.", r"stages.\1.embed.norm."),
    (r"^block\.(\d+)\.(\d+)\.", r"stages.\1.blocks.\2."),
    (r"^norm\.(\d+)\.", r"stages.\1.norm."),
    # a block
    (r"\.layer_norm_(\d)\.", r".norm\1."),
    (r"\.attn\.q\.|\.attention\.self\.query\.", ".attention.query."),
    (r"\.attn\.kv\.", ".attention.key_value."),
    (r"\.attn\.proj\.|\.attention\.output\.dense\.", ".attention.out."),
    (r"\.attn\.sr\.|\.attention\.self\.sr\.", ".attention.reduce."),
    (r"\.attn\.norm\.|\.attention\.self\.layer_norm\.", ".attention.reduce_norm."),
    (r"\.mlp\.(fc1|dense1)\.", ".ffn.expand."),
    (r"\.mlp\.dwconv\.dwconv\.", ".ffn.depthwise."),
    (r"\.mlp\.(fc2|dense2)\.", ".ffn.shrink."),
    # the head: SMP lists the scales from coarse to fine
    (r"^decoder\.mlp_stage\.(\d)\.linear\.", lambda found: f"head.linears.{3 - int(found[1])}."),
    (r"^decoder\.fuse_stage\.", "head.fuse."),
    (r"^segmentation_head\.0\.", "head.classify."),
    # the authors' file
    (r"^decode_head\.linear_c(\d)\.proj\.", lambda found: f"head.linears.{int(found[1]) - 1}."),
    (r"^decode_head\.linear_c\.(\d)\.proj\.", r"head.linears.\1."),
    (r"^decode_head\.(linear_fuse\.conv|linear_fuse)\.", "head.fuse.0."),
    (r"^decode_head\.(linear_fuse\.bn|batch_norm)\.", "head.fuse.1."),
    (r"^decode_head\.(linear_pred|classifier)\.", "head.classify."),
)


def renamed(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The tensors under our names; the hub's key and value become one layer, as in the authors' code."""
    ours = {}
    for name, tensor in state.items():
        for pattern, new in RENAMED:
            name = re.sub(pattern, new, name)
        ours[name] = tensor
    for name in [name for name in ours if ".attention.self.key." in name]:
        pair = [ours.pop(name), ours.pop(name.replace(".key.", ".value."))]
        ours[name.replace(".self.key.", ".key_value.")] = torch.cat(pair)
    return ours


@torch.no_grad()
def take_over(model: nn.Module, path: str | Path) -> None:
    """Fill a fresh SegFormer from a file: its encoder, and its head as far as it fits.

    Raises FileNotFoundError for a missing file, ValueError for one that lacks a tensor of the encoder, has it in
    another shape, or has more, as a deeper encoder's has.
    """
    from timm.models import adapt_input_conv, load_state_dict

    if not Path(path).is_file():
        raise FileNotFoundError(
            f"there is no file of weights at {path}; weights must be the path of a .safetensors or .pth file, such "
            "as that of https://huggingface.co/nvidia/mit-b0, or None for random ones"
        )
    given, own = renamed(load_state_dict(str(path), weights_only=True)), model.state_dict()
    first = "stages.0.embed.project.weight"
    # a kernel of other channels than 3 fits as it is, or not at all
    if first in given and given[first].shape[1:2] == (3,):
        given[first] = adapt_input_conv(own[first].shape[1], given[first])  # as `Encoder` does
    for name in [name for name in own | given if name.startswith("stages.")]:
        if name not in given or name not in own or given[name].shape != own[name].shape:
            found = f"{tuple(given[name].shape)} in the file" if name in given else "not in the file"
            wanted = f"{tuple(own[name].shape)} here" if name in own else "not here"
            raise ValueError(
                f"{path} does not fit this SegFormer: {name} is {found}, but {wanted}. Build the "
                "model with the size of the file, such as **SIZES['B2']"
            )
    head = {name: tensor for name, tensor in given.items() if name.startswith("head.")}
    fitting = {name: tensor for name, tensor in head.items() if tensor.shape == own.get(name, tensor).shape}
    encoder = {name: tensor for name, tensor in given.items() if name.startswith("stages.")}
    model.load_state_dict(encoder | fitting, strict=False)
