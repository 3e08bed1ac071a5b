"""Which layer reads which, drawn."""

import pytest

from nbhelpers import visualisation as vis


def test_links_are_told_in_the_alt_text():
    picture = vis.show_links({"dense": {1: [0], 2: [1, 0]}, "chain": {1: [0], 2: [1]}})
    assert picture.alt == (
        "Layers as dots and links as arcs. dense, 3 links: 1 reads 0; 2 reads 0, 1. chain, 2 links: 1 reads 0; 2 reads 1."
    )


@pytest.mark.parametrize("read", [[1], [2], [-1]])
def test_a_layer_reads_earlier_ones(read):
    with pytest.raises(ValueError, match=r"layer 1 reads .* must read earlier layers"):
        vis.show_links({"one": {1: read}})


@pytest.mark.parametrize("blocks", [{}, {"one": {}}])
def test_there_must_be_a_link(blocks):
    with pytest.raises(ValueError, match="a link at least"):
        vis.show_links(blocks)
