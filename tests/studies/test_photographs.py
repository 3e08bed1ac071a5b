"""Studies on CamVid: which photographs are trained on, how many steps a budget pays, and what scores."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from nbhelpers.datasets import class_weights
from nbhelpers.models.unet import UNet
from nbhelpers.training.engine import Engine
from studies import Way, load
from studies.photographs import Draws, HeldOut, Photographs, photographs
from studies.running import fit_budgets, make_row
from studies.which.terms import (
    DATA,
    LONG,
    MINUTE,
    MINUTES,
    RATES,
    SHORT,
    STEPS,
    TURNS,
    AsLongAsAdamW,
    TimedPhotographs,
    final,
    tuning,
)
from tests.camvid_like import PICTURES, RED, SIZE, camvid_like

SMALL = (32, 40)


class Flat(nn.Module):
    """One convolution; it notes the sizes that it sees."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 11, 1)
        self.sizes = set()

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        self.sizes.add(tuple(images.shape[-2:]))
        return self.conv(images)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("NBHELPERS_DATA", str(camvid_like(tmp_path)))
    photographs.cache_clear()
    yield tmp_path
    photographs.cache_clear()


def tiny(**changes) -> Photographs:
    return Photographs(
        **{"size": SMALL, "seen_at": SMALL, "scenes": 8, "draws": 8, "batch_size": 4} | changes
    )


def colours(pairs) -> list[tuple[int, int]]:
    """(red, green) of each picture: its split and its number."""
    return [tuple(image[0, 0, :2].tolist()) for image in pairs.images]


# What is trained on, and what scores


def test_what_scores_is_never_trained_on():
    protocol = tiny(scenes=PICTURES["train"])
    train, watched, scored = (protocol.data(split) for split in ("train", "val", "test"))
    assert {red for red, _ in colours(train.pairs)} == {red for red, _ in colours(watched)} == {RED["train"]}
    assert len(train.pairs) == PICTURES["train"] and train.pairs.images[0].shape[:2] == SMALL
    assert colours(scored) == [(RED["val"], 10 * index) for index in range(PICTURES["val"])]
    assert {mask.shape for mask in scored.masks} == {SIZE}
    assert watched.transform is None and scored.transform is None and train.transform is not None


def test_what_chooses_a_rate_is_neither_trained_on_nor_scored_later():
    protocol = HeldOut(size=SMALL, seen_at=SMALL, scenes=20, draws=8, batch_size=4)
    learnt, watched, chooses = (colours(pairs) for pairs in splits(protocol))
    assert learnt == [(RED["train"], 10 * index) for index in range(20)]  # the frames of a film stay together
    assert set(watched) <= set(learnt)
    assert chooses == [(RED["train"], 10 * index) for index in range(20, PICTURES["train"])]
    assert {mask.shape for mask in protocol.data("test").masks} == {SIZE}
    assert "20 photographs of 32 x 40" in str(protocol)
    assert str(protocol).endswith(
        "scored on the last photographs of CamVid's train at 360 x 480, void ignored"
    )


def splits(protocol):
    """What is trained on, what is watched, what scores."""
    return protocol.data("train").pairs, protocol.data("val"), protocol.data("test")


def test_the_test_split_is_not_opened(folder):
    for name in ("test", "testannot"):
        for file in (folder / "camvid" / name).iterdir():
            file.write_bytes(b"")
    assert make_row(study(), "A", 0)["steps"] == 6


@pytest.mark.parametrize("seed", range(3))
def test_fewer_photographs_are_a_part_of_more(seed):
    few, more = (set(colours(tiny(scenes=n).for_seed(seed).data("train").pairs)) for n in (4, 10))
    assert few < more and (len(few), len(more)) == (4, 10)


def test_the_seed_decides_which():
    def picked(seed):
        return colours(tiny().for_seed(seed).data("train").pairs)

    assert picked(1) == picked(1) == sorted(picked(1))
    assert len({tuple(picked(seed)) for seed in range(5)}) == 5
    assert str(tiny().for_seed(1)) == str(tiny().for_seed(2))


