"""The README's table of networks, from the rows of studies/results: python -m tools.which_table."""

from studies.which.answers import Answer
from tools.execution import ROOT

START, END = "<!-- the networks, written by tools/which_table.py -->", "<!-- end of the networks -->"


def summary() -> str:
    """The least difference that means anything, and the table below it."""
    answer = Answer("street")
    return "\n\n".join(dict.fromkeys([answer.least, answer.table]))  # one line, where nothing is there yet


def main() -> None:
    readme = ROOT / "README.md"
    before, rest = readme.read_text("utf-8").split(START)
    text = f"{before}{START}\n\n{summary()}\n\n{END}{rest.split(END)[1]}"
    readme.write_text(text, "utf-8", newline="\n")


if __name__ == "__main__":
    main()
