"""The README's table of networks and optimizers, from the rows of studies/results: python -m tools.which_table."""

from collections.abc import Iterator

from studies.which.answers import Answer
from studies.which.terms import MINUTE, MINUTES, STEPS, TIME
from studies.which.versus import optimizers
from tools import readme
from tools.execution import ROOT

START, END = "<!-- the networks, written by tools/which_table.py -->", "<!-- end of the networks -->"


def summary() -> str:
    """The least difference that means anything, the table below it, what another optimizer brings, and photographs."""
    answer = Answer("street")
    muon = optimizers()
    other = f"By Muon in the place of AdamW, at equal time:\n\n{muon.says}"
    # one line, where nothing is there yet
    said = [answer.least, answer.table, muon.in_tuning, other, *on_photographs(answer)]
    return "\n\n".join(dict.fromkeys(said))


def on_photographs(answer: Answer) -> Iterator[str]:
    """Whether the order holds on CamVid's photographs, as far as rows are there."""
    photographs = Answer("camvid")
    lines = [photographs.least] if photographs.ranking else []
    for terms in photographs.ranking:
        tau = answer.ranked(TIME).tau(photographs.ranked(terms))
        lines.append(f"- {photographs.best(terms)}")
        lines.append(f"- Equal time on drawings and {terms} here agree by Kendall's tau = {tau:.2f}.")
    small = Answer("camvid_small")
    if small.ranking:
        tau = answer.ranked(STEPS).tau(small.ranked(STEPS))
        lines.append(
            f"- Equal steps on drawings and on photographs as small as these agree by Kendall's tau = {tau:.2f}."
        )
    if lines:
        yield (
            "On CamVid's photographs, scored on val at their own size, by AdamW and minutes of two cores:\n\n"
            + "\n".join(lines)
        )
    for terms in (MINUTE, MINUTES):
        by_both = optimizers("camvid", terms)
        if by_both.gains:
            yield f"By Muon in the place of AdamW, after {terms} on photographs:\n\n{by_both.says}"


def main() -> None:
    readme.write(ROOT, START, END, summary())


if __name__ == "__main__":
    main()
