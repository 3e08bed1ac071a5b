"""The head of presence: on our models and SMP's, its loss by hand, and trained by `fit`."""

import copy

import numpy as np
import pytest
import segmentation_models_pytorch as smp
import torch
import torch.nn.functional as F
from torch import nn

from nbhelpers.datasets import Specks, collate
from nbhelpers.kaggle import presence
from nbhelpers.losses import presence_loss
from nbhelpers.models.presence import WithPresence
from nbhelpers.models.pspnet import PSPNet
from nbhelpers.models.segnet import SegNet
from nbhelpers.models.unet import UNet
from nbhelpers.models.unet_plus_plus import UNetPlusPlus
from nbhelpers.training.engine import AUX_WEIGHT, total_loss
from tests.training.test_training import assert_same_weights, quick, weights_of


def unet(channels=3, classes=2):
    return UNet(num_classes=classes, in_channels=channels, widths=(4, 8))


def smp_unet(**options):
    return smp.Unet("resnet18", encoder_weights=None, decoder_channels=(16, 8, 8, 8, 4), **options)


NETWORKS = {
    "UNet": lambda: WithPresence(unet(), num_classes=2),
    "a part by name": lambda: WithPresence(unet(), num_classes=2, at="stem"),
    "one channel": lambda: WithPresence(unet(classes=1), num_classes=1),
    "an encoder of ours": lambda: WithPresence(PSPNet(num_classes=2, encoder="resnet18"), num_classes=2),
    "U-Net++": lambda: WithPresence(
        UNetPlusPlus(num_classes=2, widths=(4, 8), num_upsampling=1), num_classes=2
    ),
    "SegNet": lambda: WithPresence(SegNet(num_classes=2, widths=(4, 4, 8, 8, 8)), num_classes=2),
    "SegNet on ResNet": lambda: WithPresence(SegNet(num_classes=2, encoder="resnet18"), num_classes=2),
    "SMP's encoder": lambda: WithPresence(smp_unet(classes=2), num_classes=2),
    "SMP's own head": lambda: WithPresence(smp_unet(classes=2, aux_params={"classes": 2}), num_classes=2),
}


@pytest.fixture(params=NETWORKS, scope="module")
def model(request):
    torch.manual_seed(0)
    return NETWORKS[request.param]()


def test_images_of_odd_sizes_are_padded_to_the_stride(monkeypatch):
    model, seen = WithPresence(unet(), num_classes=2), []
    head = model.presence
    monkeypatch.setattr(model, "presence", lambda images: seen.append(tuple(images.shape)) or head(images))
    presence(model, np.zeros((40, 70, 3), np.uint8))
    assert seen == [(1, 3, 64, 96)]


def test_logits_as_before_and_one_a_class_beside(model):
    images = torch.rand(2, 3, 64, 96)
    model.eval()
    logits, beside = model.forward_with_aux(images)
    answer = model.network(images)
    expected = answer[0] if model.own_head else answer
    assert torch.equal(logits, expected) and torch.equal(model(images), expected)
    assert beside.shape == (2, logits.shape[1])
    torch.testing.assert_close(model.presence(images), beside.detach().sigmoid())


def test_gradients_reach_encoder_and_head(model):
    model.train()
    _, beside = model.forward_with_aux(torch.rand(2, 3, 64, 64))
    beside.square().mean().backward()
    reached = {name for name, each in model.named_parameters() if each.grad is not None}
    head = "network.classification_head" if model.own_head else "presence_head"
    assert any(name.startswith(head) for name in reached)
    assert any(not name.startswith(head) for name in reached)
    model.zero_grad()


def test_an_answer_moves_no_statistics_and_no_mode(model):
    model.train()
    model.network.apply(lambda part: part.eval() if isinstance(part, nn.ReLU) else part)
    modes, before = [part.training for part in model.modules()], weights_of(model)
    images = torch.rand(2, 3, 64, 64)
    both, alone = model.presence(images), model.presence(images[:1])
    torch.testing.assert_close(both[:1], alone)  # whatever else is in the batch
    assert_same_weights(weights_of(model), before)
    assert [part.training for part in model.modules()] == modes


def test_a_copy_reads_its_own_network():
    model = NETWORKS["UNet"]().eval()
    other, images = copy.deepcopy(model), torch.rand(1, 3, 32, 32)
    expected = model.presence(images)
    nn.init.zeros_(model.network.stem[0].weight)
    assert torch.equal(other.presence(images), expected) and not torch.equal(model.presence(images), expected)
    assert not any(part._forward_hooks for part in model.modules())


def test_building_it_changes_nothing_in_the_network():
    network = unet().train()
    network.stem.eval()
    before = weights_of(network)
    WithPresence(network, num_classes=2)
    assert_same_weights(weights_of(network), before)
    assert network.training and not network.stem.training


@pytest.mark.parametrize("kind", [{"dtype": torch.float64}, {"device": "meta"}], ids=str)
def test_the_head_is_of_the_networks_kind(kind):
    network = unet().to(**kind)
    model = WithPresence(network, num_classes=2)
    like, head = network.head.weight, model.presence_head.weight
    assert (head.dtype, head.device) == (like.dtype, like.device)
    assert model.presence(torch.rand(1, 3, 32, 32, **kind)).shape == (1, 2)


