"""nbhelpers.losses: weights, void, and batches in which nothing counts."""

import pytest
import torch

from nbhelpers.datasets.dataset import IGNORE
from nbhelpers.losses import pixel_loss


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


@pytest.mark.parametrize(("channels", "number", "classes"), [(1, 1, 2), (1, 3, 2), (3, 2, 3), (2, 3, 2)])
def test_another_number_of_weights_is_an_error(channels, number, classes):
    with pytest.raises(ValueError, match=rf"shape \({number},\).* tell {classes} classes apart"):
        pixel_loss(torch.zeros(1, channels, 2, 2), torch.zeros(1, 2, 2).long(), torch.ones(number))
