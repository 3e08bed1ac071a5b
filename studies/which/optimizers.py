"""Two optimizers: the same networks, data and budget, each optimizer with the best of three learning rates of its own."""

from functools import cached_property
from itertools import chain
from statistics import mean

from studies.statistics import Spread, spread
from studies.study import Page
from studies.which.answers import NOTHING, Answer
from studies.which.orders import Ranked, enumerated
from studies.which.terms import TIME

ADAMW, MUON = "AdamW", "Muon"


class Optimizers:
    """What Muon brings at equal time, for the networks that both optimizers have trained with two seeds at least."""

    def __init__(self) -> None:
        self.answers = {ADAMW: Answer("street"), MUON: Answer("street_muon")}

    @cached_property
    def ranking(self) -> dict[str, dict[str, list[float]]]:
        """{optimizer: {network: mean IoU of each seed}}, the best network by AdamW first."""
        scores = {name: answer.scores(TIME) for name, answer in self.answers.items()}
        both = [name for name in scores[ADAMW] if name in scores[MUON]]
        return {optimizer: {name: found[name] for name in both} for optimizer, found in scores.items()}

    @cached_property
    def spread(self) -> Spread:
        """How far seeds scatter, pooled over all networks and both optimizers."""
        return spread(list(chain.from_iterable(scores.values() for scores in self.ranking.values())))

    @property
    def differences(self) -> dict[str, float]:
        """The least difference that means anything, one for all."""
        return dict.fromkeys(self.ranking, self.spread.least_difference)

    @property
    def gains(self) -> dict[str, float]:
        """Muon's mean less AdamW's, for each network."""
        return {
            name: mean(self.ranking[MUON][name]) - mean(scores)
            for name, scores in self.ranking[ADAMW].items()
        }

    @property
    def says(self) -> Page:
        """What the rows say, in sentences."""
        if not self.gains:
            return Page(NOTHING.format(command=self.answers[MUON].tuning.command))
        least, gains = self.spread.least_difference, self.gains
        lines = [
            f"Two means that lie less than **{least:.3f}** apart mean nothing, whichever two of all "
            f"{self.spread.groups} you look at."
        ]
        groups = {
            "Muon is ahead of AdamW beyond that with": [name for name in gains if gains[name] > least],
            "AdamW is ahead of Muon beyond that with": [name for name in gains if -gains[name] > least],
            "The two cannot be told apart with": [name for name in gains if abs(gains[name]) <= least],
        }
        lines += [
            f"{words} {enumerated([f'**{name}** ({gains[name]:+.3f})' for name in names])}."
            for words, names in groups.items()
            if names
        ]
        if len(gains) > 2:
            adamw, muon = (Ranked(name, scores, least) for name, scores in self.ranking.items())
            lines.append(f"Their orders of the networks agree by Kendall's tau = {adamw.tau(muon):.2f}.")
        return Page("\n".join(f"- {line}" for line in lines))
