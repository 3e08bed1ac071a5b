"""The exercises of 08_fpn."""

from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor

from nbhelpers.exercises import NotYet, call, exercise, expect, try_function

Pyramid = list[Tensor]


@exercise
def check_level_size(answer: tuple[int, int]) -> None:
    """How large is p4 for an image of 72 x 96 (height, width)? Odd sides are rounded up when halved."""
    slips = {
        (4, 6): "72 is halved to 36, 18, 9, and 9 to 5, since the encoders round up.",
        (4.5, 6): "a map has whole rows: 9 is halved to 5, since the encoders round up.",
        (6, 5): "height comes first, then width.",
        (9, 12): "that is p3, of stride 8.",
        (18, 24): "that is p2, of stride 4; the number is the count of halvings.",
        (3, 3): "that is p5, of stride 32.",
        (36, 48): "that is stride 2; pK has stride 2 to the power of K.",
    }
    expect(
        answer, (5, 6), slips, "p4 has stride 16: halve four times.", wanted="two numbers: (height, width)"
    )


@exercise
def check_laterals(answer: int) -> None:
    """How many parameters do the four laterals from a ResNet-50's 256, 512, 1024, 2048 channels to 256 have?"""
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
        2048 * 256 + 256: "that is the lateral of c5 alone; there are four, c2 to c5.",
    }
    expect(answer, channels * 256 + 4 * 256, slips, "count in x out weights for each level, and its biases.")


@exercise
def check_top_down(top_down: Callable[[Pyramid], Sequence[Tensor]]) -> None:
    """The pathway from laterals (N, C, h, w), coarsest first, to levels of the same sizes and order."""
    random = torch.Generator().manual_seed(8)
    sides = ((2, 3), (3, 6), (6, 11)), ((2, 4), (5, 7), (9, 14), (17, 28)), ((3, 2), (6, 4))
    pyramids = [[torch.randn(2, 3, *side, generator=random) for side in pyramid] for pyramid in sides]

    def tried(laterals: Pyramid) -> Tensor:
        """All levels in one row; a wrong size is told at once."""
        levels = call(top_down, (laterals,), ["the laterals"])
        if not isinstance(levels, list | tuple) or not all(isinstance(level, Tensor) for level in levels):
            raise NotYet(f"it gives {type(levels).__name__}; return a list of tensors, one for each lateral.")
        shapes, right_shapes = ([tuple(x.shape) for x in group] for group in (levels, laterals))
        if shapes != right_shapes:
            if shapes == right_shapes[::-1]:
                raise NotYet("the order is turned round; keep the coarsest first.")
            raise NotYet(f"the levels are {shapes}, but must be as large as the laterals, {right_shapes}.")
        return _row(levels)

    def pathway(mode: str = "nearest", chained: bool = True, **options: bool) -> Callable[[Pyramid], Tensor]:
        def levels(laterals: Pyramid) -> Tensor:
            found = [laterals[0]]
            for above, lateral in pairwise(laterals):
                coarser = found[-1] if chained else above
                found.append(lateral + F.interpolate(coarser, lateral.shape[-2:], mode=mode, **options))
            return _row(found)

        return levels

    def enlarged(laterals: Pyramid) -> Tensor:
        """The coarsest level alone, enlarged from step to step."""
        return pathway()([laterals[0], *(torch.zeros_like(lateral) for lateral in laterals[1:])])

    smooth = "the sum is right, but enlarge by nearest neighbour, mode='nearest', as the paper does."
    slips = (
        (_row, "the laterals come back unchanged; add the coarser level to each."),
        (pathway("bilinear"), smooth),
        (pathway("bilinear", align_corners=True), smooth),
        (pathway("bicubic"), smooth),
        (
            pathway("nearest-exact"),
            "the sum is right, but 'nearest-exact' takes other pixels where sides are no doubles; "
            "write mode='nearest', as the model does.",
        ),
        (
            pathway(chained=False),
            "add the finished coarser level, not its lateral: p3 = c3 + p4, and p4 holds p5.",
        ),
        (enlarged, "the coarser level takes the lateral's place; add the two."),
    )

    def otherwise(given: Tensor, wanted: Tensor, laterals: Pyramid) -> str:
        finest = laterals[-1].numel()
        return (
            f"the finest level should have the mean {wanted[-finest:].mean():.3f}, "
            f"but has {given[-finest:].mean():.3f}."
        )

    try_function(
        tried, pathway(), [(laterals,) for laterals in pyramids], slips, otherwise, names=["the laterals"]
    )


def _row(levels: Sequence[Tensor]) -> Tensor:
    return torch.cat([level.flatten().double() for level in levels])
