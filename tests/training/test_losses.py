"""nbhelpers.losses: void, weights, one channel, precision, and each loss against its formula or its rival."""

import math
from functools import partial

import numpy as np
import pytest
import segmentation_models_pytorch as smp
import torch
import torch.nn.functional as F
from torch import nn

from nbhelpers.datasets.dataset import IGNORE
from nbhelpers.losses import (
    boundary_loss,
    dice_loss,
    focal_loss,
    lovasz_loss,
    ohem_loss,
    pixel_loss,
    signed_distances,
    tversky_loss,
)
from nbhelpers.training import fit
from tests.training.smp_losses import CLAIMS
from tests.training.test_training import Discs

LOSSES = {
    "pixel": pixel_loss,
    "focal": focal_loss,
    "focal, gamma 0.5": partial(focal_loss, gamma=0.5),
    "OHEM": ohem_loss,
    "OHEM of all hard ones": partial(ohem_loss, threshold=1.0, least=0.5),
    "Dice": dice_loss,
    "Tversky": tversky_loss,
    "Lovász": lovasz_loss,
    "boundary": boundary_loss,
}
each_loss = pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
channels = pytest.mark.parametrize("channels", [1, 3])


def batch(channels, shape=(2, 6, 7), void=0.2, seed=0):
    """Logits of uneven sides, and masks with void."""
    torch.manual_seed(seed)
    masks = torch.randint(0, max(2, channels), shape)
    masks[torch.rand(shape) < void] = IGNORE
    return torch.randn(shape[0], channels, *shape[1:]), masks


def two_of(one):
    """The two logits that say what one says."""
    return torch.cat([torch.zeros_like(one), one], dim=1)


@each_loss
@channels
def test_void_changes_nothing_and_gets_no_gradient(loss, channels):
    logits, masks = batch(channels)
    void = (masks == IGNORE)[:, None].expand_as(logits)
    logits.requires_grad_()
    value = loss(logits, masks)
    value.backward()
    assert value.shape == () and logits.grad[~void].any() and not logits.grad[void].any()
    assert loss(logits.detach().where(~void, 50.0), masks) == pytest.approx(value.item(), abs=1e-6)


@each_loss
@channels
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_is_computed_in_float32(loss, channels, dtype):
    logits, masks = batch(channels)
    half = logits.to(dtype).requires_grad_()
    value = loss(half, masks.byte())
    value.backward()
    assert value.dtype == torch.float32
    assert half.grad.dtype == dtype and half.grad.isfinite().all()
    assert value == loss(half.detach().float(), masks)
    assert value == loss(half.detach().float(), masks.to(torch.uint16))


@each_loss
@channels
def test_a_batch_of_void_costs_nothing(loss, channels):
    logits = torch.randn(1, channels, 4, 4, requires_grad=True)
    value = loss(logits, torch.full((1, 4, 4), IGNORE))
    value.backward()
    assert value == 0 and not logits.grad.any()


@each_loss
@channels
@pytest.mark.parametrize("size", [1e4, -1e4])
def test_certain_logits_have_finite_gradients(loss, channels, size):
    logits, masks = batch(channels)
    logits = (logits.sign() * size).requires_grad_()
    loss(logits, masks).backward()
    assert logits.grad.isfinite().all()


@pytest.mark.parametrize("loss", [pixel_loss, focal_loss, ohem_loss, boundary_loss])
@channels
def test_double_precision_stays(loss, channels):
    logits, masks = batch(channels)
    torch.testing.assert_close(loss(logits.double(), masks).float(), loss(logits, masks))
    assert torch.autograd.gradcheck(
        lambda one: loss(one, masks[:1, :2, :3]), logits[:1, :, :2, :3].double().requires_grad_()
    )


def test_ohem_hides_no_nan():
    logits, masks = batch(3, void=0)
    logits[0, :, 0, 0] = math.nan
    assert ohem_loss(logits, masks).isnan()


@each_loss
@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda masks: masks[:, None], r"masks are \(2, 1, 6, 7\) and logits .*must be \(2, 6, 7\)"),
        (lambda masks: masks.mT, r"masks are \(2, 7, 6\)"),
        (lambda masks: masks.double(), "masks are float64; they must be ids"),
        (
            lambda masks: masks.where(masks != 1, 3),
            r"hold the id 3, but logits .* tell 3 classes apart, 0\.\.2",
        ),
        (lambda masks: masks.where(masks != 1, -1), "hold the id -1"),
    ],
    ids=["channel axis", "swapped sides", "floats", "no such class", "below 0"],
)
def test_masks_that_do_not_suit_are_errors(loss, change, sentence):
    logits, masks = batch(3)
    with pytest.raises(ValueError, match=sentence):
        loss(logits, change(masks))


