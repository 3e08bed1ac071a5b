"""MaskFormer: instead of a class for every pixel, a set of masks with a class each.

Paper: Cheng et al., 2021, https://arxiv.org/abs/2107.06278 (Figure 2; Table 4 of the appendix: 100 queries).
Departures: `levels` may begin finer than c2 and end before c5, for small objects in small images; sides are those of
the features, so that any image fits. Votes are added up at the size of the features and enlarged as logarithms, so that
`model(images)` are logits; the authors enlarge the masks first. `merge` keeps every query whose likeliest answer is a
class, where the authors also drop unsure ones; and a pixel below one half of its query's mask belongs to nothing, where
they give it to the query.

Why this one, of those that answer by queries: all of it learns from random weights on a laptop, since its pixels come
from convolutions (how far: studies/results/20.json). EoMT (Kerssies et al., 2025), shorter still, is a plain vision
transformer that leaves the work to large-scale pretraining. Mask2Former adds deformable attention, whose sampling would
be most of this file.
"""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nbhelpers.models.blocks import resize_to
from nbhelpers.models.encoders import Encoder

TINY = 1e-6  # of the surest query's vote: what a class has that no query votes for


class Proposals(NamedTuple):
    """What the queries say: `classes` (N, Q, classes + 1), the last one for "no object"; `masks` (N, Q, h, w). Logits."""

    classes: Tensor
    masks: Tensor


def conv_norm(in_channels: int, out_channels: int, kernel_size: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, kernel_size, padding=kernel_size // 2, bias=False),
        nn.GroupNorm(32, out_channels),
    )


def merge(classes: Tensor, masks: Tensor, least: float = 0.8) -> Tensor:
    """One picture's objects from its proposals, (Q, classes + 1) and (Q, H, W): int64 (H, W), 0 elsewhere, else 1..n.

    A query that is most probably no object is left out. Each pixel goes to the query with the highest product of
    class and mask probability; what got less than the share `least` of its own mask (above one half) is dropped,
    for it was another's (section 3.4, general inference). Class 0 is background.
    """
    chances, kinds = classes.softmax(-1).max(-1)
    kept = kinds < classes.shape[1] - 1
    objects = torch.zeros(masks.shape[1:], dtype=torch.long, device=masks.device)
    if not kept.any():
        return objects
    kinds, masks = kinds[kept], masks[kept].sigmoid()
    owner = (chances[kept, None, None] * masks).argmax(0)
    for number, kind in enumerate(kinds):
        claimed = masks[number] > 0.5
        own = claimed & (owner == number)
        if kind > 0 and own.any() and own.sum() >= least * claimed.sum():
            objects[own] = objects.max() + 1
    return objects


class PixelDecoder(nn.Module):
    """The features from coarse to fine, an embedding for every pixel at their end: (N, channels, h, w) of the finest."""

    def __init__(self, widths: Sequence[int], channels: int) -> None:
        super().__init__()
        *finer, coarsest = widths
        self.stem = conv_norm(coarsest, channels, 3)
        self.laterals = nn.ModuleList(conv_norm(width, channels, 1) for width in reversed(finer))
        self.blocks = nn.ModuleList(conv_norm(channels, channels, 3) for _ in finer)
        self.head = nn.Conv2d(channels, channels, kernel_size=3, padding=1)

    def forward(self, features: Sequence[Tensor]) -> Tensor:
        *finer, coarsest = features
        x = F.relu(self.stem(coarsest))
        for skip, lateral, block in zip(reversed(finer), self.laterals, self.blocks):
            skip = lateral(skip)
            x = F.relu(block(skip + F.interpolate(x, size=skip.shape[-2:], mode="nearest")))
        return self.head(x)


class QueryLayer(nn.Module):
    """Queries ask each other, then the image, then think: (N, Q, C), (N, h w, C) -> (N, Q, C).

    `query_places` and `image_places` say who asks and from where: they join what is compared, never what is told.
    """

    def __init__(self, channels: int, heads: int, hidden_channels: int, dropout: float) -> None:
        super().__init__()
        self.among = nn.MultiheadAttention(channels, heads, batch_first=True)
        self.across = nn.MultiheadAttention(channels, heads, batch_first=True)
        self.think = nn.Sequential(
            nn.Linear(channels, hidden_channels), nn.ReLU(), nn.Linear(hidden_channels, channels)
        )
        self.norms = nn.ModuleList(nn.LayerNorm(channels) for _ in range(3))
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, query_places: Tensor, image: Tensor, image_places: Tensor) -> Tensor:
        asking = x + query_places
        x = self.norms[0](x + self.dropout(self.among(asking, asking, x, need_weights=False)[0]))
        told, _ = self.across(x + query_places, image + image_places, image, need_weights=False)
        x = self.norms[1](x + self.dropout(told))
        return self.norms[2](x + self.dropout(self.think(x)))


def places(like: Tensor) -> Tensor:
    """Waves of many lengths that tell where in the map a pixel lies: (N, C, h, w) -> (h w, C).

    Half of the channels tell the row, half the column. Vaswani et al., 2017, section 3.5, for both sides of a map
    whose length counts as one turn.
    """
    channels, (height, width) = like.shape[1] // 2, like.shape[-2:]
    wave = 10_000 ** (torch.arange(0, channels, 2, device=like.device) / channels)

    def along(side: int) -> Tensor:  # (side, channels)
        turns = torch.arange(1, side + 1, device=like.device)[:, None] / side * (2 * math.pi) / wave
        return torch.stack([turns.sin(), turns.cos()], dim=-1).flatten(1)

    rows = along(height)[:, None].expand(-1, width, -1)
    columns = along(width)[None].expand(height, -1, -1)
    return torch.cat([rows, columns], dim=-1).flatten(0, 1).to(like.dtype)


