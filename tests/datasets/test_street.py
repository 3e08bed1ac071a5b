"""The toy street: sizes, repeatability, what is in it, and that no class is told by its colour."""

import numpy as np
import pytest
from sklearn.metrics import jaccard_score
from sklearn.tree import DecisionTreeClassifier

from nbhelpers.datasets.dataset import IGNORE
from nbhelpers.datasets.palette import CAMVID_CLASSES
from nbhelpers.datasets.toy.street import Street
from nbhelpers.datasets.toy.street_parts.canvas import (
    CAR,
    OVERSAMPLING,
    POLE,
    SIGN,
    SKY,
    Camera,
    Canvas,
    Light,
    Sheet,
)
from nbhelpers.datasets.toy.street_parts.photo import with_void


@pytest.fixture(scope="module")
def scenes() -> tuple[np.ndarray, np.ndarray]:
    """100 scenes of train: images (100, 96, 128, 3), masks (100, 96, 128)."""
    street = Street("train")
    images, masks = zip(*(street.read(index) for index in range(100)))
    return np.stack(images), np.stack(masks)


@pytest.mark.parametrize("size", [(96, 128), (128, 128), (33, 47), (200, 64), (32, 300)])
def test_a_pair_has_the_size_asked_for(size):
    street = Street("val", size=size, length=3)
    for index in range(len(street)):
        image, mask = street.read(index)
        assert image.shape == (*size, 3) and image.dtype == np.uint8
        assert mask.shape == size and mask.dtype == np.uint8
        assert set(np.unique(mask)) <= {*range(11), IGNORE}


def test_a_sample_is_what_every_dataset_gives():
    image, mask = Street(length=1)[0]
    assert image.shape == (3, 96, 128) and mask.shape == (96, 128)
    assert Street.classes == CAMVID_CLASSES and len(Street.palette) == Street(length=1).num_classes == 11


def test_lengths():
    assert [len(Street(split)) for split in ("train", "val", "test")] == [600, 100, 100]
    assert len(Street("test", length=7)) == 7


def test_the_same_index_gives_the_same_pixels():
    for ours, theirs in zip(Street(seed=3).read(5), Street(seed=3).read(5)):
        np.testing.assert_array_equal(ours, theirs)


def test_a_scene_does_not_depend_on_those_read_before():
    street = Street()
    street.read(0)
    np.testing.assert_array_equal(street.read(4)[0], Street().read(4)[0])


@pytest.mark.parametrize("other", [Street("val"), Street("test"), Street(seed=1)])
def test_splits_and_seeds_share_no_scene(other):
    ours = [Street().read(index)[1].tobytes() for index in range(20)]
    assert not set(ours) & {other.read(index)[1].tobytes() for index in range(20)}


@pytest.mark.parametrize("index", range(8))
def test_the_scene_does_not_depend_on_the_size(index):
    small, large = (Street(size=size).read(index)[1] for size in ((96, 128), (192, 256)))
    large = large[::2, ::2]
    known = (small != IGNORE) & (large != IGNORE)
    assert known.mean() > 0.7
    assert (small == large)[known].mean() > 0.985


def test_every_class_is_frequent(scenes):
    _, masks = scenes
    counts = np.stack([np.bincount(mask.ravel(), minlength=256)[:11] for mask in masks])
    present = dict(zip(CAMVID_CLASSES, (counts >= 20).mean(axis=0)))
    share = dict(zip(CAMVID_CLASSES, counts.sum(axis=0) / counts.sum()))
    assert min(present.values()) >= 0.6, present
    assert min(share.values()) >= 0.01 and max(share.values()) <= 0.4, share


def test_void_is_a_thin_border(scenes):
    _, masks = scenes
    assert 0.03 < (masks == IGNORE).mean() < 0.12


def test_void_is_taken_from_what_lies_behind():
    ids = np.full((96, 128), SKY)
    ids[20:90, 60:62] = POLE
    ids[20:30, 56:66] = SIGN
    mask = with_void(ids.astype(np.uint8))
    assert (mask == SIGN).sum() == 100 and (mask[32:90, 60:62] == POLE).all()
    assert (mask[50, 55:67] == [SKY] * 4 + [IGNORE] + [POLE] * 2 + [IGNORE] + [SKY] * 4).all()


def test_colour_alone_does_not_tell_the_classes(scenes):
    """A tree on single pixels, trained on some scenes and tested on others, must stay far from useful."""

    def pixels(images, masks):
        known = masks != IGNORE
        return images[known][::37], masks[known][::37]

    tree = DecisionTreeClassifier(max_leaf_nodes=300, class_weight="balanced", random_state=0)
    tree.fit(*pixels(*scenes))
    street = Street("val")
    images, masks = map(np.stack, zip(*(street.read(index) for index in range(40))))
    colours, ids = pixels(images, masks)
    plain = DecisionTreeClassifier(max_leaf_nodes=300, random_state=0).fit(*pixels(*scenes))
    for classifier in (tree, plain):
        assert jaccard_score(ids, classifier.predict(colours), average="macro") < 0.25


@pytest.mark.parametrize("shift", [0.0, 0.013, 0.031])
def test_image_and_mask_agree_to_half_a_pixel(shift):
    """A white plate on black: its area in the image equals its area in the mask, and so does its middle."""
    light = Light(np.array([0, 1.0, 0]), 0, 1, (1, 1, 1), (0, 0, 0), 1e9, False)
    canvas = Canvas((96, 128), Camera(height=1, focal=1, vanish=(0, 0), roll=0), light)
    Sheet(canvas, CAR, (shift, 1, 1)).box(-0.2, -0.1, 0.2, 0.1, (255, 255, 255))
    canvas.paint()
    height, width = (side // OVERSAMPLING for side in canvas.pixels.shape[:2])
    bright = canvas.pixels[..., 0].reshape(height, OVERSAMPLING, width, OVERSAMPLING).mean(axis=(1, 3)) / 255
    inside = canvas.pixels[1::OVERSAMPLING, 1::OVERSAMPLING, 3] == CAR
    rows, columns = np.mgrid[:height, :width]
    for grid, expected in ((columns, 96 * shift + 63.5), (rows, 47.5)):
        middle = [(grid * weight).sum() / weight.sum() for weight in (bright, inside)]
        assert abs(middle[0] - expected) < 0.25 and abs(middle[1] - expected) <= 0.5
    assert abs(bright - inside).max() <= 0.75
    assert 96 * 0.4 * 96 * 0.2 * 0.95 < inside.sum() < 96 * 0.4 * 96 * 0.2 * 1.1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"split": "dev"}, "split is 'dev'; it must be one of 'train', 'val', 'test'"),
        ({"size": (31, 128)}, "the height in size is 31; it must be an integer of at least 32"),
        ({"size": (64,)}, r"it must be \(height, width\)"),
        ({"length": 0}, "length is 0"),
    ],
)
def test_bad_arguments(options, message):
    with pytest.raises(ValueError, match=message):
        Street(**options)
