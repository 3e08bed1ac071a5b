"""E1 and E2 of the NICE contests on arrays that can be counted by hand."""

import numpy as np
import pytest

from nbhelpers.iris import e1, e2

TRUE = np.array([[1, 1, 0, 0], [0, 0, 0, 0]], bool)
GUESS = np.array([[1, 0, 1, 1], [0, 0, 0, 0]], bool)  # 1 of 2 missed, 2 of 6 too many


def test_by_hand():
    assert e1([GUESS], [TRUE]) == pytest.approx(3 / 8)
    assert e2([GUESS], [TRUE]) == pytest.approx((2 / 6 + 1 / 2) / 2)
    assert e1([TRUE], [TRUE]) == e2([TRUE], [TRUE]) == 0
    assert e1([~TRUE], [TRUE]) == e2([~TRUE], [TRUE]) == 1
    one_of_each = np.array([[True, False]])
    assert e1([~one_of_each], [one_of_each]) == e2([~one_of_each], [one_of_each]) == 1


def test_images_count_alike_whatever_their_size():
    large = np.zeros((100, 100), bool)
    large[:10] = True
    assert e1([GUESS, large], [TRUE, large]) == pytest.approx(3 / 16)
    assert e2([GUESS, ~large], [TRUE, large]) == pytest.approx((5 / 12 + 1) / 2)
    assert e1(np.stack([GUESS, TRUE]), np.stack([TRUE, TRUE])) == pytest.approx(3 / 16)
    assert e2([GUESS, TRUE, TRUE], [TRUE] * 3) == pytest.approx(5 / 12 / 3)


def test_an_image_without_iris_or_without_anything_else():
    nothing, everything = np.zeros((2, 4), bool), np.ones((2, 4), bool)
    assert e2([nothing], [nothing]) == e2([everything], [everything]) == 0
    assert e2([GUESS], [nothing]) == pytest.approx(3 / 16)
    assert e2([everything], [nothing]) == 0.5


def test_the_small_iris_weighs_as_much_as_the_rest_in_e2_only():
    iris = np.zeros((100, 100), bool)
    iris[:10, :10] = True
    missed = iris & False
    assert e1([missed], [iris]) == pytest.approx(0.01)
    assert e2([missed], [iris]) == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("predicted", "true", "words"),
    [
        ([], [], "0 predicted and 0 true"),
        ([GUESS], [TRUE, TRUE], "1 predicted and 2 true"),
        ([GUESS.astype(np.uint8)], [TRUE], r"predicted mask 0 is uint8 \(2, 4\), but must be bool"),
        ([GUESS], [255.0 * TRUE], "true mask 0 is float64"),
        ([GUESS[None]], [TRUE[None]], r"bool \(1, 2, 4\)"),
        ([GUESS.T], [TRUE], r"mask 0 is \(4, 2\) predicted and \(2, 4\) true"),
    ],
)
@pytest.mark.parametrize("score", [e1, e2])
def test_bad_input_is_named(score, predicted, true, words):
    with pytest.raises(ValueError, match=words):
        score(predicted, true)
