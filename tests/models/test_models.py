"""One tester for all architectures: a new one adds a line to the table.

The models are small, since the width changes nothing that is tested here; what is particular to one architecture
stands in a file of its own.
"""

import copy
import pickle
import shutil

import numpy as np
import onnxruntime
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch.export import Dim

from nbhelpers.checks import overfit_one_batch
from nbhelpers.models.deeplabv3 import DeepLabV3
from nbhelpers.models.deeplabv3_plus import DeepLabV3Plus
from nbhelpers.models.encoder_fc_densenet import EncoderFCDenseNet
from nbhelpers.models.encoder_unet import EncoderUNet, Pix2PixUNet
from nbhelpers.models.fc_densenet import FCDenseNet
from nbhelpers.models.fc_hardnet import FCHarDNet
from nbhelpers.models.fcn8 import FCN8, FastFCN8
from nbhelpers.models.fpn import FPN
from nbhelpers.models.gcn import GCN
from nbhelpers.models.maskformer import MaskFormer
from nbhelpers.models.pspnet import PSPNet
from nbhelpers.models.segformer import SegFormer
from nbhelpers.models.segnet import SegNet
from nbhelpers.models.unet import UNet
from nbhelpers.models.unet_plus_plus import UNetPlusPlus
from nbhelpers.models.vit import FeaturePyramid, ViTEncoder

SMALL_FCN8 = {"widths": (8, 8, 16, 16, 16), "fc_channels": 32}


def fpn_on_vit(*, num_classes, in_channels=3):
    encoder = FeaturePyramid(ViTEncoder("test_vit", in_channels=in_channels))
    return FPN(num_classes=num_classes, encoder=encoder, pyramid_channels=16, head_channels=32)


MODELS = {  # name: the class, and what makes it small
    "unet": (UNet, {"widths": (4, 8, 16)}),
    "unet-squeezenet": (EncoderUNet, {"encoder": "squeezenet", "widths": (32, 16, 16, 8)}),
    "unet-pix2pix": (Pix2PixUNet, {"encoder": "resnet18", "widths": (32, 16, 16, 8)}),
    "unet++": (UNetPlusPlus, {"widths": (4, 8, 16), "num_upsampling": 2}),
    "unet++-squeezenet": (
        UNetPlusPlus,
        {"encoder": "squeezenet", "widths": (8, 16, 16), "num_upsampling": 2},
    ),
    "segnet": (SegNet, {"widths": (8, 16, 16), "convolutions": (1, 2, 2), "num_upsampling": 3}),
    "segnet-squeezenet": (SegNet, {"encoder": "squeezenet", "num_upsampling": 2}),
    "fcn8": (FCN8, SMALL_FCN8),
    "fastfcn8": (FastFCN8, SMALL_FCN8),
    "pspnet": (PSPNet, {"encoder": "resnet18", "hidden_channels": 16}),
    "fpn": (FPN, {"encoder": "squeezenet", "pyramid_channels": 16, "head_channels": 32}),
    "gcn": (GCN, {"encoder": "squeezenet", "kernel_size": 7}),
    "deeplabv3": (DeepLabV3, {"encoder": "resnet18", "output_stride": 16, "hidden_channels": 16}),
    "deeplabv3+": (
        DeepLabV3Plus,
        {"encoder": "resnet18", "hidden_channels": 32, "attention": "se"},
    ),
    "fc-densenet": (FCDenseNet, {"layers": (2, 2, 2), "growth_rate": 4, "stem_channels": 8}),
    "fc-densenet-resnet": (
        EncoderFCDenseNet,
        {"encoder": "resnet18", "layers": (2, 1, 1, 1, 1), "growth_rate": 4, "bottleneck_blocks": 2},
    ),
    "fc-hardnet": (
        FCHarDNet,
        {"stem_widths": (4, 8, 8, 8), "widths": (8, 16), "growth_rates": (4, 6), "layers": (4, 4)},
    ),
    "fpn-vit": (fpn_on_vit, {}),
    "segformer": (SegFormer, {"widths": (8, 16, 20, 32), "depths": (1, 1, 1, 1), "head_channels": 16}),
    "maskformer": (
        MaskFormer,
        {
            "encoder": "resnet18",
            "levels": ("c2", "c3", "c4"),
            "num_queries": 6,
            "channels": 32,
            "layers": 2,
            "heads": 2,
            "hidden_channels": 32,
        },
    ),
}

