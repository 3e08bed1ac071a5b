"""However many runs, bars or kinds there are, each is drawn and told, and no two look alike."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from matplotlib.axes import Axes

from nbhelpers import visualisation as vis
from nbhelpers.datasets import Cells
from nbhelpers.iris import roc
from nbhelpers.kaggle import paired_gain
from nbhelpers.metrics import ConfusionMatrix
from nbhelpers.visualisation.charts import DASHES, MARKERS, runs_and

MANY = 9  # more than there are colours, markers and dashes
KINDS = [f"kind{index:02}" for index in range(22)]  # and more than colours of kinds


class History:
    def __init__(self, epochs=1):
        self.rows = [
            {"epoch": epoch, "train_loss": 1.0, "valid_loss": 1.0, "mean_iou": 0.5}
            for epoch in range(1, epochs + 1)
        ]


def confusion():
    matrix = ConfusionMatrix(2)
    matrix.update(torch.tensor([[0, 1]]), torch.tensor([[0, 1]]))
    return matrix


def curve():
    return roc(np.linspace(0.1, 0.3, 10), np.linspace(0.2, 0.5, 20))


NAMES = [f"run{index:02}" for index in range(MANY)]
CHARTS = {
    "curves": lambda: vis.show_curves({name: History() for name in NAMES}),
    "long curves": lambda: vis.show_curves({name: History(30) for name in NAMES}),
    "lines": lambda: vis.show_lines({name: {1: 2.0} for name in NAMES}, x="x", y="y"),
    "measures": lambda: vis.show_measures({name: {"a": 1.0} for name in NAMES}),
    "links": lambda: vis.show_links({name: {1: [0]} for name in NAMES}),
    "iou": lambda: vis.show_iou(confusion(), Cells("val"), {name: confusion() for name in NAMES}),
    "comparison": lambda: vis.show_comparison({name: [0.5] for name in NAMES}),
    "roc": lambda: vis.show_roc({name: curve() for name in NAMES}),
    "folds": lambda: vis.show_folds([0] * len(KINDS), KINDS),
    "gains": lambda: vis.show_gains({name: paired_gain([0, 1], [1, 2]) for name in NAMES}, "Dice"),
    "scores": lambda: vis.show_scores({name: 0.5 for name in NAMES}, "Dice"),
}


# what draws a run: where names do not stand beside each, each needs a look of its own
CALLS = {"long curves": "plot", "lines": "plot", "iou": "plot", "roc": "step", "folds": "barh"}


@pytest.mark.parametrize("chart", CHARTS)
@pytest.mark.filterwarnings("error:constrained_layout not applied")
def test_each_of_many_is_told_and_drawn_with_a_look_of_its_own(chart, monkeypatch):
    names = KINDS if chart == "folds" else NAMES
    call = CALLS.get(chart, "plot")
    looks, real = set(), getattr(Axes, call)
    kinds = ("color", "marker", "linestyle", "markeredgecolor", "hatch")

    def spy(self, *arguments, **options):
        if "linewidth" in options or "markeredgewidth" in options:
            looks.add(str({kind: options.get(kind) for kind in kinds}))
        return real(self, *arguments, **options)

    monkeypatch.setattr(Axes, call, spy)
    told = CHARTS[chart]().alt
    assert [name for name in names if name not in told] == []
    assert chart not in CALLS or len(looks) >= len(names)


def test_rows_of_a_comparison_share_a_colour_all_or_none(monkeypatch):
    colours, real = [], Axes.plot

    def spy(self, *arguments, **options):
        colours.append(options["color"])
        return real(self, *arguments, **options)

    monkeypatch.setattr(Axes, "plot", spy)
    for count, different in ((7, 7), (8, 1)):
        colours.clear()
        vis.show_comparison({name: [0.5] for name in NAMES[:count]})
        assert len(set(colours)) == different


def test_of_a_study_the_eighth_way_is_dashed_and_each_tells_its_seeds(monkeypatch):
    drawn, real = [], Axes.plot
    monkeypatch.setattr(
        Axes,
        "plot",
        lambda self, x, y, *more, **options: (
            drawn.append((list(x), options.get("linestyle"))),
            real(self, x, y, *more, **options),
        )[1],
    )
    scores = {f"way{index}": [0.4, 0.6 + index / 100] for index in range(8)}
    curves = {name: [{10: 0.1, 20: 0.2}] * 2 for name in scores}
    study = SimpleNamespace(scores=lambda: scores, curves=lambda: curves)
    alt = vis.show_study(study).alt
    assert "way0 0.500 (0.400 to 0.600, 2 seeds)" in alt and "way7 0.535 (0.400 to 0.670, 2 seeds)" in alt
    styles = [style for x, style in drawn if x == [10, 20]]
    assert styles == ["-"] * 14 + ["--"] * 2
    with pytest.raises(ValueError, match="the study has no rows yet"):
        vis.show_study(SimpleNamespace(scores=dict))


@pytest.mark.parametrize("values", [(9.2, 9.7), (-9.7, -9.2), (-2.0, 3.0)])
def test_no_dot_lies_on_the_rim_of_an_axis_that_holds_0(values, monkeypatch):
    limits, real = [], Axes.set_xlim

    def spy(*arguments, **options):
        limits.append(real(*arguments, **options))
        return limits[-1]

    monkeypatch.setattr(Axes, "set_xlim", spy)
    vis.show_comparison({"a": values})
    left, right = limits[-1]
    rim = 0.03 * (right - left)
    assert left <= 0 <= right and left < min(values) - rim and max(values) + rim < right


@pytest.mark.parametrize("marks", [MARKERS, DASHES])
def test_no_two_of_forty_runs_look_alike(marks):
    assert len(set(map(str, runs_and(marks, 40)))) == 40


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: vis.show_batch(Cells("val"), (torch.rand(3, 3, 4, 4), torch.zeros(2, 4, 4).long())),
         "3 images and 2 masks"),
        (lambda: vis.show_objects([(np.zeros((4, 4, 3), np.uint8), {"a": np.zeros((4, 4), int)})], [{}, {}]),
         "2 scores for 1 rows"),
        (lambda: vis.show_gains({}, "Dice"), "no comparison to show"),
    ],
)  # fmt: skip
def test_what_would_be_dropped_is_an_error(call, told):
    with pytest.raises(ValueError, match=told):
        call()


# ROC: n pairs show no rate below 1 / n


def test_rates_of_zero_are_drawn_at_one_of_the_pairs_and_marked(monkeypatch):
    drawn, real = [], Axes.step
    monkeypatch.setattr(
        Axes,
        "step",
        lambda self, x, y, **options: (drawn.append((self, x, y)), real(self, x, y, **options))[1],
    )
    genuine, impostor = np.array([0.1, 0.2, 0.3, 0.42]), np.array([0.4, 0.45, 0.5])
    picture = vis.show_roc({"a": roc(genuine, impostor)})
    axes, x, y = drawn[0]
    assert x.min() == pytest.approx(1 / 3) and y.min() == pytest.approx(1 / 4)
    assert axes.get_xlim()[0] < x.min() and axes.get_ylim()[0] < y.min()
    assert [line.get_marker() for line in axes.get_lines()].count("<") == 1
    assert [line.get_marker() for line in axes.get_lines()].count("v") == 1
    assert "a no false accept among 3 pairs at 25.0 % false rejects" in picture.alt
    assert "a no false reject among 4 pairs at 33.3 % false accepts" in picture.alt


def test_an_error_everywhere_has_no_triangle():
    assert "triangle" not in vis.show_roc({"a": roc(np.array([0.4, 0.5]), np.array([0.4, 0.5]))}).alt


@pytest.mark.parametrize("over", [0.0, 1e-7, 1e-4, -1e-6])
def test_floats_that_resizing_moved_past_1_are_shown(over):
    image = torch.rand(3, 8, 8)
    image[:, 0], image[:, 1] = 1 + over, min(0.0, over)
    assert vis.show_overlay(image, torch.zeros(8, 8).long(), Cells("val")).alt
