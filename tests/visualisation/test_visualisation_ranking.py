"""Rankings and heat maps: the alt texts tell what the data are, and what cannot be drawn is refused."""

import pytest
from matplotlib.axes import Axes

from nbhelpers.visualisation import show_heat, show_ranking

STEPS = {"a": [0.4, 0.6], "b": [0.3, 0.3]}


def test_a_ranking_tells_every_mean_and_its_bands_are_the_least_differences(monkeypatch):
    bands = []
    monkeypatch.setattr(Axes, "axvspan", lambda self, low, high, **_: bands.append((low, high)))
    picture = show_ranking({"steps": STEPS, "time": {"b": [0.7, 0.8]}}, {"steps": 0.1, "time": float("nan")})
    assert picture.alt == "Ranking of networks by mean IoU. steps: a 0.500, b 0.300; time: b 0.750."
    assert bands == [(0.4, 0.5)]  # a single network has no least difference


def test_equal_means_under_two_terms_do_not_hide_each_other(monkeypatch):
    monkeypatch.setattr("nbhelpers.visualisation.ranking.Picture", lambda figure, alt: figure)
    (axes,) = show_ranking({"steps": STEPS, "time": STEPS}, {"steps": 0.1, "time": 0.1}).axes
    steps, time = (line.get_ydata() for line in axes.lines if line.get_label() in ("steps", "time"))
    assert steps == pytest.approx([-0.15, 0.85]) and time == pytest.approx([0.15, 1.15])


@pytest.mark.parametrize("terms, least", [({}, {}), ({"steps": {}}, {"steps": 0.1}), ({"steps": STEPS}, {})])
def test_a_ranking_of_nothing_is_refused(terms, least):
    with pytest.raises(
        ValueError, match="a network at least under each of the terms, and a least difference"
    ):
        show_ranking(terms, least)


def test_a_heat_map_tells_the_best_of_each_column():
    nan = float("nan")
    alt = show_heat(
        {"a": {"sky": 0.9, "car": 0.2, "cat": nan}, "b": {"sky": 0.8, "car": 0.5, "cat": nan}}, "IoU"
    ).alt
    assert alt == "IoU in percent, a row for each network. The best, by column: sky a (90); car b (50)."


def test_a_heat_map_of_trials_tells_the_best_of_each_row(monkeypatch):
    scores = {"a": {"0.1": 0.9, "0.3": 0.2}, "b": {"0.1": 0.7, "0.3": 0.8}}
    picture = show_heat(scores, "mean IoU", best="row")
    assert (
        picture.alt
        == "mean IoU in percent, a row for each network. The best, by row: a 0.1 (90); b 0.3 (80)."
    )
    monkeypatch.setattr("nbhelpers.visualisation.ranking.Picture", lambda figure, alt: figure)
    (axes,) = show_heat(scores, "mean IoU", best="row").axes
    assert {text.get_text() for text in axes.texts if text.get_weight() == "bold"} == {"90", "80"}
    assert axes.get_xlabel() == "mean IoU, percent; bold: the best of its row"


@pytest.mark.parametrize("scores", [{}, {"a": {}}, {"a": {"sky": 0.1}, "b": {"car": 0.1}}])
def test_a_heat_map_of_unequal_columns_is_refused(scores):
    with pytest.raises(ValueError, match="the same columns in the same order, one at least"):
        show_heat(scores, "IoU")
