"""Every check of `doctor` fails on its fault, alone, and all pass on a healthy set-up."""

import math
import re
from functools import partial

import numpy as np
import pytest
import segmentation_models_pytorch as smp
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import ConcatDataset, Subset

from nbhelpers.datasets.dataset import SegmentationDataset, collate
from nbhelpers.doctor import CHECKS, Finding, Report, doctor
from nbhelpers.doctor.case import Case, name_of
from nbhelpers.losses import pixel_loss
from nbhelpers.models.fpn import FPN
from nbhelpers.models.unet import UNet

NUM_CLASSES = 5
COLOURS = np.array([(30, 60, 200), (200, 40, 40), (60, 180, 60), (120, 120, 120), (220, 220, 60)])


class Blocks(SegmentationDataset):
    """Coloured squares with noise, void between some; `first` sets which pictures."""

    classes = ("sky", "house", "tree", "road", "sign")
    palette = COLOURS.astype(np.uint8)

    def __init__(self, length=6, first=0, num_classes=NUM_CLASSES):
        super().__init__()
        self.length, self.first, self.classes = length, first, self.classes[:num_classes]

    def __len__(self):
        return self.length

    def read(self, index):
        random = np.random.default_rng(self.first + index)
        mask = random.integers(self.num_classes, size=(4, 6)).repeat(8, 0).repeat(8, 1)  # (32, 48)
        image = (COLOURS[mask] + random.integers(-30, 30, size=(32, 48, 3))).clip(0, 255).astype(np.uint8)
        mask[:, ::8] = 255
        return image, mask


def batch_of(data, count=4):
    return collate([data[index] for index in range(count)])


def small_unet(num_classes=NUM_CLASSES):
    torch.manual_seed(0)
    return UNet(num_classes=num_classes, widths=(8, 16))


@pytest.fixture(scope="module")
def trained():
    """Weights after 40 steps: enough to beat the majority baseline in eval mode."""
    model, (images, masks) = small_unet(), batch_of(Blocks())
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    for _ in range(40):
        optimizer.zero_grad()
        pixel_loss(model(images), masks).backward()
        optimizer.step()
    return model.state_dict()


def healthy(stage="start", weights=None, num_classes=NUM_CLASSES):
    """Arguments of a doctor's visit in which nothing is wrong, for a fault to spoil."""
    data = Blocks(num_classes=num_classes)
    images, masks = batch_of(data)
    model = small_unet(num_classes)
    if weights is not None:
        model.load_state_dict(weights)
    return {
        "model": model.train(stage != "scoring"),
        "images": images,
        "masks": masks,
        "loss": None,
        "stage": stage,
        "lr": 1e-2,
        "train": data,
        "valid": Blocks(length=3, first=100, num_classes=num_classes),
    }


def visit(case):
    rest = {name: case[name] for name in ("stage", "lr", "train", "valid")}
    return doctor(case["model"], (case["images"], case["masks"]), case["loss"], **rest)


def test_a_healthy_start_passes_every_check_but_the_baseline():
    report = visit(healthy())
    assert report.failed == []
    assert list(report.unchecked) == ["baseline"]


@pytest.mark.parametrize("stage", ["training", "scoring"])
def test_a_healthy_trained_model_passes(stage, trained):
    report = visit(healthy(stage, trained))
    assert report.failed == []
    assert "baseline" in [finding.name for finding in report]
    assert {"starting loss", "learning rate"} <= set(report.unchecked)


def test_one_channel_is_healthy_for_two_classes():
    case = healthy(num_classes=2)
    case["model"] = small_unet(num_classes=1)
    assert visit(case).failed == []
    assert visit(case | {"train": None, "valid": None}).failed == []


def test_floats_that_resizing_pushed_below_0_are_not_taken_for_normalised():
    case = healthy()
    scale(case, 1, -5e-4)
    assert case["images"].min() < 0 and visit(case).failed == []


