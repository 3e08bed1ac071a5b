"""The stored network for irises: its file, its sizes, its score, and what it says where there is no iris."""

import json
from importlib.resources import files

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from nbhelpers.datasets import Eyes
from nbhelpers.iris import e1
from nbhelpers.iris.segmenter import WEIGHTS, WORKING_SIZE, IrisSegmenter, load_segmenter, nearest_size
from nbhelpers.metrics import ConfusionMatrix
from tools.record import RESULTS

FILE = files("nbhelpers.iris") / WEIGHTS


@pytest.fixture(scope="module")
def segmenter():
    return load_segmenter()


def test_the_file_is_small_and_is_what_was_scored():
    recorded = json.loads((RESULTS / "iris_segmenter.json").read_text())
    assert FILE.stat().st_size < 5e6
    assert FILE.stat().st_size == recorded["results"]["file"]["bytes"]
    assert recorded["command"] == "python -m tools.train_iris"
    training = recorded["results"]["training"]
    assert training["seconds"] > 0 and all("seed" in stage for stage in training["stages"])


def test_loading_gives_an_evaluating_network_in_float32(segmenter):
    model = load_segmenter()
    assert not model.training and all(p.dtype == torch.float32 for p in model.parameters())
    stored = load_file(FILE)  # a safetensors file: numbers only
    assert set(stored) == set(model.state_dict())
    assert all(torch.equal(value.float(), stored[name].float()) for name, value in model.state_dict().items())


@pytest.mark.parametrize("size", [(240, 320), (96, 128), (57, 131), (33, 32), (301, 150), (1, 1), (20, 900)])
def test_logits_are_as_large_as_the_image(segmenter, size):
    with torch.inference_mode():
        logits = segmenter(torch.rand(2, 3, *size))
    assert logits.shape == (2, 2, *size) and logits.isfinite().all()


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((240, 320), WORKING_SIZE),
        ((96, 128), WORKING_SIZE),
        ((200, 200), (278, 278)),
        ((2, 2000), (32, 8764)),
    ],
)
def test_an_image_keeps_its_shape_on_the_way_in(size, expected):
    assert nearest_size(size, WORKING_SIZE) == expected


def test_every_parameter_gets_a_gradient():
    model = IrisSegmenter(widths=(4, 6, 8))
    model(torch.rand(2, 3, 48, 64)).square().mean().backward()
    assert [name for name, p in model.named_parameters() if p.grad is None] == []


@torch.inference_mode()
def test_the_two_logits_have_the_probability_of_the_iris_among_the_parts():
    model, images = IrisSegmenter(widths=(4, 8)).eval(), torch.rand(2, 3, 48, 64)
    of_iris = model.parts(images).softmax(dim=1)[:, 2]
    assert torch.allclose(model(images).softmax(dim=1)[:, 1], of_iris, atol=1e-6)


@torch.inference_mode()
def test_the_other_images_of_a_batch_change_nothing():
    model, noise = IrisSegmenter(widths=(4, 8)).eval(), torch.rand(2, 3, 48, 64)
    images = (
        noise * torch.tensor([0.1, 0.5])[:, None, None, None] + torch.tensor([0.0, 0.5])[:, None, None, None]
    )
    together, alone = model(images), torch.cat([model(image[None]) for image in images])
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=1e-4)


@torch.inference_mode()
def test_a_lower_working_size_is_less_work():
    model, seen = IrisSegmenter(widths=(4, 8)).eval(), []
    model.working_size = (48, 64)
    model.unet.register_forward_pre_hook(lambda _, given: seen.append(tuple(given[0].shape[1:])))
    assert model(torch.rand(1, 3, 120, 160)).shape == (1, 2, 120, 160)
    assert seen == [(12, 24, 32)]  # cells of 2 x 2 pixels of three colours


@torch.inference_mode()
def given_to_the_unet(images):
    model, seen = IrisSegmenter(widths=(4, 8)).eval(), []
    model.unet.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    model(images)
    return seen[0]


def test_a_large_image_is_made_smaller_from_all_its_pixels():
    images = torch.zeros(1, 3, 960, 1280)
    images[..., ::4, 0:640:4] = 1  # dots on the left, between which a coarse grid would look
    seen = given_to_the_unet(images)
    assert seen[..., :70].mean() > 0.5 and seen[..., 90:].mean() < -0.5


def test_the_noise_of_a_blank_image_is_not_blown_up():
    assert given_to_the_unet(0.3 + 1e-4 * torch.randn(1, 3, 240, 320)).std() < 0.01


@torch.inference_mode()
def found(segmenter, images):
    return segmenter(images).argmax(dim=1).bool()


@pytest.mark.parametrize(("size", "least"), [((240, 320), 0.925), ((96, 128), 0.905)])
def test_the_score_on_toy_test(segmenter, size, least):
    pairs = list(Eyes("test", size))
    true = torch.stack([mask for _, mask in pairs])
    predicted = torch.cat([found(segmenter, image[None] / 255) for image, _ in pairs])
    confusion = ConfusionMatrix(2)
    confusion.update(predicted.long(), true.long())
    assert e1(predicted.numpy(), true.bool().numpy()) <= 0.008
    assert confusion.iou[1] >= least  # 0.928 and 0.912 in benchmarks/results/iris_segmenter.json


def test_exposure_contrast_and_colour_do_not_matter(segmenter):
    pairs = [Eyes("test", (240, 320))[index] for index in range(8)]
    for image, _ in pairs:
        image = image[None] / 255
        plain = found(segmenter, image)
        dim = found(segmenter, 0.3 + 0.4 * image)
        assert (plain != dim).float().mean() < 0.003


@pytest.mark.parametrize("level", [0.0, 0.3, 1.0])
def test_a_blank_image_has_no_iris(segmenter, level):
    assert not found(segmenter, torch.full((1, 3, 240, 320), level)).any()


def test_noise_has_no_iris(segmenter):
    generator = torch.Generator().manual_seed(0)
    for noise in (
        torch.rand(4, 3, 240, 320, generator=generator),
        0.5 + 0.05 * torch.randn(4, 1, 240, 320, generator=generator).expand(-1, 3, -1, -1),
    ):
        assert found(segmenter, noise.clamp(0, 1)).float().mean() < 0.001


def test_a_closed_eye_has_no_iris(segmenter):
    dataset = Eyes("test", (240, 320), length=400)
    closed = [index for index in range(400) if dataset.parameters(index).opening == 0]
    shares = [found(segmenter, dataset[index][0][None] / 255).float().mean().item() for index in closed]
    assert len(shares) >= 3 and np.median(shares) == 0 and max(shares) < 0.003
