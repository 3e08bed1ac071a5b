"""Files of inference: weights, exported models, images by windows, and a folder at a time from a terminal."""

import errno
import gc
import os
import subprocess
import sys
import weakref
import zlib
from contextlib import contextmanager, nullcontext
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from PIL import Image, TiffImagePlugin
from safetensors.torch import save_file
from torch import nn

from nbhelpers.datasets.files import SUFFIXES, read_image, read_mask
from nbhelpers.inference import (
    TTA,
    Ensemble,
    OnnxModel,
    TiledTiff,
    export,
    load_weights,
    open_image,
    predict,
    predict_tiled,
    read_notes,
    save_weights,
    sources,
    written_whole,
)
from nbhelpers.inference.__main__ import main
from nbhelpers.inference.export import _check_equal
from nbhelpers.inference.folder import predict_folder
from nbhelpers.iris.segmenter import nearest_size
from nbhelpers.models.unet import UNet
from tests.full_disk import full_disk
from tests.image_bytes import tiff_bytes
from tests.inference.test_inference import network

PIXELS = np.random.default_rng(0).integers(0, 256, (150, 210, 3), np.uint8)


# Whole files or none


def test_a_full_disk_leaves_what_was_there(tmp_path):
    path = tmp_path / "new" / "weights"
    with written_whole(path) as temporary:
        temporary.write_bytes(b"old")
    with (
        full_disk(after=1000),
        pytest.raises(OSError, match="weights was not written .* is as it was before"),
    ):
        with written_whole(path) as temporary:
            temporary.write_bytes(bytes(5000))
    assert path.read_bytes() == b"old"
    with full_disk(after=1000), pytest.raises(OSError, match="nothing was left behind"):
        with written_whole(tmp_path / "other") as temporary:
            temporary.write_bytes(bytes(5000))
    with pytest.raises(KeyboardInterrupt), written_whole(path) as temporary:
        temporary.write_bytes(b"half")
        raise KeyboardInterrupt
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.rglob("*") if p.is_file()] == ["weights"]


def test_a_disk_that_tells_late_that_it_is_full(tmp_path, monkeypatch):
    """As network disks do: only when all that was written has to be there."""

    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    (tmp_path / "weights").write_bytes(b"old")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(
        OSError, match="weights was not written .No space left on device.; .* as it was before"
    ):
        with written_whole(tmp_path / "weights") as temporary:
            temporary.write_bytes(b"new")
    assert (tmp_path / "weights").read_bytes() == b"old" and len([*tmp_path.iterdir()]) == 1


def test_two_processes_that_write_one_file_do_not_share_a_half(tmp_path, monkeypatch):
    with written_whole(tmp_path / "weights") as ours:
        ours.write_bytes(b"ours")
        with monkeypatch.context() as another:
            another.setattr(os, "getpid", lambda: 1)
            with written_whole(tmp_path / "weights") as theirs:
                theirs.write_bytes(b"theirs")
        assert (tmp_path / "weights").read_bytes() == b"theirs"
    assert (tmp_path / "weights").read_bytes() == b"ours"


def test_an_error_about_another_file_names_that_file(tmp_path):
    with pytest.raises(FileNotFoundError, match="No such file or directory: .*image.png"):
        with written_whole(tmp_path / "submission.csv"):
            (tmp_path / "image.png").read_bytes()
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="masks.png was not written .* nothing was left behind"):
        with written_whole(tmp_path / "file" / "masks.png"):
            pass


# Weights


def test_weights_there_and_back(tmp_path):
    model, other = network(seed=0).to(memory_format=torch.channels_last), network(seed=1)
    save_weights(model, tmp_path / "unet.safetensors")
    load_weights(other, tmp_path / "unet.safetensors")
    image = torch.rand(3, 32, 32)
    assert torch.equal(predict(model, image), predict(other, image))


@pytest.mark.parametrize("notes", [{}, {"folds": '{"ä": 0}', "by": "me"}])
def test_notes_there_and_back(tmp_path, notes):
    path, model = tmp_path / "noted.safetensors", nn.Linear(2, 2)
    save_weights(model, path, notes)
    assert read_notes(path) == notes
    load_weights(model, path)
    save_weights(model, path)
    assert read_notes(path) == {}
    path.write_bytes(b"not")
    with pytest.raises(ValueError, match="cannot be read as safetensors"):
        read_notes(path)
    with pytest.raises(FileNotFoundError, match="no file of weights"):
        read_notes(tmp_path / "none.safetensors")


def test_tied_weights(tmp_path):
    layer = nn.Linear(3, 3)
    save_weights(nn.Sequential(layer, layer), tmp_path / "tied.safetensors")
    load_weights(nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3)), tmp_path / "tied.safetensors")


