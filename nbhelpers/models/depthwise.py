"""A depthwise convolution whose rate costs nothing on a processor.

oneDNN, which computes torch's convolutions there, has no kernel for the gradient of an atrous one's weights, and none for
the convolution where it pads by more than a few pixels: each channel becomes a product of matrices of its own
(findings/torch_atrous_depthwise_by_matrices.sh). With one kernel per channel, though, the sum over the kernel's taps is a
sum of whole maps, each shifted and scaled. With AVX2, torch's own takes 4 to 19 times as long over DeepLabV3+'s layers of
rates 6, 12 and 18 (`python -m benchmarks.atrous`). These sums can be differentiated once, as training does.
"""

import itertools
from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.utils._python_dispatch import is_in_torch_dispatch_mode

# pixels of padding up to which oneDNN has a kernel for the convolution itself
NEAR = 6 if torch.backends.cpu.get_cpu_capability() == "AVX512" else 4


class DepthwiseConv(nn.Conv2d):
    """A kernel for each channel, no bias: (N, C, H, W) -> (N, C, H / stride, W / stride), rounded up."""

    def __init__(self, channels: int, *, kernel_size: int = 3, stride: int = 1, dilation: int = 1) -> None:
        super().__init__(
            channels,
            channels,
            kernel_size,
            stride=stride,
            padding=dilation * (kernel_size // 2),
            dilation=dilation,
            groups=channels,
            bias=False,
        )

    def forward(self, x: Tensor) -> Tensor:
        rate = self.dilation[0]
        slow = rate > 1 and self.stride == (1, 1) and (torch.is_grad_enabled() or self.padding[0] > NEAR)
        plain = x.is_cpu and x.dtype == torch.float32 and not torch.is_autocast_enabled("cpu")
        # who exports the network or counts its operations is to see the convolution
        watched = torch.compiler.is_compiling() or is_in_torch_dispatch_mode()
        if slow and plain and not watched:
            return SumOfShifted.apply(x, self.weight, rate)
        return super().forward(x)


class SumOfShifted(torch.autograd.Function):
    """Maps (N, C, H, W), kernels (C, 1, k, k) and a rate -> the convolution (N, C, H, W), zeros beyond the border."""

    @staticmethod
    def forward(ctx, x: Tensor, kernels: Tensor, rate: int) -> Tensor:
        ctx.save_for_backward(x, kernels)
        ctx.rate = rate
        y = torch.zeros_like(x)
        for (row, column), here, there in _shifts(x, kernels, rate):
            y[here].addcmul_(x[there], kernels[:, :, row, column, None])
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx, grad: Tensor) -> tuple[Tensor, Tensor, None]:
        x, kernels = ctx.saved_tensors
        of_x, of_kernels = torch.zeros_like(x), torch.zeros_like(kernels)
        for (row, column), here, there in _shifts(x, kernels, ctx.rate):
            of_x[there].addcmul_(grad[here], kernels[:, :, row, column, None])
            of_kernels[:, 0, row, column] = (grad[here] * x[there]).sum(dim=(0, 2, 3))
        return of_x, of_kernels, None


def _shifts(x: Tensor, kernels: Tensor, rate: int) -> Iterator[tuple[tuple[int, int], tuple, tuple]]:
    """Of each tap that meets the map anywhere: its row and column, where it adds, and where it reads."""
    size = kernels.shape[-1]
    for tap in itertools.product(range(size), repeat=2):
        shifts = [rate * (place - size // 2) for place in tap]
        if all(abs(shift) < side for shift, side in zip(shifts, x.shape[-2:])):
            yield tap, (..., *(_from(-shift) for shift in shifts)), (..., *(_from(shift) for shift in shifts))


def _from(shift: int) -> slice:
    """What is left of a side when as much is cut off: in front, or at the end of a negative one."""
    return slice(shift, None) if shift >= 0 else slice(None, shift)
