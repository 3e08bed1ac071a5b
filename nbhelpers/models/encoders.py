"""Backbones by plain names: timm's (and torchvision's SqueezeNet) as features {"c1": .., "c2": .., ...}.

`cK` has stride 2^K unless dilated, and sides rounded up: c3 of a 33 x 47 image is 5 x 6.
timm defines hundreds of models as it is imported, which takes seconds: it is loaded when a backbone is built.
"""

from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import requests
import torch
from torch import Tensor, nn
from torchvision.models import SqueezeNet1_1_Weights, squeezenet1_1

from nbhelpers.models.blocks import Freezable, Normalize
from nbhelpers.models.encoder_weights import State, fitting
from nbhelpers.models.hub import explained, fetch_from_hub

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of red, green, blue in 0..1
DILATES, FIXED = (8, 16, 32), (32,)


@dataclass(frozen=True)
class Backbone:
    """What stands behind a plain name: timm's model and the tag of its weights, and the strides it can end in."""

    timm_name: str  # with the tag, so that an update of timm changes no result
    output_strides: tuple[int, ...] = DILATES
    levels: tuple[int, int] = (1, 5)  # of the first and the last feature: c1 to c5
    options: dict[str, float] = field(default_factory=dict)  # for timm.create_model


# timm builds VGG's classifier of 120 M weights before it drops it; at this ratio it is a few thousand
SMALL_CLASSIFIER = {"mlp_ratio": 1 / 4096}

ENCODERS = {
    "vgg16": Backbone("vgg16.tv_in1k", FIXED, (0, 5), SMALL_CLASSIFIER),
    "vgg16_bn": Backbone("vgg16_bn.tv_in1k", FIXED, (0, 5), SMALL_CLASSIFIER),
    "vgg19": Backbone("vgg19.tv_in1k", FIXED, (0, 5), SMALL_CLASSIFIER),
    "vgg19_bn": Backbone("vgg19_bn.tv_in1k", FIXED, (0, 5), SMALL_CLASSIFIER),
    **{f"resnet{layers}": Backbone(f"resnet{layers}.tv_in1k") for layers in (18, 34, 50, 101, 152)},
    "resnetv2_50": Backbone("resnetv2_50.a1h_in1k"),
    "resnetv2_101": Backbone("resnetv2_101.a1h_in1k"),
    "resnetv2_152": Backbone("resnetv2_152"),  # without weights on the hub
    "resnext101": Backbone("resnext101_32x8d.tv_in1k"),
    "mobilenetv1": Backbone("mobilenetv1_100.ra4_e3600_r224_in1k"),
    "mobilenetv2": Backbone("mobilenetv2_100.ra_in1k"),
    "efficientnet_b0": Backbone("efficientnet_b0.ra_in1k"),
    "efficientnet_b1": Backbone("efficientnet_b1.ft_in1k"),
    "efficientnet_b2": Backbone("efficientnet_b2.ra_in1k"),
    "efficientnet_b3": Backbone("efficientnet_b3.ra2_in1k"),
    "efficientnet_b4": Backbone("efficientnet_b4.ra2_in1k"),
    "efficientnet_b5": Backbone("efficientnet_b5.sw_in12k_ft_in1k"),
    "efficientnet_b6": Backbone("tf_efficientnet_b6.aa_in1k"),
    "efficientnet_b7": Backbone("tf_efficientnet_b7.aa_in1k"),
    **{f"densenet{layers}": Backbone(f"densenet{layers}.tv_in1k", FIXED) for layers in (121, 169, 201)},
    "squeezenet": Backbone("", (16,), (1, 4)),  # torchvision's SqueezeNet 1.1
    "xception": Backbone("xception41.tf_in1k"),  # DeepLab's aligned Xception, which dilates; Chollet's cannot
}


