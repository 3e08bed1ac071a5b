"""Every clause of the contract of `fit` and `evaluate`: one test each."""

import copy
import gc
import math
import os
import pickle
import signal
import subprocess
import sys
import textwrap
import time
import weakref

import numpy as np
import pytest
import torch
from segmentation_models_pytorch.losses import DiceLoss
from torch import nn

from nbhelpers.datasets import Street
from nbhelpers.datasets.dataset import IGNORE, SegmentationDataset
from nbhelpers.datasets.transforms import train_transform
from nbhelpers.losses import pixel_loss
from nbhelpers.models.unet import UNet
from nbhelpers.models.unet_plus_plus import UNetPlusPlus
from nbhelpers.training import evaluate, fit
from nbhelpers.training.engine import PRECISIONS, fastest_precision
from tests.shared_data import REPOSITORY


class Discs(SegmentationDataset):
    """Bright discs on dark ground, deterministic by index, with a void ring: a network learns them in seconds."""

    classes = ("Ground", "Disc")
    palette = np.array([(0, 0, 0), (255, 255, 255)], dtype=np.uint8)

    def __init__(self, length=16, size=(32, 48), first=0, transform=None):
        super().__init__(transform)
        self.length, self.size, self.first = length, size, first

    def __len__(self):
        return self.length

    def read(self, index):
        rng = np.random.default_rng(self.first + index)
        y, x = np.mgrid[: self.size[0], : self.size[1]]
        distance = np.hypot(y - rng.uniform(8, 24), x - rng.uniform(8, 40)) - rng.uniform(4, 8)
        mask = np.where(np.abs(distance) < 0.5, IGNORE, distance < 0).astype(np.uint8)
        image = np.where(distance < 0, 180, 70)[..., None] + rng.normal(0, 20, (*self.size, 3))
        return image.clip(0, 255).astype(np.uint8), mask


def small_unet(num_classes=2, seed=0):
    torch.manual_seed(seed)
    return UNet(num_classes=num_classes, widths=(4, 8))


def quick(model, train=None, valid=None, **options):
    options = {"epochs": 2, "batch_size": 4, "precision": "fp32", **options}
    train = Discs() if train is None else train
    valid = Discs(8, first=1000) if valid is None else valid
    return fit(model, train, valid, **options)


class Stopping(nn.Module):
    """`model`, until something happens in a step of training."""

    def __init__(self, model, after, error):
        super().__init__()
        self.model, self.left, self.error = model, after + 2, error  # two steps of the rehearsal

    def forward(self, images):
        self.left -= self.training
        if self.training and self.left < 0:
            raise self.error
        return self.model(images)


def weights_of(model):
    return {name: value.clone() for name, value in model.state_dict().items()}


def assert_same_weights(first, second):
    torch.testing.assert_close(first, second, rtol=0, atol=0)


def test_it_learns_and_the_model_holds_the_weights_of_the_best_epoch():
    model = small_unet()
    history = quick(model, Discs(64), epochs=5, lr=3e-2)
    assert history.best["mean_iou"] > 0.9
    assert evaluate(model, Discs(8, first=1000), precision="fp32").mean_iou == history.best["mean_iou"]
    assert not model.training


def test_the_history_has_one_row_an_epoch():
    rows = quick(small_unet(), epochs=3).rows
    assert [row["epoch"] for row in rows] == [1, 2, 3]
    names = {
        "epoch",
        "lr",
        "train_loss",
        "valid_loss",
        "mean_iou",
        "pixel_accuracy",
        "seconds",
        "loader_share",
    }
    assert all(set(row) == names and all(map(math.isfinite, row.values())) for row in rows)
    assert all(0 <= row["loader_share"] < 1 for row in rows)


