"""FCN8 against the published parameter count, other people's layers, and bilinear interpolation."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torchvision.models.vgg import cfgs, make_layers

from nbhelpers.checks import overfit_one_batch
from nbhelpers.models.fcn8 import FCN8, FastFCN8, bilinear_upsampling, convolution

SMALL = {"widths": (4, 8, 8, 16, 16), "fc_channels": 16}
IMAGENET = (
    torch.tensor([0.485, 0.456, 0.406]).reshape(3, 1, 1),
    torch.tensor([0.229, 0.224, 0.225]).reshape(3, 1, 1),
)


def count(module):
    return sum(parameter.numel() for parameter in module.parameters())


def on_meta(make, **options):
    with torch.device("meta"):
        return make(num_classes=11, **options)


def test_parameters_are_those_of_two_public_implementations():
    """134,348,929 in yassouali/pytorch-segmentation and in meetps/pytorch-semseg, upsampling included."""
    model = on_meta(FCN8, batch_norm=False)
    upsampling = sum(count(layer) for layer in (model.up_fc7, model.up_pool4, model.up_image))
    assert upsampling == 11 * 11 * (4 * 4 + 4 * 4 + 16 * 16)
    assert sum(count(layer) for layer in (model.score_pool3, model.score_pool4, model.score_fc7)) == (
        (256 + 1) * 11 + (512 + 1) * 11 + (4096 + 1) * 11
    )
    assert count(model) - upsampling == 134_314_081
    assert count(model) == 134_348_929


@pytest.mark.parametrize("batch_norm", [False, True])
def test_weights_make_pool5_equal_to_torchvision(batch_norm, tmp_path):
    """The encoder is VGG16; with batch norm, torchvision's convolutions have a bias all the same."""
    torch.manual_seed(0)
    features = make_layers(cfgs["D"], batch_norm=batch_norm).eval()  # without the classifier of 120 M weights
    for layer in features:
        if isinstance(layer, nn.Conv2d):
            nn.init.normal_(layer.bias, std=0.1)
        if isinstance(layer, nn.BatchNorm2d):
            nn.init.normal_(layer.running_mean, std=0.1)
            nn.init.uniform_(layer.running_var, 0.8, 1.2)
    torch.save(features.state_dict(prefix="features."), tmp_path / "vgg16.pth")
    model = FCN8(num_classes=2, fc_channels=8, batch_norm=batch_norm, weights=tmp_path / "vgg16.pth").eval()
    images, pool5 = torch.rand(1, 3, 64, 96), []
    model.fc6.register_forward_pre_hook(lambda module, inputs: pool5.append(inputs[0]))
    with torch.inference_mode():
        model(images)
        torch.testing.assert_close(pool5[0], features((images - IMAGENET[0]) / IMAGENET[1]))


def test_weights_that_cannot_fit_are_refused():
    for options in ({"conv": "separable"}, {"widths": (4, 8, 8, 16, 16)}):
        with pytest.raises(
            ValueError, match="'imagenet' are VGG16's: they need conv='standard' and its own widths"
        ):
            FCN8(num_classes=2, weights="imagenet", fc_channels=8, **options)


@pytest.mark.parametrize("size", [(64, 96), (1, 1), (33, 47), (37, 150)])
@pytest.mark.parametrize("make", [FCN8, FastFCN8])
def test_any_size_goes_through(make, size):
    model = make(num_classes=3, **SMALL).eval()
    assert model(torch.rand(2, 3, *size)).shape == (2, 3, *size)


@pytest.mark.parametrize("factor", [2, 8])
def test_upsampling_begins_bilinear(factor):
    """As F.interpolate does, but for the border, where a transposed convolution fades to zero."""
    x = torch.rand(2, 3, 6, 5)
    with torch.no_grad():
        upsampled = bilinear_upsampling(3, factor)(x)
    expected = F.interpolate(x, scale_factor=factor, mode="bilinear", align_corners=False)
    assert upsampled.shape == expected.shape
    inside = (..., slice(factor, -factor), slice(factor, -factor))
    torch.testing.assert_close(upsampled[inside], expected[inside])


