"""SegFormer against SMP's and transformers' own, whose weights it reads, and against the paper's table."""

import pytest
import segmentation_models_pytorch as smp
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import nn

from nbhelpers.models.segformer import (
    SIZES,
    AllMLPHead,
    EfficientAttention,
    MixFFN,
    OverlapPatches,
    SegFormer,
)

TINY = {"widths": (8, 16, 20, 32), "head_channels": 16}
PARAMETERS = {  # at 150 classes, counted in transformers 5.24; the paper's table says 3.8, 13.7, 27.5, 47.3, 64.1, 84.7 M
    "B0": 3_752_694,
    "B1": 13_715_798,
    "B2": 27_461_974,
    "B3": 47_337_814,
    "B4": 64_108_374,
    "B5": 84_708_694,
}


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)


def unsettle(model):
    """Other numbers in every norm than a new network has."""
    for module in model.modules():
        if isinstance(module, nn.LayerNorm | nn.BatchNorm2d):
            nn.init.normal_(module.weight, mean=1, std=0.3)
            nn.init.normal_(module.bias, std=0.3)
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.running_mean, std=0.3)
            nn.init.uniform_(module.running_var, 0.5, 2)
    return model.eval()


def write(model, path):
    save_file({name: tensor.contiguous() for name, tensor in model.state_dict().items()}, path)
    return path


@pytest.fixture
def of_smp():
    """SMP's network without the resize behind its scores, which keeps the corners in place as the paper's does not."""
    model = smp.Segformer("mit_b0", encoder_weights=None, classes=11)
    model.segmentation_head[1] = nn.Identity()
    return unsettle(model)


def of_transformers(num_classes, *, size="B0"):
    transformers = pytest.importorskip("transformers")
    sizes = SIZES[size]
    config = transformers.SegformerConfig(
        num_labels=num_classes,
        hidden_sizes=list(sizes.get("widths", (32, 64, 160, 256))),
        depths=list(sizes.get("depths", (2, 2, 2, 2))),
        decoder_hidden_size=sizes.get("head_channels", 256),
    )
    return transformers.SegformerForSemanticSegmentation(config)


# Sizes


@pytest.mark.parametrize("size", SIZES)
def test_parameters_of_every_size(size):
    with torch.device("meta"):
        model = SegFormer(num_classes=150, **SIZES[size])
    assert sum(p.numel() for p in model.parameters()) == PARAMETERS[size]


@pytest.mark.parametrize("size", SIZES)
def test_parameters_are_those_of_transformers(size):
    with torch.device("meta"):
        theirs = of_transformers(150, size=size)
    assert sum(p.numel() for p in theirs.parameters()) == PARAMETERS[size]


def test_stochastic_depth_grows_in_even_steps():
    model = SegFormer(num_classes=2, **TINY, depths=(1, 2, 1, 1), drop_path=0.4)
    rates = [block.drop_path.p for stage in model.stages for block in stage.blocks]
    assert rates == pytest.approx([0, 0.1, 0.2, 0.3, 0.4])


# Against others


@pytest.mark.parametrize("size", [(64, 96), (47, 75)])
def test_logits_equal_smps(of_smp, size, tmp_path):
    """At sides that 4 divides; SMP cuts an odd map, which ours and transformers' keep."""
    ours = SegFormer(num_classes=11, weights=write(of_smp, tmp_path / "smp.safetensors")).eval()
    images = torch.rand(2, 3, *size)
    features = []
    for stage in ours.stages:
        stage.register_forward_hook(
            lambda module, inputs, output: features.append(output.permute(0, 3, 1, 2))
        )
    with torch.inference_mode():
        logits = ours(images)
        theirs = of_smp.encoder(ours.normalize(images))
        for ours_at_scale, theirs_at_scale in zip(features, theirs[2:], strict=True):
            torch.testing.assert_close(ours_at_scale, theirs_at_scale, atol=1e-4, rtol=1e-4)
        if size == (64, 96):
            scores = of_smp.segmentation_head(of_smp.decoder(theirs))
            torch.testing.assert_close(
                logits, F.interpolate(scores, size=size, mode="bilinear"), atol=1e-4, rtol=1e-4
            )


@pytest.mark.parametrize("size", [(64, 96), (47, 75), (350, 525)])
def test_logits_equal_transformers(size, tmp_path):
    theirs = unsettle(of_transformers(11))
    theirs.save_pretrained(tmp_path)  # in the names of the hub
    ours = SegFormer(num_classes=11, weights=tmp_path / "model.safetensors").eval()
    images = torch.rand(2, 3, *size)
    with torch.inference_mode():
        scores = theirs(ours.normalize(images)).logits
        expected = F.interpolate(scores, size=size, mode="bilinear")
        torch.testing.assert_close(ours(images), expected, atol=1e-4, rtol=1e-4)


