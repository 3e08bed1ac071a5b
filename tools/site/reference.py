"""The reference: a page a room of the package, which Sphinx's autodoc fills from the docstrings.

A room's page shows what its `__all__` names, and the modules inside it that lessons, README and docs import from; the
rest is the room's own affair.
"""

import ast
import re
from functools import cache
from pathlib import Path

import nbformat

from tools.execution import ROOT, is_code

UNLISTED = {"exercises"}  # a check an exercise; its place is the lesson
IMPORT = re.compile(r"^\s*from (nbhelpers[\w.]*) import", re.MULTILINE)


def used_modules(root: Path = ROOT) -> set[str]:
    """Modules of nbhelpers that a lesson, the README or a page of docs imports from."""
    found: set[str] = set()
    for path in sorted((root / "notebooks").glob("*.ipynb")):
        for cell in filter(is_code, nbformat.read(path, as_version=4).cells):
            found |= set(IMPORT.findall(cell.source))
    for path in [root / "README.md", *(root / "docs").rglob("*.md")]:
        text = path.read_text("utf-8")
        found |= set(IMPORT.findall(text)) | set(re.findall(r"`(nbhelpers(?:\.\w+)+)`", text))
    return found


def public_names(module: str, room: str) -> tuple[list[str], bool]:
    """The names of a module that are public, and whether its `__all__` says so; without those of other rooms."""
    tree = _tree(module)
    for node in tree.body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "__all__":
            names = [element.value for element in node.value.elts]
            return [
                name for name in names if f"{home_of(name, module)}.".startswith(f"nbhelpers.{room}.")
            ], True
    defined = [node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)]
    return [name for name in defined if not name.startswith("_")], False


def home_of(name: str, module: str) -> str:
    """The module that defines what `module` calls `name`."""
    for node in _tree(module).body:
        if isinstance(node, ast.ImportFrom) and any((one.asname or one.name) == name for one in node.names):
            return home_of(name, node.module)
    return module


@cache
def _tree(module: str) -> ast.Module:
    path = ROOT / module.replace(".", "/")
    path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    return ast.parse(path.read_text("utf-8"))


def write_reference(stage: Path) -> None:
    """stage/reference/<room>.md for each room, and the page they hang from."""
    used, folder = used_modules(), stage / "reference"
    folder.mkdir(parents=True)
    rooms, rows = [], []
    for entry in sorted((ROOT / "nbhelpers").iterdir()):
        room = entry.stem
        if (
            room.startswith("_")
            or room in UNLISTED
            or not (entry.suffix == ".py" or (entry / "__init__.py").exists())
        ):
            continue
        home = entry / "__init__.py" if entry.is_dir() else entry
        page, shown = [f"# nbhelpers.{room}"], set()
        for path in [home, *(path for path in sorted(entry.rglob("*.py")) if path != home)]:
            module = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
            names, listed = public_names(module, room)
            new = [name for name in names if name not in shown]
            if path != home and (
                path.stem == "__main__" or not new or not (room == "models" or module in used)
            ):
                continue
            shown |= set(new)
            page += [f"## {module}"] if path != home else []
            page.append(automodule(module, new, imported=listed))
        (folder / f"{room}.md").write_text("\n\n".join(page) + "\n", "utf-8")
        rooms.append(room)
        about = (ast.get_docstring(_tree(f"nbhelpers.{room}")) or "").split("\n\n")[0].replace("\n", " ")
        rows.append(f"| [nbhelpers.{room}]({room}.md) | {about} |")
    text = "# Reference\n\nWhat lessons import, by room; each entry is the docstring of the code.\n\n"
    text += "\n".join(["| room | what is in it |", "|---|---|", *rows])
    text += "\n\n```{toctree}\n:hidden:\n\n" + "\n".join(rooms) + "\n```\n"
    (folder / "index.md").write_text(text, "utf-8")


def automodule(module: str, names: list[str], *, imported: bool) -> str:
    members = [f"   :members: {', '.join(names)}"] if names else []
    also = ["   :imported-members:"] if imported else []
    return "\n".join(["```{eval-rst}", f".. automodule:: {module}", *members, *also, "```"])