class MaskFormer(nn.Module):
    """The network of Figure 2: images (N, in_channels, H, W) -> logits (N, num_classes, H, W), any size from 32.

    With 32 channels and c5 from 33, since each of group norm's 32 groups needs two values.
    `levels` are the encoder's features that make the pixels' embeddings, finest first: masks have the stride of the
    first, the queries look at the last. `channels`, a multiple of 32 and of `heads`, are those of queries and pixels.
    With num_classes=1 it tells background and object apart, as with 2, and gives the difference of their logits.

    Raises ValueError for other levels, channels or numbers.

    `propose` gives the queries' own answers, `instances` the objects; training needs the answers of every layer,
    `propose_by_layer`, and `nbhelpers.models.maskformer_loss`.
    """

    def __init__(
        self,
        *,
        num_classes: int,
        encoder: str = "resnet50",
        levels: Sequence[str] = ("c2", "c3", "c4", "c5"),
        in_channels: int = 3,
        weights: str | Path | None = None,
        num_queries: int = 100,
        channels: int = 256,
        layers: int = 6,
        heads: int = 8,
        hidden_channels: int = 2048,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        if len(levels) < 2 or list(levels) != sorted(levels):
            raise ValueError(
                f"levels are {', '.join(levels)}; they must be two or more features, finest first, such as c2, c3, c4"
            )
        if channels % 32 or channels % heads:
            raise ValueError(
                f"channels is {channels}; it must be a multiple of 32, and of the {heads} heads, each of which takes a part"
            )
        for name, number in (("num_queries", num_queries), ("layers", layers)):
            if number < 1:
                raise ValueError(f"{name} is {number}; there must be at least 1")
        self.encoder = Encoder(encoder, depth=int(levels[-1][1:]), in_channels=in_channels, weights=weights)
        widths = [self.encoder.channels[level] for level in levels]
        self.num_classes, self.levels = num_classes, tuple(levels)
        self.pixel_decoder = PixelDecoder(widths, channels)
        self.project = nn.Conv2d(widths[-1], channels, kernel_size=1)
        self.queries = nn.Parameter(torch.randn(num_queries, channels))
        self.layers = nn.ModuleList(
            QueryLayer(channels, heads, hidden_channels, dropout) for _ in range(layers)
        )
        self.norm = nn.LayerNorm(channels)
        self.class_head = nn.Linear(channels, max(2, num_classes) + 1)
        self.mask_head = nn.Sequential(
            nn.Linear(channels, channels), nn.ReLU(),
            nn.Linear(channels, channels), nn.ReLU(),
            nn.Linear(channels, channels),
        )  # fmt: skip

    def propose(self, images: Tensor) -> Proposals:
        """What the queries answer."""
        states, pixels = self._ask(images)
        return self._answer(states[-1], pixels)

    def propose_by_layer(self, images: Tensor) -> list[Proposals]:
        """What the queries would answer after each of the layers; the last is their answer."""
        states, pixels = self._ask(images)
        return [self._answer(state, pixels) for state in states]

    def _ask(self, images: Tensor) -> tuple[list[Tensor], Tensor]:
        """The queries after each layer, (N, Q, C), and the embeddings of the pixels, (N, C, h, w)."""
        features = self.encoder(images)
        pixels = self.pixel_decoder([features[level] for level in self.levels])
        image = self.project(features[self.levels[-1]])
        image_places, image = places(image), image.flatten(2).mT  # (h w, C), (N, h w, C)
        x, states = torch.zeros_like(self.queries).expand(len(images), -1, -1), []
        for layer in self.layers:
            x = layer(x, self.queries, image, image_places)
            states.append(x)
        return states, pixels

    def _answer(self, state: Tensor, pixels: Tensor) -> Proposals:
        state = self.norm(state)
        masks = torch.einsum("nqc,nchw->nqhw", self.mask_head(state), pixels)
        return Proposals(self.class_head(state), masks)

    def forward(self, images: Tensor) -> Tensor:
        return self.vote(self.propose(images), images)

    def vote(self, proposals: Proposals, images: Tensor) -> Tensor:
        """Every query votes for its class where its mask lies: logits (N, num_classes, H, W) (semantic inference, 3.4)."""
        classes, masks = proposals
        inside = F.logsigmoid(masks)
        # the largest at each pixel is taken out, for where all are sure no vote would be left
        most = inside.amax(1, keepdim=True)
        votes = torch.einsum("nqc,nqhw->nchw", classes.softmax(-1)[..., :-1], (inside - most).exp())
        logits = resize_to(votes.clamp_min(TINY).log() + most, images)
        return logits if self.num_classes > 1 else logits[:, 1:] - logits[:, :1]

    @torch.no_grad()
    def instances(self, images: Tensor, least: float = 0.8) -> Tensor:
        """Which object each pixel shows: int64 (N, H, W), 0 where it is of class 0 or of no query's, else 1..n.

        least: the share of its own mask that a query must win; see `merge`.
        """
        classes, masks = self.propose(images)
        masks = resize_to(masks, images)
        return torch.stack([merge(*each, least) for each in zip(classes, masks)])
