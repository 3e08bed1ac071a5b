"""Look inside a network: its prediction, its feature maps, its receptive field.

Every probe runs the model in eval mode, where batch norm does not mix images, and leaves modes and gradients
as they were.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from nbhelpers import metrics
from nbhelpers.checks import evaluating


def as_batch(images: Tensor) -> Tensor:
    """Images as a model takes them: uint8 or float (3, H, W) or (N, 3, H, W) -> float32 0..1 (N, 3, H, W).

    Raises ValueError for other shapes.
    """
    if not isinstance(images, Tensor) or images.ndim not in (3, 4):
        shape = tuple(getattr(images, "shape", ()))
        raise ValueError(
            f"images are {type(images).__name__} {shape}, but must be a tensor (3, H, W) or (N, 3, H, W)"
        )
    images = images.as_subclass(Tensor)
    images = images.float().div(255) if images.dtype == torch.uint8 else images.float()
    return images if images.ndim == 4 else images[None]


def predict_ids(model: nn.Module, image: Tensor) -> Tensor:
    """The class ids (H, W) that `model` gives one image (3, H, W)."""
    with evaluating(model) as device, torch.no_grad():
        return metrics.to_ids(model(as_batch(image).to(device)))[0].cpu()


def feature_maps(model: nn.Module, image: Tensor, layers: Sequence[str]) -> dict[str, Tensor]:
    """What each named layer gives for one image (3, H, W): {layer: (C, h, w)}, of its last call.

    Raises ValueError for a name that `model.named_modules()` lacks, and for output that is not (1, C, h, w).
    """
    modules = dict(model.named_modules())
    unknown = [name for name in layers if name not in modules]
    if unknown:
        names = ", ".join(name for name in modules if name and name.count(".") < 2)
        raise ValueError(f"the model has no layer {unknown[0]!r}; among its layers are {names}")
    maps = {}

    def keep(name: str, output) -> None:
        # the next layer may work in place
        maps[name] = output.clone() if isinstance(output, Tensor) else output

    handles = [
        modules[name].register_forward_hook(lambda _, __, output, name=name: keep(name, output))
        for name in layers
    ]
    try:
        with evaluating(model) as device, torch.no_grad():
            model(as_batch(image).to(device))
    finally:
        for handle in handles:
            handle.remove()
    for name in layers:
        output = maps.get(name)
        if not isinstance(output, Tensor) or output.ndim != 4:
            found = tuple(output.shape) if isinstance(output, Tensor) else type(output).__name__
            raise ValueError(
                f"layer {name!r} gave {found}, but must give (1, C, h, w): name a layer inside it"
            )
    return {name: maps[name][0].float().cpu() for name in layers}


def effective_receptive_field(
    model: nn.Module, size: tuple[int, int] = (128, 128), *, samples: int = 8, seed: int = 0
) -> np.ndarray:
    """How much each input pixel moves the logits of the centre (row H // 2, column W // 2): float64 (H, W).

    The mean over random images of |d logits / d input|, summed over the image's channels, as in Luo et al.,
    2016, https://arxiv.org/abs/1701.04128 (section 2.3); the logits are weighted at random so that classes
    cannot cancel. Exactly 0 where no path leads from a pixel to the centre. The sum is 1. Depends on `seed`
    alone. Raises ValueError if the model's output does not depend on its input.
    """
    random = torch.Generator().manual_seed(seed)
    field = torch.zeros(size, dtype=torch.float64)
    with evaluating(model) as device, torch.enable_grad():
        for _ in range(samples):
            images = torch.rand(1, 3, *size, generator=random).to(device).requires_grad_()
            logits = model(images)
            centre = logits[0, :, logits.shape[-2] // 2, logits.shape[-1] // 2]
            weights = torch.randn(len(centre), generator=random).to(device)
            if centre.requires_grad:  # else the graph is cut, and the field stays 0
                # unlike backward(), this leaves the parameters' .grad alone
                (gradient,) = torch.autograd.grad(centre @ weights, images, materialize_grads=True)
                field += gradient[0].abs().sum(dim=0).double().cpu()
    if not field.sum() > 0:  # also true for nan
        raise ValueError(
            f"no input pixel moves the centre's logits: their gradients sum to {field.sum():g}; "
            "look for a detached layer, and for weights that are all 0 or nan"
        )
    return (field / field.sum()).numpy()


def field_sides(field: np.ndarray) -> tuple[int, int]:
    """Two sides, in pixels, of squares around the centre of a receptive field (H, W).

    The first square holds every pixel that has any influence, the theoretical receptive field where the image
    is large enough; the second holds 95 % of all influence.
    """
    height, width = field.shape
    rows, columns = np.indices(field.shape)
    radius = np.maximum(np.abs(rows - height // 2), np.abs(columns - width // 2))
    within = np.cumsum(np.bincount(radius.ravel(), weights=field.ravel()))  # influence by radius
    reach = int(radius[field > 0].max())
    effective = int(np.searchsorted(within, 0.95 * within[-1]))
    return 2 * reach + 1, 2 * effective + 1
