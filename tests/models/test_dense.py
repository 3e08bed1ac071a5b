"""FC-DenseNet and FC-HarDNet: their papers' numbers, and FC-DenseNet by torch.cat alone as the referee."""

import copy

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.fc_densenet_memory import live_bytes
from benchmarks.plain_fc_densenet import PlainFCDenseNet, take_weights
from nbhelpers.models.dense_block import Dropout
from nbhelpers.models.encoder_fc_densenet import EncoderFCDenseNet
from nbhelpers.models.fc_densenet import VARIANTS, DenseBlock, FCDenseNet
from nbhelpers.models.fc_hardnet import FCHarDNet, HarDBlock, links

SMALL = {"num_classes": 5, "layers": (2, 3, 2), "growth_rate": 4, "stem_channels": 6}


def count(model):
    return sum(parameter.numel() for parameter in model.parameters())


def unsettle(model):
    """Statistics, scales and shifts that are not those of a new network, and differ from layer to layer."""
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(std=0.3)
            module.running_var.uniform_(0.5, 2)
            nn.init.normal_(module.weight, mean=1, std=0.5)
            nn.init.normal_(module.bias, std=0.5)
    return model


# The papers' numbers


@pytest.mark.parametrize(
    ("name", "convolutions", "parameters"),
    [("FC-DenseNet56", 56, 1_376_795), ("FC-DenseNet67", 67, 3_463_243), ("FC-DenseNet103", 103, 9_322_091)],
)
def test_fc_densenet_has_the_parameters_and_the_layers_of_table_3(name, convolutions, parameters):
    with torch.device("meta"):
        model = FCDenseNet(num_classes=11, **VARIANTS[name])
    assert count(model) == parameters
    kinds = (nn.Conv2d, nn.ConvTranspose2d)
    assert sum(isinstance(module, kinds) for module in model.modules()) == convolutions


def test_fc_densenet103_goes_through_table_2():
    with torch.device("meta"):
        model = FCDenseNet(num_classes=11)
        rows = []
        for block in [
            model.stem,
            *model.downs,
            *model.transitions_down,
            model.bottleneck,
            *model.ups,
            model.head,
        ]:
            block.register_forward_hook(lambda module, inputs, output: rows.append(tuple(output.shape[1:])))
        model(torch.rand(1, 3, 64, 96))
    assert rows == [
        (48, 64, 96),
        (112, 64, 96), (112, 32, 48),  # DB of 4 layers, TD
        (192, 32, 48), (192, 16, 24),  # 5
        (304, 16, 24), (304, 8, 12),  # 7
        (464, 8, 12), (464, 4, 6),  # 10
        (656, 4, 6), (656, 2, 3),  # 12
        (896, 2, 3),  # 15
        (1088, 4, 6), (816, 8, 12), (576, 16, 24), (384, 32, 48), (256, 64, 96),  # TU and DB of 12, 10, 7, 5, 4
        (11, 64, 96),
    ]  # fmt: skip


# Against torch.cat


@pytest.mark.parametrize("size", [(32, 48), (33, 47), (7, 5)])
def test_logits_equal_those_of_a_plain_fc_densenet(size):
    torch.manual_seed(0)
    model = unsettle(FCDenseNet(**SMALL)).eval()
    plain = take_weights(PlainFCDenseNet(**SMALL), model).eval()
    images = torch.rand(2, 3, *size)
    with torch.inference_mode():
        torch.testing.assert_close(model(images), plain(images), atol=1e-5, rtol=1e-5)


def test_logits_of_fc_densenet103_equal_those_of_a_plain_one():
    torch.manual_seed(0)
    model = unsettle(FCDenseNet(num_classes=11)).eval()
    plain = take_weights(PlainFCDenseNet(num_classes=11), model).eval()
    images = torch.rand(1, 3, 32, 48)
    with torch.inference_mode():
        expected = plain(images)
        torch.testing.assert_close(model(images), expected, atol=1e-4 * expected.std().item(), rtol=1e-4)


@pytest.mark.parametrize("training", [True, False])
def test_gradients_and_running_statistics_equal_those_of_a_plain_fc_densenet(training):
    torch.manual_seed(0)
    model = unsettle(FCDenseNet(**SMALL, dropout=0)).double()
    plain = take_weights(PlainFCDenseNet(**SMALL, dropout=0).double(), model)
    images, results = torch.rand(2, 3, 20, 28, dtype=torch.float64), []
    for network in (model, plain):
        network.train(training)
        inputs = images.clone().requires_grad_()
        logits = network(inputs)
        logits.sin().sum().backward()
        gradients = [parameter.grad for parameter in network.parameters()]
        results.append([logits, inputs.grad, *gradients, *network.buffers()])
    assert training == any(batches == 1 for batches in model.buffers() if batches.ndim == 0)
    for ours, theirs in zip(*results, strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-8, rtol=1e-8)


