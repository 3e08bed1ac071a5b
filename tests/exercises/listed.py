"""All exercises by their number: {"1.1": check, ...}, three a lesson."""

import inspect
from importlib import import_module


def _checks(number: int) -> list:
    module = import_module(f"nbhelpers.exercises.lesson{number:02}")
    checks = [check for name, check in vars(module).items() if name.startswith("check_")]
    return [check for check in checks if inspect.isfunction(check) and check.__module__ == module.__name__]


EXERCISES = {f"{lesson}.{i}": check for lesson in range(1, 19) for i, check in enumerate(_checks(lesson), 1)}
