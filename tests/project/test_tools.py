"""tools/ executes and cleans notebooks, and turns them to another repository."""

import io
import json
import re
import site
import subprocess
import sys
import types
import urllib.error
import urllib.request
import zipfile
from pathlib import Path

import nbformat
import psutil
import pytest
from nbclient.exceptions import CellExecutionError
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from tools import badges, needs, notebooks, platforms
from tools.execution import (
    ROOT,
    as_terminal,
    clean,
    execute,
    fingerprint,
    is_code,
    merged_streams,
    without_paths,
)
from tools.notebooks import failure, find, score
from tools.page import page

# What a reader sees of what a program printed


@pytest.mark.parametrize(
    ("printed", "seen"),
    [
        ("a\nb\n", "a\nb\n"),
        (" 10%\r 50%\r100%\n", "100%\n"),
        ("100 steps\rdone\n", "donesteps\n"),  # a terminal does not wipe what the new text does not cover
        ("bar |##  |\r           \r", ""),
        ("windows\r\n", "windows\n"),
        ("\x1b[31mred\x1b[0m\n", "red\n"),
        ("table   \n", "table   \n"),
    ],
)
def test_as_terminal(printed, seen):
    assert as_terminal(printed) == seen


def stream(name: str, text: str):
    return new_output("stream", name=name, text=text)


def test_streams_between_two_figures_become_one():
    figure = new_output("display_data", data={"text/plain": "figure"})
    outputs = [
        stream("stdout", "epoch 1\n"),
        stream("stderr", " 50%\r"),
        stream("stdout", "epoch 2\n"),
        stream("stderr", "     \r"),  # the bar wipes itself, although something was printed in between
        figure,
        stream("stdout", "done\n"),
    ]
    assert merged_streams(outputs) == [
        stream("stdout", "epoch 1\nepoch 2\n"),
        figure,
        stream("stdout", "done\n"),
    ]


def test_paths_of_this_machine_are_shortened():
    text = f"{site.getsitepackages()[0]}/torch/x.py:3: UserWarning\n{ROOT}/nbhelpers/metrics.py:7: bad"
    assert without_paths(text) == "torch/x.py:3: UserWarning\nnbhelpers/metrics.py:7: bad"
    assert without_paths("/x/ipykernel_12/345.py:1: UserWarning") == "this cell: UserWarning"


def test_cleaning_keeps_alt_text_and_tags():
    picture = new_output("display_data", data={"image/png": ""}, metadata={"image/png": {"alt": "a street"}})
    cell = new_code_cell("1", outputs=[picture], metadata={"tags": ["score"], "execution": {"shell": "now"}})
    notebook = new_notebook(
        cells=[cell], metadata={"widgets": {}, "language_info": {"name": "python", "version": "3"}}
    )
    clean(notebook)
    assert cell.outputs == [picture]
    assert cell.metadata == {"tags": ["score"]}
    assert notebook.metadata["kernelspec"]["name"] == "python3"
    assert "widgets" not in notebook.metadata and "version" not in notebook.metadata["language_info"]


def test_cleaning_folds_a_solution():
    cell = new_code_cell("answer = 42", metadata={"tags": ["solution"]})
    clean(new_notebook(cells=[cell]))
    assert cell.metadata == {"tags": ["solution"], "jupyter": {"source_hidden": True}}


# Execution, in real kernels


def notebook_of(*sources: str) -> nbformat.NotebookNode:
    return new_notebook(cells=[new_markdown_cell("# Title"), *map(new_code_cell, sources)])


def test_execute(tmp_path, capsys):
    notebook = notebook_of("import os\nprint(os.getcwd())", "1", "os.environ['DATA']")
    notebook.cells[-1].metadata["tags"] = ["score"]
    cost = execute(notebook, tmp_path, {"DATA": "camvid"})
    assert [cell.execution_count for cell in notebook.cells[1:]] == [1, 2, 3]
    assert notebook.cells[1].outputs[0].text.strip().endswith(tmp_path.name)
    assert score(notebook) == "'camvid'"
    assert notebook.metadata["nbhelpers"]["executed"] == fingerprint(notebook)
    assert 0 < cost["seconds"] < 60
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["1/3", "2/3", "3/3"] and "import os" in lines[0]


def test_peak_memory_is_the_kernels(tmp_path):
    """100 MB more in a cell, long enough to be sampled, are 100 MB more in the measurement."""
    hold = "import time\nblock = b'x' * {}\ntime.sleep(0.5)"
    small, large = (execute(notebook_of(hold.format(size)), tmp_path)["peak_mb"] for size in (1, 100_000_000))
    assert 90 < large - small < 130


