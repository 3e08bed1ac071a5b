"""The offline bundle: whole, checked, and proven in a network namespace without network."""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import nbformat
import pytest
import torch
from torch import nn

from nbhelpers.inference import load_weights, save_weights
from nbhelpers.kaggle import (
    Bowl,
    draw_competition,
    find_bundle,
    find_weights,
    fold_notes,
    lint_submission,
    score_submission,
)
from nbhelpers.kaggle.bundle import (
    MANIFEST,
    NOT_UPLOADED,
    check_manifest,
    folder_written_whole,
    write_manifest,
)
from tests.full_disk import full_disk
from tools import kaggle_bundle
from tools.execution import ROOT


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "chosen.safetensors"
    torch.manual_seed(0)
    save_weights(nn.Linear(2, 2), path)
    return path


@pytest.fixture(scope="module")
def packed(tmp_path_factory, weights):
    """The folder of `make kaggle`."""
    out = tmp_path_factory.mktemp("build") / "kaggle"
    kaggle_bundle.main(["--out", str(out), "--owner", "someone", "--weights", str(weights), "--wheels"])
    return out


@pytest.fixture(scope="module")
def inputs(tmp_path_factory, packed):
    """Kaggle's input folder: what its client uploads of the bundle, as a dataset, beside the competition."""
    root = tmp_path_factory.mktemp("kaggle") / "input"
    shutil.copytree(packed, root / "nbhelpers-bundle", ignore=lambda *_: NOT_UPLOADED)
    draw_competition(root / "data-science-bowl-2018", train=9, test=6, size=(64, 64))
    return root


def test_what_is_in_it(packed):
    names = {path.name for path in packed.iterdir()}
    assert {"18_kaggle_starter.ipynb", "chosen.safetensors", MANIFEST} < names and all(
        p.is_file() for p in packed.iterdir()
    )
    (wheel,) = packed.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        assert "nbhelpers/kaggle/rle.py" in archive.namelist()
    kernel = json.loads((packed / "kernel-metadata.json").read_text())
    assert kernel["enable_internet"] == "false" and kernel["code_file"] in names
    assert kernel["dataset_sources"] == ["someone/nbhelpers-bundle"]
    assert kernel["id"] == "someone/" + kernel["title"].replace(" ", "-")  # Kaggle makes the one of the other
    assert json.loads((packed / "dataset-metadata.json").read_text())["id"] == "someone/nbhelpers-bundle"


def test_its_notebook_is_ours_without_outputs(inputs):
    ours, theirs = (
        nbformat.read(path, as_version=4)
        for path in (
            ROOT / "notebooks" / "18_kaggle_starter.ipynb",
            inputs / "nbhelpers-bundle" / "18_kaggle_starter.ipynb",
        )
    )
    assert [cell.source for cell in theirs.cells] == [cell.source for cell in ours.cells]
    assert all(not cell.get("outputs") for cell in theirs.cells)


@pytest.mark.parametrize("where", ["nbhelpers-bundle", "datasets/someone/nbhelpers-bundle"])
def test_it_is_found_and_checked(inputs, tmp_path, monkeypatch, where, weights):
    monkeypatch.setenv("KAGGLE_INPUT", str(tmp_path))
    assert find_bundle() is None
    folder = tmp_path / where
    shutil.copytree(inputs / "nbhelpers-bundle", folder)
    assert find_bundle() == folder
    model = nn.Linear(2, 2)
    load_weights(model, folder / "chosen.safetensors")
    (folder / "chosen.safetensors").write_bytes(weights.read_bytes()[:-1])
    next(folder.glob("*.whl")).unlink()
    with pytest.raises(
        ValueError, match=r"is not whole: missing \['nbhelpers-.*whl'\], changed \['chosen.safetensors'\]"
    ):
        find_bundle()
    (folder / MANIFEST).write_text("{}")
    with pytest.raises(ValueError, match="is no manifest"):
        check_manifest(folder)


def test_weights_are_known_by_their_folds_not_by_their_name(tmp_path, weights, capsys):
    assert find_weights(None) is None and find_weights(tmp_path) is None
    shutil.copy(weights, tmp_path)
    assert find_weights(tmp_path) is None
    assert "not chosen.safetensors: no fold_notes" in capsys.readouterr().out
    save_weights(nn.Linear(2, 2), tmp_path / "monday.safetensors", fold_notes(["a", "b"], [0, 1]))
    assert find_weights(tmp_path) == tmp_path / "monday.safetensors"
    shutil.copy(tmp_path / "monday.safetensors", tmp_path / "friday.safetensors")
    with pytest.raises(ValueError, match="several runs, friday.safetensors, monday.safetensors; pack those"):
        find_weights(tmp_path)


def test_what_cannot_be_packed(tmp_path, weights):
    out = tmp_path / "bundle"
    for wrong, words in (
        (tmp_path / "model.pt", "must end in .safetensors"),
        (tmp_path / "no.safetensors", "no file of weights"),
    ):
        with pytest.raises(SystemExit, match=words):
            kaggle_bundle.main(["--out", str(out), "--weights", str(wrong), "--wheels"])
    with pytest.raises(SystemExit, match="two have one name"):
        kaggle_bundle.main(["--out", str(out), "--weights", str(weights), str(weights), "--wheels"])
    out.mkdir()
    (out / "old").touch()
    write_manifest(out)
    with full_disk(after=100), pytest.raises((SystemExit, subprocess.CalledProcessError)):
        kaggle_bundle.main(["--out", str(out), "--weights", str(weights), "--wheels"])
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["bundle", MANIFEST, "old"]


