"""nbhelpers.training.plan: arguments that make no sense, and schedules of any length."""

import math
from functools import partial

import pytest
import torch
from torch import nn

from nbhelpers.losses import dice_loss, tversky_loss
from nbhelpers.training import History
from nbhelpers.training.plan import Plan, _described
from tests.training.test_training import Discs, quick, small_unet


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"epochs": 2.5}, "epochs is 2.5; it must be a whole number, at least 1"),
        ({"batch_size": 0}, "batch_size is 0; it must be a whole number, at least 1"),
        ({"seed": -1}, "seed is -1; it must be a whole number, at least 0"),
        ({"stop_after": -1}, "stop_after is -1; it must be a whole number, at least 0"),
        ({"batch_size": None}, "batch_size is None; it must be a whole number"),
        ({"lr": 0}, "lr is 0; it must be a number above 0"),
        ({"lr": None}, "lr is None; it must be a number above 0"),
        ({"lr": math.inf}, "lr is inf; it must be a number above 0"),
        ({"lr": "fast"}, "lr is 'fast'; it must be a number above 0"),
        ({"weight_decay": math.nan}, "weight_decay is nan; it must be a number, at least 0"),
        ({"clip_norm": 0.0}, "clip_norm is 0.0; it must be a number above 0"),
        ({"class_weights": torch.ones(3)}, r"shape \(3,\), but the data has 2 classes"),
        ({"class_weights": [1.0, -1.0]}, r"class_weights are \[1.0, -1.0\]; they must be finite"),
        ({"class_weights": torch.zeros(2)}, "one at least above 0"),
        ({"class_weights": [1.0, math.inf]}, "they must be finite"),
        (
            {"class_weights": {0: 1.0, 1: 3.0}},
            r"class_weights are a dict, \{0: 1.0, 1: 3.0\}; give a tensor or a list",
        ),
        (
            {"loss": nn.BCEWithLogitsLoss()},
            r"the loss cannot be taken: .*; it gets logits, float32 \(\d, 2, .*class ids",
        ),
    ],
)
def test_an_argument_that_makes_no_sense_is_an_error(options, message):
    with pytest.raises(ValueError, match=message):
        quick(small_unet(), **options)


def test_a_batch_that_cannot_be_split_between_processes_is_an_error():
    plan = Plan(1, 0.1, 8, None, None, "poly", 0.0, None, 0)
    plan.check(Discs(4), Discs(2), processes=4)
    with pytest.raises(ValueError, match="batch_size 8 cannot be split between 3 processes; take a multiple"):
        plan.check(Discs(4), Discs(2), processes=3)


@pytest.mark.parametrize("schedule", ["onecycle", "poly"])
@pytest.mark.parametrize("steps", [1, 2, 3, 4, 10, 1000])
def test_a_schedule_of_any_length_trains(schedule, steps):
    plan = Plan(steps, 0.1, 1, None, None, schedule, 0.0, None, 0)
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1)
    scheduler = plan.scheduler(optimizer, steps_per_epoch=1)
    rates = []
    for _ in range(steps):
        rates.append(scheduler.get_last_lr()[0])
        optimizer.step()
        scheduler.step()
    assert max(rates) >= 0.07
    assert max(rates) <= 0.1 * (1 + 1e-9)
    assert rates[-1] > 0
    assert sum(rates) / len(rates) > 0.02


class Scaled:
    """A loss that is an object, and no nn.Module."""

    def __init__(self, weight, inner):
        self.weight, self.inner = weight, inner

    def __call__(self, logits, masks):
        return self.weight * self.inner(logits, masks)


def test_losses_of_other_settings_are_other_losses():
    def weighed(weight, logits, masks):
        return logits.mean() * weight

    losses = [tversky_loss, *(partial(tversky_loss, beta=beta) for beta in (0.7, 0.8))]
    losses += [partial(weighed, weight) for weight in (1.0, 2.0)]
    losses += [Scaled(weight, inner) for weight in (1.0, 2.0) for inner in (tversky_loss, dice_loss)]
    losses += [partial(weighed, inners) for inners in ([dice_loss, tversky_loss], [dice_loss, dice_loss])]
    losses += [nn.Sequential(nn.CrossEntropyLoss(label_smoothing=share)) for share in (0.1, 0.2)]
    assert len({_described(loss) for loss in losses}) == len(losses) == 13
    assert _described(Scaled(1.0, dice_loss)) == _described(Scaled(1.0, dice_loss))


def test_poly_falls_by_the_power_of_nine_tenths():
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1)
    scheduler = Plan(4, 0.1, 1, None, None, "poly", 0.0, None, 0).scheduler(optimizer, steps_per_epoch=5)
    for step in range(20):
        assert scheduler.get_last_lr() == pytest.approx([0.1 * (1 - step / 20) ** 0.9])
        optimizer.step()
        scheduler.step()


@pytest.mark.parametrize("name", ["adamw", "muon"])
def test_every_weight_decays_as_the_plan_says(name):
    plan = Plan(1, 0.1, 1, None, None, "poly", 0.3, None, 0, optimizer=name)
    groups = plan.optimizer_of(nn.Conv2d(3, 4, 3), torch.device("cpu")).param_groups
    assert {group["weight_decay"] for group in groups} == {0.3}


def test_a_trial_of_one_step_moves_the_weights():
    torch.manual_seed(0)
    model = nn.Conv2d(3, 2, 1)
    before = model.weight.detach().clone()
    quick(model, Discs(4), Discs(2), epochs=1, lr=1e-2)
    # the first step of Adam is as long as the learning rate
    assert (model.weight - before).abs().max() > 5e-3


def test_nan_never_wins():
    def history(*scores):
        return History([{"epoch": epoch, "mean_iou": score} for epoch, score in enumerate(scores, start=1)])

    assert history(math.nan, 0.2, math.nan, 0.3, 0.3).best["epoch"] == 4
    assert history(math.nan, 0.0).best["epoch"] == 2
    with pytest.raises(ValueError, match="no epoch was finished"):
        history().best  # noqa: B018
