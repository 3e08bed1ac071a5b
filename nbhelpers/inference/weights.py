"""Weights as safetensors: a file of numbers, whose loading runs no code."""

from collections.abc import Iterator, Mapping, Set
from contextlib import contextmanager
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import nn

from nbhelpers.datasets.contract import dtype_of
from nbhelpers.inference.writing import written_whole


def save_weights(model: nn.Module, path: str | Path, notes: Mapping[str, str] | None = None) -> None:
    """Write the state of `model` to `path`, which must end in .safetensors; whole or not at all.

    notes: texts by name to keep in the file, such as what the model was trained on; `read_notes` gives them back.
    """
    if Path(path).suffix != ".safetensors":
        raise ValueError(f"{path} must end in .safetensors")
    # a copy of each: the format refuses tensors that share memory, and knows no channels-last
    state = {
        name: tensor.detach().cpu().clone(memory_format=torch.contiguous_format)
        for name, tensor in model.state_dict().items()
    }
    with written_whole(path) as temporary:
        save_file(state, temporary, metadata=dict(notes) if notes else None)


def read_notes(path: str | Path) -> dict[str, str]:
    """The notes that `save_weights` keeps in the file at `path`; {} if it has none. Errors as of `load_weights`."""
    with _readable(path), safe_open(path, "pt") as file:
        return file.metadata() or {}


def load_weights(model: nn.Module, path: str | Path) -> None:
    """Load what `save_weights` wrote into a model of the same build, in place, on its device and in its precision.

    Raises FileNotFoundError, and ValueError for a file that is no safetensors or that holds other weights, whole numbers
    for fractions too; the model is then as it was.
    """
    with _readable(path):
        state = load_file(path)
    own = model.state_dict()
    faults = [f"{name} is missing" for name in own.keys() - state.keys()]
    faults += [f"{name} is unknown to the model" for name in state.keys() - own.keys()]
    faults += [
        f"{name} is {tuple(state[name].shape)}, but the model's {tuple(own[name].shape)}"
        for name in own.keys() & state.keys()
        if state[name].shape != own[name].shape
    ]
    faults += [
        f"{name} is {dtype_of(state[name])}, but the model's {dtype_of(own[name])}"
        for name in own.keys() & state.keys()
        if state[name].is_floating_point() != own[name].is_floating_point()
    ]
    if faults:
        raise ValueError(
            f"{path} does not fit this {type(model).__name__}, {len(faults)} tensors differ: "
            f"{'; '.join(sorted(faults)[:3])}; {_cure(own.keys(), state.keys())}"
        )
    model.load_state_dict(state)


def _cure(own: Set[str], found: Set[str]) -> str:
    """What to do about a file of other names: those of a wrapped model only have a prefix more."""
    for wrapped, plain in ((found, own), (own, found)):
        prefix = min(wrapped, default="").removesuffix(min(plain, default=""))
        if prefix and wrapped == {prefix + name for name in plain}:
            what = "the file has" if wrapped is found else "the model has"
            return f"only {what} {prefix!r} before each name: save and load the bare model, without what wraps it"
    return "build the model with the arguments it was trained with"


@contextmanager
def _readable(path: str | Path) -> Iterator[None]:
    """What the block meets in a file of weights that is not there, or is none, is told in words."""
    if not Path(path).is_file():
        raise FileNotFoundError(f"there is no file of weights at {Path(path).resolve()}")
    try:
        yield
    except SafetensorError as error:
        raise ValueError(
            f"{path} cannot be read as safetensors ({error}); it may be cut off, or a pickle, which is never loaded: "
            "write it again by save_weights"
        ) from error