LEARNING_RATES = {"maskformer": 1e-3}  # a decoder whose norms come last diverges at more


@pytest.fixture(params=MODELS)
def build(request):
    torch.manual_seed(0)
    make, small = MODELS[request.param]
    return lambda num_classes=5, **options: make(num_classes=num_classes, **small, **options)


def with_aux(model, images):
    return model.forward_with_aux(images) if hasattr(model, "forward_with_aux") else (model(images), None)


def settle(model):
    """Batch-norm statistics of noise, without which an untrained network's logits in eval() may be anything."""
    with torch.no_grad():
        model.train()(torch.rand(4, 3, 64, 64))
    return model.eval()


@torch.inference_mode()
def test_logits_are_as_large_as_the_image(build):
    model = build().eval()
    for size in [(64, 96), (33, 47), (101, 101), (350, 525)]:
        assert model(torch.rand(1, 3, *size)).shape == (1, 5, *size)


def test_every_parameter_gets_a_gradient(build):
    model = build().train()
    for parameter in model.parameters():
        # a gate that starts shut, as ResNet's last batch norm, hides what lies behind it
        if not parameter.any():
            torch.nn.init.normal_(parameter)
    logits, aux_logits = with_aux(model, torch.rand(2, 3, 64, 96))
    loss = logits.square().mean() + (0 if aux_logits is None else aux_logits.square().mean())
    loss.backward()
    assert [name for name, p in model.named_parameters() if p.grad is None or not p.grad.any()] == []


def test_a_batch_of_one_trains(build):
    build().train()(torch.rand(1, 3, 33, 47)).mean().backward()


@pytest.mark.parametrize(("num_classes", "in_channels"), [(1, 1), (2, 3), (11, 4)])
def test_classes_and_channels_are_free(build, num_classes, in_channels):
    model = build(num_classes, in_channels=in_channels)
    assert model(torch.rand(2, in_channels, 32, 64)).shape == (2, num_classes, 32, 64)


def test_training_and_evaluation_agree_in_type(build):
    model, images = build(), torch.rand(2, 3, 48, 64)
    for training in (True, False):
        model.train(training)
        logits, aux_logits = with_aux(model, images)
        for output in [model(images), logits] + ([] if aux_logits is None else [aux_logits]):
            assert (type(output), output.dtype, output.shape) == (torch.Tensor, torch.float32, (2, 5, 48, 64))


def test_bf16_and_channels_last_stay_close_to_fp32(build):
    model, images = settle(build()), torch.rand(2, 3, 64, 96)
    with torch.inference_mode():
        expected = model(images)
        with torch.autocast("cpu", torch.bfloat16):
            logits = model.to(memory_format=torch.channels_last)(images.to(memory_format=torch.channels_last))
    assert logits.isfinite().all()
    assert (logits.float() - expected).abs().mean() < 0.05 * expected.std()


def test_training_in_bf16_is_finite(build):
    model = build().train()
    with torch.autocast("cpu", torch.bfloat16):
        loss = model(torch.rand(2, 3, 48, 64)).float().square().mean()
    loss.backward()
    assert all(p.grad.isfinite().all() for p in model.parameters() if p.grad is not None)


@torch.inference_mode()
def test_a_model_from_the_meta_device_computes_the_same_once_it_is_loaded(build):
    model, images = build().eval(), torch.rand(1, 3, 64, 64)
    with torch.device("meta"):
        other = build().eval()
    other = other.to_empty(device="cpu")
    for buffer in other.buffers():
        buffer.fill_(7)  # what an empty one holds is by chance
    other.load_state_dict(model.state_dict())
    torch.testing.assert_close(other(images), model(images))


def test_the_state_survives_safetensors(build, tmp_path):
    model, images = settle(build()), torch.rand(1, 3, 48, 64)
    save_file(model.state_dict(), tmp_path / "model.safetensors")
    other = build().eval()  # with other random weights
    with torch.inference_mode():
        assert not torch.equal(other(images), model(images))
        other.load_state_dict(load_file(tmp_path / "model.safetensors"))
        assert torch.equal(other(images), model(images))