class Idle(nn.Module):
    """Has an encoder, and does not call it."""

    def __init__(self):
        super().__init__()
        self.encoder, self.head = nn.Conv2d(3, 2, 1), nn.Conv2d(3, 2, 1)

    def forward(self, images):
        return self.head(images)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (
            lambda: WithPresence(unet(), num_classes=2, at="bottom"),
            "UNet has no part 'bottom'; it has stem, pool",
        ),
        (lambda: WithPresence(nn.Conv2d(3, 2, 1), num_classes=2), "Conv2d has neither encoder nor downs"),
        (
            lambda: WithPresence(smp_unet(aux_params={"classes": 4}), num_classes=2),
            "tells 4 classes, but num_classes is 2",
        ),
        (
            lambda: WithPresence(nn.Sequential(nn.Conv2d(3, 2, 1), nn.Flatten()), num_classes=2, at="1"),
            r"found no map: '1' of Sequential gives \(1, 8192\); name a part that gives one, \(N, C, h, w\), at=",
        ),
        (lambda: WithPresence(Idle(), num_classes=2), "found no map: 'encoder' of Idle gives nothing"),
        (
            lambda: WithPresence(unet(channels=4), num_classes=2),
            "in_channels is 3, but UNet takes images of 4 channels: pass in_channels=4",
        ),
        (
            lambda: WithPresence(PSPNet(num_classes=2, encoder="resnet18"), num_classes=2, in_channels=1),
            "in_channels is 1, but PSPNet takes images of 3 channels: pass in_channels=3",
        ),
    ],
)
def test_what_cannot_be_read(build, message):
    with pytest.raises(ValueError, match=message):
        build()


# The loss


def test_presence_loss_by_hand():
    masks = torch.tensor([[[0, 0], [1, 255]], [[2, 2], [2, 2]], [[255, 255], [255, 255]]])
    logits = torch.tensor([[1.0, -2.0, 0.5], [0.3, 0.0, -1.0], [9.0, 9.0, 9.0]])
    held = torch.tensor([[1.0, 1.0, 0.0], [0.0, 0.0, 1.0]])  # the third image has no label
    expected = F.binary_cross_entropy_with_logits(logits[:2], held)
    torch.testing.assert_close(presence_loss(logits, masks), expected)
    one = torch.tensor([[1.0], [-1.0]])
    found = presence_loss(one, torch.tensor([[[0, 1]], [[0, 255]]]))
    torch.testing.assert_close(found, F.binary_cross_entropy_with_logits(one, torch.tensor([[1.0], [0.0]])))


def test_presence_loss_of_void_alone():
    for dtype in (torch.float32, torch.float16):
        logits = torch.full((8, 150), 100.0, dtype=dtype, requires_grad=True)  # their sum is no float16
        value = presence_loss(logits, torch.full((8, 2, 2), 255))
        value.backward()
        assert value == 0 and value.dtype == torch.float32 and (logits.grad == 0).all()


@pytest.mark.parametrize(
    ("masks", "message"),
    [
        (torch.zeros(3, 2, 2).long(), "masks are .3, 2, 2."),
        (torch.zeros(2, 1, 2, 2).long(), "masks are .2, 1, 2, 2. .* must be .2, 2, 2."),
        (torch.full((2, 2, 2), 5), "masks hold the id 5"),
        (torch.zeros(2, 2, 2), "masks are float32; they must be ids"),
    ],
)
def test_presence_loss_refuses(masks, message):
    with pytest.raises(ValueError, match=message):
        presence_loss(torch.zeros(2, 2), masks)


def test_it_is_added_at_the_weight_of_an_auxiliary_head():
    logits, beside = torch.randn(2, 2, 4, 4), torch.randn(2, 2)
    masks = torch.randint(2, (2, 4, 4))
    expected = F.cross_entropy(logits, masks) + AUX_WEIGHT * presence_loss(beside, masks)
    torch.testing.assert_close(total_loss(F.cross_entropy, logits, beside, masks), expected)


def test_fit_trains_it_and_goes_on_bit_for_bit(tmp_path):
    """Of specks most pictures have none: after a training the head tells them apart better than chance."""
    train = Specks(length=24, size=(32, 32), share=0.01)
    valid = Specks("val", length=8, size=(32, 32), share=0.01)
    states = []
    for path in (None, tmp_path / "c.pt"):
        torch.manual_seed(0)
        model = WithPresence(unet(), num_classes=2)
        before = model.presence_head.weight.clone()
        for stop in (None,) if path is None else (1, None):
            quick(model, train, valid, epochs=3, average="ema", resume=path, stop_after=stop)
        assert not torch.equal(model.presence_head.weight, before)
        states.append(weights_of(model))
    assert_same_weights(*states)
    images, _ = collate([valid[index] for index in range(2)])
    assert presence(model, valid.read(0)[0], stride=2) == pytest.approx(
        model.presence(images)[0].numpy(), abs=1e-6
    )
    assert presence(model, np.zeros((33, 41), np.uint8)).shape == (2,)


def test_a_faulty_presence_is_refused_before_training():
    model = WithPresence(unet(classes=3), num_classes=3)
    model.presence_head = nn.Linear(16, 1)
    before = weights_of(model)
    with pytest.raises(ValueError, match="masks hold the id 2"):
        quick(model, Three(), Three())
    assert_same_weights(weights_of(model), before)


class Three(Specks):
    """Masks of three classes."""

    classes = ("Background", "Speck", "Other")

    def __init__(self):
        super().__init__(length=4, size=(32, 32), share=0.1)

    def read(self, index):
        image, mask = super().read(index)
        return image, np.where(mask == 1, 2, 0).astype(np.uint8)