def test_one_channel_takes_no_third_class():
    with pytest.raises(ValueError, match=r"hold the id 2, but logits \(2, 1, 6, 7\) tell 2 classes apart"):
        pixel_loss(*[batch(1)[0], batch(3)[1]])


@pytest.mark.parametrize(
    ("loss", "sentence"),
    [
        (partial(focal_loss, gamma=-1), "gamma is -1; it must be at least 0"),
        (partial(ohem_loss, threshold=0), "threshold is 0; it must be above 0 and at most 1"),
        (partial(ohem_loss, least=1.5), r"least is 1\.5"),
        (partial(tversky_loss, alpha=0), r"alpha is 0 and beta 0\.7; both must be above 0"),
    ],
)
def test_settings_that_make_no_sense_are_errors(loss, sentence):
    with pytest.raises(ValueError, match=sentence):
        loss(*batch(1))


# Cross-entropy and its kin


@pytest.mark.parametrize("dtype", [torch.float64, torch.int64, torch.float16])
@pytest.mark.parametrize("channels", [1, 2])
def test_weights_of_any_type(channels, dtype):
    logits, masks = torch.randn(2, channels, 4, 4), torch.randint(0, 2, (2, 4, 4))
    weights = torch.tensor([1.0, 3.0])
    torch.testing.assert_close(
        pixel_loss(logits, masks, weights.to(dtype)), pixel_loss(logits, masks, weights)
    )


@pytest.mark.parametrize("weights", [None, (1.0, 1.0), (1.0, 50.0), (0.2, 0.0), (0.0, 3.0)])
def test_one_channel_is_two_with_a_zero_beside(weights):
    torch.manual_seed(0)
    logit, masks = torch.randn(2, 1, 4, 5), torch.randint(0, 2, (2, 4, 5))
    masks[0, 1] = IGNORE
    weights = None if weights is None else torch.tensor(weights)
    two = torch.cat([torch.zeros_like(logit), logit], dim=1)
    torch.testing.assert_close(pixel_loss(logit, masks, weights), pixel_loss(two, masks, weights))


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(
    ("mask", "weights"),
    [(IGNORE, None), (IGNORE, 1.0), (0, 0.0)],
    ids=["void", "void, weighted", "a class of weight 0"],
)
def test_a_batch_in_which_nothing_counts_costs_nothing(channels, mask, weights):
    logits = torch.randn(1, channels, 4, 4, requires_grad=True)
    if weights is not None:
        weights = torch.tensor([weights, *[1.0] * (max(2, channels) - 1)])
    loss = pixel_loss(logits, torch.full((1, 4, 4), mask), weights)
    loss.backward()
    assert loss == 0
    assert not logits.grad.any()


def test_a_batch_of_the_one_class_that_counts_costs_something():
    logits, masks = torch.randn(1, 3, 4, 4), torch.full((1, 4, 4), 2)
    weighted = pixel_loss(logits, masks, torch.tensor([0.0, 0.0, 3.0]))
    torch.testing.assert_close(weighted, pixel_loss(logits, masks))


@pytest.mark.parametrize(("channels", "number", "classes"), [(1, 1, 2), (1, 3, 2), (3, 2, 3), (2, 3, 2)])
def test_another_number_of_weights_is_an_error(channels, number, classes):
    with pytest.raises(ValueError, match=rf"shape \({number},\).* tell {classes} classes apart"):
        pixel_loss(torch.zeros(1, channels, 2, 2), torch.zeros(1, 2, 2).long(), torch.ones(number))


@pytest.mark.parametrize("loss", [focal_loss, ohem_loss, partial(ohem_loss, threshold=0.2)])
def test_of_pixels_one_channel_is_two_with_a_zero_beside(loss):
    one, masks = batch(1)
    torch.testing.assert_close(loss(one, masks), loss(two_of(one), masks))


@channels
def test_without_gamma_focal_is_cross_entropy(channels):
    logits, masks = batch(channels)
    torch.testing.assert_close(focal_loss(logits, masks, gamma=0), pixel_loss(logits, masks))


def test_focal_of_one_channel_is_smps():
    one, masks = batch(1)
    torch.testing.assert_close(
        focal_loss(one, masks), smp.losses.FocalLoss("binary", ignore_index=IGNORE)(one, masks)
    )


@pytest.mark.parametrize("threshold", [0.05, 0.3, 0.7, 1.0])
@pytest.mark.parametrize("least", [0.01, 0.5, 1.0])
def test_ohem_is_the_mean_of_the_hardest(threshold, least):
    logits, masks = batch(3)
    # certain: a cost of 0 is not hard, whatever the threshold
    masks[0, 0, 0] = logits[0, :, 0, 0].mul_(100).argmax()
    truth = F.softmax(logits, 1).gather(1, masks.where(masks != IGNORE, 0)[:, None])[:, 0][masks != IGNORE]
    sure = truth.sort().values
    count = max(int((sure < threshold).sum()), math.ceil(least * len(sure)))
    torch.testing.assert_close(
        ohem_loss(logits, masks, threshold=threshold, least=least), -sure[:count].log().mean()
    )


