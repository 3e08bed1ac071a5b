"""Look inside a network: its prediction, the shapes it passes through, its feature maps, its receptive field.

Every probe runs the model in eval mode, where batch norm does not mix images, and leaves modes and gradients
as they were.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from nbhelpers import metrics
from nbhelpers.checks import evaluating

JOIN = "+"  # the name of what joins tensors between the stages


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


@dataclass(frozen=True)
class Stage:
    """One call of a module: what came out of it, and which earlier stages (by position) went into it."""

    name: str
    shape: tuple[int, ...]
    sources: tuple[int, ...]
    mixes: bool  # has weights that mix channels or pixels, unlike pooling, dropout or a norm


class _Recorder(TorchFunctionMode):
    """Notes stages as they are made, and, outside of them, the operations that join what several have made."""

    def __init__(self) -> None:
        super().__init__()
        self.stages: list[Stage] = []
        self.inside = 0  # how many stages are running
        self._makers: dict[int, tuple[int, ...]] = {}  # id of a tensor -> the stage that it comes from
        self._alive: list[Tensor] = []  # a freed tensor's id could be taken by a new one

    def knows(self, tensor: Tensor) -> bool:
        return id(tensor) in self._makers

    def makers(self, value) -> tuple[int, ...]:
        return tuple(sorted({i for _, tensor in _tensors(value) for i in self._makers.get(id(tensor), ())}))

    def note(self, tensor: Tensor, stage: Stage) -> None:
        self.stages.append(stage)
        self._keep(tensor, (len(self.stages) - 1,))

    def _keep(self, tensor: Tensor, makers: tuple[int, ...]) -> None:
        self._makers[id(tensor)] = makers
        self._alive.append(tensor)

    def __torch_function__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        if not self.inside:
            # zeros_like takes a shape, and nothing of what is in it
            makers = () if function.__name__.endswith("_like") else self.makers([args, kwargs])
            for _, tensor in _tensors(result):
                if len(makers) > 1:
                    self.note(tensor, Stage(JOIN, tuple(tensor.shape), makers, False))
                else:
                    self._keep(tensor, makers)
        return result


def trace(model: nn.Module, images: Tensor, depth: int = 1) -> list[Stage]:
    """Run `images` (N, 3, H, W) through `model` and note the modules `depth` levels down as they are called.

    Stage 0 is the images. `nn.ModuleList` and `nn.ModuleDict`, which are never called, do not count as a
    level. A module that is called several times, as one pooling often is, makes a stage at each call; one
    that returns several tensors makes a stage for each. Operations between the modules make none: what they resize
    keeps its source, what they join has all; but a sum that several stages read, as a pyramid's, counts as a part of
    the last stage in it. A stage whose tensors come from nowhere known is taken to follow the stage before it.
    """
    images = as_batch(images)
    recorder = _Recorder()

    def enter(*_) -> None:
        recorder.inside += 1

    def leave(name: str, module: nn.Module):
        mixes = any(parameter.ndim > 1 for parameter in module.parameters())

        def record(_, args: tuple, kwargs: dict, output) -> None:
            recorder.inside -= 1
            sources = recorder.makers([args, kwargs]) or (len(recorder.stages) - 1,)
            outputs = list(_tensors(output))
            for suffix, tensor in outputs:
                if len(outputs) == 1 or not recorder.knows(tensor):  # some encoders hand on the image itself
                    recorder.note(tensor, Stage(name + suffix, tuple(tensor.shape), sources, mixes))
                    sources = (len(recorder.stages) - 1,)  # an encoder's c1, c2, ... follow one another

        return record

    handles = []
    try:
        with evaluating(model) as device, torch.no_grad():
            images = images.to(device)
            recorder.note(images, Stage("images", tuple(images.shape), (), False))
            for name, module in _modules_at(model, depth):
                handles.append(module.register_forward_pre_hook(enter))
                handles.append(module.register_forward_hook(leave(name, module), with_kwargs=True))
            with recorder:
                model(images)
    finally:
        for handle in handles:
            handle.remove()
    return _without_joins(recorder.stages)


def _without_joins(stages: Sequence[Stage]) -> list[Stage]:
    """The stages that are no joins; their sources lead through the joins."""
    readers = Counter(source for stage in stages for source in stage.sources)
    kept: list[Stage] = []
    standing: list[set[int]] = []  # for each of `stages`: the kept ones that stand for it
    for index, stage in enumerate(stages):
        sources = set().union(*(standing[source] for source in stage.sources))
        last = max(sources, default=0)
        if stage.name != JOIN:
            standing.append({len(kept)})
            kept.append(replace(stage, sources=tuple(sorted(sources))))
        elif readers[index] > 1 and kept[last].shape[-2:] == stage.shape[-2:]:
            joined = sources.union(kept[last].sources) - {last}
            kept[last] = replace(kept[last], sources=tuple(sorted(joined)))
            standing.append({last})
        else:
            standing.append(sources)
    return kept


def _modules_at(module: nn.Module, depth: int, prefix: str = "") -> Iterator[tuple[str, nn.Module]]:
    children = list(module.named_children())
    if not children and not prefix:  # the model is a single layer
        yield type(module).__name__, module
    for name, child in children:
        is_list = isinstance(child, (nn.ModuleList, nn.ModuleDict))
        if is_list or (depth > 1 and any(True for _ in child.children())):
            yield from _modules_at(child, depth if is_list else depth - 1, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", child


def _tensors(value, suffix: str = "") -> Iterator[tuple[str, Tensor]]:
    """All tensors inside lists and dicts, each with its place: `[0]`, `.c1`."""
    if isinstance(value, Tensor):
        yield suffix, value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _tensors(item, f"{suffix}.{key}")
    elif isinstance(value, (list, tuple)):
        for index, item in enumerate(value):
            yield from _tensors(item, f"{suffix}[{index}]")


def trace_shapes(model: nn.Module, images: Tensor, *, depth: int = 1) -> list[tuple[str, tuple[int, ...]]]:
    """The name and output shape of each stage of `model`, for `images` (N, 3, H, W); see `trace`."""
    return [(stage.name, stage.shape) for stage in trace(model, images, depth)]


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
        maps[name] = (
            output.clone() if isinstance(output, Tensor) else output
        )  # the next layer may work in place

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


def field_sides(field: np.ndarray, mass: float = 0.95) -> tuple[int, int]:
    """Two sides, in pixels, of squares around the centre of a receptive field (H, W).

    The first square holds every pixel that has any influence, the theoretical receptive field where the image
    is large enough; the second holds the share `mass` of all influence.
    """
    height, width = field.shape
    rows, columns = np.indices(field.shape)
    radius = np.maximum(np.abs(rows - height // 2), np.abs(columns - width // 2))
    within = np.cumsum(np.bincount(radius.ravel(), weights=field.ravel()))  # influence by radius
    reach = int(radius[field > 0].max())
    effective = int(np.searchsorted(within, mass * within[-1]))
    return 2 * reach + 1, 2 * effective + 1