def test_cpu_seconds_are_the_kernels_and_its_childrens(tmp_path):
    """Computing in a child that has ended counts; a second of sleep does not."""
    busy = "import time; end = time.process_time() + 1.2\nwhile time.process_time() < end: pass"
    child = f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {busy!r}])"
    idle, working = (
        execute(notebook_of(cell), tmp_path)["cpu_seconds"]
        for cell in ("import time; time.sleep(1)", f"{child}\nimport time; time.sleep(0.3)")
    )
    assert 0.9 < working - idle < 1.6  # starting a kernel takes now more, now less


def test_a_failing_cell_is_shown(tmp_path):
    notebook = notebook_of("before = 1", "def f():\n    raise ValueError('too bad')\n\nf()", "after = 1")
    with pytest.raises(CellExecutionError):
        execute(notebook, tmp_path)
    shown = failure(notebook)
    assert "def f():" in shown and shown.endswith("ValueError: too bad") and "\x1b" not in shown
    assert notebook.cells[3].execution_count is None


def test_an_unknown_notebook_is_named_with_those_there_are(checkout, tmp_path, capsys):
    checkout("1")
    with pytest.raises(SystemExit, match="2"):
        notebooks.main(["--out", str(tmp_path), "77_nothing"])
    assert "there is no notebook '77_nothing'; NB is one of: 01_one" in capsys.readouterr().err