# Overlap


def tversky_by_hand(p, t, alpha, beta):
    hits = (p * t).sum()
    return 1 - hits / (hits + alpha * (p * (1 - t)).sum() + beta * ((1 - p) * t).sum())


@pytest.mark.parametrize(("alpha", "beta"), [(0.5, 0.5), (0.3, 0.7), (1.0, 0.1)])
def test_overlap_by_hand(alpha, beta):
    one, masks = batch(1)
    keep = masks != IGNORE
    right = tversky_by_hand(one[:, 0].sigmoid()[keep], masks[keep].float(), alpha, beta)
    torch.testing.assert_close(tversky_loss(one, masks, alpha, beta), right)
    if alpha == beta:
        torch.testing.assert_close(dice_loss(one, masks), right)
    logits, masks = batch(3)
    keep = masks != IGNORE
    classes = [
        tversky_by_hand(logits.softmax(1)[:, c][keep], (masks == c)[keep].float(), alpha, beta)
        for c in range(3)
    ]
    torch.testing.assert_close(tversky_loss(logits, masks, alpha, beta), sum(classes) / 3)


def test_lovasz_of_certain_logits_is_one_minus_iou():
    """At the corners of the cube the extension is the set function itself (Berman et al., section 2)."""
    logits, masks = batch(3)
    ids, keep = logits.argmax(1), masks != IGNORE
    iou = [
        ((ids == c) & (masks == c) & keep).sum() / (((ids == c) | (masks == c)) & keep).sum()
        for c in range(3)
    ]
    certain = F.one_hot(ids).movedim(3, 1) * 100.0
    torch.testing.assert_close(lovasz_loss(certain, masks), 1 - sum(iou) / 3)


# The boundary


def distances_by_brute_force(mask, class_id):
    """Every pixel against every other."""
    points = np.argwhere(np.ones(mask.shape, bool))
    ids = mask.ravel()
    inside, outside = points[ids == class_id], points[(ids != class_id) & (ids != IGNORE)]
    found = np.zeros(len(points))
    if len(inside) and len(outside):
        for index, point in enumerate(points):
            if ids[index] == class_id:
                found[index] = 1 - np.sqrt(((outside - point) ** 2).sum(1)).min()
            elif ids[index] != IGNORE:
                found[index] = np.sqrt(((inside - point) ** 2).sum(1)).min()
    return found.reshape(mask.shape)


@pytest.mark.parametrize("seed", range(20))
def test_distances_are_those_of_brute_force(seed):
    random = np.random.default_rng(seed)
    mask = (random.random((random.integers(1, 9), random.integers(1, 9))) < random.random()).astype(np.int64)
    mask[random.random(mask.shape) < 0.1 * (seed % 4)] = IGNORE
    for class_id in (0, 1):
        np.testing.assert_allclose(
            signed_distances(mask, class_id), distances_by_brute_force(mask, class_id), atol=1e-12
        )


def test_boundary_by_hand():
    mask = torch.tensor([[[0, 0, 1, 1, 255]]])
    far = torch.tensor([2.0, 1.0, 0.0, -1.0])  # the void pixel's is not counted
    one = torch.tensor([[[[0.3, -1.0, 0.5, 2.0, 9.0]]]])
    torch.testing.assert_close(boundary_loss(one, mask), (one[0, 0, 0, :4].sigmoid() * far).mean())
    background = torch.tensor([-1.0, 0.0, 1.0, 2.0])
    p = one[0, 0, 0, :4].sigmoid()
    torch.testing.assert_close(
        boundary_loss(two_of(one), mask), ((p * far).mean() + ((1 - p) * background).mean()) / 2
    )


# In use


@each_loss
@pytest.mark.parametrize("channels", [1, 2])
def test_fit_takes_each(loss, channels):
    torch.manual_seed(0)
    data, network = Discs(4, size=(16, 24)), nn.Conv2d(3, channels, 1)
    before = network.weight.detach().clone()
    history = fit(network, data, data, epochs=1, loss=loss, batch_size=4, precision="fp32", quiet=True)
    assert math.isfinite(history.rows[0]["train_loss"])
    assert (network.weight.detach() != before).any()


# Segmentation Models PyTorch


@pytest.mark.parametrize("claim", CLAIMS)
def test_what_smps_losses_are_not(claim):
    assert CLAIMS[claim]()