def test_weights_that_do_not_fit(tmp_path):
    path = tmp_path / "unet.safetensors"
    save_weights(network(num_classes=3), path)
    model = network(num_classes=5)
    before = model.head.weight.clone()
    with pytest.raises(
        ValueError, match=r"does not fit this UNet, 2 tensors differ: head.bias is \(3,\), but"
    ):
        load_weights(model, path)
    with pytest.raises(ValueError, match="is unknown to the model; .*missing|is missing"):
        load_weights(nn.Linear(2, 2), path)
    assert torch.equal(model.head.weight, before)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ValueError, match="cannot be read as safetensors .* cut off"):
        load_weights(network(), path)
    torch.save(network().state_dict(), path)
    with pytest.raises(ValueError, match="pickle, which is never loaded"):
        load_weights(network(), path)
    with pytest.raises(FileNotFoundError, match="no file of weights"):
        load_weights(network(), tmp_path / "none.safetensors")
    with pytest.raises(ValueError, match="must end in .safetensors"):
        save_weights(network(), tmp_path / "unet.pt")


def test_weights_of_another_precision_and_of_whole_numbers(tmp_path):
    path, model = tmp_path / "linear.safetensors", nn.Linear(3, 2)
    half = {name: value.half() for name, value in model.state_dict().items()}
    save_file(half, path)
    load_weights(model, path)
    assert model.weight.dtype == torch.float32 and torch.equal(model.weight, half["weight"].float())
    save_file(half | {"weight": torch.ones(2, 3, dtype=torch.int8)}, path)
    with pytest.raises(
        ValueError, match="1 tensors differ: weight is int8, but the model's float32; build the"
    ):
        load_weights(model, path)
    assert torch.equal(model.weight, half["weight"].float())


def test_weights_of_a_wrapped_model(tmp_path):
    """As torch's DataParallel names them: not the arguments are wrong."""
    path, bare = tmp_path / "unet.safetensors", network()
    wrapped = nn.ModuleDict({"module": network(seed=1)})
    save_weights(wrapped, path)
    with pytest.raises(
        ValueError, match="only the file has 'module.' before each name: save and load the bare model"
    ):
        load_weights(bare, path)
    save_weights(bare, path)
    with pytest.raises(ValueError, match="only the model has 'module.' before each name"):
        load_weights(wrapped, path)


# ONNX


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    path, model = tmp_path_factory.mktemp("onnx") / "unet.onnx", network().train()
    before = model.stem[1].running_mean.clone()
    export(model, path, stride=16)
    assert model.training and torch.equal(before, model.stem[1].running_mean)  # the mode is kept
    assert all(layer.inplace for layer in model.modules() if isinstance(layer, nn.ReLU))
    return path


def test_an_exported_model_goes_where_a_model_goes(exported):
    loaded = OnnxModel(exported)
    assert loaded.stride == 16
    for size in ((64, 48), (33, 71)):
        image = torch.rand(3, *size)
        assert torch.allclose(
            predict(loaded, image, stride=16), predict(network(), image, stride=16), atol=1e-4
        )
    image = torch.rand(3, 100, 130)
    options = {"stride": loaded.stride, "tta": TTA("h"), "progress": False}
    expected = predict_tiled(network(), image, 96, 48, **options)
    assert torch.allclose(predict_tiled(loaded, image, 96, 48, **options), expected, atol=1e-4)


def test_onnxruntime_runs_on_its_own_gpu_on_threads_that_do_not_spin(monkeypatch, exported):
    asked, session = [], onnxruntime.InferenceSession

    def recorded(content, options, providers):
        asked.append((options, providers))
        return session(content, options, providers=["CPUExecutionProvider"])

    monkeypatch.setattr(onnxruntime, "InferenceSession", recorded)
    OnnxModel(exported)
    names = ["CUDAExecutionProvider", "CPUExecutionProvider"]
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: names)
    OnnxModel(exported, device=1)
    (options, on_cpu), (_, on_gpu) = asked
    OnnxModel(exported, device=None)
    assert asked[2][1] == names[1:]
    assert on_cpu == names[1:] and on_gpu == [(names[0], {"device_id": 1}), names[1]]
    assert options.intra_op_num_threads == torch.get_num_threads()
    assert options.get_session_config_entry("session.intra_op.allow_spinning") == "0"


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16])
def test_an_exported_model_takes_floats_of_any_width(exported, dtype):
    loaded, images = OnnxModel(exported), torch.randint(256, (1, 3, 32, 48)) / 256  # which all of them hold
    assert torch.equal(loaded(images.to(dtype)), loaded(images))


class FixedSize(nn.Module):
    def forward(self, images):
        return images[:, :2] + torch.zeros(1, 1, 64, 96)


