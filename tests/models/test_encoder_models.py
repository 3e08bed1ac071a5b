"""U-Net on encoders, U-Net++ and SegNet against SMP, torch and counts made by hand; and all pairs of the collection.

A pair is an architecture on a backbone. Small backbones train for a step; the large ones run on the meta device,
where nothing is computed but shapes.
"""

import pytest
import segmentation_models_pytorch as smp
import torch
import torch.nn.functional as F
from torch import nn

from nbhelpers.models.deeplabv3 import DeepLabV3
from nbhelpers.models.deeplabv3_plus import DeepLabV3Plus
from nbhelpers.models.encoder_fc_densenet import EncoderFCDenseNet
from nbhelpers.models.encoder_unet import EncoderUNet, Pix2PixUNet
from nbhelpers.models.fpn import FPN
from nbhelpers.models.gcn import GCN
from nbhelpers.models.maskformer import MaskFormer
from nbhelpers.models.pspnet import PSPNet
from nbhelpers.models.segnet import SegNet, mirrored_stages, unpool
from nbhelpers.models.unet_plus_plus import UNetPlusPlus

RESNETS = ("resnet50", "resnet101", "resnet152")
RESNETS_V2 = ("resnetv2_50", "resnetv2_101", "resnetv2_152")
COMMON = ("vgg16", "vgg19", *RESNETS, *RESNETS_V2, "mobilenetv1", "mobilenetv2")
PAIRS = [
    *(
        (DeepLabV3Plus, name, {})
        for name in ("resnet50", "densenet121", "squeezenet", "vgg16", "xception", "mobilenetv2")
    ),
    *((DeepLabV3Plus, f"efficientnet_b{number}", {}) for number in (0, 7)),
    (DeepLabV3Plus, "efficientnet_b0", {"attention": "se"}),
    *(
        (EncoderUNet, name, {})
        for name in ("vgg16", "vgg19", *RESNETS, "mobilenetv1", "mobilenetv2", "efficientnet_b0")
    ),
    *((model, name, {}) for model in (PSPNet, SegNet, UNetPlusPlus) for name in COMMON),
    *((EncoderFCDenseNet, name, {}) for name in ("densenet121", "densenet169", "densenet201")),
    *((GCN, name, {}) for name in ("resnet50", "resnetv2_50")),
]
SMALL = ("squeezenet", "mobilenetv1", "mobilenetv2", "efficientnet_b0")


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)


def count(module):
    return sum(parameter.numel() for parameter in module.parameters())


def on_meta(make, **options):
    with torch.device("meta"):
        return make(num_classes=11, **options).eval()


@pytest.mark.parametrize(
    ("make", "encoder", "options"),
    PAIRS,
    ids=lambda value: getattr(value, "__name__", str(value) if value else ""),
)
def test_every_pair_of_the_collection_works(make, encoder, options):
    if encoder in SMALL:
        model = make(num_classes=3, encoder=encoder, **options).train()
        logits = model(torch.rand(2, 3, 33, 47))
        logits.sum().backward()
        assert logits.shape == (2, 3, 33, 47)
    else:
        model = on_meta(make, encoder=encoder, **options)
        assert model(torch.rand(1, 3, 33, 47, device="meta")).shape == (1, 11, 33, 47)


@pytest.mark.parametrize(
    "make",
    [DeepLabV3, DeepLabV3Plus, EncoderFCDenseNet, EncoderUNet, FPN, GCN, MaskFormer, Pix2PixUNet, PSPNet, SegNet,
     UNetPlusPlus],
)  # fmt: skip
def test_weights_are_handed_to_the_encoder(make, tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no file of weights at .*own.pth"):
        make(num_classes=2, encoder="resnet18", weights=tmp_path / "own.pth")


# U-Net on an encoder


def test_unet_equals_smp():
    """Same layers in the same order: encoder, decoder block by block, head."""
    ours = EncoderUNet(num_classes=5, encoder="resnet18")
    theirs = smp.Unet("resnet18", encoder_weights=None, classes=5)
    for module in theirs.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.running_mean, std=0.1)
            nn.init.uniform_(module.running_var, 0.5, 1.5)
    state = theirs.state_dict().values()
    ours.load_state_dict(dict(zip(ours.state_dict(), state, strict=True)))
    images = torch.rand(2, 3, 33, 47)
    with torch.inference_mode():
        expected = theirs.eval()(ours.encoder.normalize(images))
        torch.testing.assert_close(ours.eval()(images), expected)


@pytest.mark.parametrize("encoder", ["resnet18", "resnet34", "resnet50"])
def test_unet_has_smps_shapes(encoder):
    ours = on_meta(EncoderUNet, encoder=encoder)
    with torch.device("meta"):
        theirs = smp.Unet(encoder, encoder_weights=None, classes=11)
    assert [p.shape for p in ours.parameters()] == [p.shape for p in theirs.parameters()]