# Folders that are replaced


def fill(folder, *names):
    with folder_written_whole(folder) as building:
        for name in names:
            (building / name).parent.mkdir(exist_ok=True)
            (building / name).touch()


def files_of(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir())


def test_only_what_an_earlier_call_wrote_is_replaced(tmp_path):
    folder = tmp_path / "deep" / "bundle"
    fill(folder, "a", "sub/b", "sub/c")
    fill(folder, "a", "d")
    assert files_of(folder) == ["a", "d", MANIFEST] and not (folder / "sub").exists()
    assert [path.name for path in folder.parent.iterdir()] == ["bundle"]
    with pytest.raises(KeyboardInterrupt), folder_written_whole(folder) as building:
        (building / "half").touch()
        raise KeyboardInterrupt
    assert files_of(folder) == ["a", "d", MANIFEST]
    check_manifest(folder)


@pytest.mark.parametrize("foreign", ["thesis.txt", "sub/thesis.txt", ".hidden"])
@pytest.mark.parametrize("ours", [True, False])
def test_what_is_not_ours_is_never_removed(tmp_path, ours, foreign):
    if ours:
        fill(tmp_path, "a", "sub/b")
    (tmp_path / foreign).parent.mkdir(exist_ok=True)
    (tmp_path / foreign).write_text("years of work")
    before = files_of(tmp_path)
    with pytest.raises(ValueError, match=rf"holds {foreign}, which we did not write: take an empty folder"):
        fill(tmp_path, "a")
    with pytest.raises(SystemExit, match="which we did not write"):
        kaggle_bundle.main(["--out", str(tmp_path), "--wheels"])
    assert files_of(tmp_path) == before


def test_a_file_in_the_place_of_the_folder(tmp_path):
    (tmp_path / "out").touch()
    with pytest.raises(ValueError, match="is no folder"):
        fill(tmp_path / "out", "a")


def dry_run(*arguments: str) -> str:
    # within `make test` a second make would tell which directory it enters and leaves
    make = ["make", "--no-print-directory", "-n", "kaggle", *arguments]
    return subprocess.run(make, cwd=ROOT, capture_output=True, text=True, check=True).stdout


def test_make_calls_it():
    named = dry_run("OWNER=someone", "WEIGHTS=a.safetensors", "WHEELS=")
    assert "-m tools.kaggle_bundle --owner someone --weights a.safetensors" in named
    assert named.split()[-1] == "--wheels"
    default = dry_run()
    assert "--owner your-name" in default and "--wheels" not in default


# The proof

RUN = """
import socket, sys
from pathlib import Path
import nbformat
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient

assert [name for _, name in socket.if_nameindex()] == ["lo"], "there is a network"
try:
    Path(sys.argv[1], "x").touch()
except OSError:
    pass
else:
    sys.exit("the input folder can be written")
notebook = nbformat.read(Path(sys.argv[1], "nbhelpers-bundle", "18_kaggle_starter.ipynb"), as_version=4)
kernel = AsyncKernelManager(kernel_name="python3", transport="ipc")  # the loopback is down too
try:
    NotebookClient(notebook, km=kernel, timeout=None, resources={"metadata": {"path": "."}}).execute()
finally:
    nbformat.write(notebook, "executed.ipynb")
"""


def clean_python(folder: Path) -> Path:
    """A Python with the packages of this one, but without nbhelpers: as on Kaggle before the first cell."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    packages = folder / "packages"
    packages.mkdir()
    for path in Path(sysconfig.get_path("purelib")).iterdir():
        if not path.name.lower().startswith(("nbhelpers", "__editable__")) and path.suffix != ".pth":
            (packages / path.name).symlink_to(path)
    (site,) = folder.glob("lib/python*/site-packages")
    (site / "others.pth").write_text(f"{packages}\n")
    return folder / "bin" / "python"


def test_the_starter_runs_without_network(inputs, tmp_path):
    """SMOKE=1: a few steps of training, every cell of the notebook; the wheel comes from the bundle alone."""
    unshare = ["unshare", "--map-root-user", "--net", "--mount"]
    if not shutil.which("unshare") or subprocess.run([*unshare, "true"], capture_output=True).returncode:
        pytest.skip("no network namespaces here (unshare --map-root-user --net --mount): nothing is proven")
    python = clean_python(tmp_path / "venv")
    working = inputs.parent / "working"  # as on Kaggle, beside the input folder
    working.mkdir()
    (working / "run.py").write_text(RUN)
    read_only = 'mount --bind "$1" "$1" && mount -o remount,bind,ro "$1" && exec "$0" run.py "$1"'
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "JUPYTER_RUNTIME_DIR": "r",  # a socket's path has at most 107 letters
        "KAGGLE_INPUT": str(inputs),
        "SMOKE": "1",
        "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "2"),
    }
    done = subprocess.run(
        [*unshare, "sh", "-c", read_only, str(python), str(inputs)],
        cwd=working, env=environment, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr[-3000:]
    assert list(tmp_path.glob("venv/lib/python*/site-packages/nbhelpers/kaggle/rle.py"))

    bowl = Bowl(inputs / "data-science-bowl-2018")
    sizes = {name: bowl.test.read(name).shape[:2] for name in bowl.test.ids}
    assert lint_submission(working / "submission.csv", bowl.sample, sizes) == []
    assert score_submission(working / "submission.csv", bowl.solution()).keys() == sizes.keys()
    assert (working / "starter.safetensors").is_file()
