"""Pupil and limbus from masks: known ellipses come back, whatever hides them; what is no iris is refused."""

import numpy as np
import pytest
import torch

from nbhelpers.datasets import Eyes
from nbhelpers.datasets.toy.eye_scene import Ellipse
from nbhelpers.iris import Boundaries, NoIris, degrade, fit_boundaries
from nbhelpers.iris.boundaries import _ellipse, matrix_of
from nbhelpers.iris.fitting import (
    AS_ROUND,
    RATIOS,
    Outline,
    Pair,
    _distances,
    _scores,
    arcs,
    outline_of,
    refine,
)
from nbhelpers.iris.fitting import ROUND as ROUNDNESS
from tests.iris.iris_masks import ASLANT, ROUND, SHAPE, SMALL, farthest, inside, ring, under_lids, with_lashes

EYES = {"round": ROUND, "aslant": ASLANT, "small": SMALL}


def holes(mask, boundaries):
    """A reflection across the pupil's edge, one in the iris, one across the limbus."""
    limbus, pupil = boundaries.limbus, boundaries.pupil
    for x, y in (
        (pupil.x + pupil.a, pupil.y),
        (limbus.x - 0.7 * limbus.a, limbus.y),
        (limbus.x, limbus.y + limbus.b),
    ):
        mask = mask & ~inside(Ellipse(x, y, 0.13 * limbus.a, 0.1 * limbus.a, 30))
    return mask


def blobs(mask, boundaries):
    """What a network may take for iris elsewhere: a brow, and specks."""
    mask = mask | inside(Ellipse(boundaries.limbus.x, 14, 0.6 * boundaries.limbus.a, 5, 3))
    mask[200:204, 20:23] = mask[10, 300] = True
    return mask


def ragged(mask, boundaries):
    """A network's errors: the edge is off by a pixel here and there, corners are soft."""
    noise = np.random.default_rng(0).normal(0, 0.25, mask.shape)
    soft = sum(np.roll(mask, move, (0, 1)) for move in np.ndindex(3, 3)) / 9
    return np.roll(soft + noise > 0.5, (-1, -1), (0, 1))


HIDDEN = {  # what happens to the ring -> allowed error of limbus and pupil, in pixels plus a share of the radius
    "whole": (lambda mask, eye: mask, 0.25, 0),
    "40 % under lids": (lambda mask, eye: under_lids(mask, eye, 0.4), 0.3, 0.02),
    "lashes": (with_lashes, 0.5, 0),
    "reflections": (holes, 0.25, 0),
    "blobs": (blobs, 0.25, 0),
    "ragged": (ragged, 0.5, 0),
    "all": (
        lambda mask, eye: blobs(holes(with_lashes(under_lids(mask, eye, 0.4), eye), eye), eye),
        0.5,
        0.04,
    ),
}


@pytest.mark.parametrize("eye", EYES.values(), ids=EYES)
@pytest.mark.parametrize(("hide", "pixels", "share"), HIDDEN.values(), ids=HIDDEN)
def test_known_ellipses_come_back(eye, hide, pixels, share):
    found = fit_boundaries(hide(ring(eye), eye))
    allowed = pixels + share * eye.limbus.a
    assert farthest(found.limbus, eye.limbus) < allowed
    assert farthest(found.pupil, eye.pupil) < allowed


def elsewhere(kind):
    """Beside a round iris: a second one of less than a tenth of it, or more than a tenth, but no iris."""
    if kind == "a small eye":
        return two_eyes(0.15), Boundaries(Ellipse(80, 120, 15, 15, 0), Ellipse(80, 120, 40, 40, 0))
    mask = ring(ROUND)
    mask[4:16, 20:150] = True  # a brow of a sixth
    return mask, ROUND


@pytest.mark.parametrize("kind", ["a small eye", "a brow"])
def test_what_is_small_or_no_iris_is_no_second_eye(kind):
    mask, eye = elsewhere(kind)
    found = fit_boundaries(mask)
    assert farthest(found.limbus, eye.limbus) < 0.25 and farthest(found.pupil, eye.pupil) < 0.25


def test_an_iris_cut_by_the_border():
    shifted = Boundaries(ROUND.pupil._replace(x=23), ROUND.limbus._replace(x=20))
    found = fit_boundaries(ring(shifted))
    assert farthest(found.limbus, shifted.limbus) < 1 and farthest(found.pupil, shifted.pupil) < 1
    assert found.limbus.x - found.limbus.a < -38  # it knows what lies outside of the picture
    with pytest.raises(NoIris, match="no iris found"):
        fit_boundaries(ring(Boundaries(ROUND.pupil._replace(x=-37), ROUND.limbus._replace(x=-40))))


