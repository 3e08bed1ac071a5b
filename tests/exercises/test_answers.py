"""Every exercise accepts what is right, however it is written, and tells what is wrong by the hint that fits.

The tables are in `cases`, one a lesson.
"""

import json
import random
import re
from decimal import Decimal

import numpy as np
import pytest
import torch

from nbhelpers.exercises import UNANSWERED, NotYet, as_numbers, call, expect_two_digits, try_function
from tests.exercises.tables import (
    EXERCISES,
    FORMS,
    LESSONS,
    NAMES,
    RIGHT,
    VALUES,
    WRONG,
    numbers_of,
    right_ways,
    slips,
)


def named(check):
    return NAMES.get(check)


def replies(check, answers):
    """What an exercise says to each of `answers`, where it is not "Right."."""
    return [(answer, reply) for answer in answers if (reply := check(answer)) != "Right."]


@pytest.mark.parametrize("check", NAMES, ids=named)
def test_the_right_answer_is_accepted(check):
    assert replies(check, [answer for other, answer in RIGHT if other is check]) == []


@pytest.mark.parametrize("check", VALUES, ids=named)
def test_numbers_are_right_whatever_holds_them(check):
    assert replies(check, [form(numbers_of(check)) for form in FORMS.values()]) == []


@pytest.mark.parametrize("check", NAMES, ids=named)
def test_a_slip_gets_its_hint(check):
    slips = [(answer, hint) for other, answer, hint in WRONG if other is check]
    for (answer, hint), (_, reply) in zip(slips, replies(check, [slip for slip, _ in slips]), strict=True):
        assert reply.startswith("Not yet: ") and reply[-1] in ".?"
        assert re.search(hint, reply), (answer, reply)


@pytest.mark.parametrize("check", EXERCISES.values(), ids=named)
def test_none_is_no_answer_yet(check):
    assert check(None) == UNANSWERED


@pytest.mark.parametrize("check", VALUES, ids=named)
def test_what_is_no_number_is_told(check):
    right = numbers_of(check)
    for answer, hint in (
        ([float("nan")] * len(right), "nan is not a number"),
        (torch.full((len(right),), torch.nan), "nan is not a number"),
        ([*right[:-1], float("inf")], "infinite"),
        ("a few", "text|whole numbers"),
        ([*right[:-1], None], "None"),
        (max, "max is a function"),
        ({"answer": right}, "a dict"),
        ([right, [*right, 1]], "differ in length"),
        (2j, "numbers are asked for"),
        (torch.tensor(2j), "complex"),
        (10**400, "larger than any"),
    ):
        assert re.search(hint, check(answer)) and check(answer).startswith("Not yet: "), (
            answer,
            check(answer),
        )
    assert check([]).startswith("Not yet: ") and check([*right, *right]).startswith("Not yet: ")
    assert check([n + 0.07 for n in right]).startswith("Not yet: ")


@pytest.mark.parametrize("check", [check for check in NAMES if check not in VALUES], ids=named)
def test_what_is_no_function_or_stops_is_told(check):
    if NAMES[check] == "16.2":
        return

    def stops(*arguments):
        numbers = [1, 2]
        return numbers[7]

    class Careless:
        def __call__(self, *arguments):
            raise RuntimeError("a long story\nof two lines " + 50 * "and more ")

    for answer, hint in (
        (3.5, "a function is asked for, not a float"),
        (stops, r"stops with IndexError in line \d+, `return numbers\[7\]`: list index out of range\.$"),
        (Careless(), r"stops with RuntimeError in line \d+, `raise Runtime.*: a long story of two .*\.\.$"),
        (lambda: None, "cannot be called with"),
        (lambda *arguments: None, "None"),
        (lambda *arguments: object(), "object"),
    ):
        assert re.search(hint, check(answer)), check(answer)
    with pytest.raises(KeyboardInterrupt):
        check(interrupted)


def test_numbers_that_are_held_in_unusual_ways_are_read():
    negative = (
        torch.tensor([1 - 2j, 3j], dtype=torch.complex128).conj().imag
    )  # torch keeps a note to turn the signs
    assert as_numbers(negative).tolist() == [2, -3]
    assert as_numbers(np.array([1, Decimal(2), torch.tensor(3.5)], object)).tolist() == [1, 2, 3.5]


def test_who_gives_more_than_two_digits_must_nearly_be_right():
    assert expect_two_digits(0.4735, 0.475, {}, "no") is None
    for near in (0.4714, 0.4786):
        with pytest.raises(NotYet, match="^no$"):
            expect_two_digits(near, 0.475, {}, "no")


def test_a_function_may_give_its_number_in_brackets():
    def double(x):
        return 2 * x

    for brackets in (lambda x: [2 * x], lambda x: torch.tensor([[2.0 * x]])):
        assert try_function(brackets, double, [(1,), (3,)], [], "no") is None


def test_the_line_that_stops_is_the_readers_own():
    def reads(text):
        return json.loads(text)

    with pytest.raises(NotYet, match=r"stops with JSONDecodeError in line \d+, `return json.loads\(text\)`"):
        call(reads, ("no JSON",), ["text"])


def weight_changed(layer):
    layer.weight.data += 1


@pytest.mark.parametrize(
    ("argument", "change"),
    [
        (torch.zeros(2, 3), lambda x: x.add_(1)),
        (torch.zeros(2, 3), lambda x: x.unsqueeze_(0)),
        (np.zeros(3), lambda x: x.fill(1)),
        ([1, 2], lambda x: x.append(3)),
        ([torch.zeros(2), torch.zeros(2)], lambda x: x[1].add_(1)),
        ({"a": 1}, lambda x: x.update(a=2)),
        ({"a": 1}, lambda x: x.update(b=x.pop("a"))),
        (torch.nn.Linear(2, 2), weight_changed),
        (torch.nn.BatchNorm2d(3), lambda x: x(torch.rand(2, 3, 4, 4))),
    ],
)
def test_a_function_that_changes_what_it_is_given_is_told(argument, change):
    with pytest.raises(NotYet, match="it changes scene, which others still need"):
        call(lambda size, scene: change(scene), (3, argument), ["size", "scene"])
    assert call(lambda size, scene: size, (3, argument), ["size", "scene"]) == 3


def interrupted(*arguments):
    raise KeyboardInterrupt


@pytest.mark.parametrize("check", NAMES, ids=named)
def test_a_check_leaves_random_states_alone(check):
    def careless(*arguments):
        torch.manual_seed(1), np.random.seed(1), random.seed(1)
        raise ValueError(torch.rand(1), np.random.rand(), random.random())

    before = torch.get_rng_state(), np.random.get_state()[1].copy(), random.getstate()
    for answer in (careless, [7], next(answer for other, answer in RIGHT if other is check)):
        check(answer)
    assert torch.equal(before[0], torch.get_rng_state()) and random.getstate() == before[2]
    assert (before[1] == np.random.get_state()[1]).all()


def test_every_exercise_has_five_right_answers_and_eight_slips():
    assert len(EXERCISES) == 3 * len(LESSONS)
    assert {name: right_ways(name) for name in EXERCISES if right_ways(name) < 5} == {}
    assert {name: slips(name) for name in EXERCISES if slips(name) < 8} == {}
