"""The terms: the same data, loss, schedule and tuning effort for all; then as many steps, or as much processor time.

Three studies on the street. Tuning tries the same three learning rates for every network, in half as many steps and
with one seed that no other training has; its rows hold the score on val: the test split decides nothing. Equal steps
and equal time train every tuned network with the rate that came out best there.

Two on CamVid's photographs, of one and of five minutes of two cores, with the rates that the street's tuning chose;
the shorter on smaller ones. And three on photographs as small as the street's scenes, in as many steps, so that what they
show is another, not their size: tuning, by photographs of train that it does not learn from; equal steps with the rates
that it chose; and equal steps with the street's, for those of another rate there. (On photographs the loss weighs the
classes.)

Three by another optimizer, Muon, in the place of AdamW: tuning on the street, of three rates of its own, equal time
there, and CamVid's photographs for as long as AdamW's minute and five would take on the machine that makes the rows.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from torch.utils.data import Subset

from nbhelpers.training import evaluate
from studies import Protocol, Study, Way
from studies.photographs import HeldOut, Photographs
from studies.tuning import OnVal, tried
from studies.which.costs import Costs
from studies.which.networks import NETWORKS, Network

RATES = (1e-3, 3e-3, 1e-2)
MUON_RATES = (3e-3, 1e-2, 3e-2)
TUNING, STEPS, TIME = "tuning", "equal steps", "equal time"
MINUTE, MINUTES = "one minute", "five minutes"
EPOCHS = 16  # 592 steps of the street
# pixels: the photographs of a minute's training; of twice the sides it takes 90 steps, too few to tell
SMALL = (96, 128)
SHORT, LONG, TURNS = 2, 12, 2  # steps of the trainings that are timed, and how often both are


# {what a budget was fitted to: how much it pays}, in this process
FOUND: dict[tuple, int] = {}


class Timed:
    """What protocols have in common that lay down `seconds` of the processor."""

    timed = True
    seconds: float

    @property
    def budget(self) -> str:
        return f"{self.seconds:g} CPU s"


@dataclass(frozen=True, kw_only=True)
class EqualTime(Timed, Protocol):
    """As many whole epochs as come nearest to `seconds` of the processor, its looks at val included."""

    seconds: float = 30.0

    def fitted(self, way: Way, train: Any, valid: Any) -> "EqualTime":
        """Counts the epochs: a fresh network takes a few steps that warm up, and then one epoch that is timed."""
        network, one = way.build(), replace(self, epochs=1)
        few = Subset(train, range(min(len(train), 2 * self.batch_size)))
        way.train(network, one, few, few, 0)
        started = time.process_time()
        way.train(network, one, train, valid, 0)
        epoch = time.process_time() - started
        return replace(self, epochs=max(1, round(self.seconds / epoch)))

    def __str__(self) -> str:
        return f"{super().__str__()}, for {self.seconds:g} CPU seconds"


class Cost(NamedTuple):
    """CPU seconds of what a training begins with, of a step, and of a look at val."""

    begin: float
    step: float
    look: float


@dataclass(frozen=True, kw_only=True)
class TimedPhotographs(Timed, Photographs):
    """As many steps as come nearest to `seconds` of the processor, in `epochs` of equal length, the looks included.

    An epoch of all photographs can take longer than the budget, so that the number of draws is fitted, not of epochs.
    """

    seconds: float = 120.0
    epochs: int = 5

    def fitted(self, way: Way, train: Any, valid: Any) -> "TimedPhotographs":
        """Counts the draws, once for each network and process, so that its rows are equally long whatever else runs."""
        protocol, found = super().fitted(way, train, valid), (way.build, type(self), self.seconds, self.size)
        if found not in FOUND:
            FOUND[found] = protocol._draws(way, valid)
        return replace(protocol, draws=FOUND[found])

    def _draws(self, way: Way, valid: Any) -> int:
        return self._within(self.seconds, self._cost(way, valid))

    def _within(self, seconds: float, cost: Cost) -> int:
        """Draws of an epoch: as many batches as come nearest to its part of the seconds, and one at least."""
        return self.batch_size * max(1, round(((seconds - cost.begin) / self.epochs - cost.look) / cost.step))

    def _cost(self, way: Way, valid: Any) -> Cost:
        """A fresh network warms up; then short and long trainings and a look tell what takes how long."""
        network = way.build()

        def trained(steps: int) -> None:
            one = replace(self, epochs=1, draws=steps * self.batch_size)
            way.train(network, one, one.data("train"), valid, 0)

        trained(SHORT)
        turns = [
            (
                _seconds(trained, SHORT),
                _seconds(trained, LONG),
                _seconds(evaluate, network, valid, batch_size=self.batch_size, precision="fp32"),
            )
            for _ in range(TURNS)
        ]
        short, long, look = map(min, zip(*turns))  # what disturbs a training only makes it longer
        step = max(1e-3, (long - short) / (LONG - SHORT))
        begin = max(0.0, short - SHORT * step - look)  # `fit` tries all out before its first step
        return Cost(begin, step, look)

    def __str__(self) -> str:
        return f"{super().__str__()}; for {self.seconds:g} CPU seconds"


@dataclass(frozen=True, kw_only=True)
class AsLongAsAdamW(TimedPhotographs):
    """As long as AdamW would take, here and now, for the steps that its own rows of `seconds` have.

    A second of the processor does more on one machine than on another, and more on a quiet day than on a busy one. So
    rows of two days compare two optimizers only if both are timed on the machine that makes the later ones.

    adamw_steps: of the rows by AdamW, by the same network.
    """

    adamw_steps: int = 0

    @property
    def budget(self) -> str:
        return f"AdamW's {super().budget}"

    def _draws(self, way: Way, valid: Any) -> int:
        """Both are timed in turns, and the least of each counts."""
        others = {name: value for name, value in self.options.items() if name != "optimizer"}
        by_adamw = replace(self, options=others)
        turns = [(self._cost(way, valid), by_adamw._cost(way, valid)) for _ in range(TURNS)]
        own, other = (Cost(*map(min, zip(*costs))) for costs in zip(*turns))
        return self._within(other.begin + self.adamw_steps * other.step + self.epochs * other.look, own)

    def __str__(self) -> str:
        return f"{super().__str__()} of those in which AdamW took {self.adamw_steps:,} steps"


def _seconds(job: Callable[..., Any], *given: Any, **options: Any) -> float:
    """Of the processor."""
    started = time.process_time()
    job(*given, **options)
    return time.process_time() - started


@dataclass(frozen=True, kw_only=True)
class Data:
    """A data set with its terms.

    tuning: the protocol of the study that chooses the rates, on the data set `tuned_on`.
    finals: those of the studies that compare, by name; the first has the costs and the order of the table. seeds: of these.
    scored: on what, in words. rates: the learning rates that are tried. beside: the data whose rows by AdamW last as long.
    """

    name: str
    tuned_on: str
    tuning: Protocol
    finals: Mapping[str, Protocol]
    seeds: int
    scored: str
    rates: tuple[float, ...] = RATES
    beside: str | None = None


ON_STREET = OnVal(epochs=EPOCHS // 2)
ON_CAMVID = "all 101 photographs of val at their own 360 x 480, void ignored"
BY_MUON = {"optimizer": "muon"}
ON_STREET_BY_MUON = replace(ON_STREET, options=BY_MUON)
A_MINUTE = {"seconds": 120, "size": SMALL, "seen_at": SMALL}
AS_STREET = {"draws": Protocol.scenes, "size": Protocol.size, "seen_at": Protocol.size}  # of photographs
ON_SMALL = Photographs(epochs=EPOCHS, **AS_STREET)
DATA = {
    "street": Data(
        name="street",
        tuned_on="street",
        tuning=ON_STREET,
        finals={STEPS: Protocol(epochs=EPOCHS), TIME: EqualTime(seconds=30)},
        seeds=5,
        scored="200 scenes of test",
    ),
    "street_muon": Data(
        name="street_muon",
        tuned_on="street_muon",
        tuning=ON_STREET_BY_MUON,
        finals={TIME: EqualTime(seconds=30, options=BY_MUON)},
        seeds=3,
        scored="200 scenes of test",
        rates=MUON_RATES,
    ),
    "camvid": Data(
        name="camvid",
        tuned_on="street",
        tuning=ON_STREET,
        finals={
            MINUTE: TimedPhotographs(**A_MINUTE),
            MINUTES: TimedPhotographs(seconds=600),
        },
        seeds=3,
        scored=ON_CAMVID,
    ),
    "camvid_muon": Data(
        name="camvid_muon",
        tuned_on="street_muon",
        tuning=ON_STREET_BY_MUON,
        finals={
            MINUTE: AsLongAsAdamW(**A_MINUTE, options=BY_MUON),
            MINUTES: AsLongAsAdamW(seconds=600, options=BY_MUON),
        },
        seeds=3,
        scored=ON_CAMVID,
        rates=MUON_RATES,
        beside="camvid",
    ),
    "camvid_small": Data(
        name="camvid_small",
        tuned_on="camvid_small",
        tuning=HeldOut(epochs=EPOCHS // 2, **AS_STREET),
        finals={STEPS: ON_SMALL},
        seeds=3,
        scored=ON_CAMVID,
    ),
    "camvid_small_borrowed": Data(
        name="camvid_small_borrowed",
        tuned_on="street",
        tuning=ON_STREET,
        finals={STEPS: ON_SMALL},
        seeds=3,
        scored=ON_CAMVID,
    ),
}


def tuning(data: Data, networks: Mapping[str, Network] = NETWORKS) -> Study:
    """Every network with every rate."""
    ways = {
        tried(name, rate): Way(build=network.build, terms={"lr": rate})
        for name, network in networks.items()
        for rate in data.rates
    }
    return _study(data.tuned_on, TUNING, data.tuning, ways, seeds=1)


def chosen(
    tuning: Study, networks: Mapping[str, Network] = NETWORKS, rates: Sequence[float] = RATES
) -> dict[str, float]:
    """The rate with the highest score on val, for each network that has been tried with all of `rates`."""
    scores = {way: values[0] for way, values in tuning.scores().items()}
    return {
        name: max(rates, key=lambda rate, name=name: scores[tried(name, rate)])
        for name in networks
        if all(tried(name, rate) in scores for rate in rates)
    }


def final(data: Data, terms: str, networks: Mapping[str, Network] = NETWORKS) -> Study:
    """The tuned networks on `terms`, a key of `data.finals`; if they last as long as others, those that have such rows."""
    own = {name: {"lr": rate} for name, rate in chosen(tuning(data, networks), networks, data.rates).items()}
    if data.beside:
        steps = {row["way"]: row["steps"] for row in final(DATA[data.beside], terms, networks).rows}
        own = {name: own[name] | {"adamw_steps": steps[name]} for name in own if name in steps}
    ways = {name: Way(build=networks[name].build, terms=its) for name, its in own.items()}
    return _study(data.name, terms, data.finals[terms], ways, seeds=data.seeds)


def _study(data: str, terms: str, protocol: Protocol, ways: Mapping[str, Way], seeds: int) -> Study:
    return Study(
        lesson=f"24_{data}_{terms.replace(' ', '_')}",
        question="Which network?",
        ways=ways,
        claims=(),  # judged together, by the least difference that means anything
        protocol=protocol,
        measures={} if terms == TUNING else {"costs": Costs(protocol.size, protocol.batch_size)},
        seeds=seeds,
        command="python -m studies.which run" + ("" if data == "street" else f" --data {data}"),
    )
