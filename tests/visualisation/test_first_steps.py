"""Pictures of the first lessons: grids of ids, four tasks, bars of scores."""

import io

import matplotlib
import numpy as np
import PIL.Image
import pytest
import torch

from nbhelpers.datasets import Cells, Street
from nbhelpers.datasets.palette import BINARY, CAMVID, VOID, categorical
from nbhelpers.exercises import lesson01
from nbhelpers.visualisation import show_ids, show_scores, show_tasks

CELLS, STREET = Cells("val"), Street("val")


def pixels(picture):
    return np.asarray(PIL.Image.open(io.BytesIO(picture.data)).convert("RGB"))


def count(picture, colour):
    return int((pixels(picture) == np.asarray(colour)).all(axis=-1).sum())


def test_ids_are_written_and_coloured():
    picture = show_ids({"truth": lesson01.TRUTH, "prediction": lesson01.PREDICTION}, CELLS)
    assert picture.alt == (
        "Masks as grids of class ids. truth: rows 0 0 1 1, 0 0 1 1, 0 1 1 255, 0 0 0 255. "
        "prediction: rows 0 1 1 0, 0 1 1 0, 0 1 1 1, 0 1 0 1."
    )
    background, nucleus, void = (count(picture, colour) for colour in (*BINARY, VOID))
    assert 0.9 < nucleus / background < 1.1  # 15 and 15 of 32 pixels, but for numbers and the legend
    assert void > 2 * nucleus / 15


def test_one_id_fills_its_square():
    """A number on each of 8 x 8 pixels: all else is the class's colour."""
    picture = show_ids({"sky": np.zeros((8, 8), np.uint8), "car": np.full((8, 8), 8)}, STREET)
    for colour in (CAMVID[0], CAMVID[8]):
        assert count(picture, colour) > 0.85 * (8 * 54) ** 2
    assert "sky: Sky 100 %. car: Car 100 %." in picture.alt


def test_numbers_stand_out_from_every_class():
    """Light numbers on dark colours and dark ones on light: a difference in grey of 90 of 255 at least."""
    ids = np.array([[*range(11), 255]], dtype=np.uint8)
    grey = pixels(show_ids({"all": ids}, STREET)) @ np.array([0.299, 0.587, 0.114])
    for column in range(12):
        # 30 above and 6 at the left, 56 for a pixel, no frame
        square = grey[34:82, 6 + 56 * column :][:, 4:52]
        assert np.ptp(square) > 90, ids[0, column]


def test_the_image_stands_before_its_mask():
    image, mask = STREET[0]
    crop = (slice(30, 42), slice(50, 60))
    alone = show_ids({"mask": mask[crop]}, STREET)
    both = show_ids({"mask": mask[crop]}, STREET, image=image[:, crop[0], crop[1]])
    assert pixels(both).shape[1] > 1.9 * pixels(alone).shape[1]
    assert both.alt == alone.alt


@pytest.mark.parametrize(
    ("masks", "image", "error"),
    [
        ({"large": torch.zeros(25, 10, dtype=torch.uint8)}, None, r"\(25, 10\).*at most 24 x 24: crop"),
        (
            {"a": torch.zeros(4, 4).long(), "b": torch.zeros(4, 5).long()},
            None,
            r"\(4, 4\), \(4, 5\).* one of",
        ),
        ({"a": torch.zeros(4, 4).long()}, torch.zeros(3, 5, 4), r"\(4, 4\), \(5, 4\)"),
        ({"a": torch.full((4, 4), 7)}, None, "mask holds 7"),
        ({"a": torch.zeros(4, 4)}, None, "must hold integer class ids"),
    ],
)
def test_bad_grids(masks, image, error):
    with pytest.raises(ValueError, match=error):
        show_ids(masks, CELLS, image)


def test_four_tasks():
    image, mask = CELLS[8]
    instances = CELLS.instances(8)
    picture = show_tasks(image, instances, "Nucleus")
    number = instances.max()
    assert number > 3
    assert f"Detection: {number} boxes." in picture.alt
    assert f"{number} objects, each in its own colour" in picture.alt
    share = f"{100 * (mask == 0).float().mean():.0f} %"
    assert f"Semantic segmentation: Background {share}" in picture.alt
    shown = [count(picture, colour) for colour in categorical(number + 1)]
    assert shown[0] > 0 and sum(pixels_ > 0 for pixels_ in shown[1:]) > 0.8 * number


def test_four_tasks_on_a_picture_without_objects():
    picture = show_tasks(torch.rand(3, 40, 40), np.zeros((40, 40), int), "Car")
    assert "it shows no car. Detection: 0 boxes" in picture.alt


def test_scores():
    picture = show_scores({"ours": 0.5, "theirs": 0.25}, "mean IoU", best="ours")
    assert picture.alt == "Bars of mean IoU: ours 0.50, theirs 0.25."
    ours, theirs = count(picture, (0, 114, 178)), count(picture, (184, 196, 206))
    assert ours == pytest.approx(2 * theirs, rel=0.05)


@pytest.mark.parametrize("scores", [{}, {"a": 1.2}, {"a": -0.1}, {"a": float("nan")}])
def test_scores_are_fractions(scores):
    with pytest.raises(ValueError, match=r"fractions in 0\.\.1"):
        show_scores(scores, "IoU")


def test_the_readers_style_is_left_alone():
    before = dict(matplotlib.rcParams)
    show_scores({"a": 0.5}, "IoU")
    show_ids({"a": lesson01.TRUTH}, CELLS)
    show_tasks(*(CELLS[1][0], CELLS.instances(1)), "Nucleus")
    assert dict(matplotlib.rcParams) == before