def test_the_same_mask_is_fitted_alike_and_left_alone():
    mask = under_lids(ring(ASLANT), ASLANT, 0.3)
    kept = mask.copy()
    assert fit_boundaries(mask) == fit_boundaries(torch.from_numpy(mask))
    assert (mask == kept).all()


def test_the_ellipse_is_written_as_the_toy_eyes_write_it():
    limbus = fit_boundaries(ring(ASLANT)).limbus
    assert limbus.a > limbus.b and limbus.angle == pytest.approx(ASLANT.limbus.angle, abs=1)
    for angle in (10, 80, 100, 170):
        ellipse = Ellipse(3, 4, 6, 5, angle)
        assert _ellipse(np.array([3, 4]), matrix_of(ellipse)) == pytest.approx(ellipse)


def two_eyes(size=0.5):
    left = Boundaries(Ellipse(80, 120, 15, 15, 0), Ellipse(80, 120, 40, 40, 0))
    right = Boundaries(Ellipse(230, 120, 30 * size, 30 * size, 0), Ellipse(230, 120, 80 * size, 80 * size, 0))
    return ring(left) | ring(right)


NO_IRIS = {
    "empty": (np.zeros(SHAPE, bool), "the mask holds 0 pixels"),
    "1 pixel": (
        np.arange(320 * 240).reshape(SHAPE) == 5000,
        "the mask holds 0 pixels|the mask holds 1 pixels",
    ),
    "39 pixels": (np.pad(np.ones((3, 13), bool), 90), "holds 39 pixels, but a ring needs 40"),
    "full": (np.ones(SHAPE, bool), "no pupil within a limbus"),
    "no pupil": (inside(ROUND.limbus), "pupil"),
    "no pupil, one reflection": (inside(ROUND.limbus) & ~inside(Ellipse(170, 120, 5, 5, 0)), "pupil"),
    "two eyes": (two_eyes(), "two irises"),
    "two eyes, one smaller": (two_eyes(0.3), "two irises"),
    "most of it elsewhere": (ring(ROUND) | (np.indices(SHAPE)[0] >= 185), "35 % of the mask lie between"),
    "a slit": (under_lids(ring(ROUND), ROUND, 0.93), "can be seen|no pupil within a limbus|to trust them"),
    "a gap between lids": (
        ring(ROUND) & (abs(np.indices(SHAPE)[0] - 119.5) < 14),
        "1. % of the limbus can be seen",
    ),
    "a stripe": (np.indices(SHAPE)[0] // 20 == 5, "no iris found"),
    "a sickle": (inside(ROUND.limbus) & ~inside(ROUND.limbus._replace(y=100)), "no iris found"),
    "noise": (np.random.default_rng(0).random(SHAPE) < 0.5, "no iris found"),
    "scattered dots": (np.random.default_rng(0).random(SHAPE) < 0.001, "no iris found"),
    "all but an eye": (~ring(ROUND), "no iris found"),
    "tiny": (ring(Boundaries(Ellipse(100, 80, 1.5, 1.5, 0), Ellipse(100, 80, 4, 4, 0))), "no iris found"),
    "one row": (np.ones((1, 320), bool), "no iris found"),
    "no pixels": (np.zeros((0, 320), bool), "the mask holds 0 pixels"),
}


@pytest.mark.parametrize(("mask", "why"), NO_IRIS.values(), ids=NO_IRIS)
def test_what_is_no_iris_is_refused(mask, why):
    with pytest.raises(NoIris, match=why) as caught:
        fit_boundaries(mask)
    assert "; " in str(caught.value)  # what to do


@pytest.mark.parametrize(
    ("mask", "words"),
    [
        (ring(ROUND).astype(np.uint8), r"the mask is uint8 \(240, 320\), but must be bool .* mask == 1"),
        (255 * ring(ROUND).astype(np.uint8), "mask == 255 or mask > 127"),
        (ring(ROUND).astype(np.float32), "float32"),
        (ring(ROUND)[None], r"bool \(1, 240, 320\), but must be bool \(H, W\)"),
        (torch.zeros(8, 8, dtype=torch.int64), "int64"),
    ],
)
def test_other_masks_are_errors(mask, words):
    with pytest.raises(ValueError, match=words) as caught:
        fit_boundaries(mask)
    assert not isinstance(caught.value, NoIris)


def test_toy_eyes_give_their_own_ellipses():
    """On true masks of the collection's eyes: closed eyes are refused, most others fitted to two hundredths."""
    eyes = Eyes("val", size=(240, 320), length=24, seed=1)
    errors, refused = [], 0
    for index in range(len(eyes)):
        mask = eyes.read(index)[1] == 1
        try:
            found = fit_boundaries(mask)
        except NoIris:
            refused += 1
            continue
        true = eyes.parameters(index)
        errors.append(farthest(found.limbus, true.iris) / true.iris.a)
    assert np.median(errors) < 0.025 and np.mean(np.array(errors) < 0.1) > 0.9
    assert refused <= 6


def test_the_outline_lies_between_the_pixels_and_runs_straight_to_the_border():
    mask = np.indices((8, 12))[1] < 5
    for given, flip in ((mask, 1), (mask.T, -1)):
        points, normals = outline_of(given)
        along = points[:, ::flip]
        assert (along[:, 0] == 5).all() and sorted(along[:, 1]) == [0.5, 1.5, 2.5, 3.5, 4.5, 5.5, 6.5, 7.5]
        assert normals[:, ::flip] == pytest.approx(np.tile([1.0, 0.0], (8, 1)), abs=1e-6)


@pytest.mark.parametrize(("outward", "contradicted"), [(1, 2), (-1, 3)])
def test_a_circle_scores_what_it_explains_less_what_contradicts_it(outward, contradicted):
    """8 points on it, 1 half a tolerance off; 2 far outside speak against a limbus, 3 far inside against a pupil."""
    turn = np.arange(8) * np.pi / 4
    away = np.stack([np.cos(turn), np.sin(turn)], -1)
    points = np.concatenate([10 * away, 10.5 * away[:1], 13 * away[:2], 7 * away[:3]]) + (40, 30)
    normals = np.concatenate([away, away[:1], away[:2], away[:3]])
    circle = np.array([[40.0, 30]]), np.array([10.0]), np.array([1.0]), outward
    assert _scores(Outline(points, outward * normals), *circle) == pytest.approx([8.75 - contradicted])
    assert _scores(Outline(points, -outward * normals), *circle) == pytest.approx([-contradicted])


def test_arcs_are_what_is_seen_of_both_edges_from_their_own_side():
    outline = outline_of(ring(ROUND))
    assert arcs(outline, ROUND.pair) == (1, 1)
    assert arcs(Outline(outline.points, -outline.normals), ROUND.pair) == (0, 0)
    # half of the limbus, a little less of the pupil, which lies to the right
    left = outline.points[:, 0] < ROUND.limbus.x
    limbus, pupil = arcs(Outline(outline.points[left], outline.normals[left]), ROUND.pair)
    assert limbus == pytest.approx(0.5, abs=0.03)
    assert pupil == pytest.approx(np.arccos(3 / 24) / np.pi, abs=0.03)


def test_an_edge_seen_all_around_is_seen_once():
    """Also where a point lies exactly to the left, at the angle where the circle is cut."""
    eye = Boundaries(ROUND.pupil._replace(y=118.5), ROUND.limbus._replace(y=120.5))
    assert arcs(outline_of(ring(eye)), eye.pair) == (1, 1)


@pytest.mark.parametrize("eye", EYES.values(), ids=EYES)
def test_a_pair_holds_the_pixels_of_its_ring_and_knows_its_area(eye):
    y, x = np.indices(SHAPE) + 0.5
    held = eye.pair.holds(np.stack([x.ravel(), y.ravel()], -1)).reshape(SHAPE)
    assert (held == ring(eye)).all()
    assert np.pi * eye.pair.radius**2 == pytest.approx(np.pi * eye.limbus.a * eye.limbus.b)
    assert eye.pair.ratio * eye.pair.radius == pytest.approx((eye.pupil.a * eye.pupil.b) ** 0.5)


def seen_in_part(scale, pupil=0.5):
    """Points of a limbus about (0, 0), and of an arc of a pupil at 0.1 of its radius to the right: no pixels."""
    around, arc = np.linspace(0, 2 * np.pi, 200), np.linspace(-pupil, pupil, 30)
    limbus, edge = (np.stack([np.cos(turn), np.sin(turn)], -1) for turn in (around, arc))
    return Outline(scale * np.concatenate([limbus, 0.4 * edge + (0.1, 0)]), np.concatenate([limbus, -edge]))


def test_what_the_points_leave_open_is_centred_whatever_the_size():
    start = Pair(np.zeros(2), np.eye(2), np.array([0.08, 0.03]), 0.42)
    found = {}
    for scale in (40.0, 400.0):
        outline, pair = seen_in_part(scale), start._replace(matrix=scale * np.eye(2))
        found[scale] = refine(outline, pair, first=0.2, rounds=8)
        limbus = Outline(outline.points[:200], outline.normals[:200])
        assert np.abs(refine(limbus, pair, first=0.2, rounds=8).pupil).max() < 1e-3
    small, large = found.values()
    assert small.pupil == pytest.approx(large.pupil, abs=2e-3) and 0 < small.pupil[0] < 0.05


def test_roundness_is_half_the_difference_of_the_axes():
    for a, b, d in ((3.0, 0.0, 2.0), (2.0, 0.7, 2.0), (5.0, -1.0, 1.5)):
        short, long = np.linalg.eigvalsh([[a, b], [b, d]])
        values = np.array([7, 8, a, b, d, 0.1, 0.2, 0.3])
        assert values @ AS_ROUND @ values == pytest.approx((ROUNDNESS * (long - short) / 2) ** 2)


def test_points_whose_outline_runs_in_another_direction_have_no_say():
    outline = outline_of(ring(ASLANT))
    for normals in (-outline.normals, outline.normals[:, ::-1] * (1, -1)):  # turned round, and along the edge
        residuals, slopes = _distances(Outline(outline.points, normals), ASLANT.pair, 5.0)
        assert len(residuals) > 200 and not residuals.any() and not slopes.any()


def test_a_fit_that_runs_away_keeps_what_was_fitted_so_far():
    """Towards a pupil that is smaller than any eye's."""
    eye = Boundaries(Ellipse(160, 120, 4, 4, 0), ROUND.limbus)
    start = Boundaries(Ellipse(160, 120, 9, 9, 0), ROUND.limbus).pair
    found = refine(outline_of(ring(eye)), start, first=0.2, rounds=6)
    assert RATIOS[0] < found.ratio <= start.ratio and farthest_of(found, ROUND) < 0.3


def test_gauss_newton_slopes_are_derivatives():
    """The slopes against differences of the distances, on one point of each ellipse's neighbourhood."""
    outline = outline_of(ring(ASLANT)).thinned(40)
    pair = Pair(np.array([151.0, 119]), np.array([[58.0, 5], [5, 73]]), np.array([0.02, 0.01]), 0.41)
    distances, slopes = _distances(outline, pair, np.inf)  # so wide that all weights are 1
    steps = np.array([1e-4] * 5 + [1e-6] * 3)
    for number, step in enumerate(steps):
        values = np.array([*pair.centre, 58, 5, 73, *pair.pupil, pair.ratio])
        values[number] += step
        a, b, c = values[2:5]
        moved = Pair(values[:2], np.array([[a, b], [b, c]]), values[5:7], values[7])
        expected = (_distances(outline, moved, np.inf)[0] - distances) / step
        # the slopes leave out that the unit of length changes with the matrix, which matters far from the edge only
        near = np.abs(distances) < 1.5
        assert np.abs(expected - slopes[:, number])[near].max() < 0.05 * max(1, np.abs(expected).max())
    assert farthest_of(refine(outline_of(ring(ASLANT)), pair, 0.12, rounds=8)) < 0.3


def farthest_of(pair, eye=ASLANT):
    return farthest(_ellipse(pair.centre, pair.matrix), eye.limbus)


@pytest.mark.parametrize("step", [1, 2, 3])
def test_a_spoiled_mask_is_worse_from_step_to_step(step):
    mask = under_lids(ring(ROUND), ROUND, 0.3)
    spoiled = degrade(mask, ROUND, step)
    assert (
        spoiled.dtype == bool
        and spoiled.shape == mask.shape
        and (spoiled == degrade(mask, ROUND, step)).all()
    )
    found = fit_boundaries(spoiled)
    pupil_off = farthest(found.pupil, ROUND.pupil) / ROUND.limbus.a
    limbus_off = farthest(found.limbus, ROUND.limbus) / ROUND.limbus.a
    assert (pupil_off > 0.05) == (step >= 2) and (limbus_off > 0.07) == (step == 3)
    if step == 1:
        assert (spoiled ^ ring(ROUND)).sum() < 0.02 * ring(ROUND).sum()  # the lids are gone


def test_degrade_refuses():
    with pytest.raises(ValueError, match="step is 4; it must be 1, 2 or 3"):
        degrade(ring(ROUND), ROUND, 4)
    with pytest.raises(ValueError, match="must be bool"):
        degrade(ring(ROUND).astype(np.uint8), ROUND, 1)
