"""A lesson's exercises and quiz as an assignment of nbgrader or otter-grader.

The assignment needs nbhelpers and the lesson's imports, but no cell of the lesson: grading a class takes seconds a
student and not a training. Exercises are graded by their checks, quiz questions by hand.
"""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_raw_cell

from tools.badges import repository
from tools.classroom.exercises import Exercise, exercises, imports_for, quiz, split
from tools.lesson_map import title

KERNEL = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}


@dataclass
class Task:
    """An exercise as code: `given` is what the student starts from, `solution` binds `name`, which `check` judges."""

    given: str
    solution: str
    name: str
    check: str

    @property
    def test(self) -> str:
        return f'reply = {self.check}({self.name})\nassert reply == "Right.", reply'


def task(exercise: Exercise) -> Task:
    """Raises ValueError where the reader's cell has neither a name nor a function of its own to hand in."""
    given, call = split(exercise.cell.source)
    if isinstance(call.args[0], ast.Name):  # `answer` in each: here every exercise gets a name of its own
        name = f"answer_{exercise.number}"
        given = re.sub(rf"\b{call.args[0].id}\b", name, given)
    else:
        functions = [node.name for node in ast.parse(given).body if isinstance(node, ast.FunctionDef)]
        if not functions:
            raise ValueError(f"exercise {exercise.number} has no function and no name to hand in: {given!r}")
        name = functions[-1]
    before, done = split(exercise.solution.source)
    value = ast.get_source_segment(exercise.solution.source, done.args[0])
    return Task(given, f"{before}\n{name} = {value}".strip(), name, ast.unparse(call.func))


def nbgrader(notebook: NotebookNode, lesson: str) -> NotebookNode:
    """The instructor's version; `nbgrader generate_assignment` makes the students' from it."""
    cells = [_about(notebook, lesson), new_code_cell(_imports(notebook))]
    for number, (exercise, one) in enumerate(_tasks(notebook), 1):
        cells.append(_question(f"**{number}.** {exercise.question}", exercise.pictures))
        body = f"{one.given}\n### BEGIN SOLUTION\n{one.solution}\n### END SOLUTION"
        cells.append(_graded(new_code_cell(body), f"exercise-{number}", solution=True))
        cells.append(_graded(new_code_cell(one.test), f"check-{number}", grade=True, locked=True, points=1))
    for one in quiz(notebook):
        cells.append(new_markdown_cell(f"**Quiz {one.number}.** {one.text}"))
        body = f"### BEGIN SOLUTION\n{one.answer}\n### END SOLUTION"
        cells.append(
            _graded(new_markdown_cell(body), f"quiz-{one.number}", solution=True, grade=True, points=1)
        )
    return _notebook(cells)


def _graded(cell: NotebookNode, name: str, **settings: bool | int) -> NotebookNode:
    """With nbgrader's metadata, schema 3."""
    known = {"grade": False, "solution": False, "locked": False, "task": False, "schema_version": 3}
    cell.metadata["nbgrader"] = known | {"grade_id": name} | settings
    return cell


def otter(notebook: NotebookNode, lesson: str) -> NotebookNode:
    """The instructor's version; `otter assign` makes the students' from it."""
    cells = [
        new_raw_cell("# ASSIGNMENT CONFIG\nrun_tests: false\nexport_cell: true\ngenerate: true"),
        _about(notebook, lesson),
        new_code_cell(_imports(notebook)),
    ]
    for number, (exercise, one) in enumerate(_tasks(notebook), 1):
        body = f"{one.given}\n# BEGIN SOLUTION NO PROMPT\n{one.solution}\n# END SOLUTION"
        cells += [
            new_raw_cell(f"# BEGIN QUESTION\nname: exercise_{number}\npoints: 1"),
            _question(f"**{number}.** {exercise.question}", exercise.pictures),
            *_between("SOLUTION", new_code_cell(body)),
            *_between("TESTS", new_code_cell(one.test)),
            new_raw_cell("# END QUESTION"),
        ]
    for one in quiz(notebook):
        cells += [
            new_raw_cell(f"# BEGIN QUESTION\nname: quiz_{one.number}\nmanual: true\npoints: 1"),
            new_markdown_cell(f"**Quiz {one.number}.** {one.text}"),
            *_between("SOLUTION", new_markdown_cell(one.answer)),
            new_raw_cell("# END QUESTION"),
        ]
    return _notebook(cells)


def _between(what: str, cell: NotebookNode) -> list[NotebookNode]:
    return [new_raw_cell(f"# BEGIN {what}"), cell, new_raw_cell(f"# END {what}")]


def _tasks(notebook: NotebookNode) -> Iterator[tuple[Exercise, Task]]:
    """Each with the imports that its solution alone needs of nbhelpers, which would give the answer away elsewhere."""
    shared = _imports(notebook).splitlines()
    for exercise in exercises(notebook):
        one = task(exercise)
        own = [line for line in imports_for(notebook, one.solution).splitlines() if line not in shared]
        one.solution = "\n".join([*own, one.solution])
        yield exercise, one


def _imports(notebook: NotebookNode) -> str:
    """What the readers' cells and checks use, and every library that a solution does."""
    found = {}
    for exercise in exercises(notebook):
        one = task(exercise)
        asked = imports_for(notebook, f"{one.given}\n{one.test}").splitlines()
        libraries = [
            line for line in imports_for(notebook, one.solution).splitlines() if "nbhelpers" not in line
        ]
        found |= dict.fromkeys([*asked, *libraries])
    return "\n".join(sorted(found, key=lambda line: ("nbhelpers" in line, line)))


def _about(notebook: NotebookNode, lesson: str) -> NotebookNode:
    page = f"https://github.com/{repository()}/blob/main/notebooks/{lesson}.ipynb"
    return new_markdown_cell(
        f"# {title(notebook)}: exercises\n\nThey belong to lesson [{lesson[:2]}]({page}), and where they say *above*, "
        "they mean that lesson. Write your answer in its cell, run the cell below it, and read what it says."
    )


def _question(text: str, pictures: list[NotebookNode]) -> NotebookNode:
    """Pictures that the question speaks of go along as attachments, with their alt text."""
    cell = new_markdown_cell(text)
    for index, picture in enumerate(pictures):
        alt = picture.metadata["image/png"]["alt"].replace("[", "(").replace("]", ")")
        cell.source += f"\n\n![{alt}](attachment:picture-{index}.png)"
        cell.setdefault("attachments", {})[f"picture-{index}.png"] = {"image/png": picture.data["image/png"]}
    return cell


def _notebook(cells: list[NotebookNode]) -> NotebookNode:
    for index, cell in enumerate(cells):
        cell.id = f"cell-{index:02}"  # the same at each build
    return new_notebook(cells=cells, metadata=KERNEL)