def test_the_same_seed_gives_the_same_training(build):
    def one_step():
        torch.manual_seed(1)
        model = build().train()
        logits = model(torch.rand(2, 3, 48, 64))
        logits.square().mean().backward()
        return [logits] + [p.grad for p in model.parameters() if p.grad is not None]

    assert all(map(torch.equal, one_step(), one_step()))


def test_copies_and_pickles_are_independent_twins(build):
    model, images = settle(build()), torch.rand(1, 3, 48, 64)
    with torch.inference_mode():
        expected = model(images)
        for twin in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
            # not bit for bit: how BLAS sums depends on where in memory a weight begins
            torch.testing.assert_close(twin(images), expected, atol=1e-6, rtol=1e-5)
            for parameter in twin.parameters():
                parameter.zero_()
            assert torch.equal(model(images), expected)


def test_export_and_onnx_give_the_same_logits_at_another_size(build, tmp_path):
    model = settle(build())
    size = {2: Dim.DYNAMIC, 3: Dim.DYNAMIC}
    program = torch.export.export(model, (torch.rand(1, 3, 64, 96),), dynamic_shapes=({**size},))
    torch.onnx.export(program, f=tmp_path / "model.onnx", verbose=False)
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx", providers=["CPUExecutionProvider"])
    images = torch.rand(1, 3, 50, 71)
    with torch.inference_mode():
        expected = model(images)
        # torch 2.10 and 2.11 guard against sizes, odd ones, for which the program is right all the same
        torch.testing.assert_close(program.module(check_guards=False)(images), expected, atol=1e-4, rtol=1e-4)
    (logits,) = session.run(None, {session.get_inputs()[0].name: images.numpy()})
    np.testing.assert_allclose(logits, expected.numpy(), atol=1e-3, rtol=1e-3)


def test_one_batch_is_learnt_by_heart(build, request):
    """Upright bands in one image and level ones in the other, in noise: a model must see and place both."""
    bands = torch.arange(64).div(22, rounding_mode="floor").expand(64, 64)  # classes 0, 1, 2
    masks = torch.stack([bands, bands.T])
    images = masks[:, None] / 4 + torch.rand(2, 3, 64, 64) / 4
    lr = LEARNING_RATES.get(request.node.callspec.params["build"], 1e-2)
    assert overfit_one_batch(build(3), (images, masks), steps=100, lr=lr) > 0.95


@pytest.mark.skipif(
    not shutil.which("c++"), reason="torch.compile needs a C++ compiler, and there is none here"
)
def test_a_model_can_be_compiled():
    torch.manual_seed(0)
    model, images = settle(UNet(num_classes=2, widths=(4, 8))), torch.rand(1, 3, 33, 47)
    with torch.inference_mode():
        torch.testing.assert_close(torch.compile(model)(images), model(images), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize(
    ("build_full", "parameters"),
    [  # the second: the same layers written by others (milesial/Pytorch-UNet, 64 channels); 9 heads of 64 + 1 less
        (lambda: UNet(num_classes=2), 31_037_698),
        (lambda: UNet(num_classes=11), 31_038_283),
    ],
)
def test_parameter_counts_are_those_of_the_paper(build_full, parameters):
    with torch.device("meta"):
        assert sum(p.numel() for p in build_full().parameters()) == parameters


def test_unet_halves_and_doubles_as_figure_1_does():
    sides = []
    model = UNet(num_classes=2, widths=(2, 4, 8, 16, 32)).eval()
    for block in [model.stem, *model.downs, *model.ups]:
        block.register_forward_hook(lambda module, inputs, output: sides.append(tuple(output.shape[1:])))
    model(torch.rand(1, 3, 64, 96))
    assert sides == [
        (2, 64, 96), (4, 32, 48), (8, 16, 24), (16, 8, 12), (32, 4, 6),
        (16, 8, 12), (8, 16, 24), (4, 32, 48), (2, 64, 96),
    ]  # fmt: skip
