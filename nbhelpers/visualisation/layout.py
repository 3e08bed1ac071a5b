"""Where the blocks of a staircase, their names and their arrows stand, in inches."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from math import log2, sqrt

from nbhelpers.visualisation.blocks import Block
from nbhelpers.visualisation.canvas import WIDTH
from nbhelpers.visualisation.wires import Point, Wire, Wires

LETTER, DIGIT, LINE = 0.073, 0.09, 0.15  # a letter at 9 points, a bold digit at 10, a line of names
BEFORE, AFTER, PLAIN = 0.06, 0.13, 0.18  # a gap before its arrows, after them for their heads; without any
TRACK, LANE = 0.08, 0.11  # between neighbouring arrows in a gap, above a row
CHANNELS = 0.2  # above a block, for their number
RADIUS = 0.13  # of the circle that stands for a join
STYLES = (  # letters in a line of names; inches a block is wider for twice the channels; size of the type
    (9, 0.045, 1.0),
    (6, 0.045, 1.0),
    (6, 0.02, 1.0),
    (6, 0.015, 1.2),  # which will be scaled down
)


@dataclass(frozen=True)
class Place:
    """Where a block is drawn."""

    x: float  # of the middle
    y: float
    width: float
    height: float
    is_round: bool
    name: str  # with its line breaks

    def side(self, port: float, direction: int) -> Point:
        """A point on its left (-1) or right (1) side; `port` is in shares of half its height."""
        y = (0.95 if self.is_round else 0.8) * port * self.height / 2
        half = sqrt(RADIUS**2 - y**2) if self.is_round else self.width / 2
        return self.x + direction * half, self.y + y


class Layout:
    """`places` of the blocks from left to right, the `rows` from the top, and the `left`, `right`, `low`, `high` end.

    The more blocks, the shorter the lines of names, then the narrower the blocks, so that the picture is not wider than
    WIDTH, or little.
    """

    def __init__(self, blocks: Sequence[Block]) -> None:
        self.sizes = sorted({block.size for block in blocks}, key=lambda size: (-size[0] * size[1], size))
        self.rows = [self.sizes.index(block.size) for block in blocks]
        arrows = [(start, end) for end, block in enumerate(blocks) for start in block.arrows]
        self._wires = Wires(self.rows, arrows)
        for letters, doubling, self.type_size in STYLES:
            # the sizes stand at the left
            self.left = -0.2 - self.type_size * LETTER * max(len(times(size)) for size in self.sizes)
            names = [textwrap.wrap(block.label, letters, break_long_words=False) or [""] for block in blocks]
            widths = [
                2 * RADIUS if block.sign else 0.08 + doubling * log2(block.shape[1]) for block in blocks
            ]
            middles = self._set_columns(blocks, names, widths)
            if self.right - self.left <= 1.1 * WIDTH:
                break
        self.places = self._set_rows(blocks, names, middles, widths)

    def _set_columns(
        self, blocks: Sequence[Block], names: Sequence[list[str]], widths: Sequence[float]
    ) -> list[float]:
        """The middle of each block. A name may be wider than its block, but touches no other name of its row, and no
        arrow passes through it."""
        middles, edge = [], -PLAIN
        ends = dict.fromkeys(self.rows, -0.03)  # of the last name in each row
        self._tracks: dict[int, list[float]] = {}  # by gap, where its arrows go up or down
        for index, (block, row, lines, width) in enumerate(
            zip(blocks, self.rows, names, widths, strict=True)
        ):
            name = self.type_size * LETTER * max(map(len, lines)) / 2
            half = max(width, self.type_size * DIGIT * len(str(block.shape[1])) - 0.03) / 2
            x = edge + PLAIN + half
            if arrows := self._wires.tracks.get(gap := index - 1):
                passed = [end + 0.05 for other, end in ends.items() if self._wires.passes(gap, other)]
                first = max([edge + BEFORE, *passed])
                self._tracks[gap] = [first + TRACK * place for place in range(len(arrows))]
                x = self._tracks[gap][-1] + AFTER + half
            passing = [tracks[-1] for gap, tracks in self._tracks.items() if self._wires.passes(gap, row)]
            x = max([x, ends[row] + 0.08 + name, *(track + 0.05 + name for track in passing)])
            edge, ends[row] = x + half, x + name
            middles.append(x)
        self.right = max(edge, *ends.values()) + 0.08
        return middles

    def _set_rows(
        self,
        blocks: Sequence[Block],
        names: Sequence[list[str]],
        middles: Sequence[float],
        widths: Sequence[float],
    ) -> list[Place]:
        self.low, self._lanes, row_middles = 0.0, [], []
        for row, size in enumerate(self.sizes):
            most_lines = max(
                len(lines) for lines, other in zip(names, self.rows, strict=True) if other == row
            )
            self.low -= self.type_size * CHANNELS + 0.12 + LANE * self._wires.lanes.get(row, 0)
            self._lanes.append(self.low + self.type_size * CHANNELS + 0.08)
            row_middles.append(self.low - _height(size) / 2)
            self.low -= _height(size) + 0.1 + self.type_size * LINE * most_lines
        self.high = 0.0
        return [
            Place(
                x=x,
                y=row_middles[row],
                width=width,
                height=2 * RADIUS if block.sign else _height(block.size),
                is_round=bool(block.sign),
                name="\n".join(lines),
            )
            for block, row, x, lines, width in zip(blocks, self.rows, middles, names, widths, strict=True)
        ]

    def ways(self) -> list[tuple[int, int, list[Point]]]:
        """Of every arrow the blocks at its ends, and its corners."""
        return [(wire.start, wire.end, self._way(wire)) for wire in self._wires.wires]

    def _way(self, wire: Wire) -> list[Point]:
        corners = [self.places[wire.start].side(wire.ports[0], 1)]
        end = self.places[wire.end].side(wire.ports[1], -1)
        for part, gap in enumerate(wire.gaps()):
            x = self._tracks[gap][self._wires.tracks[gap].index((wire, part))]
            row, level = wire.lane
            y = self._lanes[row] + LANE * level if wire.run == "lane" and part == 0 else end[1]
            corners += [(x, corners[-1][1]), (x, y)]
        return [*corners, end]


def times(size: Sequence[int]) -> str:
    return " × ".join(map(str, size))


def _height(size: Sequence[int]) -> float:
    return 0.25 + 0.17 * max(0.5 * log2(size[0] * size[1]) - 2, 0)
