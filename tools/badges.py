"""Badges and setup cells: `make badges` writes them all anew, for a fork `make badges REPO=owner/name`."""

import argparse
import json
import re
from collections.abc import Sequence
from pathlib import Path

import nbformat

from tools.execution import ROOT, is_code
from tools.needs import needs

TEXTS = ("README.md", "CITATION.cff", "pyproject.toml")  # and the notebooks name the repository
SLUG = r"[\w.-]+/[\w.-]+"

SETUP_CELL = """from importlib.util import find_spec

if find_spec("nbhelpers") is None:  # on Colab and Kaggle: fetch it, and leave all that they have as it is
    import subprocess
    import sys
    from glob import glob

    source = ["https://github.com/{repository}/archive/HEAD.zip"]
    bundle = glob("../input/*/nbhelpers-*.whl") + glob("../input/datasets/*/*/nbhelpers-*.whl")
    if subprocess.call([sys.executable, "-m", "pip", "install", "-qq", "--no-deps", *(bundle or source)]):
        raise RuntimeError("nbhelpers was not fetched: switch this notebook's internet on and run it again")

from nbhelpers.notebook import setup

run = setup({needs})"""


def setup_cell(repository: str, needs: Sequence[str] = ()) -> str:
    """The source of the first code cell, for a lesson that needs these packages besides nbhelpers (tools/needs.py)."""
    asked = f"needs=[{', '.join(map(json.dumps, needs))}]" if needs else ""
    return SETUP_CELL.format(repository=repository, needs=asked)


def badge_line(repository: str, name: str) -> str:
    """The badges under the title of notebooks/<name>.ipynb: open it on Colab, Binder or Kaggle."""
    page = f"{repository}/blob/main/notebooks/{name}.ipynb"
    return " ".join(
        f"[![{alt}]({picture})]({link})"
        for alt, picture, link in (
            (
                "Open in Colab",
                "https://colab.research.google.com/assets/colab-badge.svg",
                f"https://colab.research.google.com/github/{page}",
            ),
            (
                "Launch on Binder",
                "https://mybinder.org/badge_logo.svg",
                f"https://mybinder.org/v2/gh/{repository}/main?labpath=notebooks%2F{name}.ipynb",
            ),
            (
                "Open in Kaggle",
                "https://kaggle.com/static/images/open-in-kaggle.svg",
                f"https://kaggle.com/kernels/welcome?src=https://github.com/{page}",
            ),
        )
    )


def repository(root: Path = ROOT) -> str:
    """The slug owner/name that stands in pyproject.toml."""
    found = re.search(
        rf'^repository = "({SLUG})"$', (root / "pyproject.toml").read_text("utf-8"), re.MULTILINE
    )
    if not found:
        raise ValueError(f'{root / "pyproject.toml"} has no line `repository = "owner/name"`')
    return found[1]


def rewritten(text: str, old: str, new: str) -> str:
    """`text` with every link to the repository `old`, and pyproject.toml's own line, turned to `new`."""
    before = r'(github\.com/|github\.com%2F|/github/|/gh/|repository = ")'
    return re.sub(rf"{before}{re.escape(old)}(?![\w-])", lambda match: match[1] + new, text)


def with_setup_cell(text: str, repository: str) -> str:
    """A notebook's file with the setup cell that its imports ask for."""
    notebook = nbformat.reads(text, as_version=4)
    first = next((cell for cell in notebook.cells if is_code(cell)), None)
    wanted = setup_cell(repository, needs(notebook))
    if first is None or first.source == wanted:
        return text
    first.source = wanted
    return nbformat.writes(notebook) + "\n"


def rewrite_all(new: str, root: Path = ROOT) -> list[Path]:
    """Turn README, notebooks, citation and pyproject.toml to the repository `new`; returns the files that changed."""
    old, changed = repository(root), []
    for path in [*map(root.joinpath, TEXTS), *sorted(root.glob("notebooks/*.ipynb"))]:
        before = path.read_text("utf-8")
        after = rewritten(before, old, new)
        if path.suffix == ".ipynb":
            after = with_setup_cell(after, new)
        if after != before:
            path.write_text(after, "utf-8", newline="\n")
            changed.append(path)
    return changed


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        prog="make badges", usage="make badges [REPO=owner/name]", description=__doc__
    )
    parser.add_argument(
        "repository", metavar="REPO", nargs="?", default=repository(),
        help="owner/name on GitHub; default: the one that pyproject.toml names",
    )  # fmt: skip
    new = parser.parse_args().repository
    if not re.fullmatch(SLUG, new):
        parser.error(f"{new!r} is not owner/name")
    for path in rewrite_all(new):
        print(path.relative_to(ROOT))