LOSSES = {
    "cross-entropy": lambda: nn.CrossEntropyLoss(ignore_index=255),
    "weighted": lambda: partial(pixel_loss, class_weights=torch.ones(NUM_CLASSES)),
    "SMP's Dice": lambda: smp.losses.DiceLoss("multiclass", ignore_index=255),
    "SMP's focal": lambda: smp.losses.FocalLoss("multiclass", ignore_index=255),
    "SMP's Lovász": lambda: smp.losses.LovaszLoss("multiclass", ignore_index=255),
}


@pytest.mark.parametrize("loss", LOSSES)
def test_known_losses_are_healthy(loss):
    assert visit(healthy() | {"loss": LOSSES[loss]()}).failed == []


def zero_head():
    model = small_unet()  # every logit is 0 at first, which is no probability
    nn.init.zeros_(model.head.weight)
    nn.init.zeros_(model.head.bias)
    return model


MODELS = {
    "zero head": zero_head,
    "no batch norm": lambda: nn.Sequential(nn.Conv2d(3, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, 5, 1)),
    "group norm": lambda: nn.Sequential(
        nn.Conv2d(3, 16, 1), nn.GroupNorm(4, 16), nn.ReLU(), nn.Conv2d(16, 5, 1)
    ),
}


@pytest.mark.parametrize("model", MODELS)
def test_known_models_are_healthy(model):
    torch.manual_seed(0)
    case = healthy() | {"model": MODELS[model](), "lr": 2e-3}
    assert visit(case).failed == []


def test_a_frozen_encoder_is_no_mode_that_was_left():
    model = FPN(num_classes=NUM_CLASSES, encoder="resnet18")
    model.encoder.freeze()
    assert "mode" not in visit(healthy() | {"model": model.train()}).failed


def test_a_part_in_eval_mode_is_no_mode_that_was_left():
    case = healthy()
    case["model"].ups.eval()
    assert visit(case).failed == []


def test_every_step_of_a_trial_draws_the_same_dropout():
    model = nn.Sequential(nn.Conv2d(3, 16, 1), nn.Dropout(0.5), nn.Conv2d(16, NUM_CLASSES, 1))
    report = visit(healthy() | {"model": model, "lr": 0.0})
    assert re.search(r"lr 0 take the loss from (\S+) to \1, ten times that lr to \1\n", str(report)), report


class Wrapped(nn.Module):
    """A model with one more function behind it, or before."""

    def __init__(self, model, after=lambda x: x, before=lambda x: x):
        super().__init__()
        self.model, self.after, self.before = model, after, before

    def forward(self, images):
        return self.after(self.model(self.before(images)))


def wrap(case, **functions):
    case["model"] = Wrapped(case["model"], **functions).train(case["stage"] != "scoring")


def scale(case, factor=1.0, offset=0.0):
    case["images"] = case["images"] * factor + offset


def change_masks(case, function):
    case["masks"] = function(case["masks"])


def resized_bilinearly(masks):
    big = F.interpolate(masks.masked_fill(masks == 255, 0)[:, None].float(), scale_factor=3)
    return F.interpolate(big, size=masks.shape[-2:], mode="bilinear", antialias=True)[:, 0]


def break_weight(case):
    with torch.no_grad():
        case["model"].stem[0].weight[0, 0] = math.nan


def enlarge_head(case):
    with torch.no_grad():
        case["model"].head.weight *= 100


def freeze(case):
    case["model"].requires_grad_(False)


def forget_learning(case):
    with torch.no_grad():
        case["model"].head.weight.zero_()
        case["model"].head.bias.copy_(torch.tensor([9.0, 0, 0, 0, 0]))


def void_as_class_0(logits, masks):
    return F.cross_entropy(logits, masks.masked_fill(masks == 255, 0))


def mean_over_classes(logits, masks):
    pixels = F.cross_entropy(logits, masks, ignore_index=255, reduction="none")
    return torch.stack([pixels[masks == i].mean() for i in range(NUM_CLASSES)]).mean()


def absent_class(case):
    case["masks"][case["masks"] == 4] = 3
    case["loss"] = mean_over_classes


def refuse(images):
    raise ValueError


