"""Encoders against torchvision's own networks, their promises on sizes and strides, and their weights' ways in."""

import pytest
import requests
import timm
import torch
import torch.nn.functional as F
import torchvision
from safetensors.torch import save_file
from torch import nn

from nbhelpers.models import encoders, hub
from nbhelpers.models.blocks import BatchNorm, ConvBNReLU, Normalize, SeparableConv
from nbhelpers.models.encoders import ENCODERS, Encoder, read_weights, weights_or_none

NAMES = {  # those of the issue
    "vgg16", "vgg16_bn", "vgg19", "vgg19_bn",
    "resnet18", "resnet34", "resnet50", "resnet101", "resnet152",
    "resnetv2_50", "resnetv2_101", "resnetv2_152", "resnext101",
    "mobilenetv1", "mobilenetv2", *(f"efficientnet_b{number}" for number in range(8)),
    "densenet121", "densenet169", "densenet201", "squeezenet", "xception",
}  # fmt: skip
COUNTS = {  # published totals at 1000 classes, less the classifier (torchvision's and timm's tables)
    "vgg16": 138_357_544 - 123_642_856,
    "vgg19": 143_667_240 - 123_642_856,
    "resnet50": 25_557_032 - 2_049_000,
    "resnet152": 60_192_808 - 2_049_000,
    "resnext101": 88_791_336 - 2_049_000,
    "densenet121": 7_978_856 - 1_025_000,
    "densenet201": 20_013_928 - 1_921_000,
    "squeezenet": 1_235_496 - 513_000,
    "mobilenetv2": 3_504_872
    - 1_281_000
    - (320 * 1280 + 2 * 1280),  # without the last convolution, which c5 precedes
    "efficientnet_b0": 5_288_548 - 1_281_000 - (320 * 1280 + 2 * 1280),
}


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)


def on_meta(name, **options):
    with torch.device("meta"):
        return Encoder(name, **options).eval()


def check_features(encoder, height, width):
    features = encoder(torch.rand(1, 3, height, width, device="meta"))
    assert {name: tuple(feature.shape) for name, feature in features.items()} == {
        name: (1, encoder.channels[name], -(-height // stride), -(-width // stride))
        for name, stride in encoder.strides.items()
    }


# Names, channels, strides


def test_all_names_are_there():
    assert set(ENCODERS) == NAMES


@pytest.mark.parametrize("name", ENCODERS)
def test_features_have_the_channels_and_strides_that_are_told(name):
    encoder = on_meta(name)
    first, last = ENCODERS[name].levels
    assert encoder.strides == {f"c{level}": 2**level for level in range(first, last + 1)}
    check_features(encoder, 65, 98)
    if name in COUNTS:
        assert sum(p.numel() for p in encoder.parameters()) == COUNTS[name]


@pytest.mark.parametrize("output_stride", [8, 16, 32])
@pytest.mark.parametrize(
    "name",
    [
        "resnet18",
        "resnet50",
        "resnetv2_50",
        "resnext101",
        "mobilenetv1",
        "mobilenetv2",
        "efficientnet_b0",
        "xception",
    ],
)
def test_dilation_stops_the_strides_and_changes_no_weight(name, output_stride):
    encoder = on_meta(name, output_stride=output_stride)
    assert list(encoder.strides.values()) == [min(stride, output_stride) for stride in (2, 4, 8, 16, 32)]
    check_features(encoder, 65, 98)
    plain = on_meta(name)
    assert {k: v.shape for k, v in encoder.state_dict().items()} == {
        k: v.shape for k, v in plain.state_dict().items()
    }


@pytest.mark.parametrize(
    "name", ["vgg16", "resnet18", "resnetv2_50", "mobilenetv2", "densenet121", "squeezenet", "xception"]
)
def test_depth_ends_the_encoder_early(name):
    encoder, whole = on_meta(name, depth=3), on_meta(name)
    assert list(encoder.channels) == [f"c{level}" for level in range(ENCODERS[name].levels[0], 4)]
    check_features(encoder, 65, 98)
    assert set(encoder.state_dict()) < set(whole.state_dict())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"name": "resnet49"}, "encoder is 'resnet49'; it must be one of vgg16, vgg16_bn, "),
        (
            {"name": "resnet18", "output_stride": 4},
            "output_stride is 4, but resnet18 can give 8 or 16 or 32$",
        ),
        (
            {"name": "densenet121", "output_stride": 16},
            "densenet121 can give 32, since it cannot be dilated; its c4 has stride 16, its c3 stride 8",
        ),
        (
            {"name": "squeezenet", "output_stride": 8},
            "output_stride is 8, but squeezenet can give 16, since it cannot",
        ),
        ({"name": "squeezenet", "depth": 5}, "depth is 5, but squeezenet has c1 to c4: pass 1 to 4"),
        ({"name": "vgg16", "depth": 0}, "depth is 0, but vgg16 has c0 to c5: pass 1 to 5"),
    ],
)
def test_what_a_backbone_cannot_give_is_an_error(options, message):
    with pytest.raises(ValueError, match=message):
        Encoder(options.pop("name"), **options)