def test_bf16_loses_little_more_than_in_a_plain_fc_densenet():
    """By a quarter on average: batch norm's scale and shift are rounded too."""
    torch.manual_seed(0)
    options = {**SMALL, "dropout": 0, "growth_rate": 16}
    model = unsettle(FCDenseNet(**options)).train()
    plain = take_weights(PlainFCDenseNet(**options), model).train()
    exact = copy.deepcopy(plain).double()
    images, gradients = torch.rand(2, 3, 48, 64), []
    for network, precision in ((exact, torch.float64), (plain, torch.bfloat16), (model, torch.bfloat16)):
        inputs = images.to(torch.float64 if network is exact else torch.float32)
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == torch.bfloat16):
            logits = network(inputs)
        F.cross_entropy(logits.double(), torch.zeros(2, 48, 64, dtype=torch.long)).backward()
        gradients.append(torch.cat([parameter.grad.double().flatten() for parameter in network.parameters()]))
    theirs, ours = ((gradient - gradients[0]).norm() for gradient in gradients[1:])
    assert ours < 1.5 * theirs


def test_training_keeps_a_third_of_the_bytes():
    """Of FC-DenseNet103's tensors, at the size of the issue; benchmarks/fc_densenet_memory.py measures processes."""
    kept, peak = live_bytes(FCDenseNet)
    plain_kept, plain_peak = live_bytes(PlainFCDenseNet)
    assert kept < 0.15 * plain_kept and peak < 0.35 * plain_peak


# A block by itself


@pytest.mark.parametrize("training", [(True, True), (False, False), (True, False)])
@pytest.mark.parametrize("dropout", [0.0, 0.4])
def test_the_gradient_of_a_block_is_that_of_finite_differences(training, dropout):
    torch.manual_seed(0)
    block = unsettle(DenseBlock(3, 2, 2, dropout=dropout)).double()
    for layer, mode in zip(block.layers, training):
        layer.train(mode)

    def forward(x, y, *parameters):
        torch.manual_seed(1)  # of dropout
        return block(x, y)

    parts = [torch.randn(2, channels, 2, 3, dtype=torch.float64, requires_grad=True) for channels in (1, 2)]
    assert torch.autograd.gradcheck(forward, (*parts, *block.parameters()))


def test_dropout_takes_its_share_and_keeps_the_mean():
    torch.manual_seed(0)
    dropout, x = Dropout(0.2), torch.ones(100_000)
    assert dropout(x).unique().tolist() == [0, 1.25]
    assert (dropout(x) == 0).float().mean().item() == pytest.approx(0.2, abs=0.01)
    assert torch.equal(dropout.eval()(x), x) and torch.equal(Dropout(0.0)(x), x)


def test_a_block_of_single_values_keeps_its_statistics():
    block = unsettle(DenseBlock(3, 2, 2, dropout=0)).train()
    before = copy.deepcopy(block.state_dict())
    x = torch.rand(1, 3, 1, 1)
    torch.testing.assert_close(block(x), copy.deepcopy(block).eval()(x))
    assert all(torch.equal(before[name], value) for name, value in block.state_dict().items())


def test_statistics_may_be_a_mean_over_all_batches():
    block, batches = DenseBlock(3, 1, 2, dropout=0), torch.rand(4, 2, 3, 8, 8)
    norm = block.layers[0].norm
    norm.momentum = None  # as torch.optim.swa_utils.update_bn sets it
    for x in batches:
        block(x)
    torch.testing.assert_close(norm.running_mean, batches.mean(dim=(0, 1, 3, 4)))
    assert norm.num_batches_tracked == 4


# On an encoder


@pytest.mark.parametrize("encoder", ["densenet121", "densenet169", "densenet201"])
@pytest.mark.parametrize("bottleneck_blocks", [0, 15])
def test_fc_densenet_stands_on_every_densenet(encoder, bottleneck_blocks):
    with torch.device("meta"):
        model = EncoderFCDenseNet(num_classes=11, encoder=encoder, bottleneck_blocks=bottleneck_blocks)
        seen = []
        for module in (*model.transitions_up, *model.ups):
            module.register_forward_hook(lambda module, inputs, output: seen.append(output.shape[1]))
        assert model(torch.rand(2, 3, 33, 47)).shape == (2, 11, 33, 47)
    c1, c2, c3, c4, c5 = model.encoder.channels.values()
    new = [16 * bottleneck_blocks or c5, 192, 160, 112, 80, 64]  # of each block: 16 a layer
    assert seen[0::2] == new[:-1]
    assert seen[1::2] == [up + skip + made for up, skip, made in zip(new, (c4, c3, c2, c1, 3), new[1:])]


