"""Pictures for competitions: alt text made from the data, and errors by name."""

import numpy as np
import pytest

from nbhelpers.kaggle import paired_gain
from nbhelpers.visualisation.competition import (
    show_folds,
    show_gains,
    show_leaderboard,
    show_objects,
    show_tuning,
)

IMAGE = np.zeros((20, 30, 3), np.uint8)
IDS = np.zeros((20, 30), np.int32)
IDS[2:6, 2:6], IDS[10:12, 20:25] = 1, 45


def test_objects():
    picture = show_objects([(IMAGE, {"truth": IDS, "none": IDS * 0})], [{"none": 0.25}])
    assert picture.alt.endswith("Image 0: truth 2 objects; none 0 objects, score 0.25.")
    assert len(show_objects([(IMAGE, {"a": IDS}), (IMAGE[:10, :12], {"a": IDS[:10, :12]})]).data) > 1000
    with pytest.raises(ValueError, match="same titles in each row"):
        show_objects([(IMAGE, {"a": IDS}), (IMAGE, {"b": IDS})])
    with pytest.raises(ValueError, match="same titles in each row"):
        show_objects([])
    with pytest.raises(ValueError, match=r"'a' is \(30, 20\), but its image \(20, 30\)"):
        show_objects([(IMAGE, {"a": IDS.T})])


def test_folds():
    picture = show_folds([0, 0, 1, 1, 1], ["x", "y", "x", "x", "y"])
    assert picture.alt == "Images of each kind in each fold. fold 0: x 1, y 1; fold 1: x 2, y 1."
    with pytest.raises(ValueError, match="2 folds and 1 kinds"):
        show_folds([0, 1], ["x"])


def test_tuning():
    table = {(0.4, 0): 0.1, (0.4, 9): 0.2, (0.5, 0): 0.3, (0.5, 9): 0.25}
    picture = show_tuning(table, ("threshold", "min_size"), (0.5, 0))
    assert "min_size 0: 0.100 at threshold 0.4, 0.300 at threshold 0.5;" in picture.alt
    assert picture.alt.endswith("Chosen: threshold 0.5, min_size 0.")
    del table[0.4, 9]
    with pytest.raises(ValueError, match="3 scores; it must have one for each pair"):
        show_tuning(table, ("threshold", "min_size"), (0.5, 0))


def test_gains():
    gains = {
        "worth it": paired_gain([0.1, 0.2, 0.3], [0.5, 0.5, 0.6]),
        "noise": paired_gain([0.1, 0.9], [0.9, 0.2]),
    }
    picture = show_gains(gains, "difference of the score")
    assert "worth it: +0.333" in picture.alt and ": a gain" in picture.alt and "no difference" in picture.alt


def test_leaderboards():
    picture = show_leaderboard([0.5, 0.7, 0.6], [0.5, 0.55, 0.6], ["a", "b", "c"])
    assert (
        "public winner, b (0.700), has 0.550 on private, place 2; the private winner is c, 0.600."
        in picture.alt
    )
    assert "place 1" in show_leaderboard([0.5, 0.5], [0.4, 0.4], ["a", "b"]).alt
    with pytest.raises(ValueError, match="2 public and 1 private"):
        show_leaderboard([0.5, 0.5], [0.4], ["a", "b"])
