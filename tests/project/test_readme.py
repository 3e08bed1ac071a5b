"""What the README says is so: its code runs, its commands and its notebooks exist."""

import json
import re

import pytest
import torch
from nbformat.v4 import new_notebook

from tools import found_table, lesson_map, platforms, readme, which_table
from tools.badges import badge_line, repository
from tools.execution import ROOT

README = (ROOT / "README.md").read_text("utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


def test_your_own_data_in_a_few_lines(monkeypatch, capsys):
    """The block runs as it stands, and the model finds more than always the most frequent class."""
    (block,) = (block for block in BLOCKS if "Folder" in block)
    monkeypatch.chdir(ROOT)
    torch.manual_seed(0)
    names: dict = {}
    exec(block, names)
    confusion = names["evaluate"](names["model"], names["val"])
    assert confusion.mean_iou > confusion.majority_baseline().mean_iou + 0.1
    assert f"mean IoU {confusion.mean_iou:.2f}" in capsys.readouterr().out


def test_an_iris_code_in_a_few_lines(capsys):
    (block,) = (block for block in BLOCKS if "iris_code" in block)
    exec(block, {})
    assert re.fullmatch(r"\(2, \d+, \d+\)\n", capsys.readouterr().out)  # this eye is open, and is found


def test_its_commands_are_make_targets():
    named = set(re.findall(r"\bmake ([a-z]+)", "\n".join(re.findall(r"`[^`\n]+`", README))))
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    assert {"run", "test", "lab", "lint", "notebooks", "badges"} <= named <= targets


def test_its_map_is_the_territory():
    table = readme.written(README, lesson_map.START, lesson_map.END)
    listed = re.findall(r"\(notebooks/(\w+)\.ipynb\)", table)
    assert listed == sorted(path.stem for path in (ROOT / "notebooks").glob("*.ipynb"))
    for name in listed:
        assert badge_line(repository(), name) in table


def test_the_map_is_as_measured():
    """`python -m tools.lesson_map` writes it; minutes and questions are not kept by hand."""
    assert readme.written(README, lesson_map.START, lesson_map.END) == lesson_map.table()


def test_what_was_tried_on_the_platforms_is_as_recorded():
    """`make platforms` writes it."""
    lines = readme.written(README, platforms.START, platforms.END)
    assert lines == platforms.summary(json.loads(platforms.RESULTS.read_text("utf-8")))


def test_the_networks_are_as_the_rows_say():
    """`python -m tools.which_table` writes them."""
    assert readme.written(README, which_table.START, which_table.END) == which_table.summary()


def test_what_was_found_is_as_the_rows_say():
    """`python -m tools.found_table` writes it."""
    assert readme.written(README, found_table.START, found_table.END) == found_table.summary()


def test_every_lesson_has_its_picture():
    pictures = {path.stem: path.stat().st_size for path in (ROOT / lesson_map.PICTURES).glob("*.jpg")}
    assert set(pictures) == {path.stem for path in (ROOT / "notebooks").glob("*.ipynb")}
    assert max(pictures.values()) < 60_000


def test_a_lesson_without_its_picture_is_named():
    with pytest.raises(ValueError, match="16_break_it has no cell of 'show_against' that shows a picture"):
        lesson_map.cover(new_notebook(), "16_break_it")


@pytest.mark.parametrize("file", ["README.md", "data/README.md"])
def test_its_links_lead_somewhere(file):
    path = ROOT / file
    targets = re.findall(r"\]\(([^)\s]+)\)", path.read_text("utf-8"))
    gone = [t for t in targets if "://" not in t and not (path.parent / t.split("#")[0]).exists()]
    assert gone == []


def test_its_pictures_have_alt_text():
    assert re.findall(r"!\[\s*\]", README) == []


def test_no_number_is_left_open():
    assert re.findall(r"@[A-Z_]+@", README) == []
