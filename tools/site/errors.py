"""The index of errors: every sentence that the package may raise, who raises it, and how one gets there.

Sentences are read from the code, never run: the texts of `raise` and of the exceptions, faults and reasons that
functions hand to it. What stands between pointed brackets is filled in when it happens.
"""

import ast
import hashlib
import html
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tools.badges import repository
from tools.execution import ROOT

HINTS = "exercises"  # a room whose sentences answer a reader and are no errors
STORIES = ROOT / "docs" / "stories.md"
HOLE = "\0"  # between the texts of a sentence, for what is filled in
SHORTEST = 12  # characters of a text that tells one sentence from another


@dataclass
class Sentence:
    """One text with holes: `texts` stand around what `holes` name, so there is one more of them."""

    kind: str  # the exception's name
    texts: list[str]
    holes: list[str]
    module: str
    function: str
    line: int
    promise: str = ""  # what the function's docstring says it raises
    # (file, name, line) of those that provoke it
    tests: list[tuple[str, str, int]] = field(default_factory=list)

    @property
    def room(self) -> str:
        """nbhelpers.datasets.annotations.find is of the room datasets."""
        return self.module.split(".")[1] if "." in self.module else self.module

    @property
    def plain(self) -> str:
        return "".join(text + hole for text, hole in zip(self.texts, [*map("<{}>".format, self.holes), ""]))

    @property
    def anchor(self) -> str:
        """Stays as it is while the sentence does."""
        key = f"{self.module} {self.function} {self.kind} {HOLE.join(self.texts)}"
        return "e-" + hashlib.sha256(key.encode()).hexdigest()[:10]

    @property
    def pieces(self) -> list[str]:
        """What stands in every such message, in this order; white space counts once, as where messages are pasted."""
        return [piece for text in self.texts if (piece := " ".join(text.split()))]

    def is_in(self, message: str) -> bool:
        """As docs/static/site.js finds it."""
        message, place = " ".join(message.split()), 0
        for piece in self.pieces:
            place = message.find(piece, place)
            if place < 0:
                return False
            place += len(piece)
        return True


def sentences(root: Path = ROOT) -> list[Sentence]:
    """All of the package, in the order of its files and lines."""
    found: list[Sentence] = []
    for path in sorted((root / "nbhelpers").rglob("*.py")):
        module = ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__")
        if f".{HINTS}." not in f"{module}.":
            found += _of_module(ast.parse(path.read_text("utf-8")), module)
    return found


def _of_module(tree: ast.Module, module: str) -> Iterator[Sentence]:
    helpers = _handed_on(tree)
    for owner, function in _functions(tree):
        texts = _texts_of_names(function)
        promise = _promise(ast.get_docstring(function) if not isinstance(function, ast.Module) else None)
        seen = set()
        for kind, node in _spoken(function, helpers):
            for spelled in _spellings(node, texts):
                one = Sentence(kind, *spelled, module, owner, node.lineno, promise)
                if max(map(len, one.texts)) >= SHORTEST and one.anchor not in seen:
                    seen.add(one.anchor)
                    yield one


def _functions(tree: ast.Module) -> Iterator[tuple[str, ast.AST]]:
    """(its name, the function) for each, methods as Class.method, and what is inside a function as a part of it."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name, node
        elif isinstance(node, ast.ClassDef):
            for inner in node.body:
                if isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef):
                    yield f"{node.name}.{inner.name}", inner


def _handed_on(tree: ast.Module) -> dict[str, str]:
    """Names of functions whose returned text an exception carries, and that exception's name."""
    found = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and node.name.endswith("_fault"):
            found[node.name] = "ValueError"  # by nbhelpers.datasets.contract.refuse
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
            for call in (one for argument in node.exc.args for one in ast.walk(argument)):
                if isinstance(call, ast.Call):
                    name = getattr(call.func, "attr", getattr(call.func, "id", ""))
                    found.setdefault(name, _name(node.exc.func))
    for node in ast.walk(tree):  # the cures that faults quote
        if isinstance(node, ast.FunctionDef) and node.name in found:
            for call in (one for one in ast.walk(node) if isinstance(one, ast.Call)):
                found.setdefault(getattr(call.func, "id", ""), found[node.name])
    return found


def _name(function: ast.expr) -> str:
    return getattr(function, "attr", getattr(function, "id", ""))