@pytest.mark.parametrize("switch", ["DATA", "FULL", "SMOKE"])
def test_committed_pages_are_quick_ones_of_the_toy_street(checkout, switch, monkeypatch, capsys):
    checkout("1")
    monkeypatch.setenv(switch, "1")
    with pytest.raises(SystemExit, match="2"):
        notebooks.main(["--in-place", "01_one"])
    assert switch in capsys.readouterr().err.split("unset")[1]


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A repository with one notebook, in place of this one."""
    (tmp_path / "notebooks").mkdir()
    monkeypatch.setattr(notebooks, "ROOT", tmp_path)
    monkeypatch.setattr(notebooks, "RESULTS", tmp_path / "benchmarks" / "results" / "notebooks.json")

    def write(*sources: str):
        notebook = notebook_of(*sources)
        notebook.cells[-1].metadata["tags"] = ["score"]
        nbformat.write(notebook, tmp_path / "notebooks" / "01_one.ipynb")
        return find("01_one")

    return write


@pytest.mark.parametrize("name", ["01_one", "01_one.ipynb", "notebooks/01_one.ipynb"])
def test_find(checkout, name):
    written = checkout("1")
    assert find(name) == written


def test_run_leaves_copy_page_and_score(checkout, tmp_path, capsys):
    source = checkout("print('mean IoU 0.65')")
    before = source.read_text("utf-8")
    notebooks.run(source, tmp_path / "build")
    assert source.read_text("utf-8") == before
    assert "mean IoU 0.65" in (tmp_path / "build" / "01_one.html").read_text("utf-8")
    assert nbformat.read(tmp_path / "build" / "01_one.ipynb", 4).cells[1].outputs
    said = capsys.readouterr().out
    assert said.endswith("score:  mean IoU 0.65\n") and "01_one.html" in said


def test_in_place_keeps_what_it_cost(checkout, tmp_path):
    source = checkout("import os; print('mean IoU 0.65', os.environ['NBHELPERS_PRECISION'], end='')")
    notebooks.run(source, None)
    assert nbformat.read(source, 4).cells[1].outputs[0].text == "mean IoU 0.65 fp32"
    kept = json.loads((tmp_path / "benchmarks" / "results" / "notebooks.json").read_text("utf-8"))["01_one"]
    assert kept["command"] == "make notebooks NB=01_one"
    assert {"seconds", "cpu_seconds", "peak_mb", "machine", "held_to", "versions"} <= set(
        kept
    ) and "torch" in kept["versions"]


@pytest.mark.parametrize(
    ("cell", "message"),
    [("1 / 0", "01_one: the cell above failed"), ("import os; os._exit(1)", "01_one: the kernel died")],
)
def test_what_fails_is_said_and_changes_nothing(checkout, cell, message):
    source = checkout(cell)
    before = source.read_text("utf-8")
    with pytest.raises(SystemExit, match=message):
        notebooks.run(source, None)
    assert source.read_text("utf-8") == before


def test_the_page_shows_alt_text_and_no_prompts_and_folds_solutions(tmp_path):
    notebook = notebook_of("draw()")
    notebook.cells[1].execution_count = 1
    notebook.cells[1].outputs = [
        new_output(
            "display_data", data={"image/png": "iVBORw0KGgo="}, metadata={"image/png": {"alt": "a street"}}
        )
    ]
    notebook.cells.append(new_code_cell("answer = 42", metadata={"tags": ["solution"]}))
    html = page(notebook, tmp_path, "01_one")
    assert html.count("<details>") == 1 and html.index("draw") < html.index("<details>") < html.index(">42<")
    assert 'alt="a street"' in html and "<title>01_one</title>" in html and "In&nbsp;[" not in html


# The repository's name


def test_a_fork_turns_everything(tmp_path):
    line, cell = badges.badge_line("old/repo", "01_one"), badges.setup_cell("old/repo")
    (tmp_path / "notebooks").mkdir()
    notebook = new_notebook(
        cells=[new_markdown_cell(f"# One\n\n{line}"), new_code_cell(cell), new_code_cell("1")]
    )
    nbformat.write(notebook, tmp_path / "notebooks" / "01_one.ipynb")
    before = fingerprint(notebook)
    (tmp_path / "README.md").write_text(f"{line} and https://github.com/old/repo-tools, old/repo", "utf-8")
    (tmp_path / "pyproject.toml").write_text('[tool.nbhelpers]\nrepository = "old/repo"\n', "utf-8")
    (tmp_path / "CITATION.cff").write_text("repository-code: https://github.com/old/repo\n", "utf-8")
    assert len(badges.rewrite_all("new.one/fork", tmp_path)) == 4
    assert "new.one/fork" in (tmp_path / "CITATION.cff").read_text("utf-8")
    assert badges.repository(tmp_path) == "new.one/fork"
    notebook = nbformat.read(tmp_path / "notebooks" / "01_one.ipynb", 4)
    assert badges.badge_line("new.one/fork", "01_one") in notebook.cells[0].source
    assert notebook.cells[1].source == badges.setup_cell("new.one/fork")
    readme = (tmp_path / "README.md").read_text("utf-8")
    assert readme.endswith("https://github.com/old/repo-tools, old/repo") and "gh/old/repo" not in readme
    assert fingerprint(notebook) == before  # so the committed outputs stay good
    assert badges.rewrite_all("new.one/fork", tmp_path) == []


def test_a_name_that_is_no_repository():
    command = [sys.executable, "-m", "tools.badges", "https://github.com/a/b"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2 and "is not owner/name" in done.stderr


# What a lesson needs


def lesson(*sources: str) -> nbformat.NotebookNode:
    return new_notebook(cells=[new_code_cell(source) for source in sources])


EXPORT = ["onnxruntime", "onnxscript"]  # what exporting needs and the platforms lack


@pytest.mark.parametrize(
    ("sources", "needed"),
    [
        (["import torch, numpy as np"], []),
        (["import onnx"], ["onnx"]),  # Kaggle has it, Colab has not
        (
            ["1", "def late():\n    from segmentation_models_pytorch import Unet"],
            ["segmentation_models_pytorch"],
        ),
        (["from nbhelpers.inference import predict"], []),
        (["from nbhelpers.inference import export"], []),  # it imports these when it is called
        (["from nbhelpers.inference import export", "export(model, 'a.onnx')"], EXPORT),
        (["from nbhelpers.inference import export as save", "save(model, 'a.onnx')"], EXPORT),
        (["import nbhelpers.inference.export as e", "e.export(model, 'a.onnx')"], EXPORT),
        # scikit-learn, which both have
        (["import os, nbhelpers.kaggle", "nbhelpers.kaggle.make_folds(x)"], []),
    ],
)
def test_needs_are_read_from_the_imports(sources, needed):
    assert needs.needs(lesson(*sources)) == needed


def test_what_a_module_does_as_a_script_is_no_need():
    assert "tools" in (ROOT / "studies" / "rankings.py").read_text("utf-8")  # to write its results
    assert needs.needs(lesson("from studies.rankings import stored")) == []


def test_what_the_wheel_does_not_hold_is_no_need_but_an_error():
    with pytest.raises(
        ValueError, match="imports benchmarks, which is in the repository and not in the wheel"
    ):
        needs.needs(lesson("from benchmarks.timer import seconds"))


def test_a_missing_module_of_another_name_is_said(monkeypatch, tmp_path):
    (tmp_path / "bare.txt").write_text("numpy==2.0\n")
    monkeypatch.setattr(needs, "PLATFORMS", tmp_path)
    with pytest.raises(ValueError, match="no platform may lack {'cv2'}"):
        needs.needs(lesson("import cv2"))


def test_a_list_may_start_from_another(tmp_path):
    (tmp_path / "base.txt").write_text("# a\nNumPy==2.0  # b\nfastcore==2.2\n")
    (tmp_path / "more.txt").write_text("-r base.txt\nfastcore<2\n")
    found = needs.on_platform(tmp_path / "more.txt")
    assert {name: str(requirement.specifier) for name, requirement in found.items()} == {
        "numpy": "==2.0",
        "fastcore": "<2",
    }


def test_the_setup_cell_is_written_anew(tmp_path):
    """The needs follow the imports, and `make badges` without a name keeps the repository."""
    (tmp_path / "notebooks").mkdir()
    path = tmp_path / "notebooks" / "01_one.ipynb"
    nbformat.write(lesson("setup()", "import onnx"), path)
    for name in ("README.md", "CITATION.cff"):
        (tmp_path / name).write_text("", "utf-8")
    (tmp_path / "pyproject.toml").write_text('[tool.nbhelpers]\nrepository = "old/repo"\n', "utf-8")
    assert badges.rewrite_all(badges.repository(tmp_path), tmp_path) == [path]
    assert nbformat.read(path, 4).cells[0].source == badges.setup_cell("old/repo", ["onnx"])
    assert badges.setup_cell("old/repo", ["onnx"]).endswith('run = setup(needs=["onnx"])')


# The setup cell


@pytest.fixture
def hosted(monkeypatch):
    """A machine without nbhelpers; returns the commands that the setup cell runs, and how they end."""
    commands: list[list[str]] = []
    ending = types.SimpleNamespace(returncode=0)

    def call(command):
        commands.append(command)
        return ending.returncode

    monkeypatch.setattr(subprocess, "call", call)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    return commands, ending


def test_the_setup_cell_fetches_the_package_and_leaves_torch_alone(hosted, capsys):
    commands, _ = hosted
    exec(badges.setup_cell("old/repo"), {})
    assert len(commands) == 1 and commands[0][:4] == [sys.executable, "-m", "pip", "install"]
    assert "--no-deps" in commands[0] and "--upgrade" not in commands[0]
    assert commands[0][-1] == "https://github.com/old/repo/archive/HEAD.zip"
    assert capsys.readouterr().out.startswith("Python 3.")


@pytest.mark.parametrize("folder", ["nbhelpers-bundle", "datasets/someone/nbhelpers-bundle"])
def test_the_setup_cell_takes_the_bundle_on_kaggle(hosted, tmp_path, monkeypatch, folder):
    """Kaggle's notebooks work in a folder beside `input`."""
    commands, _ = hosted
    bundle = tmp_path / "input" / folder
    bundle.mkdir(parents=True)
    for name in ("nbhelpers-0.1-py3-none-any.whl", "other-1-py3-none-any.whl"):
        (bundle / name).touch()
    (tmp_path / "working").mkdir()
    monkeypatch.chdir(tmp_path / "working")
    exec(badges.setup_cell("old/repo"), {})
    assert commands[0][-2:] == ["--no-deps", f"../input/{folder}/nbhelpers-0.1-py3-none-any.whl"]


