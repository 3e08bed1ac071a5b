"""What of a traced network is worth drawing: its maps, how each takes in the others, and names that a person reads."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from nbhelpers.visualisation.tracing import ADDED, CONCATENATED, MULTIPLIED, Stage

STEP, LATERAL = "to the next layer", "lateral"
SIGNS = {ADDED: "+", CONCATENATED: "c", MULTIPLIED: "×"}
CONTAINERS = ("encoder", "decoder", "backbone", "model", "module")  # say nothing that the next word does not


@dataclass(frozen=True)
class Block:
    """A map as drawn."""

    label: str
    shape: tuple[int, ...]
    has_weights: bool
    sign: str  # of a join, "+", "c" or "×"; else ""
    arrows: Mapping[int, str]  # from which earlier blocks, and how each is taken in

    @property
    def size(self) -> tuple[int, ...]:
        return self.shape[-2:]


def blocks_of(stages: Sequence[Stage], names: Mapping[str, str]) -> list[Block]:
    """The maps (N, C, h, w) of `stages`: the images, what layers with weights make, joins, and every other map whose
    size none of these has that reads it. Layers without weights that change nothing about the size are left out.

    `names` are as in `show_staircase`.
    """
    drawn = _drawn(stages)
    position: dict[int, int] = {index: place for place, index in enumerate(drawn)}
    # for each stage: the blocks that its map comes from, and how they met
    standing: list[dict[int, str]] = []
    arrows: list[dict[int, str]] = []
    for index, stage in enumerate(stages):
        before: dict[int, str] = {}
        for source, meeting in zip(stage.sources, stage.meetings, strict=True):
            for block, earlier in standing[source].items():
                before[block] = before.get(block) or earlier or meeting
        if index in position:
            arrows.append(before)
            standing.append({position[index]: ""})
        else:
            standing.append(before)
    labels = _labels([stages[index] for index in drawn], names)
    sizes = [stages[index].shape[-2:] for index in drawn]
    main_path = _main_path(arrows)
    blocks = []
    for end, (index, label) in enumerate(zip(drawn, labels, strict=True)):
        ways = {
            start: STEP if (start, end) in main_path else meeting or _side_way(start, end, sizes, main_path)
            for start, meeting in sorted(arrows[end].items())
        }
        stage = stages[index]
        blocks.append(Block(label, stage.shape, stage.mixes or index == 0, _sign(stage), ways))
    return _in_line(blocks, main_path)


def _in_line(blocks: list[Block], main_path: set[tuple[int, int]]) -> list[Block]:
    """The blocks so ordered that the main path goes straight into a join, past whatever else goes into it alone."""
    order = list(range(len(blocks)))
    for start, end in sorted(main_path):
        between = range(start + 1, end)
        alone = all(
            block not in other.arrows for block in between for other in blocks[:end] + blocks[end + 1 :]
        )
        if alone and blocks[start].size == blocks[end].size:
            order.remove(start)
            order.insert(order.index(end), start)
    place = {block: index for index, block in enumerate(order)}
    return [
        replace(blocks[block], arrows={place[start]: kind for start, kind in blocks[block].arrows.items()})
        for block in order
    ]


def _drawn(stages: Sequence[Stage]) -> list[int]:
    """The positions of the stages that are drawn, found from the last to the first."""
    readers: list[set[int]] = [set() for _ in stages]  # the next stages that stand for a map of their own
    drawn = []
    for index in reversed(range(len(stages))):
        stage, read_by = stages[index], readers[index]
        is_map = len(stage.shape) == 4
        is_new = len(stage.sources) != 1 or stages[stage.sources[0]].shape[-2:] != stage.shape[-2:]
        if is_drawn := index == 0 or (
            is_map and (stage.mixes or (is_new and _is_needed(stages, index, read_by)))
        ):
            drawn.append(index)
        for source in stage.sources:
            readers[source] |= {index} if is_drawn or (is_map and is_new) else read_by
    return drawn[::-1]


def _is_needed(stages: Sequence[Stage], index: int, read_by: set[int]) -> bool:
    """Whether a map without weights must be drawn, and is not told by the one that reads it."""
    stage = stages[index]
    if not read_by or stage.is_answer:
        return stage.is_answer
    reader = stages[next(iter(read_by))]
    told = len(read_by) == 1 and reader.shape[-2:] == stage.shape[-2:]
    if sign := _sign(stage):
        return not (told and _sign(reader) == sign)  # a sum of several is one sum
    return not told


def _sign(stage: Stage) -> str:
    if stage.mixes or len(stage.sources) < 2:
        return ""
    return next((SIGNS[meeting] for meeting in stage.meetings if meeting in SIGNS), "")


def _main_path(arrows: Sequence[Mapping[int, str]]) -> set[tuple[int, int]]:
    """The arrows (from, to) of the longest way from the first block to the last."""
    steps: list[int] = []
    for sources in arrows:
        steps.append(1 + max((steps[source] for source in sources), default=0))
    path, end = set(), len(arrows) - 1
    while arrows[end]:
        start = max(arrows[end], key=lambda source: (steps[source], source))
        path.add((start, end))
        end = start
    return path


def _side_way(start: int, end: int, sizes: Sequence[tuple[int, ...]], main_path: set[tuple[int, int]]) -> str:
    """A lateral leads across to its own size, past smaller maps on the main path; else it is a step like others."""
    past = {sizes[block] for block, _ in main_path if start < block < end}
    return LATERAL if sizes[start] == sizes[end] and past - {sizes[start]} else STEP


def _labels(stages: Sequence[Stage], names: Mapping[str, str]) -> list[str]:
    """A label for each stage; those that would have the same (of a list of modules, say) are numbered from 1."""
    paths = [re.sub(r"\[(\d+)\]", r".\1", stage.name) for stage in stages]
    labels = [_label(path, names, CONTAINERS) for path in paths]
    lists: dict[str, set[str]] = {}  # label -> the lists of modules that have it
    for label, path in zip(labels, paths, strict=True):
        lists.setdefault(label, set()).add(re.sub(r"\.\d+$", "", path))
    total, counted, texts = Counter(), Counter(), []
    for index, (label, path) in enumerate(zip(labels, paths, strict=True)):
        if len(lists[label]) > 1 and not any(_within(path, name) for name in names):
            labels[index] = _label(path, names, ())
        total[labels[index]] += 1
    for label, path in zip(labels, paths, strict=True):
        counted[label] += 1
        text = f"{label} {counted[label]}" if total[label] > 1 else label
        texts.append(names.get(path) or names.get(text, text))
    if stages[-1].is_answer and not stages[-1].is_module:
        texts[-1] = "logits"
    return texts


def _within(path: str, module: str) -> bool:
    return path == module or path.startswith(f"{module}.")


def _label(path: str, names: Mapping[str, str], containers: Sequence[str]) -> str:
    """`encoder.c2` -> c2, `transitions_up.3` -> transition up, `ups.0.conv` -> up 1 conv; what is named, as named."""
    named = max((name for name in names if _within(path, name) and name != path), key=len, default="")
    parts = path[len(named) :].strip(".").split(".")
    while not named and len(parts) > 1 and parts[0] in containers and not parts[1].isdigit():
        parts = parts[1:]
    words = [names[named]] if named else []
    for part, following in zip(parts, [*parts[1:], ""], strict=True):
        if part.isdigit() and following:
            words.append(str(int(part) + 1))
        elif part and (not part.isdigit() or not words):
            first, *others = part.split("_")
            if following.isdigit():  # a list of many
                first = re.sub(r"(?<=ch|sh|ss)es$|(?<=x)es$|(?<![s\d])s$", "", first)
            words += [first, *others]
    return " ".join(words)
