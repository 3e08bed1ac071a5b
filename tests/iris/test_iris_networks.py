"""The tables that lesson 17 takes from benchmarks/results/iris_networks.json say what stands there."""

import json
from pathlib import Path

import nbformat

from tools.record import RESULTS

LESSON = Path(__file__).parents[2] / "notebooks" / "17_iris_segmentation.ipynb"
CELLS = nbformat.read(LESSON, as_version=4).cells
TEXT = "\n".join(cell.source for cell in CELLS if cell.cell_type == "markdown")
MEASURED = json.loads((RESULTS / "iris_networks.json").read_text())["results"]


def test_what_the_full_networks_cost():
    for name, cost in MEASURED["full size"].items():
        row = (name, cost["million parameters"], cost["megabytes"], cost["milliseconds"])
        assert f"| {' | '.join(map(str, row))} |" in TEXT


def test_what_the_narrow_ones_learn_and_that_they_are_those_of_the_lesson():
    learning = MEASURED["narrow, trained"]
    for name, row in learning["networks"].items():
        scores = f"{row['E1 percent']:.2f} | {row['E2 percent']:.2f} | {row['IoU']:.3f}"
        assert f"| {name} | {scores} |" in TEXT
    (table,) = [
        cell for cell in CELLS if "for name, network in networks.items():\n    print(line(" in cell.source
    ]
    printed = table.outputs[0].text
    assert all(f" {row['parameters']:,} " in printed for row in learning["networks"].values())
    assert f"{learning['steps']:,} steps" in TEXT and f"{learning['close-ups']:,} close-ups" in TEXT
