"""What a network costs: counted against torch's own counter and by hand, and drawn."""

import io

import numpy as np
import PIL.Image
import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from nbhelpers import visualisation as vis
from nbhelpers.models.fc_densenet import FCDenseNet
from nbhelpers.models.fc_hardnet import FCHarDNet
from nbhelpers.models.unet import UNet


def test_convolutions_counts_one_by_hand():
    with vis.Convolutions() as costs:
        F.conv2d(torch.rand(2, 3, 8, 10), torch.rand(5, 3, 3, 3), stride=2, padding=1)
    assert costs.macs == (2 * 5 * 4 * 5) * (3 * 3 * 3)  # every output value is a sum of 27 products
    assert costs.values == 2 * 3 * 8 * 10 + 2 * 5 * 4 * 5
    assert len(costs.rows) == 1


def test_convolutions_counts_groups_and_transposed_ones_by_hand():
    x = torch.rand(1, 4, 6, 6)
    with vis.Convolutions() as costs:
        F.conv2d(x, torch.rand(4, 1, 3, 3), padding=1, groups=4)
        F.conv_transpose2d(x, torch.rand(4, 2, 2, 2), stride=2)
    assert [row.macs for row in costs.rows] == [4 * 36 * 9, 4 * 36 * (2 * 2 * 2)]
    assert [row.values for row in costs.rows] == [4 * 36 + 4 * 36, 4 * 36 + 2 * 144]


@pytest.mark.parametrize(
    "build",
    [
        lambda: UNet(num_classes=5, widths=(4, 8, 16)),
        lambda: FCDenseNet(num_classes=5, layers=(2, 3, 2), growth_rate=4),
        lambda: FCHarDNet(num_classes=5),
    ],
)
@pytest.mark.parametrize("device", ["cpu", "meta"])
def test_convolutions_agrees_with_torch(build, device):
    with torch.device(device), torch.inference_mode():
        model, images = build().eval(), torch.rand(1, 3, 64, 96)
        with FlopCounterMode(display=False) as counter:
            model(images)
        with vis.Convolutions() as costs:
            model(images)
    assert costs.macs == counter.get_total_flops() // 2


def test_live_bytes_by_hand():
    x = torch.rand(100)
    with vis.LiveBytes() as live:
        y = x + 1
        assert live.now == 400
        z = y * y
        view = z.view(10, 10)
        assert live.now == 800  # a view takes nothing
        del z
        assert live.now == 800
        del view, y
    assert (live.now, live.peak) == (0, 800)


def test_live_bytes_counts_each_of_many_that_come_to_lie_where_others_were():
    x = torch.rand(100)
    with vis.LiveBytes() as live:
        for _ in range(50):
            y = x + 1
            assert live.now == 400
            del y
        few = torch.ones(10)
    assert (live.now, live.peak) == (few.nbytes, 400)


def test_live_bytes_sees_what_the_backward_pass_waits_for():
    with torch.device("meta"), vis.LiveBytes() as live:
        convolution = nn.Conv2d(3, 8, 3, padding=1)
        weights = live.now
        logits = F.relu(convolution(torch.rand(2, 3, 16, 16)))
        kept = live.now - weights
    # the images, which the convolution's weights ask for, and relu's output
    assert kept == 4 * 2 * (3 + 8) * 16 * 16
    assert logits.is_meta


def test_measures_are_told_in_the_alt_text():
    picture = vis.show_measures(
        {"parameters, millions": {"one": 31.04, "two": 9.32}, "MB": {"one": 12345, "two": 0}}
    )
    assert picture.alt == "Bars. parameters, millions: one 31.0, two 9.32; MB: one 12,345, two 0."


@pytest.mark.parametrize("measures", [{}, {"MB": {}}, {"MB": {"a": 1}, "s": {"b": 1}}])
def test_measures_need_the_same_names(measures):
    with pytest.raises(ValueError, match="the same names in the same order"):
        vis.show_measures(measures)


def test_one_quantity_has_one_scale():
    measures = {"first": {"a": 0.9, "b": 0.5}, "second": {"a": 0.07, "b": 0.05}}
    own, shared = vis.show_measures(measures), vis.show_measures(measures, unit="IoU")
    assert shared.alt == "Bars of IoU. first: a 0.900, b 0.500; second: a 0.0700, b 0.0500."

    def longest(picture, colour):  # in pixels, of the bars of one colour
        pixels = np.asarray(PIL.Image.open(io.BytesIO(picture.data)).convert("RGB"))
        return (pixels == colour).all(axis=-1).sum(axis=1).max()

    blue, orange = (0x00, 0x72, 0xB2), (0xD5, 0x5E, 0x00)
    assert longest(own, orange) == pytest.approx(longest(own, blue), rel=0.05)
    assert longest(shared, orange) == pytest.approx(longest(shared, blue) * 7 / 90, rel=0.1)


