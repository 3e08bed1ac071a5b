"""The notebooks keep the rules of tools/notebook_rules.py, and each of these rules bites."""

import copy
import json
import re
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from tests.shared_data import shared_data
from tools import lesson_map
from tools.badges import badge_line, repository, setup_cell
from tools.execution import ROOT, execute, fingerprint
from tools.notebook_rules import RULES, Page, complaints, parsed, valid

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
SLUG = "someone/somewhere"


# The committed notebooks


def test_the_notebooks_are_there():
    assert {"01_start_here", "02_unet_from_scratch"} <= {path.stem for path in NOTEBOOKS}


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_rules(path):
    assert complaints(path, repository()) == []


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_measured_cost(path):
    """What `make notebooks` measured as the reference reader, who has fp32 alone: at most two minutes and 1.5 GB."""
    results = json.loads((ROOT / "benchmarks" / "results" / "notebooks.json").read_text("utf-8"))
    assert results[path.stem]["seconds"] <= 120
    assert results[path.stem]["peak_mb"] <= 1500


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_header_tells_the_measured_time(path):
    """`python -m tools.lesson_map` writes it; a quarter is left for rounding."""
    told = lesson_map.seconds_told(nbformat.read(path, as_version=4).cells[0].source)
    assert told == pytest.approx(lesson_map.seconds_measured()[path.stem], rel=0.25)


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(6.8, "7 s"), (17, "20 s"), (42.5, "40 s"), (94, "90 s"), (96, "1.5 minutes"), (200, "3.5 minutes")],
)
def test_a_header_is_told_its_time(seconds, told):
    before = "# A\n\n**Takes** about 1 minute to run on two CPU cores, and 40 minutes to read."
    after = lesson_map.told(before, seconds)
    assert f"**Takes** about {told} to run on two CPU cores (a GPU" in after and after.endswith(
        ", and 40 minutes to read."
    )
    assert lesson_map.told(after, seconds) == after
    assert lesson_map.seconds_told(after) == pytest.approx(seconds, rel=0.25)


def test_a_header_without_its_time():
    with pytest.raises(ValueError, match=r"lacks \*\*Takes\*\* about"):
        lesson_map.told("# A lesson", 10)


@pytest.mark.parametrize("name", ["02_unet_from_scratch", "04_unet_fastai", "14_fc_hardnet"])
def test_on_photographs(name):
    """The very same cells run on CamVid, for a few steps: by `fit`, by fastai from files, and with what measures."""
    data = shared_data("camvid")
    path = ROOT / "notebooks" / f"{name}.ipynb"
    notebook = nbformat.read(path, as_version=4)
    execute(notebook, path.parent, {"DATA": "camvid", "SMOKE": "1", "FULL": "", "NBHELPERS_DATA": str(data)})
    assert "camvid, photographs" in notebook_text(notebook)


def notebook_text(notebook) -> str:
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    return "".join(output.get("text", "") for cell in cells for output in cell.outputs)


# The rules themselves: a notebook that keeps them all, and one fault at a time

INTRODUCTION = f"""# A lesson

{badge_line(SLUG, "02_two")}

Learn what a lesson is.

**You will be able to**

- know a lesson when you see one

**You need** nothing.

**Takes** 0.5 minutes on two cores.

**Data** Ten pictures drawn by code, CC BY 4.0."""

PICTURE = new_output(
    "display_data", data={"image/png": "iVBORw0KGgo="}, metadata={"image/png": {"alt": "a street; IoU 0.6"}}
)


def good_notebook() -> nbformat.NotebookNode:
    cells = [
        new_markdown_cell(INTRODUCTION),
        new_code_cell(setup_cell(SLUG), outputs=[new_output("stream", name="stdout", text="Python 3.11\n")]),
        new_markdown_cell("## Look\n\n`# no title` in code, and\n```\n# none here\n```\n![a tree](tree.png)"),
        new_code_cell("show(batch)", outputs=[copy.deepcopy(PICTURE)]),
        new_code_cell("scores", metadata={"tags": ["score"]}),
        new_markdown_cell("Next: [three](03_three.ipynb). Before: [one](01_one.ipynb)."),
    ]
    for count, cell in enumerate((cell for cell in cells if cell.cell_type == "code"), start=1):
        cell.execution_count = count
    notebook = new_notebook(
        cells=cells, metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}}
    )
    return sealed(notebook)


def sealed(notebook) -> nbformat.NotebookNode:
    """As if it had just been executed."""
    notebook.metadata["nbhelpers"] = {"executed": fingerprint(notebook)}
    return notebook


def found(notebook, folder: Path) -> list[str]:
    for neighbour in ("01_one.ipynb", "03_three.ipynb"):
        (folder / neighbour).touch()
    path = folder / "02_two.ipynb"
    path.write_text(json.dumps(notebook), "utf-8")
    return complaints(path, SLUG)


def test_a_good_notebook_passes(tmp_path):
    assert found(good_notebook(), tmp_path) == []


