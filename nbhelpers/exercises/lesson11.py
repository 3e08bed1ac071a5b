"""The exercises of 11_deeplabv3."""

from collections.abc import Callable, Iterable

from nbhelpers.exercises import NotYet, as_numbers, call, exercise, expect


@exercise
def check_span(answer: int) -> None:
    """How many cells does a 3 x 3 kernel of rate 6 span, from its first tap to its last?"""
    slips = {
        12: "that is the distance from the first tap to the last; count both of them.",
        18: "there are two gaps between three taps, not three.",
        19: "there are two gaps between three taps, not three.",
        7: "that is one gap; three taps have two between them.",
        6: "that is the rate, the distance from one tap to the next.",
        11: "the gaps hold five cells each, and three taps stand around them: count all of them.",
        9: "nine is the number of weights; how far apart do they stand?",
        3: "that is the kernel at rate 1; here the taps are six cells apart.",
        36: "rate times rate says nothing; walk from the first tap to the last in one row.",
        169: "that is the area; the question is about one side.",
    }
    expect(answer, 13, slips, "the taps of one row stand at 0, 6 and 12.")


@exercise
def check_useless_rate(answer: int) -> None:
    """From which rate on does only the middle tap ever fall on a map of 9 x 12?"""
    slips = {
        9: "no tap above or below is on the map then, but some to the left and right still are.",
        11: "from column 0, a tap eleven cells further is still on the map: it is column 11.",
        13: "a smaller one will do: from column 0, where does a tap of rate 12 land?",
        6: "from the middle of the map, perhaps; from column 0 a tap of rate 6 lands on the map.",
        5: "from the middle of the map, perhaps; from column 0 a tap of rate 5 lands on the map.",
        8: "row 0 and row 8 are both on the map, and eight apart.",
        108: "that is the number of cells; a tap leaves the map after one side.",
        36: "that is torchvision's largest rate; a smaller one is useless already.",
        24: "that is torchvision's second rate; a smaller one is useless already.",
    }
    expect(answer, 12, slips, "from one end of the longer side, which rate just misses the other end?")


@exercise
def check_touched(touched: Callable[[tuple[int, ...]], Iterable[int]]) -> None:
    """Which positions does a stack of one-dimensional convolutions of three taps touch?"""
    for rates in ((2,), (2, 2, 2), (1, 2, 3), (2, 4), (1, 4), (3, 5, 1, 9)):
        found = call(touched, (rates,), ["rates"])
        try:
            given = set(as_numbers(list(found) if isinstance(found, set | frozenset) else found).tolist())
        except (NotYet, TypeError):  # no numbers; or a single one, or a table
            raise NotYet(
                f"for rates {rates} it gives {type(found).__name__}; return a set of whole numbers."
            ) from None
        expected = _touched(rates)
        if given != expected:
            raise NotYet(_slip(rates, {int(n) if n == n // 1 else n for n in given}, expected))


def _touched(rates: tuple[int, ...]) -> set[int]:
    places = {0}
    for rate in rates:
        places = {place + step for place in places for step in (-rate, 0, rate)}
    return places


def _slip(rates: tuple[int, ...], given: set[int], expected: set[int]) -> str:
    reach = sum(rates)
    if given == set(range(-reach, reach + 1)):
        return f"rates {rates} do not touch all that is in reach; the holes of a dilated kernel stay holes."
    if given == {step for rate in rates for step in (-rate, 0, rate)}:
        return f"for rates {rates} these are the taps of each layer alone; in a stack each one adds to the others."
    if given == {place for place in expected if place >= 0}:
        return "a kernel has a tap to the left as well, at minus the rate."
    if 0 not in given:
        return "a kernel has a tap in its middle, which moves by 0."
    if given == {-reach, 0, reach}:
        return f"for rates {rates} these are the outermost places and the middle; others lie between them."
    missing, extra = sorted(expected - given), sorted(given - expected)
    what = f"{missing[0]} is touched but missing" if missing else f"{extra[0]:g} is not touched"
    return f"for rates {rates} the place {what}."
