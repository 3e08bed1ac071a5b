"""Plain transformers as encoders against timm's own tokens; the pyramid under the decoders; weights from a served hub."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import huggingface_hub
import pytest
import timm
import torch
import torch.nn.functional as F
from huggingface_hub import constants
from safetensors.torch import save_file

from nbhelpers.models import hub
from nbhelpers.models.deeplabv3 import DeepLabV3
from nbhelpers.models.deeplabv3_plus import DeepLabV3Plus
from nbhelpers.models.fpn import FPN
from nbhelpers.models.gcn import GCN
from nbhelpers.models.pspnet import PSPNet
from nbhelpers.models.vit import FeaturePyramid, ViTEncoder

# timm's own for tests: 0.3 M parameters, 64 channels, patches of 16, positions for 160 x 160
TINY = "test_vit"


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)


@pytest.fixture
def of_timm():
    """A classifier with other numbers than a new one has, as a file of weights holds it."""
    model = timm.create_model(TINY, dynamic_img_size=True).eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    return model


# Features


@pytest.mark.parametrize("size", [(160, 160), (64, 96), (320, 48)])
def test_the_map_is_timms_own_tokens(of_timm, size, tmp_path):
    save_file(of_timm.state_dict(), tmp_path / "model.safetensors")
    encoder, images = ViTEncoder(TINY, weights=tmp_path / "model.safetensors").eval(), torch.rand(2, 3, *size)
    with torch.inference_mode():
        tokens = of_timm.forward_features(encoder.normalize(images))[:, 1:]  # the first is the class token
        c4 = encoder(images)["c4"]
    torch.testing.assert_close(c4.flatten(2).mT, tokens)
    assert c4.shape == (2, 64, size[0] // 16, size[1] // 16)


@pytest.mark.parametrize(
    ("name", "patch", "channels"),
    [
        ("vit_tiny_patch16_224", 16, 192),
        ("vit_small_patch14_dinov2", 14, 384),
        ("vit_small_patch14_reg4_dinov2", 14, 384),  # four registers
        ("vit_small_patch16_dinov3", 16, 384),  # rotary positions
        ("vit_small_patch8_224.dino", 8, 384),
        ("deit_tiny_distilled_patch16_224", 16, 192),  # two prefix tokens
        ("deit3_small_patch16_224", 16, 384),
        ("eva02_tiny_patch14_224", 14, 192),
        ("vit_base_patch16_siglip_224", 16, 768),  # no class token
    ],
)
def test_every_kind_of_plain_transformer_takes_images_of_any_size(name, patch, channels):
    with torch.device("meta"):
        pyramid = FeaturePyramid(ViTEncoder(name)).eval()
        features = pyramid(torch.rand(1, 3, 101, 67))
    h, w = -(-101 // patch), -(-67 // patch)
    expected = {
        "c2": (1, channels // 4, 4 * h, 4 * w),
        "c3": (1, channels // 2, 2 * h, 2 * w),
        "c4": (1, channels, h, w),
        "c5": (1, channels, -(-h // 2), -(-w // 2)),
    }
    assert {level: tuple(x.shape) for level, x in features.items()} == expected
    assert pyramid.channels == {level: shape[1] for level, shape in expected.items()}
    assert list(pyramid.strides.values()) == [patch / 4, patch / 2, patch, 2 * patch]


def test_an_image_that_patches_do_not_divide_is_enlarged_and_no_more():
    encoder, images = ViTEncoder(TINY).eval(), torch.rand(1, 3, 33, 50)
    with torch.inference_mode():
        enlarged = F.interpolate(images, size=(48, 64), mode="bilinear")
        torch.testing.assert_close(encoder(images)["c4"], encoder(enlarged)["c4"], atol=1e-4, rtol=1e-4)


def test_a_frozen_encoder_trains_its_pyramid_alone():
    model = FPN(num_classes=3, encoder=FeaturePyramid(ViTEncoder(TINY)), pyramid_channels=8, head_channels=32)
    model.encoder.encoder.freeze()
    model.train()
    assert not model.encoder.encoder.training
    model(torch.rand(2, 3, 32, 48)).square().mean().backward()
    without = {name for name, p in model.named_parameters() if p.grad is None}
    assert without == {name for name, _ in model.named_parameters() if name.startswith("encoder.encoder.")}
    model.encoder.encoder.unfreeze()
    assert model.train().encoder.encoder.training


# Decoders


@pytest.mark.parametrize(
    ("make", "options"),
    [
        (FPN, {"pyramid_channels": 16, "head_channels": 32}),
        (PSPNet, {"hidden_channels": 16}),
        (PSPNet, {"hidden_channels": 16, "output_stride": 16}),
        (DeepLabV3, {"hidden_channels": 16}),
        (DeepLabV3Plus, {"hidden_channels": 16}),
    ],
)
def test_decoders_take_a_pyramid_in_place_of_a_name(make, options):
    encoder = FeaturePyramid(ViTEncoder(TINY, in_channels=4))
    model = make(num_classes=5, encoder=encoder, **options).train()
    logits = model(torch.rand(2, 4, 33, 47))
    assert logits.shape == (2, 5, 33, 47)
    logits.square().mean().backward()
    assert encoder.to_c2[0].weight.grad is None or encoder.to_c2[0].weight.grad.any()


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (
            lambda: FPN(num_classes=2, encoder=FeaturePyramid(ViTEncoder(TINY)), weights="imagenet"),
            "this FeaturePyramid is built already: give it weights='imagenet' and in_channels=3 where you build it",
        ),
        (
            lambda: PSPNet(num_classes=2, encoder=FeaturePyramid(ViTEncoder(TINY)), in_channels=1),
            "this FeaturePyramid is built already: give it weights=None and in_channels=1 where you build it",
        ),
        (
            lambda: PSPNet(num_classes=2, encoder=ViTEncoder(TINY)),
            "output_stride is 8, but this ViTEncoder has c4: pass 16 for c4 or 8 for c3, with a finer feature",
        ),
        (
            lambda: DeepLabV3(num_classes=2, encoder=FeaturePyramid(ViTEncoder(TINY)), output_stride=32),
            "output_stride is 32, but this FeaturePyramid has c2, c3, c4, c5: pass 16 for c4",
        ),
        (
            lambda: GCN(num_classes=2, encoder=FeaturePyramid(ViTEncoder(TINY))),
            "encoder is a FeaturePyramid, but this model asks for one by name, since it reads c1 to c5; FPN, PSPNet and",
        ),
    ],
)
def test_decoders_refuse_what_they_cannot_use(build, message):
    with pytest.raises(ValueError, match=message):
        build()


# Names and weights


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "vit_tini",
            "'vit_tini' is no model of timm; take a plain vision transformer, such as vit_tiny_patch16_224",
        ),
        (
            "resnet18",
            "resnet18 is no plain vision transformer that takes images of any size; take one such as vit_",
        ),
        ("swin_tiny_patch4_window7_224", "is no plain vision transformer that takes images of any size"),
        ("vit_small_r26_s32_224", "is no plain vision transformer that takes images of any size"),
        ("beit_base_patch16_224", "is no plain vision transformer that takes images of any size"),
        ("test_vit.imagenet", "'imagenet' are no weights of test_vit that timm knows; it has r160_in1k"),
    ],
)
def test_names_that_are_no_plain_transformer_are_refused(name, message):
    with torch.device("meta"), pytest.raises(ValueError, match=message):
        ViTEncoder(name)


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_weights_come_from_a_file(of_timm, suffix, tmp_path):
    path = tmp_path / f"weights{suffix}"
    (save_file if suffix == ".safetensors" else torch.save)(of_timm.state_dict(), path)
    encoder = ViTEncoder(TINY, weights=path)
    assert torch.equal(encoder.backbone.blocks[5].mlp.fc2.weight, of_timm.blocks[5].mlp.fc2.weight)
    assert encoder.licence == "apache-2.0"


def test_weights_of_three_channels_are_fitted_to_others(of_timm, tmp_path):
    save_file(of_timm.state_dict(), tmp_path / "w.safetensors")
    grey = ViTEncoder(
        TINY, weights=tmp_path / "w.safetensors", in_channels=1
    ).backbone.patch_embed.proj.weight
    torch.testing.assert_close(grey, of_timm.patch_embed.proj.weight.sum(dim=1, keepdim=True))


def test_positions_of_another_grid_are_interpolated(of_timm, tmp_path):
    """A file trained at 160 x 160, given positions for 96 x 96."""
    state = of_timm.state_dict()
    state["pos_embed"] = torch.cat([state["pos_embed"][:, :1], torch.ones(1, 36, 64)], dim=1)
    save_file(state, tmp_path / "w.safetensors")
    positions = ViTEncoder(TINY, weights=tmp_path / "w.safetensors").backbone.pos_embed
    torch.testing.assert_close(positions[:, 1:], torch.ones(1, 100, 64))


def test_files_that_do_not_fit_are_refused(of_timm, tmp_path):
    path = tmp_path / "w.safetensors"
    with pytest.raises(
        FileNotFoundError, match="no file of weights at .*w.safetensors; weights must be 'hub', the"
    ):
        ViTEncoder(TINY, weights=path)
    save_file({"a": torch.zeros(1)}, path)
    with pytest.raises(ValueError, match="w.safetensors holds no weights of test_vit: "):
        ViTEncoder(TINY, weights=path)
    save_file(of_timm.state_dict(), path)
    with pytest.raises(ValueError, match="w.safetensors holds no weights of test_vit3: "):
        ViTEncoder("test_vit3", weights=path)
    state = of_timm.state_dict()
    del state["blocks.3.norm1.bias"]
    save_file(state, path)
    with pytest.raises(ValueError, match="(?s)holds no weights of test_vit: .*blocks.3.norm1.bias"):
        ViTEncoder(TINY, weights=path)


# The hub


@pytest.fixture
def served(of_timm, tmp_path, monkeypatch):
    """A hub on this machine that has one file, in the place where timm's repository has it."""
    save_file(of_timm.state_dict(), tmp_path / "model.safetensors")
    content, asked = (tmp_path / "model.safetensors").read_bytes(), []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self):
            asked.append(self.path)
            found = self.path == "/timm/test_vit.r160_in1k/resolve/main/model.safetensors"
            self.send_response(200 if found else 404)
            self.send_header("Content-Length", str(len(content) if found else 0))
            self.send_header("ETag", '"0123456789"')
            self.send_header("X-Repo-Commit", "a" * 40)
            self.end_headers()
            return found

        def do_GET(self):
            if self.do_HEAD():
                self.wfile.write(content)

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        url = f"http://127.0.0.1:{server.server_port}"
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        monkeypatch.setattr(constants, "ENDPOINT", url)
        monkeypatch.setattr(
            constants, "HUGGINGFACE_CO_URL_TEMPLATE", url + "/{repo_id}/resolve/{revision}/{filename}"
        )
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
        cache = {"cache_dir": tmp_path / "cache"}
        for name in ("hf_hub_download", "try_to_load_from_cache"):
            whole = getattr(huggingface_hub, name)
            monkeypatch.setattr(
                hub, name, lambda *given, whole=whole, **options: whole(*given, **options, **cache)
            )
        yield asked
        server.shutdown()


