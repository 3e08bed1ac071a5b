"""The benchmark of recipes on CamVid: what each trains on, for how long, and what is stored of it."""

import json
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from benchmarks import camvid_speed
from benchmarks.camvid_recipes import LONG, RECIPES, OnCells, Phase, Recipe
from benchmarks.camvid_speed import key, measure, shortened, stops, table
from nbhelpers.losses import pixel_loss
from studies.which.costs import Costs
from tests.camvid_like import RED, camvid_like


@pytest.fixture(autouse=True)
def data(tmp_path, monkeypatch):
    monkeypatch.setenv("NBHELPERS_DATA", str(camvid_like(tmp_path)))
    monkeypatch.setattr(camvid_speed, "PATH", tmp_path / "camvid_speed.json")
    return tmp_path


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_takes_a_step(name):
    recipe = RECIPES[name]
    torch.manual_seed(0)
    network = recipe.build()
    pixel_loss(network(torch.rand(2, 3, 48, 64)), torch.randint(0, 11, (2, 48, 64))).backward()
    assert [name for name, weight in network.named_parameters() if weight.grad is None] == []
    for phase in recipe.phases:
        train = phase.train(limit=2)
        assert {tuple(train[0][0].shape[-2:]), tuple(train[0][1].shape)} == {phase.crop or phase.size}
        assert phase.drawn or {image[0, 0, 0] for image in train.images} == {RED["train"]}
    assert not recipe.phases[-1].drawn and recipe.phases[-1].size[0] >= recipe.seen_at[0]


def operations(recipe: Recipe) -> float:
    """Multiplications of all passes forward over what is trained on; backward takes about twice as many in all."""
    network = recipe.build()
    return sum(
        phase.epochs * phase.pictures * Costs(phase.crop or phase.size, 1).macs(network)
        for phase in recipe.phases
    )


@pytest.mark.parametrize("name", RECIPES.keys() - {"today", LONG})
def test_no_other_has_more_than_a_third_of_todays_operations(name):
    assert 0.25 < operations(RECIPES[name]) / operations(RECIPES["today"]) <= 0.335


def test_the_first_is_the_lessons():
    """Of notebooks/02_unet_from_scratch.ipynb with DATA=camvid, whose score is in benchmarks/results/unet_camvid.json."""
    recipe = RECIPES["today"]
    assert recipe.phases == (
        Phase(epochs=30, size=(144, 192), crop=None, area=(0.5, 1.0), lr=4e-3, batch_size=4, average=None),
    )
    assert [down[0].out_channels for down in recipe.build().downs] == [32, 64, 128, 256]


def test_cells_keep_every_pixel_in_its_place():
    network = OnCells(num_classes=3, widths=(4, 8))
    network.unet = nn.Identity()  # three numbers each of 2 x 2 pixels, and three classes
    images = torch.rand(1, 3, 6, 8)
    assert torch.equal(network(images), images)


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
        self.seen.append((self.training, tuple(images.shape[-2:]), round(255 * images[0, 0].max().item())))
        return self.conv(images)


def test_a_row(monkeypatch):
    """Two phases; scored at val's own size, after each look; val is only ever looked at."""
    networks = []
    phases = (Phase(epochs=2, size=(32, 40), drawn=True), Phase(epochs=4, size=(32, 48), average="ema"))
    recipe = Recipe(build=lambda: networks.append(Flat()) or networks[-1], phases=phases, seen_at=(32, 48))
    monkeypatch.setattr(Phase, "pictures", property(lambda phase: 8))
    scored = []
    evaluate = camvid_speed.evaluate

    def noted(network, pictures, **options):
        scored.append((len(pictures), pictures.masks[0].shape, options["size"]))
        return evaluate(network, pictures, **options)

    monkeypatch.setattr(camvid_speed, "evaluate", noted)
    row = measure(recipe, seed=0, scale=1)
    assert scored[:6] == [(5, (36, 48), (32, 48))] * 6 and len(row["curve"]) == 6
    assert scored[6:] == [(5, (36, 48), size) for size in camvid_speed.SEEN_AT]
    assert list(row["mean_iou_seen_at"]) == ["144 x 192", "192 x 256", "240 x 320"]
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
        calls.append(command[command.index("--only") + 1 :])
        camvid_speed.store(
            key(command[command.index("--only") + 1], int(command[-3]), float(command[-1])), {}
        )

    monkeypatch.setattr(camvid_speed, "subprocess", SimpleNamespace(run=made))
    for _ in range(2):
        camvid_speed.main(["run", "--only", "today", "--only", "cells", "--seeds", "2"])
    assert [(call[0], call[2]) for call in calls] == [
        ("today", "0"),
        ("cells", "0"),
        ("today", "1"),
        ("cells", "1"),
    ]
    camvid_speed.main(["run", "--only", "cells", "--scale", "0.1"])
    assert list(json.loads(camvid_speed.PATH.read_text())) == [
        *("cells, seed 0", "cells, seed 0, a trial of 0.1", "cells, seed 1", "today, seed 0", "today, seed 1")
    ]
    camvid_speed.main(["run", "--only", "ema", "--minutes", "-1"])
    assert len(calls) == 5


def test_the_table_has_no_trials():
    def row(name, seed, seconds, score, scale=1.0):
        each = {"name": name, "seed": seed, "scale": scale, "cpu_seconds": seconds, "peak_mb": 900}
        return {key(name, seed, scale): each | {"mean_iou": score}}

    stored = row("today", 0, 900, 0.56) | row("today", 1, 1100, 0.58) | row("cells", 0, 250, 0.5)
    stored |= row("ema", 0, 10, 0.1, 0.1)
    assert table(stored).splitlines()[2:] == [
        "| today | 2 | 1000 | 1.00 | 900 | 0.570 |",
        "| cells | 1 | 250 | 0.25 | 900 | 0.500 |",
    ]