@pytest.mark.parametrize(
    ("encoder", "joined"),
    [  # channels of skip and doubled map, coarsest first
        ("vgg16", [512 + 512, 512 + 256, 256 + 128, 128 + 64, 64 + 32]),
        ("resnet50", [1024 + 2048, 512 + 256, 256 + 128, 64 + 64]),
        ("squeezenet", [256 + 512, 128 + 128, 64 + 64]),
    ],
)
def test_every_stride_is_a_skip(encoder, joined):
    model = on_meta(EncoderUNet, encoder=encoder)
    assert [join.conv[0].in_channels for join in model.joins] == joined
    assert (model.last is None) == (encoder == "vgg16")


def test_too_few_widths_are_refused():
    with pytest.raises(
        ValueError, match=r"widths are \(8, 8\), but squeezenet asks for 4, one for each doubling"
    ):
        EncoderUNet(num_classes=2, encoder="squeezenet", widths=(8, 8))


def test_pix2pix_upsamples_as_documented():
    """512, 256, 128, 64, each after a transposed convolution that takes what was joined before."""
    model = on_meta(Pix2PixUNet)
    convolutions = [up[0] for up in model.ups] + [model.head]
    assert [layer.in_channels for layer in convolutions] == [320, 512 + 96, 256 + 32, 128 + 24, 64 + 16]
    assert [layer.out_channels for layer in convolutions] == [512, 256, 128, 64, 11]
    assert [[type(layer) for layer in list(up)[2:]] for up in model.ups] == [[nn.ReLU]] * 4
    assert all(isinstance(up[1], nn.BatchNorm2d) for up in model.ups)
    assert model.ups[0](torch.rand(1, 320, 3, 4, device="meta")).shape == (1, 512, 6, 8)


# U-Net++


def double_conv(before, after):
    return 9 * before * after + 9 * after * after + 4 * after  # two kernels, two batch norms


def node(row, below, width):
    return 4 * below * width + width + double_conv(sum(row) + width, width)  # 2 x 2 upsampling, then the join


def test_unet_plus_plus_counted_by_hand():
    expected = (
        double_conv(3, 64) + double_conv(64, 128) + double_conv(128, 256) + double_conv(256, 512) + double_conv(512, 1024)
        + node([64], 128, 64) + node([128], 256, 128) + node([256], 512, 256) + node([512], 1024, 512)
        + node([64, 64], 128, 64) + node([128, 128], 256, 128) + node([256, 256], 512, 256)
        + node([64] * 3, 128, 64) + node([128] * 3, 256, 128)
        + node([64] * 4, 128, 64)
        + 4 * (64 * 11 + 11)
    )  # fmt: skip
    assert count(on_meta(UNetPlusPlus)) == expected


def edges(model, images):
    """Who feeds whom, as [(i, k), (i, j)], read off a forward by the identity of the tensors."""
    maker, found, alive = {}, set(), []

    def record(place):
        def hook(module, inputs, output):
            tensors = [tensor for part in inputs for tensor in (part if isinstance(part, list) else [part])]
            found.update((maker[id(tensor)], place) for tensor in tensors if id(tensor) in maker)
            maker[id(output)] = place
            alive.append(output)

        return hook

    for i, row in enumerate(model.nodes):
        for j, module in enumerate(row):
            module.register_forward_hook(record((i, j)))
    for j, head in model.heads.items():
        head.register_forward_hook(record(f"head {j}"))
    model(images)
    return found


def test_nodes_are_joined_as_equation_1_says():
    model = UNetPlusPlus(num_classes=2, widths=(2, 3, 4, 5), num_upsampling=3)
    assert [len(row) for row in model.nodes] == [4, 3, 2, 1]
    expected = set()
    for i in range(4):
        for j in range(1, 4 - i):
            expected |= {((i, k), (i, j)) for k in range(j)} | {((i + 1, j - 1), (i, j))}
    expected |= {((0, j), f"head {j}") for j in (1, 2, 3)}
    assert edges(model, torch.rand(1, 3, 32, 32)) == expected


def test_deep_supervision_is_the_mean_of_the_heads():
    model, images = UNetPlusPlus(num_classes=2, widths=(2, 4, 8), num_upsampling=2), torch.rand(2, 3, 33, 47)
    outputs = []
    for head in model.heads.values():
        head.register_forward_hook(lambda module, inputs, output: outputs.append(output))
    logits, aux_logits = model.forward_with_aux(images)
    torch.testing.assert_close(logits, (outputs[0] + outputs[1]) / 2)
    assert torch.equal(aux_logits, outputs[0])
    single = UNetPlusPlus(num_classes=2, widths=(2, 4, 8), num_upsampling=2, deep_supervision=False)
    assert list(single.heads) == ["2"] and single.forward_with_aux(images)[1] is None


