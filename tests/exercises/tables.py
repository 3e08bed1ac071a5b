"""All exercises by their number, and what the modules in `cases`, one a lesson, hold right and wrong.

EXERCISES: {"1.1": check, ...}, three a lesson. RIGHT: (check, answer). WRONG: (check, answer, pattern of the hint).
"""

import inspect
from fractions import Fraction
from importlib import import_module

import numpy as np
import torch


def _checks(number: int) -> list:
    module = import_module(f"nbhelpers.exercises.lesson{number:02}")
    checks = [check for name, check in vars(module).items() if name.startswith("check_")]
    return [check for check in checks if inspect.isfunction(check) and check.__module__ == module.__name__]


LESSONS = range(1, 28)
EXERCISES = {f"{lesson}.{i}": check for lesson in LESSONS for i, check in enumerate(_checks(lesson), 1)}
CASES = [import_module(f"tests.exercises.cases.lesson{number:02}") for number in LESSONS]
RIGHT = [case for cases in CASES for case in cases.RIGHT]
WRONG = [case for cases in CASES for case in cases.WRONG]
NAMES = {check: name for name, check in EXERCISES.items()}
FORMS = {  # ways of writing the same numbers
    "tuple": lambda numbers: tuple(numbers),
    "array": lambda numbers: np.array(numbers),
    "tensor": lambda numbers: torch.tensor(numbers, dtype=torch.float64),
    "fractions": lambda numbers: [Fraction(number) for number in numbers],
    "scalars": lambda numbers: [*np.array(numbers)],
    "generator": lambda numbers: (number for number in numbers),
    "parameter": lambda numbers: torch.nn.Parameter(torch.tensor(numbers, dtype=torch.float64)[None]),
}


def numbers_of(check):
    """The numbers that `check` wants, by the first of its right answers; None if it wants something else."""
    answer = next(answer for other, answer in RIGHT if other is check)
    if callable(answer) or isinstance(answer, dict):
        return None
    return [int(n) for n in answer.split()] if isinstance(answer, str) else np.ravel(answer).tolist()


VALUES = [check for check in EXERCISES.values() if numbers_of(check)]


def right_ways(name: str) -> int:
    """How many right ways of answering an exercise are tried; numbers are written in all FORMS."""
    check = EXERCISES[name]
    return sum(other is check for other, _ in RIGHT) + len(FORMS) * (check in VALUES)


def slips(name: str) -> int:
    return sum(other is EXERCISES[name] for other, _, _ in WRONG)