class RandomAtRun(nn.Module):
    """Torch and onnxruntime cannot agree on it."""

    def forward(self, images):
        return images[:, :2] + torch.rand_like(images[:, :2])


class OtherWhenAlone(nn.Module):
    """Its export takes the road of a batch, for one image too."""

    def forward(self, images):
        return images[:, :2] if len(images) > 1 else 2 * images[:, :2]


class Deep(nn.Module):
    """As SMP's PAN: pools so often that it takes no small image."""

    def __init__(self):
        super().__init__()
        self.head = nn.Conv2d(3, 2, 1)

    def forward(self, images):
        coarse = nn.functional.max_pool2d(nn.functional.avg_pool2d(images, 32), 4)
        return self.head(nn.functional.interpolate(coarse, images.shape[-2:]))


def test_half_weights_make_a_file_of_half_the_size_that_computes_the_same(tmp_path):
    """Rounded once, by the caller; what half precision does not hold is stored as it is."""
    torch.manual_seed(0)
    model = UNet(num_classes=2, widths=(16, 32, 64)).half().float().eval()
    export(model, tmp_path / "half.onnx")  # which compares the two to 1e-4
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 1e-5
    export(model, tmp_path / "full.onnx")
    half, full = ((tmp_path / f"{name}.onnx").stat().st_size for name in ("half", "full"))
    assert half < 0.75 * full  # the small tensors stay as they are, and so does what the network is


def test_a_file_does_not_tell_where_it_was_made(tmp_path):
    """No path of a source file and no address of a function: torch's exporter notes both at every node."""
    export(Rooted(), tmp_path / "rooted.onnx")
    stored = onnx.load(tmp_path / "rooted.onnx")
    assert [node.name for node in stored.graph.node if node.metadata_props or node.doc_string] == []
    assert {prop.key for prop in stored.metadata_props} == {"stride"}
    content = (tmp_path / "rooted.onnx").read_bytes()
    assert Path(__file__).name.encode() not in content and b" at 0x" not in content


