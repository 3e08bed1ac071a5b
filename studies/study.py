"""A study: ways, seeds, rows; and what a page needs of them."""

import importlib
import json
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from zlib import crc32

import numpy as np
import torch
from safetensors.torch import load_file
from torch import nn
from torch.utils.data import Subset

from studies.packing import unpack
from studies.protocol import MEAN_IOU, Claim, Protocol, Way
from studies.verdicts import Verdict, judge

HERE = Path(__file__).resolve().parent
RESULTS, CHECKPOINTS = HERE / "results", HERE / "checkpoints"
PLATEAU = 0.01  # the most that the last fifth of a curve may gain


@dataclass(frozen=True, kw_only=True)
class Study:
    """A lesson's question, the ways that are compared, on which terms, and the claims that are judged.

    measures: by name, what is taken of each trained network beside its mean IoU: (network, test set) -> a number, or
        numbers by name.
    seeds: how many trainings a way shall have.
    command: what makes its rows; none where it is `python -m studies run`.
    """

    lesson: str
    question: str
    ways: Mapping[str, Way]
    claims: Sequence[Claim]
    protocol: Protocol = field(default_factory=Protocol)
    measures: Mapping[str, Callable] = field(default_factory=dict)
    seeds: int = 5
    command: str | None = None

    def __post_init__(self) -> None:
        unknown = {name for claim in self.claims for name in (claim.first, claim.second)} - set(self.ways)
        if unknown:
            raise ValueError(
                f"study {self.lesson} claims something of {sorted(unknown)}, but has {list(self.ways)}"
            )

    @property
    def path(self) -> Path:
        return RESULTS / f"{self.lesson}.json"

    @cached_property
    def rows(self) -> list[dict]:
        """The stored rows, by way and seed. Read once: load the study again after new runs."""
        stored = json.loads(self.path.read_text("utf-8")) if self.path.exists() else []
        return sorted(
            (row for row in stored if row["way"] in self.ways),
            key=lambda row: (list(self.ways).index(row["way"]), row["seed"]),
        )

    def fresh(self) -> "Study":
        """The same study, which reads its rows again."""
        self.__dict__.pop("rows", None)
        self.__dict__.pop("verdicts", None)
        return self

    def missing(self, seeds: int | None = None) -> list[tuple[int, str]]:
        """(seed, way) of the rows that are not there yet: all ways of one seed before the next seed."""
        there = {(row["seed"], row["way"]) for row in self.rows}
        wanted = [
            (seed, name) for seed in range(self.seeds if seeds is None else seeds) for name in self.ways
        ]
        return [run for run in wanted if run not in there]

    def values(self, way: str, measure: str = MEAN_IOU) -> list[float]:
        """One number for each seed of `way`."""
        return [row["measures"][measure] for row in self.rows if row["way"] == way]

    def scores(self, measure: str = MEAN_IOU) -> dict[str, list[float]]:
        """`values` of every way that has rows."""
        return {way: values for way in self.ways if (values := self.values(way, measure))}

    def curves(self) -> dict[str, list[dict[int, float]]]:
        """Mean IoU on val by training step, for each seed of each way."""
        return {
            way: [{step: score for step, score in row["curve"]} for row in self.rows if row["way"] == way]
            for way in self.ways
        }

    @cached_property
    def verdicts(self) -> list[Verdict]:
        """The claims that have two seeds a way, judged together: Holm's correction is over all of them."""
        return judge(self)

    def verdict(self, first: str, second: str, measure: str = MEAN_IOU) -> Verdict:
        """The verdict on one claim, told by its names. Raises ValueError for a claim that was not planned."""
        for verdict in self.verdicts:
            claim = verdict.claim
            if (claim.first, claim.second, claim.measure) == (first, second, measure):
                return verdict
            if claim.paired and (claim.measure, claim.against) == (first, second):
                return verdict
        planned = [(*verdict.claim.names, verdict.claim.measure) for verdict in self.verdicts]
        raise ValueError(
            f"study {self.lesson} has no verdict on {first!r} and {second!r} by {measure!r}; it has {planned}. A claim is "
            "planned in the study's file, so that the correction counts it, and judged from two seeds on"
        )

    @property
    def says(self) -> "Page":
        """All verdicts, as a list for the page."""
        if not self.verdicts:
            return Page("*The study has no two seeds of any way yet, so it says nothing.*")
        return Page("\n".join(f"- {verdict}" for verdict in self.verdicts))

    @property
    def table(self) -> "Page":
        """A row for each way: seeds, parameters, CPU seconds of a training, mean IoU with its standard deviation."""
        score = f"{MEAN_IOU} on {self.protocol.scored}"
        lines = [f"| way | seeds | parameters | CPU seconds | {score} |", "|---|---:|---:|---:|---:|"]
        for way, scores in self.scores().items():
            rows = [row for row in self.rows if row["way"] == way]
            seconds = np.median([row["cpu_seconds"] for row in rows])
            spread = f" ± {np.std(scores, ddof=1):.3f}" if len(scores) > 1 else ""
            lines.append(
                f"| {way} | {len(rows)} | {rows[0]['parameters']:,} | {seconds:.0f} | {np.mean(scores):.3f}{spread} |"
            )
        gain = np.mean([last_fifth(row["curve"]) for row in self.rows])
        terms: dict[str, list[str]] = {}
        for way in self.scores():
            terms.setdefault(str(self.ways[way].protocol(self.protocol)), []).append(f"**{way}**")
        each = ". ".join(
            f"{' and '.join(ways) if len(terms) > 1 else 'Each'}: {text}" for text, ways in terms.items()
        )
        caption = (
            f"{each}; ± is the standard deviation over seeds. The last fifth of a training gained {gain:.3f} "
            f"of mean IoU on {self.protocol.watched}, on average."
        )
        return Page("\n".join([*lines, "", caption]))

    @property
    def settled(self) -> float:
        """The share of rows that reached a plateau: the last fifth of the curve gains less than 0.01."""
        return float(np.mean([last_fifth(row["curve"]) < PLATEAU for row in self.rows]))

    def seed_of(self, way: str, seed: int) -> int:
        """What torch and `fit` are seeded with: independent for every way and seed."""
        return int(
            np.random.SeedSequence([crc32(f"{self.lesson} {way}".encode()), seed]).generate_state(1)[0]
        )

    def network(self, way: str) -> nn.Module:
        """The stored network of `way`, trained with the first seed, on the CPU and in eval mode."""
        path = self.checkpoint(way)
        if not path.exists():
            raise FileNotFoundError(
                f"{path.name} is not stored; make it: python -m studies run {self.lesson}"
            )
        network = self.ways[way].build()
        network.load_state_dict(unpack(load_file(path)))
        return network.eval()

    def checkpoint(self, way: str) -> Path:
        """Where the network of `way` is stored; ASCII alone, since archives and file systems spell accents in two ways."""
        plain = unicodedata.normalize("NFKD", f"{self.lesson} {way}").encode("ascii", "ignore").decode()
        return CHECKPOINTS / f"{plain}.safetensors".replace(" ", "_").replace("/", "-").replace(",", "")

    def echo(self, *ways: str, scenes: int = 80, epochs: int = 1) -> dict[str, float]:
        """Train each of `ways` (all by default) for a moment, with one seed: mean IoU on 40 scenes of val, by name.

        An echo of the study that shows how a row is made. It decides nothing.
        """
        scores = {}
        for name in ways or self.ways:
            way = self.ways[name]
            protocol = replace(way.protocol(self.protocol), scenes=scenes, epochs=epochs)
            torch.manual_seed(self.seed_of(name, 0))
            network, few = way.build(), Subset(protocol.data("val"), range(40))
            history = way.train(network, protocol, protocol.data("train"), few, self.seed_of(name, 0))
            scores[name] = round(history.rows[-1]["mean_iou"], 3)
        return scores


class Page(str):
    """Markdown that a notebook shows as such."""

    def _repr_markdown_(self) -> str:
        return str(self)


def last_fifth(curve: Sequence[tuple[int, float]]) -> float:
    """What the last fifth of the steps gained: the end of the curve less its value at four fifths, between points."""
    steps, scores = zip(*curve)
    return scores[-1] - float(np.interp(0.8 * steps[-1], steps, scores))


def load(lesson: str) -> Study:
    """The study of a lesson ("06"), with the rows stored so far."""
    try:
        module = importlib.import_module(f"studies.lesson{lesson}")
    except ModuleNotFoundError as error:
        if error.name != f"studies.lesson{lesson}":
            raise
        there = sorted(file.stem.removeprefix("lesson") for file in HERE.glob("lesson*.py"))
        raise ValueError(f"no study of lesson {lesson!r}; there are {', '.join(there)}") from None
    return module.STUDY.fresh()
