"""SMP's encoders from a file and from a mirror of the hub, which a server of ours plays."""

import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import segmentation_models_pytorch as smp
import torch
from huggingface_hub import constants
from safetensors.torch import save_file

from nbhelpers.models import hub
from nbhelpers.models.encoders import Encoder
from nbhelpers.models.smp_encoders import fetch_smp_encoder, load_smp_encoder


def unet(encoder="resnet18", **options):
    return smp.Unet(encoder, encoder_weights=None, decoder_channels=(16, 8, 8, 8, 4), **options)


@pytest.fixture(scope="module")
def learnt(tmp_path_factory):
    """An encoder's weights, and the file that the hub would have of it, with a classifier."""
    torch.manual_seed(1)
    state = unet().encoder.state_dict()
    path = tmp_path_factory.mktemp("weights") / "model.safetensors"
    save_file(state | {"fc.weight": torch.zeros(10, 512), "fc.bias": torch.zeros(10)}, path)
    return state, path


def assert_same(state, other):
    assert state.keys() == other.keys() and all(torch.equal(state[name], other[name]) for name in state)


@pytest.mark.parametrize("suffix", ["safetensors", "pth"])
def test_a_file_stands_in_for_the_hub(learnt, tmp_path, suffix):
    state, path = learnt
    if suffix == "pth":
        path = tmp_path / "weights.pth"
        torch.save(state, path)
    model = unet()
    load_smp_encoder(model, path)
    assert_same(model.encoder.state_dict(), state)


def test_more_channels_are_set_afterwards(learnt):
    state, path = learnt
    model = unet(in_channels=5)
    with pytest.raises(
        ValueError, match=r"1 of its 1\d\d tensors .*'conv1.weight', is \(64, 3, 7, 7\) .*three channels"
    ):
        load_smp_encoder(model, path)
    model = unet()
    load_smp_encoder(model, path)
    model.encoder.set_in_channels(5)
    expected = state["conv1.weight"][:, [0, 1, 2, 0, 1]] * 3 / 5
    torch.testing.assert_close(model.encoder.conv1.weight.data, expected)
    assert model.eval()(torch.rand(1, 5, 64, 64)).shape == (1, 1, 64, 64)


def test_files_and_models_that_do_not_fit(learnt, tmp_path):
    state, path = learnt
    other = unet("mobilenet_v2")
    before = {name: value.clone() for name, value in other.encoder.state_dict().items()}
    with pytest.raises(
        ValueError, match="does not fit MobileNetV2Encoder: .* the first, 'features.0.0.weight', is missing"
    ):
        load_smp_encoder(other, path)
    assert_same(other.encoder.state_dict(), before)
    with pytest.raises(FileNotFoundError, match="no file of weights at .*nowhere; fetch_smp_encoder"):
        load_smp_encoder(unet(), tmp_path / "nowhere")
    with pytest.raises(ValueError, match="Linear has no encoder of SMP"):
        load_smp_encoder(torch.nn.Linear(1, 1), path)
    with pytest.raises(ValueError, match="tu-resnet18 is timm's: .*pretrained_cfg_overlay"):
        load_smp_encoder(unet("tu-resnet18"), path)


def test_timms_encoders_take_a_file_by_timm(learnt):
    state, path = learnt  # torchvision's names, which are timm's
    overlay = {"file": str(path)}
    model = smp.Unet("tu-resnet18", encoder_weights=True, pretrained_cfg_overlay=overlay)
    assert torch.equal(model.encoder.model.conv1.weight, state["conv1.weight"])


def test_names_that_smp_does_not_have():
    with pytest.raises(ValueError, match="SMP has no encoder 'resnet19'; it has resnet18, resnet34"):
        fetch_smp_encoder("resnet19")
    with pytest.raises(ValueError, match="no weights 'instagram' of resnet18; it has imagenet, ssl, swsl"):
        fetch_smp_encoder("resnet18", "instagram")
    with pytest.raises(ValueError, match="tu-resnet18 is timm's"):
        fetch_smp_encoder("tu-resnet18")


def test_without_internet_the_error_names_the_file(monkeypatch):
    def offline(*arguments, **options):
        raise hub.requests.ConnectionError

    monkeypatch.setattr(hub.requests, "head", offline)
    monkeypatch.setattr(hub, "try_to_load_from_cache", lambda *arguments, **options: None)
    with pytest.raises(ConnectionError) as caught:
        fetch_smp_encoder("resnet18")
    for part in (
        "SMP's weights 'imagenet' of resnet18 could not be fetched (ConnectionError)",
        "https://huggingface.co/smp-hub/resnet18.imagenet/resolve/3f2325ff978283d47aa6a1d6878ca20565622683/model.safetensors",
        "call load_smp_encoder(model, '.../model.safetensors')",
    ):
        assert part in str(caught.value)


# A mirror

COMMIT = "3f2325ff978283d47aa6a1d6878ca20565622683"  # the revision that SMP asks for


@pytest.fixture
def mirror(learnt):
    """A server with the hub's layout and headers; what was asked for, method and path."""
    content, asked = learnt[1].read_bytes(), []

    class Hub(BaseHTTPRequestHandler):
        def do_HEAD(self):
            self.answer(with_body=False)

        def do_GET(self):
            self.answer(with_body=True)

        def answer(self, with_body):
            asked.append(f"{self.command} {self.path}")
            files = {"model.safetensors": content, "config.json": b"{}"}
            body = files.get(self.path.rsplit("/", 1)[-1])
            self.send_response(200 if body else 404)
            self.send_header("Content-Length", str(len(body or b"")))
            self.send_header("ETag", f'"{len(body or b"")}"')
            self.send_header("X-Repo-Commit", COMMIT)
            self.end_headers()
            if with_body and body:
                self.wfile.write(body)

        def log_message(self, *arguments):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", asked
    server.shutdown()
    server.server_close()


def test_a_mirror_serves_smp_and_our_encoder(mirror, learnt, tmp_path, monkeypatch):
    address, asked = mirror
    script = "from huggingface_hub import constants; print(constants.HUGGINGFACE_CO_URL_TEMPLATE)"
    env = os.environ | {"HF_ENDPOINT": address}  # is read on import, so in a Python of its own
    template = subprocess.run(
        [sys.executable, "-c", script], env=env, capture_output=True, text=True, check=True
    )
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template.stdout.strip())
    monkeypatch.setattr(constants, "ENDPOINT", address)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)

    direct = smp.encoders.get_encoder("resnet18", weights="imagenet")
    fetched = fetch_smp_encoder("resnet18")
    ours = Encoder("resnet18", weights="imagenet")
    assert fetched.is_relative_to(tmp_path)
    for weight in (direct.conv1.weight, ours.backbone["conv1"].weight):
        assert torch.equal(weight, learnt[0]["conv1.weight"])
    assert f"GET /smp-hub/resnet18.imagenet/resolve/{COMMIT}/model.safetensors" in asked
    assert "GET /timm/resnet18.tv_in1k/resolve/main/model.safetensors" in asked
