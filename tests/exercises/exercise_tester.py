"""What every lesson's table of answers is put through; a test file imports these and names its RIGHT and WRONG.

RIGHT: [(check, answer)]. WRONG: [(check, answer, pattern that the hint must match)].
"""

import inspect
import re
from collections import Counter

from nbhelpers.exercises import UNANSWERED


def pytest_generate_tests(metafunc):
    """Each test runs over the table of the file that imports it."""
    if metafunc.function is test_the_right_answer_is_accepted:
        metafunc.parametrize(("check", "answer"), metafunc.module.RIGHT)
    elif metafunc.function is test_a_slip_gets_its_hint:
        metafunc.parametrize(("check", "answer", "hint"), metafunc.module.WRONG)
    elif metafunc.function is test_none_is_no_answer_yet:
        checks = list(dict.fromkeys(check for check, _ in metafunc.module.RIGHT))
        metafunc.parametrize("check", checks, ids=lambda check: check.__name__)


def test_the_right_answer_is_accepted(check, answer):
    assert check(answer) == "Right."


def test_a_slip_gets_its_hint(check, answer, hint):
    reply = check(answer)
    assert reply.startswith("Not yet: ") and reply[-1] in ".?"
    assert re.search(hint, reply), reply


def test_none_is_no_answer_yet(check):
    assert check(None) == UNANSWERED


def test_every_check_is_tested(request):
    """Each check of the lessons that the table names has a right answer and three slips."""
    right = {check for check, _ in request.module.RIGHT}
    slips = Counter(check for check, _, _ in request.module.WRONG)
    for lesson in {inspect.getmodule(check) for check in right}:
        members = inspect.getmembers(lesson, inspect.isfunction)
        own = [f for name, f in members if name.startswith("check_") and f.__module__ == lesson.__name__]
        assert [f.__name__ for f in own if f not in right] == []
        assert [f.__name__ for f in own if slips[f] < 3] == []
