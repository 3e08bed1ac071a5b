"""The attention blocks against cases computed by hand, their papers' equations and other people's code."""

import math

import pytest
import torch
from timm.layers.cbam import CbamModule
from torch import nn
from torchvision.ops import SqueezeExcitation

from nbhelpers.models.attention import CBAM, SelfAttention, SqueezeExcite
from nbhelpers.models.unet import UNet

BLOCKS = {"se": SqueezeExcite, "cbam": CBAM, "self": SelfAttention}


@pytest.fixture(params=BLOCKS)
def block(request):
    torch.manual_seed(0)
    block = BLOCKS[request.param](32)
    for parameter in block.parameters():
        nn.init.normal_(parameter, std=0.3)  # opens the gate
    return block


def sigmoid(x):
    return 1 / (1 + math.exp(-x))


def fill(block, **values):
    """Set every weight by name; a number fills it."""
    parameters = dict(block.named_parameters())
    assert parameters.keys() == values.keys()
    for name, value in values.items():
        parameters[name].data.copy_(
            torch.as_tensor(value, dtype=torch.float32).broadcast_to(parameters[name].shape)
        )
    return block


def test_a_block_goes_into_any_decoder(block):
    unet = UNet(num_classes=2, widths=(32, 64))
    unet.ups[-1].conv.append(block)
    logits = unet.train()(torch.rand(1, 3, 33, 48))
    assert logits.shape == (1, 2, 33, 48)
    logits.square().mean().backward()
    assert [name for name, p in unet.named_parameters() if not p.grad.any()] == []


def test_a_block_survives_few_channels_and_a_single_pixel():
    for make in BLOCKS.values():
        x = torch.rand(1, 3, 1, 1)
        assert make(3).train()(x).shape == x.shape


def test_memory_layout_and_precision_change_nothing(block):
    x = torch.randn(2, 32, 5, 7)
    expected = block(x)
    torch.testing.assert_close(block(x.to(memory_format=torch.channels_last)), expected)
    with torch.autocast("cpu", torch.bfloat16):
        torch.testing.assert_close(block(x).float(), expected, atol=0.1, rtol=0.05)


def test_squeeze_excite_by_hand():
    """Two channels of 2 x 2 with means 2 and 5; the hidden unit adds them, and weighs by +1 and -1."""
    x = torch.tensor([[[[1.0, 3.0], [2.0, 2.0]], [[5.0, 5.0], [0.0, 10.0]]]])
    block = fill(
        SqueezeExcite(2, reduction=2),
        **{
            "squeeze.weight": 1.0,
            "squeeze.bias": -6.0,  # 2 + 5 - 6 = 1
            "excite.weight": torch.tensor([1.0, -1.0]).reshape(2, 1, 1, 1),
            "excite.bias": torch.tensor([0.5, 0.0]),
        },
    )
    expected = x * torch.tensor([sigmoid(1.5), sigmoid(-1.0)]).reshape(1, 2, 1, 1)
    torch.testing.assert_close(block(x), expected)


def test_squeeze_excite_equals_torchvision():
    block, reference = SqueezeExcite(32), SqueezeExcitation(32, 2)
    reference.load_state_dict(dict(zip(reference.state_dict(), block.state_dict().values(), strict=True)))
    x = torch.randn(2, 32, 5, 7)
    torch.testing.assert_close(block(x), reference(x))


def test_cbam_by_hand():
    """One channel, one hidden unit of weight 1: means and maxima can be followed on paper."""
    x = torch.tensor([[[[0.0, 2.0], [2.0, 4.0]]]])
    block = fill(
        CBAM(1, kernel_size=1),
        **{
            "channel_gate.0.weight": 1.0,
            "channel_gate.2.weight": 0.5,
            "place_gate.weight": torch.tensor([1.0, 2.0]).reshape(1, 2, 1, 1),
        },
    )
    weighed = x * sigmoid(0.5 * 2 + 0.5 * 4)  # the mean is 2, the maximum 4
    expected = weighed * torch.sigmoid(weighed + 2 * weighed)  # of one channel, mean and maximum are itself
    torch.testing.assert_close(block(x), expected)


def test_cbam_equals_timm():
    """timm has a batch norm behind the spatial convolution, as the authors' code has, but not equation 3."""
    block, reference = CBAM(32), CbamModule(32, rd_ratio=1 / 16)
    reference.spatial.conv.bn = nn.Identity()
    reference.load_state_dict(dict(zip(reference.state_dict(), block.state_dict().values(), strict=True)))
    x = torch.randn(2, 32, 9, 11)
    torch.testing.assert_close(block(x), reference(x))


def test_self_attention_begins_as_identity():
    block, x = SelfAttention(16), torch.randn(2, 16, 5, 7, requires_grad=True)
    assert torch.equal(block(x), x)
    block(x).square().sum().backward()
    assert block.gate.grad != 0  # or the gate would stay shut
    torch.testing.assert_close(x.grad, 2 * x)


def test_self_attention_by_hand():
    """Four pixels of one channel: 0, 0, 0 and ln 3. Query, key, value and output are the number itself.

    A pixel of 0 finds all alike, and so their mean; ln 3 sees weights 1 : 1 : 1 : exp(ln 3 * ln 3).
    """
    a = math.log(3)
    x = torch.tensor([[[[0.0, 0.0], [0.0, a]]]])
    block = fill(
        SelfAttention(1),
        **{"gate": 2.0, "query.weight": 1.0, "key.weight": 1.0, "value.weight": 1.0, "out.weight": 1.0},
    )
    mean, own = a / 4, a * math.exp(a * a) / (3 + math.exp(a * a))
    expected = torch.tensor([[[[2 * mean, 2 * mean], [2 * mean, 2 * own + a]]]])
    torch.testing.assert_close(block(x), expected)


def test_self_attention_equals_equation_1_of_sagan():
    """s_ij = f(x_i)^T g(x_j), softmax over i, o_j = v(sum_i beta_ji h(x_i)), y = gamma o + x."""
    torch.manual_seed(0)
    block = SelfAttention(16, reduction=4).double()
    for parameter in block.parameters():
        nn.init.normal_(parameter)
    x = torch.randn(2, 16, 5, 7, dtype=torch.double)
    f, g, h, v = (layer.weight[:, :, 0, 0] for layer in (block.key, block.query, block.value, block.out))
    places = x.flatten(2)
    scores = torch.einsum("nci,ncj->nij", f @ places, g @ places)
    weights = scores.exp() / scores.exp().sum(dim=1, keepdim=True)
    found = v @ torch.einsum("nij,nci->ncj", weights, h @ places)
    torch.testing.assert_close(block(x), block.gate * found.reshape(x.shape) + x)


def test_self_attention_does_not_care_where_pixels_lie():
    torch.manual_seed(0)
    block = SelfAttention(8)
    nn.init.ones_(block.gate)
    x, order = torch.randn(1, 8, 4, 6), torch.randperm(24)
    shuffled = x.flatten(2)[..., order].reshape(x.shape)
    torch.testing.assert_close(block(shuffled), block(x).flatten(2)[..., order].reshape(x.shape))
