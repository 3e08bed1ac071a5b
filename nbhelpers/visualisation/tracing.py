"""Which maps a network makes on its way, and which go into which: found by running it.

A map is made by a module, or by a function that `forward` calls between its modules: a pooling, a sum, a
concatenation. Both are stages here.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils.weak import WeakTensorKeyDictionary

from nbhelpers.checks import evaluating
from nbhelpers.visualisation.probe import as_batch

ADDED, CONCATENATED, MULTIPLIED = "added", "concatenated", "multiplied"
INDICES = "pooling indices"
OTHERWISE = "skip"  # two maps met in another way
MEETINGS = {  # what functions do with two maps, by their names without the underscores of other spellings
    **dict.fromkeys(("add", "radd", "iadd", "sub", "rsub", "isub", "sum"), ADDED),
    **dict.fromkeys(("cat", "concat", "concatenate", "stack", "copy", "setitem"), CONCATENATED),
    **dict.fromkeys(("mul", "rmul", "imul", "multiply"), MULTIPLIED),
}
# names of what comes out
JOINS = {ADDED: "sum", CONCATENATED: "concat", MULTIPLIED: "product", OTHERWISE: "join"}
WRITERS = ("copy_", "__setitem__")  # change their first argument
MOVERS = ("permute", "movedim", "moveaxis")  # the same map, with its channels elsewhere


@dataclass(frozen=True)
class Stage:
    """A map as it is made, by a module or a function, and which earlier stages (by position) went into it."""

    name: str  # of the module; for a function what came out: "sum", "concat", "pooled", "unpooled", ...
    shape: tuple[int, ...]
    sources: tuple[int, ...]
    mixes: bool  # has weights that mix channels or pixels, unlike pooling, dropout or a norm
    meetings: tuple[str, ...] = ()  # for each source: how it met the others, "added", ...; "" if it is alone
    is_module: bool = True
    is_answer: bool = False  # what the model returns


class _Recorder(TorchFunctionMode):
    """Notes stages as they are made, by modules (their hooks tell) and by functions between the modules.

    It knows for every tensor the stages that it comes from. Within a module these are the module's inputs: the first
    function that takes two of them tells how they meet.
    """

    def __init__(self) -> None:
        super().__init__()
        self.stages: list[Stage] = []
        self._inside = 0  # how many modules are running
        self._makers = WeakTensorKeyDictionary()  # tensor -> the stages that it comes from
        self._met: dict[int, str] = {}  # in the running module: source -> how it met the others

    def makers(self, value: object) -> frozenset[int]:
        return frozenset().union(*(self._makers.get(tensor, ()) for _, tensor in _tensors(value)))

    def note(self, tensor: Tensor, stage: Stage) -> None:
        self.stages.append(stage)
        self._makers[tensor] = frozenset({len(self.stages) - 1})

    def enter(self, *_) -> None:
        self._inside += 1
        self._met = {}

    def leave(self, name: str, mixes: bool, inputs: object, output: object) -> None:
        self._inside -= 1
        sources = tuple(sorted(self.makers(inputs))) or (len(self.stages) - 1,)
        meetings = (
            tuple(self._met.get(source, OTHERWISE) for source in sources) if len(sources) > 1 else ("",)
        )
        outputs, given = list(_tensors(output)), {id(tensor) for _, tensor in _tensors(inputs)}
        maps = [(suffix, tensor) for suffix, tensor in outputs if tensor.is_floating_point()] or outputs
        for _, tensor in outputs:
            self._makers[tensor] = frozenset(sources)  # a pooling's indices point into the map that it pooled
        for suffix, tensor in maps:
            if len(maps) == 1 or id(tensor) not in given:  # some encoders hand on the image itself
                self.note(tensor, Stage(name + suffix, tuple(tensor.shape), sources, mixes, meetings))
                # an encoder's c1, c2, ... follow one another
                sources, meetings = (len(self.stages) - 1,), ("",)

    def __torch_function__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        name = getattr(function, "__name__", "")
        if name.endswith("_like") or name.startswith("new_"):  # take a shape, and nothing of what is in it
            return result
        given = [tensor for _, tensor in _tensors([args, kwargs])]
        made = result
        if name in WRITERS:
            # the whole buffer, if a part is written
            made = args[0] if args[0]._base is None else args[0]._base
            given.append(made)
        origins = {origin for tensor in given if (origin := self._makers.get(tensor))}
        sources = tuple(sorted(frozenset().union(*origins)))
        meetings = ("",) * len(sources)
        if len(origins) > 1:
            meetings = tuple(self._meeting(name, source, given) for source in sources)
            for source, meeting in zip(sources, meetings, strict=True):
                self._met.setdefault(source, meeting)
        for _, tensor in _tensors(made) if sources else ():
            self._makers[tensor] = frozenset(sources)
            if not self._inside and name in MOVERS and len(sources) == 1:
                self._put_channels_first(sources[0], tuple(tensor.shape))
            elif not self._inside and tensor.is_floating_point():
                before = None if len(origins) > 1 else self.stages[sources[0]]
                if what := _what_is_made(name, tensor, before, meetings):
                    self.note(
                        tensor, Stage(what, tuple(tensor.shape), sources, False, meetings, is_module=False)
                    )
        return result

    def _put_channels_first(self, source: int, moved: tuple[int, ...]) -> None:
        """A map that a module made as (N, h, w, C) is told as (N, C, h, w)."""
        shape = self.stages[source].shape
        if len(shape) == 4 and moved == (shape[0], shape[3], shape[1], shape[2]):
            self.stages[source] = replace(self.stages[source], shape=moved)

    def _meeting(self, name: str, source: int, given: list[Tensor]) -> str:
        theirs = [tensor for tensor in given if source in self._makers.get(tensor, ())]
        if not any(tensor.is_floating_point() for tensor in theirs):
            return INDICES
        if any(tensor.dtype == torch.int64 for tensor in given):
            return ""  # what goes to the places that the indices of another name
        return MEETINGS.get(name.strip("_"), OTHERWISE)


def _what_is_made(function: str, tensor: Tensor, before: Stage | None, meetings: tuple[str, ...]) -> str:
    """A name for what a function makes of one stage, `before`, or of several (None); "" for the same map."""
    if before is None:
        return "unpooled" if INDICES in meetings else JOINS[next(filter(None, meetings), OTHERWISE)]
    if tensor.ndim != 4 or (len(before.shape) == 4 and tensor.shape[-2:] == before.shape[-2:]):
        return ""
    if len(before.shape) != 4:
        return before.name if before.name == "unpooled" else "reshaped"
    is_larger = tensor.shape[-2:].numel() > torch.Size(before.shape[-2:]).numel()
    if function == "pad":  # by negative numbers it cuts
        return "padded" if is_larger else "cut"
    if function == "__getitem__":
        return "cut"
    return "enlarged" if is_larger else "pooled"


def trace(model: nn.Module, images: Tensor, depth: int = 1) -> list[Stage]:
    """Run `images` (N, 3, H, W) through `model` and note the maps that it makes, in their order.

    Stage 0 is the images. Then come the modules `depth` levels down as they are called, where `nn.ModuleList` and
    `nn.ModuleDict`, which are never called, do not count as a level. A module that is called several times, as one
    pooling often is, makes a stage at each call; one that returns several tensors makes a stage for each. Functions
    between the modules make a stage where they join maps or change a map's height and width. A stage whose tensors
    come from nowhere known is taken to follow the stage before it.
    """
    images = as_batch(images)
    recorder = _Recorder()

    def leave(name: str, module: nn.Module):
        mixes = any(parameter.ndim > 1 for parameter in module.parameters())

        def hook(_, args: tuple, kwargs: dict, output) -> None:
            recorder.leave(name, mixes, [args, kwargs], output)

        return hook

    handles = []
    try:
        with evaluating(model) as device, torch.no_grad():
            images = images.to(device)
            recorder.note(images, Stage("images", tuple(images.shape), (), False))
            for name, module in _modules_at(model, depth):
                handles.append(module.register_forward_pre_hook(recorder.enter))
                handles.append(module.register_forward_hook(leave(name, module), with_kwargs=True))
            with recorder:
                answer = model(images)
    finally:
        for handle in handles:
            handle.remove()
    answers = recorder.makers(answer)
    return [replace(stage, is_answer=index in answers) for index, stage in enumerate(recorder.stages)]


def trace_modules(model: nn.Module, images: Tensor) -> list[Stage]:
    """As `trace`, but the modules alone: the sources of a stage lead through the functions between them."""
    modules: list[Stage] = []
    standing: list[set[int]] = []  # for each stage of `trace`: the modules that its map comes from
    for stage in trace(model, images):
        sources = set().union(*(standing[source] for source in stage.sources))
        standing.append({len(modules)} if stage.is_module else sources)
        if stage.is_module:
            modules.append(replace(stage, sources=tuple(sorted(sources)), meetings=()))
    return modules


def trace_shapes(model: nn.Module, images: Tensor, *, depth: int = 1) -> list[tuple[str, tuple[int, ...]]]:
    """The name and output shape of each module of `model`, for `images` (N, 3, H, W); see `trace`."""
    return [(stage.name, stage.shape) for stage in trace(model, images, depth) if stage.is_module]


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


def _tensors(value: object, suffix: str = "") -> Iterator[tuple[str, Tensor]]:
    """All tensors inside lists and dicts, each with its place: `[0]`, `.c1`."""
    if isinstance(value, Tensor):
        yield suffix, value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _tensors(item, f"{suffix}.{key}")
    elif isinstance(value, (list, tuple)):
        for index, item in enumerate(value):
            yield from _tensors(item, f"{suffix}[{index}]")
