"""The benchmark of recipes on CamVid: what each trains on, for how long, and what is stored of it."""

import json
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from benchmarks import camvid_speed
from benchmarks.camvid_recipes import RECIPES, Phase, Recipe
from benchmarks.camvid_speed import key, measure, operations, shortened, stops
from studies.which import budget
from studies.which.budget import TODAY, curves, table
from tests.camvid_like import RED, camvid_like


@pytest.fixture(autouse=True)
def data(tmp_path, monkeypatch):
    monkeypatch.setenv("NBHELPERS_DATA", str(camvid_like(tmp_path)))
    monkeypatch.setattr(budget, "PATH", tmp_path / "budget.json")
    return tmp_path


@pytest.mark.parametrize("name", RECIPES)
def test_what_every_recipe_trains_on(name):
    for phase in RECIPES[name].phases:
        train = phase.train(limit=2)
        assert {tuple(train[0][0].shape[-2:]), tuple(train[0][1].shape)} == {phase.size}
        assert phase.drawn or {image[0, 0, 0] for image in train.images} == {RED["train"]}
    assert not phase.drawn


LONGER = {TODAY, "Muon, 30 epochs", *(name for name in RECIPES if "large" in name)}


@pytest.mark.parametrize("name", RECIPES)
def test_how_much_each_may_calculate(name):
    """A third of the first's operations, for speed; or four times as many at most, for the score."""
    share = operations(RECIPES[name])[-1] / operations(RECIPES[TODAY])[-1]
    if "HarDNet" in name:
        assert share < 1
    else:
        assert 1 <= share <= 4 if name in LONGER else 0.25 < share <= 0.335


def test_lengths():
    phase = Phase(epochs=30)
    assert shortened(phase, 1) == (30, None) and shortened(phase, 0.1) == (3, None)
    assert shortened(phase, 0.01) == (1, 110) and shortened(phase, 0.001) == (1, 11)
    assert shortened(Phase(epochs=30, drawn=True), 0.01) == (1, 180)
    assert stops(30) == [8, 15, 22, 30] and stops(2) == [1, 2] and stops(1) == [1]


class Flat(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 11, 1)
        self.seen = []

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        if not images.is_meta:  # whose operations are counted, and no picture seen
            red = round(255 * images[0, 0].max().item())
            self.seen.append((self.training, tuple(images.shape[-2:]), red))
        return self.conv(images)


def test_a_row(monkeypatch):
    """Two phases; scored at val's own size, after each look; val is only ever looked at."""
    networks = []
    monkeypatch.setattr("benchmarks.camvid_recipes.SIZE", (32, 48))
    monkeypatch.setattr(Phase, "pictures", property(lambda phase: 8))
    phases = (Phase(epochs=2, size=(32, 40), drawn=True), Phase(epochs=4, size=(32, 48), optimizer="muon"))
    scored = []
    evaluate = camvid_speed.evaluate

    def noted(network, pictures, **options):
        scored.append((len(pictures), pictures.masks[0].shape, options["size"]))
        return evaluate(network, pictures, **options)

    monkeypatch.setattr(camvid_speed, "evaluate", noted)
    row = measure(Recipe(phases, lambda: networks.append(Flat()) or networks[-1]), seed=0, scale=1)
    assert scored[:6] == [(5, (36, 48), (32, 48))] * 6 and len(row["curve"]) == 6
    assert scored[6:] == [(5, (36, 48), size) for size in camvid_speed.SEEN_AT]
    assert list(row["mean_iou_seen_at"]) == ["144 x 192", "192 x 256", "240 x 320", "288 x 384"]
    a_pixel = 3 * 11 * 8  # the channels, and the pictures
    pixels = [1 * 32 * 40, 2 * 32 * 40] + [2 * 32 * 40 + epochs * 32 * 48 for epochs in (1, 2, 3, 4)]
    assert [each[2] for each in row["curve"]] == [a_pixel * each for each in pixels]
    assert row["macs"] == a_pixel * pixels[-1]
    assert row["mean_iou"] == row["curve"][-1][1] and row["cpu_seconds"] == row["curve"][-1][0]
    assert [each[0] for each in row["curve"]] == sorted(each[0] for each in row["curve"])
    trained = {size for training, size, _ in networks[0].seen if training}
    assert trained == {(32, 40), (32, 48)}
    looked = {red for training, size, red in networks[0].seen if not training}
    assert looked == {RED["val"]}
    assert "scored on 5 photographs of val" in row["protocol"] and row["peak_mb"] > 50


def test_rows_are_made_once_each_in_a_process_of_its_own(monkeypatch):
    calls = []

    def made(command, env, check):
        assert env["ATEN_CPU_CAPABILITY"] == "avx2" and env["NBHELPERS_PRECISION"] == "fp32" and check
        assert env["OMP_NUM_THREADS"] == "1"
        calls.append(command[command.index("--only") + 1 :])
        camvid_speed.store(
            key(command[command.index("--only") + 1], int(command[-3]), float(command[-1])), {}
        )

    monkeypatch.setattr(camvid_speed, "subprocess", SimpleNamespace(run=made))
    short, long = "Muon, 8 epochs", "Muon, 30 epochs"
    for _ in range(2):
        camvid_speed.main(["run", "--only", short, "--only", long, "--seeds", "2"])
    assert [(call[0], call[2]) for call in calls] == [(short, "0"), (long, "0"), (short, "1"), (long, "1")]
    camvid_speed.main(["run", "--only", short, "--scale", "0.1"])
    assert list(json.loads(budget.PATH.read_text())) == [
        *(f"{long}, seed 0", f"{long}, seed 1", f"{short}, seed 0"),
        *(f"{short}, seed 0, a trial of 0.1", f"{short}, seed 1"),
    ]
    camvid_speed.main(["run", "--only", TODAY, "--minutes", "-1"])
    assert len(calls) == 5


def test_table_and_curves_have_no_trials():
    def row(name, seed, seconds, score, scale=1.0):
        each = {"name": name, "seed": seed, "scale": scale, "cpu_seconds": seconds, "peak_mb": 1900}
        macs = {TODAY: 50e12, "other": 12.5e12, "trial": 1e11}[name]
        each |= {"protocol": "as always", "macs": macs}
        each["curve"] = [[seconds / 2, 0.1, macs / 5], [seconds, score, macs]]
        return {key(name, seed, scale): each | {"mean_iou": score}}

    stored = row(TODAY, 0, 900, 0.56) | row(TODAY, 1, 1100, 0.58) | row("other", 0, 1250, 0.5)
    stored |= row("trial", 0, 10, 0.1, 0.1)
    stored[key(TODAY, 0, 1.0)]["peak_mb"] = 2000
    assert table(stored).splitlines()[2:] == [
        "| other | 1 | 12.5 | 0.25 | 1,250 | 1,900 | 0.500 |",
        f"| {TODAY} | 2 | 50.0 | 1.00 | 1,000 | 2,000 | 0.570 |",
        "",
        "as always",
    ]
    assert table(row("other", 0, 250, 0.5)).splitlines()[2] == "| other | 1 | 12.5 |  | 250 | 1,900 | 0.500 |"
    assert curves(stored) == {"other": {2.5: 0.1, 12.5: 0.5}, TODAY: {10: 0.1, 50: 0.56}}