def _spoken(function: ast.AST, helpers: dict[str, str]) -> Iterator[tuple[str, ast.expr]]:
    """(exception, the expression of its text)."""
    for node in ast.walk(function):
        if isinstance(node, ast.Call) and re.search(r"(Error|Exit|Iris|Warning)$", _name(node.func)):
            # OSError's first argument may be a number
            yield from ((_name(node.func), argument) for argument in node.args)
        if isinstance(node, ast.Return) and node.value is not None and function.name in helpers:
            parts = node.value.elts if isinstance(node.value, ast.Tuple) else [node.value]
            yield from ((helpers[function.name], part) for part in parts)


def _texts_of_names(function: ast.AST) -> dict[str, ast.expr]:
    """Local names that hold one text, assigned once."""
    found: dict[str, list[ast.expr]] = {}
    for node in ast.walk(function):
        if isinstance(node, ast.Assign):
            for target in node.targets:
                pairs = [(target, node.value)]
                if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
                    pairs = list(zip(target.elts, node.value.elts))
                for name, value in pairs:
                    if isinstance(name, ast.Name):
                        found.setdefault(name.id, []).append(value)
    return {
        name: values[0]
        for name, values in found.items()
        if len(values) == 1
        and (isinstance(values[0], ast.JoinedStr) or isinstance(getattr(values[0], "value", None), str))
    }


def _spellings(
    node: ast.expr, names: dict[str, ast.expr], depth: int = 0
) -> list[tuple[list[str], list[str]]]:
    """(texts, holes) of an expression that makes a text; several for an `a if b else c`, none for anything else."""
    if isinstance(node, ast.Constant):
        return [([node.value], [])] if isinstance(node.value, str) else []
    if isinstance(node, ast.IfExp):
        return _spellings(node.body, names, depth) + _spellings(node.orelse, names, depth)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        lefts = _spellings(node.left, names, depth) or [(["", ""], [ast.unparse(node.left)])]
        rights = _spellings(node.right, names, depth) or [(["", ""], [ast.unparse(node.right)])]
        return [_joined(left, right) for left in lefts for right in rights]
    if isinstance(node, ast.Name) and node.id in names and depth < 3:
        return _spellings(names[node.id], names, depth + 1)
    if not isinstance(node, ast.JoinedStr):
        return []
    whole: list[tuple[list[str], list[str]]] = [([""], [])]
    for part in node.values:
        inner = part.value if isinstance(part, ast.FormattedValue) else part
        options = _spellings(inner, names, depth + 1) if _is_text(inner, names) else []
        options = options or [(["", ""], [ast.unparse(inner)])]
        whole = [_joined(before, option) for before in whole for option in options]
    return whole


def _is_text(node: ast.expr, names: dict[str, ast.expr]) -> bool:
    if isinstance(node, ast.IfExp):
        return _is_text(node.body, names) and _is_text(node.orelse, names)
    return isinstance(node, ast.Constant | ast.JoinedStr) or (isinstance(node, ast.Name) and node.id in names)


def _joined(left: tuple[list[str], list[str]], right: tuple[list[str], list[str]]):
    (texts, holes), (more, others) = left, right
    return [*texts[:-1], texts[-1] + more[0], *more[1:]], [*holes, *others]


def _promise(docstring: str | None) -> str:
    """The sentences of a docstring that begin with Raises."""
    found = re.findall(r"(?:^|(?<=[.\s]))Raises .*?\.(?=\s|$)", docstring or "", re.DOTALL)
    return " ".join(" ".join(found).split())


# ------------------------------------------------------------------------------------------------ tests