def test_the_best_epoch_is_kept_when_a_later_one_is_worse(tmp_path):
    class Spoilt(Discs):  # in the last two epochs the labels are inverted
        def read(self, index):
            image, mask = super().read(index)
            return image, np.where(mask == IGNORE, mask, 1 - mask)

    model = small_unet()
    options = {"epochs": 4, "lr": 2e-2, "schedule": "poly", "resume": tmp_path / "c.pt"}
    quick(model, Discs(64), stop_after=2, **options)
    history = quick(model, Spoilt(64), **options)
    assert history.best["epoch"] == 2
    assert history.rows[-1]["mean_iou"] < history.best["mean_iou"]
    assert evaluate(model, Discs(8, first=1000), precision="fp32").mean_iou == history.best["mean_iou"]


def test_the_same_seed_gives_the_same_training_and_another_seed_another():
    runs = []
    for seed in (0, 0, 1):
        model = small_unet()
        quick(model, Discs(transform=train_transform()), seed=seed)
        runs.append(weights_of(model)["head.weight"])
    assert torch.equal(runs[0], runs[1])
    assert not torch.equal(runs[0], runs[2])


@pytest.mark.parametrize("schedule", ["onecycle", "poly"])
def test_three_epochs_and_three_more_equal_six_bit_for_bit(tmp_path, schedule):
    def with_dropout():
        return nn.Sequential(small_unet(8), nn.Dropout(0.3), nn.Conv2d(8, 2, kernel_size=1))

    options = {"train": Discs(18, transform=train_transform()), "epochs": 6, "schedule": schedule}
    torch.manual_seed(0)
    whole = with_dropout()
    expected = quick(whole, resume=tmp_path / "whole.pt", **options).rows

    torch.manual_seed(0)
    halves = with_dropout()
    quick(halves, resume=tmp_path / "halves.pt", stop_after=3, **options)
    torch.manual_seed(99)  # another session: other generators, other weights
    fresh = with_dropout()
    rows = quick(fresh, resume=tmp_path / "halves.pt", **options).rows

    assert_same_weights(weights_of(fresh), weights_of(whole))
    timed = {"seconds", "loader_share"}
    assert [{k: v for k, v in row.items() if k not in timed} for row in rows] == [
        {k: v for k, v in row.items() if k not in timed} for row in expected
    ]
    saved = [torch.load(tmp_path / name, weights_only=True)["states"] for name in ("whole.pt", "halves.pt")]
    assert_same_weights(saved[0]["model"], saved[1]["model"])
    assert_same_weights(saved[0]["optimizer"]["state"], saved[1]["optimizer"]["state"])


def test_resuming_a_finished_training_gives_its_result_again(tmp_path):
    first, second, path = small_unet(), small_unet(seed=7), tmp_path / "a new" / "folder" / "c.pt"
    quick(first, resume=path, stop_after=9)  # the plan's epochs, no more
    history = quick(second, resume=path)
    assert len(history.rows) == 2
    assert_same_weights(weights_of(first), weights_of(second))


def test_a_checkpoint_of_another_plan_is_refused(tmp_path):
    quick(small_unet(), resume=tmp_path / "c.pt")
    with pytest.raises(
        ValueError, match=r"made with \{'epochs': 2\}, this call has \{'epochs': 3\}.*stop_after"
    ):
        quick(small_unet(), resume=tmp_path / "c.pt", epochs=3)


def test_a_checkpoint_never_runs_code(tmp_path):
    class Evil:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "ran"),)

    torch.save({"states": {}, "plan": Evil(), "rows": [], "best": {}}, tmp_path / "evil.pt")
    with pytest.raises(ValueError, match="evil.pt .* cannot be read as a checkpoint"):
        quick(small_unet(), resume=tmp_path / "evil.pt")
    assert not (tmp_path / "ran").exists()


def test_a_failing_write_leaves_the_last_whole_checkpoint(tmp_path, monkeypatch):
    path = tmp_path / "c.pt"
    quick(small_unet(), epochs=4, resume=path, stop_after=1)
    whole = path.read_bytes()

    def full_disk(_, file):
        file.write(b"half")
        raise OSError("No space left on device")

    monkeypatch.setattr(torch, "save", full_disk)
    with pytest.raises(OSError, match="No space left"):
        quick(small_unet(), epochs=4, resume=path)
    assert path.read_bytes() == whole
    assert list(tmp_path.iterdir()) == [path]


