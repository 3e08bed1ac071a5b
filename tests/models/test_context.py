"""PSPNet, FPN, GCN and the DeepLabs against SMP, torchvision, published counts and hand-made cases.

Where logits are compared, the reference gets images normalised by ImageNet's mean and deviation, as ours does
by itself. SMP stretches features corner to corner (align_corners=True), we and torchvision do not; the tests
switch SMP's to ours, and change nothing else in it.
"""

import math
from functools import partial
from types import SimpleNamespace

import pytest
import segmentation_models_pytorch as smp
import torch
import torch.nn.functional as F
from segmentation_models_pytorch.decoders.fpn import decoder as smp_fpn
from torch import nn
from torchvision.models.segmentation import deeplabv3_resnet50

from nbhelpers.models.attention import SqueezeExcite
from nbhelpers.models.deeplabv3 import ASPP, DeepLabV3
from nbhelpers.models.deeplabv3_plus import DeepLabV3Plus
from nbhelpers.models.fpn import FPN, Branch
from nbhelpers.models.gcn import GCN, BoundaryRefinement, GlobalConvolution
from nbhelpers.models.pspnet import PSPNet, PyramidPooling, grid_means

MEAN, STD = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
PARAMETRIC = nn.Conv2d | nn.BatchNorm2d | nn.GroupNorm


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)


def normalised(images):
    return (images - MEAN[:, None, None]) / STD[:, None, None]


def count(module):
    return sum(parameter.numel() for parameter in module.parameters())


def on_meta(make, **options):
    with torch.device("meta"):
        return make(num_classes=11, **options)


def copy_weights(pairs):
    """Copy each (theirs, ours) layer by layer, in order; theirs first get random batch-norm statistics."""
    for theirs, ours in pairs:
        sources, targets = (
            [m for m in part.modules() if isinstance(m, PARAMETRIC)] for part in (theirs, ours)
        )
        for source, target in zip(sources, targets, strict=True):
            if isinstance(source, nn.BatchNorm2d):
                nn.init.normal_(source.running_mean, std=0.1)
                nn.init.uniform_(source.running_var, 0.8, 1.2)
            target.load_state_dict(source.state_dict())


def shape_into(model, name, images):
    """The height and width of what `model` hands to its part `name`."""
    sizes = []
    handle = model.get_submodule(name).register_forward_pre_hook(
        lambda module, inputs: sizes.append(tuple(inputs[0].shape[2:]))
    )
    with torch.inference_mode():
        model.eval()(images)
    handle.remove()
    return sizes[0]


# PSPNet


