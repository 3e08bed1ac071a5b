"""time_budget, on a clock that the test turns."""

import numpy as np
import pytest
from scipy import stats

from nbhelpers.kaggle import budget, time_budget


@pytest.fixture
def clock(monkeypatch):
    """`clock(seconds)` is a way that takes so long, or as long as a function of the image says."""
    now = [0.0]
    monkeypatch.setattr(budget.time, "perf_counter", lambda: now[0])

    def lasting(seconds):
        def way(image):
            now[0] += seconds(image) if callable(seconds) else seconds

        return way

    return lasting


def test_the_first_that_fits_is_taken(clock):
    ways = {"eight flips": clock(8.0), "two flips": clock(2.0), "none": clock(1.0)}
    found = time_budget(ways, list(range(100)), total=10_000, hours=9)
    assert [each.fits for each in found] == [False, True, True]  # 22.2, 5.6 and 2.8 hours
    assert found.choice == "two flips"
    assert found[0].hours == pytest.approx(10_000 * 8 / 3600)
    assert "two flips" in str(found) and str(found).endswith("take: two flips")


def test_a_tenth_of_the_hours_is_no_reserve(clock):
    found = time_budget({"way": clock(3.0)}, [0] * 30, total=9720)  # 8.1 of 9 hours
    assert found.choice is None
    assert "none of them; a smaller network" in str(found)


def test_sorted_sizes_do_not_deceive(clock):
    """Files sorted by size: the first twenty alone would promise a tenth of the time."""
    images = list(range(1, 1001))
    found = time_budget({"way": clock(lambda size: size / 1000)}, images)
    assert found[0].seconds == pytest.approx(0.5, abs=0.01)


def test_the_first_image_warms_up_and_is_not_timed_then(clock):
    seen = []
    (found,) = time_budget(
        {"way": clock(lambda image: seen.append(image) or (99 if len(seen) == 1 else 1))}, "abc"
    )
    assert seen == ["a", "a", "b", "c"] and found.seconds == 1


def test_the_bound_is_students(clock):
    images = [1.0, 2.0, 3.0, 4.0]
    (found,) = time_budget({"way": clock(lambda size: size)}, images, sample=4)
    bound = np.mean(images) + stats.t.ppf(0.95, 3) * stats.sem(images)
    assert found.hours == pytest.approx(4 * bound / 3600)


@pytest.mark.parametrize(
    ("ways", "images", "options", "told"),
    [
        ({}, [1, 2], {}, "0 ways and 2 images"),
        ({"way": print}, [1], {}, "1 ways and 1 images, of which 20"),
        ({"way": print}, [1, 2], {"total": 0}, "total is 0"),
        ({"way": print}, [1, 2], {"hours": -1}, "hours -1"),
    ],
)
def test_what_cannot_be_estimated_is_told(ways, images, options, told):
    with pytest.raises(ValueError, match=told):
        time_budget(ways, images, **options)