def test_panels_of_measures_have_each_number_beside_its_bar(monkeypatch):
    """Of six measures in two lines of three panels, the largest value the longest bar, and 0 no trouble."""
    monkeypatch.setattr("nbhelpers.visualisation.costs.Picture", lambda figure, alt: figure)
    measures = {f"m{number}": {"a": 4.0 * number, "b": number} for number in range(6)}
    panels = vis.show_measures(measures).axes
    assert [panel.get_title(loc="left") for panel in panels] == list(measures) and len(panels) == 6
    assert [label.get_text() for label in panels[0].get_yticklabels()] == ["a", "b"]
    for number, panel in enumerate(panels):
        assert [bar.get_width() for bar in panel.patches] == [4 * number, number]
        assert [bar.get_y() + bar.get_height() / 2 for bar in panel.patches] == pytest.approx([0, 1])
        written = [(text.get_position()[1], float(text.get_text())) for text in panel.texts]
        assert written == [(0, 4 * number), (1, number)] and panel.yaxis_inverted()
        assert panel.get_xlim() == pytest.approx((0, 1.32 * (4 * number or 1)))


def test_lines_are_drawn_through_their_points_with_their_names_at_the_right(monkeypatch):
    monkeypatch.setattr("nbhelpers.visualisation.costs.Picture", lambda figure, alt: figure)
    lines = {"high": {1: 2.0, 4: 3.0}, "low": {2: 1.0, 3: -1.0}}
    (axes,) = vis.show_lines(lines, x="k", y="gain").axes
    assert (axes.get_xlabel(), axes.get_ylabel(), axes.get_xlim()[0]) == ("k", "gain", 0)
    high, low, zero = axes.lines
    assert [list(map(list, line.get_data())) for line in (high, low)] == [[[1, 4], [2, 3]], [[2, 3], [1, -1]]]
    assert list(zero.get_ydata()) == [0, 0]
    names = {name.get_text(): (name.xy, name.get_color()) for name in axes.texts}
    assert names["high"] == ((4, pytest.approx(3)), high.get_color())
    assert names["low"] == ((4, pytest.approx(-1)), low.get_color())


def test_numbers_have_three_figures():
    values = {1: 12345, 2: 123.4, 3: 10, 4: 1.234, 5: -0.0567, 6: 0}
    told = "12,345 at 1, 123 at 2, 10.0 at 3, 1.23 at 4, -0.0567 at 5, 0 at 6"
    assert vis.show_lines({"a": values}, x="x", y="y").alt == f"Lines of y over x. a: {told}."


def test_lines_are_told_in_the_alt_text():
    picture = vis.show_lines({"torch.cat": {4: 10, 8: 40.5}}, x="layers", y="MB")
    assert picture.alt == "Lines of MB over layers. torch.cat: 10.0 at 4, 40.5 at 8."


def test_names_of_lines_keep_apart_on_logarithmic_axes(monkeypatch):
    monkeypatch.setattr("nbhelpers.visualisation.costs.Picture", lambda figure, alt: figure)
    lines = {"one": {1: 1, 100: 1000}, "other": {1: 2, 100: 1001}}
    (axes,) = vis.show_lines(lines, x="layers", y="MB", logarithmic="xy").axes
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    assert [label.get_text() for label in axes.get_xticklabels()] == ["1", "100"]
    heights = [axes.transData.transform(name.xy)[1] for name in axes.texts]
    assert heights[1] - heights[0] > 10  # points


@pytest.mark.parametrize(
    "lines",
    [
        {"all below zero": {1: -0.9, 2: -0.95}, "above": {1: 0.5, 2: 0.3}},
        {f"run {number}": {1: 0.1, 2: 0.9 + number / 200} for number in range(9)},
        {f"run {number}": {1: 0.1, 2: 0.01} for number in range(9)},
    ],
    ids=["below zero", "all end at the top", "all end at the bottom"],
)
def test_every_point_and_name_of_lines_lies_within_the_axes(monkeypatch, lines):
    monkeypatch.setattr("nbhelpers.visualisation.costs.Picture", lambda figure, alt: figure)
    (axes,) = vis.show_lines(lines, x="k", y="gain").axes
    low, high = axes.get_ylim()
    values = [value for points in lines.values() for value in points.values()]
    assert low <= 0 and low < min(values) and max(values) < high
    names = sorted(name.xy[1] for name in axes.texts)
    assert low <= names[0] and names[-1] <= high and len(names) == len(lines)
    assert min(np.diff(names)) > 0.05 * (high - low)


@pytest.mark.parametrize("lines", [{}, {"one": {}}])
def test_lines_need_points(lines):
    with pytest.raises(ValueError, match="a point at least"):
        vis.show_lines(lines, x="layers", y="MB")
