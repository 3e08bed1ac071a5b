"""The folder for a room without internet: what is fetched for which machine, what lies in it, and installing from it."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

import nbhelpers
from tools.classroom import install, usb
from tools.classroom.__main__ import FOLDERS
from tools.execution import ROOT

CONSTRAINTS = """# versions
torch==2.15.0
colorama==0.4.6 ; sys_platform == "win32"
appnope==1.0 ; sys_platform == "darwin"  # of macOS
old==1 ; python_full_version < "3.11"
new==2 ; python_full_version >= "3.11"
uvloop==3 ; platform_system != "Windows" and platform_machine == "x86_64"
"""


@pytest.mark.parametrize(
    ("machine", "python", "wanted"),
    [
        ("linux", "3.11", ["torch==2.15.0", "new==2", "uvloop==3"]),
        ("linux", "3.10", ["torch==2.15.0", "old==1", "uvloop==3"]),
        ("macos", "3.12", ["torch==2.15.0", "appnope==1.0", "new==2"]),
        ("windows", "3.13", ["torch==2.15.0", "colorama==0.4.6", "new==2"]),
    ],
)
def test_each_machine_gets_its_own(machine, python, wanted):
    assert usb.pins(CONSTRAINTS, machine, python) == wanted


@pytest.mark.parametrize("machine", usb.MACHINES)
def test_the_real_list_has_all_that_lessons_need(machine):
    names = {pin.split("==")[0] for pin in usb.pins((ROOT / "constraints.txt").read_text(), machine, "3.11")}
    assert {"torch", "torchvision", "jupyterlab", "ipykernel", "fastai", "opencv-python-headless"} <= names


@pytest.fixture
def pip(monkeypatch):
    """Stands in for pip: `wheels` are what it leaves, `code` is how it ends; keeps what it was asked."""
    state = SimpleNamespace(wheels=[], code=0, asked=[])

    def run(command, **options):
        state.asked.append(command)
        for name in state.wheels:
            Path(command[command.index("--dest") + 1], name).touch()
        return SimpleNamespace(returncode=state.code, stderr="no such wheel")

    monkeypatch.setattr(usb.subprocess, "run", run)
    return state


def test_what_pip_is_asked(pip, tmp_path):
    for machine in usb.MACHINES:
        usb.fetch(tmp_path, machine, ["torch==2.15.0", "numpy==2.4.0"], "3.11")
    torch, linux, macos, windows = (" ".join(command) for command in pip.asked)
    assert f"--index-url {usb.TORCH_ON_CPU}" in torch and torch.endswith(" torch==2.15.0")
    assert linux.endswith(" numpy==2.4.0") and "torch" not in linux
    assert all(command.endswith(" torch==2.15.0 numpy==2.4.0") for command in (macos, windows))
    assert "--platform=manylinux_2_28_x86_64" in torch and "--platform=manylinux_2_28_x86_64" in linux
    assert "--platform=macosx_14_0_arm64" in macos and "--platform=win_amd64" in windows
    for command in (torch, linux, macos, windows):
        assert (
            "--only-binary=:all: " in command
            and "--python-version=3.11" in command
            and "--no-deps" in command
        )


@pytest.mark.parametrize(
    ("machine", "message"),
    [
        ("macos", "the wheels for macos cannot be fetched, which needs the internet\nno such wheel"),
        (
            "linux",
            r"torch==2\.15\.0 for linux cannot be fetched.*leave Linux out: make usb ON='macos windows'\n",
        ),
    ],
)
def test_what_cannot_be_fetched(pip, tmp_path, machine, message):
    pip.code = 1
    with pytest.raises(RuntimeError, match=message):
        usb.fetch(tmp_path, machine, ["torch==2.15.0"], "3.11")
    assert len(pip.asked) == 1


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """As make usb leaves it, with a notebook for each edition, a page of the site, and our own wheel alone."""
    base = tmp_path_factory.mktemp("base")
    for name in FOLDERS:
        (base / "classroom" / name).mkdir(parents=True)
        shutil.copy(ROOT / "notebooks" / "23_your_labels.ipynb", base / "classroom" / name)
    (base / "classroom" / "run_sheets.md").touch()
    (base / "site").mkdir()
    (base / "site" / "index.html").touch()
    (base / "none.txt").write_text("# nothing\n")
    usb.build(
        base / "usb",
        ["linux", "macos"],
        constraints=base / "none.txt",
        classroom=base / "classroom",
        site=base / "site",
    )
    return base / "usb"


def test_what_lies_in_it(folder):
    names = {path.name for path in folder.iterdir()}
    assert names == {
        *("START.md", "install.py", "made_for.json", "manifest.json"),
        *("requirements-linux.txt", "requirements-macos.txt"),
        *("wheels", "student", "teacher", "data"),
    }
    # all that holds an answer is in the one folder that teachers are told to delete
    assert {path.name for path in (folder / "teacher").iterdir()} == {
        *("solution", "moodle", "nbgrader", "otter", "slides", "site", "run_sheets.md"),
    }
    for text in (folder / "START.md", ROOT / "docs" / "teach" / "classroom.md"):
        words = " ".join(text.read_text("utf-8").split())
        assert "Delete `teacher` on the copy that you hand round" in words
    assert [path.name.split("-")[0] for path in (folder / "wheels").iterdir()] == ["nbhelpers"]
    listed = json.loads((folder / "manifest.json").read_text("utf-8"))["files"]
    assert "student/23_your_labels.ipynb" in listed and "data/sample/train/images/00.jpg" in listed


def test_the_editions_must_be_there(tmp_path):
    with pytest.raises(FileNotFoundError, match="no .*student: run make classroom first"):
        usb.build(tmp_path / "usb", [], constraints=tmp_path, classroom=tmp_path, site=None)
    assert not (tmp_path / "usb").exists()


HERE = f"{sys.version_info[0]}.{sys.version_info[1]}"


@pytest.mark.parametrize(
    ("made_for", "message"),
    [
        ({"python": "3.9", "platforms": [["linux", "x86_64"]]}, rf"is for Python 3\.9, and this is {HERE}"),
        ({"python": HERE, "platforms": [["beos", "x86_64"]]}, "is for beos on x86_64, and this is"),
    ],
)
def test_a_machine_that_it_is_not_for(made_for, message):
    with pytest.raises(SystemExit, match=message):
        install.check(made_for)


TRY = """
import socket
assert [name for _, name in socket.if_nameindex()] == ["lo"], "there is a network"
import nbhelpers
print(nbhelpers.__version__, "environment" in nbhelpers.__file__)
"""


def test_installing_without_network(folder, tmp_path):
    """The wheel comes from the folder alone. What `make usb` fetches besides is too heavy for a test."""
    unshare = ["unshare", "--map-root-user", "--net"]
    if not shutil.which("unshare") or subprocess.run([*unshare, "true"], capture_output=True).returncode:
        pytest.skip("no network namespaces here (unshare --map-root-user --net): nothing is proven")
    target = tmp_path / "segmentation"
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "OMP_NUM_THREADS": "1"}

    def alone(*command):
        done = subprocess.run(
            [*unshare, *map(str, command)], env=environment, cwd=tmp_path, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout + done.stderr[-3000:]
        return done.stdout

    assert f"lab {target / 'notebooks'}" in alone(sys.executable, folder / "install.py", target)
    assert (target / "notebooks" / "23_your_labels.ipynb").is_file()
    assert (target / "data" / "sample" / "train").is_dir()
    (packages,) = target.glob("environment/lib/python*/site-packages")
    assert (packages / "nbhelpers" / "exercises").is_dir()
    assert alone(target / "environment" / "bin" / "python", "-c", TRY) == f"{nbhelpers.__version__} True\n"
    again = subprocess.run(
        [sys.executable, folder / "install.py", target], env=environment, capture_output=True, text=True
    )
    assert again.returncode == 1 and "is there already: move it away" in again.stderr
