"""The graph of a U-Net++ shows the edges that its forward has, and what pruning leaves out."""

import re

import pytest
import torch
from torch import nn

from nbhelpers.models.unet import UNet
from nbhelpers.models.unet_plus_plus import UNetPlusPlus
from nbhelpers.visualisation import show_nested
from nbhelpers.visualisation.nested import _grid


@pytest.fixture
def images():
    return torch.rand(1, 3, 33, 47)


def make(depth, **options):
    return UNetPlusPlus(num_classes=2, widths=(2, 3, 4, 5, 6)[: depth + 1], num_upsampling=depth, **options)


@pytest.mark.parametrize("depth", [1, 2, 4])
def test_edges_are_those_of_equation_1(depth, images):
    shapes, edges, heads = _grid(make(depth), images)
    expected = {((i - 1, 0), (i, 0)) for i in range(1, depth + 1)}
    for i in range(depth + 1):
        for j in range(1, depth + 1 - i):
            expected |= {((i, k), (i, j)) for k in range(j)} | {((i + 1, j - 1), (i, j))}
    assert len(edges) == len(set(edges)) and set(edges) == expected
    assert heads == list(range(1, depth + 1))
    assert shapes[1, 0] == (1, 3, 17, 24)


class WithoutOneSkip(UNetPlusPlus):
    def _first_row(self, images):
        (top, middle, bottom), nodes = self._first_column(images), self.nodes
        first = nodes[0][1]([top], middle)
        return [top, first, nodes[0][2]([top, torch.zeros_like(first)], nodes[1][1]([middle], bottom))]


def test_another_wiring_is_drawn_as_it_is(images):
    """Not from the formula: a node that takes less has fewer arrows."""
    model = WithoutOneSkip(num_classes=2, widths=(2, 3, 4), num_upsampling=2)
    assert ((0, 1), (0, 2)) not in _grid(model, images)[1]
    assert "0,2 (2 channels from 0,0 1,1)" in show_nested(model, images).alt


def test_alt_text(images):
    alt = show_nested(make(2), images).alt
    assert "33 × 47: 0,0 (2 channels), 0,1 (2 channels from 0,0 1,0)" in alt
    assert "17 × 24: 1,0 (3 channels from 0,0)" in alt
    assert alt.endswith("Heads at columns 1, 2.")
    assert show_nested(make(2, deep_supervision=False), images).alt.endswith("Heads at columns 2.")


def test_what_pruning_leaves_out_is_what_the_pruned_network_lacks(images):
    model = make(3)
    alt = show_nested(model, images, keep=1).alt
    left_out = re.search("left out at depth 1: (.*)[.]", alt)[1].split(", ")
    kept = {f"{i},{j}" for i, j in _grid(model.pruned(1), images)[0]}
    assert {f"{i},{j}" for i, j in _grid(model, images)[0]} - kept == set(left_out)
    assert "Pale" not in show_nested(model, images, keep=3).alt


@pytest.mark.parametrize(
    "model", [UNet(num_classes=2, widths=(2, 3)), nn.Conv2d(3, 2, 1), make(3, encoder="squeezenet")]
)
def test_another_network_is_refused(model, images):
    with pytest.raises(ValueError, match="calls . modules nodes.i.j, but must call a triangle"):
        show_nested(model, images)


@pytest.mark.parametrize("keep", [0, 3])
def test_a_depth_that_is_not_there_is_refused(keep, images):
    with pytest.raises(ValueError, match=f"keep is {keep}, but must be 1 to 2, a depth of this network"):
        show_nested(make(2), images, keep=keep)
