"""The students' edition holds no answer and all else; every solution passes its check, and what students get does not."""

import ast
import copy
import json

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from nbhelpers.exercises import UNANSWERED
from tools.classroom import editions
from tools.classroom.exercises import exercises, plain, quiz, reply, split, tagged
from tools.execution import is_code
from tools.lesson_map import lessons

LESSONS = lessons()


def lesson() -> nbformat.NotebookNode:
    """A small one: a number, a function, a task without a cell, two questions."""
    right = [new_output("execute_result", data={"text/plain": "'Right.'"})]
    check = "check(answer)"
    names = "from nbhelpers.exercises.lesson05 import check_separable as check\nimport math"
    count = "answer = 49 * 512 + 512 + 512 * 4096 + 4096"
    return new_notebook(
        cells=[
            new_markdown_cell("# A lesson"),
            new_code_cell(names),
            new_markdown_cell("Some text.\n\n## Exercises\n\n**1.** How many?"),
            new_code_cell(f"answer = None  # a number\n{check}", metadata={"tags": ["exercise"]}),
            new_code_cell(
                f"# depthwise first\n{count}\nassert answer == other\n{check}",
                metadata={"tags": ["solution"]},
                outputs=right,
            ),
            new_markdown_cell(
                "**4.** Change it.\n\n<details><summary>What it tells</summary>\n\nThat it is slow.\n\n</details>"
            ),
            new_markdown_cell(
                "## Quiz\n\n**1.** Why?\n\n<details><summary>Answer</summary>\n\nBecause.\n</details>\n\n"
                "**Whence?**\n<details><summary>Answer</summary> From afar. </details>\n\n## The score\n\nOne line."
            ),
        ]
    )


# All lessons


@pytest.mark.parametrize("name", LESSONS)
def test_no_answer_is_left_in_the_students_file(name, tmp_path):
    nbformat.write(editions.student(LESSONS[name]), tmp_path / "edition.ipynb")
    file = (tmp_path / "edition.ipynb").read_text("utf-8")
    assert editions.left(LESSONS[name], file) == []
    assert "<details" not in file and '"solution"' not in file
    nbformat.validate(json.loads(file))


@pytest.mark.parametrize("name", LESSONS)
def test_all_else_stays(name):
    edition = {cell.id: cell for cell in editions.student(LESSONS[name]).cells}
    for cell in LESSONS[name].cells:
        if tagged(cell, "solution"):
            assert cell.id not in edition
        elif "<details>" in cell.source:
            kept = edition[cell.id].source.split("\n\n")
            assert [part for part in kept if part not in cell.source] == []
            assert set(cell.source.split("\n\n")) - set(kept) != set()
        else:
            assert edition[cell.id] == cell


@pytest.mark.parametrize("name", LESSONS)
def test_students_editions_do_not_pass(name):
    """That the solutions do is the matter of test_assignments.py."""
    given = [cell for cell in editions.student(LESSONS[name]).cells if tagged(cell, "exercise")]
    assert len(given) == len(exercises(LESSONS[name])) == 3
    assert [reply(LESSONS[name], cell.source) for cell in given] == [UNANSWERED] * 3


@pytest.mark.parametrize("name", LESSONS)
def test_no_cell_needs_a_solution(name):
    """Without its solutions a lesson still runs: nothing uses a name that a solution alone has bound."""
    bound, missing = set(), set()
    for cell in filter(is_code, LESSONS[name].cells):
        nodes = list(ast.walk(ast.parse(cell.source)))
        made = {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
        made |= {node.name for node in nodes if isinstance(node, ast.FunctionDef | ast.ClassDef)}
        if tagged(cell, "solution"):
            bound |= made - missing
        else:
            bound -= made
            missing |= bound & {node.id for node in nodes if isinstance(node, ast.Name)}
    assert missing == set()


@pytest.mark.parametrize("name", LESSONS)
def test_every_lesson_but_the_first_two_has_a_quiz(name):
    questions = quiz(LESSONS[name])
    assert len(questions) >= (0 if name[:2] in ("01", "02") else 3)
    assert all(len(plain(one.text)) > 20 and len(plain(one.answer)) > 20 for one in questions)


# What a lesson may hold, and what is wrong with it


def test_what_is_read_off_a_lesson():
    (exercise,) = exercises(lesson())
    assert (exercise.number, exercise.question) == (1, "How many?")
    assert [(one.text, one.answer) for one in quiz(lesson())] == [
        ("Why?", "Because."),
        ("Whence?", "From afar."),
    ]
    edition = editions.student(lesson())
    assert [cell.source for cell in edition.cells[-2:]] == [
        "**4.** Change it.",
        "## Quiz\n\n**1.** Why?\n\n**Whence?**\n\n## The score\n\nOne line.",
    ]
    assert reply(lesson(), exercise.solution.source) == "Right."
    assert split(exercise.solution.source)[0] == (
        "# depthwise first\nanswer = 49 * 512 + 512 + 512 * 4096 + 4096"
    )


LEAKS = {  # where an answer may be left
    "the solution": lambda nb, cell: nb.cells.append(cell),
    "a line of it": lambda nb, cell: nb.cells.append(new_markdown_cell(cell.source.splitlines()[1])),
    "its comment": lambda nb, cell: nb.cells.append(new_code_cell("# depthwise   first")),
    "metadata": lambda nb, cell: nb.metadata.update(kept=cell.source),
    "an output": lambda nb, cell: nb.cells[1].outputs.append(
        new_output("stream", name="stdout", text=cell.source)
    ),
    "what it printed": lambda nb, cell: nb.cells[1].outputs.extend(cell.outputs),
    "a folded answer": lambda nb, cell: nb.cells.append(new_markdown_cell("That it is slow.")),
    "an attachment": lambda nb, cell: nb.cells[0].update(attachments={"a": {"text/plain": cell.source}}),
}


@pytest.mark.parametrize("where", LEAKS)
def test_what_is_left_is_found(where):
    edition = editions.student(lesson())
    assert editions.left(lesson(), nbformat.writes(edition)) == []
    LEAKS[where](edition, lesson().cells[4])
    assert editions.left(lesson(), nbformat.writes(edition)) != []


def test_an_edition_is_a_copy():
    notebook = lesson()
    before = copy.deepcopy(notebook)
    editions.student(notebook)
    assert notebook == before


def without(index):
    return lambda cells: cells.pop(index)


FAULTS = {
    "exercise 1 has no cell tagged solution": without(4),
    "a solution stands without an exercise": without(3),
    r"exercise 1 has no Markdown cell with \*\*1\.\*\* ": without(2),
}


@pytest.mark.parametrize("message", FAULTS)
def test_what_is_no_exercise(message):
    notebook = lesson()
    FAULTS[message](notebook.cells)
    with pytest.raises(ValueError, match=message):
        exercises(notebook)


def test_a_fold_of_an_unknown_name_may_be_an_answer():
    notebook = lesson()
    notebook.cells.append(new_markdown_cell("<details><summary>Hint</summary> 42 </details>"))
    with pytest.raises(ValueError, match=r"a fold is called 'Hint'; answers are called Answer, .*rename it"):
        editions.student(notebook)


@pytest.mark.parametrize("source", ["answer = None", "x = 1\nx"])
def test_an_exercise_without_its_check(source):
    with pytest.raises(ValueError, match="must end in the call of its check"):
        split(source)
