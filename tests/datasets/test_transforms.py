"""Transforms keep the contract: no id is invented, and image and mask move together."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torchvision import tv_tensors
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional as F

from nbhelpers.datasets import transforms
from nbhelpers.datasets.transforms import (
    RandomColour,
    RandomCrop,
    eval_transform,
    resize_pair,
    train_transform,
)

RECIPES = {
    "train": lambda size: train_transform(size),
    "train, all of it": lambda size: train_transform(size, scale=(0.2, 0.6), degrees=30, vertical_flip=True),
    "eval": lambda size: eval_transform(size),
}


def pair(ids: np.ndarray) -> tuple[tv_tensors.Image, tv_tensors.Mask]:
    """A mask and the picture of it: class id times 60 in every channel, strided as a dataset gives it."""
    image = np.repeat((ids % 5 * 60)[..., None], 3, axis=2).astype(np.uint8)
    return tv_tensors.Image(torch.from_numpy(image).permute(2, 0, 1)), tv_tensors.Mask(torch.from_numpy(ids))


def blocks(height: int, width: int, side: int, seed: int) -> np.ndarray:
    """Random ids 0..4 in squares of `side` pixels."""
    coarse = np.random.default_rng(seed).integers(0, 5, (height // side + 1, width // side + 1))
    return np.kron(coarse, np.ones((side, side), dtype=int))[:height, :width].astype(np.uint8)


@pytest.mark.parametrize("recipe", RECIPES)
@settings(max_examples=40, deadline=None)
@given(
    shape=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    size=st.none() | st.tuples(st.integers(1, 40), st.integers(1, 40)),
    ids=st.sets(st.sampled_from([0, 1, 3, 10, 255]), min_size=1),
    seed=st.integers(0, 2**31),
)
def test_no_transform_invents_a_class_id(recipe, shape, size, ids, seed):
    torch.manual_seed(seed)
    mask = np.random.default_rng(seed).choice(sorted(ids), shape).astype(np.uint8)
    image, changed = RECIPES[recipe](size)(*pair(mask))
    assert isinstance(image, tv_tensors.Image) and isinstance(changed, tv_tensors.Mask)
    assert image.dtype == changed.dtype == torch.uint8
    assert image.shape == (3, *(size or shape)) and changed.shape == (size or shape)
    new_area = {255} if recipe == "train, all of it" else set()
    assert set(changed.unique().tolist()) <= ids | new_area


@pytest.mark.parametrize("recipe", RECIPES)
@pytest.mark.parametrize("size", [None, (60, 80), (150, 90)])
def test_image_and_mask_move_together(recipe, size):
    transform = RECIPES[recipe](size)
    if recipe != "eval":
        transform = v2.Compose(transform.transforms[:-1])  # without the change of colour
    compared = 0
    for seed in range(20):
        torch.manual_seed(seed)
        image, mask = transform(*pair(blocks(100, 130, side=26, seed=seed)))
        ids = mask.as_subclass(Tensor)[None].float()
        highest, lowest = torch.max_pool2d(ids, 5, 1, 2), -torch.max_pool2d(-ids, 5, 1, 2)
        pure = ((highest == lowest) & (ids != 255))[0]  # 5 x 5 pixels of one class around it
        # at the rim, turning blends the image with the black outside
        pure[[0, -1]] = pure[:, [0, -1]] = False
        seen = (image[0].as_subclass(Tensor).float() / 60).round()
        assert torch.equal(seen[pure], ids[0][pure])
        compared += int(pure.sum())
    assert compared > 20 * 100


def test_a_resized_mask_is_not_shifted_against_its_image():
    """Halfway through an edge's blur, the mask must change too; v2.Resize's masks change too early."""
    wrong = {"ours": 0, "v2.Resize": 0}
    for edge in range(20, 460):
        step = np.zeros((8, 480), dtype=np.uint8)
        step[:, edge:] = 4
        for name, resized in (
            ("ours", resize_pair(*pair(step), (8, 128))),
            ("v2.Resize", v2.Resize((8, 128), antialias=True)(*pair(step))),
        ):
            seen = resized[0][0, 4].as_subclass(Tensor).float() > 120
            wrong[name] += int((seen != (resized[1][4].as_subclass(Tensor) == 4)).sum())
    assert wrong["ours"] <= 440 * 0.15  # edges that a pixel's centre meets exactly
    assert wrong["v2.Resize"] > 440 * 0.3  # half of 3.75 - 1 source pixels, over 3.75


@pytest.mark.parametrize("scale", [(1.0, 1.0), (0.9, 1.0), (0.5, 1.0), (0.2, 0.2)])
@pytest.mark.parametrize(("shape", "size"), [((60, 80), None), ((80, 80), (60, 80)), ((90, 60), (64, 64))])
def test_a_crop_keeps_within_its_scale(monkeypatch, scale, shape, size):
    kept, real = [], transforms.F.crop

    def crop(x, top, left, height, width):
        kept.append(height * width / (shape[0] * shape[1]))
        return real(x, top, left, height, width)

    monkeypatch.setattr(transforms.F, "crop", crop)
    monkeypatch.setattr(transforms, "resize_pair", lambda image, mask, size: (image, mask))
    torch.manual_seed(0)
    for _ in range(100):
        RandomCrop(size, scale)(*pair(np.zeros(shape, np.uint8)))
    largest = 1.0 if shape != (90, 60) else 8 / 9  # a square of 60 x 60, stretched by 4/3
    assert min(kept) > min(scale[0], largest) - 0.03 and max(kept) < scale[1] + 0.03
    assert np.ptp(kept) >= 0.5 * (min(scale[1], largest) - min(scale[0], largest))


def test_new_area_is_black_and_void():
    torch.manual_seed(0)
    ids = np.full((60, 80), 3, dtype=np.uint8)
    image, mask = v2.Compose(train_transform(degrees=45).transforms[:-1])(*pair(ids))
    outside = mask.as_subclass(Tensor) == 255
    assert 0 < outside.float().mean() < 0.5
    assert image[:, outside].float().mean() < 20 and image[:, ~outside].float().mean() > 160


def test_a_crop_keeps_the_share_of_the_area_that_was_asked_for():
    rows, columns = np.mgrid[:100, :200]
    torch.manual_seed(0)
    shares = []
    for _ in range(200):
        _, mask = RandomCrop((100, 200), (0.5, 0.8))(*pair((columns * 255 // 199).astype(np.uint8)))
        width = (int(mask.max()) - int(mask.min())) / 255
        _, mask = RandomCrop((100, 200), (0.49, 0.49))(*pair((rows * 255 // 99).astype(np.uint8)))
        height = (int(mask.max()) - int(mask.min())) / 255
        shares.append(width)
        # sqrt(0.49), and the stretch
        assert 0.7 / (4 / 3) ** 0.5 - 0.03 < height < 0.7 * (4 / 3) ** 0.5 + 0.03
    assert 0.55 < min(shares) < 0.75 and 0.9 < max(shares) <= 1


def test_colour_changes_as_torchvision_does():
    picture = np.random.default_rng(0).integers(90, 160, (30, 40, 3)).astype(np.uint8)  # nothing is cut off
    image = tv_tensors.Image(torch.from_numpy(picture).permute(2, 0, 1))
    for seed in range(10):
        torch.manual_seed(seed)
        brightness, contrast, saturation = (1 + 0.25 * (2 * torch.rand(3) - 1)).tolist()
        torch.manual_seed(seed)
        ours, _ = RandomColour(0.25)(image, None)
        theirs = F.adjust_brightness(F.to_dtype(image, torch.float32, scale=True), brightness)
        theirs = F.adjust_contrast(F.adjust_saturation(theirs, saturation), contrast)
        assert (ours.float() - 255 * theirs).abs().max() < 0.51  # rounding only


def test_four_channels_change_in_brightness_and_contrast_alone():
    image = tv_tensors.Image(torch.randint(90, 160, (4, 9, 11), dtype=torch.uint8))
    torch.manual_seed(0)
    brightness, contrast, _ = (1 + 0.25 * (2 * torch.rand(3) - 1)).tolist()
    torch.manual_seed(0)
    ours, _ = RandomColour(0.25)(image, None)
    x = image.float()
    expected = brightness * (contrast * x + (1 - contrast) * x.mean())
    assert (ours.float() - expected).abs().max() < 0.51  # rounding only


def test_a_picture_made_smaller_shows_every_pixel():
    dots = np.zeros((64, 64), np.uint8)
    dots[::4, ::4] = 4  # 240 in the picture
    image = resize_pair(*pair(dots), (8, 8))[0].float()
    assert image.mean() == pytest.approx(240 / 16, abs=2) and image.std() < 5


def test_a_crop_reaches_the_last_row_and_column(monkeypatch):
    ends, real = [], transforms.F.crop

    def crop(x, top, left, height, width):
        ends.append((top + height, left + width))
        return real(x, top, left, height, width)

    monkeypatch.setattr(transforms.F, "crop", crop)
    torch.manual_seed(0)
    for _ in range(200):
        RandomCrop((4, 4), (0.25, 0.25))(*pair(np.zeros((4, 4), np.uint8)))
    assert np.max(ends, axis=0).tolist() == [4, 4]


def test_the_same_seed_gives_the_same_pixels_and_the_input_is_left_alone():
    image, mask = pair(blocks(50, 70, side=9, seed=0))
    before = image.clone(), mask.clone()
    transform = train_transform((32, 48), degrees=10, vertical_flip=True)
    results = []
    for seed in (3, 3, 4):
        torch.manual_seed(seed)
        results.append(transform(image, mask))
    assert torch.equal(results[0][0], results[1][0]) and torch.equal(results[0][1], results[1][1])
    assert not torch.equal(results[0][0], results[2][0])
    assert torch.equal(image, before[0]) and torch.equal(mask, before[1])


def test_eval_without_a_size_changes_nothing():
    image, mask = pair(blocks(50, 70, side=9, seed=0))
    same_image, same_mask = eval_transform()(image, mask)
    assert torch.equal(image, same_image) and torch.equal(mask, same_mask)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: train_transform(scale=(0.5, 1.5)),
            r"scale is \(0\.5, 1\.5\); it must be 0 < low <= high <= 1",
        ),
        (lambda: train_transform(scale=(0.9, 0.5)), "scale is"),
        (lambda: eval_transform((96,)), r"size is \(96,\); it must be \(height, width\)"),
        (lambda: train_transform((0, 96)), r"size is \(0, 96\)"),
        (lambda: RandomColour(0.2)(torch.rand(3, 4, 4), None), "image is torch.float32; it must be uint8"),
    ],
)
def test_wrong_arguments_are_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()
