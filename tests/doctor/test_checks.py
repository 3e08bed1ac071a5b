"""Masks are refused in plain words, the first bad layer is named, and one batch is learnt by heart."""

import math
from collections import OrderedDict

import pytest
import torch
from torch import nn

from nbhelpers.checks import check_masks, first_non_finite, overfit_one_batch
from nbhelpers.models.unet import UNet


def masks_of(*ids):
    return torch.tensor(ids).repeat(2, 5, 1)  # (2, 5, len(ids))


GOOD_MASKS = {
    "ids and void": (masks_of(0, 3, 10, 255), [0, 3, 10, 255]),
    "ids": (masks_of(2, 1, 7, 1), [1, 2, 7]),
    "bytes": (masks_of(0, 10, 255, 1).byte(), [0, 1, 10, 255]),
    "short integers": (masks_of(0, 10, 255, 1).short(), [0, 1, 10, 255]),
    "one mask": (masks_of(0, 1)[0], [0, 1]),
    "all void": (masks_of(255, 255), [255]),
    "all background": (masks_of(0, 0), [0]),
    "none": (torch.empty(0, 4, 4, dtype=torch.long), []),
}


@pytest.mark.parametrize("case", GOOD_MASKS)
def test_good_masks_pass_and_their_ids_are_returned(case):
    masks, ids = GOOD_MASKS[case]
    assert check_masks(masks, 11) == ids


def one_hot():
    return nn.functional.one_hot(masks_of(0, 1, 10, 4), 11).movedim(-1, 1)


ALLOWED = "but the classes are 0..10 and 255 = ignore; "
BAD_MASKS = {
    "black and white": (
        masks_of(0, 255),
        "masks hold 0 and 255, " + ALLOWED + "pass binary=True, or divide the mask by 255",
    ),
    "from 1": (masks_of(1, 2, 11, 255), "masks hold 1, 2, 11 and 255, " + ALLOWED + "the ids start at 1"),
    "one class too many": (
        masks_of(0, 11),
        "masks hold 0 and 11, " + ALLOWED + "raise num_classes, or make them void",
    ),
    "negative": (
        masks_of(0, -1),
        "masks hold -1 and 0, " + ALLOWED + r"if -1 marks void: masks\[masks == -1\] = 255",
    ),
    "beyond a byte": (masks_of(0, 256), "masks hold 0 and 256, " + ALLOWED),
    "blended": (
        masks_of(*range(0, 256, 5)),
        "masks hold 52 values from 0 to 255, " + ALLOWED + "resize .* nearest",
    ),
    "colours": (torch.tensor([0, 128, 64]).expand(8, 9, 3), "these look like colours: Folder.*palette"),
    "one-hot": (
        one_hot(),
        r"shape \(2, 11, 5, 4\), but must be \(N, H, W\).*one-hot: masks = masks.argmax\(1\)",
    ),
    "channel axis": (masks_of(0, 1)[:, None], r"shape \(2, 1, 5, 2\).*masks = masks.squeeze\(1\)"),
    "RGB": (masks_of(0, 128)[:, None].expand(2, 3, 5, 2), "these look like colours"),
    "RGB last": (masks_of(0, 128)[..., None].expand(2, 5, 2, 3), "these look like colours"),
    "one row": (masks_of(0, 1)[0, 0], r"shape \(2,\), .* give one id per pixel"),
    "whole floats": (
        masks_of(0, 1).float(),
        r"masks are float32, but must be integers.*; masks = masks.long\(\)",
    ),
    "fractions": (
        masks_of(0, 1).float() + 0.25,
        "masks are float32 and hold fractions such as 0.25, .*: masks were resized bilinearly; .*nearest",
    ),
    "divided by 255": (
        masks_of(0, 3, 255).float() / 255,
        r"such as 0.0118, .*divided by 255.*; masks = \(masks \* 255\).round\(\).long\(\)",
    ),
    "nan": (masks_of(0, 1) / 0.0, "hold nan or inf.* never divide a mask by its maximum"),
    "bool": (masks_of(0, 1).bool(), r"masks are bool.*masks.long\(\)"),
}


@pytest.mark.parametrize("fault", BAD_MASKS)
def test_bad_masks_are_refused_with_the_values_and_the_cure(fault):
    masks, message = BAD_MASKS[fault]
    with pytest.raises(ValueError, match=message):
        check_masks(masks, 11)


BAD_BINARY = {
    "0 and 128": (
        masks_of(0, 128),
        r"hold 0 and 128, but the classes are 0..1 .*masks = \(masks > 0\).long\(\)",
    ),
    "0/255 as JPEG": (masks_of(0, 2, 251, 255), r"JPEG.*masks = \(masks > 127\).long\(\)"),
    "a trimap of pet, background, outline": (
        masks_of(1, 2, 3),
        r"trimap.*torch.tensor\(\[255, 1, 0, 255\]\)",
    ),
    "0/255": (masks_of(0, 255), "0 and 255, but the classes are 0..1 .* divide the mask by 255"),
}


@pytest.mark.parametrize("fault", BAD_BINARY)
def test_bad_binary_masks(fault):
    masks, message = BAD_BINARY[fault]
    with pytest.raises(ValueError, match=message):
        check_masks(masks, 2)


def test_background_and_void_alone_pass_on_request():
    assert check_masks(masks_of(0, 255), 11, lone_background=True) == [0, 255]
    with pytest.raises(ValueError, match="masks hold 0, 12 and 255"):
        check_masks(masks_of(0, 12, 255), 11, lone_background=True)


def small_unet(num_classes=3):
    torch.manual_seed(0)
    return UNet(num_classes=num_classes, widths=(8, 16))


