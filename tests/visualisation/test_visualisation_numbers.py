"""Maps of numbers as pictures: what stands in the cells, and what the alt text says."""

import numpy as np
import PIL.Image
import pytest
import torch

from nbhelpers import visualisation as vis


def test_alt_text_holds_the_numbers():
    picture = vis.show_numbers({"x": torch.tensor([[1.0, -2.0], [0.25, 0.0]]), "two\nlines": np.eye(3)})
    assert picture.alt == "Maps of numbers. x: rows 1 -2, 0.25 0. two lines: rows 1 0 0, 0 1 0, 0 0 1."


def test_large_maps_are_summed_up():
    picture = vis.show_numbers({"kernel": torch.arange(100.0).reshape(10, 10)})
    assert picture.alt == "Maps of numbers. kernel: 10 x 10, from 0 to 99, mean 49.5."


def test_colours_are_on_one_scale(tmp_path):
    """The same value has the same colour in both maps; what is above 0 is blue, below orange, 0 white."""
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
    with pytest.raises(ValueError, match="there is no map to show"):
        vis.show_numbers({})


def test_gradients_and_zeros_are_no_obstacle():
    assert vis.show_numbers({"x": torch.tensor([[-0.0]])}).alt == "Maps of numbers. x: rows 0."
    assert "rows 0 0" in vis.show_numbers({"x": torch.zeros(1, 2, requires_grad=True)}).alt
