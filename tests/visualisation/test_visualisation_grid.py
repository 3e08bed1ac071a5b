"""The table of changes says what the seeds agree on, and colours nothing else."""

import io

import numpy as np
import PIL.Image
import pytest

from nbhelpers.visualisation import show_changes

CHANGES = {
    "without a": {"small": [-0.2, -0.3, -0.1], "large": [0.01, -0.02, 0.01]},
    "without b": {"small": [0.1, 0.1, 0.1], "large": [0.0, -0.1, -0.2]},
}


def test_alt_text():
    alt = show_changes(CHANGES, "recall").alt
    assert alt.startswith("Table of recall, mean and spread over seeds. ")
    assert "without a, small: -0.20 ± 0.10;" in alt  # by hand: deviations 0, -0.1, 0.1 give 0.1 with n - 1
    assert "without a, large: +0.00 ± 0.02 (seeds disagree);" in alt
    assert "without b, small: +0.10 ± 0.00;" in alt
    assert alt.endswith("without b, large: -0.10 ± 0.10 (seeds disagree).")  # one seed saw no change at all


def share(picture, channel):
    pixels = np.asarray(PIL.Image.open(io.BytesIO(picture.data)).convert("RGB")).astype(int)
    return ((pixels[..., channel] - pixels[..., 2 - channel]) > 60).mean()


def test_losses_are_orange_gains_blue_and_doubt_white():
    loss, gain, doubt = (
        show_changes({"row": {"column": values}}, "x") for values in ([-1.0, -1.0], [1.0, 1.0], [1.0, -0.9])
    )
    assert share(loss, 0) > 0.2 and share(loss, 2) < 0.01
    assert share(gain, 2) > 0.2 and share(gain, 0) < 0.01
    assert share(doubt, 0) < 0.01 and share(doubt, 2) < 0.01


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({}, "same columns in the same order"),
        ({"a": {}}, "same columns in the same order"),
        ({"a": {"x": [1, 2]}, "b": {"y": [1, 2]}}, "same columns in the same order"),
        ({"a": {"x": [1.0]}}, r"\('a', 'x'\) has 1 values; a spread takes 2 seeds"),
    ],
)
def test_bad_tables_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        show_changes(changes, "x")
