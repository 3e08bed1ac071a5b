"""Small edits of the notebooks' solutions: each makes a mutant, which an exercise's check should not call right.

A mutant that it does call right is a survivor: a defect of the check, or the same answer in other words.
"""

import ast
import copy
import inspect
import json
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from nbhelpers.exercises import NotYet, as_numbers
from tests.exercises.tables import EXERCISES, RIGHT

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"

OPERATORS = {
    ast.Add: (ast.Sub,),
    ast.Sub: (ast.Add,),
    ast.Mult: (ast.Div, ast.Add),
    ast.Div: (ast.Mult, ast.FloorDiv),
    ast.FloorDiv: (ast.Mult, ast.Div),
    ast.Pow: (ast.Mult,),
    ast.BitAnd: (ast.BitOr,),
    ast.BitOr: (ast.BitAnd,),
    ast.BitXor: (ast.BitAnd, ast.BitOr),
    ast.MatMult: (ast.Mult,),
    ast.Lt: (ast.LtE, ast.Gt),
    ast.LtE: (ast.Lt,),
    ast.Gt: (ast.GtE, ast.Lt),
    ast.GtE: (ast.Gt,),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.In: (ast.NotIn,),
}
NAMES = {  # what is easily taken for another
    "mean": ("sum", "amax"),
    "sum": ("mean",),
    "argmax": ("argmin",),
    "max": ("min",),
    "any": ("all",),
    "softmax": ("sigmoid", "log_softmax"),
    "sigmoid": ("tanh",),
    "relu": ("abs", "sigmoid"),
    "sin": ("cos",),
    "cos": ("sin",),
    "adaptive_avg_pool2d": ("adaptive_max_pool2d", "avg_pool2d"),
    "stack": ("cat",),
    "gather": ("take_along_dim",),
    "long": ("byte", "float"),
}
TEXTS = ("nearest", "nearest-exact", "bilinear", "bicubic", "area")
LETTERS = {"mci,omj->ocij": ("mci,omj->ocji", "mci,omj->coij", "mci,onj->ocij", "mci,omj->omij")}


@dataclass
class Solution:
    """A solution cell: its statements, of which the last makes `answer_`, and the names it needs."""

    tree: ast.Module
    names: dict[str, Any]
    check: Callable[[Any], str]

    def answer(self, code: str | None = None) -> Any:
        """What the cell, or its mutant `code`, hands to the check."""
        names = dict(self.names)
        exec(compile(code or ast.unparse(self.tree), "<solution>", "exec"), names)
        return names["answer_"]

    def survives(self, code: str) -> bool:
        """Whether the mutant `code` is called right, though its answer is not the solution's own number."""
        try:
            with np.errstate(all="ignore"), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                answer = self.answer(code)
        except Exception:  # it stops before there is an answer
            return False
        return self.check(answer) == "Right." and not self._same(answer)

    def _same(self, answer: Any) -> bool:
        try:
            given, right = as_numbers(answer), as_numbers(self.answer())
        except NotYet:  # functions, or words
            return answer == self.answer()
        return given.shape == right.shape and np.allclose(given, right, rtol=1e-9, atol=0)


def solutions() -> dict[str, Solution]:
    """The solutions of all notebooks, by the exercise's number."""
    found = {}
    for path in sorted(NOTEBOOKS.glob("[0-9][0-9]_*.ipynb")):
        cells = [cell for cell in json.loads(path.read_text("utf-8"))["cells"] if cell["cell_type"] == "code"]
        trees = [ast.parse("".join(cell["source"])) for cell in cells]
        imports = [
            node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)
        ]
        own = [tree for cell, tree in zip(cells, trees) if "solution" in cell["metadata"].get("tags", [])]
        for number, tree in enumerate(own, 1):
            name = f"{int(path.name[:2])}.{number}"
            tree.body = [node for node in tree.body if not isinstance(node, ast.Assert)]
            call = tree.body[-1].value
            assert ast.unparse(call.func).endswith("." + EXERCISES[name].__name__), (
                f"{name} checks another answer"
            )
            tree.body[-1] = ast.Assign([ast.Name("answer_", ast.Store())], call.args[0], lineno=1)
            found[name] = Solution(tree, _imported(imports, tree), EXERCISES[name])
    return found


def other_ways() -> dict[str, list[Solution]]:
    """The functions among the right answers, as solutions that can be edited, by the exercise's number."""
    found = {name: [] for name in EXERCISES}
    for name, check in EXERCISES.items():
        for function in (answer for other, answer in RIGHT if other is check):
            if inspect.isfunction(function) and function.__qualname__ in vars(inspect.getmodule(function)):
                tree = ast.parse(f"{inspect.getsource(function)}answer_ = {function.__name__}")
                found[name].append(Solution(tree, dict(vars(inspect.getmodule(function))), check))
    return found


def _imported(imports: list[ast.stmt], tree: ast.Module) -> dict[str, Any]:
    """The names that `tree` uses, as the notebook imports them; nothing else of it runs."""
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    names = {}
    for node in imports:
        for alias in node.names:
            if (alias.asname or alias.name) in used:
                single = copy.copy(node)
                single.names = [alias]
                exec(ast.unparse(single), names)
    return names


