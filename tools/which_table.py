"""The README's table of networks and optimizers, from the rows of studies/results: python -m tools.which_table."""

from studies.which.answers import Answer
from studies.which.optimizers import Optimizers
from tools import readme
from tools.execution import ROOT

START, END = "<!-- the networks, written by tools/which_table.py -->", "<!-- end of the networks -->"


def summary() -> str:
    """The least difference that means anything, the table below it, and what another optimizer brings."""
    answer = Answer("street")
    other = f"By Muon in the place of AdamW, at equal time:\n\n{Optimizers().says}"
    # one line, where nothing is there yet
    return "\n\n".join(dict.fromkeys([answer.least, answer.table, other]))


def main() -> None:
    readme.write(ROOT, START, END, summary())


if __name__ == "__main__":
    main()