SCRIPT = """
    import sys, torch
    sys.path.insert(0, {root!r})
    from tests.training.test_training import Discs, quick, small_unet
"""


def write_script(body, tmp_path):
    path = tmp_path / "script.py"
    path.write_text(textwrap.dedent(SCRIPT.format(root=str(REPOSITORY))) + textwrap.dedent(body))
    return path


def test_a_killed_process_leaves_a_checkpoint_to_go_on_from(tmp_path):
    checkpoint = tmp_path / "c.pt"
    script = write_script(f"quick(small_unet(), Discs(4), epochs=500, resume={str(checkpoint)!r})", tmp_path)
    process = subprocess.Popen([sys.executable, script], stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while not checkpoint.exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.2)
    process.send_signal(signal.SIGKILL if hasattr(signal, "SIGKILL") else signal.SIGTERM)
    process.wait()
    done = len(torch.load(checkpoint, weights_only=True)["rows"])
    assert 1 <= done < 500
    history = quick(small_unet(seed=3), Discs(4), epochs=500, resume=checkpoint, stop_after=done + 2)
    assert len(history.rows) == done + 2


@pytest.fixture(scope="module")
def two_processes(tmp_path_factory):
    """A folder with what torchrun left: two.pt, and the rows and the score of each rank with an unused part."""
    folder = tmp_path_factory.mktemp("processes")
    body = f"""
        import os
        from tests.training.test_training import WithUnused, plain_network
        from nbhelpers.training import evaluate
        quick(plain_network(), Discs(19), Discs(7, first=1000), resume=r"{folder}/two.pt")
        model = WithUnused()
        rows = quick(model, Discs(8), Discs(1)).rows
        score = evaluate(model, Discs(1), precision="fp32").mean_iou
        torch.save([rows, score], r"{folder}/rank" + os.environ["RANK"])
    """
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    done = subprocess.run(
        [*torchrun, write_script(body, folder)], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return folder


class WithUnused(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.out, self.aux = nn.Conv2d(3, 2, 1), nn.Conv2d(3, 2, 1)

    def forward(self, images):
        return self.out(images)


def plain_network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 2, 3, padding=1))


def test_two_processes_give_what_one_gives(two_processes, tmp_path):
    quick(plain_network(), Discs(19), Discs(7, first=1000), resume=tmp_path / "one.pt")
    one, two = (
        torch.load(path, weights_only=True) for path in (tmp_path / "one.pt", two_processes / "two.pt")
    )
    # every image has its own share of void, so a mean over the batch and a mean of two halves differ a little
    torch.testing.assert_close(two["states"]["model"], one["states"]["model"], rtol=0, atol=2e-4)
    for key in ("train_loss", "valid_loss", "mean_iou"):
        assert two["rows"][-1][key] == pytest.approx(one["rows"][-1][key], abs=2e-3)


def test_two_processes_take_unused_parts_and_fewer_images_than_processes(two_processes):
    (rows, score), (other_rows, other_score) = (
        torch.load(two_processes / f"rank{rank}") for rank in range(2)
    )
    assert score == other_score == max(row["mean_iou"] for row in rows)
    assert [row["train_loss"] for row in rows] == [row["train_loss"] for row in other_rows]


def test_interrupting_returns_what_was_learnt(capsys):
    model = small_unet()
    history = quick(Stopping(model, 4 + 2, KeyboardInterrupt), epochs=5)
    assert len(history.rows) == 1
    assert evaluate(model, Discs(8, first=1000), precision="fp32").mean_iou == history.rows[0]["mean_iou"]
    assert "interrupted in epoch 2" in capsys.readouterr().out


