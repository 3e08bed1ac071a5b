"""What a lesson needs and a hosted machine lacks, read from its imports; the setup cell asks for that and no more.

What the machines have stands in tools/platforms/*.txt. Nothing is imported here: the sources of the notebook and of
nbhelpers are read.
"""

import ast
import re
import sys
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from nbformat import NotebookNode
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tools.execution import ROOT, is_code

PLATFORMS = ROOT / "tools" / "platforms"
OURS = ("nbhelpers", "studies")  # what the wheel holds
DISTRIBUTIONS = {  # by module, where the names differ; whichever OpenCV is there serves
    "cv2": ("opencv-python", "opencv-python-headless"),
    "IPython": ("ipython",),
    "PIL": ("pillow",),
    "skimage": ("scikit-image",),
    "sklearn": ("scikit-learn",),
    "yaml": ("pyyaml",),
}


def distributions(module: str) -> set[str]:
    """Names of the packages of which each brings `module`, spelt as pip compares them."""
    return set(map(canonicalize_name, DISTRIBUTIONS.get(module, (module,))))


def on_platform(file: Path) -> dict[str, Requirement]:
    """The packages of a list in tools/platforms by canonical name, with those of the list that it starts from (-r)."""
    found: dict[str, Requirement] = {}
    for line in file.read_text("utf-8").splitlines():
        text = line.split("#")[0].strip()
        if base := re.fullmatch(r"-r (\S+)", text):
            found |= on_platform(file.parent / base[1])
        elif text:
            requirement = Requirement(text)
            found[canonicalize_name(requirement.name)] = requirement
    return found


def needs(notebook: NotebookNode) -> list[str]:
    """The modules that the notebook imports, or nbhelpers for it, and one of the platforms lacks; sorted.

    pip takes the name of each as it is; a module whose package is called otherwise raises ValueError.
    """
    imported = imports(cell.source for cell in notebook.cells if is_code(cell))
    if private := sorted(name for name in imported if (ROOT / name).is_dir()):
        raise ValueError(
            f"the lesson imports {', '.join(private)}, which is in the repository and not in the wheel; on a hosted machine "
            "pip would look for a stranger's package of that name. Import it in `if __name__ == '__main__':`, or move it"
        )
    lists = [on_platform(file) for file in sorted(PLATFORMS.glob("*.txt"))]
    missing = sorted(name for name in imported if not all(distributions(name) & set(have) for have in lists))
    if renamed := DISTRIBUTIONS.keys() & set(missing):
        raise ValueError(f"no platform may lack {renamed}, whose package has another name than its module")
    return missing


def imports(sources: Iterable[str]) -> set[str]:
    """Modules, other than Python's own and ours, that running these sources imports, also inside ours.

    Of nbhelpers' functions and classes only those count whose name is mentioned somewhere on the way: `export` alone
    needs onnxruntime, so that only a lesson which exports does.
    """
    found: set[str] = set()
    mentioned: set[str] = set()
    loaded: set[str] = set()
    unused: list[Statement] = []  # definitions that nobody mentioned yet
    waiting = [Statement(ast.parse(without_magics(source))) for source in sources]
    while waiting:
        for statement in waiting:
            mentioned |= statement.mentions
            found |= statement.imports
        modules = {part for name in found if name.startswith(OURS) for part in _with_parents(name)}
        unused += [statement for module in modules - loaded for statement in _statements(module)]
        loaded |= modules
        waiting = [one for one in unused if one.name is None or one.name in mentioned]
        unused = [one for one in unused if one not in waiting]
    return {name.split(".")[0] for name in found} - set(sys.stdlib_module_names) - set(OURS)


def without_magics(source: str) -> str:
    """A cell with `pass` in the place of IPython's magic and shell lines."""
    return re.sub(r"(?m)^(\s*)[!%].*", r"\1pass", source)


class Statement:
    """A piece of source. name: of the function or class that it defines, else None, for what runs at once.

    mentions: all names in it. imports: the modules that it may import; `from a import b` can mean a.b.
    """

    def __init__(self, tree: ast.AST) -> None:
        definition = isinstance(tree, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        self.name = tree.name if definition else None
        self.mentions: set[str] = set()
        self.imports: set[str] = set()
        for node in ast.walk(tree):
            if isinstance(node, ast.Name):
                self.mentions.add(node.id)
            elif isinstance(node, ast.Attribute):
                self.mentions.add(node.attr)
            elif isinstance(node, ast.alias) and node.asname:
                self.mentions.add(node.name)
            elif isinstance(node, ast.Import):
                self.imports |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                self.imports |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}


def _with_parents(module: str) -> list[str]:
    parts = module.split(".")
    return [".".join(parts[:end]) for end in range(1, len(parts) + 1)]


@cache
def _statements(module: str) -> list[Statement]:
    """What stands at the top level of a module of ours; nothing if there is no such module."""
    base = ROOT.joinpath(*module.split("."))
    for file in (base / "__init__.py", base.with_suffix(".py")):
        if file.is_file():
            return [
                Statement(node) for node in ast.parse(file.read_text("utf-8")).body if not _is_script(node)
            ]
    return []


def _is_script(node: ast.stmt) -> bool:
    """Whether it is `if __name__ == "__main__":`, which no import runs."""
    return isinstance(node, ast.If) and ast.unparse(node.test) == "__name__ == '__main__'"
