"""How far apart two outlines lie: Hausdorff distances, average distances and the surface Dice of one class.

Terms and formulas: Maier-Hein et al., 2024, "Metrics reloaded", https://doi.org/10.1038/s41592-023-02151-z. Libraries
differ in what an outline is made of, so each score says whose definition it has:
- distances are taken between border pixels, those of the object with a neighbour outside it across a side, and each
  counts once. So do MONAI, MedPy and torchmetrics, with which nearly all distances in papers were computed.
- the surface Dice is a share of the outline's length (in volumes: of its area), which runs between the pixels and cuts
  their corners, as in the paper that introduced it (Nikolov et al., 2021, https://doi.org/10.2196/26151) and in its
  authors' package surface-distance. Counted in pixels, a slanting outline would weigh up to sqrt(2) too little.
benchmarks/results/metric_referees.json has both beside those packages, benchmarks/metric_referees.py the comparison.
"""

import math
from collections.abc import Callable, Sequence
from functools import cached_property, lru_cache
from itertools import product

import numpy as np
import scipy

from nbhelpers.metrics.masks import Mask, binary_pair

Distances = tuple[np.ndarray, np.ndarray]  # from the prediction to the truth, and back


class Surfaces:
    """The outlines of one class in a prediction and in the truth, and the scores read from their distances.

    `prediction` and `truth` are bool, or 0 and 1: images (H, W) or volumes (D, H, W), arrays or tensors. `spacing` is
    the distance of neighbouring pixels along each axis, in the unit of all distances; 1 for images that name none.
    `void`, bool, marks pixels without truth. They are cut out of both masks, so what is predicted there changes nothing,
    and the outline along them belongs to both.

    What lies beyond the edge of the image is outside the object, for the packages above too.

    The empty cases, decided once:
    - Where neither mask holds the class (nothing but void, say) every score is nan, as in `ConfusionMatrix`.
    - Where one of them alone holds it, the distances are inf and the surface Dice is 0.

    Two squares of 10 x 10, one a pixel further down and to the right:

    >>> truth, prediction = np.zeros((2, 16, 16), bool)
    >>> truth[2:12, 2:12] = prediction[3:13, 3:13] = True
    >>> surfaces = Surfaces(prediction, truth)
    >>> round(surfaces.hausdorff, 3), surfaces.hd95, round(surfaces.dice(tolerance=1), 3)
    (1.414, 1.0, 0.982)

    Raises ValueError for masks that are not binary, for shapes that differ, for volumes without a spacing (so that no
    batch of images is taken for one), and for a spacing that is not one positive number an axis.
    """

    def __init__(
        self,
        prediction: Mask,
        truth: Mask,
        *,
        spacing: Sequence[float] | None = None,
        void: Mask | None = None,
    ) -> None:
        masks = binary_pair(prediction, truth, void, dimensions=(2, 3))
        self.spacing = _checked_spacing(spacing, masks[0].shape)
        self._prediction, self._truth = _cropped(*masks)

    @property
    def hausdorff(self) -> float:
        """The largest distance of a border pixel from the other outline, in units of `spacing`.

        Huttenlocher et al., 1993, https://doi.org/10.1109/34.232073. One wrong pixel decides it.
        """
        return self._score(lambda there, back: max(there.max(), back.max()), absent=math.inf)

    @property
    def hd95(self) -> float:
        """The larger of the 95th percentiles of the distances there and back: what MONAI and Metrics Reloaded call HD95."""
        return self._score(
            lambda there, back: max(np.percentile(there, 95), np.percentile(back, 95)), absent=math.inf
        )

    @property
    def hd95_pooled(self) -> float:
        """The 95th percentile of the distances there and back, pooled: what MedPy calls hd95. At most `hd95`."""
        return self._score(
            lambda there, back: np.percentile(np.concatenate([there, back]), 95), absent=math.inf
        )

    @property
    def assd(self) -> float:
        """Average symmetric surface distance: the mean over the border pixels of both outlines, as in MONAI and MedPy 0.5."""
        return self._score(
            lambda there, back: (there.sum() + back.sum()) / (len(there) + len(back)), absent=math.inf
        )

    @property
    def masd(self) -> float:
        """Mean average surface distance: the mean of the mean there and the mean back, so that both outlines weigh the same."""
        return self._score(lambda there, back: (there.mean() + back.mean()) / 2, absent=math.inf)

    def dice(self, tolerance: float, *, by: str = "length") -> float:
        """Normalised surface Dice (NSD): the share of both outlines that lies within `tolerance` of the other one, in [0, 1].

        `tolerance` has the unit of `spacing`: what two experts may differ by. `by="length"` weighs each piece of outline
        by its length or area, as surface-distance and MONAI's `use_subvoxels=True`; `by="pixels"` counts border pixels,
        as MONAI's default does (0.972 for the two squares above).
        Raises ValueError for a tolerance that is negative or not finite, and for another `by`.
        """
        if not (math.isfinite(tolerance) and tolerance >= 0):
            raise ValueError(
                f"the tolerance is {tolerance}; it must be a distance from 0 on, in the unit of spacing"
            )
        if by not in ("length", "pixels"):
            raise ValueError(f'by is {by!r}; it must be "length" or "pixels"')
        # 3 pixels of 0.1 are within 0.3, whatever floating point makes of them
        reach = tolerance * (1 + 1e-9)

        def within(there: np.ndarray, back: np.ndarray) -> float:
            if by == "pixels":
                return (np.sum(there <= reach) + np.sum(back <= reach)) / (len(there) + len(back))
            lengths = self._lengths
            agreed = lengths[0][there <= reach].sum() + lengths[1][back <= reach].sum()
            return agreed / (lengths[0].sum() + lengths[1].sum())

        return self._score(
            within, absent=0.0, distances="_outline_distances" if by == "length" else "_border_distances"
        )

    def _score(self, score: Callable, absent: float, distances: str = "_border_distances") -> float:
        """`score` of the distances; nan where both masks are empty, `absent` where one is."""
        held = self._prediction.any(), self._truth.any()
        if not any(held):
            return math.nan
        return float(score(*getattr(self, distances))) if all(held) else absent

    @cached_property
    def _border_distances(self) -> Distances:
        """Distances of the border pixels."""
        return self._both_ways(_border(self._prediction), _border(self._truth))

    @cached_property
    def _codes(self) -> tuple[np.ndarray, np.ndarray]:
        return _corner_codes(self._prediction), _corner_codes(self._truth)

    @cached_property
    def _outline_distances(self) -> Distances:
        """Distances of the corners between pixels through which an outline runs."""
        return self._both_ways(*(_mixed(codes) for codes in self._codes))

    @cached_property
    def _lengths(self) -> tuple[np.ndarray, np.ndarray]:
        """Length of the outline around each of these corners, in volumes its area."""
        table = _outline_lengths(self.spacing)
        return tuple(table[codes[_mixed(codes)]] for codes in self._codes)

    def _both_ways(self, prediction: np.ndarray, truth: np.ndarray) -> Distances:
        return (_distances(prediction, truth, self.spacing), _distances(truth, prediction, self.spacing))