def test_a_loss_that_is_not_finite_stops_with_batch_layer_and_cure():
    class Poisoned(nn.Module):
        def __init__(self):
            super().__init__()
            self.stem, self.head, self.calls = nn.Conv2d(3, 4, 1), nn.Conv2d(4, 2, 1), 0

        def forward(self, images):
            self.calls += self.training
            if self.calls == 2 + 3:  # two of the rehearsal, then the third batch
                nn.init.constant_(self.head.bias, math.nan)
            return self.head(self.stem(images))

    with pytest.raises(
        FloatingPointError, match=r"nan in batch 2 .*'head'.*lr .*fp32.*try a lower lr, clip_norm"
    ):
        quick(Poisoned())


def test_the_loss_gets_float32_under_bf16():
    seen = set()

    def loss(logits, masks):
        seen.add((logits.dtype, masks.dtype))
        return logits.square().mean()

    quick(small_unet(), loss=loss, precision="bf16")
    assert seen == {(torch.float32, torch.int64)}


def test_any_loss_of_smp():
    history = quick(
        small_unet(), loss=DiceLoss("multiclass", ignore_index=255), train=Discs(64), epochs=5, lr=3e-2
    )
    assert history.best["mean_iou"] > 0.8


def test_one_logit_a_pixel_trains_by_binary_cross_entropy():
    history = quick(small_unet(num_classes=1), Discs(64), epochs=5, lr=3e-2)
    assert history.best["mean_iou"] > 0.85


def test_class_weights_shift_the_decision():
    shares = []
    for weights in ((1.0, 0.01), (0.01, 1.0)):
        model = small_unet()
        quick(model, Discs(64), class_weights=torch.tensor(weights))
        confusion = evaluate(model, Discs(8, first=1000), precision="fp32").counts
        shares.append((confusion[:, 1].sum() / confusion.sum()).item())
    assert shares[0] < shares[1]


def test_the_gradient_norm_is_clipped():
    model, start = small_unet(), weights_of(small_unet())
    quick(model, epochs=1, clip_norm=1e-12, weight_decay=0.0)
    moved = [(value - start[name]).abs().max() for name, value in model.named_parameters()]
    assert max(moved) < 1e-4  # AdamW divides by the gradient's size plus 1e-8: tiny gradients move little


def test_an_auxiliary_head_is_trained_and_its_weight_is_0_4():
    class WithAux(nn.Module):
        def __init__(self):
            super().__init__()
            self.head, self.aux_head = nn.Conv2d(3, 2, 1), nn.Conv2d(3, 2, 1)

        def forward(self, images):
            return self.head(images)

        def forward_with_aux(self, images):
            return self.head(images), self.aux_head(images)

    model = WithAux()
    before = weights_of(model)
    history = quick(model, loss=lambda logits, masks: logits.sum() * 0 + 1.0)
    assert history.rows[0]["train_loss"] == pytest.approx(1.4)
    assert history.rows[0]["valid_loss"] == pytest.approx(1.0)
    quick(model)
    assert not torch.equal(model.aux_head.weight, before["aux_head.weight"])


def test_the_time_is_told_before_the_first_epoch(capsys):
    quick(small_unet())
    assert "2 epochs of 4 steps of 4 images, fp32 on cpu: about" in capsys.readouterr().out.splitlines()[0]


def test_the_model_can_be_copied_pickled_and_trained_again():
    model = small_unet()
    quick(model, precision="bf16", epochs=1)
    clone = pickle.loads(pickle.dumps(copy.deepcopy(model)))
    assert set(model.__dict__) == set(small_unet().__dict__)
    images = torch.rand(1, 3, 32, 32)
    assert torch.equal(clone(images), model(images))
    assert clone(images).dtype == torch.float32
    quick(model, precision="fp32", epochs=1)


