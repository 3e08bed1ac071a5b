"""The pictures of attention say what the blocks did."""

import re

import pytest
import torch

from nbhelpers import visualisation as vis
from nbhelpers.datasets import Street, in_memory
from nbhelpers.models.attention import CBAM, SelfAttention, SqueezeExcite
from nbhelpers.models.segformer import SegFormer
from nbhelpers.models.unet import UNet

SELF, PLACES, CHANNELS = "ups.0.conv.6", "ups.0.conv.7", "downs.0.6"


@pytest.fixture(scope="module")
def data():
    return in_memory(Street("val", (32, 48), length=3))


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    unet = UNet(num_classes=11, widths=(8, 16))
    unet.downs[0].append(SqueezeExcite(16))
    unet.ups[0].conv.append(SelfAttention(8))
    unet.ups[0].conv.append(CBAM(8, reduction=2))
    return unet.train()


def ask_evenly(model):
    block = model.get_submodule(SELF)
    block.query.weight.data.zero_()
    return model


def test_weights_are_those_the_block_takes(model, data):
    """Put together by hand from the weights, the output is that of the block, which uses torch's attention."""
    block, seen = model.get_submodule(SELF), {}
    block.gate.data.fill_(0.7)
    handle = block.register_forward_hook(
        lambda _, inputs, output: seen.update(x=inputs[0].clone(), y=output.clone())
    )
    model.eval()
    with torch.no_grad():
        model(data[0][0][None].float() / 255)
        handle.remove()
        weights = vis.attention_weights(model, data[0][0], SELF)
        assert weights.shape == (32, 48, 32, 48)
        torch.testing.assert_close(weights.sum(dim=(2, 3)), torch.ones(32, 48))
        values = block.value(seen["x"])[0].flatten(1)  # (inner, places)
        found = (values @ weights.flatten(2).flatten(0, 1).T).unflatten(1, (32, 48))
        expected = seen["x"] + 0.7 * block.out(found[None])
    torch.testing.assert_close(seen["y"], expected, rtol=1e-4, atol=1e-5)
    model.train()


def test_segformers_weights_are_told_by_the_squares_that_answer(data):
    """The head's mean of what the block itself multiplies by; a class asks among the squares of its own."""
    torch.manual_seed(0)
    model = SegFormer(num_classes=11, widths=(8, 16, 20, 32), reductions=(4, 2, 1, 1), head_channels=16)
    layer, image = "stages.0.blocks.1.attention", data[0][0]
    weights, seen = vis.attention_weights(model, image, layer), []
    handle = model.get_submodule(layer).register_forward_hook(
        lambda _, inputs, output: seen.append(inputs[0])
    )
    with torch.no_grad():
        model.eval()(image[None].float() / 255)
        handle.remove()
        expected = model.get_submodule(layer).weights(seen[0])[0].mean(dim=0)
    assert weights.shape == (8, 12, 2, 3)  # of 32 x 48 pixels at stride 4, and squares of 4 x 4
    torch.testing.assert_close(weights.flatten(2).flatten(0, 1), expected)
    text = vis.show_attention(model, image, layer, {"a": (31, 47)}).alt
    assert "of the 2 x 3 places" in text
    vis.show_attention_by_class(model, data, layer, [0, 1])


def test_the_gates_are_those_the_blocks_apply(model, data):
    image = data[0][0]
    seen = {}
    for name in (PLACES, CHANNELS):
        model.get_submodule(name).register_forward_hook(
            lambda _, inputs, output, name=name: seen.update({name: (inputs[0].clone(), output.clone())})
        )
    gate = vis.channel_gate(model, image, CHANNELS)
    x, y = seen[CHANNELS]
    torch.testing.assert_close(x * gate[None, :, None, None], y)
    gate = vis.place_gate(model, image, PLACES)
    x, y = seen[PLACES]
    block = model.get_submodule(PLACES)
    channels = block.channel_gate(x.mean((2, 3), keepdim=True)) + block.channel_gate(
        x.amax((2, 3), keepdim=True)
    )
    torch.testing.assert_close(x * channels.sigmoid() * gate, y)
    assert model.training, "the mode is given back"


def test_even_attention_is_chance(model, data):
    own, chance = vis.attention_by_class(ask_evenly(model), data, SELF, (0, 1, 2))
    torch.testing.assert_close(own, chance, equal_nan=True)
    assert 0 < chance.nan_to_num().max() < 1
    assert "1.0 times" not in vis.show_attention_by_class(model, data, SELF, (0,)).alt
    text = vis.show_attention_by_class(model, data, SELF, (0,)).alt
    pairs = re.findall(r"(\w+) (\d\.\d\d) \(chance (\d\.\d\d)\)", text)
    assert pairs and all(mine == even for _, mine, even in pairs)


def test_attention_on_a_picture_says_where(model, data):
    picture = vis.show_attention(ask_evenly(model), data[0][0], SELF, {"road": (30, 24), "sky": (0, 0)})
    assert "road, at row 30 and column 24, takes half from 50 % of the 32 x 48 places" in picture.alt
    with pytest.raises(ValueError, match=r"the place of 'moon' is \(32, 0\), but the image is 32 x 48"):
        vis.show_attention(model, data[0][0], SELF, {"moon": (32, 0)})


def test_the_place_that_asks_is_found_on_the_smaller_map(model, data, monkeypatch):
    weights = torch.full((4, 6, 2, 3), 1 / 6)
    weights[3, 4] = torch.tensor([[0.05, 0.1, 0.05], [0.1, 0.3, 0.4]])
    monkeypatch.setattr("nbhelpers.visualisation.attention.attention_weights", lambda *_: weights)
    alt = vis.show_attention(model, data[0][0], SELF, {"a": (31, 39), "b": (31, 40)}).alt
    assert (
        "row 31 and column 39, takes half from 33 % of the 2 x 3 places, most from row 16, column 32" in alt
    )
    assert "row 31 and column 40, takes half from 50 %" in alt


def test_gates_on_pictures_say_their_range(model, data):
    images = [data[index][0] for index in range(3)]
    gate = vis.place_gate(model, images[0], PLACES)
    text = vis.show_place_gate(model, images, PLACES).alt
    assert f"{gate.min():.2f} to {gate.max():.2f}" in text
    gates = torch.stack([vis.channel_gate(model, image, CHANNELS) for image in images])
    text = vis.show_channel_gates(model, images, CHANNELS).alt
    assert f"for 3 images, {gates.min():.2f} to {gates.max():.2f}" in text
    assert f"{gates.std(dim=0).mean():.2f} between images" in text


@pytest.mark.parametrize(
    ("show", "layer", "words"),
    [
        (
            lambda m, d, n: vis.show_attention(m, d[0][0], n, {"a": (0, 0)}),
            CHANNELS,
            f"SqueezeExcite, .* {SELF}",
        ),
        (lambda m, d, n: vis.show_place_gate(m, [d[0][0]], n), SELF, f"a SelfAttention, .*CBAM.* {PLACES}"),
        (lambda m, d, n: vis.show_channel_gates(m, [d[0][0]], n), "nowhere", f"missing, .* {CHANNELS}"),
    ],
)
def test_another_layer_is_refused(model, data, show, layer, words):
    with pytest.raises(ValueError, match=words):
        show(model, data, layer)
