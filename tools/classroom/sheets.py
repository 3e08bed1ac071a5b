"""Run sheets: for each lesson its minutes, what it needs, what learners think wrongly, and what may be left out.

Times come from benchmarks/results/notebooks.json and the lessons' headers, prerequisites from their "You need", the rest
from docs/teach/course.yml.
"""

import re
from dataclasses import dataclass

import yaml
from nbformat import NotebookNode

from tools.badges import repository
from tools.classroom.exercises import exercises, plain, quiz
from tools.classroom.slides import deck, sections
from tools.execution import ROOT
from tools.lesson_map import LESSONS, seconds_measured, title

COURSE = ROOT / "docs" / "teach" / "course.yml"
A_SLIDE = 2  # minutes of talk; an estimate, no measurement
NEED = re.compile(r"\*\*You need\*\*(.*?)(?=\n\n\*\*|\Z)", re.DOTALL)
TRY = re.compile(r"and (?:about )?(\d+) minutes(?: to read and try| if you guess)")


@dataclass
class Sheet:
    """talk, attempt: minutes. run: seconds on two cores, None where not measured. needs: names of lessons."""

    name: str
    title: str
    question: str
    talk: int
    run: float | None
    attempt: int | None
    needs: list[str]
    misconceptions: list[tuple[str, str]]  # what learners think, and the item that finds it
    leave_out: dict[str, str]  # heading: what is lost


def course() -> dict:
    return yaml.safe_load(COURSE.read_text("utf-8"))


def needs(notebook: NotebookNode) -> list[str]:
    """The lessons that its "You need" links to, in order."""
    told = NEED.search(notebook.cells[0].source)
    return list(dict.fromkeys(re.findall(r"\((\w+)\.ipynb\)", told[1]))) if told else []


def sheet(name: str, notebook: NotebookNode, known: dict) -> Sheet:
    """`known` is the lesson's part of `course()["lessons"]`.

    Raises ValueError where that names a question, an exercise or a section that the lesson does not have.
    """
    minutes = TRY.search(notebook.cells[0].source)
    headings = {plain(one.heading.removeprefix("## ")): one for one in sections(notebook)}
    for start in known.get("leave_out", {}):
        if sum(heading.startswith(plain(start)) for heading in headings) != 1:
            raise ValueError(f"{name} has no one section {start!r}: mend docs/teach/course.yml")
    return Sheet(
        name,
        title(notebook),
        LESSONS.get(name, ("",))[0],
        A_SLIDE * sum(c.metadata.slideshow.slide_type == "slide" for c in deck(notebook, name).cells),
        seconds_measured().get(name),
        int(minutes[1]) if minutes else None,
        needs(notebook),
        [(one["thinks"], _item(name, notebook, one)) for one in known.get("misconceptions", [])],
        known.get("leave_out", {}),
    )


def _item(name: str, notebook: NotebookNode, one: dict) -> str:
    if "exercise" in one:
        if one["exercise"] not in [exercise.number for exercise in exercises(notebook)]:
            raise ValueError(f"{name} has no exercise {one['exercise']}: mend docs/teach/course.yml")
        return f"exercise {one['exercise']}"
    found = [question for question in quiz(notebook) if one["quiz"] in " ".join(question.text.split())]
    if len(found) != 1:
        raise ValueError(
            f"{name} has {len(found)} quiz questions with {one['quiz']!r}, not one: mend docs/teach/course.yml"
        )
    return f"quiz {found[0].number}"


def sheets(lessons: dict[str, NotebookNode]) -> dict[str, Sheet]:
    known = course()["lessons"]
    return {name: sheet(name, notebook, known.get(name, {})) for name, notebook in lessons.items()}


