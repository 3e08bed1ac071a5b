"""A lesson's exercises and quiz, read off its cells: what is asked, where the reader writes, and the answer.

An exercise is a cell tagged `exercise` and the cell tagged `solution` behind it. A quiz question stands in bold in the
section "Quiz", its answer in a fold behind it.
"""

import ast
import html
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from nbformat import NotebookNode

from tools.execution import is_code

FOLD = re.compile(r"<details>\s*<summary>(.*?)</summary>(.*?)</details>", re.DOTALL)
ANSWERS = ("Answer", "What it tells", "What to look for")  # what a fold that holds an answer is called
QUIZ = re.compile(r"^## Quiz\s*$(.*?)(?=^## |\Z)", re.DOTALL | re.MULTILINE)


@dataclass
class Exercise:
    """`number` counts from 1; `pictures` are the outputs between the question and the reader's cell."""

    number: int
    question: str
    pictures: list[NotebookNode]
    cell: NotebookNode
    solution: NotebookNode


@dataclass
class Question:
    """A quiz question and its answer, both Markdown."""

    number: int
    text: str
    answer: str


def tagged(cell: NotebookNode, tag: str) -> bool:
    return tag in cell.metadata.get("tags", [])


def exercises(notebook: NotebookNode) -> list[Exercise]:
    """Raises ValueError for an exercise without its question or its solution, and for a solution without exercise."""
    found: list[Exercise] = []
    question, pictures, asked = "", [], None
    for cell in notebook.cells:
        number = len(found) + 1
        if tagged(cell, "exercise"):
            if asked is not None:
                raise ValueError(f"exercise {number} has no cell tagged solution behind it")
            if not question:
                raise ValueError(f"exercise {number} has no Markdown cell with **{number}.** before it")
            asked = cell
        elif tagged(cell, "solution"):
            if asked is None:
                raise ValueError(f"a solution stands without an exercise before it: {cell.source[:60]!r}")
            found.append(Exercise(number, question, pictures, asked, cell))
            question, pictures, asked = "", [], None
        elif cell.cell_type == "markdown" and f"**{number}.** " in cell.source:
            question, pictures = cell.source.rpartition(f"**{number}.** ")[2].strip(), []
        elif is_code(cell):
            pictures += [output for output in cell.outputs if "image/png" in output.get("data", {})]
    if asked is not None:
        raise ValueError(f"exercise {len(found) + 1} has no cell tagged solution behind it")
    return found


def quiz(notebook: NotebookNode) -> list[Question]:
    """The questions of the section "Quiz", numbered from 1; none where there is no such section."""
    source = "\n\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    section = QUIZ.search(source)
    if not section:
        return []
    questions, start = [], 0
    for number, fold in enumerate(FOLD.finditer(section[1]), 1):
        text = section[1][start : fold.start()].strip()
        text = re.sub(r"^\*\*(\d+\.)\*\*\s*", "", text)
        text = re.sub(r"^\*\*(.*)\*\*$", r"\1", text, flags=re.DOTALL)
        questions.append(Question(number, text, fold[2].strip()))
        start = fold.end()
    return questions


def imports_for(notebook: NotebookNode, source: str) -> str:
    """Those imports of the lesson, one a line, that bind a name used in `source`."""
    used = {node.id for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Name)}
    lines: dict[str, None] = {}
    for node in _imports(notebook):
        for alias in node.names:
            if (alias.asname or alias.name.partition(".")[0]) in used:
                lines[ast.unparse(_one(node, alias))] = None
    return "\n".join(lines)


def _imports(notebook: NotebookNode) -> Iterator[ast.Import | ast.ImportFrom]:
    for cell in filter(is_code, notebook.cells):
        for node in ast.parse(cell.source).body:
            if isinstance(node, ast.Import | ast.ImportFrom) and node.names[0].name != "find_spec":
                yield node


def _one(node: ast.Import | ast.ImportFrom, alias: ast.alias) -> ast.stmt:
    if isinstance(node, ast.Import):
        return ast.Import([alias])
    return ast.ImportFrom(node.module, [alias], node.level)


def split(source: str) -> tuple[str, ast.Call]:
    """What a cell does before its last statement, and that statement: the call of a check.

    The author's own assertions, which may use the rest of the lesson, are left out.
    """
    lines, body = source.splitlines(), ast.parse(source).body
    if not body or not isinstance(body[-1], ast.Expr) or not isinstance(body[-1].value, ast.Call):
        raise ValueError(f"an exercise must end in the call of its check, and this ends in {lines[-1]!r}")
    for node in [*body[:-1], body[-1]]:
        if isinstance(node, ast.Assert) or node is body[-1]:
            lines[node.lineno - 1 : node.end_lineno] = [None] * (node.end_lineno - node.lineno + 1)
    return "\n".join(line for line in lines if line is not None).strip("\n"), body[-1].value


def reply(notebook: NotebookNode, source: str) -> str:
    """What the check says at the end of an exercise's or a solution's cell; nothing of the lesson runs but its imports."""
    names = _names(notebook, source)
    return eval(ast.unparse(split(source)[1]), names)


def value_of(notebook: NotebookNode, source: str) -> Any:
    """What such a cell hands to its check."""
    names = _names(notebook, source)
    return eval(ast.unparse(split(source)[1].args[0]), names)


def _names(notebook: NotebookNode, source: str) -> dict[str, Any]:
    names: dict[str, Any] = {}
    exec(f"{imports_for(notebook, source)}\n{split(source)[0]}", names)
    return names


def plain(markdown: str) -> str:
    """Markdown as a reader hears it: no marks, no tags."""
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", markdown)
    return html.unescape(re.sub(r"<[^>]+>|\*\*|`", "", text)).strip()