def test_weights_come_from_the_hub_once(served, of_timm):
    encoder = ViTEncoder("test_vit.r160_in1k", weights="hub")
    assert torch.equal(encoder.backbone.norm.weight, of_timm.norm.weight)
    asked = len(served)
    assert asked
    ViTEncoder("test_vit.r160_in1k", weights="hub")
    assert len(served) == asked  # from the cache


def test_without_internet_the_error_says_how_to_go_on(monkeypatch):
    monkeypatch.setattr(
        constants, "HUGGINGFACE_CO_URL_TEMPLATE", "http://127.0.0.1:9/{repo_id}/{revision}/{filename}"
    )
    monkeypatch.setattr(hub, "try_to_load_from_cache", lambda *given, **options: None)
    with pytest.raises(
        ConnectionError,
        match=r"the weights of vit_small_patch14_dinov2.lvd142m could not be fetched \(ConnectionError\). Without "
        r"internet: download http://127.0.0.1:9/timm/vit_small_patch14_dinov2.lvd142m/main/model.safetensors elsewhere",
    ):
        ViTEncoder("vit_small_patch14_dinov2.lvd142m", weights="hub")


def test_a_name_without_weights_says_so():
    with pytest.raises(
        FileNotFoundError, match="timm's hub has no weights of vit_small_patch16_36x1_224: add the tag"
    ):
        ViTEncoder("vit_small_patch16_36x1_224", weights="hub")
