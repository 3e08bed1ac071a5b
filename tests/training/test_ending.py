"""Whatever ends `fit`: a refusal leaves things as they were, everything else the best weights and the history."""

import multiprocessing
import random

import numpy as np
import pytest
import torch
from torch import nn

from nbhelpers.metrics import ConfusionMatrix
from nbhelpers.training import evaluate, keeping
from nbhelpers.training.keeping import tried_out
from tests.full_disk import full_disk
from tests.training.test_training import Discs, Stopping, assert_same_weights, quick, small_unet, weights_of


def states():
    return random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()


def with_statistics(num_classes=2):
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4), nn.Dropout(0.5), nn.Conv2d(4, num_classes, 1)
    )
    model[1].eval()  # frozen, while the rest trains
    model[0].weight.grad = torch.ones_like(model[0].weight)
    model.register_buffer("unsaved", torch.zeros(1), persistent=False)
    return model


class Raising(Discs):
    """Ends in an error from the first pair on, or after `left` pairs."""

    def __init__(self, error, left=0):
        super().__init__(16)
        self.error, self.left = error, left

    def read(self, index):
        self.left -= 1
        if self.left < 0:
            raise self.error
        return super().read(index)


class Sized(Discs):
    def read(self, index):
        image, mask = super().read(index)
        return image[: 32 - index % 2], mask[: 32 - index % 2]


