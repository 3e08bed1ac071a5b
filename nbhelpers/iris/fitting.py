"""The search behind `fit_boundaries`: propose a limbus, propose a pupil within it, fit both together.

A pair of boundaries is eight numbers (`Pair`): the limbus' centre, the symmetric matrix that maps the unit circle to
the limbus (three), the pupil's centre as seen on that circle, and the ratio of the radii.
"""

import math
from typing import NamedTuple

import cv2
import numpy as np

RATIOS = (0.12, 0.85)  # radius of the pupil / radius of the limbus, as eyes have it
OFF_CENTRE = 0.2  # how far the pupil may lie from the middle of the limbus, in radii of the limbus
SMALLEST = 5.0  # radius of a limbus in pixels; a smaller one holds no texture

# Proposals: circles through three points, and ellipses likewise, after the points were stretched along one direction.
# 0.7: 45 degrees
SHAPES = [(1.0, 0.0)] + [(ratio, np.pi * turn / 6) for ratio in (0.85, 0.7) for turn in range(6)]
PROPOSALS = 80  # of each shape
KEPT, REFINED = 9, 3  # limbus proposals that get a pupil, and pairs of them that are fitted
SAMPLE = 240  # points of the outline that judge a proposal
ALIGNED = 0.7  # least cosine between the outline's normal and the ellipse's
# how near an edge explains a point: in radii, of a proposal and of a fit, plus SUBPIXEL
COARSE, FINE = 0.05, 0.02
CLEAN = 0.6  # share of its outline that a round limbus must explain to be taken without a search
SUBPIXEL = 0.75
PARTS = 72  # of a circle: which of them an outline shows

# Least squares. Two wishes decide what the points leave open: that the edges are round, and that they share a centre.
ROUND, CENTRED = 0.05, 0.03  # their weights, beside 1 for the points
# Both as quadratic forms (8, 8) in the numbers of a pair, and per point; the second for a limbus of radius 1.
AS_ROUND = ROUND**2 * np.diag([0, 0, 0.25, 1, 0.25, 0, 0, 0])
AS_ROUND[2, 4] = AS_ROUND[4, 2] = -(ROUND**2) / 4
AS_CENTRED = CENTRED**2 * np.diag([0, 0, 0, 0, 0, 1, 1, 0])


class Outline(NamedTuple):
    """Where a mask ends: points (n, 2), x and y in pixels, and unit normals (n, 2) that point out of the mask."""

    points: np.ndarray
    normals: np.ndarray

    def thinned(self, count: int) -> "Outline":
        kept = np.linspace(0, len(self.points) - 1, min(count, len(self.points))).astype(int)
        return Outline(self.points[kept], self.normals[kept])


class Pair(NamedTuple):
    """Limbus: `centre` + `matrix` @ unit circle. Pupil: the circle of radius `ratio` about `pupil`, mapped likewise."""

    centre: np.ndarray
    matrix: np.ndarray
    pupil: np.ndarray
    ratio: float

    @property
    def radius(self) -> float:
        """Of a circle with the limbus' area."""
        (a, b), (c, d) = self.matrix
        return float(np.sqrt(a * d - b * c))

    @property
    def inverse(self) -> np.ndarray:
        """Of `matrix`; for two by two, numpy's own takes ten times as long."""
        (a, b), (c, d) = self.matrix
        return np.array([[d, -b], [-c, a]]) / (a * d - b * c)

    def holds(self, points: np.ndarray) -> np.ndarray:
        """Which points (n, 2) lie in the ring between pupil and limbus, bool (n,)."""
        disc = (points - self.centre) @ self.inverse
        inner = disc - self.pupil
        return ((disc * disc).sum(1) < 1) & ((inner * inner).sum(1) > self.ratio**2)

    def on_disc(self, outline: Outline) -> Outline:
        """The outline as seen on the unit disc that the limbus bounds."""
        points = (outline.points - self.centre) @ self.inverse
        normals = outline.normals @ self.matrix
        return Outline(points, normals / np.hypot(*normals.T)[:, None])


