"""The notebooks' solutions pass their checks, and what is one slip away from them does not."""

import ast
import difflib
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.exercises.inputs import INPUTS
from tests.exercises.mutants import mutants, other_ways, solutions
from tests.exercises.search import differs, edited
from tests.exercises.survivors import SURVIVORS
from tests.exercises.tables import EXERCISES

SOLUTIONS, OTHERS = solutions(), other_ways()


def changed(code, mutant):
    """The lines that `mutant` has in the place of those of `code`."""
    lines = difflib.ndiff(code.splitlines(), mutant.splitlines())
    return "\n".join(line[2:] for line in lines if line.startswith("+ "))


def test_every_exercise_has_a_solution():
    assert SOLUTIONS.keys() == EXERCISES.keys() and len(EXERCISES) == 60


@pytest.mark.parametrize("name", EXERCISES)
def test_the_solution_is_right_and_its_mutants_are_not(name):
    solution = SOLUTIONS[name]
    assert solution.check(solution.answer()) == "Right."
    code, reasons = ast.unparse(solution.tree), SURVIVORS.get(name, {})
    survivors = [changed(code, mutant) for mutant in mutants(solution.tree) if solution.survives(mutant)]
    assert [line for line in survivors if not any(re.search(reason, line) for reason in reasons)] == []
    idle = [reason for reason in reasons if not any(re.search(reason, line) for line in survivors)]
    assert idle == [], "reasons for which no mutant lives"


@pytest.mark.parametrize("name", INPUTS)
@settings(max_examples=8)
@given(way=st.integers(0, 99), first=st.integers(0, 999), second=st.none() | st.integers(0, 999))
def test_no_right_way_stays_right_after_one_or_two_edits(name, way, first, second):
    """Bounded; `python -m tests.exercises.table` searches on."""
    ways = [SOLUTIONS[name], *OTHERS[name]]
    solution = ways[way % len(ways)]
    code = edited(solution, first, second)
    if code and solution.survives(code):
        assert differs(name, SOLUTIONS[name], solution, code) is None


@pytest.mark.parametrize("name", INPUTS)
def test_right_ways_do_what_the_solution_does(name):
    for solution in OTHERS[name]:
        assert differs(name, SOLUTIONS[name], solution, ast.unparse(solution.tree), tries=10) is None
