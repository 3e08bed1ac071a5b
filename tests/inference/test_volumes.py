"""A volume along three axes against the same written plainly, and its memory."""

import numpy as np
import pytest
import torch
from torch import nn

from nbhelpers.inference import TTA, predict, predict_volume
from nbhelpers.models.unet import UNet


def network(in_channels=1, classes=2):
    torch.manual_seed(0)
    return UNet(num_classes=classes, in_channels=in_channels, widths=(4, 8)).eval()


VOLUME = np.random.default_rng(0).integers(0, 256, (6, 11, 14), np.uint8)


def plainly(model, volume, axes, offsets, **options):
    """Every slice by `predict`, one after another."""
    total = 0
    for axis in axes:
        slices = np.moveaxis(volume, axis, 0)
        ends = len(slices) - 1
        maps = []
        for number in range(len(slices)):
            picture = np.stack([slices[min(max(number + offset, 0), ends)] for offset in offsets], axis=-1)
            maps.append(predict(model, picture, stride=2, **options).numpy())
        total = total + np.moveaxis(np.stack(maps, axis=1), 1, axis + 1)
    return total / len(axes)


@pytest.mark.parametrize("axes", [(0, 1, 2), (0,), (2, 1)])
@pytest.mark.parametrize("offsets", [(0,), (-1, 0, 1), (-2, 0)])
@pytest.mark.parametrize("batch_size", [1, 4])
def test_it_equals_the_plain_way(axes, offsets, batch_size):
    model = network(len(offsets))
    options = {"stride": 2, "batch_size": batch_size, "progress": False}
    found = predict_volume(model, VOLUME, axes=axes, offsets=offsets, **options)
    expected = plainly(model, VOLUME, axes, offsets)
    assert found.shape == (2, *VOLUME.shape) and found.dtype == torch.float32
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-5)


def test_views_are_averaged_too():
    found = predict_volume(network(), VOLUME, tta=TTA(flips="h"), stride=2, progress=False)
    np.testing.assert_allclose(
        found.numpy(), plainly(network(), VOLUME, (0, 1, 2), (0,), tta=TTA(flips="h")), atol=1e-5
    )


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.float32])
def test_kinds_of_numbers(kind):
    scale = {np.uint8: 1, np.uint16: 257, np.float32: 1 / 255}[kind]
    found = predict_volume(network(), (VOLUME * np.float64(scale)).astype(kind), stride=2, progress=False)
    expected = predict_volume(network(), torch.from_numpy(VOLUME), stride=2, progress=False)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)


def test_axes_may_be_an_array():
    found = predict_volume(network(), VOLUME, axes=np.array([2, 1]), stride=2, progress=False)
    assert torch.equal(found, predict_volume(network(), VOLUME, axes=(2, 1), stride=2, progress=False))


def test_grey_slices_fill_three_channels():
    found = predict_volume(network(3), VOLUME, axes=(0,), stride=2, progress=False)
    expected = predict(network(3), np.stack([VOLUME[2]] * 3, axis=-1), stride=2)
    torch.testing.assert_close(found[:, 2], expected, atol=1e-5, rtol=0)


def test_some_classes_into_a_map_on_disk(tmp_path):
    model = network(classes=3)
    out = np.lib.format.open_memmap(tmp_path / "out.npy", "w+", np.float32, (2, *VOLUME.shape))
    out[:] = 9
    result = predict_volume(model, VOLUME, classes=(2, 1), out=out, stride=2, progress=False)
    whole = predict_volume(model, VOLUME, stride=2, progress=False)
    torch.testing.assert_close(result, whole[[2, 1]])
    np.testing.assert_array_equal(np.load(tmp_path / "out.npy"), result.numpy())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"volume": VOLUME[0]}, r"the volume is \(11, 14\); it must be grey, \(D, H, W\)"),
        ({"volume": VOLUME[:0]}, r"the volume is \(0, 11, 14\); .* with a voxel at least"),
        ({"axes": (0, 0)}, r"axes is \(0, 0\)"),
        ({"axes": ()}, r"axes is \(\)"),
        ({"axes": (3,)}, r"axes is \(3,\)"),
        ({"axes": 0}, r"axes is 0; it must hold numbers, such as \(0,\)"),
        ({"offsets": 1}, r"offsets is 1; it must hold numbers"),
        ({"classes": 1}, r"classes is 1; it must hold numbers"),
        ({"offsets": (-1, 1)}, r"offsets are \(-1, 1\); they must hold 0"),
        ({"classes": ()}, r"classes are \(\); the model tells 0..1, of which some must be named"),
        ({"classes": (2,)}, r"classes are \(2,\); the model tells 0..1"),
        ({"classes": (-1,)}, r"classes are \(-1,\); the model tells 0..1"),
        ({"out": np.zeros((2, 6, 11, 14))}, r"out is float64 .* this result is float32 \(2, 6, 11, 14\)"),
        ({"out": np.zeros((2, 6, 11, 14), np.float32)[:, ::-1]}, "turned round"),
        ({"volume": VOLUME + np.float32(2)}, "image holds floats from"),
        ({"batch_size": 0}, "batch_size is 0"),
        ({"precision": "half"}, "precision is 'half'"),
    ],
)
def test_what_does_not_fit(options, message):
    volume = options.pop("volume", VOLUME)
    with pytest.raises(ValueError, match=message):
        predict_volume(network(), volume, **{"stride": 2, "progress": False, **options})


def test_logits_that_are_not_finite():
    model = network()
    nn.init.constant_(model.head.bias, float("nan"))
    with pytest.raises(FloatingPointError, match="nan or infinite"):
        predict_volume(model, VOLUME, progress=False)