# Against torchvision


def test_vgg_equals_torchvision():
    encoder = Encoder("vgg16_bn").eval()
    reference = torchvision.models.vgg16_bn(num_classes=1).features.eval()
    encoder.backbone.load_state_dict(
        {f"features_{name}": tensor for name, tensor in reference.state_dict().items()}
    )
    images = torch.rand(1, 3, 32, 64)
    with torch.inference_mode():
        torch.testing.assert_close(encoder(images)["c5"], reference(encoder.normalize(images)))


def test_dilated_resnet_equals_torchvision():
    encoder = Encoder("resnet50", output_stride=8).eval()
    reference = torchvision.models.resnet50(replace_stride_with_dilation=[False, True, True]).eval()
    encoder.backbone.load_state_dict(
        {name: tensor for name, tensor in reference.state_dict().items() if not name.startswith("fc.")}
    )
    images = torch.rand(1, 3, 33, 47)
    with torch.inference_mode():
        x = reference.maxpool(reference.relu(reference.bn1(reference.conv1(encoder.normalize(images)))))
        for name in ("layer1", "layer2", "layer3", "layer4"):
            x = reference.get_submodule(name)(x)
        torch.testing.assert_close(encoder(images)["c5"], x)


def test_densenet_and_squeezenet_equal_torchvision():
    """On sides that can be halved evenly; SqueezeNet inside the border that its padding adds."""
    images = torch.rand(1, 3, 64, 96)
    encoder, reference = Encoder("densenet121").eval(), torchvision.models.densenet121().features.eval()
    encoder.backbone.load_state_dict({f"features_{k}": v for k, v in reference.state_dict().items()})
    with torch.inference_mode():
        torch.testing.assert_close(encoder(images)["c5"], reference(encoder.normalize(images)).relu())
    encoder, reference = Encoder("squeezenet").eval(), torchvision.models.squeezenet1_1().features.eval()
    for ours, theirs in zip(encoder.backbone.parameters(), reference.parameters(), strict=True):
        ours.data.copy_(theirs.data)
    with torch.inference_mode():
        # window i from 2i - 1 on, which is where ours lies
        x = reference[:2](encoder.normalize(images)[..., 1:, 1:])
        torch.testing.assert_close(encoder(images)["c1"][..., 1:, 1:], x)
        x = reference[2:5](encoder(images)["c1"][..., 1:, 1:])  # its two layers of 3 x 3 see a border 2 wide
        torch.testing.assert_close(encoder(images)["c2"][..., 3:, 3:], x[..., 2:, 2:])


# Images


def test_images_are_normalised_inside():
    encoder, images = Encoder("resnet18").eval(), torch.rand(1, 3, 32, 32)
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    with torch.inference_mode():
        expected = encoder.backbone((images - mean[:, None, None]) / std[:, None, None])
        torch.testing.assert_close(list(encoder(images).values()), expected)
    assert on_meta("xception").normalize.mean.shape == (1, 3, 1, 1)
    # as TensorFlow's
    assert Encoder("xception", depth=1).normalize.mean.flatten().tolist() == [0.5, 0.5, 0.5]


def test_channels_beyond_three_take_mean_and_std_in_turns():
    mean, std = (0.1, 0.2, 0.6), (0.1, 0.2, 0.3)
    assert Normalize(mean, std, in_channels=1).mean.flatten().tolist() == pytest.approx([0.3])
    assert Normalize(mean, std, in_channels=5).std.flatten().tolist() == pytest.approx(
        [0.1, 0.2, 0.3, 0.1, 0.2]
    )


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (
            torch.zeros(1, 3, 32, 32, dtype=torch.uint8),
            r"torch.uint8, but must be float in 0..1: images.float\(\) / 255",
        ),
        (
            torch.zeros(1, 1, 32, 32),
            r"\(1, 1, 32, 32\), but must be \(N, 3, H, W\); build the model with in_channels=",
        ),
        (torch.zeros(3, 32, 32), r"\(3, 32, 32\), but must be \(N, 3, H, W\)"),
    ],
)
def test_images_that_cannot_be_meant_are_refused(images, message):
    with pytest.raises(ValueError, match=message):
        Encoder("squeezenet")(images)


