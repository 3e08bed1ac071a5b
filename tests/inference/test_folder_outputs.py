"""What the folder's run writes: colours of masks and overlays, whose they are, and the options of the command."""

from unittest.mock import Mock

import numpy as np
import onnx
import pytest
import torch
from PIL import Image
from torch import nn

from nbhelpers.datasets.files import read_image, read_mask
from nbhelpers.inference import TTA, OnnxModel, TiledTiff, export, folder, open_image, predict
from nbhelpers.inference import __main__ as command
from nbhelpers.inference.export import _check_equal
from nbhelpers.inference.folder import Report, predict_folder, write_mask, write_overlay
from tests.image_bytes import tiff_bytes

PIXELS = np.random.default_rng(0).integers(0, 256, (90, 130, 3), np.uint8)
HALVES = np.zeros((32, 64), np.uint8)
HALVES[:, 32:] = 1
# of `categorical`: slate (64, 66, 88) and amber (250, 190, 60), each half over grey 101
BLENDED = [(82, 83, 94), (175, 145, 80)]


def deep(dtype, *shape):
    scale = {"u": 257, "f": 1 / 255}[np.dtype(dtype).kind]
    return (np.full((32, 64, *shape), 101.2) * scale).astype(dtype)


@pytest.mark.parametrize(
    "image",
    [
        np.full((32, 64, 3), 101, np.uint8),
        np.full((32, 64), 101, np.uint8),
        deep("<u2"),
        deep(">u2", 3),
        deep("<f4", 3),
        deep(">f8", 1),
        np.full((32, 64, 5), (101, 101, 101, 7, 9), np.uint8),
        np.full((32, 64, 2), (101, 9), np.uint8),
    ],
    ids=["rgb", "grey", "16 bits", "16 bits of another machine", "floats", "doubles", "5 bands", "2 bands"],
)
def test_an_overlay_is_half_the_picture_and_half_the_colours(tmp_path, image):
    write_overlay(tmp_path / "a.jpg", image, HALVES)
    with Image.open(tmp_path / "a.jpg") as picture:
        shown = np.asarray(picture).astype(int)
    assert shown.shape == (32, 64, 3)
    for left, colour in zip((8, 40), BLENDED):
        assert abs(shown[8:24, left : left + 16].mean((0, 1)) - colour).max() <= 2


def test_a_large_overlay_is_thinned_out(tmp_path):
    ids = np.zeros((4001, 30), np.uint8)
    write_overlay(tmp_path / "a.jpg", ids, ids)
    assert Image.open(tmp_path / "a.jpg").size == (10, 1334)  # every third pixel, so that 2000 hold them


def test_a_mask_shows_the_colours_of_the_classes(tmp_path):
    write_mask(tmp_path / "a.png", HALVES, "digest")
    with Image.open(tmp_path / "a.png") as picture:
        assert picture.mode == "P" and np.array_equal(np.asarray(picture), HALVES)
        assert [picture.convert("RGB").getpixel((x, 0)) for x in (0, 63)] == [(64, 66, 88), (250, 190, 60)]
    with pytest.raises(ValueError, match="ids are int32; a PNG with a palette holds at most 256 classes"):
        write_mask(tmp_path / "a.png", HALVES.astype(np.int32), "digest")


# A run


def conv(seed=0):
    """Looks 4 pixels far, so that views and seams make a difference."""
    torch.manual_seed(seed)
    return nn.Conv2d(3, 3, 9, padding=4)


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    for seed in range(2):
        export(conv(seed), folder / f"{seed}.onnx", stride=16)
    return [folder / f"{seed}.onnx" for seed in range(2)]


@pytest.fixture
def run(tmp_path, models):
    (tmp_path / "images").mkdir()
    Image.fromarray(PIXELS).save(tmp_path / "images" / "a.png")

    def once(model=models[0], **options):
        options = {"tile": 64, "overlap": 32, "progress": False} | options
        return predict_folder(model, tmp_path / "images", tmp_path / "out", **options)

    return once


