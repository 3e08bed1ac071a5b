"""What all tests share."""

import hypothesis
import matplotlib
import pytest

pytest.register_assert_rewrite(
    "tests.exercises.exercise_tester"
)  # its asserts explain themselves, as those of test files do
matplotlib.use("Agg")  # no windows; not by MPLBACKEND, which the kernels of notebooks would inherit
hypothesis.settings.register_profile("nbhelpers", deadline=None, derandomize=True, max_examples=50)
hypothesis.settings.load_profile("nbhelpers")
