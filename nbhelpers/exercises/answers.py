"""How an answer is read and compared: the same numbers are the same answer, whatever holds them."""

import functools
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import islice
from numbers import Real
from typing import Any

import numpy as np
import torch
from torch import Tensor

UNANSWERED = "No answer yet: replace None, and run the cell again."
MOST = 100_000  # numbers in an answer, so that one without an end is refused


class NotYet(Exception):
    """The sentence that says what the reader's answer lacks."""


def exercise(check: Callable[[Any], None]) -> Callable[[Any], str]:
    """Make a function that raises `NotYet` a check: it answers in a sentence, and leaves random states alone."""

    @functools.wraps(check)
    def answered(answer: Any) -> str:
        if answer is None:
            return UNANSWERED
        python, numpy = random.getstate(), np.random.get_state()
        with torch.random.fork_rng(devices=[]):
            try:
                check(answer)
            except NotYet as missing:
                return f"Not yet: {missing}"
            finally:
                random.setstate(python)
                np.random.set_state(numpy)
        return "Right."

    return answered


def as_numbers(answer: Any) -> np.ndarray:
    """The numbers in `answer`, float64, in its shape.

    A number of Python, numpy or torch, a tensor, an array, or lists, tuples and generators of those.
    Raises `NotYet` where there is something else, or lists differ in length.
    """
    if isinstance(answer, Tensor):
        if answer.is_complex():
            raise NotYet("complex numbers are not asked for.")
        try:
            return answer.detach().cpu().double().resolve_neg().numpy()
        except (RuntimeError, TypeError):
            raise NotYet(
                f"the numbers of a {answer.layout} tensor on {answer.device} cannot be read."
            ) from None
    if isinstance(answer, np.ndarray | np.generic):
        if answer.dtype.kind in "biuf":
            return np.asarray(answer, dtype=np.float64)
        if answer.dtype.kind == "O" and answer.ndim:
            return as_numbers(answer.tolist())
    elif isinstance(answer, Real | Decimal):
        try:
            return np.array(float(answer))
        except OverflowError:
            raise NotYet("the number is larger than any that a computer calculates with.") from None
    elif isinstance(answer, Sequence | Iterator) and not isinstance(answer, str | bytes):
        parts = [as_numbers(part) for part in islice(answer, MOST)]
        if len({part.shape for part in parts}) > 1:
            raise NotYet("its rows differ in length.")
        return np.stack(parts) if parts else np.zeros(0)
    raise NotYet(f"{_named(answer)}, but numbers are asked for.")


def expect(
    answer: Any,
    right: Any,
    slips: Mapping[Any, str],
    otherwise: str,
    *,
    wanted: str | None = "one number",
    tolerance: float = 1e-9,
) -> None:
    """Return where `answer` holds the numbers of `right`, else raise `NotYet` with the hint of the slip it equals.

    wanted: what a reader is told to give who gave another count of numbers; None where that would tell too much.
    tolerance: relative. Counts are exact; a calculated real number wants 1e-5, so that torch's float32 passes.
    """
    given = _flat(answer)
    for known, hint in ((right, ""), *slips.items()):
        known = np.ravel(known)
        if known.shape == given.shape and np.allclose(given, known, rtol=tolerance, atol=0):
            if hint:
                raise NotYet(hint)
            return
    if wanted and len(given) != np.size(right):
        raise NotYet(f"give {wanted}; this holds {len(given)}.")
    raise NotYet(otherwise)


def expect_two_digits(
    answer: Any, right: float, slips: Mapping[float, str], otherwise: str, *, wanted: str = "one number"
) -> None:
    """As `expect`, for a number that may be rounded to two digits; of all that are known the nearest counts."""
    given = _flat(answer)
    if len(given) != 1:
        raise NotYet(f"give {wanted}; this holds {len(given)}.")
    given = given.item()
    nearest = min([right, *slips], key=lambda known: abs(given - known))
    if nearest == right and _two_digits(given, right):
        return
    near = nearest != right and abs(given - nearest) <= 0.006 * max(1, abs(nearest))
    raise NotYet(slips[nearest] if near else otherwise)


def _two_digits(given: float, known: float) -> bool:
    """Whether `given` is `known` to two digits after the point, rounded or cut off, or to two digits in all.

    Half a unit, as in 0.475, may be rounded either way. Who gives more digits has calculated and not rounded: those must
    nearly be the same.
    """
    if abs(given - round(given, 2)) > 1e-6:
        return abs(given - known) <= 0.002
    cut = int(known * 100) / 100
    rounded = abs(given - known) <= 0.005 + 1e-6
    return rounded or any(abs(given - n) < 1e-6 for n in (cut, float(f"{known:.2g}")))


def _flat(answer: Any) -> np.ndarray:
    """The finite numbers of an answer, in a row."""
    given = as_numbers(answer).ravel()
    if np.isnan(given).any():
        raise NotYet("nan is not a number: some step on the way is 0 / 0, or 0 times the logarithm of 0.")
    if np.isinf(given).any():
        raise NotYet("that is infinite: some step on the way divides by 0, or takes the logarithm of 0.")
    return given


def _named(answer: Any) -> str:
    if isinstance(answer, str | bytes):
        return f"{answer!r} is text"
    if isinstance(answer, set | frozenset):
        return "a set has no order"
    if callable(answer):
        return f"{getattr(answer, '__name__', type(answer).__name__)} is a function"
    return "there is None" if answer is None else f"there is a {type(answer).__name__}"