@pytest.mark.parametrize("name", ["resnet18", "densenet121", "mobilenetv2", "xception"])
def test_a_batch_of_one_trains_from_33_pixels(name):
    Encoder(name).train()(torch.rand(1, 3, 33, 33))["c5"].sum().backward()


# Freezing


def test_a_frozen_encoder_keeps_weights_and_statistics():
    model = torch.nn.ModuleDict({"encoder": Encoder("resnet18"), "head": torch.nn.BatchNorm2d(512)})
    encoder = model["encoder"]
    before = {name: tensor.clone() for name, tensor in encoder.state_dict().items()}
    encoder.freeze()
    model.train()
    assert model["head"].training
    model["head"](encoder(torch.rand(2, 3, 64, 64))["c5"]).sum().backward()
    assert all(p.grad is None for p in encoder.parameters())
    assert all(torch.equal(before[name], tensor) for name, tensor in encoder.state_dict().items())
    encoder.unfreeze()
    model.train()
    encoder(torch.rand(2, 3, 64, 64))["c5"].sum().backward()
    assert all(p.grad is not None for p in encoder.parameters())
    assert not torch.equal(
        before["backbone.bn1.running_mean"], encoder.state_dict()["backbone.bn1.running_mean"]
    )


# Weights


@pytest.fixture
def network():
    """What a file of weights comes from: timm's classifier."""
    network = timm.create_model("resnet18").eval()
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.05)
    return network


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_weights_come_from_a_file(network, tmp_path, suffix):
    path = tmp_path / f"weights{suffix}"
    save = save_file if suffix == ".safetensors" else torch.save
    save(network.state_dict(), path)
    encoder, images = Encoder("resnet18", weights=path).eval(), torch.rand(1, 3, 64, 64)
    with torch.inference_mode():
        torch.testing.assert_close(encoder(images)["c5"], network.forward_features(encoder.normalize(images)))


def test_weights_of_torchvision_fit(tmp_path):
    for name in ("vgg16_bn", "densenet121", "squeezenet"):
        make = torchvision.models.get_model_builder("squeezenet1_1" if name == "squeezenet" else name)
        # the classifier is left out anyway
        state = make(num_classes=1).features.state_dict(prefix="features.")
        torch.save(state, tmp_path / "weights.pth")
        encoder = Encoder(name, weights=tmp_path / "weights.pth", depth=4)
        tensors = [tensor for tensor in encoder.state_dict().values()]
        assert all(map(torch.equal, tensors, state.values()))  # zip ends with the shorter, c4


@pytest.mark.parametrize("name", ["resnet18", "squeezenet"])
def test_weights_of_three_channels_are_fitted_to_others(name, tmp_path):
    source = Encoder(name)
    names = {"resnet18": lambda key: key, "squeezenet": squeezenet_key}[name]
    save_file(
        {names(key): tensor for key, tensor in source.backbone.state_dict().items()},
        tmp_path / "w.safetensors",
    )
    (kernel, *_) = source.parameters()
    (grey, *_) = Encoder(name, weights=tmp_path / "w.safetensors", in_channels=1).parameters()
    torch.testing.assert_close(grey, kernel.sum(dim=1, keepdim=True))
    (four, *_) = Encoder(name, weights=tmp_path / "w.safetensors", in_channels=4).parameters()
    torch.testing.assert_close(four, kernel[:, [0, 1, 2, 0]] * 3 / 4)


def squeezenet_key(key):
    """Our "1.4.squeeze.weight", the stage before the layer, is torchvision's "features.4.squeeze.weight"."""
    return "features." + key.split(".", 1)[1]


def test_files_that_do_not_fit_are_refused(network, tmp_path):
    path = tmp_path / "weights.safetensors"
    with pytest.raises(
        FileNotFoundError, match="no file of weights at .*weights.safetensors; weights must be 'imagenet'"
    ):
        Encoder("resnet18", weights=path)
    save_file(network.state_dict(), path)
    for name in ("resnet34", "vgg16", "squeezenet"):
        with pytest.raises(ValueError, match=f"no weights of {name}: .* tensors are missing, the first is "):
            Encoder(name, weights=path)


