"""How a function of the reader's is tried: on copies of several inputs, against one that is right."""

import copy
import inspect
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any

import numpy as np
from torch import Tensor, nn

from nbhelpers.exercises.answers import MOST, NotYet, as_numbers

CLOSE = 1e-5  # relative and absolute; float32 passes, a forgotten term does not


def try_function(
    function: Callable,
    right: Callable,
    trials: Sequence[tuple],
    slips: Sequence[tuple[Callable, str]],
    otherwise: str | Callable[..., str],
    *,
    gives: str = "a tensor",
    shape: str | None = "it gives the shape {given} where {right} is right.",
    names: Sequence[str] | None = None,
) -> None:
    """Return where `function` agrees with `right` on all trials; else raise `NotYet` with the hint that fits.

    trials: tuples of arguments. The reader's function gets copies of them.
    slips: (a wrong function, its hint). The first that does as the reader's, on all trials or on the one that
        failed, tells.
    otherwise: the hint where no slip fits; or a function of (given, right, *arguments) that makes it.
    gives: what the function must return, for a reader who returns something else.
    shape: the hint for a wrong shape, where {given} and {right} are filled in; None leaves it to `otherwise`.
    names: of the arguments, for a reader who changes one; those of `right` where left out.
    """
    found = [_array(call(function, trial, names or _names(right)), gives) for trial in trials]
    expected = [as_numbers(right(*trial)) for trial in trials]
    failed = next((i for i, pair in enumerate(zip(found, expected)) if not same(*pair)), None)
    if failed is None:
        return
    for where in (range(len(trials)), [failed]):
        for slip, hint in slips:
            if all(_slipped(slip, trials[i], found[i]) for i in where):
                raise NotYet(hint)
    given, wanted, trial = found[failed], expected[failed], trials[failed]
    if shape and given.shape != wanted.shape and not given.size == wanted.size == 1:
        raise NotYet(shape.format(given=given.shape, right=wanted.shape))
    if np.isnan(given).any():
        raise NotYet(
            "it gives nan, which is not a number: somewhere it takes 0 / 0, or infinity less infinity."
        )
    raise NotYet(otherwise if isinstance(otherwise, str) else otherwise(given, wanted, *trial))


def call(function: Callable, arguments: tuple, names: Sequence[str]) -> Any:
    """What the reader's `function` makes of copies of `arguments`.

    Raises `NotYet` where it is no function, stops with an error of its own, or changes what it was given.
    """
    if not callable(function):
        raise NotYet(f"a function is asked for, not a {type(function).__name__}: its name, without brackets.")
    given = copy.deepcopy(arguments)
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            value = function(*given)
            value = list(islice(value, MOST)) if isinstance(value, Iterator) else value
    except NotYet:  # of a check around the reader's function
        raise
    except Exception as error:
        raise NotYet(_told(error, names)) from error
    for name, before, after in zip(names, arguments, given):
        if not unchanged(before, after):
            raise NotYet(f"it changes {name}, which others still need; make something new.")
    return value


def same(given: np.ndarray, right: np.ndarray) -> bool:
    """Whether both hold the same numbers in the same shape; nan equals nothing, and a number may come in brackets."""
    if given.size == right.size == 1:
        given, right = given.ravel(), right.ravel()
    return given.shape == right.shape and np.allclose(given, right, rtol=CLOSE, atol=CLOSE)


def unchanged(before: Any, after: Any) -> bool:
    if isinstance(before, nn.Module):
        return unchanged(before.state_dict(), after.state_dict())
    if isinstance(before, dict):
        return before.keys() == after.keys() and all(unchanged(before[key], after[key]) for key in before)
    if isinstance(before, list | tuple):
        return len(before) == len(after) and all(map(unchanged, before, after))
    if isinstance(before, Tensor | np.ndarray):
        return before.shape == after.shape and bool((before == after).all())
    return bool(before == after)


def _names(function: Callable) -> list[str]:
    return list(inspect.signature(function).parameters)


def _array(value: Any, gives: str) -> np.ndarray:
    try:
        return as_numbers(value)
    except NotYet:
        raise NotYet(f"it gives {type(value).__name__}; return {gives}.") from None


def _slipped(slip: Callable, trial: tuple, found: np.ndarray) -> bool:
    """Whether the wrong function `slip` makes of a trial what the reader's found."""
    with np.errstate(all="ignore"):
        return same(found, as_numbers(slip(*trial)))


def _told(error: Exception, names: Sequence[str]) -> str:
    """An error of the reader's code in one sentence, with the line of theirs that it comes from."""
    frames = traceback.extract_tb(error.__traceback__)[1:]  # the first is `call`
    words = " ".join(str(error).split()).rstrip(".") or "without a message"
    words = words[:117] + "..." if len(words) > 120 else words + "."
    if not frames:
        return f"it cannot be called with ({', '.join(names)}): {words}"
    line = next(frame for frame in reversed(frames) if frame.filename == frames[0].filename)
    code = line.line if len(line.line) <= 90 else line.line[:87] + "..."  # no source: an empty line
    where = f" in line {line.lineno}, `{code}`" if code else f" in line {line.lineno}"
    return f"it stops with {type(error).__name__}{where}: {words}"
