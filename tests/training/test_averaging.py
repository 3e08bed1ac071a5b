"""fit(average=...) and soups, against the arithmetic written out."""

import pytest
import torch
from torch import nn
from torch.optim import swa_utils

from nbhelpers.datasets import collate
from nbhelpers.models.blocks import BatchNorm, Freezable
from nbhelpers.models.unet import UNet
from nbhelpers.training import evaluate
from nbhelpers.training.averaging import DECAY, Averaging, soup
from nbhelpers.training.plan import Plan
from tests.training.test_training import Discs, assert_same_weights, quick, weights_of


def normed() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 2, 1))


def trained(average, path=None, **options):
    model = normed()
    options = {"epochs": 8, "precision": "fp32", "average": average, "resume": path} | options
    return model, quick(model, Discs(8), Discs(4), **options)


def states(path):
    return torch.load(path, weights_only=True)["states"]


def test_swa_is_the_mean_of_the_last_quarter(tmp_path):
    path, ends = tmp_path / "c.pt", []
    for epoch in range(1, 9):
        model, history = trained("swa", path, stop_after=epoch)
        ends.append(states(path)["model"])
    average = states(path)["average"]
    assert average["n_averaged"] == 2
    for name, _ in normed().named_parameters():
        torch.testing.assert_close(average[f"module.{name}"], (ends[6][name] + ends[7][name]) / 2)
    rates = [row["lr"] for row in history.rows]
    assert rates[6] == rates[7] > rates[0]  # held


def test_swa_measures_batch_norm_anew():
    model, history = trained("swa", epochs=1)  # whose only epoch is the last quarter
    images = collate([Discs(8)[index] for index in range(8)])[0]
    with torch.no_grad():
        maps = model[0](images)
    torch.testing.assert_close(model[1].running_mean, maps.mean(dim=(0, 2, 3)), rtol=1e-3, atol=1e-4)