@pytest.mark.parametrize("encoder", [None, "vgg16", "squeezenet"])
def test_a_pruned_network_gives_the_mean_of_the_heads_that_are_left(encoder):
    options = {"encoder": encoder, "widths": (4, 4, 8, 8), "num_upsampling": 3}
    model, images = UNetPlusPlus(num_classes=2, **options).eval(), torch.rand(1, 3, 33, 47)
    pruned = model.pruned(1)
    with torch.inference_mode():
        torch.testing.assert_close(pruned(images), model.forward_with_aux(images)[1])
        del model.heads["3"]
        torch.testing.assert_close(model.pruned(2)(images), model(images))
    assert not pruned.training and count(pruned) < count(model)
    assert [len(row) for row in pruned.nodes] == [2, 1]
    assert {p.dtype for p in model.double().pruned(1).parameters()} == {torch.float64}  # and on its device


def test_depths_that_cannot_be_are_refused():
    with pytest.raises(
        ValueError, match="num_upsampling is 3, but must be 1 to 2, one less than the 3 widths"
    ):
        UNetPlusPlus(num_classes=2, widths=(2, 4, 8), num_upsampling=3)
    model = UNetPlusPlus(num_classes=2, widths=(2, 4, 8), num_upsampling=2)
    with pytest.raises(
        ValueError, match="num_upsampling is 3, but must be 1 to 2, the depth of this network"
    ):
        model.pruned(3)
    with pytest.raises(ValueError, match="only a U-Net.. built with deep_supervision=True"):
        UNetPlusPlus(num_classes=2, widths=(2, 4), num_upsampling=1, deep_supervision=False).pruned(1)


# SegNet


def test_unpooling_by_hand():
    """Of each 2 x 2 cell the maximum returns to its own corner."""
    x = torch.tensor(
        [[[[1.0, 5.0, 2.0, 0.0], [3.0, 4.0, 0.0, 9.0], [7.0, 0.0, 0.0, 0.0], [0.0, 0.0, 8.0, 1.0]]]]
    )
    pooled, indices = F.max_pool2d(x, 2, return_indices=True)
    assert pooled.tolist() == [[[[5.0, 9.0], [7.0, 8.0]]]]
    grown = unpool(10 * pooled, indices, (4, 4))
    assert grown.tolist() == [[[[0, 50, 0, 0], [0, 0, 0, 90], [70, 0, 0, 0], [0, 0, 80, 0]]]]


@pytest.mark.parametrize("size", [(8, 10), (7, 9)])
def test_unpooling_equals_torchs(size):
    x = torch.randn(2, 3, *size, dtype=torch.double, requires_grad=True)
    pooled, indices = F.max_pool2d(x, 2, ceil_mode=True, return_indices=True)
    expected = F.max_unpool2d(pooled, indices, 2, output_size=size)
    assert torch.equal(unpool(pooled, indices, size), expected)
    weights = torch.rand_like(expected)
    (gradient,) = torch.autograd.grad((unpool(pooled, indices, size) * weights).sum(), x, retain_graph=True)
    (reference,) = torch.autograd.grad((expected * weights).sum(), x)
    assert torch.equal(gradient, reference)


def test_segnet_is_vgg16_mirrored():
    """Figure 2: 3, 3, 3, 2 and 2 convolutions after the five unpoolings, of which the head is the last."""
    model = on_meta(SegNet)
    assert mirrored_stages(model.encoder.backbone) == [
        [],
        [(512, 512)] * 3,
        [(512, 512), (512, 512), (512, 256)],
        [(256, 256), (256, 256), (256, 128)],
        [(128, 128), (128, 64)],
        [(64, 64)],
    ]
    vgg16, biases, first = 14_714_688, 4_224, 3 * 64 * 9  # torchvision's features; the first has no mirror
    encoder = vgg16 + 2 * 4_224  # a scale and a shift for each channel
    decoder = vgg16 - biases - first + 2 * 3_712
    head = 64 * 11 * 9 + 11
    assert count(model.head) == head
    assert count(model) == encoder + decoder + head == 29_445_643
    assert 29_400_000 <= count(model) <= 29_500_000


@pytest.mark.parametrize(("encoder", "unpoolings"), [("vgg16_bn", 2), ("vgg19", 2), ("squeezenet", 0)])
def test_only_vgg_unpools(encoder, unpoolings, monkeypatch):
    calls = []
    monkeypatch.setattr(
        "nbhelpers.models.segnet.unpool", lambda *arguments: calls.append(arguments) or unpool(*arguments)
    )
    model = SegNet(num_classes=2, encoder=encoder, num_upsampling=2).eval()
    with torch.inference_mode():
        assert model(torch.rand(1, 3, 33, 47)).shape == (1, 2, 33, 47)
    assert len(calls) == unpoolings


