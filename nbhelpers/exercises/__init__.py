"""Exercises whose answers check themselves: one module a lesson, one function an exercise.

A check takes the reader's answer and returns one sentence: right, not answered yet, or what the slip may be.
"""

from collections.abc import Mapping
from typing import Any

UNANSWERED = "No answer yet: replace None, and run the cell again."


def verdict(answer: Any, right: Any, slips: Mapping[Any, str], otherwise: str) -> str:
    """Compare `answer` with the `right` one; `slips` maps plausible wrong answers to what went wrong."""
    if answer is None:
        return UNANSWERED
    if answer == right:
        return "Right."
    return f"Not yet: {slips.get(answer, otherwise)}"
