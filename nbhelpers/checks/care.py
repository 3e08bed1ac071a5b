"""Handling a model that belongs to the reader: its mode, the random state and its weights stay as they were."""

import copy
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn


@contextmanager
def random_state_kept(model: nn.Module) -> Iterator[None]:
    """Give back torch's random state, of the CPU and of the model's GPU, as it was."""
    devices = {tensor.device for tensor in model.parameters() if tensor.is_cuda}
    with torch.random.fork_rng(devices=sorted(devices, key=str)):
        yield


@contextmanager
def evaluating(model: nn.Module) -> Iterator[torch.device]:
    """Eval mode inside the block; afterwards every module, frozen ones too, has its own mode again."""
    modes = {module: module.training for module in model.modules()}
    parameter = next(model.parameters(), None)
    model.eval()
    try:
        yield torch.device("cpu") if parameter is None else parameter.device
    finally:
        for module, training in modes.items():
            module.training = training


def independent_copy(model: nn.Module) -> nn.Module:
    """A deep copy that can be trained without touching `model`; raises ValueError where there is none."""
    if "forward" in vars(model):
        raise ValueError(
            f"the forward of this {type(model).__name__} was replaced on the instance, so a copy would still "
            "run the original: pass the model from before accelerator.prepare"
        )
    return copy.deepcopy(model)