class Encoder(Freezable):
    """A backbone without its classifier: images (N, in_channels, H, W) float 0..1 -> {"c1": .., "c2": .., ...}.

    `cK` is (N, channels["cK"], H / strides["cK"], W / strides["cK"]), rounded up; VGG begins with "c0" of stride 1,
    SqueezeNet ends with "c4". Images of any size from 32 pixels a side; a batch of 1 in train() from 33, because
    batch norm needs two values a channel. The backbone's mean and std are applied inside.

    `output_stride` dilates the last stages so that the strides stop growing there; None leaves them as they are.
    `depth` is the last feature: 4 builds nothing beyond "c4"; None builds all.
    `weights` are "imagenet" (from the hub), the path of a .safetensors or .pth file, or None for random ones.

    Raises ValueError for an unknown name, an output_stride or depth that the backbone cannot give, and a file that
    holds other weights; FileNotFoundError for a missing file or a backbone without published weights;
    ConnectionError where the hub cannot be reached.
    """

    def __init__(
        self,
        name: str,
        *,
        in_channels: int = 3,
        output_stride: int | None = None,
        depth: int | None = None,
        weights: str | Path | None = None,
    ) -> None:
        super().__init__()
        backbone = find_backbone(name)
        first, last = backbone.levels
        depth = last if depth is None else depth
        if not 1 <= depth <= last:
            raise ValueError(f"depth is {depth}, but {name} has c{first} to c{last}: pass 1 to {last}")
        if output_stride not in (None, *backbone.output_strides):
            possible = " or ".join(map(str, backbone.output_strides))
            if backbone.output_strides != DILATES:
                possible += ", since it cannot be dilated; its c4 has stride 16, its c3 stride 8"
            raise ValueError(f"output_stride is {output_stride}, but {name} can give {possible}")
        state = None if weights is None else read_weights(name, weights)
        if name == "squeezenet":
            self.backbone, channels, strides = _build_squeezenet(in_channels, depth, state)
            self.normalize = Normalize(IMAGENET_MEAN, IMAGENET_STD, in_channels=in_channels)
        else:
            self.backbone, channels, strides = _build_timm(name, in_channels, output_stride, depth, state)
            trained = pretrained_config(backbone)
            self.normalize = Normalize(trained.mean, trained.std, in_channels=in_channels)
        self.name = name
        names = [f"c{level}" for level in range(first, depth + 1)]
        self.channels: dict[str, int] = dict(zip(names, channels, strict=True))
        self.strides: dict[str, int] = dict(zip(names, strides, strict=True))

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        return dict(zip(self.channels, self.backbone(self.normalize(images))))


def as_encoder(encoder: str | nn.Module, *, in_channels: int, weights: str | Path | None) -> nn.Module:
    """An `Encoder` by its name, or one that is built already, such as `FeaturePyramid`, as it is.

    Raises ValueError for weights or in_channels that belong to an encoder which is built already.
    """
    if isinstance(encoder, str):
        return Encoder(encoder, in_channels=in_channels, weights=weights)
    if weights is not None or in_channels != 3:
        raise ValueError(
            f"this {type(encoder).__name__} is built already: give it weights={weights!r} and in_channels="
            f"{in_channels} where you build it, and leave them out here"
        )
    return encoder


class SqueezeNet(nn.ModuleList):
    """The stages of torchvision's SqueezeNet 1.1, of stride 2, 4, 8, 16.

    Departure: convolution and poolings are padded by 1, so that sides are halved and rounded up, as everywhere else.
    """

    def __init__(self, features: nn.Sequential, depth: int) -> None:
        ends = (2, 5, 8, 13)  # each stage but the first begins with its pooling
        super().__init__(features[start:end] for start, end in zip((0, *ends), ends[:depth]))
        for layer in self.modules():
            if isinstance(layer, nn.MaxPool2d):
                layer.padding, layer.ceil_mode = 1, False
        self[0][0].padding = (1, 1)

    def forward(self, x: Tensor) -> list[Tensor]:
        maps = []
        for stage in self:
            x = stage(x)
            maps.append(x)
        return maps


Built = tuple[nn.Module, list[int], list[int]]  # the backbone, the channels and the strides of its features


def _build_squeezenet(in_channels: int, depth: int, state: State | None) -> Built:
    from timm.models import adapt_input_conv

    whole = squeezenet1_1(weights=None)
    first = whole.features[0] = nn.Conv2d(in_channels, 64, kernel_size=3, stride=2)
    nn.init.kaiming_uniform_(first.weight)  # as torchvision does
    nn.init.zeros_(first.bias)
    if state is not None:
        name, own = "features.0.weight", whole.features.state_dict(prefix="features.")
        state = fitting("squeezenet", state, wanted=own, whole=own, first=name)
        if state[name].shape != own[name].shape:
            state[name] = adapt_input_conv(in_channels, state[name])
        whole.load_state_dict(state, strict=False)
    return SqueezeNet(whole.features, depth), [64, 128, 256, 512][:depth], [2, 4, 8, 16][:depth]