def test_nothing_holds_on_to_the_model_afterwards():
    """A notebook trains a dozen networks, and Python's garbage collector may not come by in time."""
    model = small_unet()
    parts = [weakref.ref(parameter) for parameter in model.parameters()]
    gc.disable()
    try:
        quick(model, epochs=1)
        evaluate(model, Discs(8))
        del model
        assert [part() for part in parts if part() is not None] == []
    finally:
        gc.enable()


ALONE = {
    "without deep supervision": lambda: UNetPlusPlus(
        num_classes=2, widths=(4, 8, 8), num_upsampling=2, deep_supervision=False
    ),
    "pruned": lambda: UNetPlusPlus(num_classes=2, widths=(4, 8, 8), num_upsampling=2).pruned(1),
}


@pytest.mark.parametrize("name", ALONE)
def test_an_auxiliary_head_may_be_left_out(name):
    quick(ALONE[name](), epochs=1)


class Heads(nn.Module):
    """A model whose answer in training is `told`."""

    def __init__(self, told):
        super().__init__()
        self.body, self.aux, self.told = nn.Conv2d(3, 2, 1), nn.Conv2d(2, 2, 1), told

    def forward(self, images):
        return self.body(images)

    def forward_with_aux(self, images):
        logits = self(images)
        return self.told(logits, self.aux(logits))


@pytest.mark.parametrize(
    ("told", "message"),
    [
        (lambda logits, aux: (logits, aux, aux), "forward_with_aux gives tuple of 3; it must give"),
        (
            lambda logits, aux: {"out": logits, "aux": aux},
            r"gives dict of 2; it must give \(logits, aux_logits\)",
        ),
        (lambda logits, aux: 3, "gives int; it must give"),
    ],
)
def test_other_answers_with_an_auxiliary_head_are_named(told, message):
    with pytest.raises(ValueError, match=message):
        quick(Heads(told))


def test_nan_in_an_auxiliary_head_is_found_there():
    model = Heads(lambda logits, aux: (logits, aux))
    nn.init.constant_(model.aux.weight, math.inf)
    with pytest.raises(FloatingPointError, match="first in the output of 'aux'"):
        quick(model)


@pytest.mark.parametrize("channels", [1, 3, 11])
def test_evaluate_refuses_a_model_of_other_classes(channels):
    model, street = nn.Conv2d(3, channels, 1), Street("val", (32, 32), length=2)
    if channels == 11:
        assert evaluate(model, street).counts.shape == (11, 11)
        return
    with pytest.raises(
        ValueError, match=rf"gives \(2, {channels}, 32, 32\).*it must give logits \(2, 11, 32, 32\)"
    ):
        evaluate(model, street)


def test_train_and_valid_of_other_classes_are_refused():
    train, valid = Discs(4), Discs(2)
    valid.classes = tuple(reversed(train.classes))
    with pytest.raises(
        ValueError, match="class 0 is .* in train and .* in valid; they must be the same classes"
    ):
        quick(small_unet(), train, valid)


def test_evaluate_counts_every_pixel_once_and_keeps_the_mode():
    model, valid = small_unet().train(), Discs(7)
    confusion = evaluate(model, valid, batch_size=4, precision="fp32")
    masks = np.stack([valid.read(index)[1] for index in range(7)])
    assert confusion.counts.sum() == (masks != IGNORE).sum()
    assert confusion.counts.sum(1).tolist() == [(masks == 0).sum(), (masks == 1).sum()]
    assert model.training


def test_void_changes_no_loss():
    model = small_unet()
    with torch.inference_mode():
        logits = model(torch.rand(2, 3, 32, 48))
    masks = torch.randint(0, 2, (2, 32, 48))
    masks[:, 10:20] = IGNORE
    spoilt = logits.clone()
    spoilt[:, :, 10:20] = 1e3 * torch.randn(2, 2, 10, 48)
    assert pixel_loss(spoilt, masks) == pixel_loss(logits, masks)
    assert pixel_loss(spoilt[:, :1], masks) == pixel_loss(logits[:, :1], masks)