def test_gradients_equal_smps(of_smp, tmp_path):
    """The head's joined linear layers teach each of theirs what the paper's order teaches it."""
    ours = SegFormer(num_classes=11, weights=write(of_smp, tmp_path / "smp.safetensors")).eval()
    images, size = torch.rand(2, 3, 64, 64), (64, 64)
    ours(images).square().mean().backward()
    F.interpolate(of_smp(ours.normalize(images)), size=size, mode="bilinear").square().mean().backward()
    theirs = list(of_smp.decoder.mlp_stage)[::-1]
    for layer, reference in [
        *zip(ours.head.linears, (stage.linear for stage in theirs)),
        (ours.head.fuse[0], of_smp.decoder.fuse_stage[0]),
        (ours.stages[0].embed.project, of_smp.encoder.patch_embed1.proj),
    ]:
        torch.testing.assert_close(layer.weight.grad, reference.weight.grad, atol=1e-4, rtol=1e-3)


# The parts


def test_patches_overlap_and_stride():
    assert OverlapPatches(3, 8, stride=4)(torch.rand(1, 33, 47, 3)).shape == (1, 9, 12, 8)
    assert OverlapPatches(8, 16, stride=2)(torch.rand(1, 9, 12, 8)).shape == (1, 5, 6, 16)