def outline_of(mask: np.ndarray) -> Outline:
    """The middles of all sides between an iris pixel and another; the image's border is no outline."""
    soft = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), 1.5, borderType=cv2.BORDER_REPLICATE)
    slope = -np.stack([cv2.Sobel(soft, cv2.CV_32F, 1, 0), cv2.Sobel(soft, cv2.CV_32F, 0, 1)], axis=-1)
    y, x = np.nonzero(mask[:, :-1] != mask[:, 1:])
    beside, beside_slope = np.stack([x + 1.0, y + 0.5], -1), slope[y, x] + slope[y, x + 1]
    y, x = np.nonzero(mask[:-1] != mask[1:])
    below, below_slope = np.stack([x + 0.5, y + 1.0], -1), slope[y, x] + slope[y + 1, x]
    points = np.concatenate([beside, below])
    slopes = np.concatenate([beside_slope, below_slope]).astype(float)
    lengths = np.linalg.norm(slopes, axis=1)
    firm = lengths > 1e-3  # a bridge one pixel wide has no side
    return Outline(points[firm], slopes[firm] / lengths[firm, None])


def find_pair(outline: Outline, rng: np.random.Generator) -> Pair | None:
    """The pair of boundaries that explains most of the outline, or None where none can be proposed."""
    few = outline.thinned(SAMPLE)
    if len(few.points) < 8:  # as many as the numbers to find
        return None
    best = _of_clean_ring(few, rng) or _searched(few, rng)
    return None if best is None else refine(outline.thinned(4 * SAMPLE), best, first=0.04, rounds=5)


