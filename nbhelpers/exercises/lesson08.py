"""The exercises of 08_fpn."""

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from nbhelpers.exercises import UNANSWERED, verdict

Pyramid = list[Tensor]


def check_level_size(answer: tuple[int, int] | None) -> str:
    """How large is p4 for an image of 72 x 96 (height, width)? Odd sides are rounded up when halved."""
    slips = {
        (4, 6): "72 is halved to 36, 18, 9, and 9 to 5, since the encoders round up.",
        (6, 5): "height comes first, then width.",
        (9, 12): "that is p3, of stride 8.",
        (18, 24): "that is p2, of stride 4; the number is the count of halvings.",
        (3, 3): "that is p5, of stride 32.",
        (36, 48): "that is stride 2; pK has stride 2 to the power of K.",
    }
    return verdict(answer, (5, 6), slips, "p4 has stride 16: halve four times.")


def check_laterals(answer: int | None) -> str:
    """How many parameters have the four laterals from a ResNet-50's 256, 512, 1024, 2048 channels to 256?"""
    channels = 256 + 512 + 1024 + 2048
    slips = {
        channels
        * 256: "the weights are right; each of the four convolutions has a bias for its 256 channels.",
        channels * 256 + 256: "each of the four convolutions has a bias, not one for all.",
        channels * 256
        + channels: "there is one bias for each channel that comes out, not for each that goes in.",
        channels * 256 * 9 + 4 * 256: "a lateral is 1 x 1; it changes channels and looks at no neighbour.",
        (channels + 64) * 256 + 5 * 256: "c1, of 64 channels, is left out: there are four levels, c2 to c5.",
        (channels - 256) * 256 + 3 * 256: "c2 has a lateral as well.",
    }
    return verdict(
        answer, channels * 256 + 4 * 256, slips, "count in x out weights for each level, and its biases."
    )


def check_top_down(top_down: Callable[[Pyramid], Sequence[Tensor]] | None) -> str:
    """The pathway from laterals (N, C, h, w), coarsest first, to levels of the same sizes and order."""
    if top_down is None:
        return UNANSWERED
    laterals = [torch.full((1, 1, 2, 3), 100.0), torch.full((1, 1, 3, 6), 10.0), torch.zeros(1, 1, 6, 11)]
    laterals[0][..., 0] = 200.0
    laterals[2][..., 3, 5] = 1.0
    levels = top_down([lateral.clone() for lateral in laterals])
    if not isinstance(levels, list | tuple) or not all(isinstance(level, Tensor) for level in levels):
        return f"Not yet: it gives {type(levels).__name__}; return a list of tensors, one for each lateral."
    shapes, right_shapes = ([tuple(x.shape) for x in group] for group in (levels, laterals))
    if shapes != right_shapes:
        if shapes == right_shapes[::-1]:
            return "Not yet: the order is turned round; keep the coarsest first."
        return f"Not yet: the levels are {shapes}, but must be as large as the laterals, {right_shapes}."
    right = _pyramid(laterals)
    if _same(levels, right):
        return "Right."
    if _same(levels, laterals):
        return "Not yet: the laterals come back unchanged; add the coarser level to each."
    if _same(levels, _pyramid(laterals, mode="bilinear")):
        return (
            "Not yet: the sum is right, but enlarge by nearest neighbour, mode='nearest', as the paper does."
        )
    if _same(levels, _pyramid(laterals, chained=False)):
        return "Not yet: add the finished coarser level, not its lateral: p3 = c3 + p4, and p4 holds p5."
    return f"Not yet: the finest level should have the mean {right[-1].mean():.1f}, but has {levels[-1].mean():.1f}."


def _pyramid(laterals: Pyramid, *, mode: str = "nearest", chained: bool = True) -> Pyramid:
    levels = [laterals[0]]
    for above, lateral in zip(laterals, laterals[1:]):
        coarser = levels[-1] if chained else above
        levels.append(lateral + F.interpolate(coarser, size=lateral.shape[-2:], mode=mode))
    return levels


def _same(found: Sequence[Tensor], wanted: Pyramid) -> bool:
    return all(torch.allclose(x, y.to(x.dtype)) for x, y in zip(found, wanted, strict=True))