def _checked_spacing(spacing: Sequence[float] | None, shape: tuple[int, ...]) -> tuple[float, ...]:
    if spacing is None:
        if len(shape) == 3:
            raise ValueError(
                f"the masks are {shape}: for a volume (D, H, W) give its spacing, such as (1, 1, 1); "
                "score the images of a batch one by one"
            )
        return (1.0, 1.0)
    spacing = tuple(float(step) for step in np.atleast_1d(spacing))
    if len(spacing) != len(shape) or not all(math.isfinite(step) and step > 0 for step in spacing):
        raise ValueError(
            f"spacing is {spacing}; it must be {len(shape)} positive numbers, one an axis of the masks {shape}"
        )
    return spacing


def _cropped(prediction: np.ndarray, truth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both masks around their objects, with one pixel of outside on each side."""
    either = prediction | truth
    axes = range(either.ndim)
    window = []
    for axis in axes:
        held = np.flatnonzero(either.any(axis=tuple(other for other in axes if other != axis)))
        window.append(slice(held[0], held[-1] + 1) if len(held) else slice(0))
    return tuple(np.pad(mask[tuple(window)], 1) for mask in (prediction, truth))


def _border(mask: np.ndarray) -> np.ndarray:
    """The pixels of a padded mask that have a neighbour outside it across a side."""
    inner = mask.copy()
    for axis in range(mask.ndim):
        before, after = np.moveaxis(inner, axis, 0), np.moveaxis(mask, axis, 0)  # views
        before[1:] &= after[:-1]
        before[:-1] &= after[1:]
    return mask & ~inner


def _corner_codes(mask: np.ndarray) -> np.ndarray:
    """Which of the 4 (in volumes 8) pixels around each corner belong to the mask, one bit each: uint8."""
    codes = np.zeros([side - 1 for side in mask.shape], np.uint8)
    for bit, offsets in enumerate(product((0, 1), repeat=mask.ndim)):
        part = mask[tuple(slice(offset, offset + side) for offset, side in zip(offsets, codes.shape))]
        codes |= part.view(np.uint8) << bit
    return codes


def _mixed(codes: np.ndarray) -> np.ndarray:
    """The corners that have pixels on both sides of the outline."""
    return (codes > 0) & (codes < 2 ** (2**codes.ndim) - 1)


@lru_cache(maxsize=32)
def _outline_lengths(spacing: tuple[float, ...]) -> np.ndarray:
    """Length (area) of the outline around a corner, for each code of `_corner_codes`: float64 (16,) or (256,).

    The outline runs through the middle of each edge between a pixel inside and one outside (marching squares and
    cubes); opposite pixels inside, or outside where they are the fewer, are cut off one by one.
    """
    corners = len(spacing)
    return np.array([_outline_length(code, corners, spacing) for code in range(2**2**corners)])


def _outline_length(code: int, dimensions: int, spacing: tuple[float, ...]) -> float:
    cell = np.array([code >> bit & 1 for bit in range(2**dimensions)]).reshape([2] * dimensions)
    inside = cell.sum()
    if inside in (0, cell.size):
        return 0.0
    if dimensions == 2:
        height, width = spacing
        if inside == 2 and cell[0, 0] == cell[0, 1]:
            return width
        if inside == 2 and cell[0, 0] == cell[1, 0]:
            return height
        return math.hypot(height, width) / 2 * (2 if inside == 2 else 1)
    from skimage.measure import marching_cubes, mesh_surface_area  # for volumes alone

    cell = 1 - cell if inside > 4 else cell
    corners, triangles, _, _ = marching_cubes(cell.astype(float), 0.5, spacing=spacing, method="lorensen")
    return float(mesh_surface_area(corners, triangles))


def _distances(start: np.ndarray, target: np.ndarray, spacing: tuple[float, ...]) -> np.ndarray:
    """Distance of each point of `start` from the nearest of `target`, both bool on one grid, in the grid's order.

    Exact. Outlines share most of their points, and most others lie a few pixels apart: those are found by looking at
    the nearest neighbours in order of distance. A k-d tree serves the rest.
    """
    points = _points(start)
    steps, lengths = _nearest_steps(spacing)
    reach = int(np.abs(steps).max())
    around = np.pad(target, reach)
    places = np.ravel_multi_index(points + reach, around.shape)
    strides = np.array(around.strides)  # of bool: in elements
    around = around.ravel()

    distances = np.zeros(len(places))
    left = np.flatnonzero(~around[places])
    for block in range(0, len(steps), 8):
        shifts = steps[block : block + 8] @ strides
        hits = around[places[left, None] + shifts]
        found = hits.any(axis=1)
        distances[left[found]] = lengths[block + hits[found].argmax(axis=1)]
        left = left[~found]
        if found.sum() < 0.1 * len(found):  # the rest lies far away, or there is none
            break
    if len(left):
        tree = scipy.spatial.cKDTree(_points(target).T * spacing, balanced_tree=False, compact_nodes=False)
        distances[left] = tree.query(points[:, left].T * spacing)[0]
    return distances


def _points(mask: np.ndarray) -> np.ndarray:
    """Where a mask is True: int (axes, points). As np.nonzero, at a tenth of its time on sparse masks."""
    return np.stack(np.unravel_index(np.flatnonzero(mask), mask.shape))


@lru_cache(maxsize=32)
def _nearest_steps(spacing: tuple[float, ...]) -> tuple[np.ndarray, np.ndarray]:
    """All steps on the grid up to 4 of its smallest spacings long, the shortest first: int (n, axes); their lengths."""
    radius = 4 * min(spacing)
    ranges = [range(-int(radius / step), int(radius / step) + 1) for step in spacing]
    steps = np.array([step for step in product(*ranges) if any(step)])
    lengths = np.sqrt(((steps * spacing) ** 2).sum(axis=1))
    order = np.argsort(lengths, kind="stable")[: np.count_nonzero(lengths <= radius)]
    return steps[order], lengths[order]
