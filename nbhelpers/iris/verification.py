"""Are two iris codes of one eye? Masked Hamming distance, and how often the answer is wrong.

Daugman, 2004, https://doi.org/10.1109/TCSVT.2003.818350: the share of bits that differ, among those valid
in both codes, at the best of several rotations, because a head may be tilted. Codes of different eyes differ in
about half of their bits; two of one eye in fewer. The fewer bits two codes have in common, the further from one half
chance alone can lead, so Daugman, 2007, https://doi.org/10.1109/TSMCB.2007.903540, normalises the distance by their number.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from nbhelpers.iris.encoding import IrisCode

SHIFTS = 16  # columns to each side, 22.5 degrees of 256: two heads, each tilted a little, differ by that
ENOUGH = 0.05  # share of all bits that must be valid in both codes
# Share of all bits that two codes typically have in common: the median of toy eyes of split val (0.21 and 0.23 with
# seeds 0 and 7). Daugman's is 911 of 2,048. It decides which distances stay as they are, and orders no two pairs.
TYPICAL = 0.22


def hamming_distance(a: IrisCode, b: IrisCode, shifts: int = SHIFTS) -> float:
    """Share of the bits valid in both codes that differ, 0 to 1, at the best rotation of up to `shifts` columns.

    nan where at no rotation a twentieth of the bits is valid in both: too few to tell. Not normalised: before you hold
    it against a threshold, take that of `all_distances`. Raises ValueError as `all_distances` does.
    """
    return float(all_distances([a, b], shifts, normalised=False)[0, 1])


def all_distances(
    codes: Sequence[IrisCode | None], shifts: int = SHIFTS, *, normalised: bool = True
) -> np.ndarray:
    """How far each code is from each: float64 (n, n), symmetric, 0 to 1, 0 on the diagonal.

    It is `hamming_distance`, d, drawn to or from one half by the bits that are valid in both, n of N, because the spread
    of chance falls with the root of n: 0.5 - (0.5 - d) * sqrt(n / (TYPICAL * N)) as in Daugman, 2007, cut to 0..1. The
    best rotation is that of the least distance. `normalised=False` leaves it at d.
    None stands for a picture in which no iris was found; its distances are nan, that to itself too.
    Raises ValueError if the codes differ in shape, and for fewer than 0 `shifts`.
    """
    if shifts < 0:
        raise ValueError(f"shifts is {shifts}; it must be 0, which turns no code, or more")
    found = [index for index, code in enumerate(codes) if code is not None]
    shapes = {codes[index].bits.shape for index in found} | {codes[index].valid.shape for index in found}
    if len(shapes) > 1:
        raise ValueError(
            f"the codes have the shapes {sorted(shapes)}, but must have one: unwrap all irises to the same size"
        )
    distances = np.full((len(codes), len(codes)), np.nan)
    if not found:
        return distances
    # 1 and -1 for the bits, 0 where not valid: a product sums up agreeing less differing bits, for all pairs at once
    signs = np.stack([np.where(codes[index].bits, 1, -1) * codes[index].valid for index in found])
    signs = signs.astype(np.float32)  # (n, 2, radial, angular)
    flat = signs.reshape(len(found), -1)
    best = np.full((len(found), len(found)), np.inf)
    for shift in range(shifts + 1):
        turned = np.roll(signs, shift, axis=-1).reshape(flat.shape)
        common = np.abs(flat) @ np.abs(turned).T
        share = (common - flat @ turned.T) / 2 / np.maximum(common, 1)
        if normalised:
            share = 0.5 - (0.5 - share) * np.sqrt(common / (TYPICAL * flat.shape[1]))
        share[common < ENOUGH * flat.shape[1]] = np.inf
        best = np.minimum(best, np.minimum(share, share.T))  # turning the other code is turning this one back
    best = np.where(np.isinf(best), np.nan, best.clip(0, 1))
    np.fill_diagonal(best, 0)  # also of a code with too few bits to compare
    distances[np.ix_(found, found)] = best
    return distances


def genuine_and_impostor(distances: np.ndarray, identities: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    """Split distances (n, n) into pairs of one eye and pairs of different eyes, each pair once: two 1-D arrays.

    nan, a pair that cannot be compared, is kept: `roc` counts it as rejected. Raises ValueError if sizes differ.
    """
    identities = np.asarray(identities)
    if distances.shape != (len(identities), len(identities)):
        raise ValueError(
            f"the distances are {distances.shape} and there are {len(identities)} identities, but distances "
            "must be (n, n) with one identity for each of the n codes"
        )
    first, second = np.triu_indices(len(identities), k=1)
    same = identities[first] == identities[second]
    pairs = distances[first, second]
    return pairs[same], pairs[~same]


@dataclass(frozen=True, eq=False)
class Roc:
    """Errors at every threshold, each 1-D: a pair is accepted if its distance is at most the threshold.

    impostor_pairs, genuine_pairs: how many there were, so that a rate below 1 / pairs cannot be seen.
    Unpacks as scikit-learn's `roc_curve`: `false_accept, false_reject, thresholds = roc(...)`.
    """

    false_accept: np.ndarray
    false_reject: np.ndarray
    thresholds: np.ndarray
    impostor_pairs: int
    genuine_pairs: int

    def __iter__(self) -> Iterator[np.ndarray]:
        return iter((self.false_accept, self.false_reject, self.thresholds))

    @property
    def equal_error_rate(self) -> float:
        """Where false accepts are as frequent as false rejects; between two thresholds the curve is straight."""
        return self._crossing(self.false_accept)

    @property
    def equal_error_threshold(self) -> float:
        """The distance at which the two rates are equal."""
        return self._crossing(self.thresholds)

    def _crossing(self, values: np.ndarray) -> float:
        gap = self.false_accept - self.false_reject  # ascends from -1
        at = int(np.argmax(gap >= 0))
        before, after = values[at - 1], values[at]
        if not np.isfinite(before):
            return float(after)
        if not np.isfinite(after):
            return float(before)
        return float(after + (before - after) * gap[at] / (gap[at] - gap[at - 1]))


def roc(genuine: np.ndarray, impostor: np.ndarray) -> Roc:
    """Shares of false accepts and of false rejects, both in 0..1, when pairs up to each threshold are accepted.

    The thresholds ascend from -inf, where nobody is accepted, over
    every distance that occurs to inf, where everybody is. A pair that cannot be compared, nan, is accepted at inf only.
    Raises ValueError where one of the two is empty.
    """
    genuine, impostor = np.asarray(genuine, dtype=float), np.asarray(impostor, dtype=float)
    if not genuine.size or not impostor.size:
        raise ValueError(
            f"there are {genuine.size} genuine and {impostor.size} impostor distances, but each needs one at "
            "least: take two pictures of each of two eyes"
        )
    genuine, impostor = (np.sort(np.where(np.isnan(pairs), np.inf, pairs)) for pairs in (genuine, impostor))
    thresholds = np.unique(np.concatenate([[-np.inf, np.inf], genuine, impostor]))
    accept, keep = (
        np.searchsorted(pairs, thresholds, side="right") / pairs.size for pairs in (impostor, genuine)
    )
    return Roc(accept, 1 - keep, thresholds, impostor.size, genuine.size)


def equal_error_rate(genuine: np.ndarray, impostor: np.ndarray) -> float:
    """The share of errors where false accepts are as frequent as false rejects, 0 to 1: where `roc` crosses.

    nan counts as rejected, as in `roc`. Raises ValueError where one of the two is empty.
    """
    return roc(genuine, impostor).equal_error_rate
