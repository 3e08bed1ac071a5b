"""The checks of lesson 7 accept the right answer, and tell plausible wrong ones what went wrong."""

import torch

from nbhelpers.exercises import lesson07
from nbhelpers.models.unet_plus_plus import UNetPlusPlus
from nbhelpers.visualisation.nested import _grid
from tests.exercises.exercise_tester import (  # noqa: F401
    pytest_generate_tests,
    test_a_slip_gets_its_hint,
    test_every_check_is_tested,
    test_none_is_no_answer_yet,
    test_the_right_answer_is_accepted,
)

NUMBERS = {  # check: (right answer, {wrong: what the hint says})
    lesson07.check_nodes: (
        21,
        {
            15: "depth 4",
            36: "triangle",
            30: "triangle",
            20: "six rows",
            11: "plain U-Net",
            26: "heads",
            5: "add up",
        },
    ),
    lesson07.check_join: (
        256,
        {
            192: "from below is joined",
            320: "brings 128 channels to 64",
            128: "all earlier nodes",
            512: "second width",
            64: "add the channels",
        },
    ),
}


def right(i, j):
    if j == 0:
        return [(i - 1, 0)] if i else []
    return [(i, k) for k in range(j)] + [(i + 1, j - 1)]


SOURCES = [
    (lambda i, j: None, "gives None; end with return"),
    (lambda i, j: right(i, j) + [(i, j)], "does not feed itself"),
    (
        lambda i, j: [(i, 0), (i + 1, j - 1)] if j else right(i, j),
        r"all earlier nodes.*\(0, 1\), \(0, 2\) is missing",
    ),
    (lambda i, j: [(i, j - 1), (i + 1, j - 1)] if j else right(i, j), r"\(0, 0\), \(0, 1\) is missing"),
    (lambda i, j: [(i, k) for k in range(j)] if j else right(i, j), "what gets doubled"),
    (lambda i, j: [(i, k) for k in range(j)] + [(i + 1, j)] if j else right(i, j), "column j - 1"),
    (lambda i, j: [(i, k) for k in range(j)] + [(i - 1, j - 1)] if j else right(i, j), "row 0 is the finest"),
    (lambda i, j: right(i, j) if j else [(i + 1, 0)], "column 0 is the encoder"),
    (lambda i, j: right(i, j) if j else [], "column 0 is the encoder"),
    (lambda i, j: right(i, j) if i + j else [(-1, 0)], "no node feeds it"),
    (lambda i, j: right(i, j) + [(i + 2, 0)] if j else right(i, j), "one too many"),
]


RIGHT = [(check, answer) for check, (answer, _) in NUMBERS.items()]
RIGHT += [(lesson07.check_sources, right)]
RIGHT += [(lesson07.check_sources, lambda i, j: (tuple(place) for place in right(i, j)))]
WRONG = [(check, slip, hint) for check, (_, wrong) in NUMBERS.items() for slip, hint in wrong.items()]
WRONG += [(lesson07.check_sources, slip, r"Not yet: for \(.*" + hint) for slip, hint in SOURCES]


def test_the_answers_are_those_of_the_model():
    with torch.device("meta"):
        model = UNetPlusPlus(num_classes=2, widths=(32, 64, 128, 256, 512))
        deeper = UNetPlusPlus(num_classes=2, widths=(1, 2, 3, 4, 5, 6), num_upsampling=5)
    assert lesson07.check_nodes(sum(map(len, deeper.nodes))) == "Right."
    assert lesson07.check_join(model.nodes[1][3].conv[0].in_channels) == "Right."
    model = UNetPlusPlus(num_classes=2, widths=(2, 2, 2, 2), num_upsampling=3)
    shapes, edges, _ = _grid(model, torch.rand(1, 3, 32, 32))
    for place in shapes:
        assert set(right(*place)) == {start for start, end in edges if end == place}
