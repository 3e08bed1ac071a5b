"""A lesson for students, without its answers, and the search for what may be left of them."""

import json
import re
from collections.abc import Iterator

import nbformat
from nbformat import NotebookNode

from tools.classroom.exercises import ANSWERS, FOLD, tagged
from tools.execution import fingerprint


def student(notebook: NotebookNode) -> NotebookNode:
    """A copy without the cells tagged `solution` and without folded answers; all else is as it was.

    Raises ValueError for a fold of another name than those in `ANSWERS`, which might hold an answer.
    """
    edition = nbformat.from_dict(notebook)
    edition.cells = [cell for cell in edition.cells if not tagged(cell, "solution")]
    for cell in edition.cells:
        if cell.cell_type == "markdown":
            for name, _ in FOLD.findall(cell.source):
                if name not in ANSWERS:
                    raise ValueError(
                        f"a fold is called {name!r}; answers are called {', '.join(ANSWERS)}: rename it, "
                        "or add it to ANSWERS in tools/classroom/exercises.py"
                    )
            cell.source = re.sub(rf"\n*{FOLD.pattern}", "", cell.source, flags=re.DOTALL)
    if edition.metadata.get("nbhelpers", {}).get("executed"):
        edition.metadata["nbhelpers"] = {"executed": fingerprint(edition)}
    return edition


def answers(notebook: NotebookNode) -> list[str]:
    """The texts that students must not find: each solution, what it prints, each folded answer."""
    texts = []
    for cell in notebook.cells:
        if tagged(cell, "solution"):
            texts.append(cell.source)
            for output in cell.outputs:
                texts += [output.get("text", ""), output.get("data", {}).get("text/plain", "")]
        elif cell.cell_type == "markdown":
            texts += [text for _, text in FOLD.findall(cell.source)]
    return texts


def left(notebook: NotebookNode, file: str) -> list[str]:
    """The lines of the answers that an edition's file holds more often than the lesson says them outside its answers.

    file: the edition as text. Whatever field of it a line stands in, it is found.
    """
    said, folded = _words(" ".join(_texts(notebook))), _words(" ".join(answers(notebook)))
    found = _words(" ".join(_texts(json.loads(file))))
    lines = {_words(line) for text in answers(notebook) for line in text.splitlines()}
    return sorted(
        line for line in lines if len(line) > 3 and found.count(line) > said.count(line) - folded.count(line)
    )


def _words(text: str) -> str:
    return " ".join(text.split())


def _texts(node: object) -> Iterator[str]:
    """All texts below `node`, keys too; a cell's lines, which the file keeps one by one, as one text."""
    if isinstance(node, str):
        yield node
    elif isinstance(node, dict):
        for key, value in node.items():
            yield from (key, *_texts(value))
    elif isinstance(node, list):
        if node and all(isinstance(part, str) for part in node):
            yield "".join(node)
        else:
            for part in node:
                yield from _texts(part)
