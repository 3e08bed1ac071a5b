"""How the site's pages are written; whether the built ones are well is the matter of `make site-test`."""

import ast
import importlib
import inspect
import json
import re

import nbformat
import pytest
import torch
import yaml
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

import nbhelpers
from nbhelpers.checks import check_batch, check_masks
from nbhelpers.datasets import Street
from tools.badges import badge_line, repository, setup_cell
from tools.execution import ROOT, is_code
from tools.site import errors, models, reference
from tools.site.docstrings import as_rest
from tools.site.lessons import staged, to_github

HOME = f"https://github.com/{repository()}"


@pytest.fixture(scope="module")
def sentences() -> list[errors.Sentence]:
    return errors.sentences()


# Lessons


def test_a_lesson_keeps_its_outputs_and_folds_its_solutions():
    picture = new_output("execute_result", {"image/png": "iVBORw0KGgo=", "text/plain": "a street"})
    picture.metadata = {"image/png": {"alt": "a street"}}
    source = new_output(
        "execute_result", {"text/html": "<pre>", "text/latex": "x", "text/plain": "class A: ..."}
    )
    notebook = new_notebook(
        cells=[
            new_markdown_cell(f"# One\n\n{badge_line(repository(), '01_one')}\n\nA promise."),
            new_code_cell(setup_cell(repository())),
            new_code_cell("draw()", outputs=[picture]),
            new_code_cell("show_source(A)", outputs=[source]),
            new_code_cell("answer = 42", metadata={"tags": ["solution"]}),
        ]
    )
    before = nbformat.writes(notebook)
    page = staged(notebook, "01_one")
    first, setup, drawn, shown, solution = page.cells
    assert "![" not in first.source and first.source.count("](https://") == 4  # no picture of another server
    assert f"[on GitHub]({HOME}/blob/main/notebooks/01_one.ipynb)" in first.source
    assert "hide-input" in setup.metadata.tags and "hide-cell" in solution.metadata.tags
    assert solution.metadata.mystnb.code_prompt_show == "Solution"
    assert drawn.outputs == [picture]
    assert shown.outputs[0].data == {"text/markdown": "````python\nclass A: ...\n````"}
    assert nbformat.writes(notebook) == before


@pytest.mark.parametrize(
    ("link", "target"),
    [
        ("02_unet_from_scratch.ipynb", "02_unet_from_scratch.ipynb"),
        ("../data/README.md#sets", f"{HOME}/blob/main/data/README.md#sets"),
        ("../nbhelpers/models", f"{HOME}/tree/main/nbhelpers/models"),
        ("https://arxiv.org/abs/1505.04597", "https://arxiv.org/abs/1505.04597"),
        ("#the-idea", "#the-idea"),
    ],
)
def test_links_to_what_is_no_page_lead_to_github(link, target):
    assert to_github(f"see [it]({link}).", "notebooks") == f"see [it]({target})."


# Errors


def test_every_sentence_is_found_by_its_own_message(sentences):
    assert len(sentences) > 450 and len({one.anchor for one in sentences}) == len(sentences)
    for one in sentences:
        message = "".join(
            text + hole for text, hole in zip(one.texts, [*("(3, 64, 96)" for _ in one.holes), ""])
        )
        assert one.is_in(f"ValueError: {message}\n"), one.plain


def test_no_text_of_a_raise_is_left_out(sentences):
    known = [text for one in sentences for text in one.texts]
    for path in sorted((ROOT / "nbhelpers").rglob("*.py")):
        if "exercises" in path.parts:
            continue
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not (isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call) and node.exc.args):
                continue
            if not ast.unparse(node.exc.func).endswith(("Error", "NoIris")):
                continue
            said = node.exc.args[0]
            parts = said.values if isinstance(said, ast.JoinedStr) else [said]
            texts = [one.value for one in parts if isinstance(getattr(one, "value", None), str)]
            for text in texts:
                assert len(text) < errors.SHORTEST or any(text in one for one in known), (
                    f"{path.name}: {text}"
                )


@pytest.mark.parametrize(
    ("provoke", "start"),
    [
        (lambda: check_masks(torch.tensor([[[0, 255, 77]]]), 2), "masks hold"),
        (lambda: check_masks(torch.zeros(1, 2, 2, dtype=torch.bool), 2), "masks are bool"),
        (lambda: check_batch(torch.rand(2, 3, 8, 8), torch.zeros(2, 8, 9, dtype=torch.long)), ""),
        (lambda: Street("train", (-1, 3)), ""),
    ],
)
def test_what_is_raised_is_in_the_index(sentences, provoke, start):
    with pytest.raises(ValueError) as caught:
        provoke()
    message = str(caught.value)
    assert message.startswith(start)
    assert [one for one in sentences if one.is_in(message)], message


def test_stories_are_of_places_that_raise_and_every_room_has_one(sentences):
    told = errors.stories()
    places = {".".join(one.module.split(".")[:depth]) for one in sentences for depth in range(2, 7)}
    assert set(told) <= places
    assert {f"nbhelpers.{one.room}" for one in sentences} <= set(told), "tell it in docs/stories.md"
    assert min(map(len, told.values())) > 60


