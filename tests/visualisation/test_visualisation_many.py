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
from nbhelpers.visualisation.charts import DASHES, MARKERS, RUNS, runs_and

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


@pytest.mark.parametrize(("each", "middle", "name"), [("seed", -0.5, "mean"), ("round", -0.4, "median")])
def test_each_row_of_a_comparison_has_its_name_dots_bar_and_number(each, middle, name, monkeypatch):
    made = []
    monkeypatch.setattr(
        "nbhelpers.visualisation.comparison.Picture", lambda figure, alt: made.append((figure, alt))
    )
    vis.show_comparison({"low": [-0.9, -0.4, -0.2], "high": [0.1, 0.5, 1.0]}, "gain", each)
    ((figure, alt),) = made
    (axes,) = figure.axes
    high = 1.6 / 3 if each == "seed" else 0.5
    told = f"low {middle:.3f} (-0.900 to -0.200); high {high:.3f} (0.100 to 1.000)"
    assert alt == f"gain over {each}s, {name} and range: {told}."
    assert axes.get_xlabel() == f"gain, one dot per {each}"
    assert [label.get_text() for label in axes.get_yticklabels()] == ["low", "high"]
    assert axes.yaxis_inverted()  # the first on top
    low, low_bar, top, top_bar, zero = (tuple(map(list, line.get_data())) for line in axes.lines)
    assert [low, top] == [([-0.9, -0.4, -0.2], [0] * 3), ([0.1, 0.5, 1.0], [1] * 3)]
    for row, (value, (x, y), number) in enumerate(zip((middle, high), (low_bar, top_bar), axes.texts)):
        assert x == pytest.approx([value] * 2) and y == pytest.approx([row - 0.3, row + 0.3])
        assert number.get_text() == f"{value:.3f}" and number.xy == pytest.approx((value, row - 0.3))
    assert zero[0] == [0, 0]
    vis.show_comparison({"a": [-20.5, 0.5]})
    assert made[1][1].endswith("a -10.0 (-20.5 to 0.5).")  # of numbers beyond 1 one digit is enough


def test_the_axis_of_shares_need_not_hold_0(monkeypatch):
    monkeypatch.setattr("nbhelpers.visualisation.comparison.Picture", lambda figure, alt: figure)
    (axes,) = vis.show_comparison({"a": [0.7, 0.8]}).axes
    left, right = axes.get_xlim()
    assert 0.65 < left < 0.7 and 0.8 < right < 0.85 and len(axes.lines) == 2  # no line at 0


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


def test_a_study_has_curves_on_the_left_and_scores_on_the_right_in_one_colour_a_way(monkeypatch):
    monkeypatch.setattr("nbhelpers.visualisation.studies.Picture", lambda figure, alt: figure)
    scores = {f"way{index}": [index / 10, index / 10 + 0.1] for index in range(8)}
    curves = {name: [{10: value / 2, 20: value} for value in values] for name, values in scores.items()}
    left, right = vis.show_study(SimpleNamespace(scores=lambda: scores, curves=lambda: curves)).axes
    assert [left.get_xlabel(), left.get_ylabel()] == ["training step", "mean IoU on val"]
    assert right.get_xlabel() == "mean IoU on test, one dot per seed"
    names = [label.get_text() for label in right.get_yticklabels()]
    assert names == [f"way{index}" for index in range(7)] + ["way7 (dashed)"]
    drawn = [(*map(list, line.get_data()), line.get_color()) for line in left.lines]
    colours = [RUNS[index % 7] for index in range(8)]
    assert drawn == [
        ([10, 20], list(curve.values()), colour)
        for colour, each in zip(colours, curves.values())
        for curve in each
    ]
    dots = right.lines[::2]
    assert [list(line.get_xdata()) for line in dots] == list(scores.values())
    assert [line.get_color() for line in dots] == colours


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