def _build_timm(
    name: str, in_channels: int, output_stride: int | None, depth: int, state: State | None
) -> Built:
    import timm

    chosen = find_backbone(name)
    options = dict(chosen.options)
    if output_stride is not None and chosen.output_strides == DILATES:
        options["output_stride"] = output_stride
    make = partial(timm.create_model, chosen.timm_name, in_chans=in_channels, **options)
    make_features = partial(make, features_only=True, out_indices=tuple(range(depth + 1 - chosen.levels[0])))
    if state is None:
        backbone = make_features()
    else:
        with torch.device("meta"):  # costs neither memory nor random numbers
            wanted, whole = make_features().state_dict(), make().state_dict()
        first = f"{pretrained_config(chosen).first_conv}.weight"
        state = fitting(name, state, wanted=wanted, whole=whole, first=first)
        # timm fits the first convolution to in_channels
        backbone = make_features(pretrained=True, pretrained_cfg_overlay={"state_dict": state})
    info = backbone.feature_info
    if hasattr(backbone, "blocks"):  # EfficientNet and MobileNet keep the stages after the last feature
        backbone.blocks = backbone.blocks[: info.get_dicts()[-1]["stage"]]
    for layer in backbone.modules():
        if isinstance(layer, nn.MaxPool2d | nn.AvgPool2d) and layer.kernel_size == 2:
            layer.ceil_mode = True  # VGG and DenseNet round down; even sides stay as they were
    return backbone, info.channels(), info.reduction()


def find_backbone(name: str) -> Backbone:
    if not isinstance(name, str):
        raise ValueError(
            f"encoder is a {type(name).__name__}, but this model asks for one by name, since it reads c1 to c5; FPN, "
            "PSPNet and the DeepLabs take one that is built already"
        )
    if name not in ENCODERS:
        raise ValueError(f"encoder is {name!r}; it must be one of {', '.join(ENCODERS)}")
    return ENCODERS[name]


def pretrained_config(backbone: Backbone):
    """What timm knows of the training behind a name: mean, std, where the weights are."""
    import timm

    return timm.get_pretrained_cfg(backbone.timm_name)


def read_weights(name: str, weights: str | Path) -> State:
    """The backbone's weights by their names in `weights`: "imagenet", or a .safetensors or .pth file.

    Files are read without running code. The classifier's weights are left out. Errors as in `Encoder`.
    """
    path = _fetch(name) if weights == "imagenet" else Path(weights)
    if not path.is_file():
        raise FileNotFoundError(
            f"there is no file of weights at {path}; weights must be 'imagenet', the path of a .safetensors or "
            ".pth file, or None for random ones"
        )
    from timm.models import load_state_dict

    state = load_state_dict(str(path), weights_only=True)
    heads = ("classifier.", "pre_logits.", "head.", "fc.", "last_linear.")
    return {key: tensor for key, tensor in state.items() if not key.startswith(heads)}


def _fetch(name: str) -> Path:
    """The ImageNet weights' file, from the cache or else from timm's hub or, for SqueezeNet, from torchvision."""
    what = f"the ImageNet weights of {name}"
    if name == "squeezenet":
        url = SqueezeNet1_1_Weights.IMAGENET1K_V1.url
        path = Path(torch.hub.get_dir(), "checkpoints", Path(url).name)
        if not path.is_file():
            with explained(what, url):
                requests.head(url, timeout=10)  # before a folder is made
                path.parent.mkdir(parents=True, exist_ok=True)
                torch.hub.download_url_to_file(
                    url, str(path), hash_prefix=path.stem.split("-")[-1], progress=False
                )
        return path
    hub_id = pretrained_config(find_backbone(name)).hf_hub_id
    if hub_id is None:
        raise FileNotFoundError(
            f"timm's hub has no ImageNet weights of {name}: take another encoder, or pass a file of your own, "
            "or None for random ones"
        )
    return fetch_from_hub(hub_id, what)


def weights_or_none(weights: str | Path, *, encoder: str = "resnet50") -> str | Path | None:
    """`weights` if they can be had for this encoder, else None; prints which, since a random start learns far less.

    The one fallback that goes on without weights: `PSPNet(weights=weights_or_none("imagenet"))`. What it fetches
    stays in the cache for the model.
    """
    try:
        read_weights(encoder, weights)
    except OSError as error:
        print(f"{encoder} begins with random weights: {error}")
        return None
    print(f"{encoder} begins with the weights {weights}")
    return weights