def test_the_pages_hold_every_sentence(sentences, tmp_path):
    errors.write_errors(tmp_path)
    pages = {path.stem: path.read_text("utf-8") for path in (tmp_path / "errors").glob("*.md")}
    for one in sentences:
        assert f'id="{one.anchor}"' in pages[one.room]
    index = json.loads((tmp_path / "static" / "errors.json").read_text("utf-8"))
    assert len(index) == len(sentences) and f"\n{len(sentences)} sentences" in pages["index"]
    table = pages["index"].partition("|---|--:|---|\n")[2].partition("\n\n")[0]
    assert all(row.startswith("| [") and row.endswith(" |") for row in table.splitlines()[: len(pages) - 1])
    tried = sum("Tried in:" in line for page in pages.values() for line in page.splitlines())
    assert tried > len(sentences) / 3


# Reference and models


def test_the_reference_has_all_that_lessons_import(tmp_path):
    reference.write_reference(tmp_path)
    pages = {path.stem: path.read_text("utf-8") for path in (tmp_path / "reference").glob("*.md")}
    used = set()
    for path in (ROOT / "notebooks").glob("*.ipynb"):
        for cell in filter(is_code, nbformat.read(path, as_version=4).cells):
            for node in ast.walk(ast.parse(re.sub(r"^\s*[%!].*", "", cell.source, flags=re.M))):
                if isinstance(node, ast.ImportFrom) and node.module.startswith("nbhelpers."):
                    used |= {(node.module, alias.name) for alias in node.names}
    assert len(used) > 50
    for module, name in sorted(used):
        room, imported = module.split(".")[1], getattr(importlib.import_module(module), name, None)
        if room not in reference.UNLISTED and (inspect.isclass(imported) or inspect.isfunction(imported)):
            assert re.search(rf":members:.*\b{name}\b", pages[room]), f"{module}.{name} is on no page"


def test_the_models_page_is_as_measured(tmp_path):
    models.write_models(tmp_path)
    page = (tmp_path / "models.md").read_text("utf-8")
    zoo = json.loads((ROOT / "benchmarks" / "results" / "zoo.json").read_text("utf-8"))
    assert re.findall(r"@[A-Z]+@", page) == []
    for name, row in zoo["results"].items():
        assert f"| {name} | {row['parameters'] / 1e6:.2f} |" in page
    assert f"`{zoo['command']}`" in page


@pytest.mark.parametrize(
    ("text", "rest"),
    [
        ("Plain `code_` of (N, C, *size).", "Plain `code_` of (N, C, \\*size)."),
        (
            "size: how large,\n    in pixels.\nseed: from 0.",
            "- ``size``: how large, in pixels.\n\n- ``seed``: from 0.",
        ),
        ("Equals\n\n    x = y * 2", "Equals\n\n::\n\n    x = y * 2"),
        ("Args:\n    a: one\n        of many", "Args:\n    a: one\n        of many"),
        (">>> 2 * 3\n6", ">>> 2 * 3\n6"),
        (
            "Papers: one, 2018;\nanother, 2019.\nDepartures: no batch norm in\n`A`, which has none.",
            "Papers: one, 2018;\nanother, 2019.\n\nDepartures: no batch norm in\n`A`, which has none.",
        ),
        ("- one\n  goes on\n- two", "- one goes on\n\n- two"),
    ],
)
def test_docstrings_as_sphinx_reads_them(text, rest):
    assert "\n".join(as_rest(text.split("\n"))).strip() == rest


# What others look for


def test_the_citation_names_this_version():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
    assert citation["version"] == nbhelpers.__version__ and citation["license"] == "MIT"
    assert citation["repository-code"] == HOME


def test_issue_forms_ask_for_what_is_needed():
    forms = ROOT / ".github" / "ISSUE_TEMPLATE"
    lesson = yaml.safe_load((forms / "lesson.yml").read_text("utf-8"))
    asked = {field["id"] for field in lesson["body"] if field.get("validations", {}).get("required")}
    assert {"lesson", "cell", "expected", "environment"} <= asked
    assert all(yaml.safe_load(path.read_text("utf-8")) for path in forms.glob("*.yml"))


def test_the_workflow_publishes_what_make_site_builds():
    (job,) = yaml.safe_load((ROOT / ".github" / "workflows" / "site.yml").read_text("utf-8"))["jobs"].values()
    steps = [step.get("run") or step["uses"].partition("@")[0] for step in job["steps"]]
    assert (
        steps.index("make site")
        < steps.index("actions/upload-pages-artifact")
        < steps.index("actions/deploy-pages")
    )


def test_what_npm_fetches_is_pinned_and_names_no_server():
    package = json.loads((ROOT / "docs" / "package.json").read_text("utf-8"))
    lock = json.loads((ROOT / "docs" / "package-lock.json").read_text("utf-8"))
    for name, version in (package["dependencies"] | package["devDependencies"]).items():
        assert (
            re.fullmatch(r"\d+\.\d+\.\d+", version)
            and lock["packages"][f"node_modules/{name}"]["version"] == version
        )
    assert not any("resolved" in one for one in lock["packages"].values())
