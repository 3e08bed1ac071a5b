"""`fit` against the loop written out by hand, and against a scaler that skips steps."""

import copy

import pytest
import torch
import torch.nn.functional as F
from accelerate.optimizer import AcceleratedOptimizer
from torch import nn

from nbhelpers.datasets import collate
from nbhelpers.datasets.dataset import IGNORE
from nbhelpers.training.randomness import Batches
from tests.training.test_training import Discs, quick, weights_of


def normed():
    torch.manual_seed(0)
    # whose gradient would be rounding alone: AdamW magnifies it
    first = nn.Conv2d(3, 4, 3, padding=1, bias=False)
    return nn.Sequential(first, nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 2, 1))


@pytest.mark.parametrize("clip_norm", [None, 0.05])
def test_it_is_the_loop_written_by_hand(clip_norm):
    """Ten images by four are two steps; seven are scored as four and three, the mean that of images."""
    train, valid, weights = Discs(10), Discs(7, first=1000), torch.tensor([1.0, 3.0])
    model, hand = normed(), normed().to(memory_format=torch.channels_last)  # or the kernels round otherwise
    options = {"lr": 0.05, "weight_decay": 0.5, "clip_norm": clip_norm, "schedule": "poly"}
    history = quick(model, train, valid, epochs=3, class_weights=weights, **options)

    def loss(pairs):
        images, masks = collate(pairs)
        images = images.to(memory_format=torch.channels_last)
        return F.cross_entropy(hand(images), masks, weights, ignore_index=IGNORE)

    optimizer = torch.optim.AdamW(hand.parameters(), weight_decay=0.5)
    batches, step, states = Batches(10, 4, seed=0), 0, []
    for batches.epoch, row in enumerate(history.rows):
        hand.train()
        assert row["lr"] == pytest.approx(0.05 * (1 - step / 6) ** 0.9)
        losses = []
        for batch in batches:
            optimizer.param_groups[0]["lr"] = 0.05 * (1 - step / 6) ** 0.9
            optimizer.zero_grad()
            losses.append(loss([train[index] for index, _ in batch]))
            losses[-1].backward()
            if clip_norm is not None:
                nn.utils.clip_grad_norm_(hand.parameters(), clip_norm)
            optimizer.step()
            step += 1
        assert row["train_loss"] == pytest.approx(sum(losses).item() / 2, rel=1e-4)
        hand.eval()
        with torch.no_grad():
            parts = [loss([valid[index] for index in part]) * len(part) for part in (range(4), range(4, 7))]
        assert row["valid_loss"] == pytest.approx(sum(parts).item() / 7, rel=1e-4)
        states.append(copy.deepcopy(weights_of(hand)))
    assert step == 6
    torch.testing.assert_close(weights_of(model), states[history.best["epoch"] - 1], rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("average", [None, "ema"])
def test_a_step_that_fp16s_scaler_skips_moves_neither_rate_nor_average(monkeypatch, average):
    """A processor has no such scaler, so what it tells is set here."""
    monkeypatch.setattr(AcceleratedOptimizer, "step_was_skipped", property(lambda self: True))
    model, before = normed(), weights_of(normed())
    history = quick(model, Discs(8), Discs(2), epochs=3, average=average)
    assert len({row["lr"] for row in history.rows}) == 1
    moved = not torch.equal(model[0].weight, before["0.weight"])
    assert moved == (average is None)
