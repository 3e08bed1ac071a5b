"""A dense block in one buffer: batch norm, ReLU, convolution and dropout of all its layers, without the copies.

Every layer of a dense block (Huang et al., 2017, https://arxiv.org/abs/1608.06993) reads all that was made before
it. Written as it is meant, each layer joins the features anew, normalises them for itself, and keeps both copies
for the backward pass: memory and traffic grow with the square of the number of layers. The same numbers need less:

- nothing is copied: the features lie side by side in one buffer, where a layer reads the front and writes the next;
- nothing but this buffer is kept: a layer's input after batch norm and ReLU stands in a workspace that all layers
  share, and the backward pass makes it again, which takes no convolution (as in Pleiss et al., 2017,
  https://arxiv.org/abs/1707.06990);
- nothing is computed twice: the mean and variance of a feature are the same in every layer that normalises it.

With mean m and standard deviation s of a feature x over its n values, batch norm and ReLU are

    a = max(0, w (x - m) / s + b) = max(0, scale x + shift),    scale = w / s,    shift = b - scale m.

From the gradient g with respect to a, set to 0 where a is 0, follow

    db = sum g,    dw = sum g (x - m) / s,    dx = scale g - w db / (n s) - w dw (x - m) / (n s^2)

(Ioffe and Szegedy, 2015, https://arxiv.org/abs/1502.03167, section 3). The last two terms, which lead through m
and s, add up over layers as two numbers a feature, and are subtracted once all its readers are done.

The price: under bf16 autocast, scale and shift are rounded to bf16 as x is, which leaves the gradients with about a
quarter more rounding error than torch's own layers.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable


def dense_block(layers: Sequence[nn.Module], parts: Sequence[Tensor]) -> Tensor:
    """Join `parts`, and append what each layer makes of all before it: (N, C_i, H, W) -> (N, sum of all, H, W).

    A layer has `norm` (BatchNorm2d), `conv` (Conv2d of stride 1) and `dropout` (`Dropout`); a ReLU follows `norm`. Equals

        x = torch.cat(parts, dim=1)
        for layer in layers:
            x = torch.cat([x, layer(x)], dim=1)

    up to rounding, with its gradients, running statistics and autocast; hooks on the layers do not run.
    """
    weights = [(layer.norm.weight, layer.norm.bias, layer.conv.weight, layer.conv.bias) for layer in layers]
    return _DenseBlock.apply(layers, len(parts), *parts, *sum(weights, ()))


class Dropout(nn.Dropout):
    """As torch's, but its mask takes a byte a value, and on a CPU a third of the time to draw."""

    def mask(self, x: Tensor) -> Tensor | None:
        """True where a value is kept, for x / (1 - p); None where all are."""
        return torch.rand_like(x, dtype=torch.float32) >= self.p if self.training and self.p > 0 else None

    def forward(self, x: Tensor) -> Tensor:
        mask = self.mask(x)
        return x if mask is None else x * mask / (1 - self.p)


class _Step(NamedTuple):
    """What a layer's backward pass needs beside the buffer and the weights; vectors hold a number a feature."""

    mean: Tensor
    inverse: Tensor  # of the standard deviation
    scale: Tensor
    shift: Tensor
    from_batch: bool  # else mean and deviation are constants
    mask: Tensor | None  # true where dropout kept a value