class BreaksBackwards(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = with_statistics()

    def forward(self, images):
        logits = self.inner(images)
        if logits.requires_grad:
            logits.register_hook(self.fail)
        return logits

    def fail(self, gradient):
        raise OSError("on the way back")


REFUSED = {
    "a model that raises on the way back": (BreaksBackwards, {}, OSError, "on the way back"),
    "another number of classes": (lambda: with_statistics(3), {}, ValueError, "num_classes=2"),
    "a vector as loss": (
        with_statistics,
        {"loss": nn.CrossEntropyLoss(reduction="none", ignore_index=255)},
        ValueError,
        "one number",
    ),
    "a number as loss": (
        with_statistics,
        {"loss": lambda a, b: a.sum().item()},
        ValueError,
        "is float; it must",
    ),
    "a loss without a gradient": (
        with_statistics,
        {"loss": lambda a, b: a.detach().sum()},
        ValueError,
        "argmax",
    ),
    "a frozen network": (lambda: with_statistics().requires_grad_(False), {}, ValueError, "unfreeze"),
    "an image that cannot be read": (
        with_statistics,
        {"train": Raising(OSError("broken.png"))},
        OSError,
        "broken",
    ),
    "valid cannot be read": (with_statistics, {"valid": Raising(OSError("broken.png"))}, OSError, "broken"),
    "valid of several sizes": (with_statistics, {"valid": Sized()}, ValueError, "different sizes"),
    "too many weights": (with_statistics, {"class_weights": torch.ones(3)}, ValueError, "2 classes"),
    "a model that raises": (lambda: Stopping(with_statistics(), -1, OSError("deep")), {}, OSError, "deep"),
    "a negative seed": (with_statistics, {"seed": -1}, ValueError, "seed is -1"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_refused_call_leaves_everything_as_it_was(case):
    build, options, error, message = REFUSED[case]
    model = build()
    weights, before = weights_of(model), states()
    modes = [module.training for module in model.modules()]
    gradients = [parameter.grad for parameter in model.parameters()]
    buffers = [buffer.clone() for buffer in model.buffers()]
    with pytest.raises(error, match=message):
        quick(model, **options)
    assert_same_weights(weights_of(model), weights)
    assert all(map(torch.equal, model.buffers(), buffers))
    assert [module.training for module in model.modules()] == modes
    assert all(now is then for now, then in zip((p.grad for p in model.parameters()), gradients))
    assert states() == before


def test_gradients_of_before_are_no_part_of_the_first_step():
    trained = []
    for left in (None, 3.0):  # of the reader's own backward, or of a step that Ctrl-C has ended
        model = small_unet()
        for parameter in model.parameters():
            parameter.grad = None if left is None else torch.full_like(parameter, left)
        quick(model, epochs=1)
        trained.append(weights_of(model))
    assert_same_weights(*trained)


def test_gradients_of_before_move_with_the_model():
    """The meta device is for a GPU, whose parameters stay the same objects."""
    model = nn.Conv2d(3, 2, 1)
    model.weight.grad = torch.ones_like(model.weight)
    torch.__future__.set_swap_module_params_on_conversion(True)
    try:
        with tried_out(model, torch.device("meta")):
            pass
    finally:
        torch.__future__.set_swap_module_params_on_conversion(False)
    assert model.weight.grad.device == model.weight.device == torch.device("meta")


class MakesABuffer(nn.Conv2d):
    """Registers a buffer in its first forward, as some position encodings do."""

    def forward(self, images):
        if not hasattr(self, "grid"):
            self.register_buffer("grid", torch.ones(1), persistent=False)
        return super().forward(images) * self.grid


def test_a_forward_may_make_a_buffer():
    with pytest.raises(ValueError, match="num_classes=2"):
        quick(MakesABuffer(3, 3, 1))
    assert len(quick(MakesABuffer(3, 2, 1), epochs=1).rows) == 1


def test_stop_after_0_trains_nothing(capsys):
    model = with_statistics()
    weights, before = weights_of(model), states()
    assert quick(model, stop_after=0).rows == []
    assert_same_weights(weights_of(model), weights)
    assert states() == before
    assert (model[0].weight.grad == 1).all()
    assert not model.training
    assert "epochs" not in capsys.readouterr().out


@pytest.mark.parametrize("kind", [OSError, FloatingPointError, RuntimeError, SystemExit, KeyboardInterrupt])
@pytest.mark.parametrize("epochs_done", [0, 2])
def test_the_best_weights_and_the_history_outlive_whatever_ends_it(kind, epochs_done, capsys):
    """Two epochs of four steps, then the end in the second step of the third; or in the first epoch."""
    model = Stopping(small_unet(), 4 * epochs_done + 1, kind("told"))
    start, learnt = weights_of(model), None
    if kind is KeyboardInterrupt:
        history = quick(model, epochs=5)
    else:
        with pytest.raises(kind) as caught:
            quick(model, epochs=5)
        history = caught.value.history
    assert [row["epoch"] for row in history.rows] == list(range(1, epochs_done + 1))
    assert not model.training
    out, learnt = capsys.readouterr().out, weights_of(model)
    if epochs_done:
        assert f"the model keeps the weights of epoch {history.best['epoch']}" in out
        assert evaluate(model, Discs(8, first=1000), precision="fp32").mean_iou == history.best["mean_iou"]
    elif kind is KeyboardInterrupt:
        assert "interrupted in epoch 1: the model keeps what it has learnt" in out
        assert not torch.equal(learnt["model.head.weight"], start["model.head.weight"])
    else:
        assert f"{kind.__name__} in epoch 1: the model keeps the weights it had before" in out
        assert_same_weights(learnt, start)


def test_ctrl_c_while_the_best_weights_are_copied_keeps_those_before(monkeypatch):
    model, copies = nn.Conv2d(3, 2, 1), []

    def stopped_at_the_third(model):  # the start, the first epoch, the second
        copies.append(weights_of(model))
        if len(copies) == 3:
            raise KeyboardInterrupt
        return copies[-1]

    monkeypatch.setattr(keeping, "weights_of", stopped_at_the_third)
    scores = iter([0.1, 0.2])
    monkeypatch.setattr(ConfusionMatrix, "mean_iou", property(lambda self: next(scores)))
    history = quick(model)
    assert [row["epoch"] for row in history.rows] == [1]
    assert_same_weights(weights_of(model), copies[1])


def test_a_loss_that_turns_nan_late_keeps_what_was_learnt():
    calls = []

    def loss(logits, masks):
        calls.append(logits.requires_grad)
        value = nn.functional.cross_entropy(logits, masks, ignore_index=255)
        return value * (float("nan") if sum(calls) > 2 + 2 * 4 + 1 else 1)  # two are the rehearsal's

    model = small_unet()
    with pytest.raises(FloatingPointError, match="in batch 1 of this epoch, in the loss itself") as caught:
        quick(model, loss=loss, epochs=5)
    history = caught.value.history
    assert len(history.rows) == 2
    assert evaluate(model, Discs(8, first=1000), precision="fp32").mean_iou == history.best["mean_iou"]


def test_a_disk_that_fills_up_costs_nothing_that_was_learnt(tmp_path):
    model = small_unet()
    with full_disk(20_000), pytest.raises(OSError) as caught:
        quick(model, resume=tmp_path / "c.pt")
    history = caught.value.history
    assert len(history.rows) == 1
    assert list(tmp_path.iterdir()) == []
    assert evaluate(model, Discs(8, first=1000), precision="fp32").mean_iou == history.best["mean_iou"]


def test_an_error_in_a_worker_ends_the_workers_and_lets_the_engine_go():
    with pytest.raises(Exception) as caught:  # its traceback holds every frame, as a notebook's does
        quick(small_unet(), Raising(OSError("broken.png"), left=40), epochs=9, workers=1)
    assert caught.value.history.rows
    assert multiprocessing.active_children() == []


def test_an_error_without_several_workers_is_the_readers_own():
    with pytest.raises(OSError, match="broken.png") as caught:
        quick(small_unet(), Raising(OSError("broken.png"), left=70), epochs=9)
    assert caught.value.history.rows