class Rooted(nn.Module):
    """Divides by the root of the picture's height, which the exporter makes a call of a Python function of."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 2, 1)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.conv(images) / torch.sym_sqrt(images.shape[2] / 2)


def test_a_model_that_takes_no_small_image_is_exported(tmp_path):
    model = Deep()
    with pytest.raises(RuntimeError, match="Output size is too small"):
        model(torch.rand(1, 3, 64, 96))
    export(model, tmp_path / "deep.onnx")
    images = torch.rand(1, 3, 160, 192)
    assert torch.allclose(OnnxModel(tmp_path / "deep.onnx")(images), model(images), atol=1e-4)


def test_a_model_of_other_channels_is_told_so(tmp_path):
    with pytest.raises(
        RuntimeError, match=r"torch itself does not run it on images \(N, 3, .* in_channels and stride"
    ):
        export(nn.Conv2d(4, 2, 1), tmp_path / "four.onnx")
    export(nn.Conv2d(4, 2, 1), tmp_path / "four.onnx", in_channels=4)
    with pytest.raises(RuntimeError, match=r"; its weights are float16: call model.float\(\)"):
        export(nn.Conv2d(3, 2, 1).half(), tmp_path / "half.onnx")


class WorksAtOneArea(nn.Module):
    """As the stored iris network, but small: exporting that takes a quarter of a minute."""

    def __init__(self):
        super().__init__()
        self.head = nn.Conv2d(3, 2, 3, padding=1)

    def forward(self, images):
        size = images.shape[-2:]
        x = nn.functional.interpolate(images, nearest_size(size, (64, 80)), mode="bilinear", antialias=True)
        return nn.functional.interpolate(self.head(x), size, mode="bilinear")


def test_a_model_that_works_at_one_area_is_exported(tmp_path):
    model = WorksAtOneArea()
    export(model, tmp_path / "area.onnx")
    for size in ((64, 80), (300, 200), (33, 47)):
        images = torch.rand(1, 3, *size)
        assert torch.allclose(OnnxModel(tmp_path / "area.onnx")(images), model(images), atol=1e-4)


class OnGpu(nn.Conv2d):
    """Stands for a model on a GPU, whose convolutions in TF32 are too coarse to compare with."""

    def __init__(self):
        super().__init__(3, 2, 1)
        self.place, self.journey = "cuda:0", []

    def cpu(self):
        return self.to("cpu")

    def to(self, place):
        self.place = str(place)
        self.journey.append(self.place)
        return self

    def forward(self, images):
        logits = super().forward(images)
        return logits if self.place == "cpu" else logits.half().float()


def test_a_model_on_a_gpu_is_compared_on_the_cpu(tmp_path, monkeypatch):
    @contextmanager
    def evaluating(model):
        yield torch.device(model.place)

    monkeypatch.setattr(sys.modules["nbhelpers.inference.export"], "evaluating", evaluating)
    places = []
    monkeypatch.setattr(
        sys.modules["nbhelpers.inference.export"],
        "OnnxModel",
        lambda path, device=0: places.append(device) or OnnxModel(path),
    )
    model = OnGpu()
    export(model, tmp_path / "gpu.onnx")
    assert model.journey == ["cpu", "cuda:0"] and places == [None]  # nor by onnxruntime's CUDA
    with pytest.raises(RuntimeError, match="cannot be exported"):
        export(model, tmp_path / "gpu.onnx", in_channels=4)
    assert model.journey == ["cpu", "cuda:0"] * 2  # back to its GPU all the same


@pytest.mark.parametrize("num_classes", [1, 3])
def test_an_ensemble_is_exported(tmp_path, num_classes):
    models = Ensemble([nn.Conv2d(3, num_classes, 3, padding=1) for _ in range(2)])
    export(models, tmp_path / "two.onnx")
    image = torch.rand(3, 40, 70)
    assert torch.allclose(predict(OnnxModel(tmp_path / "two.onnx"), image), predict(models, image), atol=1e-4)


def test_what_cannot_be_exported_leaves_no_file(tmp_path):
    with pytest.raises(RuntimeError, match="FixedSize cannot be exported to ONNX with any size"):
        export(FixedSize(), tmp_path / "fixed.onnx")
    with pytest.raises(RuntimeError, match="was not kept: .* onnxruntime and torch differ by"):
        export(RandomAtRun(), tmp_path / "random.onnx")
    with pytest.raises(RuntimeError, match="was not kept: for images .1, .* differ by|cannot be exported"):
        export(OtherWhenAlone(), tmp_path / "alone.onnx")
    model = nn.Sequential(nn.ReLU(inplace=True), FixedSize())
    with pytest.raises(RuntimeError, match="cannot be exported to ONNX with any size"):
        export(model, tmp_path / "fixed.onnx")
    assert model[0].inplace
    with pytest.raises(ValueError, match="must end in .onnx"):
        export(network(), tmp_path / "unet.pt2")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("largest", "off", "fits"),
    [
        (0.01, 9e-5, True),
        (0.01, 2e-4, False),
        (100.0, 9e-3, True),
        (100.0, 2e-2, False),
        (1.0, np.nan, False),
    ],
)
def test_answers_may_differ_by_a_share_of_the_largest_logit_or_of_one(largest, off, fits):
    """At one place of many."""
    expected = torch.full((2, 3, 20, 30), -largest)
    found = expected.clone()
    found[1, 2, 19, 29] += off
    with nullcontext() if fits else pytest.raises(RuntimeError, match="differ by .*, with logits up to"):
        _check_equal(expected, found, (2, 3, 20, 30), "a.onnx")
    with pytest.raises(
        RuntimeError, match=r"gives \(1, 3, 20, 30\), torch \(2, 3, 20, 30\); the model fixes"
    ):
        _check_equal(expected, expected[:1], (2, 3, 20, 30), "a.onnx")


@pytest.mark.parametrize(("channels", "taken"), [("C", 3), (5, 5)])
def test_a_file_of_another_maker_has_stride_32_and_the_channels_it_says(tmp_path, channels, taken):
    places = [
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["N", channels, "H", "W"])
        for name in ("images", "logits")
    ]
    node = onnx.helper.make_node("Neg", ["images"], ["logits"])
    graph = onnx.helper.make_graph([node], "negative", places[:1], places[1:])
    versions = {"ir_version": 8, "opset_imports": [onnx.helper.make_opsetid("", 17)]}
    onnx.save(onnx.helper.make_model(graph, **versions), tmp_path / "other.onnx")
    loaded = OnnxModel(tmp_path / "other.onnx")
    assert (loaded.stride, loaded.in_channels) == (32, taken)
    images = torch.rand(1, 6, 4, taken).permute(0, 3, 1, 2)  # channels last
    assert torch.equal(loaded(images), -images)


def test_files_that_are_no_models(tmp_path, exported):
    with pytest.raises(FileNotFoundError, match="no exported model"):
        OnnxModel(tmp_path / "none.onnx")
    (tmp_path / "cut.onnx").write_bytes(exported.read_bytes()[:3000])
    with pytest.raises(ValueError, match="cut.onnx is no ONNX model that onnxruntime can run"):
        OnnxModel(tmp_path / "cut.onnx")
    with pytest.raises(RuntimeError, match=r"cannot run unet.onnx on images \(1, 4, 32, 32\)"):
        OnnxModel(exported)(torch.rand(1, 4, 32, 32))


# Images by windows


def write_tiled_tiff(path, pixels, tile=(64, 48), compression=8, byte_order=b"II"):
    """Pillow cannot write tiles; the file is put together from its tags: tiles first, then the directory."""
    height, width = pixels.shape[:2]
    channels = 1 if pixels.ndim == 2 else pixels.shape[2]
    padded = np.zeros(
        (-(-height // tile[0]) * tile[0], -(-width // tile[1]) * tile[1], channels), pixels.dtype
    )
    padded[:height, :width] = pixels.reshape(height, width, channels)
    data, offsets, counts = bytearray(b"\0" * 8), [], []
    for top in range(0, len(padded), tile[0]):
        for left in range(0, padded.shape[1], tile[1]):
            part = padded[top : top + tile[0], left : left + tile[1]]
            raw = part.astype(part.dtype.newbyteorder("<" if byte_order == b"II" else ">")).tobytes()
            offsets.append(len(data))
            data += zlib.compress(raw) if compression == 8 else raw
            counts.append(len(data) - offsets[-1])
    tags = TiffImagePlugin.ImageFileDirectory_v2(prefix=byte_order)
    tags[256], tags[257], tags[258] = width, height, (8 * pixels.itemsize,) * channels
    tags[259], tags[262], tags[277], tags[284] = compression, 2 if channels == 3 else 1, channels, 1
    tags[322], tags[323], tags[324], tags[325] = tile[1], tile[0], tuple(offsets), tuple(counts)
    order = "little" if byte_order == b"II" else "big"
    data[:8] = byte_order + (42).to_bytes(2, order) + len(data).to_bytes(4, order)
    path.write_bytes(bytes(data) + tags.tobytes(len(data)))


@pytest.mark.parametrize("compression", [1, 8], ids=["raw", "deflate"])
@pytest.mark.parametrize("byte_order", [b"II", b"MM"], ids=["little", "big"])
@pytest.mark.parametrize("kind", ["rgb", "grey", "grey16"])
def test_tiled_tiffs(tmp_path, compression, byte_order, kind):
    pixels = {"rgb": PIXELS, "grey": PIXELS[..., 0], "grey16": PIXELS[..., 0].astype(np.uint16) * 257}[kind]
    expected = PIXELS if kind == "rgb" else np.repeat(PIXELS[..., :1], 3, axis=2)
    path = tmp_path / "tiled.tif"
    write_tiled_tiff(path, pixels, compression=compression, byte_order=byte_order)
    # Pillow agrees that this is the file
    assert np.array_equal(read_image(path.read_bytes(), path), expected)
    image = open_image(path)
    assert isinstance(image, TiledTiff) and image.shape == (150, 210, 3)
    for window in (np.s_[0:150, 0:210], np.s_[60:70, 40:110], np.s_[::7, 3::5], np.s_[140:300, 200:900]):
        assert np.array_equal(image[window], expected[window])


@pytest.mark.parametrize("compression", ["tiff_lzw", "tiff_deflate", "jpeg", "packbits"])
def test_tiffs_in_strips(tmp_path, compression, monkeypatch):
    monkeypatch.setattr(TiffImagePlugin, "STRIP_SIZE", 8192)
    path = tmp_path / "strips.tif"
    Image.fromarray(PIXELS).save(path, compression=compression)
    image = open_image(path)
    assert isinstance(image, TiledTiff)
    whole = read_image(path.read_bytes(), path)
    assert np.array_equal(image[0:150, 0:210], whole) and np.array_equal(
        image[35:140, 7:9], whole[35:140, 7:9]
    )


def test_a_tiled_tiff_is_predicted_as_a_whole_image_is(tmp_path):
    write_tiled_tiff(tmp_path / "tiled.tif", PIXELS)
    image = open_image(tmp_path / "tiled.tif")
    tiled = predict_tiled(network(), image, 96, 48, stride=16, progress=False)
    assert torch.allclose(tiled, predict(network(), PIXELS, stride=16), atol=1e-5)


@pytest.mark.parametrize("tag", [322, 323, 324, 325, 256, 257])
def test_tiled_tiffs_whose_tags_are_damaged(tmp_path, tag):
    """Whatever is wrong with sides, places and sizes of tiles, it is a ValueError: a folder's run goes on."""
    path = tmp_path / "tiled.tif"
    write_tiled_tiff(path, PIXELS)
    whole = path.read_bytes()
    entry = whole.index(tag.to_bytes(2, "little"), int.from_bytes(whole[4:8], "little"))
    # the tag is unknown; its numbers are of no type
    for damage in (b"\xff\xff", (60000).to_bytes(2, "little")):
        place = entry if damage == b"\xff\xff" else entry + 2
        path.write_bytes(whole[:place] + damage + whole[place + 2 :])
        with pytest.raises(ValueError, match="tiled.tif"):
            open_image(path)[0:150, 0:210]