@pytest.mark.parametrize(("num_upsampling", "convolutions"), [(5, 13), (4, 13), (3, 10), (1, 4)])
def test_segnet_with_fewer_upsamplings(num_upsampling, convolutions):
    model = on_meta(SegNet, num_upsampling=num_upsampling)
    encoder, decoder = (
        sum(isinstance(module, nn.Conv2d) for module in part)
        for part in (model.encoder.modules(), [*model.bottom.modules(), *model.stages.modules(), model.head])
    )
    assert encoder == decoder == convolutions
    assert len(model.stages) == num_upsampling
    assert model(torch.rand(1, 3, 33, 47, device="meta")).shape == (1, 11, 33, 47)


@pytest.mark.parametrize("num_upsampling", [5, 4, 3, 1])
def test_widths_of_vgg16_make_the_network_on_its_encoder(num_upsampling):
    """Convolution for convolution; but timm's have a bias, which batch norm after them takes off again."""
    small = on_meta(SegNet, widths=(64, 128, 256, 512, 512), num_upsampling=num_upsampling)
    model = on_meta(SegNet, num_upsampling=num_upsampling)
    shapes = [
        [tuple(layer.weight.shape) for layer in each.modules() if isinstance(layer, nn.Conv2d)]
        for each in (small, model)
    ]
    assert shapes[0] == shapes[1]
    biases = sum(p.numel() for name, p in model.encoder.named_parameters() if name.endswith("bias")) // 2
    assert count(model) - count(small) == biases


@pytest.mark.parametrize("indices", [True, False])
def test_a_small_segnet_takes_any_size(indices):
    model = SegNet(num_classes=3, widths=(4, 6, 8, 10, 12), num_upsampling=4, indices=indices).eval()
    assert [stage[0][0].in_channels for stage in model.stages] == [10, 8, 6, 4]
    assert model(torch.rand(2, 3, 33, 47)).shape == (2, 3, 33, 47)


def test_without_indices_the_same_layers_grow_bilinearly(monkeypatch):
    monkeypatch.setattr("nbhelpers.models.segnet.unpool", None)
    images, options = torch.rand(1, 3, 32, 48), {"widths": (4, 4, 4, 4, 4), "num_upsampling": 2}
    model = SegNet(num_classes=2, indices=False, **options).eval()
    grown = []
    for stage in model.stages:
        stage.register_forward_pre_hook(lambda module, inputs: grown.append(inputs[0]))
        stage.register_forward_hook(lambda module, inputs, output: grown.append(output))
    bottom = []
    model.bottom.register_forward_hook(lambda module, inputs, output: bottom.append(output))
    with torch.inference_mode():
        model(images)
    for coarse, fine in zip([*bottom, grown[1]], grown[::2]):
        expected = F.interpolate(coarse, scale_factor=2, mode="bilinear", align_corners=False)
        torch.testing.assert_close(fine, expected)
    assert count(model) == count(SegNet(num_classes=2, **options))


def test_widths_and_an_encoder_exclude_each_other():
    with pytest.raises(ValueError, match="leave out encoder='vgg19' and weights=None, or widths"):
        SegNet(num_classes=2, encoder="vgg19", widths=(4, 4, 4, 4, 4))
    with pytest.raises(ValueError, match="weights='imagenet', or widths"):
        SegNet(num_classes=2, weights="imagenet", widths=(4, 4, 4, 4, 4))


def test_small_vggs_that_cannot_be_are_refused():
    for widths, convolutions, num_upsampling in (((4, 4), (1,), 2), ((4, 4), (1, 1), 3), ((4, 4), (1, 1), 0)):
        with pytest.raises(ValueError, match="one of each a stage, and at most as many poolings"):
            SegNet(num_classes=2, widths=widths, convolutions=convolutions, num_upsampling=num_upsampling)


def test_segnet_basic_has_four_convolutions_each_way():
    model = SegNet(num_classes=2, widths=(4, 6, 8, 10), convolutions=(1,) * 4, num_upsampling=4).eval()
    assert mirrored_stages(model.encoder.backbone) == [[], [(10, 8)], [(8, 6)], [(6, 4)], []]
    assert (model.head.in_channels, model.head.out_channels) == (4, 2)
    assert model(torch.rand(2, 3, 33, 47)).shape == (2, 2, 33, 47)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"encoder": "squeezenet"},
            "squeezenet has the features c1, c2, c3, c4, but the way up needs c1 to c5",
        ),
        ({"widths": (64, 32, 16)}, r"widths are \(64, 32, 16\); there must be 4"),
    ],
)
def test_what_pix2pix_cannot_join(options, message):
    with pytest.raises(ValueError, match=message):
        Pix2PixUNet(num_classes=2, **options)