SHALLOW = [  # (network of the file, encoder, what is wrong)
    ("resnet34", "resnet18", "the first is 'layer1.2.conv1.weight'; build the encoder that the file is of"),
    ("efficientnet_b1", "efficientnet_b0", r"the first is 'blocks.0.1.conv_dw.weight'"),
    ("densenet169", "densenet121", "the first is 'features.denseblock3.denselayer25.norm1.weight'"),
    (
        "wide_resnet50_2",
        "resnet50",
        r"layer1.0.conv1.weight is \(128, 64, 1, 1\) in the file, but must be \(64, 6",
    ),
    ("resnet18d", "resnet18", "tensors are missing, the first is 'conv1.weight'"),
]


@pytest.mark.parametrize(("source", "name", "message"), SHALLOW)
@pytest.mark.parametrize("depth", [None, 2])
def test_another_networks_file_is_not_taken_as_far_as_it_fits(source, name, message, depth, monkeypatch):
    with torch.device("meta"):
        state = timm.create_model(source).state_dict()
    monkeypatch.setattr(encoders, "read_weights", lambda *arguments: without_head(state))
    with pytest.raises(ValueError, match=f"these are no weights of {name}: .*{message}"):
        Encoder(name, weights="of another.pth", depth=depth)


def without_head(state):
    return {key: tensor for key, tensor in state.items() if not key.startswith(("fc.", "classifier."))}


@pytest.mark.parametrize("name", ["resnet18", "squeezenet"])
@pytest.mark.parametrize(("given", "wanted"), [(5, 3), (4, 1)])
def test_channels_that_cannot_be_fitted_are_refused(name, given, wanted, tmp_path):
    keys = {"resnet18": lambda key: key, "squeezenet": squeezenet_key}[name]
    state = Encoder(name, in_channels=given).backbone.state_dict()
    torch.save({keys(key): tensor for key, tensor in state.items()}, tmp_path / "w.pth")
    with pytest.raises(
        ValueError, match=f"weight is .64, {given}, .* in the file, but must be .64, {wanted}, "
    ):
        Encoder(name, in_channels=wanted, weights=tmp_path / "w.pth")
    (kernel, *_) = Encoder(name, in_channels=given, weights=tmp_path / "w.pth").parameters()
    assert torch.equal(kernel, next(iter(state.values())))


@pytest.mark.parametrize("name", ["vgg16_bn", "efficientnet_b0"])
def test_a_file_by_the_encoders_own_names_fits(name, tmp_path):
    """timm flattens VGG's, and leaves out the last convolution of EfficientNet's."""
    state = Encoder(name).backbone.state_dict()
    torch.save({key: state[key] for key in state if "num_batches" not in key}, tmp_path / "w.pth")
    ours = Encoder(name, weights=tmp_path / "w.pth").backbone.state_dict()
    assert all(torch.equal(state[key], ours[key]) for key in state)


@pytest.mark.parametrize(
    "name", ["vgg16_bn", "resnet18", "resnetv2_50", "densenet121", "efficientnet_b0", "xception"]
)
def test_of_a_file_the_classifier_is_left_out(name, tmp_path):
    """Whatever timm calls it, and however many classes it has; VGG's hidden layers are a part of it."""
    with torch.device("meta"):
        seven, eight = (
            timm.create_model(ENCODERS[name].timm_name, num_classes=count).state_dict() for count in (7, 8)
        )
    save_file({key: torch.zeros(1) for key in seven}, tmp_path / "w.safetensors")
    features = {key for key in seven if seven[key].shape == eight[key].shape and "pre_logits" not in key}
    assert read_weights(name, tmp_path / "w.safetensors").keys() == features


def test_a_file_that_runs_code_is_refused(tmp_path):
    class Bomb:
        def __reduce__(self):
            return (pytest.fail, ("code in the file was run",))

    torch.save({"conv1.weight": Bomb()}, tmp_path / "weights.pth")
    with pytest.raises(RuntimeError, match="weights_only=True blocked loading"):
        Encoder("resnet18", weights=tmp_path / "weights.pth")


@pytest.fixture
def offline(monkeypatch, tmp_path):
    def fail(url, **options):
        raise requests.ConnectionError("no route to host")

    monkeypatch.setattr(requests, "head", fail)
    monkeypatch.setattr(hub, "try_to_load_from_cache", lambda *arguments, **options: None)
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))


