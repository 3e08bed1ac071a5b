"""What every notebook of the collection has and does not have; tests/project/test_notebooks.py holds them all to it.

A rule takes a `Page` and yields a sentence for each thing that is wrong.
"""

import ast
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from tools.badges import badge_line, setup_cell
from tools.execution import ROOT, fingerprint, is_code
from tools.needs import needs, without_magics

RESULTS = ROOT / "benchmarks" / "results"
MAX_BYTES = 800_000
MAX_LINES = 40
TAGS = {  # and what acts on them
    "score": "make run prints this cell's output at its end",
    "exercise": "the reader's own code goes here",
    "solution": "the answer to the exercise above, collapsed",
    "raises-exception": "the error is what the reader shall see",
    "nbval-check-output": "nbval compares this cell's output with the committed one",
    "nbval-ignore-output": "nbval does not, whatever its options",
}
MACHINE_PATH = re.compile(
    r"(?<![\w.:/-])(?:/(?:home|Users|root|tmp|work|opt|mnt|private|content)/\w|[A-Z]:\\\w)"
)
ACCOUNT = re.compile(
    r"\b(?:login|log_in|api_?key|getpass|wandb|drive\.mount|userdata\.get|hf_token|kaggle\.json)\b",
    re.IGNORECASE,
)
ADDRESS = re.compile(r"\bat 0x[0-9a-f]{6,}")
DECIMAL = re.compile(r"(?<![\w.,/-])\d+\.\d+(?![\w.]*\w)")
LICENCE = re.compile(r"licen[cs]e|\bCC[ -]BY|\bCC0\b|public domain", re.IGNORECASE)


@dataclass(frozen=True)
class Page:
    """One notebook file, as the rules see it."""

    path: Path
    repository: str

    @cached_property
    def notebook(self) -> NotebookNode:
        return nbformat.read(self.path, as_version=4)

    @cached_property
    def code(self) -> list[NotebookNode]:
        return [cell for cell in self.notebook.cells if is_code(cell)]

    @cached_property
    def prose(self) -> list[str]:
        """The Markdown cells, without code blocks and code spans: nothing in there is a heading or a link."""
        cells = [cell.source for cell in self.notebook.cells if cell.cell_type == "markdown"]
        return [re.sub(r"```.*?```|`[^`\n]*`", "", source, flags=re.DOTALL) for source in cells]

    @cached_property
    def introduction(self) -> str:
        """All Markdown before the first code cell."""
        cells = self.notebook.cells
        first = next((index for index, cell in enumerate(cells) if is_code(cell)), len(cells))
        return "\n\n".join(cell.source for cell in cells[:first] if cell.cell_type == "markdown")

    @property
    def outputs(self) -> Iterator[tuple[int, NotebookNode]]:
        """(number of the code cell, counted from 1; one of its outputs)."""
        for number, cell in enumerate(self.code, start=1):
            for output in cell.outputs:
                yield number, output


def one_title(page: Page) -> Iterator[str]:
    titles = [line for source in page.prose for line in source.splitlines() if re.match(r"# \S", line)]
    if len(titles) != 1:
        yield f"has {len(titles)} titles of the first level; it must have one: {titles}"
    first = page.notebook.cells[0] if page.notebook.cells else None
    if first is None or first.cell_type != "markdown" or not first.source.startswith("# "):
        yield "does not begin with its title"


def badges(page: Page) -> Iterator[str]:
    line = badge_line(page.repository, page.path.stem)
    if line not in page.introduction.splitlines():
        yield f"lacks the line of badges under its title: {line}"


def promise(page: Page) -> Iterator[str]:
    before = re.split(r"^\*\*", page.prose[0], flags=re.MULTILINE)[0] if page.prose else ""
    if not any(line.strip() and not line.startswith(("#", "[![")) for line in before.splitlines()):
        yield "lacks the one-line promise under title and badges, in the first cell"


def introduction(page: Page) -> Iterator[str]:
    """The bold words with which a reader finds out whether this page is for them."""
    for label, needed, what in (
        ("You will be able to", r"^\s*[-*] .+", "a list of what it teaches"),
        ("You need", r"\w", "what a reader must know before"),
        ("Takes", r"\d+(?:\.\d+)? ?(?:s\b|seconds?|min)", "the measured time"),
        ("Data", LICENCE.pattern, "name, size and licence"),
    ):
        found = re.search(
            rf"\*\*{label}\b[^*\n]*\*\*(.*?)(?=\n\s*\*\*[A-Z]|\Z)", page.introduction, re.DOTALL
        )
        if not found:
            yield f"lacks **{label}** before the first code cell"
        elif not re.search(needed, found[1], re.MULTILINE | re.IGNORECASE):
            yield f"**{label}** must be followed by {what}"


