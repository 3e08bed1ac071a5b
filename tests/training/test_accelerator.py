"""The Accelerator of `fit` beside one of the reader's, and models that remember."""

import pytest
import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState, GradientState, PartialState
from torch import nn

from nbhelpers.training import evaluate
from nbhelpers.training.engine import own_accelerator
from tests.training.test_training import Discs, quick, small_unet, weights_of


@pytest.fixture
def no_accelerator():
    """accelerate keeps its state for the whole program: none before, none after."""
    kept = {owner: dict(owner._shared_state) for owner in (PartialState, AcceleratorState, GradientState)}
    for owner in kept:
        owner._shared_state.clear()
    yield
    for owner, state in kept.items():
        owner._shared_state.clear()
        owner._shared_state.update(state)


def train_and_score():
    model = nn.Conv2d(3, 2, 1)
    quick(model, Discs(4), Discs(2), epochs=1, precision="fp32")
    evaluate(model, Discs(2), precision="fp32")


def test_the_readers_accelerator_is_left_alone(no_accelerator):
    mine = Accelerator(cpu=True, mixed_precision="bf16", gradient_accumulation_steps=4)
    network, optimizer = mine.prepare(
        model := nn.Conv2d(3, 2, 1), torch.optim.SGD(model.parameters(), lr=1.0)
    )
    with mine.accumulate(network):  # the first of four: no step yet
        train_and_score()
        assert not mine.sync_gradients
    assert (mine.mixed_precision, mine.gradient_accumulation_steps) == ("bf16", 4)
    with mine.autocast():
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == torch.bfloat16
    assert optimizer.gradient_state.num_steps == 4


def test_training_amid_gradient_accumulation_takes_its_steps(no_accelerator):
    mine = Accelerator(cpu=True, gradient_accumulation_steps=4)
    model = nn.Conv2d(3, 2, 1)
    before = weights_of(model)
    with mine.accumulate(nn.Conv2d(1, 1, 1)):
        quick(model, Discs(4), Discs(2), epochs=1, lr=1e-2)
    assert not torch.equal(model.weight, before["weight"])


@pytest.mark.parametrize("precision", ["no", "bf16"])
def test_afterwards_the_reader_can_make_an_accelerator_of_any_kind(no_accelerator, precision):
    train_and_score()
    assert Accelerator(cpu=True, mixed_precision=precision).mixed_precision == precision


def test_a_refused_call_leaves_the_state_as_well(no_accelerator):
    with pytest.raises(ValueError, match="epochs"):
        quick(small_unet(), epochs=0)
    with pytest.raises(RuntimeError, match="reader's"), own_accelerator("bf16"):
        raise RuntimeError("reader's")
    assert AcceleratorState._shared_state == {} == PartialState._shared_state


class Remembering(nn.Module):
    """Keeps a grid of positions for each size, as detectors and transformers do."""

    def __init__(self):
        super().__init__()
        self.net, self.scale, self.grids = nn.Conv2d(3, 2, 1), nn.Parameter(torch.ones(1)), {}

    def forward(self, images):
        height, width = images.shape[-2:]
        if width not in self.grids:
            self.grids[width] = torch.linspace(-1, 1, width, device=images.device).expand(1, 1, height, width)
        return self.net(images) + self.scale * self.grids[width]


def test_a_model_that_remembers_is_scored_first_and_trained_then():
    model = Remembering()
    evaluate(model, Discs(2), precision="fp32")
    assert len(quick(model, Discs(4), Discs(2), epochs=1).rows) == 1
