"""The lines that name the repository: badges and setup cell; `make badges REPO=owner/name` rewrites them for a fork."""

import argparse
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SLUG = r"[\w.-]+/[\w.-]+"

SETUP_CELL = r"""import importlib.util
import os
import subprocess
import sys
from pathlib import Path

if importlib.util.find_spec("nbhelpers") is None:  # Colab, Kaggle: --no-deps leaves their torch as it is
    inputs = Path(os.environ.get("KAGGLE_INPUT", "/kaggle/input"))  # `make kaggle` packs a bundle for it
    bundled = [*inputs.glob("*/nbhelpers-*.whl"), *inputs.glob("datasets/*/*/nbhelpers-*.whl")]
    wheels = ["--no-index", *map(str, bundled[0].parent.glob("*.whl"))] if bundled else []
    source = wheels or ["https://github.com/{repository}/archive/HEAD.zip"]
    pip = [sys.executable, "-m", "pip", "install", "-qq", "--no-deps", "--retries=0", *source]
    done = subprocess.run(pip, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"nbhelpers was not fetched: switch this notebook's internet on.\n{{done.stderr}}")

from nbhelpers.notebook import setup

run = setup()"""


def setup_cell(repository: str) -> str:
    """The source of the first code cell, the same in every notebook."""
    return SETUP_CELL.format(repository=repository)


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


def rewrite_all(new: str, root: Path = ROOT) -> list[Path]:
    """Turn README, notebooks and pyproject.toml to the repository `new`; returns the files that changed."""
    old, changed = repository(root), []
    for path in [root / "README.md", *sorted(root.glob("notebooks/*.ipynb")), root / "pyproject.toml"]:
        before = path.read_text("utf-8")
        after = rewritten(before, old, new)
        if after != before:
            path.write_text(after, "utf-8", newline="\n")
            changed.append(path)
    return changed


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        prog="make badges", usage="make badges REPO=owner/name", description=__doc__
    )
    parser.add_argument("repository", metavar="REPO", help="owner/name on GitHub")
    new = parser.parse_args().repository
    if not re.fullmatch(SLUG, new):
        parser.error(f"{new!r} is not owner/name")
    for path in rewrite_all(new):
        print(path.relative_to(ROOT))
