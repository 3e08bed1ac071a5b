"""The README's table of what the studies found, from the rows of studies/results: python -m tools.found_table."""

from studies import load
from studies.protocol import MEAN_IOU
from studies.study import HERE, Study
from studies.verdicts import Verdict
from tools import readme
from tools.execution import ROOT

START, END = "<!-- what was found, written by tools/found_table.py -->", "<!-- end of what was found -->"
MANY = 4  # pairs; more that cannot be told apart are counted


def summary() -> str:
    """How many verdicts there are, and a row for each lesson whose study has some, by the measure of its first claim."""
    lessons = sorted(path.stem.removeprefix("lesson") for path in HERE.glob("lesson??.py"))
    studies = [study for study in map(load, lessons) if study.verdicts]
    verdicts = [verdict for study in studies for verdict in study.verdicts]
    count = f"{len(verdicts)} verdicts, {sum(each.beyond for each in verdicts)} of them beyond the noise"
    how = "bold is the gain; in brackets, how large a true one would probably have been seen"
    head = ["| | question | beyond the noise | not to be told apart |", "|---|---|---|---|"]
    return "\n".join(
        [f"{count}. Those by each study's first measure ({how}):", "", *head, *map(_row, studies)]
    )


def _row(study: Study) -> str:
    (page,) = (ROOT / "notebooks").glob(f"{study.lesson}_*.ipynb")
    measure = study.claims[0].measure
    shown = [each for each in study.verdicts if each.claim.paired or each.claim.measure == measure]
    alike = [each for each in shown if not each.beyond]
    cells = [
        f"[{study.lesson}](notebooks/{page.name})",
        study.question if measure == MEAN_IOU else f"{study.question} By {measure}",
        "<br>".join(_difference(each) for each in shown if each.beyond),
        f"{len(alike)} other pairs" if len(alike) > MANY else "<br>".join(map(_likeness, alike)),
    ]
    return f"| {' | '.join(cells)} |"


def _difference(verdict: Verdict) -> str:
    first, second = verdict.claim.names
    worse = second if verdict.better == first else first
    return f"*{verdict.better}* over *{worse}*: **{abs(verdict.found.mean):.3f}**"


def _likeness(verdict: Verdict) -> str:
    first, second = verdict.claim.names
    return f"*{first}* and *{second}* ({verdict.found.visible(verdict.level):.3f})"


def main() -> None:
    readme.write(ROOT, START, END, summary())


if __name__ == "__main__":
    main()
