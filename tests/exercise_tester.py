"""What every lesson's table of answers is put through; a test file imports these and names its RIGHT and WRONG.

RIGHT: [(check, answer)]. WRONG: [(check, answer, pattern that the hint must match)].
"""

import re


def pytest_generate_tests(metafunc):
    """Each test runs over the table of the file that imports it."""
    if metafunc.function is test_the_right_answer_is_accepted:
        metafunc.parametrize(("check", "answer"), metafunc.module.RIGHT)
    elif metafunc.function is test_a_slip_gets_its_hint:
        metafunc.parametrize(("check", "answer", "hint"), metafunc.module.WRONG)


def test_the_right_answer_is_accepted(check, answer):
    assert check(answer) == "Right."


def test_a_slip_gets_its_hint(check, answer, hint):
    reply = check(answer)
    assert reply.startswith("Not yet: ") and reply.endswith(".")
    assert re.search(hint, reply), reply
