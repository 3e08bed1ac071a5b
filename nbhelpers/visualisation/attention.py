"""Where attention looks: the pairs of places of self-attention, the places of CBAM, the channels of SE."""

from collections.abc import Mapping, Sequence
from types import UnionType
from typing import get_args

import matplotlib
import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor, nn
from torch.nn import functional as F

from nbhelpers.checks import evaluating
from nbhelpers.datasets.dataset import SegmentationDataset
from nbhelpers.models.attention import CBAM, SelfAttention, SqueezeExcite
from nbhelpers.models.segformer import EfficientAttention
from nbhelpers.visualisation.canvas import DPI, FAINT, INK, WIDTH, Picture, panels, styled
from nbhelpers.visualisation.labels import as_rgb, class_names_and_colours
from nbhelpers.visualisation.probe import as_batch

GATE = matplotlib.colormaps["cividis"].resampled(21)  # closed dark, open bright; told apart by everybody
SPOTS = ("#d55e00", "#56b4e9", "#e69f00", "#cc79a7", "#009e73", "#ffffff")


def attention_weights(model: nn.Module, image: Tensor, layer: str) -> Tensor:
    """How much each place asks of each other place in one image (3, H, W): (h, w, h', w') float32.

    `weights[y, x]` is a map (h', w') that sums to 1. `layer` names a `SelfAttention` of `model` (h' = h, w' = w; the
    softmax of equation 1 in Zhang et al., 2019, https://arxiv.org/abs/1805.08318), or SegFormer's
    `EfficientAttention`, whose heads are averaged and whose places answer in squares (h' = h / reduction).
    Raises ValueError for another layer.
    """
    block, x = _input_of(model, image, layer, SelfAttention | EfficientAttention)
    with torch.no_grad():
        if isinstance(block, EfficientAttention):
            height, width = x.shape[1:3]
            weights = block.weights(x)[0].mean(dim=0)
            square = 1 if block.reduce is None else block.reduce.stride[0]
        else:
            height, width, square = *x.shape[2:], 1
            query, key = (part(x).flatten(2)[0] for part in (block.query, block.key))  # (inner, h * w)
            weights = (query.mT @ key).softmax(dim=1)  # a row a place that asks
    return weights.reshape(height, width, height // square, width // square).float().cpu()


def place_gate(model: nn.Module, image: Tensor, layer: str) -> Tensor:
    """The factors in 0..1 by which a `CBAM` named `layer` weighs the places of one image: (h, w)."""
    block, x = _input_of(model, image, layer, CBAM)
    return _gates_of(block, x, block.place_gate)[0, 0]


def channel_gate(model: nn.Module, image: Tensor, layer: str) -> Tensor:
    """The factors in 0..1 by which a `SqueezeExcite` named `layer` weighs its channels: (channels,)."""
    block, x = _input_of(model, image, layer, SqueezeExcite)
    return _gates_of(block, x, block.excite)[0, :, 0, 0]


def _gates_of(block: nn.Module, x: Tensor, part: nn.Module) -> Tensor:
    found = []
    handle = part.register_forward_hook(lambda _, __, output: found.append(output))
    try:
        with torch.no_grad():
            block(x)
    finally:
        handle.remove()
    return found[0].float().sigmoid().cpu()


def _input_of(
    model: nn.Module, image: Tensor, layer: str, kind: type | UnionType
) -> tuple[nn.Module, Tensor]:
    """The block named `layer`, and what goes into it for `image`, in eval mode."""
    block = dict(model.named_modules()).get(layer)
    if not isinstance(block, kind):
        names = [name for name, module in model.named_modules() if isinstance(module, kind)]
        raise ValueError(
            f"layer {layer!r} is {'missing' if block is None else 'a ' + type(block).__name__}, but must be a "
            f"{' or '.join(each.__name__ for each in get_args(kind) or [kind])}; this model has {', '.join(names) or 'none'}"
        )
    found = []
    handle = block.register_forward_pre_hook(lambda _, arguments: found.append(arguments[0].clone()))
    try:
        with evaluating(model) as device, torch.no_grad():
            model(as_batch(image).to(device))
    finally:
        handle.remove()
    return block, found[0]


@styled
def show_attention(
    model: nn.Module, image: Tensor, layer: str, places: Mapping[str, tuple[int, int]]
) -> Picture:
    """For chosen pixels of one image (3, H, W), the places that self-attention takes from.

    `places` are {name: (row, column)} in pixels of the image. The first panel marks them; each further panel shows
    the weights of one, brightest where most is taken, over the image in grey. The titles say which share of the map
    holds half of the weight: 50 % if it looks everywhere alike.
    Raises ValueError for a `layer` that `attention_weights` refuses, or a pixel outside of the image.
    """
    rgb = as_rgb(as_batch(image)[0].clamp(0, 1))
    side = rgb.shape[:2]
    for name, place in places.items():
        if not (0 <= place[0] < side[0] and 0 <= place[1] < side[1]):
            raise ValueError(
                f"the place of {name!r} is {place}, but the image is {side[0]} x {side[1]} pixels"
            )
    weights = attention_weights(model, image, layer)
    height, width = weights.shape[:2]
    columns = min(4, len(places) + 1)
    rows = -(-(len(places) + 1) // columns)
    figure, axes = panels(rows, columns, side, head=0.42)
    panel, *others = axes.flat
    panel.imshow(rgb, interpolation="nearest")
    panel.set_title("the pixels that ask", pad=4)
    grey = rgb.astype(float).mean(axis=2) / 255
    words = []
    for other in others[len(places) :]:
        other.set_axis_off()
    for index, (name, (row, column)) in enumerate(places.items()):
        other, colour = others[index], SPOTS[index % len(SPOTS)]
        heat = weights[row * height // side[0], column * width // side[1]]
        large = F.interpolate(heat[None, None] / heat.max(), side, mode="nearest")[0, 0, ..., None].numpy()
        other.imshow(
            0.55 * grey[..., None] * (1 - large) + large * np.array((1.0, 0.87, 0.2)), vmin=0, vmax=1
        )
        half = _share_of_half(heat)
        other.set_title(f"{name}\nhalf from {100 * half:.0f} % of the map", pad=4)
        for where in (panel, other):
            where.plot(
                column,
                row,
                marker="o",
                markersize=9,
                markerfacecolor=colour,
                markeredgecolor=INK,
                markeredgewidth=1.2,
            )
        peak = divmod(int(heat.argmax()), heat.shape[1])
        words.append(
            f"{name}, at row {row} and column {column}, takes half from {100 * half:.0f} % of the {heat.shape[0]} x "
            f"{heat.shape[1]} places, most from row {peak[0] * side[0] // heat.shape[0]}, column "
            f"{peak[1] * side[1] // heat.shape[1]}"
        )
    return Picture(figure, f"Self-attention of {layer} in one image: {'; '.join(words)}.")


def _share_of_half(heat: Tensor) -> float:
    """The smallest share of the places that holds half of the weight."""
    falling = heat.flatten().sort(descending=True).values.cumsum(0)
    return (int((falling < falling[-1] / 2).sum()) + 1) / heat.numel()


@styled
def show_place_gate(model: nn.Module, images: Sequence[Tensor], layer: str) -> Picture:
    """Images (3, H, W) above the factors by which a `CBAM` named `layer` weighs their places.

    Each map is stretched from its own lowest (dark) to its own highest factor (bright), which the title gives; one
    whose factors differ by less than 0.01 is left grey, and says so.
    Raises ValueError for another layer.
    """
    batches = [as_batch(image)[0].clamp(0, 1) for image in images]
    figure, axes = panels(2, len(batches), tuple(batches[0].shape[-2:]), head=0.26)
    words = []
    for (top, bottom), image in zip(axes.T, batches, strict=True):
        gate = place_gate(model, image, layer)
        low, high = gate.aminmax()
        top.imshow(as_rgb(image), interpolation="nearest")
        if high - low < 0.01:
            bottom.imshow(np.full((*gate.shape, 3), 0.93), interpolation="nearest")
            bottom.text(0.5, 0.5, "the same everywhere", transform=bottom.transAxes, ha="center", va="center")
        else:
            bottom.imshow(gate.numpy(), cmap=GATE, interpolation="nearest")
        bottom.set_title(f"{low:.2f} to {high:.2f}", pad=4)
        words.append(f"{low:.2f} to {high:.2f}, mean {gate.mean():.2f}")
    return Picture(
        figure, f"Images above the place gate of {layer}, the factors of each: {'; '.join(words)}."
    )


@styled
def show_channel_gates(model: nn.Module, images: Sequence[Tensor], layer: str) -> Picture:
    """The factors by which a `SqueezeExcite` named `layer` weighs its channels: a row an image (3, H, W).

    Channels are sorted by their mean factor. Rows that look alike say that the block gives every image the same
    weights, which a convolution could have learnt without it. Raises ValueError for another layer.
    """
    gates = torch.stack([channel_gate(model, image, layer) for image in images])  # (images, channels)
    gates = gates[:, gates.mean(dim=0).argsort()]
    across, between = gates.mean(dim=0).std().item(), gates.std(dim=0).mean().item()
    figure = Figure(figsize=(WIDTH, 0.95 + 0.16 * len(gates)), dpi=DPI, layout="constrained")
    axes = figure.add_subplot(
        xlabel=f"the {gates.shape[1]} channels of {layer}, sorted by their mean", ylabel="image"
    )
    shown = axes.imshow(gates.numpy(), cmap=GATE, vmin=0, vmax=1, aspect="auto", interpolation="nearest")
    axes.set_xticks([])
    axes.set_yticks([0, len(gates) - 1])
    axes.tick_params(length=0)
    figure.colorbar(shown, ax=axes, label="factor", ticks=[0, 0.5, 1], pad=0.01)
    text = f"spread {across:.2f} between channels, {between:.2f} between images of one channel"
    axes.set_title(text, loc="left")
    return Picture(
        figure,
        f"Channel gates of {layer} for {len(gates)} images, {gates.min():.2f} to {gates.max():.2f}: {text}.",
    )


def attention_by_class(
    model: nn.Module, dataset: SegmentationDataset, layer: str, indices: Sequence[int]
) -> tuple[Tensor, Tensor]:
    """How much of its attention each class spends on places of its own class, and how much chance would: 2 x (C,).

    Over the pairs at `indices`; fractions in 0..1, nan for a class that is absent. A place has the class at its
    centre; void places do not ask. Chance is the share of the class in the map: what equal weights would give.
    Raises ValueError for a `layer` that `attention_weights` refuses.
    """
    own, chance, asked = (torch.zeros(dataset.num_classes) for _ in range(3))
    for index in indices:
        image, mask = dataset[index]
        weights = attention_weights(model, image, layer)
        asks, answers = (
            F.interpolate(mask[None, None].float(), side, mode="nearest-exact").flatten().long()
            for side in (weights.shape[:2], weights.shape[2:])
        )
        weights = weights.flatten(2).flatten(0, 1)  # (places that ask, places that are asked)
        for label in range(dataset.num_classes):
            mine, alike = asks == label, answers == label
            if not alike.any():
                continue  # thinner than the squares that answer, it has none to find
            own[label] += weights[mine][:, alike].sum()
            chance[label] += mine.sum() * alike.float().mean()
            asked[label] += mine.sum()
    return own / asked, chance / asked  # 0 / 0 is nan


@styled
def show_attention_by_class(
    model: nn.Module, dataset: SegmentationDataset, layer: str, indices: Sequence[int]
) -> Picture:
    """A bar for each class: the share of its attention that stays in the class; the mark is that of chance.

    Arguments and errors as in `attention_by_class`.
    """
    classes, palette = class_names_and_colours(dataset)
    own, chance = attention_by_class(model, dataset, layer, indices)
    figure = Figure(figsize=(WIDTH * 0.8, 0.75 + 0.29 * len(classes)), dpi=DPI, layout="constrained")
    most = min(1.0, 1.1 * max(own.nan_to_num().max().item(), chance.nan_to_num().max().item()))
    axes = figure.add_subplot(xlim=(0, most), xlabel="share of the attention that stays in the class")
    rows = np.arange(len(classes))
    axes.barh(rows, own.nan_to_num().numpy(), height=0.72, color=palette / 255, edgecolor=INK, linewidth=0.6)
    axes.plot(
        chance.numpy(),
        rows,
        linestyle="",
        marker="o",
        markersize=6.5,
        markerfacecolor="white",
        markeredgecolor="black",
        markeredgewidth=1.3,
        clip_on=False,
        label="if all places counted alike",
    )
    axes.set_yticks(rows, classes)
    axes.invert_yaxis()
    axes.grid(axis="x")
    axes.tick_params(length=0, pad=9)
    for row, (mine, even) in enumerate(zip(own.tolist(), chance.tolist(), strict=True)):
        text = "absent" if np.isnan(mine) else f"{mine / even:.1f} times"
        axes.text(1.02 * most, row, text, va="center", color=FAINT if np.isnan(mine) else INK)
    figure.legend(loc="outside upper center")
    words = ", ".join(
        f"{name} {mine:.2f} (chance {even:.2f})"
        for name, mine, even in zip(classes, own.tolist(), chance.tolist(), strict=True)
        if not np.isnan(mine)
    )
    return Picture(figure, f"Share of the attention of {layer} that stays in its own class: {words}.")
