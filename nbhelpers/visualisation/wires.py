"""Arrows between blocks, along right angles, so that none runs through a block or its name.

The blocks stand side by side, each in a column of its own, in rows. An arrow leaves a block at its right side and
enters one at its left. It runs along rows where no block stands in its way, else above a row, in a lane; it changes the
height only in the gaps between two columns. So there is nothing to search for.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import combinations, permutations

Point = tuple[float, float]
# inches between neighbouring lanes above a row, between neighbouring arrows in a gap
LANE, TRACK = 0.11, 0.09
# inches in a gap before its arrows, after them for the head; without any
BEFORE, AFTER, PLAIN = 0.06, 0.15, 0.2


@dataclass(eq=False)
class Wire:
    """One arrow, from the block at `start` to that at `end`, by its way through gaps, rows and lanes."""

    start: int
    end: int
    run: str = "row"  # "row": straight; "first": along the start's row; "last": along the end's; "lane"
    lane: tuple[int, int] = (0, 0)  # above which row, and which from below
    # of start and end: in shares of half a height
    ports: list[float] = field(default_factory=lambda: [0.0, 0.0])

    def gaps(self) -> list[int]:
        """The gaps in which it goes up or down; gap g is behind block g."""
        return {"row": [], "first": [self.end - 1], "last": [self.start], "lane": [self.start, self.end - 1]}[
            self.run
        ]


class Wires:
    """The ways of `arrows` (from, to) between blocks in `rows`, numbered from the top."""

    def __init__(self, rows: Sequence[int], arrows: Sequence[tuple[int, int]]) -> None:
        self.rows = rows
        self.wires = [Wire(start, end, self._run(start, end)) for start, end in arrows]
        self.lanes = self._give_lanes()  # how many, by row
        self._give_ports()
        self.tracks = self._give_tracks()  # by gap: (wire, which of its verticals), from left to right

    def _is_free(self, row: int, start: int, end: int) -> bool:
        return row not in self.rows[start + 1 : end]

    def _run(self, start: int, end: int) -> str:
        first, last = self.rows[start], self.rows[end]
        if first == last:
            return "row" if self._is_free(first, start, end) else "lane"
        ways = [("first", first), ("last", last)]
        for run, row in sorted(ways, key=lambda way: -way[1]):  # there is more room below
            if self._is_free(row, start, end):
                return run
        return "lane"

    def _give_lanes(self) -> dict[int, int]:
        taken: dict[tuple[int, int], list[tuple[int, int]]] = defaultdict(list)
        for wire in sorted(self.wires, key=lambda wire: wire.end - wire.start):  # the shorter, the lower
            if wire.run == "lane":
                row, level = max(self.rows[wire.start], self.rows[wire.end]), 0
                while any(start < wire.end and wire.start < end for start, end in taken[row, level]):
                    level += 1
                taken[row, level].append((wire.start, wire.end))
                wire.lane = (row, level)
        return {row: 1 + max(level for other, level in taken if other == row) for row, _ in taken}

    def _level(self, wire: Wire, which: int) -> float:
        """How high, in rows, the first (0) or last (1) horizontal of a wire lies against its block; 0: as the block."""
        row = self.rows[(wire.start, wire.end)[which]]
        other = self.rows[(wire.end, wire.start)[which]]
        if wire.run == "lane":
            return row - (wire.lane[0] - 0.5 - 0.01 * wire.lane[1])
        return row - other

    def _give_ports(self) -> None:
        """Share the sides of a block among its arrows, so that those of one block do not cross."""
        for which in (0, 1):
            sides: dict[tuple[int, bool], list[Wire]] = defaultdict(list)
            for wire in self.wires:
                if level := self._level(wire, which):
                    sides[(wire.start, wire.end)[which], level > 0].append(wire)
            for (_, is_above), wires in sides.items():
                wires.sort(key=lambda wire: self._order(wire, which, is_above))
                for place, wire in enumerate(wires):
                    share = (len(wires) - place) / (len(wires) + 1)
                    wire.ports[which] = share if is_above else share - 1

    def _order(self, wire: Wire, which: int, is_above: bool) -> tuple[bool, float]:
        """From the top of a block down. What runs along the block's own row keeps to its middle, where the nearest
        turns first; what turns at once is the further out, the further up or down it leads."""
        reach = wire.end - wire.start
        if wire.run == ("first", "last")[which]:
            return is_above, reach if is_above else -reach
        return not is_above, -self._level(wire, which)

    def _give_tracks(self) -> dict[int, list[tuple[Wire, int]]]:
        gaps: dict[int, list[tuple[Wire, int]]] = defaultdict(list)
        for wire in self.wires:
            for part, gap in enumerate(wire.gaps()):
                gaps[gap].append((wire, part))
        return {gap: self._least_crossing(verticals) for gap, verticals in gaps.items()}

    def _height(self, wire: Wire, end: int) -> float:
        """Of a port, in rows from below."""
        return -self.rows[(wire.start, wire.end)[end]] + 0.3 * wire.ports[end]

    def _span(self, wire: Wire, part: int) -> tuple[float, float]:
        """Where a vertical of the wire begins and ends, in rows from below."""
        first, last = self._height(wire, 0), self._height(wire, 1)
        lane = -wire.lane[0] + 0.5 + 0.01 * wire.lane[1]
        if wire.run == "lane":
            return ((first, lane), (lane, last))[part]
        return first, last

    def _least_crossing(self, verticals: list[tuple[Wire, int]]) -> list[tuple[Wire, int]]:
        spans = {id(vertical): self._span(*vertical) for vertical in verticals}

        def crossings(order: Sequence[tuple[Wire, int]]) -> int:
            count = 0
            for left, right in combinations(order, 2):
                (left_in, left_out), (right_in, right_out) = spans[id(left)], spans[id(right)]
                count += min(right_in, right_out) < left_out < max(right_in, right_out)
                count += min(left_in, left_out) < right_in < max(left_in, left_out)
            return count

        return list(min(permutations(verticals), key=crossings)) if len(verticals) <= 6 else verticals

    def passes(self, gap: int, row: int) -> bool:
        """Whether an arrow in the gap goes through the height of the names beneath a row."""
        return any(
            min(span) < -row - 0.4 < max(span) for span in (self._span(*way) for way in self.tracks[gap])
        )