def find_tests(found: list[Sentence], root: Path = ROOT) -> None:
    """Fill in `tests`: those of tests/ that hold a text which the sentence has, too."""
    places: dict[str, list[tuple[str, str, int]]] = {}  # of each text
    for path in sorted((root / "tests").rglob("test_*.py")):
        tree, file = ast.parse(path.read_text("utf-8")), path.relative_to(root).as_posix()
        tables = {  # strings of the tables above the tests
            target.id: _strings(node)
            for node in tree.body
            if isinstance(node, ast.Assign)
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        for test in (node for node in tree.body if getattr(node, "name", "").startswith("test_")):
            used = {node.id for node in ast.walk(test) if isinstance(node, ast.Name)} & tables.keys()
            strings = [*_strings(test), *(one for name in sorted(used) for one in tables[name])]
            for one in dict.fromkeys(strings):
                places.setdefault(one, []).append((file, test.name, test.lineno))
    for sentence in found:
        parts = [text.strip() for text in sentence.texts if len(text.strip()) >= 18]
        for plain, tests in places.items():
            if any(plain in text for text in sentence.texts) or any(text in plain for text in parts):
                sentence.tests += [test for test in tests if test not in sentence.tests]


def _strings(node: ast.AST) -> list[str]:
    """The pieces of texts in a test that are long enough to know a sentence by; patterns are cut at their wildcards."""
    found = (
        one.value for one in ast.walk(node) if isinstance(one, ast.Constant) and isinstance(one.value, str)
    )
    pieces = (re.sub(r"\\(.)", r"\1", piece) for text in found for piece in re.split(r"\.[*+]|\\d\+", text))
    return [piece for piece in pieces if len(piece) >= SHORTEST and " " in piece.strip()]


# ------------------------------------------------------------------------------------------------ pages


def stories(path: Path = STORIES) -> dict[str, str]:
    """The texts of docs/stories.md by their headings, which are names of modules and rooms."""
    parts = re.split(r"^## (nbhelpers[\w.]*)\n", path.read_text("utf-8"), flags=re.MULTILINE)
    return {name: text.strip() for name, text in zip(parts[1::2], parts[2::2])}


def write_errors(stage: Path) -> None:
    """A page a room, the page they hang from, and errors.json, by which that page finds a pasted message."""
    found = sentences()
    find_tests(found)
    told = stories()
    folder = stage / "errors"
    folder.mkdir(parents=True)
    rooms: dict[str, list[Sentence]] = {}
    for sentence in found:
        rooms.setdefault(sentence.room, []).append(sentence)
    for room, inside in rooms.items():
        lines = [f"# Errors of {room}", told.get(f"nbhelpers.{room}", "")]
        by_module: dict[str, list[Sentence]] = {}
        for sentence in inside:
            by_module.setdefault(sentence.module, []).append(sentence)
        shown = {f"nbhelpers.{room}"}
        for module, those in by_module.items():
            parts = module.split(".")
            above = [".".join(parts[:count]) for count in range(3, len(parts) + 1)]
            lines += [f"## {module}", *(told.get(place, "") for place in above if place not in shown)]
            shown |= set(above)
            lines += [_entry(sentence) for sentence in those]
        (folder / f"{room}.md").write_text("\n\n".join(filter(None, lines)) + "\n", "utf-8")
    index = [
        [sentence.pieces, f"{sentence.room}.html#{sentence.anchor}", sentence.plain] for sentence in found
    ]
    (stage / "static").mkdir(exist_ok=True)
    (stage / "static" / "errors.json").write_text(json.dumps(index, indent=0), "utf-8")
    rows = [
        f"| [{room}]({room}.md) | {len(inside)} | {told.get(f'nbhelpers.{room}', '').partition('. ')[0]} |".replace(
            "\n", " "
        )
        for room, inside in rooms.items()
    ]
    template = (ROOT / "docs" / "errors.md").read_text("utf-8")
    table = "\n".join(["| room | sentences | where one meets them |", "|---|--:|---|", *rows])
    names = "\n".join(rooms)
    text = template.replace("@COUNT@", str(len(found))).replace("@ROOMS@", table)
    (folder / "index.md").write_text(f"{text}\n```{{toctree}}\n:hidden:\n\n{names}\n```\n", "utf-8")


def _entry(sentence: Sentence) -> str:
    """One error as HTML: the sentence, what fills its holes, who raises it, and the tests that do so."""
    pieces = [html.escape(sentence.texts[0])]
    for hole, text in zip(sentence.holes, sentence.texts[1:]):
        pieces += [f"<var>⟨{html.escape(_short(hole))}⟩</var>", html.escape(text)]
    source = f"https://github.com/{repository()}/blob/main/{sentence.module.replace('.', '/')}.py"
    if not (ROOT / f"{sentence.module.replace('.', '/')}.py").exists():
        source = source.removesuffix(".py") + "/__init__.py"
    story = [
        f'raised by <a href="{source}#L{sentence.line}"><code>{sentence.module}.{sentence.function}</code></a>'
    ]
    if sentence.promise:
        story.append(f"It promises: {html.escape(sentence.promise)}")
    if sentence.tests:
        links = [
            f'<a href="https://github.com/{repository()}/blob/main/{file}#L{line}">'
            f"{name.removeprefix('test_').replace('_', ' ')}</a>"
            for file, name, line in sentence.tests[:3]
        ]
        story.append("Tried in: " + "; ".join(links))
    told = "".join(f"<li>{one}</li>" for one in story)
    message = "".join(pieces).replace("\n", "<br>")
    return (
        f'<div class="error" id="{sentence.anchor}"><p><b>{sentence.kind}</b> {message}</p>'
        f"<ul>{told}</ul></div>"
    )


def _short(hole: str) -> str:
    return hole if len(hole) <= 40 else hole[:37] + "..."