def mutants(tree: ast.Module) -> Iterator[str]:
    """The code of `tree` after one edit, each once."""
    tree = copy.deepcopy(tree)
    seen = {ast.unparse(tree)}
    for place, node in list(_places(tree)):
        for other in _edits(node, _parameters(tree, node)):
            place(other)
            try:
                code = ast.unparse(ast.fix_missing_locations(tree))
            finally:
                place(node)
            if code not in seen:
                seen.add(code)
                yield code


def _places(tree: ast.AST) -> Iterator[tuple[Callable[[Any], None], ast.AST]]:
    """Every node below `tree`, with a function that puts another in its place."""
    for parent in ast.walk(tree):
        for field, value in ast.iter_fields(parent):
            if isinstance(value, ast.AST):
                yield lambda node, parent=parent, field=field: setattr(parent, field, node), value
            elif isinstance(value, list):
                for i, item in enumerate(value):
                    if isinstance(item, ast.AST):
                        yield lambda node, value=value, i=i: value.__setitem__(i, node), item


def _parameters(tree: ast.Module, node: ast.AST) -> list[str]:
    """The arguments of the function that `node` stands in."""
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef) and any(node is inner for inner in ast.walk(function)):
            return [argument.arg for argument in function.args.args]
    return []


def _edits(node: ast.AST, parameters: list[str]) -> Iterator[ast.AST]:
    """What may stand in the place of `node`, by one slip of the hand."""
    if isinstance(node, ast.operator | ast.cmpop):
        yield from (other() for other in OPERATORS.get(type(node), ()))
    elif isinstance(node, ast.BinOp):  # a term is dropped
        yield from (node.left, node.right)
    elif isinstance(node, ast.UnaryOp):
        yield node.operand
    elif isinstance(node, ast.Constant):
        yield from map(ast.Constant, _constants(node.value))
    elif isinstance(node, ast.Tuple | ast.List | ast.Set):
        for i in range(len(node.elts) - 1):  # two change places
            yield _with(node, elts=[*node.elts[:i], node.elts[i + 1], node.elts[i], *node.elts[i + 2 :]])
        for i in range(len(node.elts) if len(node.elts) > 1 else 0):
            yield _with(node, elts=node.elts[:i] + node.elts[i + 1 :])
    elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id in parameters:
        yield from (ast.Name(other, ast.Load()) for other in parameters if other != node.id)
        yield ast.Subscript(node, ast.Slice(upper=ast.Constant(1)), ast.Load())  # the first of the batch
    elif isinstance(node, ast.Attribute):
        yield from (_with(node, attr=other) for other in NAMES.get(node.attr, ()))
        if isinstance(node.ctx, ast.Load):
            yield node.value
    elif isinstance(node, ast.Call):
        yield from _other_calls(node)
    elif isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load):
        yield node.value
    elif isinstance(node, ast.Slice):
        for part in ("lower", "upper", "step"):
            if getattr(node, part):
                yield _with(node, **{part: None})
    elif isinstance(node, ast.IfExp):
        yield from (node.body, node.orelse)
    elif isinstance(node, ast.comprehension) and node.ifs:
        yield _with(node, ifs=[])
    elif isinstance(node, ast.If):
        yield from (_with(node, test=ast.Constant(value)) for value in (True, False))
    elif isinstance(node, ast.AugAssign | ast.For) or (
        isinstance(node, ast.Expr) and not isinstance(node.value, ast.Constant)  # no docstring
    ):
        yield ast.Pass()


def _other_calls(node: ast.Call) -> Iterator[ast.AST]:
    """The call left out, one of its arguments, two of them swapped."""
    if isinstance(node.func, ast.Attribute):
        yield node.func.value
    if isinstance(node.func, ast.Name):
        yield from (_with(node, func=ast.Name(other, ast.Load())) for other in NAMES.get(node.func.id, ()))
    yield from node.args[:1]
    for i in range(len(node.args) - 1):
        yield _with(node, args=[*node.args[:i], node.args[i + 1], node.args[i], *node.args[i + 2 :]])
    for kind in ("args", "keywords"):
        arguments = getattr(node, kind)
        for i in range(len(arguments)):
            yield _with(node, **{kind: arguments[:i] + arguments[i + 1 :]})


def _constants(value: Any) -> Iterator[Any]:
    if isinstance(value, bool):
        yield not value
    elif isinstance(value, int | float):
        yield from (value + 1, value - 1, 2 * value, value / 2 if isinstance(value, float) else value // 2)
    elif value in TEXTS:
        yield from (text for text in TEXTS if text != value)
    elif isinstance(value, str):
        yield from LETTERS.get(value, ())
        words = value.split()
        if len(words) > 1:
            yield " ".join(words[::-1])
            yield " ".join(words[:-1])
            if value.replace(" ", "").isdecimal():
                yield " ".join(str(int(word) - 1) for word in words)


def _with(node: ast.AST, **changes: Any) -> ast.AST:
    other = copy.copy(node)
    for name, value in changes.items():
        setattr(other, name, value)
    return other
