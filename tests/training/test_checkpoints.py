"""nbhelpers.training.checkpoints and what `resume=` compares."""

import os
import re
from functools import partial

import numpy as np
import pytest
import torch
from segmentation_models_pytorch.losses import DiceLoss
from torch import nn
from torch.utils.data import Subset

from nbhelpers.losses import tversky_loss
from nbhelpers.training.checkpoints import load_checkpoint, save_checkpoint
from nbhelpers.training.plan import Plan
from tests.training.test_training import Discs, assert_same_weights, quick, small_unet, weights_of


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The bytes of a checkpoint after one epoch of two."""
    path = tmp_path_factory.mktemp("whole") / "c.pt"
    quick(nn.Conv2d(3, 2, 1), Discs(4), Discs(2), resume=path, stop_after=1)
    return path.read_bytes()


BROKEN = {
    "cut in half": lambda whole: whole[: len(whole) // 2],
    "without its last bytes": lambda whole: whole[:-100],
    "without its first bytes": lambda whole: whole[100:],
    "empty": lambda whole: b"",
    "a page of the network": lambda whole: b"<html>quota exceeded</html>",
    "zeros": lambda whole: bytes(len(whole)),
}


@pytest.mark.parametrize("fault", BROKEN)
def test_a_broken_file_is_named(fault, whole, tmp_path):
    path = tmp_path / "broken.pt"
    path.write_bytes(BROKEN[fault](whole))
    model = nn.Conv2d(3, 2, 1)
    before = weights_of(model)
    with pytest.raises(
        ValueError, match=r"broken.pt \(.* bytes\) cannot be read as a checkpoint of fit.*delete"
    ):
        quick(model, Discs(4), Discs(2), resume=path)
    assert_same_weights(weights_of(model), before)


@pytest.mark.parametrize(
    "content", [nn.Conv2d(3, 2, 1).state_dict(), [1, 2], {"states": 1}, {"rows": []}, None]
)
def test_another_file_of_torch_is_named(content, tmp_path):
    torch.save(content, tmp_path / "foreign.pt")
    with pytest.raises(ValueError, match="foreign.pt is a file of torch, but no checkpoint of fit"):
        quick(nn.Conv2d(3, 2, 1), Discs(4), Discs(2), resume=tmp_path / "foreign.pt")


def test_a_fold_does_not_go_on_from_another_folds_file(tmp_path):
    pictures, folds = Discs(6), torch.arange(6) % 3
    path = tmp_path / "c.pt"
    for number, part in enumerate(("train", "train", "valid")):
        held_out = torch.stack([folds != number, folds == number])
        train, valid = (Subset(pictures, each.nonzero().flatten().tolist()) for each in held_out)
        if number == 0:
            first = train
            quick(nn.Conv2d(3, 2, 1), train, valid, resume=path, stop_after=1)
            continue
        with pytest.raises(
            ValueError, match=rf"c.pt was made with \{{'checksum of {part}'.*start a new file"
        ):
            quick(nn.Conv2d(3, 2, 1), first if part == "valid" else train, valid, resume=path)


def test_another_network_is_refused_before_a_weight_is_touched(whole, tmp_path):
    (tmp_path / "c.pt").write_bytes(whole)
    grown = nn.Conv2d(3, 2, 1)
    grown.register_buffer("scale", torch.ones(1))
    networks = (nn.Conv2d(3, 2, 3, padding=1), "weight"), (small_unet(), "bias, "), (grown, "scale:")
    for model, differing in networks:
        before = weights_of(model)
        with pytest.raises(ValueError, match=f"c.pt is of another network, which differs in {differing}"):
            quick(model, Discs(4), Discs(2), resume=tmp_path / "c.pt")
        assert_same_weights(weights_of(model), before)


def test_a_place_where_nothing_can_be_written_is_refused_before_training(tmp_path, monkeypatch):
    with pytest.raises(ValueError, match="is a folder; give a file"):
        quick(small_unet(), resume=tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file"):
        quick(small_unet(), resume=tmp_path / "file" / "c.pt")
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # root may write anywhere
    with pytest.raises(PermissionError, match="pass resume= another folder"):
        quick(small_unet(), resume=tmp_path / "new" / "c.pt")


class Weighted(nn.Module):
    def __init__(self, weights):
        super().__init__()
        self.inner = nn.CrossEntropyLoss(torch.tensor(weights), ignore_index=255)

    def forward(self, logits, masks):
        return self.inner(logits, masks)


def other_loss(logits, masks):
    return logits.square().mean()


def scaled_loss(logits, masks, factors):
    return (logits.mean(dim=(0, 2, 3)) * torch.from_numpy(factors)).sum()


OTHER_PLANS = [
    ({}, {"weight_decay": 0.5}, "{'weight_decay': 0.01}, this call has {'weight_decay': 0.5}"),
    ({}, {"clip_norm": 1.0}, "{'clip_norm': None}, this call has {'clip_norm': 1.0}"),
    ({"batch_size": 2}, {"batch_size": 4}, "'batch_size': 2"),
    ({}, {"seed": 1}, "{'seed': 0}, this call has {'seed': 1}"),
    ({}, {"lr": 0.1, "schedule": "poly"}, "'lr': 0.1, 'schedule': 'poly'"),
    ({}, {"train": Discs(8)}, "'images': 8"),
    ({"precision": "bf16"}, {"precision": "fp32"}, "'bf16 or fp16'}, this call has {'precision': 'fp32'}"),
    ({}, {"class_weights": torch.tensor([1.0, 2.0])}, "{'class_weights': [1.0, 2.0]}"),
    ({}, {"loss": other_loss}, "{'loss': 'pixel_loss'}, this call has {'loss': 'other_loss'}"),
    (
        {"loss": DiceLoss("multiclass", ignore_index=255)},
        {"loss": DiceLoss("multiclass", ignore_index=255, smooth=1.0)},
        "'smooth': 1.0",
    ),
    ({"loss": Weighted([1.0, 2.0])}, {"loss": Weighted([1.0, 3.0])}, "[1.0, 3.0]"),
    (
        {"loss": partial(scaled_loss, factors=np.array([1.0, 2.0]))},
        {"loss": partial(scaled_loss, factors=np.array([1.0, 3.0]))},
        "[1.0, 3.0]",
    ),
]


@pytest.mark.parametrize(("first", "second", "told"), OTHER_PLANS)
def test_resume_compares_the_whole_plan(first, second, told, tmp_path):
    common = {"train": Discs(4), "valid": Discs(2), "resume": tmp_path / "c.pt"}
    quick(nn.Conv2d(3, 2, 1), stop_after=1, **(common | first))
    model = nn.Conv2d(3, 2, 1)
    before = weights_of(model)
    with pytest.raises(ValueError, match=re.escape(told)):
        quick(model, **(common | second))
    assert_same_weights(weights_of(model), before)


def test_equal_losses_are_told_alike_in_another_session():
    for loss in (lambda: DiceLoss("multiclass", ignore_index=255), lambda: Weighted([1.0, 2.0])):
        plans = [Plan(2, 0.1, 4, loss(), None, "poly", 0.0, None, 0) for _ in range(2)]
        records = [plan.record(Discs(4), Discs(2), "no") for plan in plans]
        assert records[0] == records[1]
        assert " at 0x" not in records[0]["loss"]


def test_numbers_of_numpy_are_as_good_as_pythons(tmp_path):
    """As loops over np.logspace and rng.integers give them; a checkpoint is read without running code."""
    own = {"epochs": np.int64(2), "batch_size": np.int32(2), "seed": np.int64(3), "lr": np.float64(0.5)}
    own |= {"weight_decay": np.float32(0.25), "clip_norm": np.float64(1.0), "schedule": np.array("poly")[()]}
    own |= {"loss": partial(tversky_loss, beta=np.float64(0.75))}
    plain = {name: value.item() for name, value in own.items() if name != "loss"}
    plain |= {"loss": partial(tversky_loss, beta=0.75)}
    common = {"train": Discs(4), "valid": Discs(2), "resume": tmp_path / "c.pt"}
    quick(nn.Conv2d(3, 2, 1), stop_after=np.int64(1), **(common | own))
    assert len(quick(nn.Conv2d(3, 2, 1), **(common | plain)).rows) == 2
    assert len(quick(nn.Conv2d(3, 2, 1), **(common | own)).rows) == 2


def test_bf16_and_fp16_take_turns(tmp_path):
    """fp16 has a scaler, bf16 has none; a processor cannot train in fp16, so this is one level below `fit`."""
    model, path = nn.Conv2d(3, 2, 1), tmp_path / "c.pt"
    records = [
        Plan(2, 0.1, 4, None, None, "poly", 0.0, None, 0).record(Discs(4), Discs(2), kind)
        for kind in ("bf16", "fp16")
    ]
    scaler = torch.amp.GradScaler("cpu", init_scale=8.0)
    save_checkpoint(path, {"model": model}, records[0], [], {})
    load_checkpoint(path, {"model": model, "scaler": scaler}, records[1])
    assert scaler.get_scale() == 8.0
    save_checkpoint(path, {"model": model, "scaler": scaler}, records[1], [], {})
    load_checkpoint(path, {"model": model}, records[0])
    other = torch.amp.GradScaler("cpu")
    load_checkpoint(path, {"model": model, "scaler": other}, records[1])
    assert other.get_scale() == 8.0


def test_a_checkpoint_of_another_version_is_refused(tmp_path, whole):
    path = tmp_path / "c.pt"
    path.write_bytes(whole)
    saved = torch.load(path, weights_only=True)
    del saved["plan"]["weight_decay"]
    torch.save(saved, path)
    with pytest.raises(ValueError, match="written by another version of nbhelpers: its plan tells of epochs"):
        quick(nn.Conv2d(3, 2, 1), Discs(4), Discs(2), resume=path)