def test_a_constant_score_reaches_the_image_unchanged():
    """The three upsamplings lie straight over each other: a step in fc7's scores arrives 32 times as far."""
    model = FCN8(num_classes=1, **SMALL).eval()
    for layer in (model.score_pool3, model.score_pool4, model.score_fc7):
        nn.init.zeros_(layer.weight)
        nn.init.zeros_(layer.bias)
    step = torch.zeros(1, 1, 6, 6)
    step[..., 3:] = 1  # pixels from 96 on
    model.score_fc7.register_forward_hook(lambda module, inputs, output: step)
    logits = model(torch.rand(1, 3, 192, 192))[0, 0, 96]
    torch.testing.assert_close(logits[48:64], torch.zeros(16))
    torch.testing.assert_close(logits[128:144], torch.ones(16))
    # the middle of the slope is the edge
    torch.testing.assert_close(logits[95] + logits[96], torch.tensor(1.0))


def test_the_skips_of_figure_3_join():
    """pool3 and pool4 reach the logits by a direct way, at strides 8 and 16."""
    sizes = {}
    model = FCN8(num_classes=2, **SMALL).eval()
    for name in ("score_pool3", "score_pool4", "score_fc7", "fc6"):
        model.get_submodule(name).register_forward_hook(
            lambda module, inputs, output, name=name: sizes.update({name: tuple(output.shape[1:])})
        )
    model(torch.rand(1, 3, 64, 96))
    assert sizes == {
        "fc6": (16, 2, 3),
        "score_fc7": (2, 2, 3),
        "score_pool4": (2, 4, 6),
        "score_pool3": (2, 8, 12),
    }


def test_separable_convolution_by_hand():
    """Each channel is summed over its 3 x 3 neighbourhood, then both are mixed as a + 2 b."""
    layer = convolution(2, 1, separable=True)
    depthwise, pointwise = layer[0], layer[2]
    nn.init.ones_(depthwise.weight)
    nn.init.zeros_(depthwise.bias)
    nn.init.zeros_(pointwise.bias)
    pointwise.weight.data = torch.tensor([1.0, 2.0]).reshape(1, 2, 1, 1)
    x = torch.zeros(1, 2, 3, 3)
    x[0, 0, 1, 1], x[0, 1, 0, 0] = 5, 7
    assert layer(x)[0, 0].tolist() == [[19, 19, 5], [19, 19, 5], [5, 5, 5]]


def test_fast_fcn8_has_a_sixth_of_the_parameters():
    fast, standard = on_meta(FastFCN8), on_meta(FCN8)
    assert 19e6 < count(fast) < 22e6
    assert count(standard) > 6 * count(fast)
    kernels = [
        layer for layer in fast.modules() if isinstance(layer, nn.Conv2d) and layer.kernel_size != (1, 1)
    ]
    # but for the first
    assert [layer.groups == layer.in_channels for layer in kernels] == [False] + [True] * 13


def test_the_first_layer_stays_standard_whatever_the_channels():
    model = FastFCN8(num_classes=2, in_channels=4, **SMALL)
    assert [layer[0].groups for layer in model.stages[0]] == [1, 4]


@pytest.mark.parametrize("conv", ["standard", "separable"])
def test_one_toy_batch_is_learnt_by_heart(conv):
    torch.manual_seed(0)
    masks = torch.zeros(2, 32, 48, dtype=torch.long)
    masks[0, 8:24, 8:24], masks[1, 16:, 24:] = 1, 2
    images = torch.stack([masks == 0, masks == 1, masks == 2], dim=1).float()
    model = FCN8(num_classes=3, conv=conv, dropout=0.0, **SMALL)
    assert overfit_one_batch(model, (images, masks)) > 0.95


def test_without_batch_norm_the_signal_survives_all_layers():
    torch.manual_seed(0)
    logits = FCN8(num_classes=5, batch_norm=False, widths=(32,) * 5, fc_channels=64).eval()(
        torch.rand(2, 3, 64, 64)
    )
    assert 0.05 < logits.std() < 5  # torch's default weights leave less than 1e-3


def test_an_unknown_convolution_is_refused():
    with pytest.raises(ValueError, match="conv is 'depthwise'; it must be 'standard' or 'separable'"):
        FCN8(num_classes=2, conv="depthwise")