def test_the_setup_cell_says_that_there_is_no_internet(hosted):
    _, ending = hosted
    ending.returncode = 1
    with pytest.raises(RuntimeError, match="switch this notebook's internet on"):
        exec(badges.setup_cell("old/repo"), {})


def test_the_setup_cell_fetches_nothing_where_the_package_is(monkeypatch):
    monkeypatch.setattr(subprocess, "call", lambda *_, **__: pytest.fail("something was run"))
    exec(badges.setup_cell("old/repo", ["numpy"]), {})


# The platforms


def test_what_is_installed_in_turn(tmp_path):
    """As Kaggle's image is made: Colab's packages first, then its own, which may contradict them."""
    (tmp_path / "base.txt").write_text("# python 3.13\na==1\nb==2  # why\n")
    (tmp_path / "more.txt").write_text("-r base.txt\na<1\n")
    assert list(platforms.installs(tmp_path / "more.txt")) == [["a==1", "b==2"], ["a<1"]]


def test_the_archive_is_what_pip_takes_from_github(tmp_path):
    with platforms.github() as server:
        address = f"{server}/{badges.repository()}/archive/HEAD.zip"
        with urllib.request.urlopen(address) as answer, pytest.raises(urllib.error.HTTPError, match="404"):
            content = answer.read()
            urllib.request.urlopen(f"{server}/other/repository/archive/HEAD.zip")
    names = zipfile.ZipFile(io.BytesIO(content)).namelist()
    assert {name.split("/")[0] for name in names} == {f"{badges.repository().split('/')[1]}-HEAD"}
    assert {"pyproject.toml", "nbhelpers/notebook.py"} <= {name.split("/", 1)[1] for name in names}


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("import fetched_for_one_lesson, numpy", "passed"),
        ("1 / 0", "code cell 2: ZeroDivisionError: division by zero"),
        # it dies before or after it has told that it began
        ("import os; os._exit(1)", "code cell [12]: DeadKernelError: Kernel died"),
    ],
)
def test_a_notebook_runs_with_a_place_of_its_own_for_packages(tmp_path, source, said):
    """It has the packages of the platform, and its own."""
    python = platforms.fresh(Path(sys.executable), tmp_path / "python")
    (packages,) = (tmp_path / "python").glob("lib/python*/site-packages")
    (packages / "fetched_for_one_lesson.py").touch()
    (tmp_path / "content").mkdir()
    notebook = lesson("import os; assert os.environ['SMOKE'] == '1'", source, "2")
    for cell in filter(is_code, notebook.cells):
        cell.execution_count = 1  # as in a committed page
    assert re.fullmatch(said, platforms.outcome(notebook, python, tmp_path / "content"))
    places = [process.info["cmdline"] or [""] for process in psutil.process_iter(["cmdline"])]
    assert not [command for command in places if command[0] == str(python)], "the kernel is still there"


