"""Reliability and pulls: the alt texts tell what the data are, and what cannot be drawn is refused."""

import numpy as np
import pytest
import torch
from matplotlib.axes import Axes

from nbhelpers.metrics.calibration import Calibration
from nbhelpers.visualisation import show_pulls, show_reliability
from nbhelpers.visualisation.charts import RIGHT, WRONG


def told(probability, right, of):
    calibration = Calibration(class_id=1)
    masks = torch.zeros(1, 1, of, dtype=torch.long)
    masks[..., :right] = 1
    calibration.update(torch.full((1, 1, 1, of), probability), masks)
    return calibration


def test_reliability_tells_the_error_and_the_worst_bin(monkeypatch):
    drawn = []
    monkeypatch.setattr(Axes, "plot", lambda self, x, y, **options: drawn.append((list(x), list(y))))
    monkeypatch.setattr("matplotlib.figure.Figure.legend", lambda *_, **__: None)
    alt = show_reliability({"sure": told(0.9, 5, 10), "true": told(0.2, 2, 10)}).alt
    assert "sure: calibration error 0.4000, at most 0.90 told and 0.50 right" in alt
    assert "true: calibration error 0.0000" in alt
    (_, sure, pixels, *_) = drawn  # after the diagonal: the points, then their pixels
    assert sure[0] == pytest.approx([0.9]) and sure[1] == [0.5] and pixels[1] == [10]


def test_more_runs_than_colours_are_all_told():
    alt = show_reliability({f"run{index:02}": told(0.5, index, 10) for index in range(9)}).alt
    assert all(f"run{index:02}" in alt for index in range(9))


@pytest.mark.parametrize("nothing", [{}, {"empty": Calibration()}])
def test_nothing_to_judge_is_refused(nothing):
    with pytest.raises(ValueError, match="each must have counted a pixel"):
        show_reliability(nothing)


def test_pulls_tell_the_share_on_the_object():
    mask = np.zeros((6, 8), np.uint8)
    mask[2:4, 2:4] = 1
    even, only = np.ones((6, 8)), torch.from_numpy(-1.0 * mask)
    alt = show_pulls(mask, {"even": even, "only": only}).alt
    assert "even 8%, only 100%" in alt  # 4 of 48 pixels
    assert "all 0%" in show_pulls(0 * mask, {"all": even}).alt


def test_pulls_are_as_strong_as_their_colour(monkeypatch):
    drawn = []
    monkeypatch.setattr(Axes, "imshow", lambda self, shown, **options: drawn.append(shown))
    mask, pull = np.array([[1, 0, 1]] * 2), np.array([[2.0, 0.0, -1.0]] * 2)
    alt = show_pulls(mask, {"loss": pull}).alt
    assert "loss 100%" in alt  # up and down alike
    up, none, down = drawn[0][0]
    assert up == pytest.approx(RIGHT) and none == pytest.approx([1, 1, 1])
    assert down == pytest.approx((1 + np.array(WRONG)) / 2)


@pytest.mark.parametrize("shape", [(1, 8), (8, 1)])
def test_pulls_of_one_row_or_column(shape):
    mask = np.arange(8).reshape(shape) < 2
    assert "even 25%" in show_pulls(mask, {"even": np.ones(shape)}).alt


@pytest.mark.parametrize("pulls", [{}, {"small": np.ones((2, 2))}, {"none": np.zeros((6, 8))}])
def test_pulls_that_do_not_fit_are_refused(pulls):
    with pytest.raises(
        ValueError, match=r"pulls must be maps \(6, 8\), as the mask is, at least one and none of zeros"
    ):
        show_pulls(np.zeros((6, 8)), pulls)
