"""Predicting: any size and type of image, tiles without seams, views averaged, models together."""

import itertools
import re
import sys
import tracemalloc

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from nbhelpers.datasets import Cells
from nbhelpers.inference import TTA, Ensemble, open_image, predict, predict_tiled, predict_volume
from nbhelpers.inference import tiled as tiled_module
from nbhelpers.inference.predict import as_floats
from nbhelpers.inference.tiled import Axis
from nbhelpers.kaggle import presence
from nbhelpers.models.presence import WithPresence
from nbhelpers.models.unet import UNet
from nbhelpers.visualisation import LiveBytes


def network(num_classes: int = 3, seed: int = 0) -> UNet:
    """Random weights, and batch norm that has seen something, so that eval mode matters."""
    torch.manual_seed(seed)
    model = UNet(num_classes=num_classes, widths=(4, 8))
    with torch.no_grad():
        model(torch.rand(2, 3, 32, 32))
    return model.eval()


class Seen(nn.Module):
    """Hands the image through as logits, and keeps what it was given."""

    def __init__(self, weight: float = 1.0) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(weight))
        self.shapes: list[tuple[int, ...]] = []

    def forward(self, images):
        self.shapes.append(tuple(images.shape))
        return images * self.weight


# Any image


def test_padding_is_cropped_off_and_a_fitting_size_is_not_touched():
    model, image = network(), torch.rand(3, 64, 96)
    with torch.no_grad():
        expected = model(image[None]).softmax(1)[0]
    assert torch.allclose(predict(model, image), expected, atol=1e-6)
    cropped = predict(model, torch.rand(3, 33, 47))
    assert cropped.shape == (3, 33, 47)
    assert cropped.untyped_storage().nbytes() == 4 * 3 * 33 * 47  # and keeps no padded batch in memory