def test_without_internet_the_error_says_how_to_go_on(offline):
    with pytest.raises(ConnectionError) as caught:
        Encoder("resnet50", weights="imagenet")
    for part in (
        "ImageNet weights of resnet50 could not be fetched (ConnectionError)",
        "https://huggingface.co/timm/resnet50.tv_in1k/resolve/main/model.safetensors",
        "weights='.../model.safetensors'",
        "weights=None",
    ):
        assert part in str(caught.value)
    with pytest.raises(
        ConnectionError, match="https://download.pytorch.org/models/squeezenet1_1-b8a52dc0.pth"
    ):
        Encoder("squeezenet", weights="imagenet")


def test_a_cached_file_needs_no_internet(offline, monkeypatch, network, tmp_path):
    save_file(network.state_dict(), tmp_path / "model.safetensors")
    monkeypatch.setattr(
        hub, "try_to_load_from_cache", lambda *arguments, **options: str(tmp_path / "model.safetensors")
    )
    encoder = Encoder("resnet18", weights="imagenet")
    assert torch.equal(encoder.backbone["conv1"].weight, network.conv1.weight)
    state = torchvision.models.squeezenet1_1(num_classes=1).state_dict()
    (tmp_path / "checkpoints").mkdir()
    torch.save(state, tmp_path / "checkpoints" / "squeezenet1_1-b8a52dc0.pth")
    encoder = Encoder("squeezenet", weights="imagenet")
    assert torch.equal(encoder.backbone[0][0].weight, state["features.0.weight"])


def test_the_fallback_tells_what_it_chose(offline, network, tmp_path, capsys):
    assert weights_or_none("imagenet") is None
    assert (
        "resnet50 begins with random weights: the ImageNet weights of resnet50 could"
        in capsys.readouterr().out
    )
    assert weights_or_none("imagenet", encoder="resnetv2_152") is None
    assert "no ImageNet weights of resnetv2_152" in capsys.readouterr().out
    path = tmp_path / "weights.safetensors"
    save_file(network.state_dict(), path)
    assert weights_or_none(path, encoder="resnet18") == path
    assert capsys.readouterr().out == f"resnet18 begins with the weights {path}\n"


def test_all_weights_but_one_are_on_the_hub():
    without = [
        name
        for name, backbone in ENCODERS.items()
        if name != "squeezenet" and not timm.get_pretrained_cfg(backbone.timm_name).hf_hub_id
    ]
    assert without == ["resnetv2_152"]


# Blocks


def test_a_single_value_is_normalised_by_the_running_statistics():
    norm, reference = BatchNorm(4).train(), torch.nn.BatchNorm2d(4).train()
    for layer in (norm, reference):
        with torch.no_grad():
            layer.weight.copy_(torch.tensor([1.0, 2.0, 3.0, 4.0]))
    x = torch.randn(3, 4, 5, 6)
    torch.testing.assert_close(norm(x), reference(x))  # also moves the statistics
    one = torch.randn(1, 4, 1, 1, requires_grad=True)
    torch.testing.assert_close(norm(one), reference.eval()(one))
    norm(one).sum().backward()
    assert one.grad.all() and norm.weight.grad.all()
    torch.testing.assert_close(norm.running_mean, reference.running_mean)


@pytest.mark.parametrize("make", [ConvBNReLU, SeparableConv])
def test_convolutions_keep_or_halve_the_size(make):
    x = torch.rand(2, 4, 9, 12)
    for options, size in [
        ({}, (9, 12)),
        ({"kernel_size": 1}, (9, 12)),
        ({"kernel_size": 5, "dilation": 3}, (9, 12)),
        ({"stride": 2}, (5, 6)),
    ]:
        block = make(4, 6, **options)
        assert block(x).shape == (2, 6, *size)
        assert block(x).min() == 0


def test_a_separable_convolution_is_one_of_rank_one():
    """Depth- and pointwise weights multiply to the kernel of the ordinary convolution that does the same."""
    block = SeparableConv(3, 5, dilation=2)
    depthwise, pointwise = block[0].weight, block[1].weight  # (3, 1, 3, 3), (5, 3, 1, 1)
    kernel = pointwise * depthwise.transpose(0, 1)  # (5, 3, 3, 3)
    x = torch.rand(2, 3, 8, 9)
    torch.testing.assert_close(nn.Sequential(*list(block)[:2])(x), F.conv2d(x, kernel, padding=2, dilation=2))