def test_damaged_and_other_files(tmp_path):
    path = tmp_path / "tiled.tif"
    write_tiled_tiff(path, PIXELS)
    whole = path.read_bytes()
    path.write_bytes(whole.replace(whole[8:40], b"\xff" * 32))  # within the first tile
    with pytest.raises(ValueError, match="tiled.tif, tile 0 cannot be read as an image"):
        open_image(path)[0:150, 0:210]
    assert open_image(path)[64:150, 0:210].shape == (86, 210, 3)  # the others are well
    Image.fromarray(PIXELS).save(tmp_path / "one.png")
    with pytest.raises(ValueError, match="is no TIFF of several tiles"):
        TiledTiff(tmp_path / "one.png")
    assert np.array_equal(open_image(tmp_path / "one.png"), PIXELS)
    (tmp_path / "cut.png").write_bytes((tmp_path / "one.png").read_bytes()[:2000])
    with pytest.raises(ValueError, match="cut.png cannot be read as an image"):
        open_image(tmp_path / "cut.png")
    np.save(tmp_path / "video.npy", np.zeros((2, 4, 4, 3)))
    with pytest.raises(ValueError, match=r"shape \(2, 4, 4, 3\)"):
        open_image(tmp_path / "video.npy")
    np.save(tmp_path / "objects.npy", np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(ValueError, match="cannot be mapped"):
        open_image(tmp_path / "objects.npy")
    with pytest.raises(FileNotFoundError, match="no image at"):
        open_image(tmp_path / "none.png")


# A folder


@pytest.fixture
def images(tmp_path):
    folder = tmp_path / "images"
    folder.mkdir()
    for name, side in {"a.png": 40, "b.jpg": 130, "c.bmp": 33}.items():
        Image.fromarray(PIXELS[:side, : side + 20]).save(folder / name)
    np.save(folder / "d.npy", PIXELS[..., 0])
    write_tiled_tiff(folder / "e.tif", PIXELS)
    (folder / "bad.png").write_bytes((folder / "a.png").read_bytes()[:300])
    (folder / "empty.png").touch()
    (folder / "notes.txt").touch()
    return folder


def test_a_folder_goes_on_after_bad_files_and_starts_where_it_stopped(tmp_path, images, exported):
    out = tmp_path / "out"
    options = {"tile": 96, "overlap": 48, "progress": False}
    report = predict_folder(exported, images, out, **options)
    assert sorted(p.rsplit(os.sep)[-1] for p in report.done) == ["a.png", "b.jpg", "c.bmp", "d.npy", "e.tif"]
    assert {os.path.basename(path): fault for path, fault in report.failed.items()}.keys() == {
        "bad.png",
        "empty.png",
    }
    assert all("copy or download it again" in fault for fault in report.failed.values())
    ids = read_mask((out / "masks" / "a.png").read_bytes(), "a.png")
    assert np.array_equal(ids, predict(network(), PIXELS[:40, :60], ids=True, stride=16).numpy())
    for name in ("d", "e"):
        assert Image.open(out / "masks" / f"{name}.png").size == (210, 150)
        assert Image.open(out / "overlays" / f"{name}.jpg").size == (210, 150)

    (images / "gone.png").symlink_to(tmp_path / "nowhere.png")
    assert "gone.png" in {
        os.path.basename(path) for path in predict_folder(exported, images, out, **options).failed
    }
    (images / "gone.png").unlink()
    (out / "masks" / "a.png").unlink()
    stamp = (out / "masks" / "e.png").stat().st_mtime_ns
    Image.fromarray(PIXELS).save(images / "bad.png")
    report = predict_folder(exported, images, out, **options)
    assert [os.path.basename(p) for p in report.done] == ["a.png", "bad.png"] and len(report.before) == 4
    assert (out / "masks" / "e.png").stat().st_mtime_ns == stamp
    Image.fromarray(PIXELS[::-1].copy()).save(images / "a.png")  # another picture under a name that was done
    report = predict_folder(exported, images, out, **options)
    assert [os.path.basename(p) for p in report.done] == ["a.png"]
    assert read_mask((out / "masks" / "a.png").read_bytes(), "a.png").shape == PIXELS.shape[:2]
    with pytest.raises(ValueError, match="masks of another model or of other settings"):
        predict_folder(exported, images, out, tta=TTA("h"), **options)


def test_what_is_no_image_by_its_ending_is_named(tmp_path, images, exported, capsys):
    for name in ("IMG_0001.HEIC", "c.jp2", ".hidden", "Thumbs.db"):
        (images / name).touch()
    (images / "more").mkdir()
    for out in (tmp_path / "out", images / "out"):
        report = predict_folder(exported, images, out, tile=96, overlap=48, progress=False)
        assert report.left == ["IMG_0001.HEIC", "c.jp2", "more/", "notes.txt"]
    with pytest.raises(SystemExit):  # by the bad files
        main([*map(str, (exported, images, out)), "--tile", "96", "--overlap", "48"])
    assert capsys.readouterr().out.endswith(
        "\nleft alone, as no image by its ending: IMG_0001.HEIC, c.jp2, more/ and 1 more\n"
    )


def test_every_ending_of_an_image_is_read(tmp_path, exported):
    folder = tmp_path / "images"
    folder.mkdir()
    for number, ending in enumerate(SUFFIXES):
        Image.fromarray(PIXELS[:32, :32]).save(folder / f"{number}{ending}")
    report = predict_folder(exported, folder, tmp_path / "out", tile=32, overlap=0, progress=False)
    assert len(report.done) == len(SUFFIXES) and report.failed == {} and report.left == []


def test_a_full_disk_stops_the_folder_and_keeps_what_is_done(tmp_path, images, exported):
    out = tmp_path / "out"
    predict_folder(exported, images, out, tile=96, overlap=48, progress=False)
    (out / "masks" / "b.png").unlink()
    with full_disk(after=100), pytest.raises(OSError, match="b.png was not written"):
        predict_folder(exported, images, out, tile=96, overlap=48, progress=False)
    assert len(list((out / "masks").iterdir())) == 4
    assert len(predict_folder(exported, images, out, tile=96, overlap=48, progress=False).done) == 1


def test_folders_that_are_not_there(tmp_path, images, exported):
    with pytest.raises(FileNotFoundError, match="no folder of images"):
        predict_folder(exported, tmp_path / "none", tmp_path / "out")
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileNotFoundError, match="holds no image; expected files that end in .png"):
        predict_folder(exported, tmp_path / "empty", tmp_path / "out")
    Image.fromarray(PIXELS).save(images / "a.jpg")
    with pytest.raises(ValueError, match="would have one mask, a.png"):
        predict_folder(exported, images, tmp_path / "out")
    (images / "a.jpg").unlink()
    with pytest.raises(FileNotFoundError, match="no exported model"):
        predict_folder(tmp_path / "none.onnx", images, tmp_path / "out")
    (images / "a.jpg").unlink(missing_ok=True)
    with pytest.raises(ValueError, match="tile is 100 .* must be multiples of the stride, 16"):
        predict_folder(exported, images, tmp_path / "out", tile=100)
    assert not (tmp_path / "out").exists()  # so the right tile may follow