def setup_first(page: Page) -> Iterator[str]:
    if not page.code or page.code[0].source != setup_cell(page.repository, needs(page.notebook)):
        yield "its first code cell is not the setup cell that its imports ask for: run make badges"


def executed_in_order(page: Page) -> Iterator[str]:
    counts = [cell.execution_count for cell in page.code]
    if counts != list(range(1, len(counts) + 1)):
        yield f"was not executed once from top to bottom (execution counts {counts}): run make notebooks"
    elif page.notebook.metadata.get("nbhelpers", {}).get("executed") != fingerprint(page.notebook):
        yield "its outputs are older than its code: run make notebooks"


def no_errors(page: Page) -> Iterator[str]:
    for number, cell in enumerate(page.code, start=1):
        meant = "raises-exception" in cell.metadata.get("tags", [])
        for output in cell.outputs:
            if output.output_type == "error" and not meant:
                yield f"code cell {number} ended in {output.ename}: {output.evalue}"


def figures_have_alt_text(page: Page) -> Iterator[str]:
    for number, output in page.outputs:
        for kind in output.get("data", {}):
            if kind.startswith("image/") and not output.metadata.get(kind, {}).get("alt", "").strip():
                yield f"code cell {number} shows a picture without alt text: use a function of nbhelpers.visualisation"
        yield from _unnamed_pictures(
            f"the output of code cell {number}", output.get("data", {}).get("text/html", "")
        )
    for source in page.prose:
        if re.search(r"!\[\s*\]", source):
            yield "a Markdown picture has no alt text between its brackets"
        yield from _unnamed_pictures("a Markdown cell", source)


def _unnamed_pictures(where: str, html: str) -> Iterator[str]:
    for tag in re.findall(r"<img\b[^>]*>", html):
        if not re.search(r"""\balt=(["'])\s*\S.*?\1""", tag, re.DOTALL):
            yield f"{where} has an <img> without alt text"


def numbers_are_known(page: Page) -> Iterator[str]:
    """A decimal in prose is one that a cell printed, that a results file which the page names holds, or a published one.

    Published figures stand with their source in benchmarks/results/published.json, under the notebook's name. The
    minutes after **Takes** are rounded by hand.
    """
    outputs = []
    for _, output in page.outputs:
        data = output.get("data", {})
        outputs += [output.get("text", ""), data.get("text/plain", ""), data.get("text/markdown", "")]
    sources = [cell.source for cell in page.notebook.cells]
    named = re.findall(r"\bbenchmarks/results/(\w+\.json)", "\n".join(sources))
    files = [(RESULTS / name).read_text("utf-8") for name in named if (RESULTS / name).is_file()]
    published = json.loads((RESULTS / "published.json").read_text("utf-8")).get(page.path.stem, [])
    known = "\n".join([*outputs, *(cell.source for cell in page.code), *files, json.dumps(published)])
    for source in page.prose:
        text = re.sub(r"\]\([^)]*\)|\*\*Takes\*\*.*|CC BY [\d.]+", "", source)
        for number in DECIMAL.findall(text):
            if not re.search(rf"(?<![\d.]){re.escape(number)}(?!\d)", known):
                yield f"says {number} in prose, which no output of its cells shows: print it, or add it with its source to benchmarks/results/published.json"


def short_cells(page: Page) -> Iterator[str]:
    for number, cell in enumerate(page.code, start=1):
        lines = len(cell.source.splitlines())
        if lines > MAX_LINES:
            yield f"code cell {number} has {lines} lines; at most {MAX_LINES}: show package code by show_source"


def parsed(page: Page) -> Iterator[str]:
    for number, cell in enumerate(page.code, start=1):
        try:
            ast.parse(without_magics(cell.source))  # another rule speaks of these
        except SyntaxError as error:
            yield f"code cell {number} is no plain Python: {(error.text or cell.source).strip()}"


def plain_python(page: Page) -> Iterator[str]:
    for number, cell in enumerate(page.code, start=1):
        for line in cell.source.splitlines():
            if re.match(r"\s*(?:!|%{1,2}[a-z])", line):
                yield f"code cell {number} has a shell or magic line, which pass even when they fail: {line.strip()}"


def no_accounts(page: Page) -> Iterator[str]:
    for number, cell in enumerate(page.code, start=1):
        if found := ACCOUNT.search(cell.source):
            yield f"code cell {number} asks for an account ({found[0]}); a notebook runs without any"