def cell_means(x, cells):
    """Average pooling spelt out: cell i of n covers the rows from floor(i h / n) to ceil((i + 1) h / n)."""
    height, width = x.shape[2:]
    rows = [slice(i * height // cells, math.ceil((i + 1) * height / cells)) for i in range(cells)]
    columns = [slice(i * width // cells, math.ceil((i + 1) * width / cells)) for i in range(cells)]
    return torch.stack(
        [torch.stack([x[:, :, row, column].mean(dim=(2, 3)) for column in columns], dim=-1) for row in rows],
        dim=-2,
    )


@pytest.mark.parametrize("size", [(12, 18), (7, 11), (3, 5), (1, 1)])
def test_pyramid_pooling_equals_a_plain_reference(size):
    pooling = PyramidPooling(8, bins=(1, 2, 3, 6)).eval()
    x = torch.randn(2, 8, *size)
    expected = [x]
    for cells, level in zip((1, 2, 3, 6), pooling.levels, strict=True):
        conv, norm = (m for m in level.modules() if isinstance(m, nn.Conv2d | nn.BatchNorm2d))
        means = torch.einsum("oc,nchw->nohw", conv.weight[:, :, 0, 0], cell_means(x, cells))
        means = (means / math.sqrt(1 + norm.eps)).relu()  # a fresh batch norm has mean 0 and variance 1
        expected.append(F.interpolate(means, size=size, mode="bilinear", align_corners=False))
    torch.testing.assert_close(pooling(x), torch.cat(expected, dim=1))
    assert pooling.out_channels == 8 + 4 * 2


@pytest.mark.parametrize("cells", [1, 2, 3, 6])
def test_grid_means_equal_adaptive_pooling(cells):
    for size in [(12, 18), (7, 11), (3, 5), (1, 1)]:
        x = torch.randn(2, 3, *size)
        torch.testing.assert_close(grid_means(x, cells), F.adaptive_avg_pool2d(x, cells))


def test_a_pyramid_without_levels_is_refused():
    with pytest.raises(ValueError, match="bins is empty"):
        PSPNet(num_classes=2, encoder="resnet18", bins=())


def test_pspnet_parameters_are_those_of_a_public_implementation():
    """yassouali/pytorch-segmentation has 51,436,502, with a wider auxiliary head and a deeper stem."""
    wider_aux = 1024 * 256 * 9 + 2 * 256 + 256 * 11
    deep_stem = (3 * 64 * 9 + 64 * 64 * 9 + 64 * 128 * 9) - 3 * 64 * 49 + 2 * (64 + 128)
    wider_first_block = 64 * 64 + 64 * 256  # which takes 128 channels from that stem
    assert count(on_meta(PSPNet)) == 51_436_502 - wider_aux - deep_stem - wider_first_block


@pytest.mark.parametrize("output_stride", [4, 8, 16])
@pytest.mark.parametrize("encoder", ["resnet18", "vgg16", "mobilenetv2"])
def test_pspnet_pools_at_the_stride_it_is_asked_for(encoder, output_stride):
    model = PSPNet(num_classes=2, encoder=encoder, output_stride=output_stride)
    size = shape_into(model, "pyramid", torch.rand(1, 3, 64, 96))
    assert size == (64 // output_stride, 96 // output_stride)


@pytest.mark.parametrize("make", [PSPNet, DeepLabV3])
@pytest.mark.parametrize("encoder", ["resnet18", "vgg16"])
def test_auxiliary_logits_are_as_large_as_the_image_and_train_every_parameter(make, encoder):
    model = make(num_classes=5, encoder=encoder)
    logits, aux_logits = model.forward_with_aux(torch.rand(1, 3, 47, 64))
    assert logits.shape == aux_logits.shape == (1, 5, 47, 64)
    (logits.square().mean() + aux_logits.square().mean()).backward()
    gradients = {name: p.grad for name, p in model.named_parameters()}
    assert [name for name, gradient in gradients.items() if gradient is None] == []
    ours = {name: gradient for name, gradient in gradients.items() if not name.startswith("encoder.")}
    # timm's residuals begin at 0
    assert [name for name, gradient in ours.items() if not gradient.any()] == []


@pytest.mark.parametrize("make", [PSPNet, DeepLabV3])
def test_the_auxiliary_head_changes_no_logits(make):
    model, images = make(num_classes=5, encoder="resnet18").eval(), torch.rand(1, 3, 33, 47)
    with torch.inference_mode():
        assert torch.equal(model(images), model.forward_with_aux(images)[0])


# FPN


def test_fpn_logits_equal_smp(monkeypatch):
    def interpolate(x, *, mode, align_corners=None, **size):
        return F.interpolate(x, mode=mode, align_corners=False if mode == "bilinear" else None, **size)

    monkeypatch.setattr(smp_fpn, "F", SimpleNamespace(interpolate=interpolate))
    reference = smp.FPN("resnet50", encoder_weights=None, classes=11).eval()
    reference.segmentation_head[1].align_corners = False
    model = FPN(num_classes=11, encoder="resnet50").eval()
    assert count(model) == count(reference) == 26_117_323
    copy_weights([(reference, model)])
    images = torch.rand(2, 3, 64, 96)
    with torch.inference_mode():
        torch.testing.assert_close(model(images), reference(normalised(images)))


def test_fpn_levels_have_the_strides_of_their_names():
    shapes = []
    model = FPN(num_classes=2, encoder="resnet18").eval()
    for branch in model.branches:
        branch.register_forward_hook(
            lambda module, inputs, output: shapes.append(
                (tuple(inputs[0].shape[2:]), tuple(output.shape[1:]))
            )
        )
    with torch.inference_mode():
        model(torch.rand(1, 3, 64, 96))
    top = (128, 16, 24)
    assert shapes == [((2, 3), top), ((4, 6), top), ((8, 12), top), ((16, 24), top)]


@pytest.mark.parametrize("channels", [32, 64])
def test_the_least_map_still_tells_images_apart(channels):
    """p5 of 32 x 32 pixels has one value a channel: a group of one channel would have nothing but its bias."""
    branch, x = Branch(4, channels, doublings=0), torch.randn(2, 4, 1, 1)
    first, second = branch(x, [(1, 1)])
    assert not torch.equal(first, second)
    torch.testing.assert_close(branch(x[:1], [(1, 1)])[0], first)


# GCN


def test_global_convolution_by_hand():
    """Column 1 2 3 and then row 1 0 -1 are the 3 x 3 kernel of their products; the mirror is zero here."""
    layer = GlobalConvolution(1, 1, kernel_size=3)
    for parameter in layer.parameters():
        nn.init.zeros_(parameter)
    column, row = layer.column_row
    column.weight.data = torch.tensor([1.0, 2.0, 3.0]).reshape(1, 1, 3, 1)
    row.weight.data = torch.tensor([1.0, 0.0, -1.0]).reshape(1, 1, 1, 3)
    x = torch.zeros(1, 1, 3, 4)
    x[..., 1, 1] = 1  # the answer is the kernel, turned by half a circle, around this pixel
    assert layer(x)[0, 0].tolist() == [[-3, 0, 3, 0], [-2, 0, 2, 0], [-1, 0, 1, 0]]


@pytest.mark.parametrize("kernel_size", [7, 15])
def test_global_convolution_equals_one_dense_kernel(kernel_size):
    """Up to the border too, for without a bias the inner map is zero outside as well."""
    layer = GlobalConvolution(3, 4, kernel_size=kernel_size).double()
    for branch in (layer.column_row, layer.row_column):
        for conv in branch:
            nn.init.zeros_(conv.bias)
    (column, row), (mirrored_row, mirrored_column) = layer.column_row, layer.row_column
    assert column.kernel_size == mirrored_column.kernel_size == (kernel_size, 1)
    dense = torch.einsum("mci,omj->ocij", column.weight[..., 0], row.weight[:, :, 0])
    dense += torch.einsum("mcj,omi->ocij", mirrored_row.weight[:, :, 0], mirrored_column.weight[..., 0])
    x = torch.randn(2, 3, 20, 9, dtype=torch.double)
    torch.testing.assert_close(layer(x), F.conv2d(x, dense, padding=kernel_size // 2))


def test_boundary_refinement_adds_to_the_scores():
    block, x = BoundaryRefinement(3), torch.randn(1, 3, 5, 6)
    first, _, second = block.correct
    expected = x + F.conv2d(
        F.conv2d(x, first.weight, first.bias, padding=1).relu(), second.weight, second.bias, padding=1
    )
    torch.testing.assert_close(block(x), expected)


def test_gcn_parameters_are_those_of_a_public_implementation():
    """yassouali/pytorch-segmentation has 24,468,464: two batch norms in each of 9 refinements, a last 1 x 1
    layer."""
    assert count(on_meta(GCN, kernel_size=11)) == 24_468_464 - 9 * 2 * 2 * 11 - (11 + 1) * 11


def test_gcn_equals_figure_2_written_out():
    model, images = GCN(num_classes=3, encoder="squeezenet", kernel_size=3).eval(), torch.rand(1, 3, 65, 98)
    grown = partial(F.interpolate, mode="bilinear", align_corners=False)
    first, second, half, full = model.refiners
    with torch.inference_mode():
        features = model.encoder(images)
        c4, c3, c2 = (scorer(features[name]) for scorer, name in zip(model.scorers, ("c4", "c3", "c2")))
        x = second(grown(first(grown(c4, (9, 13)) + c3), (17, 25)) + c2)
        expected = full(grown(half(grown(x, (33, 49))), (65, 98)))
        torch.testing.assert_close(model(images), expected)


def test_gcn_begins_near_an_even_guess():
    """The public one starts at a cross-entropy of 193; knowing nothing of 11 classes costs ln 11 = 2.4."""
    logits = GCN(num_classes=11, encoder="resnet18").train()(torch.rand(2, 3, 64, 96))
    masks = torch.randint(11, (2, 64, 96))
    assert F.cross_entropy(logits, masks) < 2 * math.log(11)


def test_an_even_kernel_is_refused():
    with pytest.raises(ValueError, match="kernel_size is 8; it must be odd"):
        GCN(num_classes=2, encoder="resnet18", kernel_size=8)


# DeepLabV3


def test_deeplabv3_logits_equal_torchvision():
    reference = deeplabv3_resnet50(weights=None, weights_backbone=None, num_classes=11, aux_loss=True).eval()
    model = DeepLabV3(num_classes=11, encoder="resnet50", output_stride=8).eval()
    assert count(model) - count(model.aux_head) == 39_636_299
    assert count(model) == count(reference)
    copy_weights(
        [
            (reference.backbone, model.encoder),
            (reference.classifier, nn.ModuleList([model.aspp, model.head])),
            (reference.aux_classifier, model.aux_head),
        ]
    )
    images = torch.rand(2, 3, 65, 97)
    with torch.inference_mode():
        logits, aux_logits = model.forward_with_aux(images)
        expected = reference(normalised(images))
    torch.testing.assert_close(logits, expected["out"])
    torch.testing.assert_close(aux_logits, expected["aux"])


@pytest.mark.parametrize(("output_stride", "rates"), [(8, [12, 24, 36]), (16, [6, 12, 18])])
@pytest.mark.parametrize("make", [DeepLabV3, DeepLabV3Plus])
def test_rates_follow_the_stride_unless_given(make, output_stride, rates):
    def dilations(model):
        convs = [m for m in model.aspp.modules() if isinstance(m, nn.Conv2d) and m.kernel_size == (3, 3)]
        return [conv.dilation[0] for conv in convs]

    assert dilations(on_meta(make, output_stride=output_stride)) == rates
    assert dilations(on_meta(make, output_stride=output_stride, atrous_rates=(2, 3))) == [2, 3]


@pytest.mark.parametrize("encoder", ["resnet18", "vgg16", "densenet121", "squeezenet", "xception"])
@pytest.mark.parametrize("make", [DeepLabV3, DeepLabV3Plus])
def test_aspp_sees_the_stride_it_is_asked_for(make, encoder):
    """By dilation, or where the backbone cannot dilate, by the feature that has the stride."""
    model = make(num_classes=2, encoder=encoder, output_stride=16)
    assert shape_into(model, "aspp", torch.rand(1, 3, 64, 96)) == (4, 6)


def test_aspp_sees_the_whole_map():
    """A change in one corner reaches the far one only by the mean of the map."""
    aspp, x = ASPP(4, 8, atrous_rates=(1, 2)).eval(), torch.rand(1, 4, 16, 16)
    changed = x.clone()
    changed[..., 0, 0] += 1
    difference = (aspp(changed) - aspp(x))[..., 15, 15]
    assert difference.any()
    nn.init.zeros_(next(m for m in aspp.image.modules() if isinstance(m, nn.Conv2d)).weight)
    assert not (aspp(changed) - aspp(x))[..., 15, 15].any()


# DeepLabV3+


def test_deeplabv3_plus_logits_equal_smp():
    """SMP has its second 3 x 3 convolution behind ASPP; the paper (Table 2) behind the first, so it moves."""
    reference = smp.DeepLabV3Plus("resnet50", encoder_weights=None, classes=11).eval()
    model = DeepLabV3Plus(
        num_classes=11, encoder="resnet50", output_stride=16, atrous_rates=(12, 24, 36)
    ).eval()
    assert count(model) == count(reference) == 26_680_155
    theirs = reference.decoder
    aspp, *second = theirs.aspp
    copy_weights(
        [
            (reference.encoder, model.encoder),
            (aspp, model.aspp),
            (theirs.block1, model.reduce),
            (nn.ModuleList([theirs.block2, *second, reference.segmentation_head]), model.head),
        ]
    )
    # SMP dilates all of the last stage; torchvision and timm all but its first block
    first = reference.encoder.layer4[0].conv2
    first.dilation, first.padding = (1, 1), (1, 1)
    for upsampling in (theirs.up, reference.segmentation_head[1]):
        upsampling.align_corners = False
    images = torch.rand(2, 3, 64, 96)
    with torch.inference_mode():
        features = reference.encoder(normalised(images))
        x = theirs.block2(torch.cat([theirs.up(aspp(features[-1])), theirs.block1(features[2])], dim=1))
        expected = reference.segmentation_head(nn.Sequential(*second)(x))
        torch.testing.assert_close(model(images), expected)


def test_squeeze_excite_stands_where_the_issue_wants_it():
    """On the high-level features, behind ASPP, on the low-level features and behind their concatenation."""
    model = DeepLabV3Plus(num_classes=2, encoder="resnet18", attention="se").eval()
    blocks = [(name, module) for name, module in model.named_modules() if isinstance(module, SqueezeExcite)]
    called = {}
    for name, block in blocks:
        block.register_forward_hook(
            lambda module, inputs, output, name=name: called.update({name: output.shape[1:]})
        )
    with torch.inference_mode():
        model(torch.rand(1, 3, 64, 96))
    assert [tuple(shape) for shape in called.values()] == [
        (512, 4, 6),
        (256, 4, 6),
        (64, 16, 24),
        (304, 16, 24),
    ]
    plain = DeepLabV3Plus(num_classes=2, encoder="resnet18")
    assert count(model) - count(plain) == sum(count(block) for _, block in blocks)
    assert model.state_dict().keys() >= plain.state_dict().keys()


def test_unknown_attention_and_strides_are_refused():
    with pytest.raises(ValueError, match="attention is 'eca'; it must be 'se', 'cbam' or None"):
        DeepLabV3Plus(num_classes=2, encoder="resnet18", attention="eca")
    for make in (PSPNet, DeepLabV3, DeepLabV3Plus):
        with pytest.raises(ValueError, match="output_stride"):
            make(num_classes=2, encoder="resnet18", output_stride=12)
