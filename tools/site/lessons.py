"""The notebooks as the site shows them, and the map of lessons.

Nothing is executed, and no output is changed but in form: source code that a notebook shows is coloured by the site's own
style, which knows light and dark, and badges, whose pictures would be fetched from other servers, become plain links.
"""

import html
import json
import re
from pathlib import Path, PurePosixPath

import nbformat
from nbformat import NotebookNode

from tools import lesson_map
from tools.badges import repository
from tools.execution import ROOT, is_code

BADGE = re.compile(r"\[!\[([^\]]*)\]\([^)]*\)\]\(([^)]*)\)")  # a picture that links
LINK = re.compile(r"(?<=\]\()(?!\w+:|#)([^)\s]+)")  # a relative target


def staged(notebook: NotebookNode, name: str, made_by: dict | None = None) -> NotebookNode:
    """A copy of notebooks/<name>.ipynb for Sphinx; `made_by` is its entry in benchmarks/results/notebooks.json."""
    page = nbformat.from_dict(notebook)
    for cell in page.cells:
        if not is_code(cell):
            plain = re.sub(r"(?<=\)) (?=\[!\[)", " · ", cell.source)  # between badges
            cell.source = to_github(BADGE.sub(r"[\1](\2)", plain), "notebooks")
            continue
        tags = cell.metadata.setdefault("tags", [])
        if "solution" in tags:
            tags.append("hide-cell")
            cell.metadata["mystnb"] = {"code_prompt_show": "Solution", "code_prompt_hide": "Solution"}
        elif cell.source.startswith("from importlib.util import find_spec"):
            tags.append("hide-input")
            cell.metadata["mystnb"] = {"code_prompt_show": "Setup", "code_prompt_hide": "Setup"}
        for output in cell.get("outputs", []):
            if "text/latex" in output.get("data", {}):  # of IPython's Code: the text is the source
                output.data = NotebookNode(
                    {"text/markdown": f"````python\n{output.data['text/plain']}\n````"}
                )
    here = f"https://github.com/{repository()}/blob/main/notebooks/{name}.ipynb"
    first = page.cells[0]
    first.source = re.sub(
        r"^(\[Open in Colab\].*)$",
        rf"\1 · [on GitHub]({here})",
        first.source,
        count=1,
        flags=re.M,
    )
    if made_by:
        page.cells.append(nbformat.v4.new_markdown_cell(executed(made_by), id="executed-by"))
    page.metadata["file_format"] = "mystnb"
    return page


def to_github(text: str, folder: str) -> str:
    """Markdown of a file in `folder` of the repository: links to files that are no page of the site lead to GitHub."""

    def turned(match: re.Match) -> str:
        path, _, anchor = match[1].partition("#")
        parts: list[str] = []
        for part in PurePosixPath(folder, path).parts:
            parts = parts[:-1] if part == ".." else [*parts, part]
        here = "/".join(parts)
        lesson = re.fullmatch(r"notebooks/[\w-]+\.ipynb", here)
        if lesson:
            return path.rpartition("/")[2] if folder == "notebooks" else here
        kind = "tree" if (ROOT / here).is_dir() else "blob"
        return f"https://github.com/{repository()}/{kind}/main/{here}" + (f"#{anchor}" if anchor else "")

    return LINK.sub(turned, text)


def executed(made_by: dict) -> str:
    """Which machine and versions a lesson's outputs come from."""
    versions = ", ".join(f"{name} {version}" for name, version in made_by["versions"].items())
    return (
        f"---\n\n*This page's outputs were made by `{made_by['command']}` in {made_by['seconds']:.0f} s, with at most "
        f"{made_by['peak_mb'] / 1000:.1f} GB of memory, on {made_by['machine']}; {versions}.*"
    )


def write_lessons(stage: Path) -> None:
    """Write the staged notebooks, the lessons' small pictures, and the map into `stage`."""
    costs = json.loads((ROOT / "benchmarks" / "results" / "notebooks.json").read_text("utf-8"))
    folder, pictures = stage / "notebooks", stage / "static" / "lessons"
    folder.mkdir(parents=True)
    pictures.mkdir(parents=True)
    cards, names = [], []
    for name, notebook in lesson_map.lessons().items():
        nbformat.write(staged(notebook, name, costs.get(name)), folder / f"{name}.ipynb")
        image, alt = lesson_map.cover(notebook, name)
        (pictures / f"{name}.jpg").write_bytes(image)
        names.append(f"{name[:2]} {lesson_map.title(notebook)} <notebooks/{name}>")
        cards.append(card(name, lesson_map.title(notebook), alt, costs.get(name)))
    (stage / "lessons.md").write_text(
        "# The lessons\n\nEach takes one idea or one paper, builds it piece by piece, trains it, and shows what it got right "
        "and what it got wrong. The times are of two plain processor cores.\n\n"
        '<ul class="lessons">\n' + "\n".join(cards) + "\n</ul>\n\n"
        "```{toctree}\n:hidden:\n\n" + "\n".join(names) + "\n```\n",
        "utf-8",
    )


def card(name: str, title: str, alt: str, cost: dict | None) -> str:
    question, seconds = lesson_map.LESSONS[name][0], f"<small>{cost['seconds']:.0f} s</small>" if cost else ""
    return (
        f'<li><a href="notebooks/{name}.html"><img src="_static/lessons/{name}.jpg" alt="{html.escape(alt)}" '
        f'width="320" loading="lazy"><b>{name[:2]} {html.escape(title)}</b></a><span>{html.escape(question)}</span>'
        f"{seconds}</li>"
    )
