"""A network's weights in a quarter of their size, for the checkpoints that lie in the repository."""

from collections.abc import Mapping

import torch
from torch import Tensor

SCALE = "|scale"  # behind the name of a tensor of whole numbers: what a step of each row is worth
STEPS = 127


def pack(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Matrices and kernels as int8 with a scale for each output, which is off by at most 1 in 254 of the row's largest.

    Other floats, norms and biases, become halves.
    """
    packed = {}
    for name, value in state.items():
        if not value.is_floating_point():
            packed[name] = value.contiguous()
        elif value.ndim < 2:
            packed[name] = value.half().contiguous()
        else:
            scale = value.float().flatten(1).abs().amax(1).clamp_min(1e-12) / STEPS
            packed[name] = (value / _along_rows(scale, value)).round().to(torch.int8).contiguous()
            packed[name + SCALE] = scale
    return packed


def unpack(packed: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The state, in float32, of what `pack` gave, or of one that is all halves."""
    state = {}
    for name, value in packed.items():
        if name + SCALE in packed:
            state[name] = value * _along_rows(packed[name + SCALE], value)
        elif not name.endswith(SCALE):
            state[name] = value.float() if value.is_floating_point() else value
    return state


def _along_rows(scale: Tensor, value: Tensor) -> Tensor:
    return scale.view(-1, *[1] * (value.ndim - 1))