def test_a_batch_of_nothing_but_void_costs_nothing():
    logits = torch.randn(1, 3, 4, 4, requires_grad=True)
    loss = pixel_loss(logits, torch.full((1, 4, 4), IGNORE))
    loss.backward()
    assert loss == 0
    assert not logits.grad.any()


def test_auto_is_a_precision_and_fp32_without_bf16_instructions(monkeypatch):
    monkeypatch.delenv("NBHELPERS_PRECISION", raising=False)
    assert fastest_precision("cpu") in PRECISIONS[1:]
    assert fastest_precision("mps") == "fp32"
    monkeypatch.setattr("pathlib.Path.read_text", lambda self: "flags : fpu avx2 avx512f")
    assert fastest_precision("cpu") == "fp32"
    for has_bf16, precision in ((True, "bf16"), (False, "fp16")):
        monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation, has=has_bf16: has)
        assert fastest_precision("cuda") == precision


@pytest.mark.parametrize("wanted", ["fp32", "bf16", "fp16"])
def test_one_switch_chooses_what_auto_means(monkeypatch, wanted):
    monkeypatch.setenv("NBHELPERS_PRECISION", wanted)
    assert [fastest_precision(device) for device in ("cpu", "cuda", "mps")] == [wanted] * 3


def test_a_switch_of_no_precision_is_an_error_before_any_training(monkeypatch):
    monkeypatch.setenv("NBHELPERS_PRECISION", "fp64")
    with pytest.raises(
        ValueError,
        match="NBHELPERS_PRECISION is 'fp64'; it must be one of auto, fp32, bf16, fp16, or not be set",
    ):
        quick(small_unet(), precision="auto")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"epochs": 0}, "epochs is 0; it must be a whole number, at least 1"),
        ({"train": Discs(0)}, "0 images in train"),
        ({"valid": Discs(0)}, "0 images in valid"),
        ({"precision": "half"}, "precision is 'half'; it must be one of auto, fp32, bf16, fp16"),
        ({"schedule": "cosine"}, "schedule is 'cosine'; it must be 'onecycle' or 'poly'"),
        (
            {"loss": nn.CrossEntropyLoss(), "class_weights": torch.ones(2)},
            "class_weights belong to the default loss",
        ),
        (
            {"loss": nn.CrossEntropyLoss(reduction="none", ignore_index=255)},
            r"loss has shape \(4, 32, 48\).*one number",
        ),
    ],
)
def test_bad_arguments_are_refused_before_training(options, message):
    with pytest.raises(ValueError, match=message):
        quick(small_unet(), **options)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (
            UNet(num_classes=5, widths=(4, 8)),
            r"gives \(4, 5, 32, 48\).*logits \(4, 2, 32, 48\).*num_classes=2",
        ),
        (nn.Conv2d(3, 2, 1, stride=2), r"gives \(4, 2, 16, 24\).*interpolate"),
    ],
)
def test_a_model_that_does_not_fit_the_masks_is_refused(model, message):
    with pytest.raises(ValueError, match=message):
        quick(model)


def test_a_class_id_that_does_not_exist_is_refused_before_training():
    class Foreign(Discs):
        def read(self, index):
            image, mask = super().read(index)
            return image, np.where(mask == 1, 7, 0).astype(np.uint8)

    with pytest.raises(ValueError, match="7"):
        quick(small_unet(), Foreign())


def test_subsets_train_and_a_dataset_without_classes_is_refused():
    train, valid = torch.utils.data.random_split(Discs(12), [8, 4])
    assert len(quick(small_unet(), train, torch.utils.data.ConcatDataset([valid, valid]), epochs=1).rows) == 1
    pairs = torch.utils.data.TensorDataset(
        torch.rand(4, 3, 32, 32), torch.zeros(4, 32, 32, dtype=torch.int64)
    )
    with pytest.raises(ValueError, match="TensorDataset does not tell its number of classes.*num_classes"):
        quick(small_unet(), pairs)
