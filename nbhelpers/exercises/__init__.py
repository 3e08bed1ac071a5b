"""Exercises whose answers check themselves: one module a lesson, one function an exercise.

A check takes the reader's answer and returns one sentence: right, not answered yet, or what the slip may be.
Numbers are compared by `expect`, functions are tried by `try_function`; both live beside this page.
"""

from nbhelpers.exercises.answers import UNANSWERED, NotYet, as_numbers, exercise, expect, expect_two_digits
from nbhelpers.exercises.functions import call, try_function

__all__ = [
    "UNANSWERED",
    "NotYet",
    "as_numbers",
    "call",
    "exercise",
    "expect",
    "expect_two_digits",
    "try_function",
]