def known_tags(page: Page) -> Iterator[str]:
    used = {tag for cell in page.notebook.cells for tag in cell.metadata.get("tags", [])}
    for tag in sorted(used - set(TAGS)):
        yield f"has the unknown tag {tag!r}; known are {', '.join(TAGS)}"
    for number, cell in enumerate(page.code, start=1):
        folded = cell.metadata.get("jupyter", {}).get("source_hidden")
        if "solution" in cell.metadata.get("tags", []) and not folded:
            yield f"code cell {number} is a solution that JupyterLab shows unfolded: run make notebooks"


def checked_outputs(page: Page) -> Iterator[str]:
    for number, cell in enumerate(page.code, start=1):
        if "nbval-check-output" in cell.metadata.get("tags", []) and not cell.outputs:
            yield f"code cell {number} is tagged nbval-check-output and shows nothing, so that nothing is checked"


def any_python3(page: Page) -> Iterator[str]:
    metadata = page.notebook.metadata
    if metadata.get("kernelspec", {}).get("name") != "python3":
        yield f"asks for the kernel {metadata.get('kernelspec', {}).get('name')!r}; it must be 'python3'"
    if "version" in metadata.get("language_info", {}):
        yield "carries the version of the Python that ran it: run make notebooks"


def light(page: Page) -> Iterator[str]:
    size = page.path.stat().st_size
    if size > MAX_BYTES:
        yield f"has {size // 1000} KB with outputs; at most {MAX_BYTES // 1000}: smaller or fewer figures"


def nothing_of_the_machine(page: Page) -> Iterator[str]:
    if "widgets" in page.notebook.metadata:
        yield "carries the state of widgets; print text instead"
    for number, cell in enumerate(page.code, start=1):
        if found := MACHINE_PATH.search(cell.source):
            yield f"code cell {number} names a path of one machine: {found[0]}..."
    for number, output in page.outputs:
        if output.get("name") == "stderr":
            yield f"code cell {number} wrote to stderr, which is of the moment: {output.text.strip()[:80]}"
        if any("widget" in kind for kind in output.get("data", {})):
            yield f"code cell {number} shows a widget, which a page cannot; print text instead"
        text = json.dumps(
            [output.get("text"), output.get("data", {}).get("text/html"), output.get("traceback")]
        )
        text += output.get("data", {}).get("text/plain", "")
        if found := MACHINE_PATH.search(text.replace("\\n", "\n")):
            yield f"the output of code cell {number} shows a path of one machine: {found[0]}..."
        if found := ADDRESS.search(text):
            yield f"the output of code cell {number} shows an object's address ({found[0]}): end the cell with ;"


def linked(page: Page) -> Iterator[str]:
    """The last Markdown cell leads to the neighbours, and no link to a notebook is broken."""
    names = sorted(path.name for path in page.path.parent.glob("*.ipynb"))
    here = names.index(page.path.name)
    neighbours = {"previous": names[here - 1 : here], "next": names[here + 1 : here + 2]}  # one name, or none
    last = page.prose[-1] if page.prose else ""
    for which, found in neighbours.items():
        if found and f"({found[0]})" not in last:
            yield f"its last Markdown cell does not link to the {which} notebook, ({found[0]})"
    for source in page.prose:
        for target in re.findall(r"\]\(([^)\s:]+\.ipynb)(?:#[^)]*)?\)", source):
            if not (page.path.parent / target).is_file():
                yield f"links to {target}, which does not exist"


def valid(page: Page) -> Iterator[str]:
    stored = json.loads(page.path.read_text("utf-8"))  # nbformat.read gives an id to cells that have none
    ids = [cell.get("id") for cell in stored["cells"]]
    if None in ids or len(set(ids)) < len(ids):
        yield "has cells without an id of their own: save it in JupyterLab, or run make notebooks"
        return
    try:
        nbformat.validate(page.notebook)
    except nbformat.ValidationError as error:
        yield f"is not a valid notebook: {error.message}"


# All but `valid`, without which none of them could be trusted.
RULES: tuple[Callable[[Page], Iterator[str]], ...] = (
    one_title,
    badges,
    promise,
    introduction,
    setup_first,
    executed_in_order,
    no_errors,
    figures_have_alt_text,
    numbers_are_known,
    short_cells,
    plain_python,
    no_accounts,
    known_tags,
    checked_outputs,
    any_python3,
    light,
    nothing_of_the_machine,
    linked,
)


def complaints(path: Path, repository: str) -> list[str]:
    """Everything that is wrong with the notebook at `path`, one sentence each."""
    page = Page(path, repository)
    sentences = [*valid(page), *parsed(page)] or [sentence for rule in RULES for sentence in rule(page)]
    return [f"{path.name} {sentence}" for sentence in sentences]