@given(height=st.integers(1, 70), width=st.integers(1, 70))
def test_padding_reflects_as_numpy_does(height, width):
    seen = Seen()
    image = torch.rand(3, height, width)
    result = predict(seen, image, stride=32)
    padded = seen.shapes[-1][-2:]
    assert padded == (-(-height // 32) * 32, -(-width // 32) * 32)
    assert torch.allclose(result, image.softmax(0), atol=1e-6)


def test_reflected_content():
    from nbhelpers.inference.predict import reflected

    image = torch.arange(12.0).reshape(1, 3, 4)
    expected = np.pad(image.numpy(), ((0, 0), (0, 6), (0, 5)), mode="reflect")
    assert np.array_equal(reflected(image, (9, 9)).numpy(), expected)
    assert torch.equal(reflected(torch.ones(1, 1, 1), (3, 2)), torch.ones(1, 3, 2))


def test_every_type_that_loaders_give():
    model = network()
    array = np.random.default_rng(0).integers(0, 256, (40, 56, 3), np.uint8)
    expected = predict(model, torch.from_numpy(array).permute(2, 0, 1))
    sample = Cells(size=(40, 56))
    assert predict(model, sample[0][0]).shape == (3, 40, 56)  # a tv_tensor
    assert torch.equal(predict(model, sample[0][0]), predict(model, sample.read(0)[0]))
    swapped = (array.astype(np.uint16) * 257).astype(">u2")  # the order of bytes of another machine
    for same in (
        array,
        array / 255,
        (array / 255).astype(np.float32),
        array.astype(np.uint16) * 257,
        swapped,
        (array / 255).astype(">f4"),
    ):
        assert torch.allclose(predict(model, same), expected, atol=1e-5), same.dtype
    assert torch.allclose(predict(model, array[..., 0]), predict(model, array[..., :1].repeat(3, 2)))
    assert torch.equal(predict(model, array[::-1]), predict(model, array[::-1].copy()))  # negative strides


@pytest.mark.parametrize("orientation", [1, 6])
@pytest.mark.parametrize(
    ("mode", "ending"),
    [(mode, "png") for mode in ("1", "L", "LA", "P", "RGB")]
    + [("CMYK", "jpg"), ("RGB", "tif"), ("I;16", "png")],
)
def test_pictures_of_pillow_are_what_their_file_is(tmp_path, mode, ending, orientation):
    pixels = np.random.default_rng(0).integers(0, 256, (20, 33, 3), np.uint8)
    if mode == "I;16":
        picture = Image.fromarray(pixels[..., 0].astype(np.uint16) * 257)
    else:
        picture = Image.fromarray(pixels).convert(mode)
    exif = picture.getexif()
    exif[0x0112] = orientation
    picture.save(tmp_path / f"a.{ending}", exif=exif)
    expected = predict(network(), open_image(tmp_path / f"a.{ending}"))
    assert expected.shape[1:] == ((20, 33) if orientation == 1 else (33, 20))
    with Image.open(tmp_path / f"a.{ending}") as picture:
        assert torch.allclose(predict(network(), picture), expected, atol=1e-4)


def test_floats_that_resizing_has_pushed_over_1():
    image = torch.nn.functional.interpolate(torch.rand(1, 3, 50, 71).round(), (32, 64), mode="bilinear")[0]
    assert predict(network(), image * 1.0000004).shape == (3, 32, 64)
    with pytest.raises(ValueError, match="floats from"):
        predict(network(), image * 1.01)
    assert as_floats(torch.tensor([[[-0.0009, 0.5, 1.0009]]])).tolist() == [[[0.0, 0.5, 1.0]]]


def test_white_is_one_and_black_is_zero_in_every_type():
    for dtype in (torch.uint8, torch.uint16):
        ends = torch.tensor([[[0, torch.iinfo(dtype).max]]], dtype=dtype)
        for same in (ends, ends.permute(1, 2, 0).numpy()):
            assert as_floats(same).tolist() == [[[0.0, 1.0]]] and as_floats(same).dtype == torch.float32
    grey = np.array([[0, 255]], np.uint8)
    assert as_floats(grey, 1).tolist() == [[[0.0, 1.0]]] and as_floats(grey).tolist() == [[[0.0, 1.0]]] * 3


def test_lists_of_unequal_sizes_batches_and_ids():
    model = network()
    images = [torch.rand(3, 40, 40), torch.rand(3, 33, 70), torch.rand(3, 64, 64), torch.rand(3, 41, 39)]
    together = predict(model, images, batch_size=3)
    for image, probabilities in zip(images, together):
        assert torch.allclose(probabilities, predict(model, image), atol=1e-6)
    batch = predict(model, torch.stack([images[0], images[0].flip(-1)]))
    assert batch.shape == (2, 3, 40, 40) and torch.allclose(batch[0], together[0], atol=1e-6)
    ids = predict(model, images[1], ids=True)
    assert ids.dtype == torch.uint8 and torch.equal(ids.long(), together[1].argmax(0))
    assert predict(model, []) == []
    with pytest.raises(ValueError, match=r"a batch \(0, 3, 40, 40\) of no images; it must hold one at least"):
        predict(model, torch.rand(0, 3, 40, 40))


def test_images_of_equal_padded_size_share_a_forward():
    seen = Seen()
    predict(seen, [torch.rand(3, 30, 30), torch.rand(3, 64, 64), torch.rand(3, 20, 31)], batch_size=2)
    assert seen.shapes == [(2, 3, 32, 32), (1, 3, 64, 64)]


def test_one_channel_is_the_foregrounds_probability():
    model = network(num_classes=1)
    image = torch.rand(3, 32, 32)
    probabilities = predict(model, image)
    assert probabilities.shape == (1, 32, 32)
    assert torch.allclose(probabilities, model(image[None]).sigmoid()[0], atol=1e-6)
    assert torch.equal(predict(model, image, ids=True), (probabilities[0] > 0.5).to(torch.uint8))
    assert not predict(Seen(0.0), image[:1], ids=True).any()  # 0.5 is not above 0.5


def test_modes_and_gradients_are_restored():
    model = network().train()
    model.stem.eval()
    running = model.stem[1].running_mean.clone()
    predict(model, torch.rand(3, 40, 40))
    assert model.training and not model.stem.training and model.ups.training
    assert torch.equal(running, model.stem[1].running_mean)
    with pytest.raises(ValueError):
        predict(model, torch.rand(3, 40, 40) * 300)
    assert model.training
    assert all(parameter.grad is None for parameter in model.parameters())


def test_half_precision_stays_close(monkeypatch):
    model, image, ran = network(), torch.rand(3, 64, 64), []
    model.head.register_forward_hook(lambda module, images, logits: ran.append(logits.dtype))
    monkeypatch.setattr(sys.modules["nbhelpers.inference.predict"], "fastest_precision", lambda kind: "bf16")
    for precision in ("bf16", "fp16", "auto"):
        half = predict(model, image, precision=precision)
        assert (half - predict(model, image)).abs().max() < 0.03
        assert half.dtype == torch.float32 and (half.sum(0) - 1).abs().max() < 1e-5
    assert ran[::2] == [torch.bfloat16, torch.float16, torch.bfloat16] and {*ran[1::2]} == {torch.float32}


def test_more_classes_than_uint8_holds():
    model = nn.Conv2d(3, 257, 1)
    with torch.no_grad():
        model.weight.zero_()
        model.bias.copy_(torch.arange(257) == 256)
    image = torch.rand(3, 32, 40)
    tiled = predict_tiled(model, image, 32, 0, ids=True, progress=False)
    for ids in (predict(model, image, ids=True), tiled):
        assert ids.dtype == torch.int32 and (ids == 256).all()


@pytest.mark.parametrize(
    ("image", "words"),
    [
        (torch.rand(3, 8, 8) * 255, "floats from .* divide 0..255 by 255"),
        (torch.full((3, 8, 8), float("nan")), "floats from nan"),
        (torch.rand(8, 8), r"shape \(8, 8\)"),
        (torch.rand(3, 0, 8), "at least one pixel"),
        (torch.zeros(3, 8, 8, dtype=torch.int64), "image is int64"),
        (np.zeros((8, 8, 3), bool), "image is bool"),
        (np.zeros((2, 8, 8, 3), np.uint8), "shape"),
    ],
)
def test_what_is_no_image(image, words):
    with pytest.raises(ValueError, match=words):
        predict(network(), image)


def test_models_that_do_not_fit():
    with pytest.raises(ValueError, match=r"gives \(1, 3, 16, 16\) for images \(1, 3, 32, 32\)"):
        predict(nn.MaxPool2d(2), torch.rand(3, 32, 32))
    with pytest.raises(FloatingPointError, match="nan or infinite"):
        predict(Seen(float("nan")), torch.rand(3, 32, 32))
    with pytest.raises(ValueError, match="precision is 'half'"):
        predict(Seen(), torch.rand(3, 32, 32), precision="half")

    class Dictionary(nn.Module):
        def forward(self, images):
            return {"out": images}

    with pytest.raises(ValueError, match="gives dict; it must give a tensor .* wrap it"):
        predict(Dictionary(), torch.rand(3, 32, 32))


@pytest.mark.parametrize("shape", [(40, 50, 4), (40, 50, 1), (3, 40, 50)])
def test_channels_that_do_not_fit(shape):
    with pytest.raises(ValueError, match=r"does not take images of .* channels .* arrays \(H, W, 3\)"):
        predict(network(), np.zeros(shape, np.uint8))
    with pytest.raises(ValueError, match="does not take images of"):
        predict(network(), [np.zeros((40, 50, 3), np.uint8), np.zeros(shape, np.uint8)])
    assert predict(nn.Conv2d(4, 2, 1), np.zeros((40, 50, 4), np.uint8)).shape == (2, 40, 50)


@pytest.mark.parametrize("wrong", [{"batch_size": 0}, {"batch_size": -1}, {"stride": 0}, {"stride": -32}])
@pytest.mark.parametrize("call", [predict, predict_tiled])
def test_numbers_below_one(call, wrong):
    with pytest.raises(ValueError, match=r"(batch_size|stride) is .*; it must be at least 1"):
        call(Seen(), torch.rand(3, 32, 32), **wrong)


# 16 bits


def by_tiles(model, image):
    return predict_tiled(model, image, 32, 0, progress=False)


def by_slices(model, image):
    return predict_volume(model, image[None], axes=(0,), progress=False)


def by_head(model, image):
    return presence(WithPresence(UNet(num_classes=2, widths=(4, 8)), num_classes=2), image)


@pytest.mark.parametrize("call", [predict, by_tiles, by_slices, by_head])
def test_16_bits_that_are_not_used(call):
    """`Folder` stretches 12 bits in 16, so they would be 16 times darker than in training."""
    dark = np.zeros((40, 70), np.uint16)
    call(network(), dark)  # blank
    for top in (1, 255, 4095, 2**14 - 1):
        dark[39, 69] = top
        for same in (dark, dark.astype(">u2"), torch.from_numpy(np.stack([dark] * 3))):
            if call is by_slices and isinstance(same, torch.Tensor):
                same = same[0]
            with pytest.raises(
                ValueError, match=f"uint16 with values up to {top}, .* image / 4095 for 12 bits"
            ):
                call(network(), same)
    with pytest.raises(ValueError, match="by open_image.*value_range=.*; do so for every image, the bright"):
        call(network(), dark)
    dark[39, 69] = 2**14  # in one tile, and in one corner of it
    call(network(), dark)
    call(network(), dark / 65535)


def test_16_bits_of_several_images_are_judged_together():
    dark, bright = np.full((8, 8), 4000, np.uint16), np.full((8, 8), 40000, np.uint16)
    assert len(predict(network(), [dark, bright])) == 2
    with pytest.raises(ValueError, match="uint16 with values up to 4000"):
        predict(network(), [dark, np.full((8, 8), 255, np.uint8)])
    batch = torch.from_numpy(np.stack([[dark] * 3, [bright] * 3]))
    assert predict(network(), batch).shape == (2, 3, 8, 8)
    volume = np.stack([dark, bright])
    assert predict_volume(network(), volume, progress=False).shape == (3, 2, 8, 8)


def test_a_deep_image_is_read_until_it_is_bright():
    class Watched:
        shape, read = (32, 320), 0

        def __getitem__(self, window):
            self.read += 1
            return np.full(self.shape, 60000, np.uint16)[window]

    image = Watched()
    predict_tiled(Seen(), image, 32, 0, progress=False)
    assert image.read == 1 + 10


# Test-time augmentation


def test_views_are_counted_once():
    assert [len(tta.views) for tta in (TTA(), TTA("h"), TTA("hv"), TTA(turns=True))] == [1, 2, 4, 4]
    assert [len(TTA(flips, turns=True).views) for flips in ("h", "v", "hv")] == [8] * 3
    assert len(TTA("hv", scales=(0.5, 1.0)).views) == 8


@pytest.mark.parametrize("view", TTA("hv", turns=True).views, ids=str)
def test_each_view_is_undone(view):
    images = torch.rand(2, 3, 32, 64)
    there = view.of(images, 32)
    assert there.shape[-2:] == ((64, 32) if view.transposed else (32, 64))
    assert torch.equal(view.back(there, (32, 64)), images)


def test_views_are_the_symmetries_of_the_square():
    image = torch.arange(9.0).reshape(1, 1, 3, 3)
    turned = {tuple(image.rot90(k, (-2, -1)).flatten().tolist()) for k in range(4)}
    views = {tuple(view.of(image, 1).flatten().tolist()) for view in TTA(turns=True).views}
    assert views == turned


def test_averaging_by_hand():
    model, image = network(), torch.rand(3, 32, 64)
    by_hand = (predict(model, image) + predict(model, image.flip(-1)).flip(-1)) / 2
    assert torch.allclose(predict(model, image, tta=TTA("h")), by_hand, atol=1e-6)


def test_eight_views_make_the_result_symmetric():
    model, image = network(), torch.rand(3, 64, 64)
    tta = TTA("h", turns=True)
    there = predict(model, image.rot90(1, (-2, -1)), tta=tta)
    assert torch.allclose(there, predict(model, image, tta=tta).rot90(1, (-2, -1)), atol=1e-5)


def test_scales_keep_to_the_stride_and_the_size():
    seen = Seen(0.0)
    result = predict(seen, torch.rand(3, 70, 100), tta=TTA(scales=(0.5, 1.0, 2.0)))
    assert [shape[-2:] for shape in seen.shapes] == [(64, 64), (96, 128), (192, 256)]
    assert torch.allclose(result, torch.full((3, 70, 100), 1 / 3))


@pytest.mark.parametrize("scale", [0.5, 2.0])
def test_a_scaled_view_is_not_shifted(scale):
    y, x = torch.meshgrid(torch.arange(64.0), torch.arange(96.0), indexing="ij")
    ramp = torch.stack([x, y, x + y])[None] / 400  # half a pixel is 0.00125 of it
    (view,) = TTA(scales=(scale,)).views
    back = view.back(view.of(ramp, 32), (64, 96))
    assert (back - ramp)[..., 4:-4, 4:-4].abs().max() < 3e-4


def test_a_smaller_view_shows_every_pixel():
    dots = torch.zeros(1, 1, 64, 64)
    dots[..., ::4, ::4] = 1.0
    small = TTA(scales=(0.25,)).views[0].of(dots, 8)
    assert small.shape[-1] == 16 and (small.mean() - dots.mean()).abs() < 0.01


@pytest.mark.parametrize(("size", "scales"), [((20, 30), (0.25, 1.0)), ((96, 32), (0.75,))])
def test_scales_that_the_stride_leaves_alike(size, scales):
    assert predict(Seen(), torch.rand(3, *size), tta=TTA(scales=scales)).shape == (3, *size)


@pytest.mark.parametrize(
    "wrong",
    [
        {"flips": "x"},
        {"flips": True},
        {"scales": ()},
        {"scales": 0.5},
        {"scales": (0.0,)},
        {"scales": (float("nan"),)},
        {"scales": (1.0, 0.5, 1.0)},
    ],
)
def test_views_that_do_not_exist(wrong):
    with pytest.raises(ValueError, match="flips is|scales is"):
        TTA(**wrong)


# Ensembles


@pytest.mark.parametrize("num_classes", [1, 2, 3])
def test_an_ensemble_averages_probabilities(num_classes):
    models = [network(num_classes, seed) for seed in range(3)]
    image = torch.rand(3, 40, 56)
    mean = torch.stack([predict(model, image) for model in models]).mean(0)
    assert torch.allclose(predict(Ensemble(models), image), mean, atol=1e-6)


def test_logits_of_an_ensemble_are_the_logarithms_of_the_mean_in_full_precision():
    """Also where members answer in half precision, which would round them."""
    images, members = torch.rand(1, 3, 8, 12), [Seen(2.0), Seen(-3.0)]
    for member in members:
        member.register_forward_hook(lambda model, images, logits: logits.half())
    with torch.no_grad():
        logits = Ensemble(members)(images)
        mean = torch.stack([member(images).double().softmax(1) for member in members]).mean(0)
    assert logits.dtype == torch.float32 and torch.allclose(logits.exp().double(), mean, atol=1e-6)


@pytest.mark.parametrize("num_classes", [1, 3])
def test_an_ensemble_averages_presence_and_so_do_views(num_classes):
    torch.manual_seed(0)
    models = [WithPresence(network(num_classes, seed), num_classes=num_classes) for seed in range(3)]
    image, both = torch.rand(3, 40, 56), TTA(flips="h")
    mean = np.mean([presence(model, image, stride=8) for model in models], axis=0)
    assert presence(Ensemble(models), image, stride=8) == pytest.approx(mean, abs=1e-6)
    assert presence(Ensemble([Ensemble(models)]), image, stride=8) == pytest.approx(mean, abs=1e-6)
    sides = [presence(models[0], one, stride=8) for one in (image, image.flip(-1))]
    assert presence(models[0], image, tta=both, stride=8) == pytest.approx(np.mean(sides, axis=0), abs=1e-6)
    for plain in (network(), Ensemble([models[0], network(num_classes)])):
        with pytest.raises(ValueError, match="UNet has no head of presence; .* a WithPresence"):
            presence(plain, image)


def test_an_ensemble_of_the_sure_stays_finite():
    sure = [Seen(1e4), Seen(-1e4)]
    assert predict(Ensemble(sure), torch.rand(3, 32, 32)).isfinite().all()


def test_ensembles_that_cannot_be():
    with pytest.raises(ValueError, match="no models"):
        Ensemble([])
    with pytest.raises(ValueError, match=r"shapes \[\(1, 2, 32, 32\), \(1, 3, 32, 32\)\]"):
        predict(Ensemble([network(2), network(3)]), torch.rand(3, 32, 32))
    with pytest.raises(
        ValueError, match=r"shapes \[\(1, 3, 32, 32\), \(1, 3, 16, 16\)\]; .* classes and sizes"
    ):
        predict(Ensemble([network(3), nn.MaxPool2d(2)]), torch.rand(3, 32, 32))
    for answer, words in (
        (lambda logits: {"out": logits}, r'gives dict; .* picks them, output\["out"\]'),
        (lambda logits: (logits, None), r"gives tuple; .* picks them, output\[0\]"),
        (lambda logits: logits.argmax(1), r"gives int64 \(1, 32, 32\); .*take argmax"),
    ):
        member = network()
        member.register_forward_hook(lambda model, images, logits, answer=answer: answer(logits))
        with pytest.raises(ValueError, match=words):
            predict(Ensemble([network(), member]), torch.rand(3, 32, 32))


# Tiles


@pytest.mark.parametrize("size", [(200, 330), (64, 333), (97, 64), (30, 40), (129, 128)])
@pytest.mark.parametrize("tta", [TTA(), TTA("h", turns=True)], ids=["plain", "eight views"])
def test_tiles_equal_the_whole(size, tta):
    """UNet(widths=(4, 8)) looks 9 pixels far, less than overlap / 4."""
    model, image = network(), torch.rand(3, *size)
    whole = predict(model, image, tta=tta, stride=16)
    tiled = predict_tiled(model, image, 96, 48, tta=tta, stride=16, batch_size=3, progress=False)
    assert torch.allclose(tiled, whole, atol=1e-5), (tiled - whole).abs().max()


def test_the_promise_ends_at_a_quarter_of_the_overlap():
    """The same model with less overlap than it needs differs, so the test above could fail."""
    model, image = network(), torch.rand(3, 200, 200)
    whole = predict(model, image, stride=16)
    assert not torch.allclose(
        predict_tiled(model, image, 96, 16, stride=16, progress=False), whole, atol=1e-5
    )


def test_a_constant_network_gives_a_constant():
    result = predict_tiled(Seen(0.0), torch.rand(3, 301, 203), 64, 32, stride=32, progress=False)
    assert (result - 1 / 3).abs().max() < 1e-6


def test_a_seam_shows_without_overlap_only():
    """A network that answers by the window's mean: without overlap its answer jumps at every seam."""

    class Mean(nn.Module):
        def forward(self, images):
            return images.mean((2, 3), keepdim=True).expand_as(images)[:, :1] * 8 - 4

    image = torch.linspace(0, 1, 256).expand(3, 64, 256)
    jumps = {
        overlap: predict_tiled(Mean(), image, 64, overlap, stride=32, progress=False)[0, 0].diff().abs().max()
        for overlap in (0, 32)
    }
    assert jumps[32] < jumps[0] / 8


@given(
    length=st.integers(1, 700),
    tile=st.sampled_from([32, 64, 96, 128]),
    share=st.integers(0, 4),
)
def test_weights_of_windows(length, tile, share):
    stride = 16
    overlap = min(share * stride, tile // 2 // stride * stride)
    axis = Axis(length, tile, overlap, stride)
    whole = -(-length // stride) * stride
    total = torch.zeros(whole)
    for start, weights in zip(axis.starts, axis.weights):
        assert start % stride == 0 and 0 <= start < whole
        total[start : start + axis.size] += weights
        quarter = overlap // 4
        if start > 0:
            assert (weights[:quarter] == 0).all()
        if start + axis.size < whole:
            assert (weights[axis.size - quarter :] == 0).all()
    assert torch.allclose(total, torch.ones(whole), atol=1e-6)
    assert axis.starts[0] == 0 and axis.starts[-1] + axis.size == whole


@pytest.mark.parametrize("width", [150, 0])
def test_a_wide_image_is_done_in_columns(monkeypatch, width, capsys):
    """As wide as the memory allows, and at least as a window."""
    model, image = network(), torch.rand(3, 100, 700)
    expected = predict_tiled(model, image, 96, 48, stride=16, progress=False)
    widths, move_up = [], tiled_module._move_up
    monkeypatch.setattr(tiled_module, "BAND_BYTES", 4 * 3 * 96 * width)
    monkeypatch.setattr(
        tiled_module, "_move_up", lambda band, by: widths.append(band.shape[2]) or move_up(band, by)
    )
    assert torch.allclose(predict_tiled(model, image, 96, 48, stride=16), expected, atol=1e-6)
    assert max(widths) == max(width, 96)
    done, due = re.findall(r"(\d+)/(\d+) \[", capsys.readouterr().out)[-1]
    assert done == due  # of the bar, in all columns


def test_one_band_waits_for_its_neighbours():
    """The memory that is promised: nothing else is as large as the band of probabilities, not for a moment."""

    class Large(TorchDispatchMode):
        places: set[int] = set()

        def __torch_dispatch__(self, call, types, args=(), kwargs=None):
            result = call(*args, **(kwargs or {}))
            if isinstance(result, torch.Tensor) and result.nbytes >= 4 * 3 * 96 * 700:
                self.places.add(result.untyped_storage().data_ptr())
            return result

    model, image = network(), np.zeros((300, 700, 3), np.uint8)
    with Large() as large:
        predict_tiled(model, image, 96, 48, stride=16, ids=True, progress=False)
    assert len(large.places) == 1


@pytest.mark.parametrize("by", [1, 30, 48, 95, 96])
def test_a_band_moves_up_within_itself(by):
    band = torch.rand(1, 96, 20)
    expected = torch.cat([band[:, by:], torch.zeros(1, by, 20)], dim=1)
    with LiveBytes() as live:
        tiled_module._move_up(band, by)
    assert torch.equal(band, expected)
    assert live.peak <= band.nbytes  # its own views, and nothing beside them


@pytest.mark.parametrize("length", [10_000, 100_000])
def test_weights_take_a_window_each_however_long_the_image(length):
    tracemalloc.start()
    axis = Axis(length, 512, 128, 32)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # float64 while they are made, then float32; and their sum along the image
    assert peak < 3 * 8 * 512 * len(axis.starts) + 3 * 8 * length + 100_000


class OfOneSize(nn.Module):
    """As a transformer whose embedding of places fixes the size of what it takes."""

    def __init__(self) -> None:
        super().__init__()
        self.places = nn.Parameter(torch.rand(1, 3, 96, 96))

    def forward(self, images):
        return images + self.places


@pytest.mark.parametrize("batch_size", [1, 2, 8])
def test_a_network_of_one_size_takes_windows_of_it(monkeypatch, batch_size):
    model, image = OfOneSize(), torch.rand(3, 96, 200)
    result = predict_tiled(model, image, 96, 32, batch_size=batch_size, progress=False)
    assert torch.allclose(result[..., :32], predict(model, image[..., :96])[..., :32], atol=1e-6)
    monkeypatch.setattr(tiled_module, "BAND_BYTES", 0)  # columns of a tile, with fewer windows than a batch
    columns = predict_tiled(model, image, 96, 32, batch_size=batch_size, progress=False)
    assert torch.allclose(columns, result, atol=1e-6)


def test_every_window_is_predicted_once():
    seen = Seen()
    predict_tiled(seen, torch.rand(3, 64, 160), 64, 32, batch_size=3, progress=False)
    assert seen.shapes == [(3, 3, 64, 64), (1, 3, 64, 64)]


def test_by_default_a_window_of_512_pixels_shares_128():
    seen = Seen()
    predict_tiled(seen, np.zeros((32, 900, 3), np.uint8), progress=False)
    assert seen.shapes == [(1, 3, 32, 512)] * 3  # from 0, 384, and 416 = 928 - 512


def test_memory_maps_in_and_out(tmp_path):
    model = network()
    pixels = np.random.default_rng(0).integers(0, 256, (150, 210, 3), np.uint8)
    np.save(tmp_path / "image.npy", pixels)
    image = np.load(tmp_path / "image.npy", mmap_mode="r")
    out = np.lib.format.open_memmap(tmp_path / "ids.npy", "w+", np.uint8, (150, 210))
    result = predict_tiled(model, image, 96, 48, stride=16, ids=True, out=out, progress=False)
    expected = predict(model, pixels, ids=True, stride=16)
    assert torch.equal(result, expected)
    assert np.array_equal(np.load(tmp_path / "ids.npy"), expected.numpy())


def test_probabilities_fill_an_array():
    image, out = torch.rand(3, 64, 160), np.empty((3, 64, 160), np.float32)
    result = predict_tiled(Seen(), image, 64, 32, out=out, progress=False)
    assert result.data_ptr() == out.ctypes.data and np.allclose(out, image.softmax(0), atol=1e-6)


def test_the_windows_of_a_column_are_those_that_touch_it():
    axis = Axis(160, 64, 32, 32)
    assert (
        axis.starts == [0, 32, 64, 96]
        and axis.within(64, 96) == [1, 2]
        and axis.within(63, 97) == [0, 1, 2, 3]
    )


def test_only_windows_are_read():
    class Watched:
        shape = (500, 400, 3)
        largest = 0

        def __getitem__(self, window):
            part = np.zeros((500, 400, 3), np.uint8)[window]
            self.largest = max(self.largest, *part.shape)
            return part

    image = Watched()
    assert predict_tiled(Seen(), image, 64, 32, progress=False).shape == (3, 500, 400)
    assert image.largest == 64


def test_the_bar_counts_windows(capsys):
    predict_tiled(Seen(), torch.rand(3, 64, 160), 64, 32)
    assert "4/4" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("tile", "overlap", "words"),
    [
        (100, 32, "tile is 100 and overlap 32; both must be multiples of the stride, 32: such as tile=128"),
        (64, 20, "overlap=32"),
        (64, 64, "overlap is 64; it must be 0 to half of the tile, 32"),
        (0, 0, "multiples of the stride"),
        (64, -32, "overlap is -32"),
    ],
)
def test_grids_that_do_not_fit(tile, overlap, words):
    with pytest.raises(ValueError, match=words):
        predict_tiled(Seen(), torch.rand(3, 64, 64), tile, overlap)


def test_the_grid_that_an_error_names_fits():
    named = 0
    for tile, overlap, stride in itertools.product(range(-10, 100, 7), range(-10, 100, 9), (1, 5, 16, 32)):
        try:
            tiled_module.check_grid(tile, overlap, stride)
        except ValueError as error:
            if such := re.search(r"tile=(\d+), overlap=(\d+)", str(error)):
                tiled_module.check_grid(*map(int, such.groups()), stride)
                named += 1
    assert named > 300


def test_a_grey_array_has_as_many_channels_as_the_model_takes():
    image = np.random.default_rng(0).integers(0, 256, (64, 96), np.uint8)
    for model in (nn.Conv2d(1, 2, 1), network()):
        tiled = predict_tiled(model, image, 64, 32, stride=16, progress=False)
        assert (
            tiled.shape[1:] == (64, 96)
            and (tiled[:, 20, :30] - predict(model, image)[:, 20, :30]).abs().max() < 1e-5
        )


def test_an_out_that_does_not_fit():
    with pytest.raises(ValueError, match=r"out is float32 \(64, 64\); this result is uint8 \(64, 64\)"):
        predict_tiled(
            Seen(), torch.rand(3, 64, 64), ids=True, out=np.zeros((64, 64), np.float32), progress=False
        )
    frozen = np.zeros((64, 64), np.uint8)
    frozen.flags.writeable = False
    for wrong, words in (
        (frozen, "read-only"),
        (np.zeros((64, 64), np.uint8)[::-1], "turned round"),
        (torch.zeros(64, 64), "out is Tensor; it must be numpy's array"),
    ):
        with pytest.raises(ValueError, match=words):
            predict_tiled(Seen(), torch.rand(3, 64, 64), ids=True, out=wrong, progress=False)


@pytest.mark.parametrize(
    ("image", "words"),
    [
        (
            Image.new("RGB", (64, 64)),
            "image is Image; it must be .* of Pillow's, batches and lists go to predict",
        ),
        ([torch.rand(3, 64, 64)], "image is list; it must be one tensor"),
        (torch.rand(1, 3, 64, 64), r"image is Tensor of shape \(1, 3, 64, 64\)"),
        (np.zeros(64), r"image is ndarray of shape \(64,\)"),
    ],
)
def test_what_no_windows_are_read_of(monkeypatch, image, words):
    # as fastai does
    monkeypatch.setattr(Image.Image, "shape", property(lambda self: self.size[::-1]), raising=False)
    with pytest.raises(ValueError, match=words):
        predict_tiled(Seen(), image, 64, 32, progress=False)


@pytest.mark.parametrize(
    ("tile", "overlap", "stride"), [(21, 7, 7), (15, 5, 5), (3, 1, 1), (1, 0, 1), (66, 33, 11)]
)
@pytest.mark.parametrize("size", [(40, 57), (5, 64), (1, 1)])
def test_odd_strides_blend_without_a_trace(tile, overlap, stride, size):
    """A network that looks at one pixel gives what the whole gives, whatever the windows."""
    seen, image = Seen(3.0), torch.rand(3, *size)
    found = predict_tiled(seen, image, tile, overlap, stride=stride, batch_size=4, progress=False)
    assert torch.allclose(found, predict(seen, image, stride=stride), atol=1e-6)
    assert all(side % stride == 0 and side <= tile for shape in seen.shapes[:-1] for side in shape[-2:])