class Frozen(Freezable):
    """Batch norm of a known state, frozen."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(3)
        self.norm.running_mean.fill_(0.5)
        self.norm.running_var.fill_(2.0)
        self.freeze()

    def forward(self, x):
        return self.norm(x)


def test_swa_leaves_the_statistics_of_frozen_layers():
    model = nn.Sequential(Frozen(), normed())
    quick(model, Discs(8), Discs(4), epochs=1, precision="fp32", average="swa")
    assert (
        model[0].norm.running_mean.tolist() == [0.5] * 3 and model[0].norm.running_var.tolist() == [2.0] * 3
    )
    assert model[0].norm.track_running_stats
    images = collate([Discs(8)[index] for index in range(8)])[0]
    with torch.no_grad():
        maps = model[1][0](model[0](images))  # what stands behind them was measured with them as they are
    torch.testing.assert_close(model[1][1].running_mean, maps.mean(dim=(0, 2, 3)), rtol=1e-3, atol=1e-4)


class OfTheWholeImage(nn.Module):
    """Beside each pixel the mean of its image, as in DeepLab: of a batch of one it is one value a channel."""

    def __init__(self) -> None:
        super().__init__()
        self.norm, self.head = BatchNorm(3), nn.Conv2d(3, 2, 1)
        self.norm.running_mean.fill_(0.5)
        self.norm.running_var.fill_(2.0)

    def forward(self, x):
        return self.head(x + self.norm(x.mean(dim=(2, 3), keepdim=True)))


@pytest.mark.parametrize("batch_size", [1, 2])
def test_swa_keeps_the_statistics_of_single_values(batch_size):
    model = OfTheWholeImage()
    quick(model, Discs(8), Discs(4), epochs=1, batch_size=batch_size, precision="fp32", average="swa")
    measured = model.norm.running_mean.tolist() != [0.5] * 3, model.norm.running_var.tolist() != [2.0] * 3
    assert measured == (batch_size > 1,) * 2
    assert model.norm.num_batches_tracked == (4 if batch_size > 1 else 0)


def test_swa_that_is_stopped_while_it_measures_leaves_batch_norm_its_momentum(monkeypatch):
    def stopped(batches, network):
        def first():
            yield next(batches)
            raise KeyboardInterrupt

        swa_utils.update_bn(first(), network)

    monkeypatch.setattr("nbhelpers.training.engine.update_bn", stopped)
    model, _ = trained("swa", epochs=1)
    assert model[1].momentum == 0.1


def test_ema_forgets_by_its_decay():
    model = nn.Linear(1, 1)
    averaging, expected = Averaging("ema", model, epochs=3), None
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    scheduler = torch.optim.lr_scheduler.ConstantLR(optimizer)
    for step in range(4):
        optimizer.step()
        nn.init.constant_(model.weight, step)
        averaging.after_step(scheduler)
        expected = float(step) if expected is None else DECAY * expected + (1 - DECAY) * step
    assert averaging.averaged.module.weight.item() == pytest.approx(expected)


def test_ema_averages_the_statistics_of_batch_norm():
    model = nn.BatchNorm1d(1)
    averaging = Averaging("ema", model, epochs=3)
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    scheduler = torch.optim.lr_scheduler.ConstantLR(optimizer)
    for mean in (0.0, 1.0):
        optimizer.step()
        model.running_mean.fill_(mean)
        averaging.after_step(scheduler)
    assert averaging.averaged.module.running_mean.item() == pytest.approx(1 - DECAY)


@pytest.mark.parametrize("average", ["ema", "swa"])
def test_the_model_is_left_with_what_was_scored(average):
    model, history = trained(average)
    plain, _ = trained(None)
    assert not model.training
    score = evaluate(model, Discs(4), precision="fp32").mean_iou
    assert score == pytest.approx(history.best["mean_iou"])
    with pytest.raises(AssertionError):
        assert_same_weights(weights_of(model), weights_of(plain))


@pytest.mark.parametrize("average", ["ema", "swa"])
def test_averaged_trainings_resume_bit_for_bit(average, tmp_path):
    whole, history = trained(average)
    trained(average, tmp_path / "c.pt", stop_after=7)
    parts, resumed = trained(average, tmp_path / "c.pt")
    assert_same_weights(weights_of(parts), weights_of(whole))
    assert [row["mean_iou"] for row in resumed.rows] == [row["mean_iou"] for row in history.rows]


def test_the_average_belongs_to_the_plan(tmp_path):
    trained("ema", tmp_path / "c.pt", stop_after=1)
    with pytest.raises(ValueError, match="'average': 'ema'.*'average': None"):
        trained(None, tmp_path / "c.pt")


def test_another_kind_is_refused():
    with pytest.raises(ValueError, match="average is 'mean'; it must be None, 'ema' or 'swa'"):
        Plan(1, 1e-3, 8, None, None, "onecycle", 0.01, None, 0, average="mean")


def test_a_soup_with_batch_norm_is_stirred_as_on_a_gpu(monkeypatch):
    monkeypatch.setattr(swa_utils, "_get_foreach_kernels_supported_devices", lambda: ["cpu"])
    models = [UNet(num_classes=2, widths=(4, 8)).train() for _ in range(3)]
    for model in models:
        model(torch.rand(2, 3, 16, 16))
    mixed = soup(models)
    for name in ("running_mean", "running_var"):
        each = torch.stack([getattr(model.stem[1], name) for model in models])
        torch.testing.assert_close(getattr(mixed.stem[1], name), each.mean(dim=0))
    assert mixed.stem[1].num_batches_tracked == 1


def test_a_soup_is_the_mean():
    models = [nn.Conv2d(3, 2, 1) for _ in range(3)]
    mixed = soup(models)
    torch.testing.assert_close(mixed.weight, sum(model.weight for model in models) / 3)
    assert not mixed.training
    with pytest.raises(
        ValueError, match="models 0 and 1 differ in bias, weight; a soup takes models of one build"
    ):
        soup([nn.Conv2d(3, 2, 1), nn.Conv2d(3, 4, 1)])
    with pytest.raises(ValueError, match="no models to average"):
        soup([])