@pytest.mark.parametrize("tta", [TTA(), TTA("h"), TTA(turns=True)])
def test_ids_are_those_of_the_whole_picture_with_its_views(tmp_path, run, tta):
    assert run(tta=tta).failed == {}
    ids = read_mask(tmp_path / "out" / "masks" / "a.png", "a", ids=range(3))
    expected = predict(conv(), PIXELS, ids=True, stride=16, tta=tta).numpy()
    assert (ids == expected).mean() > 0.999  # a tie may fall either way
    assert tta == TTA() or (ids == predict(conv(), PIXELS, ids=True, stride=16).numpy()).mean() < 0.95


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (FloatingPointError("the model gives nan"), "the model gives nan"),
        (RuntimeError("onnxruntime cannot run\nmodel"), "onnxruntime cannot run model"),
        (MemoryError(), "MemoryError"),
    ],
)
def test_what_fails_on_one_image_does_not_stop_the_others(tmp_path, run, monkeypatch, error, told):
    Image.fromarray(PIXELS[:33]).save(tmp_path / "images" / "b.png")
    real, answers = folder.predict_tiled, iter([error])

    def fails_once(*arguments, **options):
        if failure := next(answers, None):
            raise failure
        return real(*arguments, **options)

    monkeypatch.setattr(folder, "predict_tiled", fails_once)
    report = run()
    assert report.failed == {str(tmp_path / "images" / "a.png"): told} and len(report.done) == 1


def test_other_models_and_settings_are_not_mixed(run, models):
    run(value_range=(0, 255))
    assert len(run(value_range=(0, 255)).before) == 1
    for other in ({"model": models[1]}, {"tile": 96}, {"overlap": 16}, {"tta": TTA("v")}, {"value_range": (0, 99)}, {"value_range": None}):  # fmt: skip
        with pytest.raises(ValueError, match="masks of another model or of other settings"):
            run(**({"value_range": (0, 255)} | other))


def test_large_masks_are_known_again(run, monkeypatch):
    run()
    monkeypatch.setattr(
        Image, "MAX_IMAGE_PIXELS", 90 * 130 // 3
    )  # Pillow's limit, of which it refuses twice as many
    assert len(run().before) == 1


@pytest.mark.parametrize("damage", [b"", b"no picture", b"\x89PNG\r\n\x1a\n", "half"])
def test_a_damaged_mask_is_made_again(tmp_path, run, damage):
    run()
    mask = tmp_path / "out" / "masks" / "a.png"
    whole = mask.read_bytes()
    mask.write_bytes(whole[:60] if damage == "half" else damage)
    assert len(run().done) == 1 and mask.read_bytes() == whole


@pytest.mark.parametrize("gone", ["masks/a.png", "overlays/a.jpg"])
def test_what_is_missing_of_the_two_is_done_again(tmp_path, run, gone):
    run()
    (tmp_path / "out" / gone).unlink()
    assert len(run().done) == 1 and (tmp_path / "out" / gone).is_file()


def test_an_overlay_of_another_picture_is_not_taken_for_done(tmp_path, run, monkeypatch):
    """Who stops between mask and overlay of a picture that replaced another."""
    run()
    overlay = tmp_path / "out" / "overlays" / "a.jpg"
    old = overlay.read_bytes()
    Image.fromarray(255 - PIXELS).save(tmp_path / "images" / "a.png")
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(folder, "write_overlay", Mock(side_effect=KeyboardInterrupt))
        run()
    assert len(run().done) == 1 and overlay.read_bytes() != old


def test_hidden_files_are_no_images(tmp_path, run):
    (tmp_path / "images" / "._a.png").write_bytes(b"what macOS leaves behind")
    report = run()
    assert len(report.done) == 1 and report.failed == {} and report.left == []


def test_endings_may_be_capitals(tmp_path, run):
    np.save(tmp_path / "b.npy", PIXELS)
    (tmp_path / "b.npy").rename(tmp_path / "images" / "B.NPY")
    Image.fromarray(PIXELS).save(tmp_path / "images" / "C.PNG")
    report = run()
    assert report.failed == {} and len(report.done) == 3
    first, *others = ((tmp_path / "out" / "masks" / f"{name}.png").read_bytes()[-500:] for name in "aBC")
    assert others == [first, first]


def test_the_options_of_the_command(monkeypatch, capsys, tmp_path):
    asked = []

    def recorded(*places, **options):
        asked.append((places, options))
        return Report(done=["a.png"], failed={"b.png": "is empty"} if len(asked) > 1 else {})

    monkeypatch.setattr(command, "predict_folder", recorded)
    places = [tmp_path / name for name in ("m.onnx", "images", "out")]
    command.main([*map(str, places)])
    assert asked[0] == (tuple(places), {"tile": 512, "overlap": 128, "tta": TTA(), "value_range": None})
    line = "--tile 96 --overlap 48 --flips hv --turns --scales 0.5 1 --range -5 99.5".split()
    with pytest.raises(SystemExit) as ended:
        command.main([*map(str, places), *line])
    tta = TTA("hv", turns=True, scales=(0.5, 1.0))
    assert asked[1][1] == {"tile": 96, "overlap": 48, "tta": tta, "value_range": (-5.0, 99.5)}
    assert ended.value.code == 1
    assert capsys.readouterr().out.endswith("1 done, 0 done before, 1 failed\n  b.png: is empty\n")


