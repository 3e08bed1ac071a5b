"""What a training must not lose: the reader's model while it is tried out, the best weights whatever ends `fit`."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import TracebackType
from typing import Any

import torch
from torch import Tensor, nn

from nbhelpers.datasets.gate import random_states_kept
from nbhelpers.training.history import History


def weights_of(model: nn.Module) -> dict[str, Any]:
    """A copy of the model's state on the processor."""
    return {
        name: value.detach().cpu().clone() if isinstance(value, Tensor) else value
        for name, value in model.state_dict().items()
    }


def other_tensors(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    """The names of tensors that only one of two states has, or each in another shape."""
    shapes, others = (
        {name: getattr(each, "shape", None) for name, each in state.items()} for state in (one, other)
    )
    return sorted({name for name, _ in shapes.items() ^ others.items()})


@contextmanager
def tried_out(model: nn.Module, device: torch.device) -> Iterator[None]:
    """Try `model` on `device`: weights, statistics, modes, gradients and random states are as before afterwards.

    Where the block raises, the model is back on its own device as well.
    """
    first = next(model.parameters(), None)
    home = device if first is None else first.device
    values = {name: tensor.detach().clone() for name, tensor in _tensors(model).items()}
    modes = [(module, module.training) for module in model.modules()]
    gradients = [(parameter, parameter.grad) for parameter in model.parameters()]
    model.zero_grad()
    try:
        model.to(device, memory_format=torch.channels_last)
        with random_states_kept([device] if device.type == "cuda" else []):
            yield
    except BaseException:
        model.to(home)
        raise
    finally:
        for parameter, gradient in gradients:
            parameter.grad = gradient if gradient is None else gradient.to(parameter.device)
        with torch.no_grad():
            for name, tensor in _tensors(model).items():
                if name in values:  # a forward may make new buffers
                    tensor.copy_(values[name])
        for module, training in modes:
            module.training = training


def _tensors(model: nn.Module) -> dict[str, Tensor]:
    """Parameters and buffers by name, also the buffers that are not in the state."""
    return dict(model.named_parameters()) | dict(model.named_buffers())


class Keeper:
    """Whatever ends the block, the model is left in eval mode with the weights of the best epoch.

    Where no epoch was finished it is as it was, or after Ctrl-C what it has learnt. Ctrl-C ends the block quietly;
    any other exception leaves it with the history as its attribute `history`.
    """

    def __init__(
        self, model: nn.Module, history: History, best: dict[str, Any] | None, say: Callable[[str], None]
    ) -> None:
        self.model, self.history, self.say = model, history, say
        self.best = weights_of(model) if best is None else best

    def keep(self, row: dict[str, float]) -> None:
        """An epoch is finished: put its row into the history, and keep its weights if it is the best."""
        is_best = History([*self.history.rows, row]).best is row
        best = weights_of(self.model) if is_best else self.best  # Ctrl-C may come while they are copied
        self.history.rows.append(row)
        self.best = best

    def __enter__(self) -> "Keeper":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool:
        done = len(self.history.rows)
        interrupted = isinstance(error, KeyboardInterrupt)
        if done or not interrupted:
            self.model.load_state_dict(self.best)
        self.model.eval()
        if error is None:
            return False
        has = f"the weights of epoch {self.history.best['epoch']}" if done else "the weights it had before"
        if interrupted:
            has = has if done else "what it has learnt"
            self.say(f"\ninterrupted in epoch {done + 1}: the model keeps {has}")
            return True
        error.history = self.history
        self.say(f"\n{kind.__name__} in epoch {done + 1}: the model keeps {has}, the error has the .history")
        return False