@pytest.mark.parametrize(("heads", "reduction"), [(1, 4), (2, 2), (4, 1)])
def test_attention_is_what_its_weights_say(heads, reduction):
    attention, x = EfficientAttention(8, heads=heads, reduction=reduction), torch.randn(2, 8, 12, 8)
    weights = attention.weights(x)
    assert weights.shape == (2, heads, 96, 96 // reduction**2)
    torch.testing.assert_close(weights.sum(dim=-1), torch.ones(2, heads, 96))
    value = attention.project(x)[2]
    found = (weights @ value).transpose(1, 2).reshape(2, 8, 12, 8)
    torch.testing.assert_close(attention(x), attention.out(found))


def test_without_reduction_attention_equals_torchs():
    ours, theirs = EfficientAttention(8, heads=2, reduction=1), nn.MultiheadAttention(8, 2, batch_first=True)
    theirs.in_proj_weight.data = torch.cat([ours.query.weight, ours.key_value.weight]).detach()
    theirs.in_proj_bias.data = torch.cat([ours.query.bias, ours.key_value.bias]).detach()
    theirs.out_proj = ours.out
    x = torch.randn(2, 5, 7, 8)
    tokens = x.flatten(1, 2)
    torch.testing.assert_close(ours(x).flatten(1, 2), theirs(tokens, tokens, tokens)[0])


def test_only_the_padding_of_the_convolution_tells_places_apart():
    """A constant image is the same everywhere but within one pixel of the border."""
    ffn, x = MixFFN(4), torch.ones(1, 7, 9, 4)
    mixed = ffn(x)
    torch.testing.assert_close(mixed[:, 1:-1, 1:-1], mixed[:, 3:4, 3:4].expand(1, 5, 7, 4))
    assert not torch.allclose(mixed[:, 0], mixed[:, 3])


def test_the_head_multiplies_in_another_order_than_the_paper():
    """Linear, resize, join coarsest first, linear: by the paper's order and with its wide maps."""
    head = unsettle(AllMLPHead((4, 6, 8), 16, 5, dropout=0.1))
    features = [torch.randn(2, 4, 9, 12), torch.randn(2, 6, 5, 6), torch.randn(2, 8, 3, 3)]
    wide = []
    for x, linear in zip(features, head.linears):
        x = linear(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        wide.append(F.interpolate(x, size=(9, 12), mode="bilinear"))
    expected = head.classify(head.fuse(torch.cat(wide[::-1], dim=1)))
    torch.testing.assert_close(head(features), expected)


# Weights


def test_a_file_of_the_authors_fills_the_encoder(of_smp, tmp_path):
    """mit_b0.pth of the authors has the names of SMP's encoder, and a classifier that is left out."""
    state = of_smp.encoder.state_dict() | {
        "head.weight": torch.rand(1000, 256),
        "head.bias": torch.rand(1000),
    }
    torch.save(state, tmp_path / "mit_b0.pth")
    ours = SegFormer(num_classes=3, weights=tmp_path / "mit_b0.pth")
    mine = [tensor for name, tensor in ours.state_dict().items() if name.startswith("stages.")]
    assert sum(t.numel() for t in mine) == sum(t.numel() for t in of_smp.encoder.state_dict().values())
    assert torch.equal(ours.stages[3].blocks[1].ffn.shrink.weight, of_smp.encoder.block4[1].mlp.fc2.weight)
    assert torch.equal(
        ours.stages[1].blocks[0].attention.reduce_norm.bias, of_smp.encoder.block2[0].attn.norm.bias
    )


@pytest.mark.parametrize("num_classes", [11, 4])
def test_a_head_is_taken_as_far_as_it_fits(of_smp, num_classes, tmp_path):
    ours = SegFormer(num_classes=num_classes, weights=write(of_smp, tmp_path / "smp.safetensors"))
    assert torch.equal(ours.head.fuse[1].running_var, of_smp.decoder.fuse_stage[1].running_var)
    same = ours.head.classify.weight.shape == of_smp.segmentation_head[0].weight.shape
    assert same == (num_classes == 11)
    assert not same or torch.equal(ours.head.classify.weight, of_smp.segmentation_head[0].weight)


def test_a_file_of_our_own_names(tmp_path):
    source = SegFormer(num_classes=3, **TINY)
    ours = SegFormer(num_classes=3, **TINY, weights=write(source, tmp_path / "own.safetensors"))
    assert all(map(torch.equal, source.state_dict().values(), ours.state_dict().values()))


@pytest.mark.parametrize("in_channels", [1, 4])
def test_a_file_of_as_many_channels_passes_unchanged(in_channels, tmp_path):
    source = SegFormer(num_classes=3, **TINY, in_channels=in_channels)
    path = write(source, tmp_path / "own.safetensors")
    ours = SegFormer(num_classes=3, **TINY, in_channels=in_channels, weights=path)
    assert all(map(torch.equal, source.state_dict().values(), ours.state_dict().values()))
    with pytest.raises(
        ValueError, match=rf"project.weight is \(8, {in_channels}, 7, 7\) in the file, but \(8, 2, 7,"
    ):
        SegFormer(num_classes=3, **TINY, in_channels=2, weights=path)


@pytest.mark.parametrize("in_channels", [1, 4])
def test_the_first_layer_is_fitted_to_other_channels(in_channels, tmp_path):
    path = write(SegFormer(num_classes=3, **TINY), tmp_path / "own.safetensors")
    kernel = SegFormer(num_classes=3, **TINY, weights=path).stages[0].embed.project.weight
    fitted = (
        SegFormer(num_classes=3, **TINY, in_channels=in_channels, weights=path).stages[0].embed.project.weight
    )
    torch.testing.assert_close(
        fitted.sum(dim=1),
        kernel.sum(dim=1) if in_channels == 1 else kernel[:, [0, 1, 2, 0]].sum(dim=1) * 3 / 4,
    )


def test_what_cannot_be_is_refused(of_smp, tmp_path):
    with pytest.raises(
        FileNotFoundError, match="no file of weights at imagenet; weights must be the path of a .saf"
    ):
        SegFormer(num_classes=3, weights="imagenet")
    path = write(of_smp, tmp_path / "smp.safetensors")
    with pytest.raises(
        ValueError,
        match=r"smp.safetensors does not fit this SegFormer: stages.0.embed.project.weight is \(32, 3, 7, 7\) in "
        r"the file, but \(64, 3, 7, 7\) here. Build the model with the size of the file",
    ):
        SegFormer(num_classes=11, **SIZES["B1"], weights=path)
    with pytest.raises(ValueError, match="stages.0.blocks.2.norm1.weight is not in the file"):
        SegFormer(num_classes=11, depths=(3, 2, 2, 2), weights=path)
    with pytest.raises(
        ValueError,
        match=r"stages.0.blocks.1.* is \(\d+,.*\) in the file, but not here. Build the model",
    ):
        SegFormer(num_classes=11, depths=(1, 2, 2, 2), weights=path)
    with pytest.raises(
        ValueError, match=r"3 heads cannot share 32 channels evenly; widths are \(32, 64, 160, 256\)"
    ):
        SegFormer(num_classes=3, heads=(3, 2, 5, 8))
    model = SegFormer(num_classes=3, **TINY).eval()
    with pytest.raises(
        ValueError, match="images are 28 x 99, but SegFormer needs 29 pixels a side or more: enlarge"
    ):
        model(torch.rand(1, 3, 28, 99))
    assert model(torch.rand(1, 3, 29, 29)).shape == (1, 3, 29, 29)
