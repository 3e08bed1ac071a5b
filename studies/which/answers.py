"""What follows from the rows: the table, the least difference that means anything, and a list to decide by.

Every sentence is made from the rows and stays true when others join them. A network is judged once it has two seeds.
"""

from collections.abc import Mapping
from functools import cached_property
from statistics import mean, median

from studies.statistics import Spread, spread
from studies.study import Page, Study
from studies.which import times
from studies.which.costs import MACS, MEMORY
from studies.which.networks import NETWORKS, Network
from studies.which.orders import Ranked, enumerated
from studies.which.terms import DATA, chosen, final, tried, tuning

NOTHING = "*No network has two seeds yet: make rows by `{command}`.*"
PARAMETERS, SECONDS, MILLISECONDS = "parameters", "CPU s", "CPU ms"
WANTED = {  # the least of what: how the sentence begins
    PARAMETERS: "Fewest parameters",
    MACS: "Fewest operations",
    MILLISECONDS: "Fastest answer",
    MEMORY: "Least memory in training",
    SECONDS: "Shortest training",
}


class Answer:
    """Which network, on one data set ("street" or "camvid"). `networks` are all, unless a few are given.

    Raises ValueError for a data set that has no rows planned.
    """

    def __init__(self, data: str = "street", networks: Mapping[str, Network] = NETWORKS) -> None:
        if data not in DATA:
            raise ValueError(f"no rows are planned on {data!r}; there are {', '.join(DATA)}")
        self.data, self.networks = DATA[data], networks
        self.tuning = tuning(self.data, networks)
        self.studies: dict[str, Study] = {
            terms: final(self.data, terms, networks) for terms in self.data.finals
        }
        self.first = next(iter(self.studies))  # the terms that give the costs and the order

    def scores(self, terms: str) -> dict[str, list[float]]:
        """Mean IoU on what scores, a number for each seed, the best mean first; of networks with two seeds at least."""
        several = {name: each for name, each in self.studies[terms].scores().items() if len(each) > 1}
        return dict(sorted(several.items(), key=lambda item: -mean(item[1])))

    @property
    def _nothing(self) -> Page:
        return Page(NOTHING.format(command=self.studies[self.first].command))

    @cached_property
    def spreads(self) -> dict[str, Spread]:
        """How far seeds scatter, for each of the terms in `ranking`."""
        return {terms: spread(list(scores.values())) for terms, scores in self.ranking.items()}

    @property
    def ranking(self) -> dict[str, dict[str, list[float]]]:
        """`scores` on all terms, where there are some."""
        return {terms: scores for terms in self.studies if (scores := self.scores(terms))}

    @property
    def differences(self) -> dict[str, float]:
        """The least difference that means anything, for each of the terms in `ranking`."""
        return {terms: self.spreads[terms].least_difference for terms in self.spreads}

    @cached_property
    def chosen(self) -> dict[str, float]:
        """The learning rate that tuning chose, of the networks that have been tried with all of them."""
        return chosen(self.tuning, self.networks, self.data.rates)

    @cached_property
    def tried(self) -> dict[str, dict[str, float]]:
        """The score in tuning of each learning rate, of the networks in `chosen`."""
        scores = self.tuning.scores()
        return {
            name: {f"{rate:g}": scores[tried(name, rate)][0] for rate in self.data.rates}
            for name in self.chosen
        }

    def borrowed(self, other: "Answer") -> Page:
        """What it costs in this tuning to take each network's rate from the other's, in a sentence."""
        both = [name for name in self.chosen if name in other.chosen]
        if not both:
            return self._nothing
        lost = {
            name: max(self.tried[name].values()) - self.tried[name][f"{other.chosen[name]:g}"]
            for name in both
            if self.chosen[name] != other.chosen[name]
        }
        if not lost:
            return Page(f"Both tunings chose the same rate for all {len(both)} networks.")
        worst = max(lost, key=lost.get)
        return Page(
            f"For {len(lost)} of {len(both)} networks the two tunings chose different rates. The other's rate scores "
            f"{mean(lost.values()):.3f} lower in this one, on average over these, and {lost[worst]:.3f} with **{worst}**. In "
            f"the median a network's best rate is {self._lead:.3f} ahead of its second here."
        )

    @property
    def _lead(self) -> float:
        """By how much the best rate is ahead of the second in the median of networks."""
        best, second = zip(*(sorted(scores.values(), reverse=True)[:2] for scores in self.tried.values()))
        return median(high - low for high, low in zip(best, second))

    def costs(self, *what: str) -> dict[str, dict[str, float]]:
        """{cost: {network: number}} for keys of `WANTED`, the best network on the first terms first."""
        return {each: {name: self.cost(name, each) for name in self.scores(self.first)} for each in what}

    def alike(self, terms: str) -> list[str]:
        """The best network, and those that the least difference does not tell from it."""
        scores = self.scores(terms)
        if len(scores) < 2:
            return list(scores)
        best, least = mean(next(iter(scores.values()))), self.spreads[terms].least_difference
        return [name for name, each in scores.items() if best - mean(each) < least or mean(each) == best]

    def cost(self, name: str, what: str) -> float:
        """Of a network on the first terms: a key of `WANTED`, the median over seeds.

        Raises ValueError where the time of its answer is not stored.
        """
        if what == MILLISECONDS:
            if name not in self._times:
                raise ValueError(f"the time of {name}'s answer is not stored; make it by {times.COMMAND}")
            return self._times[name]
        rows = [row for row in self.studies[self.first].rows if row["way"] == name]
        if what == SECONDS:
            return median(row["cpu_seconds"] for row in rows)
        return median(row[PARAMETERS] if what == PARAMETERS else row["measures"][what] for row in rows)

    @cached_property
    def _times(self) -> dict[str, float]:
        return times.stored(self.data.finals[self.first].size)

    def per_class(self, terms: str) -> dict[str, dict[str, float]]:
        """IoU of each class, the mean over seeds: {network: {class: fraction}}, the best network first."""
        found = {}
        for name in self.scores(terms):
            rows = [row["iou"] for row in self.studies[terms].rows if row["way"] == name]
            found[name] = {label: mean(row[label] for row in rows) for label in rows[0]}
        return found

    @property
    def least(self) -> Page:
        """The least difference that means anything, on all terms, in a sentence each."""
        sentences = []
        for terms, scores in self.ranking.items():
            if len(scores) > 1:
                found = self.spreads[terms]
                sentences.append(
                    f"- At {terms} ({found.groups} networks, {found.seeds} seeds each or more), two means that lie less than "
                    f"**{found.least_difference:.3f}** apart mean nothing, whichever two of all you look at; a single "
                    f"network's mean is known to ± {found.half_interval:.3f}."
                )
        return Page("\n".join(sentences) or self._nothing)

    @property
    def table(self) -> Page:
        """A line for each network, the best on the first terms first; bold is what nothing tells from the best."""
        if not self.scores(self.first):
            return self._nothing
        alike = {terms: self.alike(terms) for terms in self.ranking}
        head = ["network", "by", "parameters", "million MACs", "CPU ms", "MB in training"]
        for protocol in map(self.data.finals.get, alike):
            head += [f"mean IoU, {protocol.budget}", "in steps" if protocol.timed else "in CPU s"]
        lines = ["| " + " | ".join(head) + " |", "|---|---|" + "---:|" * (len(head) - 2)]
        for name in self.scores(self.first):
            cells = [name, self.networks[name].source, f"{self.cost(name, PARAMETERS):,.0f}"]
            cells += [f"{self.cost(name, MACS):.0f}", f"{self.cost(name, MILLISECONDS):.1f}"]
            cells += [f"{self.cost(name, MEMORY):.0f}"]
            for terms in alike:
                cells += self._mean(terms, name, alike[terms])
            lines.append("| " + " | ".join(cells) + " |")
        return Page("\n".join([*lines, "", self._caption()]))

    def _mean(self, terms: str, name: str, alike: list[str]) -> tuple[str, str]:
        """The mean IoU, and what was not laid down: the steps of equal time, the CPU seconds of equal steps."""
        if name not in self.scores(terms):
            return "", ""
        text, other = f"{mean(self.scores(terms)[name]):.3f}", "cpu_seconds"
        if self.data.finals[terms].timed:
            other = "steps"
        value = median(row[other] for row in self.studies[terms].rows if row["way"] == name)
        return f"**{text}**" if name in alike else text, f"{value:,.0f}"

    def _caption(self) -> str:
        rows = [row for study in self.studies.values() for row in study.rows]
        protocol = self.data.finals[self.first]
        size = " x ".join(map(str, protocol.size))
        machines = sorted({row["machine"] for row in rows})
        took = "".join(self._took(terms) for terms in self.ranking if self.data.finals[terms].timed)
        return (
            f"Bold: not to be told from the best of its column. MACs and CPU milliseconds of an answer, for one picture of "
            f"{size}, all timed in turns; MB of a training step of {protocol.batch_size}. Scored on {self.data.scored}. {took}Made on "
            f"{'; '.join(machines)}."
        )

    def _took(self, terms: str) -> str:
        """How well the budget was kept: it is fitted to a few steps before the first row."""
        seconds = [row["cpu_seconds"] for row in self.studies[terms].rows if row["way"] in self.scores(terms)]
        return f"Trainings at {terms} took {min(seconds):,.0f} to {max(seconds):,.0f} CPU s. "

    @cached_property
    def rates(self) -> Page:
        """Which learning rates were chosen by what, and how often the highest or the lowest one that was tried."""
        found, rates = self.chosen, self.data.rates
        if not found:
            return self._nothing
        counted = {rate: [name for name in found if found[name] == rate] for rate in rates}
        listed = "; ".join(
            f"**{rate:g}** for {enumerated(names)}" for rate, names in counted.items() if names
        )
        edge = len(counted[min(rates)]) + len(counted[max(rates)])
        beyond = (
            f"For {edge} of {len(found)} that is the lowest or the highest rate tried: one beyond it might be better still."
            if edge
            else "None of these is the lowest or the highest that was tried."
        )
        judge = self.tuning.protocol.scored
        return Page(f"Of {enumerated([f'{rate:g}' for rate in rates])}, {judge} chose {listed}. {beyond}")

    @property
    def decisions(self) -> Page:
        """The list to decide by."""
        if not self.scores(self.first):
            return self._nothing
        lines = [self.best(terms) for terms in self.ranking]
        alike = self.alike(self.first)
        if len(alike) > 1:
            for what, words in self._wanted.items():
                name = min(alike, key=lambda name, what=what: self.cost(name, what))
                lines.append(
                    f"{words} of those that lead {self._when(self.first)}: {self._with(name, what)}."
                )
        for what, words in self._wanted.items():
            name = min(self.scores(self.first), key=lambda name, what=what: self.cost(name, what))
            if name not in alike:
                behind = mean(self.scores(self.first)[alike[0]]) - mean(self.scores(self.first)[name])
                lines.append(
                    f"{words} of all, at a price of {behind:.3f} of mean IoU: {self._with(name, what)}."
                )
        return Page("\n".join(f"- {line}" for line in [*lines, *self._front(), *self._order()]))

    @property
    def _wanted(self) -> dict[str, str]:
        """`WANTED`, without the seconds of a training where they are laid down."""
        timed = self.data.finals[self.first].timed
        return {what: words for what, words in WANTED.items() if what != SECONDS or not timed}

    def best(self, terms: str) -> str:
        """Who is most accurate on some terms, and who cannot be told from it, in a sentence."""
        best, *others = self.alike(terms)
        text = f"Most accurate {self._when(terms)}: **{best}** ({mean(self.scores(terms)[best]):.3f})"
        if len(self.scores(terms)) == 1:
            return f"{text}, the only one that has been tried."
        least = f"{self.spreads[terms].least_difference:.3f}"
        if not others:
            return f"{text}, and no other comes within the least difference of {least}."
        return f"{text}. Not to be told from it, within {least}: {enumerated(others)}."

    def _when(self, terms: str) -> str:
        protocol = self.data.finals[terms]
        return f"{'within' if protocol.timed else 'after'} {protocol.budget}"

    def _with(self, name: str, what: str) -> str:
        value = self.cost(name, what)
        unit = "" if what == PARAMETERS else " " + {MEMORY: "MB"}.get(what, what)
        return f"**{name}** ({value:,.0f}{unit})" if value >= 100 else f"**{name}** ({value:.3g}{unit})"

    def _front(self) -> list[str]:
        """The networks that no other beats in time and score at once, the fastest first."""
        scores = {name: mean(each) for name, each in self.scores(self.first).items()}
        taken = {name: self.cost(name, MILLISECONDS) for name in scores}
        fastest = sorted(scores, key=lambda name: (taken[name], -scores[name]))
        front = [
            name
            for place, name in enumerate(fastest)
            if all(scores[name] > scores[other] for other in fastest[:place])
        ]
        listed = enumerated([f"**{name}** ({taken[name]:.1f} CPU ms, {scores[name]:.3f})" for name in front])
        return [f"Beaten by none in both speed and score: {listed}."] if len(scores) > 1 else []

    def ranked(self, terms: str, name: str = "") -> Ranked:
        """The networks on some terms, to be compared with others; `name` says what the terms are called there."""
        return Ranked(name or terms, self.scores(terms), self.spreads[terms].least_difference)

    def _order(self) -> list[str]:
        """Whether the order is another one on the second terms, where three networks have been tried on both."""
        if len(self.ranking) < 2:
            return []
        one, other = map(self.ranked, self.ranking)
        return [one.agrees(other)] if len(one.scores.keys() & other.scores.keys()) > 2 else []
