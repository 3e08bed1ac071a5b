"""A head beside the mask: is the class in this image at all? For competitions in which most masks are empty.

The head reads the network's deepest map, as the classifiers did that won Severstal's and SIIM-ACR's competitions beside
their masks; SMP builds the same by `aux_params`. `fit` trains it with the rest: `forward_with_aux` gives its logits, and
`nbhelpers.losses.presence_loss` is added at the weight of an auxiliary head.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class WithPresence(nn.Module):
    """`network` with a head of presence: images (N, in_channels, H, W) -> logits (N, num_classes, H, W), as before.

    `forward_with_aux` gives (logits, presence logits (N, num_classes)), `presence(images)` their probabilities.

        model = WithPresence(UNet(num_classes=2), num_classes=2)
        model = WithPresence(smp.Unet("resnet34", classes=2, aux_params={"classes": 2}), num_classes=2)

    at: the name of the part of `network` whose map (N, C, h, w) is read; of several maps the last. Default: its `encoder`,
        the last of its `downs`, or what SegNet and U-Net++ have at the bottom. One of SMP's models that was built with
        aux_params has its own head, which is taken.
    The head is linear on the mean and the maximum of each channel: an object of a few pixels changes no mean.
    An auxiliary head for maps that the network may have of its own is not trained.
    Raises ValueError where there is no such part, its output is no map, the network takes images of other channels, or
    SMP's head has another number of classes.
    """

    def __init__(
        self, network: nn.Module, *, num_classes: int, at: str | None = None, in_channels: int = 3
    ) -> None:
        super().__init__()
        self.network = network
        self.own_head = getattr(network, "classification_head", None) is not None
        self.at = None if self.own_head else at or _deepest(network)
        if self.at is not None and self.at not in dict(network.named_modules()):
            raise ValueError(
                f"{type(network).__name__} has no part {self.at!r}; it has {', '.join(dict(network.named_children()))}, "
                "and parts of these"
            )
        found = self._try_out(in_channels)
        if self.own_head:
            if found != num_classes:
                raise ValueError(
                    f"the head by aux_params tells {found} classes, but num_classes is {num_classes}: build it with "
                    f"aux_params={{'classes': {num_classes}}}"
                )
        else:
            like = _first_parameter(network)
            self.presence_head = nn.Linear(2 * found, num_classes, device=like.device, dtype=like.dtype)

    def forward(self, images: Tensor) -> Tensor:
        answer = self.network(images)
        return answer[0] if self.own_head else answer

    def forward_with_aux(self, images: Tensor) -> tuple[Tensor, Tensor]:
        answer, seen = self._see(images)
        return answer if self.own_head else (answer, self.presence_head(seen))

    @torch.no_grad()
    def presence(self, images: Tensor) -> Tensor:
        """The probability that each class is in each image, (N, num_classes); of one channel that of class 1.

        In eval mode, so that no image changes another's answer; afterwards every module has its own mode again.
        """
        with _evaluating(self):
            return self.forward_with_aux(images)[1].float().sigmoid()

    def _see(self, images: Tensor) -> tuple[Tensor, Tensor | None]:
        """What the network answers, and mean and maximum (N, 2 C) of the map that the head reads."""
        if self.own_head:
            return tuple(self.network(images)), None
        # by a hook of this call alone, so that the model can be copied and sent as it is
        kept: list[object] = []
        part = self.network.get_submodule(self.at)
        handle = part.register_forward_hook(lambda module, given, output: kept.append(output))
        try:
            answer = self.network(images)
        finally:
            handle.remove()
        x = kept[-1] if kept else None
        x = list(x.values())[-1] if isinstance(x, Mapping) else x[-1] if isinstance(x, list | tuple) else x
        if not isinstance(x, Tensor) or x.ndim != 4:
            raise ValueError(
                f"found no map: {self.at!r} of {type(self.network).__name__} gives {'nothing' if x is None else _described(x)}; "
                "name a part that gives one, (N, C, h, w), at=..."
            )
        return answer, torch.cat([x.mean(dim=(2, 3)), x.amax(dim=(2, 3))], dim=1)

    @torch.no_grad()
    def _try_out(self, in_channels: int) -> int:
        """How many channels the map has, or how many classes SMP's head, seen on an image of 64 x 64 pixels."""
        first = next((part for part in self.network.modules() if isinstance(part, nn.Conv2d)), None)
        try:
            with _evaluating(self.network):
                answer, seen = self._see(_first_parameter(self.network).new_zeros(1, in_channels, 64, 64))
        except (RuntimeError, ValueError) as error:
            if first is None or first.in_channels == in_channels or "channels" not in str(error):
                raise
            raise ValueError(
                f"in_channels is {in_channels}, but {type(self.network).__name__} takes images of {first.in_channels} "
                f"channels: pass in_channels={first.in_channels}"
            ) from error
        return answer[1].shape[1] if self.own_head else seen.shape[1] // 2


@contextmanager
def _evaluating(model: nn.Module) -> Iterator[None]:
    """Eval mode inside the block; afterwards every module, frozen ones too, has its own mode again."""
    modes = [(module, module.training) for module in model.modules()]
    try:
        model.eval()
        yield
    finally:
        for module, training in modes:
            module.training = training


def _first_parameter(network: nn.Module) -> Tensor:
    """What tells where and in which precision the network computes."""
    return next(network.parameters(), torch.empty(0))


def _deepest(network: nn.Module) -> str:
    guesses = [
        # SegNet on VGG unpools between the encoder's layers, and never calls it as a whole
        "bottom" if getattr(network, "mirrors", False) else "encoder",
        f"downs.{len(getattr(network, 'downs', ())) - 1}",
        f"nodes.{len(getattr(network, 'nodes', ())) - 1}.0",  # of U-Net++ without an encoder
    ]
    parts = dict(network.named_modules())
    for guess in guesses:
        if guess in parts:
            return guess
    raise ValueError(
        f"{type(network).__name__} has neither encoder nor downs; name the part whose map tells what is there, at=..., such as "
        f"one of {', '.join(dict(network.named_children()))}"
    )


def _described(x: object) -> str:
    return f"{tuple(x.shape)}" if isinstance(x, Tensor) else type(x).__name__