# Images by windows


def test_what_hangs_over_the_edge_of_a_tiff_may_be_anything(tmp_path):
    values = np.full((96, 128), np.nan, np.float32)
    values[:90, :100] = np.linspace(0, 1, 9000).reshape(90, 100)
    data = tiff_bytes(values, tile=(32, 32), tags=[(256, 100), (257, 90)])
    (tmp_path / "a.tif").write_bytes(data)
    image = open_image(tmp_path / "a.tif", in_channels=1, value_range=(0, 1))
    expected = (values[:90, :100] * 255 + 0.5).astype(np.uint8)
    assert isinstance(image, TiledTiff) and np.array_equal(image[0:90, 0:100][..., 0], expected)


def test_a_turned_tiff_is_decoded_whole(tmp_path):
    stored = np.ascontiguousarray(np.rot90(PIXELS))  # tag 6: shown by a turn to the right
    (tmp_path / "a.tif").write_bytes(tiff_bytes(stored, photometric=2, tile=(32, 32), tags=[(274, 6)]))
    image = open_image(tmp_path / "a.tif")
    assert np.array_equal(image[0:90, 0:130], PIXELS) and np.array_equal(
        image, read_image(tmp_path / "a.tif", "a")
    )


def test_arrays_of_other_bands(tmp_path):
    np.save(tmp_path / "a.npy", np.zeros((6, 9, 4)))
    with pytest.raises(ValueError, match=r"shape \(6, 9, 4\); an image must be \(H, W, 3\) or \(H, W\)"):
        open_image(tmp_path / "a.npy")
    assert open_image(tmp_path / "a.npy", in_channels=4).shape == (6, 9, 4)


# Exported models


def test_a_file_of_someone_else_tells_no_stride_and_no_channels(tmp_path):
    ends = [
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, list("nchw")) for name in ("x", "y")
    ]
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("Identity", ["x"], ["y"])], "g", [ends[0]], [ends[1]]
    )
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 18)], ir_version=9)
    onnx.save(model, tmp_path / "a.onnx")
    loaded = OnnxModel(tmp_path / "a.onnx")
    assert (loaded.stride, loaded.in_channels) == (32, 3)
    image = torch.rand(3, 33, 40)
    assert torch.allclose(predict(loaded, image), image.softmax(0), atol=1e-6)


class Dictionary(nn.Module):
    def forward(self, images):
        return {"out": images}


class FirstAlone(nn.Module):
    """Forgets all but the first of a batch."""

    def forward(self, images):
        return images[:1]


def test_models_that_give_no_logits_are_not_exported(tmp_path):
    for model, words in (
        (Dictionary(), "gives dict"),
        (FirstAlone(), r"gives \(1, 3, 64, 96\) for images \(2,"),
    ):
        with pytest.raises(ValueError, match=words):
            export(model, tmp_path / "a.onnx")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("largest", "by", "kept"),
    [(1, 5e-5, True), (1, 2e-4, False), (100, 5e-3, True), (100, 2e-2, False), (0.01, 5e-5, True), (1, float("nan"), False)],
)  # fmt: skip
def test_torch_and_onnxruntime_agree_to_a_ten_thousandth_of_the_largest_logit(largest, by, kept):
    logits = torch.full((1, 2, 4, 4), float(largest))
    if kept:
        _check_equal(logits, logits + by, (1, 3, 4, 4), "a.onnx")
        return
    with pytest.raises(RuntimeError, match="a.onnx was not kept: .* onnxruntime and torch differ by"):
        _check_equal(logits, logits + by, (1, 3, 4, 4), "a.onnx")


def test_a_size_that_was_fixed_is_told_as_that():
    logits = torch.ones(1, 2, 4, 4)
    with pytest.raises(
        RuntimeError, match=r"gives \(1, 2, 1, 1\), torch \(1, 2, 4, 4\); the model fixes a size"
    ):
        _check_equal(logits, logits[..., :1, :1], (1, 3, 4, 4), "a.onnx")
