"""benchmarks.kaggle_starter: the notebook has the line that it switches, and gains are of the same images."""

import nbformat
import pytest

from benchmarks.kaggle_starter import BEFORE, NOTEBOOK, SCORE, SWITCHES, gains, stored_rows, switched, table


def code(notebook: nbformat.NotebookNode) -> str:
    return "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "code")


@pytest.mark.parametrize("switches", [*SWITCHES, "ema+hard"])
def test_the_notebook_knows_every_switch(switches):
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    before = code(notebook)
    after = code(switched(notebook, switches))
    assert (before == after) == (switches == "")
    for name, (_, words, instead) in BEFORE.items():
        assert (words in before, words in after) == (True, switches != name)
        assert switches != name or instead in after
    for name in set(filter(None, switches.split("+"))) - BEFORE.keys():
        assert f'"{name}" in switches' in before and f"'{name}'" in after


def test_a_notebook_without_the_line_is_refused():
    with pytest.raises(ValueError, match="has 'switches = set.*' in 0 cells; it must have it once"):
        switched(nbformat.v4.new_notebook(), "ema")


def test_gains_are_of_the_fifths_that_both_have():
    def row(switches, part, change):
        images = {f"{part}{n}": [0.5 + 0.01 * n + change, 0.3 + change] for n in range(6)}
        return {"switches": switches, "part": part, "images": images}

    rows = [row("", 0, 0), row("", 1, 0), row("ema", 0, 0.1), row("hard", 2, 0.1), row("no top-hat", 1, -0.1)]
    found = gains(rows)
    assert list(found) == ["ema", "top-hat"]
    for name in found:
        assert found[name]["images"] == 6
        for score in ("mean IoU", SCORE):
            gain = found[name][score]
            assert (gain.low, gain.mean, gain.high) == pytest.approx((0.1, 0.1, 0.1))
    assert table(rows).splitlines()[2] == (
        "| ema | 6 | **+0.100** (+0.100 to +0.100) | **+0.100** (+0.100 to +0.100) |"
    )


def test_the_page_has_the_table_of_the_stored_rows():
    """`python -m benchmarks.kaggle_starter` prints it."""
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    assert any(table(stored_rows()) in cell.source for cell in notebook.cells)
