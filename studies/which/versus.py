"""The same networks twice, on the same terms: by two optimizers, or with rates that were tuned on two kinds of pictures."""

from collections.abc import Mapping
from functools import cached_property
from itertools import chain
from statistics import mean

from studies.statistics import Spread, difference, spread
from studies.study import Page
from studies.which.answers import NOTHING, Answer
from studies.which.networks import NETWORKS
from studies.which.orders import Ranked, begun, enumerated
from studies.which.terms import STEPS


class Versus:
    """What the second of two answers brings on `terms`, for the networks that both have trained with two seeds at least.

    answers: two, each by what tells it from the other.
    """

    def __init__(self, answers: Mapping[str, Answer], terms: str) -> None:
        self.answers, self.terms = answers, terms
        self.first, self.second = answers

    @cached_property
    def ranking(self) -> dict[str, dict[str, list[float]]]:
        """{answer: {network: mean IoU of each seed}}, the best network by the first answer first."""
        scores = {name: answer.scores(self.terms) for name, answer in self.answers.items()}
        both = [name for name in scores[self.first] if name in scores[self.second]]
        return {answer: {name: found[name] for name in both} for answer, found in scores.items()}

    @cached_property
    def spread(self) -> Spread:
        """How far seeds scatter, pooled over all networks and both answers."""
        return spread(list(chain.from_iterable(scores.values() for scores in self.ranking.values())))

    @property
    def differences(self) -> dict[str, float]:
        """The least difference that means anything, one for all."""
        return dict.fromkeys(self.ranking, self.spread.least_difference)

    @property
    def gains(self) -> dict[str, float]:
        """The second's mean less the first's, for each network."""
        return {
            name: mean(self.ranking[self.second][name]) - mean(scores)
            for name, scores in self.ranking[self.first].items()
        }

    @property
    def in_tuning(self) -> Page:
        """What the second brings in tuning, where both make as many steps: networks as pairs, each at its best rate."""
        first, second = (
            {name: max(scores.values()) for name, scores in answer.tried.items()}
            for answer in self.answers.values()
        )
        both = [name for name in first if name in second]
        if len(both) < 2:
            return Page(NOTHING.format(command=self.answers[self.second].tuning.command))
        found = difference(*([scores[name] for name in both] for scores in (second, first)), paired=True)
        ahead = sum(second[name] > first[name] for name in both)
        return Page(
            f"In tuning, in as many steps and each network at the best of its rates, {self.second} scores higher than "
            f"{self.first} on val with **{ahead} of {len(both)}** networks, by **{found.mean:.3f}** on average (95 % interval "
            f"{found.low:.3f} to {found.high:.3f}, p = {found.p:.2g}, the networks as pairs)."
        )

    @property
    def says(self) -> Page:
        """What the rows say, in sentences."""
        if not self.gains:
            return Page(NOTHING.format(command=self.answers[self.second].studies[self.terms].command))
        least, gains = self.spread.least_difference, self.gains
        lines = [
            f"Two means that lie less than **{least:.3f}** apart mean nothing, whichever two of all "
            f"{self.spread.groups} you look at."
        ]
        groups = {
            f"{begun(self.second)} is ahead of {self.first} beyond that with": [
                name for name in gains if gains[name] > least
            ],
            f"{begun(self.first)} is ahead of {self.second} beyond that with": [
                name for name in gains if -gains[name] > least
            ],
            "The two cannot be told apart with": [name for name in gains if abs(gains[name]) <= least],
        }
        lines += [
            f"{words} {enumerated([f'**{name}** ({gains[name]:+.3f})' for name in names])}."
            for words, names in groups.items()
            if names
        ]
        if len(gains) > 2:
            first, second = (Ranked(name, scores, least) for name, scores in self.ranking.items())
            lines.append(f"Their orders of the networks agree by Kendall's tau = {first.tau(second):.2f}.")
        return Page("\n".join(f"- {line}" for line in lines))


def optimizers(data: str = "street", terms: str | None = None) -> Versus:
    """AdamW and Muon on "street" or "camvid", each with the best of three rates of its own on the street.

    terms: those of Muon's rows; by default the first, equal time on the street, or a minute of photographs.
    """
    muon = Answer(f"{data}_muon")
    return Versus({"AdamW": Answer(data), "Muon": muon}, terms or muon.first)


def tunings() -> Versus:
    """On small photographs at equal steps, for the networks whose rates differ."""
    photographs, chosen = Answer("camvid_small"), Answer("street").chosen
    differing = {name: NETWORKS[name] for name in chosen if photographs.chosen.get(name) != chosen[name]}
    drawings = Answer("camvid_small_borrowed", differing)
    return Versus({"tuning on drawings": drawings, "tuning on photographs": photographs}, STEPS)