def page(all_sheets: dict[str, Sheet], link: str) -> str:
    """The run sheets of all lessons, their graph and the syllabuses as Markdown.

    link: where a lesson is, with {name}: from the repository's docs or on the site.
    """
    parts = [
        "# Run sheets\n\n"
        f"Minutes to talk are {A_SLIDE} a slide; seconds to run were measured on two cores, as the lessons' headers say "
        "(none was timed on a GPU, where the long schedule runs); minutes to try are what the header asks of a reader.",
        "| lesson | talk | run | try | needs |\n|---|---|---|---|---|",
    ]
    for one in all_sheets.values():
        before = ", ".join(name[:2] for name in one.needs) or "nothing"
        label = f"[{one.name[:2]} {one.title}]({link.format(name=one.name)})"
        parts[-1] += (
            f"\n| {label} | {one.talk} min | {_seconds(one.run)} | {_minutes(one.attempt)} | {before} |"
        )
    parts.append(f"## What needs what\n\n{graph(all_sheets)}")
    parts += [_syllabus(lectures, plan, all_sheets) for lectures, plan in course()["syllabus"].items()]
    parts.append("## Lesson by lesson")
    parts += [_section(one) for one in all_sheets.values()]
    return "\n\n".join(parts) + "\n"


def graph(all_sheets: dict[str, Sheet]) -> str:
    """Each lesson below those it needs, a line for each level: what a graph shows, for every reader."""
    level: dict[str, int] = {}
    for one in all_sheets.values():
        level[one.name] = 1 + max((level.get(name, 0) for name in one.needs), default=0)
    lines = []
    for depth in sorted(set(level.values())):
        row = []
        for name in (name for name in level if level[name] == depth):
            before = " and ".join(need[:2] for need in all_sheets[name].needs)
            row.append(f"{name[:2]} (after {before})" if before else name[:2])
        lines.append(f"{depth}. {', '.join(row)}")
    edges = "\n".join(
        f"  L{need[:2]} --> L{one.name[:2]}" for one in all_sheets.values() for need in one.needs
    )
    nodes = "\n".join(
        f'  L{one.name[:2]}["{one.name[:2]} {one.title.split(":")[0]}"]' for one in all_sheets.values()
    )
    return "\n".join(lines) + f"\n\n```mermaid\nflowchart TD\n{nodes}\n{edges}\n```"


def _seconds(seconds: float | None) -> str:
    return "not measured" if seconds is None else f"{seconds:.0f} s"


def _minutes(minutes: int | None) -> str:
    return "not told" if minutes is None else f"{minutes} min"


def _syllabus(lectures: int, plan: list[dict], all_sheets: dict[str, Sheet]) -> str:
    rows = [f"## {lectures} lecture{'s' * (lectures > 1)}\n"]
    rows += ["| | about | worked through | slides only | talk and run |", "|---|---|---|---|---|"]
    for number, lecture in enumerate(plan, 1):
        worked = [all_sheets[name] for name in lecture["lessons"] if name in all_sheets]
        shown = [all_sheets[name] for name in lecture.get("shown", []) if name in all_sheets]
        minutes = sum(one.talk + (one.run or 0) / 60 for one in worked) + sum(one.talk for one in shown)
        names = [", ".join(f"{one.name[:2]} {one.title}" for one in row) for row in (worked, shown)]
        rows.append(f"| {number} | {lecture['about']} | {names[0]} | {names[1]} | {minutes:.0f} min |")
    return "\n".join(rows)


def _section(one: Sheet) -> str:
    lines = [f"### {one.name[:2]} {one.title}\n", f"{one.question}\n" if one.question else ""]
    lines.append(
        f"Talk {one.talk} min, run {_seconds(one.run)}, try {_minutes(one.attempt)}; "
        f"before it: {', '.join(name[:2] for name in one.needs) or 'nothing'}.\n"
    )
    if one.misconceptions:
        lines.append("What learners think, and what finds it:\n")
        lines += [f"- *{thinks}*: {item}." for thinks, item in one.misconceptions]
    if one.leave_out:
        lines.append("\nMay be left out:\n")
        lines += [f"- *{heading}*: {lost}." for heading, lost in one.leave_out.items()]
    return "\n".join(line for line in lines if line)


def site_page(lessons: dict[str, NotebookNode], link: str) -> str:
    """As `page`, without Mermaid, which would be fetched from another server."""
    return re.sub(r"\n\n```mermaid.*?```", "", page(sheets(lessons), link), flags=re.DOTALL)


def github_page(lessons: dict[str, NotebookNode]) -> str:
    return page(sheets(lessons), f"https://github.com/{repository()}/blob/main/notebooks/{{name}}.ipynb")