def introduction(old: str, new: str):
    """A fault: `old` in the first cell becomes `new`."""

    def fault(notebook) -> None:
        assert old in notebook.cells[0].source
        notebook.cells[0].source = notebook.cells[0].source.replace(old, new)

    return fault


def code(source: str):
    """A fault: a code cell of this source, executed like all others."""

    def fault(notebook) -> None:
        notebook.cells[3].source = source
        sealed(notebook)

    return fault


def output(**data: str):
    """A fault: the picture's cell shows this instead."""

    def fault(notebook) -> None:
        kinds = {name.replace("_", "/", 1): value for name, value in data.items()}
        notebook.cells[3].outputs = [new_output("display_data", data=kinds)]

    return fault


def error(notebook) -> None:
    notebook.cells[3].outputs = [new_output("error", ename="ValueError", evalue="bad", traceback=[])]


def edit(function):
    """A fault, from an expression that changes the notebook."""
    return lambda notebook: function(notebook) and None


FAULTS = {
    "one id twice": (
        edit(lambda nb: nb.cells[0].update(id=nb.cells[1].id)),
        "cells without an id of their own",
    ),
    "an unknown kind of output": (
        edit(lambda nb: nb.cells[3].outputs[0].update(metadata=1)),
        "is not a valid notebook",
    ),
    "two titles": (edit(lambda nb: nb.cells[2].update(source="# Again")), "has 2 titles"),
    "no title": (introduction("# A lesson", "A lesson"), "has 0 titles.*|does not begin with its title"),
    "code first": (edit(lambda nb: nb.cells.insert(0, nb.cells.pop(3))), "does not begin with its title"),
    "badges of another repository": (introduction(SLUG, "other/place"), "lacks the line of badges"),
    "badges of another notebook": (introduction("02_two.ipynb", "01_one.ipynb"), "lacks the line of badges"),
    "no promise": (introduction("Learn what a lesson is.\n\n", ""), "lacks the one-line promise"),
    "no goals": (introduction("**You will be able to**", "Goals:"), r"lacks \*\*You will be able to\*\*"),
    "goals that are no list": (introduction("- know", "know"), "must be followed by a list"),
    "no previous knowledge": (introduction("**You need**", "You need"), r"lacks \*\*You need\*\*"),
    "no time": (introduction("0.5 minutes", "not long"), "must be followed by the measured time"),
    "no data": (introduction("**Data**", "Data:"), r"lacks \*\*Data\*\*"),
    "no licence": (introduction(", CC BY 4.0", ""), "must be followed by name, size and licence"),
    "another setup cell": (edit(lambda nb: nb.cells[1].update(source="run = 1")), "is not the setup cell"),
    "not executed": (edit(lambda nb: nb.cells[3].update(execution_count=None)), "was not executed once"),
    "executed in disorder": (edit(lambda nb: nb.cells[3].update(execution_count=7)), "was not executed once"),
    "changed since": (edit(lambda nb: nb.cells[3].update(source="other")), "outputs are older than its code"),
    "an error": (error, "ended in ValueError: bad"),
    "a picture without alt text": (
        edit(lambda nb: nb.cells[3].outputs[0].metadata.clear()),
        "without alt text",
    ),
    "an empty alt text": (
        edit(lambda nb: nb.cells[3].outputs[0].metadata["image/png"].update(alt=" ")),
        "without alt text",
    ),
    "a vector picture without alt text": (output(**{"image_svg+xml": "<svg/>"}), "without alt text"),
    "HTML output with a bare picture": (output(text_html="<img src='a'>"), "has an <img> without alt text"),
    "Markdown with an empty alt text": (edit(lambda nb: nb.cells[2].update(source="![](a)")), "no alt text"),
    "Markdown with a bare <img>": (
        edit(lambda nb: nb.cells[2].update(source="<img src='a'>")),
        "has an <img>",
    ),
    "a number from nowhere": (
        edit(lambda nb: nb.cells[2].update(source="It scores 0.71, see [a](https://a.org/1.23).")),
        "says 0.71 in prose",
    ),
    "a number that is printed longer": (
        edit(
            lambda nb: (
                nb.cells[2].update(source="It scores 0.71."),
                nb.cells[4].update(outputs=[new_output("stream", name="stdout", text="IoU 0.713")]),
            )
        ),
        "says 0.71 in prose",
    ),
    "a long cell": (code("x = 1\n" * 41), "has 41 lines; at most 40"),
    "a shell's answer": (code("files = !ls"), "code cell 2 is no plain Python: files = !ls"),
    "half a function": (code("def ("), "code cell 2 is no plain Python"),
    "a shell line": (code("if x:\n    !ls"), "shell or magic line.*!ls"),
    "a magic line": (code("%pip install torch"), "shell or magic line"),
    "a cell magic": (code("%%bash\nls"), "shell or magic line"),
    "a login": (code("from huggingface_hub import login"), "asks for an account"),
    "a mounted drive": (code("drive.mount('x')"), "asks for an account"),
    "a key": (code("API_KEY = input()"), "asks for an account"),
    "an unknown tag": (
        edit(lambda nb: nb.cells[4].metadata.update(tags=["nbval-skip"])),
        "unknown tag 'nbval-skip'",
    ),
    "a solution in the open": (
        edit(lambda nb: nb.cells[4].metadata.update(tags=["solution"])),
        "code cell 3 is a solution that JupyterLab shows unfolded",
    ),
    "a check of nothing": (
        edit(lambda nb: nb.cells[4].update(outputs=[], metadata={"tags": ["nbval-check-output"]})),
        "code cell 3 is tagged nbval-check-output and shows nothing",
    ),
    "another kernel": (edit(lambda nb: nb.metadata.kernelspec.update(name="env")), "it must be 'python3'"),
    "a Python version": (
        edit(lambda nb: nb.metadata.update(language_info={"name": "python", "version": "3.9"})),
        "carries the version",
    ),
    "a heavy file": (output(text_plain="0" * 800_000), "KB with outputs; at most 800"),
    "another setup cell than its imports ask for": (
        code("import segmentation_models_pytorch"),
        "is not the setup cell that its imports ask for",
    ),
    "a warning": (
        edit(
            lambda nb: nb.cells[4].update(outputs=[new_output("stream", name="stderr", text="TqdmWarning")])
        ),
        "code cell 3 wrote to stderr, which is of the moment: TqdmWarning",
    ),
    "widget state": (edit(lambda nb: nb.metadata.update(widgets={})), "carries the state of widgets"),
    "a widget": (output(**{"application_vnd.jupyter.widget-view+json": "{}"}), "shows a widget"),
    "a path in the code": (code("open('/ho" + "me/anna/x')"), "code cell 2 names a path"),
    "a path in an output": (output(text_plain="File /ro" + "ot/x.py"), "shows a path of one machine"),
    "a path on the second line of an output": (output(text_html="a\n/Us" + "ers/anna"), "shows a path"),
    "a Windows path": (output(text_plain=r"C:\anna"), "shows a path of one machine"),
    "an address": (output(text_plain="<Line2D at 0x7f3a2c10>"), "shows an object's address"),
    "no way on": (edit(lambda nb: nb.cells[-1].update(source="[one](01_one.ipynb)")), "not link to the next"),
    "no way back": (
        edit(lambda nb: nb.cells[-1].update(source="[x](03_three.ipynb)")),
        "link to the previous",
    ),
    "a broken link": (
        edit(lambda nb: nb.cells[2].update(source="[x](09_gone.ipynb)")),
        "which does not exist",
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_found(name, tmp_path):
    fault, sentence = FAULTS[name]
    notebook = good_notebook()
    fault(notebook)
    sentences = found(notebook, tmp_path)
    assert any(re.search(sentence, line) for line in sentences), sentences


def test_an_error_may_be_what_the_reader_shall_see(tmp_path):
    notebook = good_notebook()
    error(notebook)
    notebook.cells[3].metadata["tags"] = ["raises-exception"]
    assert found(notebook, tmp_path) == []


@pytest.mark.parametrize(
    "output",
    [
        new_output("stream", name="stdout", text="mean IoU 0.71\n"),
        new_output("display_data", {"text/markdown": "| 0.71 ± 0.02 |", "text/plain": "<Markdown object>"}),
    ],
    ids=["printed", "table"],
)
def test_a_number_in_prose_may_be_one_that_a_cell_shows(tmp_path, output):
    notebook = good_notebook()
    notebook.cells[2].source += "\n\nIt scores 0.71."
    assert "says 0.71 in prose" in str(found(notebook, tmp_path))
    notebook.cells[4].outputs = [output]
    assert found(notebook, tmp_path) == []


def test_published_figures_have_a_source():
    published = json.loads((ROOT / "benchmarks" / "results" / "published.json").read_text("utf-8"))
    assert set(published) <= {path.stem for path in NOTEBOOKS}
    for figures in published.values():
        for figure in figures:
            assert set(figure) == {"what", "value", "source"}, figure
            assert len(figure["source"]) > 5, figure


def test_the_first_notebook_has_no_way_back(tmp_path):
    (tmp_path / "03_three.ipynb").touch()
    notebook = good_notebook()
    notebook.cells[-1].source = "Next: [three](03_three.ipynb)"
    path = tmp_path / "02_two.ipynb"
    path.write_text(json.dumps(notebook), "utf-8")
    assert complaints(path, SLUG) == []


def test_every_rule_bites(tmp_path):
    """A rule that no fault of the table above breaks would be one that was never seen to work."""
    biting = set()
    for fault, _ in FAULTS.values():
        notebook = good_notebook()
        fault(notebook)
        found(notebook, tmp_path)
        page = Page(tmp_path / "02_two.ipynb", SLUG)
        if not [*valid(page), *parsed(page)]:
            biting |= {rule for rule in RULES if list(rule(page))}
    assert [rule.__name__ for rule in RULES if rule not in biting] == []