RESULT = {
    "colab": {
        "date": "2026-11-28",
        "notebooks": {"01_one": "passed", "02_two": "code cell 2: ValueError: x"},
        "versions": {"python": "3.13.0", "torch": "2.11.0"},
    },
    "oldest": {"date": "2026-11-28", "tests": "9 passed", "failed": [], "versions": {"python": "3.10.13"}},
}


def test_the_readmes_lines_on_the_platforms():
    assert platforms.summary(RESULT).splitlines()[2:] == [
        "| Colab | python 3.13.0, torch 2.11.0 | 2026-11-28 | 1 of 2 notebooks run in smoke mode; not 02_two |",
        "| the lowest versions of requirements.txt | python 3.10.13 | 2026-11-28 | `make test`: 9 passed |",
    ]
    assert [platforms.failed(RESULT[name]) for name in RESULT] == [True, False]


def test_a_result_replaces_that_of_its_platform_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(platforms, "ROOT", tmp_path)
    monkeypatch.setattr(platforms, "RESULTS", tmp_path / "platforms.json")
    (tmp_path / "README.md").write_text(f"a {platforms.START} old {platforms.END} b", "utf-8")
    platforms.RESULTS.write_text(json.dumps({"oldest": RESULT["oldest"], "colab": {}}), "utf-8")
    platforms.keep("colab", RESULT["colab"])
    assert json.loads(platforms.RESULTS.read_text("utf-8")) == RESULT
    readme = (tmp_path / "README.md").read_text("utf-8")
    assert readme == f"a {platforms.START}\n\n{platforms.summary(RESULT)}\n\n{platforms.END} b"


def test_notebooks_that_were_not_run_keep_their_outcome(tmp_path, monkeypatch):
    monkeypatch.setattr(platforms, "ROOT", tmp_path)
    monkeypatch.setattr(platforms, "RESULTS", tmp_path / "platforms.json")
    (tmp_path / "README.md").write_text(f"{platforms.START} {platforms.END}", "utf-8")
    (tmp_path / "notebooks").mkdir()
    for stem in ("01_one", "02_two"):
        (tmp_path / "notebooks" / f"{stem}.ipynb").touch()
    versions = {"python": "3.13.0", "torch": "2.11.0"}
    before = {"01_one": "passed", "02_two": "code cell 3: ValueError: no", "03_gone": "passed"}
    stored = {"colab": {"date": "2026-01-01", "notebooks": before, "versions": versions}}

    def after(**result):
        platforms.RESULTS.write_text(json.dumps(stored), "utf-8")
        platforms.keep("colab", {"date": "2026-01-02", "versions": versions} | result)
        return json.loads(platforms.RESULTS.read_text("utf-8"))["colab"]

    assert after(notebooks={"02_two": "passed"}) == {
        "date": "2026-01-02", "versions": versions, "notebooks": {"01_one": "passed", "02_two": "passed"}
    }  # fmt: skip
    other = after(notebooks={"02_two": "passed"}, versions={"python": "3.13.0", "torch": "2.12.0"})
    assert other["notebooks"] == {"02_two": "passed"}