@pytest.mark.skipif(sys.platform == "win32", reason="torchrun's gloo wants a resolvable host name there")
def test_the_terminal_line_by_torchrun(tmp_path, images, exported):
    line = [
        "-m",
        "nbhelpers.inference",
        exported,
        images,
        tmp_path / "out",
        "--tile",
        "96",
        "--overlap",
        "48",
    ]
    torchrun = ["-m", "torch.distributed.run", "--nproc_per_node", "2", "--standalone"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, *torchrun, *map(str, line)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert "5 done, 0 done before, 2 failed" in done.stdout, done.stdout + done.stderr
    assert done.stdout.count("bad.png: ") == 1 and done.returncode == 1
    assert len(list((tmp_path / "out" / "masks").iterdir())) == 5


# The many kinds of files, by windows: the reader is that of Folder, tried in tests/datasets/test_files.py


@pytest.mark.parametrize("bands", [1, 2, 5])
@pytest.mark.parametrize("planar", [False, True])
def test_bands_and_ranges_by_windows(tmp_path, bands, planar):
    values = np.random.default_rng(0).integers(-500, 1500, (70, 90, bands)).astype(np.int16)
    path = tmp_path / "a.tif"
    options = {"in_channels": bands, "value_range": (0, 1000)}
    for tile, big in ((None, False), ((32, 16), True)):
        path.write_bytes(tiff_bytes(values, planar=planar, tile=tile, deflate=True, predictor=2, big=big))
        image = open_image(path, **options)
        assert isinstance(image, TiledTiff) and image.shape == (70, 90, bands)
        whole = read_image(path, path, **options)
        assert abs(whole - np.clip(values / 1000, 0, 1) * 255).max() <= 0.5
        assert np.array_equal(image[0:70, 0:90], whole) and np.array_equal(
            image[20:60, 5:7], whole[20:60, 5:7]
        )
    if bands > 1:
        with pytest.raises(ValueError, match=f"a.tif has {bands} bands .* pass in_channels={bands}"):
            open_image(path, value_range=(0, 1000))
    path.write_bytes(tiff_bytes(values, values, tile=(32, 16)))
    with pytest.raises(ValueError, match="a.tif has 2 frames"):
        open_image(path, **options)


def test_arrays_by_a_range(tmp_path):
    np.save(tmp_path / "a.npy", np.linspace(-1, 1, 54).reshape(6, 9))
    image = open_image(tmp_path / "a.npy", value_range=(-1, 1))
    assert image.shape == (6, 9, 3) and image[0:6, 0:9].min() == 0 and image[5:6, 8:9].max() == 255


def test_a_tiff_that_was_read_leaves_no_cycle(tmp_path):
    path = tmp_path / "a.tif"
    path.write_bytes(tiff_bytes(PIXELS, photometric=2, tile=(64, 48)))
    image = open_image(path)
    image[0:150, 0:210]
    gone = weakref.ref(image)
    gc.disable()  # only references count
    try:
        del image
        assert gone() is None
    finally:
        gc.enable()


def test_a_tiff_keeps_a_bounded_number_of_tiles(tmp_path, monkeypatch):
    monkeypatch.setattr(sources, "CACHE_BYTES", 3 * 64 * 48 * 3)
    path = tmp_path / "a.tif"
    path.write_bytes(tiff_bytes(PIXELS, photometric=2, tile=(64, 48)))
    image = open_image(path)
    assert np.array_equal(image[0:150, 0:210], PIXELS) and len(image._kept) == 3


def test_models_of_other_channels_take_files_of_as_many(tmp_path):
    (tmp_path / "images").mkdir()
    values = np.random.default_rng(0).integers(0, 256, (40, 50, 4)).astype(np.uint8)
    for bands in (1, 4):
        model = nn.Conv2d(bands, 2, 1)
        export(model, tmp_path / "m.onnx", in_channels=bands)
        loaded = OnnxModel(tmp_path / "m.onnx")
        assert loaded.in_channels == bands
        part = values[..., 0] if bands == 1 else values
        path = tmp_path / "images" / "a.tif"
        path.write_bytes(tiff_bytes(part, photometric=1, tile=(16, 16)))
        out = tmp_path / f"out{bands}"
        report = predict_folder(tmp_path / "m.onnx", tmp_path / "images", out, progress=False)
        assert report.failed == {}
        expected = predict(model, part, ids=True)
        assert np.array_equal(read_mask(out / "masks" / "a.png", "a", ids={0, 1}), expected.numpy())
        assert torch.equal(predict(loaded, part, ids=True), expected)
        assert Image.open(out / "overlays" / "a.jpg").size == (50, 40)
    Image.fromarray(values[..., :3]).save(tmp_path / "images" / "rgb.png")
    report = predict_folder(tmp_path / "m.onnx", tmp_path / "images", out, progress=False)
    assert list(report.failed.values()) == [
        f"{tmp_path / 'images' / 'rgb.png'} has 3 bands (red, green, blue), but 4 are due: pass in_channels=3 to take "
        "them all, or write it with 4"
    ]


def test_arrays_of_12_bits_need_the_range_of_the_training(tmp_path, exported):
    (tmp_path / "images").mkdir()
    values = (PIXELS[:40, :50, 0].astype(float) / 255 * 4095).round().astype(np.uint16)
    np.save(tmp_path / "images" / "a.npy", values)
    options = {"tile": 96, "overlap": 48, "progress": False}
    report = predict_folder(exported, tmp_path / "images", tmp_path / "out", **options)
    (fault,) = report.failed.values()
    assert "image is uint16 with values up to 4095" in fault and "by --range at the command line" in fault
    report = predict_folder(exported, tmp_path / "images", tmp_path / "2", value_range=(0, 4095), **options)
    ids = predict(network(), PIXELS[:40, :50, 0], ids=True, stride=16)
    assert np.array_equal(read_mask(tmp_path / "2" / "masks" / "a.png", "a", ids=range(9)), ids.numpy())


def test_more_than_8_bits_need_the_range_of_the_training(tmp_path, exported, capsys):
    (tmp_path / "images").mkdir()
    for name, top in (("a.png", 4095), ("b.tif", 4095)):
        values = (PIXELS[:40, :50, 0].astype(float) / 255 * top).round().astype(np.uint16)
        Image.fromarray(values).save(tmp_path / "images" / name)
    line = [
        str(part) for part in (exported, tmp_path / "images", tmp_path / "out", "--tile", 96, "--overlap", 48)
    ]
    with pytest.raises(SystemExit):
        main(line)
    assert (
        capsys.readouterr().out.count("has 16 bits; say which numbers are black and white for this model")
        == 2
    )
    with pytest.raises(SystemExit, match="masks of another model or of other settings"):
        main([*line, "--range", "0", "4095"])
    line[2] = str(tmp_path / "other")
    main([*line, "--range", "0", "4095"])
    ids = predict(network(), PIXELS[:40, :50, 0], ids=True, stride=16)
    assert np.array_equal(read_mask(tmp_path / "other" / "masks" / "a.png", "a", ids=range(9)), ids.numpy())
