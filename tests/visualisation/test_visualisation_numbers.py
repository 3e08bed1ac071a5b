"""Maps of numbers as pictures: what stands in the cells, and what the alt text says."""

import numpy as np
import PIL.Image
import pytest
import torch
from matplotlib.axes import Axes

from nbhelpers import visualisation as vis
from nbhelpers.visualisation.canvas import INK
from nbhelpers.visualisation.numbers import HIGH, LOW


def test_alt_text_holds_the_numbers():
    picture = vis.show_numbers({"x": torch.tensor([[1.0, -2.0], [0.25, 0.0]]), "two\nlines": np.eye(3)})
    assert picture.alt == "Maps of numbers. x: rows 1 -2, 0.25 0. two lines: rows 1 0 0, 0 1 0, 0 0 1."


def test_large_maps_are_summed_up():
    picture = vis.show_numbers({"kernel": torch.arange(90.0).reshape(9, 10) ** 2})
    assert picture.alt == "Maps of numbers. kernel: 9 x 10, from 0 to 7.92e+03, mean 2.66e+03."


def test_numbers_stand_in_their_cells_of_maps_of_at_most_8_a_side(monkeypatch):
    """White on dark; panels are as tall and as wide as the largest map asks for."""
    monkeypatch.setattr("nbhelpers.visualisation.numbers.Picture", lambda figure, alt: figure)
    maps = {"few": np.array([[1.25, -200.0, 90.0]]), "8 wide": np.zeros((1, 8)), "9 wide": np.zeros((1, 9))}
    panels = vis.show_numbers(maps).axes
    assert [panel.get_title() for panel in panels] == list(maps)
    assert [len(panel.texts) for panel in panels] == [3, 8, 0]
    written = {cell.get_position(): (cell.get_text(), cell.get_color()) for cell in panels[0].texts}
    assert written == {(0, 0): ("1.25", INK), (1, 0): ("-200", "white"), (2, 0): ("90", INK)}
    place = panels[0].get_position(original=True).transformed(panels[0].figure.transSubfigure)
    assert place.width / place.height == pytest.approx(9, rel=0.05)


def test_colours_are_on_one_scale(tmp_path):
    """The same value has the same colour in all maps; what is above 0 is blue, below orange, 0 white."""
    big = np.ones((10, 10))
    picture = vis.show_numbers({"half": big / 2, "full": big, "below": -big, "none": 0 * big})
    file = tmp_path / "x.png"
    picture.save(file)
    image = np.asarray(PIL.Image.open(file).convert("RGB")).astype(int)
    row = image[int(0.7 * image.shape[0])]
    half, full, below, none = (row[int((column + 0.5) / 4 * len(row))] for column in range(4))
    assert full[2] > full[0] + 80 and below[0] > below[2] + 80 and (none == 255).all()
    assert abs(half - (full + 255) / 2).max() <= 2


def test_what_cannot_be_drawn_is_refused():
    with pytest.raises(ValueError, match="'x' has shape .1, 2, 2., but must be .H, W."):
        vis.show_numbers({"x": torch.zeros(1, 2, 2)})
    with pytest.raises(ValueError, match="without nan or inf"):
        vis.show_numbers({"x": torch.tensor([[torch.nan]])})
    with pytest.raises(ValueError, match="without nan or inf"):
        vis.show_numbers({"x": torch.tensor([[1.0, torch.inf]])})
    with pytest.raises(ValueError, match="there is no map to show"):
        vis.show_numbers({})


def test_gradients_and_zeros_are_no_obstacle():
    assert vis.show_numbers({"x": torch.tensor([[-0.0]])}).alt == "Maps of numbers. x: rows 0."
    assert "rows 0 0" in vis.show_numbers({"x": torch.zeros(1, 2, requires_grad=True)}).alt


def test_the_scale_is_that_of_the_largest_absolute_value(monkeypatch):
    drawn = []
    monkeypatch.setattr(Axes, "imshow", lambda self, shown, **options: drawn.append(shown))
    for maps in ({"x": np.array([[1.0, -2.0]])}, {"zeros": np.zeros((1, 2))}):
        vis.show_numbers(maps)
    ((above, below),), ((zero, _),) = drawn
    assert above == pytest.approx((1 + np.array(HIGH)) / 2) and below == pytest.approx(np.array(LOW))
    assert (zero == 1).all()
