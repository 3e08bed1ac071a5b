"""Searches all exercises for wrong answers that are called right, prints the table, and records it.

Run it by `python -m tests.exercises.table`, with `--pairs N` for another number of double edits an exercise.
"""

import argparse
import ast
import random
import signal
from collections.abc import Iterator
from contextlib import contextmanager

from tests.exercises.inputs import INPUTS
from tests.exercises.mutants import Solution, mutants, other_ways, solutions
from tests.exercises.search import differs, edited
from tests.exercises.tables import EXERCISES, right_ways, slips
from tools.record import record

COLUMNS = (
    "right_ways",
    "slips",
    "mutants",
    "survivors_listed",
    "wider_mutants",
    "wider_the_same",
    "wrong_called_right",
)


SECONDS = 10  # for one mutant: what takes longer never ends, and may fill the memory meanwhile


class Stopped(BaseException):
    """Not an Exception, so that no check takes it for a fault of the answer."""


@contextmanager
def stopped_in_time() -> Iterator[None]:
    """Ends the block after `SECONDS`, quietly."""

    def stop(*_: object) -> None:
        raise Stopped

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(SECONDS)
    try:
        yield
    except Stopped:
        pass
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def row(name: str, solution: Solution, others: list[Solution], pairs: int) -> dict[str, int]:
    """The counts of one exercise; a wrong function that is called right is printed."""
    codes = list(mutants(solution.tree))
    counts = [right_ways(name), slips(name), len(codes), sum(map(solution.survives, codes)), 0, 0, 0]
    if name in INPUTS:
        ways, draw = [solution, *others], random.Random(0)
        wider = [(way, code) for way in others for code in mutants(way.tree)]
        for _ in range(pairs):
            way = draw.choice(ways)
            wider.append((way, edited(way, draw.randrange(10**6), draw.randrange(10**6))))
        counts[4] = len(wider)
        for way, code in wider:
            with stopped_in_time():
                if code and way.survives(code):
                    arguments = differs(name, solution, way, code)
                    counts[5 if arguments is None else 6] += 1
                    if arguments is not None:
                        print(f"{name} is called right, but differs for {arguments}:\n{code}\n")
    return dict(zip(COLUMNS, counts))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=200, help="double edits of each function")
    pairs = parser.parse_args().pairs
    own, others = solutions(), other_ways()
    for name, solution in own.items():
        assert solution.check(solution.answer(ast.unparse(solution.tree))) == "Right.", name
    print("exercise", *COLUMNS)
    rows = {}
    for name in EXERCISES:
        rows[name] = row(name, own[name], others[name], pairs)
        print(name, *rows[name].values(), flush=True)
    total = {column: sum(counts[column] for counts in rows.values()) for column in COLUMNS}
    print("all", *total.values())
    results = {"exercises": rows, "all": total}
    record("exercises", results, f"python -m tests.exercises.table --pairs {pairs}")


if __name__ == "__main__":
    main()
