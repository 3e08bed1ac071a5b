"""The checks of lesson 8 accept the right answer, and tell plausible wrong ones what went wrong."""

import torch
import torch.nn.functional as F

from nbhelpers.exercises import lesson08
from nbhelpers.models.fpn import FPN
from tests.exercises.exercise_tester import (  # noqa: F401
    pytest_generate_tests,
    test_a_slip_gets_its_hint,
    test_every_check_is_tested,
    test_none_is_no_answer_yet,
    test_the_right_answer_is_accepted,
)

VALUES = {  # check: (right answer, {wrong: what the hint says})
    lesson08.check_level_size: (
        (5, 6),
        {
            (4, 6): "round up",
            (6, 5): "height comes first",
            (9, 12): "that is p3",
            (18, 24): "that is p2",
            (3, 3): "that is p5",
            (36, 48): "stride 2;",
            (72, 96): "halve four times",
        },
    ),
    lesson08.check_laterals: (
        984_064,
        {
            983_040: "a bias for its 256",
            983_296: "not one for all",
            986_880: "not for each that goes in",
            8_848_384: "1 x 1",
            1_000_704: "c1, of 64 channels",
            918_272: "c2 has a lateral",
            3_840: "count in x out",
        },
    ),
}


def top_down(laterals, mode="nearest"):
    levels = []
    for x in laterals:
        levels.append(x + F.interpolate(levels[-1], size=x.shape[-2:], mode=mode) if levels else x)
    return levels


def neighbours(laterals):
    pairs = zip(laterals, laterals[1:])
    return laterals[:1] + [x + F.interpolate(above, size=x.shape[-2:]) for above, x in pairs]


SLIPS = [  # (wrong function, what the hint says)
    (lambda laterals: None, "gives NoneType; return a list"),
    (lambda laterals: [x.numpy() for x in top_down(laterals)], "list of tensors"),
    (lambda laterals: top_down(laterals)[-1], "gives Tensor"),
    (lambda laterals: laterals, "come back unchanged"),
    (lambda laterals: top_down(laterals, "bilinear"), "mode='nearest'"),
    (neighbours, "p4 holds p5"),
    (lambda laterals: top_down(laterals)[::-1], "coarsest first"),
    (lambda laterals: top_down(laterals)[:2], "as large as the laterals"),
    (lambda laterals: [2 * x for x in top_down(laterals)], "should have the mean"),
]


RIGHT = [(check, answer) for check, (answer, _) in VALUES.items()]
RIGHT += [
    (lesson08.check_top_down, function) for function in (top_down, lambda laterals: tuple(top_down(laterals)))
]
WRONG = [(check, slip, hint) for check, (_, wrong) in VALUES.items() for slip, hint in wrong.items()]
WRONG += [(lesson08.check_top_down, function, hint) for function, hint in SLIPS]


def test_the_answers_are_those_of_the_model():
    with torch.device("meta"):
        model = FPN(num_classes=2, encoder="resnet50").eval()
    assert lesson08.check_laterals(sum(p.numel() for p in model.laterals.parameters())) == "Right."
    shapes = []
    model.laterals[1].register_forward_hook(lambda _, inputs, output: shapes.append(tuple(output.shape[-2:])))
    model(torch.rand(1, 3, 72, 96, device="meta"))
    assert model.names[1] == "c4" and lesson08.check_level_size(shapes[0]) == "Right."
