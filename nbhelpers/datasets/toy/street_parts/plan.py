"""What a street scene consists of before it is painted: the ground plan, the plots along it, the things on it."""

from collections.abc import Callable
from random import Random
from typing import NamedTuple

from nbhelpers.datasets.toy.street_parts.canvas import Canvas


class Plan(NamedTuple):
    """The ground plan, in metres: the road from left to right of the camera, and where the street ends."""

    left: float
    right: float
    pavement: float  # width
    end: float
    zebra: float | None  # distance of a crossing

    def edge(self, side: int) -> float:
        """Where the road meets the pavement of side -1 (left) or 1 (right)."""
        return self.left if side < 0 else self.right


class Block(NamedTuple):
    """A plot along the street, from `near` to `far` metres, on side -1 or 1."""

    side: int
    near: float
    far: float
    kind: str  # house, garden, park or turning
    height: float  # of its house
    free: bool  # no house stands right in front of it


class Thing(NamedTuple):
    """Something on the street: where it stands, the shadow it casts, how it is painted."""

    x: float
    z: float
    room: float  # metres about it that nothing else may take
    height: float
    width: float
    layer: int  # PAVED, RAILS or DRIVEN
    paint: Callable[[Canvas, Random], None]
