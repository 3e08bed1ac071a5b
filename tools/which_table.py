"""The README's table of networks, from the rows of studies/results: python -m tools.which_table."""

from studies.which.answers import Answer
from tools import readme
from tools.execution import ROOT

START, END = "<!-- the networks, written by tools/which_table.py -->", "<!-- end of the networks -->"


def summary() -> str:
    """The least difference that means anything, and the table below it."""
    answer = Answer("street")
    return "\n\n".join(dict.fromkeys([answer.least, answer.table]))  # one line, where nothing is there yet


def main() -> None:
    readme.write(ROOT, START, END, summary())


if __name__ == "__main__":
    main()
