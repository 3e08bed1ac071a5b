"""Plain vision transformers of timm as encoders, and the pyramid that makes four scales of their one.

Papers: Dosovitskiy et al., 2021 (ViT), https://arxiv.org/abs/2010.11929 (Figure 1); the pyramid is that of Li et al.,
2022 (ViTDet), https://arxiv.org/abs/2203.16527 (Figure 2c and section 3).
Departures: the pyramid leaves the convolutions behind each scale to the decoder, which begins with its own.
"""

from pathlib import Path

import torch.nn.functional as F
from torch import Tensor, nn

from nbhelpers.models.blocks import Freezable, Normalize
from nbhelpers.models.encoders import fetch_from_hub

EXAMPLES = (
    "vit_tiny_patch16_224.augreg_in21k, vit_small_patch14_dinov2.lvd142m, vit_small_patch16_dinov3.lvd1689m"
)


class ViTEncoder(Freezable):
    """The last layer's tokens as a map: images (N, in_channels, H, W) float 0..1 -> {"c4": (N, C, h, w)}.

    `name` is timm's, with the tag of its weights: any plain transformer whose positions can be interpolated. h is
    H / patch, rounded up; an image that the patches do not divide is enlarged until they do, so that any size goes
    through and the map covers exactly the image. Class and register tokens are left out, the last norm is applied,
    and the backbone's mean and std too. `strides["c4"]` is the side of a patch, 14 or 16 as a rule.

    `weights` are "hub" (timm's repository of that name), the path of a .safetensors or .pth file, or None for random
    ones. `licence` is what timm knows of theirs: DINOv2's are under Apache 2.0, DINOv3's under a licence of Meta's
    own. `freeze()` lets training pass the encoder by.

    Raises ValueError for a name that is no plain transformer and for a file that holds other weights,
    FileNotFoundError for a missing file or a name without published weights, ConnectionError where the hub cannot be
    reached.
    """

    def __init__(self, name: str, *, in_channels: int = 3, weights: str | Path | None = None) -> None:
        super().__init__()
        import timm
        from timm.layers import PatchEmbed

        trained = _pretrained_config(name)
        options = {"num_classes": 0, "in_chans": in_channels, "dynamic_img_size": True}
        if weights is not None:  # timm fits the first convolution to in_channels, and positions to its grid
            cfg = {"state_dict": _read(name, trained.hf_hub_id, weights), "num_classes": 0}
            options |= {"pretrained": True, "pretrained_cfg_overlay": cfg}
        try:
            backbone = timm.create_model(name, **options)
        except RuntimeError as error:  # of load_state_dict, which lists what does not fit
            raise ValueError(f"{weights} holds no weights of {name}: {str(error)[:300]}") from error
        except TypeError as error:
            if "dynamic_img_size" not in str(error):
                raise
            backbone = None
        patches = getattr(backbone, "patch_embed", None)
        if type(patches) is not PatchEmbed or not hasattr(backbone, "num_prefix_tokens"):
            raise ValueError(
                f"{name} is no plain vision transformer that takes images of any size; take one such as {EXAMPLES}"
            )
        self.backbone, self.patch = backbone, patches.patch_size[0]
        self.normalize = Normalize(trained.mean, trained.std, in_channels=in_channels)
        self.name, self.licence = name, trained.license or "unknown to timm"
        self.channels, self.strides = {"c4": backbone.num_features}, {"c4": self.patch}

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        # rounded up without negative numbers, whose floor division ONNX truncates (torch 2.15)
        height, width = ((side + self.patch - 1) // self.patch * self.patch for side in images.shape[-2:])
        fitting = F.interpolate(self.normalize(images), size=(height, width), mode="bilinear")
        (tokens,) = self.backbone.forward_intermediates(
            fitting, indices=1, norm=True, intermediates_only=True
        )
        return {"c4": tokens}


class FeaturePyramid(nn.Module):
    """Four scales of a plain transformer's one: images (N, in_channels, H, W) -> {"c2": .., "c3": .., "c4": .., "c5": ..}.

    c4 is the encoder's, (N, C, h, w); c3 has twice its sides and C / 2 channels, c2 four times and C / 4, by transposed
    convolutions; c5 half, by max pooling. A decoder takes the pyramid in place of an encoder's name:
    `FPN(num_classes=11, encoder=FeaturePyramid(ViTEncoder("vit_tiny_patch16_224")))`.
    """

    def __init__(self, encoder: ViTEncoder) -> None:
        super().__init__()
        channels, patch = encoder.channels["c4"], encoder.strides["c4"]
        self.encoder = encoder
        self.to_c3 = nn.ConvTranspose2d(channels, channels // 2, kernel_size=2, stride=2)
        self.to_c2 = nn.Sequential(
            nn.ConvTranspose2d(channels, channels // 2, kernel_size=2, stride=2),
            ChannelNorm(channels // 2),
            nn.GELU(),
            nn.ConvTranspose2d(channels // 2, channels // 4, kernel_size=2, stride=2),
        )
        self.to_c5 = nn.MaxPool2d(2, ceil_mode=True)
        self.channels = {"c2": channels // 4, "c3": channels // 2, "c4": channels, "c5": channels}
        self.strides = {"c2": patch / 4, "c3": patch / 2, "c4": patch, "c5": patch * 2}

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        c4 = self.encoder(images)["c4"]
        return {"c2": self.to_c2(c4), "c3": self.to_c3(c4), "c4": c4, "c5": self.to_c5(c4)}


class ChannelNorm(nn.LayerNorm):
    """Layer norm over the channels of each place: (N, C, h, w) -> (N, C, h, w)."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


def _pretrained_config(name: str):
    import timm

    model, _, tag = name.partition(".")
    if not timm.is_model(model):
        raise ValueError(f"{name!r} is no model of timm; take a plain vision transformer, such as {EXAMPLES}")
    tags = [each.partition(".")[2] for each in timm.list_pretrained(f"{model}.*")]
    if tag and tag not in tags:
        raise ValueError(
            f"{tag!r} are no weights of {model} that timm knows; it has {', '.join(tags) or 'none'}"
        )
    return timm.get_pretrained_cfg(name)


def _read(name: str, hub_id: str | None, weights: str | Path) -> dict[str, Tensor]:
    """The tensors of "hub" or of a file, read without running code, without the classifier's."""
    from timm.models import load_state_dict

    if weights == "hub":
        if hub_id is None:
            raise FileNotFoundError(
                f"timm's hub has no weights of {name}: add the tag of those you mean, as in {EXAMPLES}, or pass a file"
            )
        weights = fetch_from_hub(hub_id, f"the weights of {name}")
    elif not Path(weights).is_file():
        raise FileNotFoundError(
            f"there is no file of weights at {weights}; weights must be 'hub', the path of a .safetensors or .pth "
            "file, or None for random ones"
        )
    state = load_state_dict(str(weights), weights_only=True)
    return {key: tensor for key, tensor in state.items() if not key.startswith(("head.", "head_dist."))}