def test_fc_densenet_on_an_encoder_learns_everywhere():
    model = EncoderFCDenseNet(num_classes=2, layers=(1,) * 5, growth_rate=4, bottleneck_blocks=2)
    model(torch.rand(1, 3, 40, 64)).square().mean().backward()
    assert [name for name, p in model.named_parameters() if p.grad is None or not p.grad.any()] == []


def test_an_encoder_without_five_strides_is_refused():
    with pytest.raises(ValueError, match="squeezenet has the features c1, c2, c3, c4.*take densenet121"):
        EncoderFCDenseNet(num_classes=2, encoder="squeezenet")


# FC-HarDNet


def test_fc_hardnet70_has_the_authors_parameters_and_macs():
    with torch.device("meta"):
        assert count(FCHarDNet(num_classes=11)) == 4_118_865
        with FlopCounterMode(display=False) as counter:
            FCHarDNet(num_classes=19)(torch.rand(1, 3, 1024, 2048))
    gmacs = counter.get_total_flops() / 2e9
    assert gmacs == pytest.approx(35.4, rel=0.01)  # their README's, batch norm included


def test_links_follow_the_rule():
    assert [links(layer) for layer in range(1, 9)] == [
        [0],
        [1, 0],
        [2],
        [3, 2, 0],
        [4],
        [5, 4],
        [6],
        [7, 6, 4, 0],
    ]
    for layer in range(1, 33):
        powers = {layer - source for source in links(layer)}
        assert powers == {power for power in (1, 2, 4, 8, 16, 32) if layer % power == 0}


def test_the_link_table_of_a_block():
    block = HarDBlock(96, 18, 8, multiplier=1.7)  # the third of FC-HarDNet-70
    assert block.link_table().splitlines() == [
        "layer 1 reads 0: 96 -> 18",
        "layer 2 reads 1, 0: 114 -> 30",  # 18 * 1.7 = 30.6
        "layer 3 reads 2: 30 -> 18",
        "layer 4 reads 3, 2, 0: 144 -> 52",  # 18 * 1.7^2 = 52.0
        "layer 5 reads 4: 52 -> 18",
        "layer 6 reads 5, 4: 70 -> 30",
        "layer 7 reads 6: 30 -> 18",
        "layer 8 reads 7, 6, 4, 0: 196 -> 88",  # 18 * 1.7^3 = 88.4
    ]
    assert block.out_channels == 18 + 18 + 18 + 18 + 88
    assert block(torch.rand(2, 96, 6, 5)).shape == (2, 160, 6, 5)


def test_a_hard_block_equals_its_links_written_out():
    block = HarDBlock(6, 4, 4, multiplier=1.7).eval()
    first, second, third, fourth = block.layers
    x = torch.rand(2, 6, 5, 3)
    one = first(x)
    two = second(torch.cat([one, x], dim=1))
    three = third(two)
    four = fourth(torch.cat([three, two, x], dim=1))
    torch.testing.assert_close(block(x), torch.cat([one, three, four], dim=1))


def test_fc_hardnet_of_two_scales_equals_its_figure_written_out():
    """On odd sides: halved by means and rounded up, and joined with what the finer block gave, not with its mix."""
    torch.manual_seed(0)
    widths = {"stem_widths": (4, 8, 8, 8), "widths": (8, 16), "growth_rates": (4, 6), "layers": (4, 4)}
    model, images = unsettle(FCHarDNet(num_classes=2, **widths)).eval(), torch.rand(1, 3, 37, 52)
    (fine, coarse), (mix, mix_coarse) = model.downs, model.mixes_down
    with torch.inference_mode():
        skip = fine(model.stem(images))
        x = mix_coarse(coarse(F.avg_pool2d(mix(skip), 2, ceil_mode=True)))
        x = F.interpolate(x, (10, 13), mode="bilinear", align_corners=False)
        x = model.ups[0](nn.Sequential.forward(model.joins[0], torch.cat([x, skip], dim=1)))
        expected = F.interpolate(model.head(x), (37, 52), mode="bilinear", align_corners=False)
        torch.testing.assert_close(model(images), expected)
