"""Changes of stain and focus: against scikit-image's stains, and what they must leave alone."""

import numpy as np
import pytest
import torch
from skimage.color import hed_from_rgb, rgb_from_hed
from torchvision import tv_tensors
from torchvision.transforms import v2

from nbhelpers.datasets import Cells
from nbhelpers.datasets.appearance import STAINS, RandomFocus, RandomStain
from nbhelpers.training.randomness import Batches, seeded_loader


def pair(value=None, size=(24, 40)):
    rng = np.random.default_rng(0)
    image = (
        rng.integers(0, 256, (3, *size), np.uint8) if value is None else np.full((3, *size), value, np.uint8)
    )
    return tv_tensors.Image(torch.from_numpy(image)), tv_tensors.Mask(torch.zeros(size, dtype=torch.uint8))


@pytest.mark.parametrize("step", [RandomStain(), RandomFocus(), v2.Compose([RandomStain(), RandomFocus()])])
def test_the_image_changes_and_the_mask_does_not(step):
    image, mask = pair()
    before = image.clone()
    torch.manual_seed(0)
    changed, same = step(image, mask)
    assert isinstance(changed, tv_tensors.Image) and changed.dtype == torch.uint8
    assert changed.shape == image.shape and not torch.equal(changed, image)
    assert same is mask and torch.equal(image, before)


def test_the_stains_are_those_of_the_literature():
    np.testing.assert_allclose(STAINS, rgb_from_hed)
    np.testing.assert_allclose(np.linalg.inv(STAINS), hed_from_rgb)


def test_each_stain_changes_by_its_own_factor():
    """Of a picture of one stain alone the density is multiplied, up to the offset and rounding."""
    torch.manual_seed(1)
    state = torch.get_rng_state()
    factors, more = 0.3 * (2 * torch.rand(2, 3, dtype=torch.float64) - 1)
    for number in range(3):
        density = 0.8 * STAINS[number]
        colour = np.round(256 * np.exp(-density) - 1).astype(np.uint8)
        image = torch.from_numpy(colour)[:, None, None].expand(3, 4, 4).contiguous()
        torch.set_rng_state(state)
        changed, _ = RandomStain(0.3)(tv_tensors.Image(image), None)
        expected = density * (1 + factors[number].item()) + 0.1 * more.numpy() @ STAINS
        found = -np.log((changed[:, 0, 0].numpy().astype(float) + 1) / 256)
        np.testing.assert_allclose(found, expected, atol=0.03)


def test_no_strength_changes_nothing():
    image, mask = pair()
    assert (RandomStain(0.0)(image, mask)[0].int() - image.int()).abs().max() <= 1
    assert torch.equal(RandomFocus(0.0, 0.0)(image, mask)[0], image)


def test_blur_and_noise_are_as_strong_as_said():
    torch.manual_seed(0)
    flat, mask = pair(128, (64, 64))
    deviations = torch.stack([RandomFocus(0.0, 12.0)(flat, mask)[0].float().std() for _ in range(200)])
    assert 0 < deviations.min() < 1 and 11 < deviations.max() < 12.7
    sharp, mask = pair(size=(64, 64))
    spreads = torch.stack([RandomFocus(1.5, 0.0)(sharp, mask)[0].float().std() for _ in range(50)])
    assert spreads.max().item() == pytest.approx(sharp.float().std().item(), rel=0.01) and spreads.min() < 25
    tiny, mask = pair(size=(1, 3))
    assert RandomFocus()(tiny, mask)[0].shape == (3, 1, 3)


@pytest.mark.parametrize("step", [RandomStain(), RandomFocus()])
def test_what_is_no_image(step):
    with pytest.raises(ValueError, match="image is torch.float32; it must be uint8"):
        step(torch.rand(3, 8, 8), None)
    for build in (lambda: RandomStain(1.0), lambda: RandomFocus(blur=-1.0)):
        with pytest.raises(ValueError, match="it must be 0 <= strength|both must be at least 0"):
            build()
    with pytest.raises(ValueError, match="image has 1 channels"):
        RandomStain()(torch.zeros(1, 8, 8, dtype=torch.uint8), None)


def test_another_laboratory_has_the_same_nuclei():
    first, second = (Cells(size=(64, 64), length=12, laboratory=name) for name in ("first", "second"))
    colours = []
    for index in range(12):
        (image, mask), (other, same) = first.read(index), second.read(index)
        assert np.array_equal(mask, same) and np.array_equal(first.instances(index), second.instances(index))
        assert other.dtype == np.uint8 and np.abs(image.astype(int) - other).mean() > 5
        assert np.array_equal(other, second.read(index)[0])
        colours.append([np.ptp(part.reshape(-1, 3).mean(0)) for part in (image, other)])
    grey, tinted = np.array(colours).T
    assert (grey == 0).sum() >= 6 and (tinted > 3).all()  # what glowed grey glows green
    assert np.array_equal(Cells(size=(64, 64)).read(3)[0], first.read(3)[0])
    with pytest.raises(ValueError, match="laboratory is 'third'; it must be 'first' or 'second'"):
        Cells(laboratory="third")


def test_draws_depend_on_the_seed_alone():
    cells = Cells(size=(64, 64), length=4, transform=v2.Compose([RandomStain(), RandomFocus()]))

    def epoch(seed):
        with seeded_loader(cells, Batches(4, 4, seed), 0) as loader:
            return torch.cat([images for images, _ in loader])

    first = epoch(1)
    torch.manual_seed(99)
    assert torch.equal(epoch(1), first) and not torch.equal(epoch(2), first)