def _of_clean_ring(outline: Outline, rng: np.random.Generator) -> Pair | None:
    """The pair of a ring that nothing cuts, which needs no search; None for any other outline."""
    few = outline.thinned(SAMPLE // 2)
    limbus = next(iter(_limbus_proposals(few, rng, SHAPES[:1])), None)
    pair = None if limbus is None else _with_pupil(few, limbus, rng)
    if pair is None:
        return None
    pair = refine(few, pair, first=0.2, rounds=6)
    clean = support(few, pair, FINE) > CLEAN * len(few.points) and np.linalg.norm(pair.pupil) < OFF_CENTRE
    return pair if clean else None


def _searched(few: Outline, rng: np.random.Generator) -> Pair | None:
    """The best of many proposals, fitted."""
    pairs = [_with_pupil(few, limbus, rng) for limbus in _limbus_proposals(few, rng)]
    pairs = sorted((pair for pair in pairs if pair is not None), key=lambda pair: -support(few, pair, COARSE))
    pairs = [refine(few, pair, first=0.12, rounds=6) for pair in pairs[:REFINED]]
    pairs = [pair for pair in pairs if np.linalg.norm(pair.pupil) < OFF_CENTRE]
    return max(pairs, key=lambda pair: support(few, pair, FINE), default=None)


def _circles(points: np.ndarray, count: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Circles through random triples of points: centres (count, 2) and radii (count,), inf where on a line."""
    p, q, r = points[rng.integers(len(points), size=(3, count))]
    a, b = q - p, r - p
    cross = 2 * (a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0])
    cross = np.where(np.abs(cross) < 1e-9, np.nan, cross)
    aa, bb = (a * a).sum(1), (b * b).sum(1)
    away = np.stack([b[:, 1] * aa - a[:, 1] * bb, a[:, 0] * bb - b[:, 0] * aa], -1) / cross[:, None]
    return p + away, np.linalg.norm(away, axis=1)


def _scores(
    outline: Outline, centres: np.ndarray, radii: np.ndarray, tolerance: np.ndarray, outward: int
) -> np.ndarray:
    """How many points each circle explains, less those it contradicts: (circles,).

    A limbus (`outward` 1) has nothing of the mask outside, a pupil (-1) nothing inside; the other side is free, as
    lids and reflections hide what they like.
    """
    (x, y), (nx, ny) = outline.points.T.astype(np.float32), outline.normals.T.astype(np.float32)
    cx, cy, radii, tolerance = (v.astype(np.float32)[:, None] for v in (*centres.T, radii, tolerance))
    dx, dy = x - cx, y - cy  # (circles, points)
    length = np.sqrt(dx * dx + dy * dy)
    aligned = outward * (dx * nx + dy * ny) > ALIGNED * length
    off = (length - radii) * (outward / tolerance)
    explained = np.maximum(1 - off * off, 0) * aligned
    return (explained - np.clip(off - 1, 0, 1)).sum(1)


def _limbus_proposals(
    outline: Outline, rng: np.random.Generator, shapes: list[tuple[float, float]] = SHAPES
) -> list[Pair]:
    """The best ellipses that differ, without a pupil."""
    middle = np.median(outline.points, axis=0)
    extent = np.ptp(outline.points, axis=0).max()
    found = []
    for ratio, turn in shapes:
        axis = np.array([np.cos(turn), np.sin(turn)])
        shape = np.eye(2) * ratio + (1 - ratio) * np.outer(axis, axis)  # 1 along the axis, `ratio` across
        points = (outline.points - middle) @ np.linalg.inv(shape)
        normals = outline.normals @ shape
        normals /= np.hypot(*normals.T)[:, None]
        outer = (points * normals).sum(1) > 0
        if outer.sum() < 3:
            continue
        centres, radii = _circles(points[outer], PROPOSALS, rng)
        sensible = (radii > SMALLEST) & (radii < extent)  # nan and inf are not
        if not sensible.any():
            continue
        centres, radii = centres[sensible], radii[sensible]
        scores = _scores(Outline(points, normals), centres, radii, SUBPIXEL + COARSE * radii, 1)
        for index in np.argsort(scores)[-KEPT // 3 :]:
            matrix = radii[index] * shape
            found.append((scores[index], Pair(middle + shape @ centres[index], matrix, np.zeros(2), 0.5)))
    found.sort(key=lambda each: -each[0])
    different: list[Pair] = []
    numbers = np.empty((0, 5))
    for _, pair in found:
        own = np.array([*pair.centre, *pair.matrix[[0, 0, 1], [0, 1, 1]]])
        if not (np.abs(numbers - own).max(axis=1) < 0.1 * np.trace(pair.matrix) / 2).any():
            different.append(pair)
            numbers = np.concatenate([numbers, own[None]])
        if len(different) == KEPT:
            break
    return different


def _with_pupil(outline: Outline, limbus: Pair, rng: np.random.Generator) -> Pair | None:
    """The limbus with the best pupil that fits inside."""
    disc = limbus.on_disc(outline)
    length = np.hypot(*disc.points.T)
    inner = ((disc.points * disc.normals).sum(1) < 0) & (length < RATIOS[1] + OFF_CENTRE)
    if inner.sum() < 3:
        return None
    centres, radii = _circles(disc.points[inner], 2 * PROPOSALS, rng)
    sensible = (radii > RATIOS[0]) & (radii < RATIOS[1]) & (np.linalg.norm(centres, axis=1) < OFF_CENTRE)
    if not sensible.any():
        return None
    centres, radii = centres[sensible], radii[sensible]
    scores = _scores(disc, centres, radii, SUBPIXEL / limbus.radius + COARSE * radii, -1)
    best = int(np.argmax(scores))
    return limbus._replace(pupil=centres[best], ratio=float(radii[best]))


def support(outline: Outline, pair: Pair, near: float) -> float:
    """How many points a pair explains, being `near` in radii, less those it contradicts."""
    disc = pair.on_disc(outline)
    tolerance = np.array([SUBPIXEL / pair.radius + near])
    limbus = _scores(disc, np.zeros((1, 2)), np.ones(1), tolerance, 1)
    pupil = _scores(disc, pair.pupil[None], np.array([pair.ratio]), tolerance, -1)
    return float((limbus + pupil)[0])


def arcs(outline: Outline, pair: Pair) -> tuple[float, float]:
    """Which shares of limbus and pupil the outline shows, 0 to 1, counted over PARTS of the circle."""
    disc = pair.on_disc(outline)
    shares = []
    for origin, radius, outward in ((np.zeros(2), 1.0, 1), (pair.pupil, pair.ratio, -1)):
        away = disc.points - origin
        length = np.hypot(*away.T)
        near = np.abs(length - radius) < SUBPIXEL / pair.radius + FINE
        near &= outward * (away * disc.normals).sum(1) > ALIGNED * length
        turn = np.arctan2(away[near, 1], away[near, 0]) / (2 * np.pi) + 0.5
        shares.append(len(np.unique((turn * PARTS).astype(int) % PARTS)) / PARTS)
    return shares[0], shares[1]


def refine(outline: Outline, pair: Pair, first: float, rounds: int) -> Pair:
    """Gauss-Newton on the distances of the points from both ellipses, counting those within `first` radii, then fewer.

    In the last of the `rounds` only points within FINE radii count. Where the fit runs away, what was fitted so far.
    """
    for width in np.geomspace(first, FINE, rounds):
        residuals, slopes = _distances(outline, pair, width * pair.radius + SUBPIXEL)
        if len(residuals) < 8:
            return pair
        wishes = len(residuals) * (AS_ROUND + pair.radius**2 * AS_CENTRED)
        (a, b), (_, d) = pair.matrix
        values = np.array([*pair.centre, a, b, d, *pair.pupil, pair.ratio])
        square = slopes.T @ slopes + wishes + 1e-6 * np.eye(8)
        values = values - np.linalg.solve(square, slopes.T @ residuals + wishes @ values)
        a, b, d = values[2:5].tolist()
        shorter = (a + d) / 2 - math.hypot((a - d) / 2, b)  # axis: the smaller eigenvalue
        if not shorter > 1 or not RATIOS[0] < values[7] < RATIOS[1]:
            return pair
        pair = Pair(values[:2], np.array([[a, b], [b, d]]), values[5:7], float(values[7]))
    return pair


def _distances(outline: Outline, pair: Pair, width: float) -> tuple[np.ndarray, np.ndarray]:
    """Weighted distances in pixels of the points near either ellipse, (n,), and their slopes by the 8 numbers, (n, 8).

    The weights are Tukey's biweight, 0 beyond `width` and where the outline runs in another direction.
    """
    inverse, radius = pair.inverse, pair.radius
    x, y = inverse @ (outline.points - pair.centre).T
    nx, ny = outline.normals.T
    residuals, slopes = [], []
    for (origin_x, origin_y), length, sign in (((0.0, 0.0), 1.0, 1), (pair.pupil, pair.ratio, -1)):
        u, v = x - origin_x, y - origin_y
        far = np.sqrt(u * u + v * v)
        distance = radius * (far - length)
        near = np.flatnonzero(np.abs(distance) < width)
        distance, u, v = distance[near], u[near] / far[near], v[near] / far[near]
        # the normal of the ellipse
        across, up = inverse[0, 0] * u + inverse[0, 1] * v, inverse[0, 1] * u + inverse[1, 1] * v
        aligned = sign * (across * nx[near] + up * ny[near]) > ALIGNED * np.sqrt(across * across + up * up)
        weight = (1 - (distance / width) ** 2) * aligned  # the square root of the biweight
        by = np.zeros((8, len(near)))
        slope = -radius * weight
        by[0], by[1] = slope * across, slope * up
        by[2], by[3], by[4] = by[0] * x[near], by[0] * y[near] + by[1] * x[near], by[1] * y[near]
        if sign < 0:
            by[5], by[6], by[7] = slope * u, slope * v, slope
        residuals.append(weight * distance)
        slopes.append(by)
    return np.concatenate(residuals), np.concatenate(slopes, axis=1).T