@pytest.mark.parametrize("count, often", [(6, 1), (24, 1), (48, 2)])
def test_draws(count, often):
    """Evenly from all parts; none more often than the number of passes."""
    draws = Draws(photographs("train", SMALL), count)
    torch.manual_seed(0)
    epochs = [[draws.read(index)[0][0, 0, 1] // 10 for index in range(count)] for _ in range(40)]
    for epoch in epochs:
        assert epoch == sorted(epoch) and np.bincount(epoch).max() == often
        assert np.histogram(epoch, bins=6, range=(0, 24))[0].tolist() == [count // 6] * 6
    assert {int(number) for epoch in epochs for number in epoch} == set(range(24))


def study(**changes):
    protocol = tiny(epochs=3, **changes)
    return replace(
        final(DATA["camvid"], MINUTE, {}), ways={"A": Way(build=Flat)}, protocol=protocol, measures={}
    )


@pytest.mark.parametrize("seconds", [None, 0.02, 0.1])
def test_a_row_takes_as_many_steps_as_it_says(monkeypatch, seconds):
    monkeypatch.setattr("studies.which.terms.FOUND", {})
    networks, steps, step = [], [], Engine.step
    monkeypatch.setattr(Engine, "step", lambda *given: steps.append(1) or step(*given))
    way, row_of = Way(build=lambda: networks.append(Flat()) or networks[-1]), study()
    tried, epochs = 0, 3
    if seconds:
        timed = TimedPhotographs(size=SMALL, seen_at=SMALL, scenes=8, draws=80, batch_size=4, seconds=seconds)
        row_of, tried, epochs = replace(row_of, protocol=timed), SHORT + TURNS * (SHORT + LONG), 5
    row = make_row(replace(row_of, ways={"A": way}), "A", 0)
    assert len(steps) - tried == row["steps"]
    assert f"{row['steps']:,} steps" in row["protocol"] and (seconds or row["steps"] == 6)
    assert networks[-1].sizes == {SMALL}  # though it is scored at 36 x 48
    assert [step for step, _ in row["curve"]] == [
        row["steps"] * (epoch + 1) // epochs for epoch in range(epochs)
    ]


def test_class_weights_are_of_the_photographs_that_are_trained_on():
    protocol = tiny(
        scenes=1, seed=next(s for s in range(99) if np.random.default_rng(s).permutation(24)[0] == 0)
    )
    train = protocol.data("train")
    weights = protocol.fitted(Way(build=Flat), train, None).options["class_weights"]
    assert weights[3] == 0 and torch.equal(weights, class_weights(train.pairs).sqrt())


# Which network, on photographs


class Clock:
    """A processor's clock that trainings move on, and the lengths of those trainings in steps."""

    def __init__(self, step: float, look: float, begin: float) -> None:
        self.step, self.look, self.begin, self.now, self.trained = step, look, begin, 50.0, []

    def train(self, network, protocol, train, valid, seed):
        steps = len(train) // protocol.batch_size
        self.now += self.begin + protocol.epochs * (steps * self.step + self.look)
        self.trained.append(steps)

    def evaluate(self, network, valid, batch_size, precision):
        self.now += self.look

    def process_time(self) -> float:
        return self.now


@pytest.mark.parametrize(
    "seconds, step, look, begin, draws",
    [
        (120, 1.0, 4.0, 0.0, 160),  # 24 s an epoch, less a look of 4 s, are 20 steps of eight draws
        (120, 1.0, 4.0, 10.0, 144),  # the beginning takes 2 s off each
        (600, 1.0, 4.0, 0.0, 928),
        (120, 0.5, 0.0, 0.0, 384),
        (120, 40.0, 9.0, 0.0, 8),
        (10, 0.3, 2.0, 0.6, 8),  # no time, and yet a step
        (120, 0.0, 4.0, 0.0, 160_000),  # too short to be told from nothing: a thousandth of a second
    ],
)
def test_steps_that_a_budget_pays(monkeypatch, seconds, step, look, begin, draws):
    clock = Clock(step, look, begin)
    monkeypatch.setattr("studies.which.terms.FOUND", {})
    monkeypatch.setattr("studies.which.terms.time", clock)
    monkeypatch.setattr("studies.which.terms.evaluate", clock.evaluate)
    protocol = TimedPhotographs(size=SMALL, seen_at=SMALL, seconds=seconds)
    found = protocol.fitted(Way(build=Flat, train=clock.train), protocol.data("train"), None)
    assert (found.draws, found.epochs) == (draws, 5) and found.steps == 5 * draws // 8
    assert clock.trained == [SHORT, *[SHORT, LONG] * TURNS]
    assert str(found).endswith(f"void ignored; for {seconds} CPU seconds")
    assert f"{found.steps:,} steps of batches of 8" in str(found)


@pytest.mark.parametrize("pace, look", [(1.0, 0.0), (0.1, 0.0), (1.0, 4.0)])
def test_another_optimizer_has_the_time_that_adamw_takes_on_the_same_machine(monkeypatch, pace, look):
    """Whatever the machine: if its steps take twice as long, half as many."""
    clock = Clock(pace, look, 0.0)
    monkeypatch.setattr("studies.which.terms.FOUND", {})
    monkeypatch.setattr("studies.which.terms.time", clock)
    monkeypatch.setattr("studies.which.terms.evaluate", clock.evaluate)

    def train(network, protocol, *given):
        clock.step = pace * (2 if protocol.options.get("optimizer") == "muon" else 1)
        clock.train(network, protocol, *given)

    protocol = AsLongAsAdamW(
        size=SMALL, seen_at=SMALL, seconds=120, adamw_steps=250, options={"optimizer": "muon"}
    )
    found = protocol.fitted(Way(build=Flat, train=train), protocol.data("train"), None)
    assert found.draws == 200 and found.steps == 125
    assert clock.trained == 2 * TURNS * [SHORT, *[SHORT, LONG] * TURNS]
    assert found.options.keys() == {"optimizer", "class_weights"}
    assert str(found).endswith("for 120 CPU seconds of those in which AdamW took 250 steps")


def test_it_has_as_many_seconds_as_adamws_rows_have_steps():
    adamw, muon = (final(DATA[data], MINUTE) for data in ("camvid", "camvid_muon"))
    steps = {row["way"]: row["steps"] for row in adamw.rows}
    assert len(muon.ways) > 3
    for name, way in muon.ways.items():
        assert way.terms["adamw_steps"] == steps[name]
        assert way.protocol(muon.protocol).adamw_steps == steps[name]


def test_what_disturbs_one_turn_does_not_shorten_a_training(monkeypatch):
    clock = Clock(1.0, 4.0, 0.0)
    monkeypatch.setattr("studies.which.terms.FOUND", {})
    monkeypatch.setattr("studies.which.terms.time", clock)
    monkeypatch.setattr("studies.which.terms.evaluate", clock.evaluate)

    def train(*given):
        clock.train(*given)
        clock.now += 50 * (len(clock.trained) == 3)  # the first long one

    protocol = TimedPhotographs(size=SMALL, seen_at=SMALL, seconds=120)
    assert protocol.fitted(Way(build=Flat, train=train), protocol.data("train"), None).draws == 160


def test_at_most_so_many_are_watched_from_the_first_to_the_last(monkeypatch):
    monkeypatch.setattr("studies.photographs.WATCHED", 5)
    watched = colours(HeldOut(size=SMALL, seen_at=SMALL, scenes=20).data("val"))
    assert [green // 10 for _, green in watched] == [0, 4, 9, 14, 19]
    assert len(HeldOut(size=SMALL, seen_at=SMALL, scenes=3).data("val")) == 3


def test_what_a_budget_pays_is_found_once_and_before_the_first_row(monkeypatch, tmp_path, capsys):
    """Whatever else the machine does later, rows of one network are equally long."""
    monkeypatch.setattr("studies.which.terms.FOUND", {})
    monkeypatch.setattr("studies.study.RESULTS", tmp_path)
    clock = Clock(1.0, 4.0, 0.0)
    monkeypatch.setattr("studies.which.terms.time", clock)
    monkeypatch.setattr("studies.which.terms.evaluate", clock.evaluate)
    timed = TimedPhotographs(size=SMALL, seen_at=SMALL, seconds=120)
    way = Way(build=Flat, train=clock.train)
    planned = replace(study(), protocol=timed, ways={"A": way})
    fit_budgets(planned, 0)
    assert "A: 367 photographs of 32 x 40, augmented, 100 steps" in capsys.readouterr().out
    (tmp_path / planned.path.name).write_text(json.dumps([{"way": "A", "seed": 0}]))
    fit_budgets(planned, 0)
    assert capsys.readouterr().out == ""  # no row of it is missing
    clock.step = 9.0  # something else keeps the machine busy now
    found = timed.for_seed(1).fitted(way, timed.data("train"), None)
    assert found.draws == 160 and clock.trained == [SHORT, *[SHORT, LONG] * TURNS]
    for other, its in ((replace(way, build=lambda: Flat()), timed), (way, replace(timed, size=(16, 20)))):
        assert its.fitted(other, its.data("train"), None).draws == 16  # another network, another size


def test_photographs_are_learnt_with_the_rates_of_the_street():
    street, camvid = DATA["street"], DATA["camvid"]
    assert tuning(camvid).path == tuning(street).path and tuning(camvid).protocol == street.tuning
    for terms, seconds in ((MINUTE, 120), (MINUTES, 600)):
        found = final(camvid, terms)
        assert (found.protocol.seconds, found.seeds) == (seconds, 3)
        assert found.path.name == f"24_camvid_{terms.replace(' ', '_')}.json"
        assert found.command.endswith("run --data camvid")
        for name, way in found.ways.items():
            assert way.terms == final(street, "equal steps").ways[name].terms and way.terms["lr"] in RATES


def test_small_photographs_are_learnt_from_on_the_terms_of_the_streets_scenes():
    street, small = DATA["street"], DATA["camvid_small"]
    for here, there in ((small.finals[STEPS], street.finals[STEPS]), (small.tuning, street.tuning)):
        for what in ("size", "steps", "epochs", "batch_size", "schedule", "options"):
            assert getattr(here, what) == getattr(there, what)
    assert small.tuning.scenes == small.tuning.draws == 300 and small.rates == street.rates
    assert isinstance(small.tuning, HeldOut) and small.finals[STEPS].scenes == 367
    assert tuning(small).ways == tuning(street).ways and tuning(small).path != tuning(street).path


# Photographs and drawings


def test_the_start_is_the_row_of_drawings_alone(monkeypatch, tmp_path):
    module = __import__("studies.lesson27", fromlist=["STUDY"])
    monkeypatch.setattr("studies.study.CHECKPOINTS", tmp_path)
    few = replace(module.STUDY, protocol=tiny(epochs=1), ways=dict(module.STUDY.ways))
    few.ways[module.ALONE] = replace(
        few.ways[module.ALONE], build=unet, terms={"dataset": drawings, "scenes": 8}
    )
    monkeypatch.setattr(module, "STUDY", few)
    with pytest.raises(FileNotFoundError, match="python -m studies run 27"):
        module.started()
    row = make_row(few, module.ALONE, 0)
    assert row["protocol"].startswith("8 drawings of 32 x 40")
    first, second = module.started(), module.started()
    for name, value in first.state_dict().items():
        assert torch.equal(value, second.state_dict()[name])
    assert not torch.equal(first.head.weight, unet().head.weight)


def unet() -> UNet:
    return UNet(num_classes=11, widths=(4, 8))


def drawings(split: str, size: tuple[int, int]):
    from nbhelpers.datasets import Street, in_memory

    return in_memory(Street(split, size, length=8))


def test_all_ways_of_drawings_have_as_many_steps():
    study = load("27")
    protocols = {name: way.protocol(study.protocol) for name, way in study.ways.items()}
    assert {protocol.steps for protocol in protocols.values()} == {900}
    assert {(p.size, p.seen_at) for p in protocols.values()} == {((72, 96), (72, 96))}
    by_muon = {name for name, protocol in protocols.items() if protocol.options}
    assert by_muon == {name for name in protocols if name.endswith(", by Muon")} and len(by_muon) == 4
    for name, protocol in protocols.items():
        muon = {"lr": 1e-2, "options": {"optimizer": "muon"}}
        other = replace(protocols[name.removesuffix(", by Muon")], **muon) if name in by_muon else protocol
        assert protocol == other and (name in by_muon or protocol.lr == 4e-3)
    protocols = {name: protocol for name, protocol in protocols.items() if name not in by_muon}
    alone, noisy = protocols.pop("drawings alone"), protocols.pop("noisy drawings alone")
    assert noisy == replace(alone, noise=25.0) and "augmented, with noise," in str(noisy)
    assert sorted(protocol.scenes for protocol in protocols.values()) == [10, 10, 50, 50, 367, 367]
    assert {protocol.noise for protocol in protocols.values()} == {0} and len(study.claims) == 6


def test_the_start_of_all_others_is_trained_first():
    study = load("27")
    study.__dict__["rows"] = []
    assert study.missing()[0] == (0, "drawings alone")


@pytest.mark.parametrize("seed", range(3))
def test_noise_comes_last_and_leaves_masks_alone(seed):
    samples = []
    for noise in (0.0, 25.0):
        torch.manual_seed(seed)
        samples.append(tiny(noise=noise).data("train")[0])
    (plain, mask), (noisy, same) = samples
    assert torch.equal(mask, same)
    assert 1 < (noisy.float() - plain.float()).std() < 25
