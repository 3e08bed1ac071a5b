"""nbhelpers.notebook: the line every notebook begins with."""

import ctypes
import random
import subprocess
import sys

import numpy as np
import pytest
import torch

from nbhelpers.kaggle.bundle import write_manifest
from nbhelpers.notebook import Run, setup
from tests.shared_data import shared_data


@pytest.fixture(autouse=True)
def no_switches(monkeypatch):
    for name in ("DATA", "FULL", "SMOKE", "NBHELPERS_DATA"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def gpu(monkeypatch):
    """Pretend that there is one, or that there is none."""

    def pretend(there: bool) -> None:
        monkeypatch.setattr(torch.cuda, "is_available", lambda: there)
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
        monkeypatch.setattr(torch.cuda, "manual_seed_all", lambda seed: None)

    pretend(False)
    return pretend


def test_one_line_says_what_was_found(gpu, capsys):
    setup()
    printed = capsys.readouterr()
    assert printed.err == "" and printed.out.count("\n") == 1
    for word in (
        "Python 3.",
        f"torch {torch.__version__}",
        "cpu",
        "thread",
        "street",
        "drawn by code",
        "quick",
    ):
        assert word in printed.out


def test_it_names_the_folder_of_the_photographs(gpu, capsys, monkeypatch):
    monkeypatch.setenv("DATA", "camvid")
    monkeypatch.setenv("NBHELPERS_DATA", "../photos")
    assert setup().data == "camvid"
    assert "photographs from ../photos" in capsys.readouterr().out


def test_the_argument_goes_before_the_environment(gpu, monkeypatch):
    monkeypatch.setenv("DATA", "camvid")
    assert setup(data="street").data == "street"


@pytest.mark.parametrize(
    ("environment", "with_gpu", "mode"),
    [
        ({}, False, "quick"),
        ({}, True, "full"),
        ({"FULL": "1"}, False, "full"),
        ({"FULL": "0"}, True, "quick"),
        ({"SMOKE": "1"}, False, "smoke"),
        ({"SMOKE": "1"}, True, "smoke"),
        ({"SMOKE": "0", "FULL": ""}, False, "quick"),
    ],
)
def test_mode(gpu, monkeypatch, environment, with_gpu, mode):
    gpu(with_gpu)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    run = setup()
    assert run.mode == mode
    assert run.device.type == ("cuda" if with_gpu else "cpu")


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"DATA": "cityscapes"}, "DATA is 'cityscapes'; it must be one of street, camvid"),
        ({"FULL": "yes"}, "FULL is 'yes'; it must be 1 or 0"),
        ({"FULL": "1", "SMOKE": "1"}, "FULL=1 and SMOKE=1 exclude each other"),
    ],
)
def test_switches_that_do_not_exist(gpu, monkeypatch, environment, message):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ValueError, match=message):
        setup()


# What a lesson needs and the machine lacks


@pytest.fixture
def pip(monkeypatch):
    """Stands in for pip: returns its commands, and how they end."""
    commands: list[list[str]] = []
    ending = subprocess.CompletedProcess([], 0, "", "")

    def run(command, **_):
        commands.append(command)
        return ending

    monkeypatch.setattr(subprocess, "run", run)
    return commands, ending


def test_what_is_there_is_not_fetched(gpu, pip):
    setup(needs=["numpy", "torch"])
    assert pip[0] == []


def test_what_is_missing_is_fetched_alone(gpu, pip, capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("KAGGLE_INPUT", str(tmp_path))
    setup(needs=["numpy", "no_such_package"])
    assert pip[0] == [[sys.executable, "-m", "pip", "install", "-qq", "--no-deps", "no_such_package"]]
    assert capsys.readouterr().out.startswith("fetched for this lesson: no_such_package\n")


def test_a_bundle_on_kaggle_serves_before_the_internet(gpu, pip, monkeypatch, tmp_path):
    bundle = tmp_path / "nbhelpers-bundle"
    bundle.mkdir()
    write_manifest(bundle)
    monkeypatch.setenv("KAGGLE_INPUT", str(tmp_path))
    setup(needs=["no_such_package"])
    assert pip[0][0][-4:] == ["-f", str(bundle), "--retries=0", "no_such_package"]


def test_what_cannot_be_fetched_is_named_with_the_cure(gpu, pip):
    pip[1].returncode, pip[1].stderr = 1, "ERROR: no route"
    with pytest.raises(
        RuntimeError,
        match="needs no_such_package, .*internet on, or .*WHEELS='no_such_package'.*\nERROR: no route",
    ):
        setup(needs=["no_such_package"])


def test_the_seed_fixes_every_generator(gpu):
    def draw(seed: int) -> tuple[float, float, float]:
        setup(seed)
        return random.random(), float(np.random.rand()), float(torch.rand(()))

    assert draw(1) == draw(1)
    assert all(a != b for a, b in zip(draw(1), draw(2)))


@pytest.mark.skipif(
    sys.platform != "linux" or not hasattr(ctypes.CDLL(None), "mallopt"), reason="only glibc is told so"
)
def test_a_step_frees_its_memory_to_the_next():
    """In a process of its own: after `setup`, a second round of allocations meets pages that are there already."""
    code = """
import ctypes, resource, sys
from nbhelpers.notebook import setup
if sys.argv[1] == "setup":
    setup()
malloc, free = ctypes.CDLL(None).malloc, ctypes.CDLL(None).free
malloc.restype, malloc.argtypes, free.argtypes = ctypes.c_void_p, [ctypes.c_size_t], [ctypes.c_void_p]

def step():
    blocks = [malloc(4 << 20) for _ in range(8)]
    for block in blocks:
        ctypes.memset(block, 1, 4 << 20)
    for block in reversed(blocks):
        free(block)

step()
step()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
step()
print("faults:", resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""
    faults = {}
    for argument in ("setup", "nothing"):
        command = [sys.executable, "-c", code, argument]
        printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        faults[argument] = int(printed.split("faults:")[1])
    assert faults["setup"] < 100 < faults["nothing"]  # 8 blocks of 4 MB have 8,192 pages of 4 KB


@pytest.mark.parametrize(("mode", "value"), [("quick", 10), ("full", 60), ("smoke", 1)])
def test_pick(mode, value):
    assert Run("street", mode, torch.device("cpu")).pick(quick=10, full=60, smoke=1) == value


def test_scenes_of_a_quick_run():
    scenes = Run("street", "quick", torch.device("cpu")).scenes(size=(32, 48), train=6, valid=50)
    assert (len(scenes.train), len(scenes.valid), len(scenes.pictures)) == (6, 40, 50)
    assert scenes.size == (32, 48)
    assert {tuple(mask.shape) for mask in (scenes.train[0][1], scenes.pictures[0][1])} == {(32, 48)}
    assert scenes.weights.shape == (11,)
    mirrored = {scenes.train[0][0].sum(dim=(0, 1)).argmax().item() for _ in range(20)}
    assert len(mirrored) == 2


def test_scenes_of_photographs_are_scored_at_their_own_size(monkeypatch):
    monkeypatch.setenv("NBHELPERS_DATA", str(shared_data("camvid")))
    scenes = Run("camvid", "smoke", torch.device("cpu")).scenes(size=(36, 48))
    assert scenes.size == (72, 96)
    assert scenes.train[0][1].shape == scenes.valid[0][1].shape == (72, 96)
    assert scenes.pictures[0][1].shape == (360, 480)
    assert (len(scenes.train), len(scenes.pictures)) == (8, 4)