def squares(num_classes=3, size=(24, 32)):
    """Images whose first channel tells the class, with a void column: (2, 3, H, W) and (2, H, W)."""
    generator = torch.Generator().manual_seed(0)
    masks = torch.randint(num_classes, (2, size[0] // 8, size[1] // 8), generator=generator)
    masks = masks.repeat_interleave(8, 1).repeat_interleave(8, 2)
    images = torch.rand(2, 3, *size, generator=generator) / 4
    images[:, 0] += masks / (2 * num_classes)
    masks[:, :, 0] = 255
    return images, masks


class Divides(nn.Sequential):
    def forward(self, x):
        return super().forward(x) / 0.0


def test_a_finite_model_has_no_first_non_finite():
    assert first_non_finite(small_unet(), squares()[0]) is None


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_the_first_module_that_breaks_is_named(value):
    model = small_unet()
    with torch.no_grad():
        model.ups[0].conv[3].weight[0, 0, 0, 0] = value
    assert first_non_finite(model, squares()[0]) == "ups.0.conv.3"


def test_images_and_the_models_own_forward_are_named_too():
    images, _ = squares()
    assert first_non_finite(Divides(nn.Conv2d(3, 2, 1)), images) == "Divides"
    images[0, 0, 0, 0] = math.nan
    assert first_non_finite(small_unet(), images) == "images"


class Broken(nn.Module):
    def forward(self, x):
        return OrderedDict(out=x, aux=[x.log() - 1])


def test_outputs_within_containers_are_seen():
    model = nn.Sequential(OrderedDict(fine=nn.Identity(), broken=Broken()))
    assert first_non_finite(model, -squares()[0] - 1) == "broken"


def snapshot(model):
    state = {name: value.clone() for name, value in model.state_dict().items()}
    gradients = {f"grad {n}": p.grad.clone() for n, p in model.named_parameters() if p.grad is not None}
    return state | gradients | {"random": torch.get_rng_state()}


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize(
    "aid",
    [
        lambda model, batch: first_non_finite(model, batch[0]),
        lambda model, batch: overfit_one_batch(model, batch, steps=2),
    ],
    ids=["first_non_finite", "overfit_one_batch"],
)
def test_the_caller_keeps_everything(aid, training):
    model = nn.Sequential(small_unet(), nn.Dropout(0.5)).train(training)
    batch = squares()
    model(batch[0]).sum().backward()
    before = snapshot(model)
    with torch.no_grad():  # as a caller might
        aid(model, batch)
    torch.testing.assert_close(snapshot(model), before, rtol=0, atol=0)
    assert model.training == model[0].ups[0].training == training
    assert not any(module._forward_hooks for module in model.modules())


def test_hooks_and_statistics_are_put_back_after_an_error():
    model = nn.Sequential(small_unet(), nn.Conv2d(7, 1, 1))  # after 3 channels
    before = snapshot(model)
    with pytest.raises(RuntimeError, match="channels"):
        first_non_finite(model, squares()[0])
    torch.testing.assert_close(snapshot(model), before, rtol=0, atol=0)
    assert not any(module._forward_hooks for module in model.modules())


@pytest.mark.parametrize("channels", [1, 2, 3])
def test_one_batch_is_learnt_by_heart(channels):
    batch = squares(num_classes=max(2, channels))
    assert overfit_one_batch(small_unet(channels), batch) > 0.95


def test_it_stops_when_steps_end_and_steps_matter():
    images, masks = squares()
    untrained = overfit_one_batch(small_unet(), (images, masks), steps=0)
    assert 0 < untrained < 0.6
    assert overfit_one_batch(small_unet().eval(), (images, masks.byte()), steps=0) == untrained


STEPS = []


class Counted(nn.Identity):
    def forward(self, x):
        STEPS.append(1)
        return x


def test_it_stops_when_the_batch_is_learnt():
    STEPS.clear()
    assert 0.95 < overfit_one_batch(nn.Sequential(small_unet(), Counted()), squares(), steps=2000)
    assert len(STEPS) < 200


def test_a_model_that_cannot_learn_does_not():
    model = small_unet()
    # one class a picture
    model.head = nn.Sequential(model.head, nn.AdaptiveAvgPool2d(1), nn.Upsample(size=(24, 32)))
    assert overfit_one_batch(model, squares(), steps=30) < 0.6


def test_faults_while_overfitting_are_named():
    images, masks = squares()
    with pytest.raises(ValueError, match="masks hold 0 and 255"):
        overfit_one_batch(small_unet(), (images, masks.clamp(max=1) * 255))
    with pytest.raises(ValueError, match="masks are void everywhere"):
        overfit_one_batch(small_unet(), (images, masks.fill_(255)))
    images, masks = squares()
    with pytest.raises(ValueError, match="images hold nan or inf, but must be in 0..1"):
        overfit_one_batch(small_unet(), (images * math.nan, masks))
    model = small_unet()
    model.head.weight.data.fill_(math.nan)
    with pytest.raises(FloatingPointError, match="the loss is nan in step 0, first in the output of 'head'"):
        overfit_one_batch(model, (images, masks))
    for model, name in ((small_unet().requires_grad_(False), "UNet"), (nn.Identity(), "Identity")):
        with pytest.raises(ValueError, match=f"no parameter of this {name} requires a gradient"):
            overfit_one_batch(model, (images, masks))
    model = small_unet()
    model.forward = model.forward  # as accelerate does
    with pytest.raises(ValueError, match="the forward of this UNet was replaced on the instance"):
        overfit_one_batch(model, (images, masks))