def one_channel(case):
    data = Blocks(num_classes=2)
    case.update(model=small_unet(num_classes=1), train=data, valid=None)
    case["images"], case["masks"] = batch_of(data)
    case["loss"] = nn.CrossEntropyLoss(ignore_index=255)


def one_channel_sigmoid(case):
    one_channel(case)
    case["loss"] = None
    wrap(case, after=torch.sigmoid)


class RootOfBlack(nn.Module):
    """A learnt gain under a root, whose slope at 0 is infinite: 0 * inf is nan."""

    def __init__(self):
        super().__init__()
        self.gain, self.head = nn.Parameter(torch.ones(1, 3, 1, 1)), nn.Conv2d(3, NUM_CLASSES, 1)

    def forward(self, images):
        black = torch.arange(images.shape[-1]) < 2
        return self.head((self.gain * images.masked_fill(black, 0)).sqrt())


class InPlace(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem, self.head = nn.Conv2d(3, 8, 1), nn.Conv2d(8, NUM_CLASSES, 1)

    def forward(self, images):
        features = self.stem(images).sigmoid()
        features += 1  # sigmoid needs what it gave for its gradient
        return self.head(features)


def one_image_pooled(case):
    """A part that sees the whole picture, as in DeepLab, whose batch norm gets one value of one image."""
    pooled = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(5, 5, 1), nn.BatchNorm2d(5))
    case["images"], case["masks"] = case["images"][:1], case["masks"][:1]
    case["model"] = nn.Sequential(case["model"], pooled, nn.Upsample(size=(32, 48)))


class Sevens(Blocks):
    def read(self, index):
        image, mask = super().read(index)
        return image, np.where(mask == 0, 7, mask) if index == 5 else mask


def one_class(masks):
    return torch.where(masks == 255, 255, 3)


def mostly_void(masks):
    return torch.where(torch.arange(32)[:, None] < 16, 255, masks)


