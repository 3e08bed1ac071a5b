"""Muon: an optimizer that steps equally far in all directions of a weight matrix."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.optim import AdamW
from torch.optim.optimizer import ParamsT

COEFFICIENTS = (3.4445, -4.7750, 2.0315)  # Jordan's: any singular value comes near 1 within five rounds
ROUNDS = 5
ADAMW_SIZE = 0.2  # the root mean square of AdamW's updates: Liu et al., section 2.2


class Muon(AdamW):
    """Momentum, made orthogonal, for matrices and the kernels of convolutions; AdamW for all other parameters.

    A kernel (C_out, C_in, h, w) counts as a matrix (C_out, C_in * h * w); depthwise kernels, biases and what batch norm
    learns are AdamW's. Updates of matrices are scaled to the size of AdamW's, so that learning rate and weight decay mean
    the same for all. A step leaves the matrices without gradients, as `zero_grad` would.

    Departures: Jordan leaves the first convolution, embeddings and the head to AdamW; here shape alone decides, so they
    are Muon's, MaskFormer's queries too. His momentum is 0.95; this one is AdamW's first beta, which `fit`'s one cycle
    moves between 0.85 and 0.95.

    Papers: Jordan et al., 2024, https://kellerjordan.github.io/posts/muon/; the scale by Liu et al., 2025,
    https://arxiv.org/abs/2502.16982. torch's own takes matrices alone; it and timm's compute in bfloat16, which
    processors without instructions for it only emulate: there they take longer than the whole rest of a step.
    """

    def __init__(
        self, parameters: ParamsT, lr: float, weight_decay: float = 0.01, fused: bool = False
    ) -> None:
        super().__init__(parameters, lr=lr, weight_decay=weight_decay, fused=fused)
        # fused AdamW takes scaled gradients; what comes before it does not
        self._step_supports_amp_scaling = False

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """As torch's optimizers take one; it becomes two where it holds matrices and others."""
        given = param_group["params"]
        members = [given] if isinstance(given, Tensor) else list(given)
        for orthogonal in (True, False):
            part = [parameter for parameter in members if is_matrix(parameter) == orthogonal]
            if part:
                super().add_param_group(param_group | {"params": part, "orthogonal": orthogonal})

    @torch.no_grad()
    def step(self, closure: Callable[[], Tensor] | None = None) -> Tensor | None:
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for weight in group["params"] if group["orthogonal"] else ():
                if weight.grad is not None:
                    self._step_matrix(weight, group)
                    weight.grad = None  # and AdamW passes it over
        super().step()
        return loss

    def _step_matrix(self, weight: Tensor, group: dict) -> None:
        state = self.state[weight]
        if not state:  # named as AdamW names them
            state |= {"step": torch.tensor(0.0), "exp_avg": torch.zeros_like(weight)}
        state["step"] += 1
        momentum, average = group["betas"][0], state["exp_avg"]
        average.lerp_(weight.grad, 1 - momentum)
        update = weight.grad.lerp(average, momentum)  # Nesterov's: the average looks one step ahead
        # as the values lie in memory: so nothing is copied
        order = (0, *sorted(range(1, weight.ndim), key=weight.stride, reverse=True))
        columns = update.permute(order)
        direction = orthogonal(columns.flatten(1)).view(columns.shape)
        size = ADAMW_SIZE * max(len(update), update[0].numel()) ** 0.5
        weight.mul_(1 - group["lr"] * group["weight_decay"])
        weight.permute(order).add_(direction, alpha=-group["lr"] * size)


def is_matrix(parameter: Tensor) -> bool:
    """Whether a parameter joins several channels with several others."""
    return parameter.ndim > 1 and min(parameter.shape[:2]) > 1


def orthogonal(matrix: Tensor) -> Tensor:
    """About the nearest matrix (m, n) with orthonormal rows or columns: U V^T of the singular value decomposition.

    By Newton-Schulz: an odd polynomial, a x + b x^3 + c x^5, applied again and again to the singular values alone, drives
    them to between 0.7 and 1.2. It takes products of matrices only. All but the first and the last are of the Gram
    matrix, which is small where a kernel has few outputs and many inputs.
    """
    a, b, c = COEFFICIENTS
    wide = len(matrix) <= len(matrix[0])
    x = (matrix if wide else matrix.T).float()
    # squares of what is very small or large would be lost
    x = x / x.abs().max().clamp(min=torch.finfo(x.dtype).tiny)
    norm = x.norm().clamp(min=1)  # no singular value of x / norm is above 1
    gram, factors = x @ x.T / norm**2, None
    for left in reversed(range(ROUNDS)):
        factor = torch.addmm(gram, gram, gram, beta=b, alpha=c)  # b gram + c gram^2
        factor.diagonal().add_(a)
        factors = factor if factors is None else factor @ factors
        if left:
            gram = factor @ gram @ factor
    x = factors / norm @ x
    return (x if wide else x.T).to(matrix.dtype)