class _DenseBlock(torch.autograd.Function):
    @staticmethod
    def forward(ctx, layers: Sequence[nn.Module], num_parts: int, *tensors: Tensor) -> Tensor:
        parts, weights = tensors[:num_parts], tensors[num_parts:]
        sizes = [part.shape[1] for part in parts] + [layer.conv.out_channels for layer in layers]
        buffer = _channels_last(parts[0], sum(sizes))
        workspace = buffer.new_empty(buffer[:, : layers[-1].norm.num_features].numel())
        for place, part in zip(buffer.split(sizes, dim=1), parts):
            place.copy_(part)

        unmeasured, moments, steps = list(parts), [], []
        for layer, (w, b, kernel, bias) in zip(layers, _in_fours(weights)):
            x = buffer[:, : layer.norm.num_features]
            from_batch = layer.norm.training and x[:, 0].numel() > 1  # as in `blocks.BatchNorm`
            if from_batch:
                moments += [_moments(features) for features in unmeasured]
                unmeasured = []
                mean, variance = torch.cat(moments, dim=1)
                _update_running(layer.norm, mean, variance, x[:, 0].numel())
            else:
                mean, variance = layer.norm.running_mean.clone(), layer.norm.running_var
            inverse = torch.rsqrt(variance + layer.norm.eps)
            scale, shift = w * inverse, b - w * inverse * mean
            a = _rectify(x, scale, shift, workspace)
            y = F.conv2d(a, kernel.to(a.dtype), bias.to(a.dtype), padding=layer.conv.padding)
            mask = layer.dropout.mask(y)
            if mask is not None:
                y.mul_(mask).div_(1 - layer.dropout.p)
            buffer[:, x.shape[1] : x.shape[1] + y.shape[1]] = y
            unmeasured.append(y)
            steps.append(_Step(mean, inverse, scale, shift, from_batch, mask))
        ctx.layers, ctx.steps, ctx.sizes = layers, steps, sizes[:num_parts]
        ctx.save_for_backward(buffer, *weights)
        return buffer

    @staticmethod
    @once_differentiable
    def backward(ctx, grad: Tensor) -> tuple[Tensor | None, ...]:
        buffer, *weights = ctx.saved_tensors
        workspace = buffer.new_empty(buffer[:, : ctx.layers[-1].norm.num_features].numel())
        grad = _packed(grad)  # a feature's is complete when all its readers are done
        constant, slope = weights[0].new_zeros(2, buffer.shape[1])  # constant + slope x is to be subtracted
        gradients: list[Tensor] = []
        steps = list(zip(ctx.layers, ctx.steps, _in_fours(weights)))
        for layer, step, (w, _, kernel, bias) in reversed(steps):
            seen, end = layer.norm.num_features, layer.norm.num_features + layer.conv.out_channels
            dy, y = (_packed(t[:, seen:end]) for t in (grad, buffer))
            _subtract(dy, y, constant[seen:end], slope[seen:end])
            if step.mask is not None:
                dy.mul_(step.mask).div_(1 - layer.dropout.p)
            x = buffer[:, :seen]
            a = _rectify(x, step.scale, step.shift, workspace)
            g, dkernel, dbias = torch.ops.aten.convolution_backward(
                dy, a, kernel.to(a.dtype), [len(bias)], layer.conv.stride, layer.conv.padding, layer.conv.dilation,
                False, [0, 0], 1, [True, True, True],
            )  # fmt: skip
            torch.ops.aten.threshold_backward.grad_input(g, a, 0, grad_input=g)
            db = _sum(g)
            dw = (_sum(torch.mul(g, x, out=a)) - step.mean * db) * step.inverse
            grad[:, :seen].addcmul_(g, _per_feature(step.scale, g))
            if step.from_batch:
                slope_here = w * dw * step.inverse**2 / x[:, 0].numel()
                slope[:seen] += slope_here
                constant[:seen] += w * db * step.inverse / x[:, 0].numel() - step.mean * slope_here
            gradients = [dw, db, dkernel.to(kernel.dtype), dbias.to(bias.dtype), *gradients]
        first = sum(ctx.sizes)
        _subtract(grad[:, :first], buffer[:, :first], constant[:first], slope[:first])
        return None, None, *grad[:, :first].split(ctx.sizes, dim=1), *gradients


def _in_fours(weights: Sequence[Tensor]) -> list[Sequence[Tensor]]:
    return [weights[start : start + 4] for start in range(0, len(weights), 4)]


def _channels_last(like: Tensor, channels: int) -> Tensor:
    """Room for (N, channels, H, W), of the type that autocast asks for."""
    kind, (count, _, height, width) = like.device.type, like.shape
    autocast = torch.amp.is_autocast_available(kind) and torch.is_autocast_enabled(kind)
    dtype = torch.get_autocast_dtype(kind) if autocast else like.dtype
    return like.new_empty(count, height, width, channels, dtype=dtype).permute(0, 3, 1, 2)


def _packed(x: Tensor) -> Tensor:
    return x.clone(memory_format=torch.channels_last)


def _per_feature(vector: Tensor, like: Tensor) -> Tensor:
    return vector.to(like.dtype)[:, None, None]


def _rectify(x: Tensor, scale: Tensor, shift: Tensor, workspace: Tensor) -> Tensor:
    """max(0, scale x + shift), at the front of the workspace."""
    count, channels, height, width = x.shape
    a = workspace[: x.numel()].view(count, height, width, channels).permute(0, 3, 1, 2)
    return torch.addcmul(_per_feature(shift, x), x, _per_feature(scale, x), out=a).relu_()


def _subtract(grad: Tensor, x: Tensor, constant: Tensor, slope: Tensor) -> None:
    """Take constant + slope x off `grad`."""
    width = x.shape[-1]
    # repeated along a row: the few features of a pixel alone are too short for a fast loop
    constant, slope = (v.to(x.dtype).repeat(width).view(width, -1).t()[:, None] for v in (constant, slope))
    grad.addcmul_(x, slope, value=-1).sub_(constant)


def _sum(x: Tensor) -> Tensor:
    """Over images and pixels: (N, C, H, W) -> (C,); rows in the precision of x, their sums in float32 at least."""
    rows = x.permute(0, 2, 3, 1).sum(dim=2)
    return rows.to(torch.promote_types(x.dtype, torch.float32)).sum(dim=(0, 1))


def _moments(x: Tensor) -> Tensor:
    """Mean and variance of every feature: (N, C, H, W) -> (2, C), in float32 at least."""
    x = x.to(torch.promote_types(x.dtype, torch.float32))
    mean = _sum(x) / x[:, 0].numel()
    return torch.stack([mean, _sum((x - mean[:, None, None]).square_()) / x[:, 0].numel()])


def _update_running(norm: nn.BatchNorm2d, mean: Tensor, variance: Tensor, values: int) -> None:
    """As `nn.BatchNorm2d` does in training."""
    norm.num_batches_tracked += 1
    momentum = norm.momentum if norm.momentum is not None else 1 / norm.num_batches_tracked.item()
    norm.running_mean.lerp_(mean, momentum)
    norm.running_var.lerp_(variance * values / (values - 1), momentum)  # unbiased