# name: (the check that fails, words of its finding, stage, what spoils the healthy case)
FAULTS = {
    "bytes": ("image type", "uint8", "start", lambda c: c.update(images=(c["images"] * 255).byte())),
    "channels last": (
        "image type",
        "movedim",
        "start",
        lambda c: c.update(images=c["images"].movedim(1, -1)),
    ),
    "one image, no batch": (
        "image type",
        r"\(3, 32, 48\)",
        "start",
        lambda c: c.update(images=c["images"][0]),
    ),
    "float 0..255": ("image range", "hold 0 to 249, due is 0..1", "start", lambda c: scale(c, 255)),
    "nan in the image": (
        "image range",
        "nan to nan",
        "start",
        lambda c: c["images"][0, 0, 0].fill_(math.nan),
    ),
    "normalised before": ("image scaling", "normalised", "start", lambda c: scale(c, 4, -2)),
    "divided by 255 twice": ("image scaling", "divided by 255 twice", "start", lambda c: scale(c, 1 / 255)),
    "grey images": ("forward", "expected input", "start", lambda c: c.update(images=c["images"][:, :1])),
    "an error without a text": (
        "forward",
        "refuses images .* ValueError: ",
        "start",
        lambda c: wrap(c, before=refuse),
    ),
    "a dict of outputs": (
        "forward",
        "gives dict; it must give a tensor .*wrap it .*out",
        "start",
        lambda c: wrap(c, after=lambda x: {"out": x}),
    ),
    "ids": (
        "forward",
        "gives int64 .*; take argmax",
        "start",
        lambda c: wrap(c, after=lambda x: x.argmax(1)),
    ),
    "a classifier": (
        "forward",
        "every pixel",
        "start",
        lambda c: wrap(c, after=lambda x: x.mean(dim=(2, 3))),
    ),
    "nan in a weight": ("finite", "first in 'stem.0.weight'", "training", break_weight),
    "log of a negative": (
        "finite",
        "comes first out of 'Wrapped'",
        "start",
        lambda c: wrap(c, after=torch.log),
    ),
    "softmax twice": ("probabilities", "softmax", "start", lambda c: wrap(c, after=lambda x: x.softmax(1))),
    "sigmoid twice": ("probabilities", "sigmoid", "start", one_channel_sigmoid),
    "a channel for void": ("channels", "6 channel.* for 5", "start", lambda c: c.update(model=small_unet(6))),
    "float masks": ("mask type", "long", "start", lambda c: c.update(masks=c["masks"].float())),
    "bilinear masks": ("mask type", "bilinearly", "start", lambda c: change_masks(c, resized_bilinearly)),
    "masks with an axis": ("mask type", "squeeze", "start", lambda c: c.update(masks=c["masks"][:, None])),
    "byte masks": ("mask type", "uint8", "start", lambda c: c.update(masks=c["masks"].byte())),
    "mask of another size": ("sizes", "32, 24", "start", lambda c: c.update(masks=c["masks"][:, :, ::2])),
    "a mask too few": (
        "sizes",
        r"images \(4, .*masks \(3, ",
        "start",
        lambda c: c.update(masks=c["masks"][:3]),
    ),
    "small logits": (
        "sizes",
        "interpolate",
        "start",
        lambda c: wrap(c, after=lambda x: F.max_pool2d(x, 4)),
    ),
    "0/255 masks": (
        "mask ids",
        "hold 0 and 255, .* 0..4 and 255 = ignore; pass binary=True",
        "start",
        lambda c: change_masks(c, lambda m: torch.where(m > 2, 255, 0)),
    ),
    "ids from 1": (
        "mask ids",
        "hold 1, 2, 3, 4, 5 and 255.*masks - 1",
        "start",
        lambda c: change_masks(c, lambda m: torch.where(m == 255, 255, m + 1)),
    ),
    "bilinear masks as integers": (
        "mask resizing",
        "nearest",
        "start",
        lambda c: change_masks(c, lambda m: resized_bilinearly(m).long()),
    ),
    "all one class": (
        "classes present",
        r"1 of 5 classes: \[3\]",
        "start",
        lambda c: change_masks(c, one_class),
    ),
    "mostly void": ("void share", "are void", "start", lambda c: change_masks(c, mostly_void)),
    "cross-entropy on one channel": ("loss type", "binary cross-entropy", "start", one_channel),
    "BCE on many channels": (
        "loss type",
        "refuses 5",
        "start",
        lambda c: c.update(loss=nn.BCEWithLogitsLoss()),
    ),
    "loss per pixel": (
        "loss type",
        "take its mean",
        "start",
        lambda c: c.update(loss=nn.CrossEntropyLoss(reduction="none")),
    ),
    "accuracy as a loss": (
        "loss type",
        "no gradient",
        "start",
        lambda c: c.update(loss=lambda x, y: (x.argmax(1) == y).float().mean()),
    ),
    "void trained": ("loss in void", "inside void alone", "start", lambda c: c.update(loss=void_as_class_0)),
    "loss is nan": ("loss value", "is nan; .*a class that is absent", "start", absent_class),
    "void refused": (
        "loss value",
        "out of bounds.*ignore_index=255",
        "start",
        lambda c: c.update(loss=nn.CrossEntropyLoss()),
    ),
    "all frozen": ("gradient", "reaches 0 of", "start", freeze),
    "output detached": ("gradient", "detach", "start", lambda c: wrap(c, after=lambda x: x.detach())),
    "output times 0": ("gradient", "reaches 0 of", "start", lambda c: wrap(c, after=lambda x: x * 0)),
    "first weights too large": ("starting loss", "ln 5 = 1.61", "start", enlarge_head),
    "lr too high": ("learning rate", "lower lr", "start", lambda c: c.update(lr=10.0)),
    "lr absurdly high": ("learning rate", "lower lr", "start", lambda c: c.update(lr=1e30)),
    "lr too low": ("learning rate", "raise lr", "start", lambda c: c.update(lr=1e-6)),
    "eval mode forgotten": ("mode", r"model.eval\(\)", "scoring", lambda c: c["model"].train()),
    "train mode forgotten": ("mode", r"model.train\(\)", "training", lambda c: c["model"].eval()),
    "one colour": ("baseline", "1 classes predicted", "scoring", forget_learning),
    "gradient of a root at 0": (
        "gradient",
        "nan or infinite in 1 of .* tensors, such as 'gain'; look for a root",
        "start",
        lambda c: c.update(model=RootOfBlack()),
    ),
    "in place": (
        "gradient",
        "cannot be computed: .*inplace.*y = y [+] 1",
        "start",
        lambda c: c.update(model=InPlace()),
    ),
    "weights of half precision": (
        "forward",
        r"weights are bfloat16: call model.float\(\)",
        "start",
        lambda c: c["model"].bfloat16(),
    ),
    "one value for batch norm": ("forward", "two images at least, drop_last=True", "start", one_image_pooled),
    "an error of its own": (
        "forward",
        "refuses images .* KeyError: 'weights'",
        "start",
        lambda c: wrap(c, before=lambda x: {}["weights"]),
    ),
    "a faulty mask that is not in the batch": (
        "samples",
        r"train\[5\]: masks hold .*7",
        "start",
        lambda c: c.update(train=Sevens()),
    ),
    "a faulty mask of valid": (
        "samples",
        r"valid\[5\]: masks hold .*7",
        "start",
        lambda c: c.update(valid=Sevens(first=100)),
    ),
    "split overlap": (
        "split overlap",
        r"1 of 3 .*valid\[0\] = train\[5\]",
        "start",
        lambda c: c.update(valid=Blocks(length=3, first=5)),
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_fails_its_check_and_no_other(fault, trained):
    check, words, stage, spoil = FAULTS[fault]
    case = healthy(stage, None if stage == "start" else trained)
    spoil(case)
    report = visit(case)
    assert report.failed == [check], report
    finding = next(finding for finding in report if not finding.ok)
    assert re.search(words, f"{finding.sentence}; {finding.cure}"), report
    assert finding.cure


def test_every_check_has_a_fault():
    assert {fault[0] for fault in FAULTS.values()} == {name_of(check) for check in CHECKS}


def test_overlap_looks_through_subsets():
    data = Blocks()
    case = healthy() | {"train": Subset(data, [0, 1, 2]), "valid": Subset(data, [3, 2])}
    report = visit(case)
    assert report.failed == ["split overlap"]
    assert "1 of 2 images of valid are in train too, the first is valid[1] = train[2]" in str(report)


class Strict(nn.Module):
    """Insists on its contract, as models of one's own may."""

    def __init__(self, after=None):
        super().__init__()
        self.head, self.after = nn.Conv2d(3, NUM_CLASSES, 1), after or nn.Identity()

    def forward(self, images):
        assert 0 <= images.min() and images.max() <= 1, "images must be 0..1"
        return self.after(self.head(images))


def test_a_model_that_insists_on_0_to_1_is_examined():
    torch.manual_seed(0)
    assert visit(healthy() | {"model": Strict(), "lr": None}).failed == []
    assert visit(healthy() | {"model": Strict(nn.Softmax(dim=1)), "lr": None}).failed == ["probabilities"]


def rings(thickness, table):
    """Discs of an inside (2) within a border (1) of this thickness, on background (0), under other ids: (2, 96, 96)."""
    y, x = torch.meshgrid(torch.arange(96), torch.arange(96), indexing="ij")
    masks = torch.zeros(2, 96, 96, dtype=torch.long)
    for number, mask in enumerate(masks):
        for row, column in ((25, 25), (30, 68), (70, 30), (66, 72)):
            distance = ((y - row - number) ** 2 + (x - column) ** 2).sqrt()
            mask[distance < 18] = 1
            mask[distance < 18 - thickness] = 2
    return torch.tensor(table)[masks]


@pytest.mark.parametrize("thickness", [1, 1.5, 2, 3])
@pytest.mark.parametrize("table", [[0, 1, 2], [0, 2, 1], [1, 0, 2], [0, 2, 4], [0, 3, 4]])
def test_a_thin_class_that_was_never_resized_is_healthy(thickness, table):
    images = torch.rand(2, 3, 96, 96, generator=torch.Generator().manual_seed(0))
    report = doctor(small_unet(), (images, rings(thickness, table)))
    assert "mask resizing" not in report.failed, report


@pytest.mark.parametrize(("top", "size"), [(2, 60), (2, 72), (3, 40), (4, 60)])
def test_discs_of_one_class_on_background_that_were_blended_are_found(top, size):
    large = rings(0, [0, 0, top])[:, None].float()
    masks = F.interpolate(large, size=(size, size), mode="bilinear", antialias=True)[:, 0].long()
    report = doctor(small_unet(), (torch.rand(2, 3, size, size), masks))
    assert "mask resizing" in report.failed, report


class Wrapping(torch.utils.data.Dataset):
    """A data set of one's own around another, with or without a random change."""

    def __init__(self, inner, noise):
        self.inner, self.noise = inner, noise

    def __len__(self):
        return len(self.inner)

    def __getitem__(self, index):
        image, mask = self.inner[index]
        return (image / 255 * (1 - self.noise * torch.rand(1))), mask


def augmented(length=6, first=0):
    data = Blocks(length, first)
    data.transform = lambda image, mask: (image + torch.randint(20, (1,), dtype=torch.uint8), mask)
    return data


LEAKS = {
    "a joined set": ConcatDataset([augmented(2, first=50), augmented()]),
    "a part of a joined set": Subset(ConcatDataset([augmented(2, first=50), augmented()]), [1, 2, 3]),
    "floats, channels first": Wrapping(Blocks(), 0),
}


@pytest.mark.parametrize("train", LEAKS)
def test_a_leak_is_seen_through_wrappers_and_transforms(train):
    (finding,) = (
        f
        for f in visit(healthy() | {"train": LEAKS[train], "valid": augmented(1)})
        if f.name == "split overlap"
    )
    assert finding.sentence.startswith("1 of 1 images of valid are in train too")


def test_images_that_change_at_each_reading_are_not_compared():
    for name in ("train", "valid"):
        report = visit(healthy() | {name: Wrapping(Blocks(), 0.5)})
        assert f"the images of {name} change at each reading" in report.unchecked["split overlap"]


def test_the_number_of_classes_is_that_of_the_data_inside_wrappers():
    case = healthy() | {"train": Subset(Blocks(), [0]), "valid": None, "model": small_unet(7)}
    assert visit(case).failed == ["channels"]
    assert visit(case | {"train": None, "valid": Subset(Blocks(), [0])}).failed == ["channels"]


MODES = []


class Records(nn.Conv2d):
    def forward(self, images):
        MODES.append(self.training)
        return super().forward(images)


@pytest.mark.parametrize("stage", ["start", "training", "scoring"])
def test_the_forward_runs_in_train_mode_at_the_start_only(stage):
    MODES.clear()
    visit(healthy() | {"model": Records(3, NUM_CLASSES, 1), "stage": stage})
    assert set(MODES) == {stage == "start"}


@pytest.mark.parametrize("stage", ["start", "scoring"])
def test_the_caller_keeps_model_mode_gradients_and_random_state(stage):
    case = healthy(stage)
    wrap(case, after=nn.Dropout(0.5))
    case["model"].model.ups.eval()  # a mode of its own for a part
    pixel_loss(case["model"](case["images"]), case["masks"]).backward()
    model = case["model"]

    def snapshot():
        state = {name: value.clone() for name, value in model.state_dict().items()}
        state |= {f"grad {name}": p.grad.clone() for name, p in model.named_parameters()}
        inputs = {"images": case["images"].clone(), "masks": case["masks"].clone()}
        return state | inputs | {"random": torch.get_rng_state()}

    modes = [module.training for module in model.modules()]
    before = snapshot()
    with torch.no_grad():  # as a caller might
        assert "loss type" not in visit(case).failed  # which asks for a gradient
    torch.testing.assert_close(snapshot(), before, rtol=0, atol=0)
    assert [module.training for module in model.modules()] == modes
    assert not any(module._forward_hooks for module in model.modules())


class Counting(nn.Module):
    """Learns its own weight, and counts its calls."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(()))
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, logits, masks):
        self.calls += 1
        return self.weight * pixel_loss(logits, masks)


def test_the_caller_keeps_the_loss():
    loss = Counting()
    assert visit(healthy() | {"loss": loss}).failed == []
    assert loss.calls == 0 and loss.weight.grad is None


@pytest.mark.parametrize("stage", ["start", "training"])
def test_of_a_batch_of_void_nothing_is_said_about_learning(stage, trained):
    case = healthy(stage, None if stage == "start" else trained)
    change_masks(case, lambda masks: torch.full_like(masks, 255))
    report = visit(case)
    assert report.failed == ["classes present", "void share"], report
    assert report.unchecked["gradient"] == "since the batch is void everywhere"
    assert "starting loss" in report.unchecked


@pytest.mark.parametrize(("bias", "failed"), [(5.0, []), (8.0, ["starting loss"])])
def test_a_first_loss_of_three_times_guessing_is_too_much(bias, failed):
    """Of a model that says the first class: about the bias, less a fifth of it, for it is right in a fifth."""
    model = nn.Conv2d(3, NUM_CLASSES, 1)
    nn.init.zeros_(model.weight)
    model.bias.data = torch.tensor([bias, 0, 0, 0, 0])
    assert visit(healthy() | {"model": model, "lr": None}).failed == failed


@pytest.mark.parametrize(
    ("losses", "other_lr", "other", "cure"),
    [
        ([1, 1.2, 0.7], None, None, None),  # learns well, whatever the way
        ([1, 1.04, 0.9], 1e-3, 0.87, None),
        ([1, 1.04, 0.9], 1e-3, 0.84, "a tenth of that lr to 0.84.*lower lr"),
        ([1, 1.06, 0.9], None, None, "over 1.06.*lower lr"),
        ([1, 0.9, math.nan], None, None, "lower lr"),
        ([1, 1, 0.996], 1e-1, 0.989, None),  # less than three times as far
        ([1, 1, 0.996], 1e-1, 0.987, "ten times that lr to 0.987.*raise lr"),
    ],
)
def test_a_learning_rate_is_judged_by_its_losses(losses, other_lr, other, cure, monkeypatch):
    tried = []

    def trial(case, lr):
        tried.append(lr)
        return losses if lr == 1e-2 else [1, other]

    monkeypatch.setattr(Case, "losses", trial)
    report = visit(healthy())
    assert report.failed == (["learning rate"] if cure else [])
    assert re.search(cure or "", str(report), re.DOTALL), report
    assert tried[0] == 1e-2 and tried[1:] == pytest.approx([other_lr] if other_lr else [])


def test_the_report_puts_failures_first():
    report = Report()
    report.append(Finding("image range", True, "images hold 0 to 1", "divide"))
    report.append(Finding("mask ids", False, "masks hold 0 and 255", "divide the mask by 255"))
    report.unchecked["split overlap"] = "pass train= and valid="
    assert report.failed == ["mask ids"]
    assert (
        str(report).splitlines()
        == repr(report).splitlines()
        == [
            "1 of 2 checks failed",
            "FAILED  mask ids: masks hold 0 and 255",
            "        cure: divide the mask by 255",
            "ok      image range: images hold 0 to 1",
            "-       split overlap: not checked, pass train= and valid=",
        ]
    )


def test_doctor_refuses_what_is_no_visit():
    case = healthy()
    batch = (case["images"], case["masks"])
    with pytest.raises(ValueError, match="stage is 'test', but must be one of start, training, scoring"):
        doctor(case["model"], batch, stage="test")
    with pytest.raises(ValueError, match="two tensors"):
        doctor(case["model"], case["images"])
    with pytest.raises(ValueError, match=r"empty: images \(0, 3, 32, 48\)"):
        doctor(case["model"], (batch[0][:0], batch[1][:0]))
