"""A lesson's quiz, and those exercises whose answer is one number, as questions for Moodle's question bank (Moodle XML).

A quiz question becomes an essay with its answer as information for graders. An exercise becomes a numerical question that
knows the slips which its check knows, each with its hint.
"""

import ast
import importlib
import math
from collections.abc import Callable
from pathlib import Path
from unittest import mock
from xml.etree import ElementTree

import numpy as np
from nbconvert.filters import markdown2html
from nbformat import NotebookNode

from tools.classroom.exercises import Exercise, exercises, plain, quiz, split, value_of
from tools.lesson_map import title

EXPECT = ("expect", "expect_two_digits")  # of nbhelpers.exercises
ESSAY = {
    "defaultgrade": "1",
    "responseformat": "editor",
    "responserequired": "1",
    "responsefieldlines": "10",
    "attachments": "0",
    "attachmentsrequired": "0",
}
NEAR = 0.006  # who rounds to two digits after the point is right; less where a slip is near
EXACT = 1e-6


def questions(notebook: NotebookNode, lesson: str) -> ElementTree.Element:
    root = ElementTree.Element("quiz")
    category = ElementTree.SubElement(root, "question", type="category")
    _text(category, "category", f"$course$/top/{lesson[:2]} {title(notebook).replace('/', ' or ')}")
    for one in quiz(notebook):
        essay = _question(root, "essay", f"{lesson[:2]} quiz {one.number}", one.text)
        _text(essay, "generalfeedback", markdown2html(one.answer), format="html")
        _text(essay, "graderinfo", markdown2html(one.answer), format="html")
        for tag, setting in ESSAY.items():
            ElementTree.SubElement(essay, tag).text = setting
    for exercise in exercises(notebook):
        known = numbers(notebook, exercise)
        if known and not exercise.pictures:
            _numerical(root, f"{lesson[:2]} exercise {exercise.number}", exercise.question, *known)
    return root


def numbers(notebook: NotebookNode, exercise: Exercise) -> tuple[list[float], dict[float, str]] | None:
    """The number that an exercise asks for, with what its check takes of it rounded or cut off; and the check's hint for
    each wrong one. None if it asks for anything else.

    The check hands the number and the hints to `expect`, which is listened to here.
    """
    _, call = split(exercise.solution.source)
    room, _, check = ast.unparse(call.func).rpartition(".")
    module = importlib.import_module(f"nbhelpers.exercises.{room}")
    heard: list = []
    listeners = {name: _listener(getattr(module, name), heard) for name in EXPECT if hasattr(module, name)}
    value = value_of(notebook, exercise.solution.source)
    with mock.patch.multiple(module, **listeners):
        getattr(module, check)(value)
    if len(heard) != 1 or np.size(heard[0][0]) != 1:
        return None
    right, slips = heard[0]
    wrong = {float(np.ravel(slip)[0]): hint for slip, hint in slips.items() if np.size(slip) == 1}
    right = float(np.ravel(right)[0])
    rounded = [math.floor(100 * right) / 100, math.ceil(100 * right) / 100, float(f"{right:.2g}")]
    taken = [number for number in rounded if getattr(module, check)(number) == "Right."]
    return list(dict.fromkeys([right, *taken])), wrong


def _listener(expect: Callable, heard: list) -> Callable:
    def listening(answer, right, slips, *others, **options):
        heard.append((right, slips))
        return expect(answer, right, slips, *others, **options)

    return listening


def _numerical(
    root: ElementTree.Element, name: str, text: str, rights: list[float], slips: dict[float, str]
) -> None:
    question = _question(root, "numerical", name, text)
    ElementTree.SubElement(question, "defaultgrade").text = "1"
    right, *rounded = rights
    known = {right: "Right."} | {slip: f"Not yet: {hint}" for slip, hint in slips.items() if slip != right}
    near = {}
    for number, feedback in known.items():
        apart = min((abs(number - other) for other in known if other != number), default=1.0)
        near[number] = 0.0 if right.is_integer() else min(NEAR, apart / 3)
        _answer(question, number, 100 if number == right else 0, near[number], feedback)
    for number in rounded:
        if all(abs(number - other) > near[other] + EXACT for other in known):
            _answer(question, number, 100, EXACT, "Right.")


def _answer(question: ElementTree.Element, number: float, fraction: int, near: float, feedback: str) -> None:
    answer = ElementTree.SubElement(question, "answer", fraction=str(fraction), format="moodle_auto_format")
    ElementTree.SubElement(answer, "text").text = f"{number:.10g}"
    ElementTree.SubElement(answer, "tolerance").text = f"{near:.3g}"
    _text(answer, "feedback", feedback, format="html")


def _question(root: ElementTree.Element, kind: str, name: str, text: str) -> ElementTree.Element:
    question = ElementTree.SubElement(root, "question", type=kind)
    _text(question, "name", f"{name}: {plain(text)[:60]}")
    _text(question, "questiontext", markdown2html(text), format="html")
    return question


def _text(parent: ElementTree.Element, tag: str, text: str, **attributes: str) -> None:
    """Moodle wraps every text in an element of that name."""
    ElementTree.SubElement(ElementTree.SubElement(parent, tag, attributes), "text").text = text


def write(path: Path, notebook: NotebookNode, lesson: str) -> None:
    tree = ElementTree.ElementTree(questions(notebook, lesson))
    ElementTree.indent(tree)
    tree.write(path, encoding="utf-8", xml_declaration=True)
