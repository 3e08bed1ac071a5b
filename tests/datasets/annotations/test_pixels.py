"""Which pixel is whose: edges on centres, shapes half a pixel further, what lies beyond the frame, who covers whom."""

import numpy as np
import pytest

from nbhelpers.datasets.annotations import Rules, paint
from nbhelpers.datasets.annotations.shapes import Bitmap, Box, Ellipse, Object, Polygons, Relative, Stroke

SIZE = (12, 14)
Y, X = np.mgrid[: SIZE[0], : SIZE[1]] + 0.5
TRIANGLE = Polygons(((np.array([(1, 1), (6.5, 2), (2, 7)]),),))


def covered(shape) -> np.ndarray:
    mask = np.zeros(SIZE, bool)
    top, left, window = shape.cover(SIZE)
    mask[top : top + window.shape[0], left : left + window.shape[1]] = window
    return mask


def test_a_centre_on_an_edge_belongs_to_the_shape_at_its_right_or_below_it():
    assert np.argwhere(covered(Box(0.5, 0.5, 2.5, 1.5))).tolist() == [[0, 0], [0, 1]]


def test_the_rim_of_a_circle_is_outside():
    for x, y, radius in ((3.5, 3.5, 2), (3.2, 3.2, 2.4)):  # the first has centres on its rim
        circle = np.hypot(X - x, Y - y) < radius
        assert np.array_equal(covered(Ellipse((x, y), radius, radius)), circle)
        assert np.array_equal(covered(Stroke(np.array([(x, y)]), width=2 * radius)), circle)


@pytest.mark.parametrize(
    "shape",
    [
        TRIANGLE,
        Box(1, 1, 4, 2.5),
        Box(5, 1, 8, 3, 90, (5, 1)),
        Box(2, 1, 8, 3, 30),
        Ellipse((5, 5), 4, 2, 60),
        Stroke(np.array([(2, 2), (7, 5.0)]), width=2),
        Stroke(np.array([(2, 2), (7, 5.0)]), joined=False, width=3),
    ],
    ids=["polygon", "box", "box about a corner", "turned box", "ellipse", "line", "points"],
)
def test_a_shape_moved_by_a_pixel_covers_the_next_pixels(shape):
    here, there = covered(shape), covered(shape.moved(1))
    assert here.any() and np.array_equal(there[1:, 1:], here[:-1, :-1]) and here.sum() == there.sum()


def test_shares_and_pixels_have_no_centres_to_mean():
    shares = Relative(Polygons(((np.array([(0, 0), (0.5, 0), (0.5, 0.5), (0, 0.5)]),),)))
    for shape in (shares, Bitmap(np.eye(3, dtype=bool), 2, 1)):
        objects = [Object("cat", shape, "")]
        masks = [paint(objects, SIZE, {"cat": 1}, 0, Rules(centres=centres)) for centres in (False, True)]
        assert masks[0].any() and np.array_equal(*masks)


@pytest.mark.parametrize(
    ("top", "left", "pixels"),
    [
        (-1, -1, [(0, 0), (1, 1)]),
        (-1, 3, [(0, 4), (1, 5)]),
        (3, -2, [(5, 0)]),
        (10, 12, [(10, 12), (11, 13)]),
        (20, 20, []),
    ],
)
def test_pixels_beyond_the_frame_are_cut_off(top, left, pixels):
    assert list(map(tuple, np.argwhere(covered(Bitmap(np.eye(3, dtype=bool), top, left))))) == pixels


def painted(*objects, **options) -> np.ndarray:
    ids = {"cat": 1, "dog": 2}
    named = [Object(label, shape, f"object {place}") for place, (label, shape) in enumerate(objects, 1)]
    return paint(named, SIZE, ids, 0, Rules(**options))


def test_the_smaller_one_has_fewer_pixels_not_a_smaller_box():
    thin = Polygons(((np.array([(0, 0), (14, 11), (14, 12)]),),))
    thick = Box(4, 3, 9, 9)
    assert covered(thin).sum() < covered(thick).sum() == 30
    mask = painted(("cat", thin), ("dog", thick), order="area")
    assert np.array_equal(mask, np.select([covered(thin), covered(thick)], [1, 2], 0))


def test_what_one_of_three_covered_stays_taken():
    """The second lies beside the first, in a box that reaches over it; the third lies on the first."""
    second = Polygons(((np.array([(5, 0), (5, 5), (0, 5)]),),))
    objects = ("cat", Box(0, 0, 2, 2)), ("dog", second), ("dog", Box(0, 0, 4, 1))
    assert painted(*objects, overlap="void")[:2, :2].tolist() == [[255, 255], [1, 1]]
    with pytest.raises(ValueError, match="object 3: 2 pixels of 'dog' belong to another class too"):
        painted(*objects, overlap="error")


def test_a_point_keeps_the_width_that_its_tool_gave_it():
    own, other = (Stroke(np.array([(6.0, 6)]), joined=False, width=width) for width in (2, None))
    assert painted(("cat", own), width=6).sum() == covered(own).sum() == 4
    assert painted(("cat", other), width=6).sum() == (np.hypot(X - 6, Y - 6) < 3).sum()


@pytest.mark.parametrize("width", [0, -1, np.inf, np.nan])
def test_a_width_that_is_none(width):
    with pytest.raises(ValueError, match="width is .*; it must be a positive number of pixels, or None"):
        Rules(width=width)
