"""The table that lesson 17 takes from benchmarks/results/iris_networks.json says what stands there."""

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
