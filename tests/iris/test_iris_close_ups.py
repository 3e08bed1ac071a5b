"""Close-ups of toy eyes: where the box lies, how large it is, and that image and mask are cut alike."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from nbhelpers.datasets import Eyes, in_memory
from nbhelpers.iris import OPEN, close_up, close_ups

EYES = Eyes("val", (96, 128), length=24)
KNOWN = [EYES.parameters(index) for index in range(len(EYES))]


class Exact:
    """A generator whose normal numbers are all 0: the box of a perfect detector."""

    def normal(self, _mean, _deviation, size=None):
        return 0.0 if size is None else np.zeros(size)


class Inexact:
    """One whose numbers are known: two deviations to the right, one up, and wider by one."""

    def normal(self, mean, deviation, size=None):
        return mean + deviation * (1.0 if size is None else np.array([2.0, -1.0]))


def test_open_eyes_are_cut_and_shut_ones_left_out():
    cut = close_ups(in_memory(EYES), KNOWN, (48, 64))
    assert 0 < len(cut) == sum(eye.opening > OPEN for eye in KNOWN) < len(KNOWN)
    image, mask = cut[0]
    assert image.shape == (3, 48, 64) and mask.shape == (48, 64)
    assert image.dtype == mask.dtype == torch.uint8
    assert cut.classes == EYES.classes and cut.palette is EYES.palette


def test_the_boxes_are_the_same_each_time_and_never_exact():
    first, second = (close_ups(EYES, KNOWN, (48, 64)) for _ in range(2))
    assert all(np.array_equal(a, b) for a, b in zip(first.images, second.images))
    open_ones = [index for index, eye in enumerate(KNOWN) if eye.opening > OPEN]
    exact = [close_up(*EYES[index], KNOWN[index], (48, 64), Exact())[0] for index in open_ones]
    assert not any(np.array_equal(a, b.permute(1, 2, 0)) for a, b in zip(first.images, exact))


def test_an_exact_box_has_the_iris_in_its_middle_and_half_again_as_much_around():
    eyes = [index for index, eye in enumerate(KNOWN) if eye.iris.a < min(eye.iris.y, 96 - eye.iris.y)]
    assert len(eyes) >= 3
    for index in eyes:
        eye = KNOWN[index]
        painted = torch.zeros(96, 128, dtype=torch.uint8)  # the limbus as a disc, from the parameters alone
        y, x = np.indices(painted.shape) + 0.5
        painted[torch.from_numpy(np.hypot(x - eye.iris.x, y - eye.iris.y) < eye.iris.a)] = 1
        _, mask = close_up(EYES[index][0], painted, eye, (120, 160), Exact())
        rows, columns = np.nonzero(mask.numpy())
        scale = 160 / (2.6 * eye.iris.a)
        assert np.mean(rows) == pytest.approx(59.5, abs=scale)
        assert np.ptp(columns) == pytest.approx(160 * 2 / 2.6, abs=2.5 * scale)


def test_an_inexact_box_is_moved_and_wider_by_its_numbers():
    """A tenth of a semi-axis and 8 % are one deviation; the iris moves against the box."""
    eye = replace(KNOWN[0], iris=KNOWN[0].iris._replace(x=160.9, y=120.9, a=60.0))
    y, x = np.indices((240, 320)) + 0.5
    disc = torch.from_numpy((np.hypot(x - eye.iris.x, y - eye.iris.y) < eye.iris.a).astype(np.uint8))
    for rng, right, down, wider in ((Exact(), 0, 0, 1), (Inexact(), 0.2, -0.1, np.exp(0.08))):
        _, mask = close_up(torch.zeros(3, 240, 320, dtype=torch.uint8), disc, eye, (120, 160), rng)
        rows, columns = np.nonzero(mask.numpy())
        semi_axis = 160 / (2.6 * wider)  # in pixels of the close-up
        assert np.mean(columns) == pytest.approx(79.5 - right * semi_axis, abs=1)
        assert np.mean(rows) == pytest.approx(59.5 - down * semi_axis, abs=1)
        assert np.ptp(columns) + 1 == pytest.approx(2 * semi_axis, abs=1.5)


def test_a_mask_of_marks_is_cut_like_the_image():
    marked = in_memory(EYES)
    marked.masks = [(image[..., 1] > 127).astype(np.uint8) for image in marked.images]
    plain, cut = close_ups(EYES, KNOWN, (72, 96)), close_ups(marked, KNOWN, (72, 96))
    assert all(np.array_equal(a, b) for a, b in zip(plain.images, cut.images))
    agree = [np.mean((image[..., 1] > 127) == mask) for image, mask in zip(cut.images, cut.masks)]
    assert min(agree) > 0.9  # but for edges, where the image is smoothed and the mask is not


def test_beyond_the_border_all_is_black_and_background():
    index = min(range(len(KNOWN)), key=lambda index: KNOWN[index].iris.x)
    aside = replace(KNOWN[index], iris=KNOWN[index].iris._replace(x=0.0))
    image, mask = close_up(*EYES[index], aside, (48, 64), Exact())
    assert image[..., :31].max() == 0 and mask[:, :31].max() == 0 and image[..., 34:].max() > 0


def test_one_eye_for_each_picture():
    with pytest.raises(ValueError, match="23 eyes for 24 pictures"):
        close_ups(EYES, KNOWN[:-1], (48, 64))
