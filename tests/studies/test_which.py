"""Which network: the networks that are compared, the terms, and that what is said follows from the rows."""

import json
from dataclasses import fields, replace
from types import SimpleNamespace
from typing import ClassVar

import nbformat
import numpy as np
import pytest
import torch
from scipy.stats import tukey_hsd

from studies import Protocol, Way
from studies.running import make_row
from studies.statistics import difference, spread
from studies.which import __main__ as command
from studies.which import times
from studies.which.answers import NOTHING, Answer
from studies.which.costs import MACS, MEMORY, Costs
from studies.which.networks import NETWORKS, Network
from studies.which.orders import Ranked
from studies.which.terms import (
    DATA,
    MINUTE,
    MINUTES,
    RATES,
    STEPS,
    TIME,
    TUNING,
    EqualTime,
    OnVal,
    chosen,
    final,
    tried,
    tuning,
)
from studies.which.versus import Versus, optimizers, tunings
from tests.flat import Flat
from tools.execution import ROOT

EMPTY = NOTHING.format(command="python -m studies.which run")
SAYING = ("rates", "least", "table", "decisions")
A, B, C = ({name: Network(Flat, "ours")} for name in "ABC")
THREE = A | B | C


# The networks


@pytest.mark.parametrize("name", NETWORKS)
def test_every_network_is_whole(name):
    torch.manual_seed(0)
    network, images = NETWORKS[name].build(), torch.rand(2, 3, 48, 64)
    forward = getattr(network, "forward_with_aux", lambda images: (network(images),))
    outputs = forward(images)
    assert [tuple(logits.shape) for logits in outputs] == [(2, 11, 48, 64)] * len(outputs)
    sum(logits.square().mean() for logits in outputs).backward()
    assert [name for name, weight in network.named_parameters() if weight.grad is None] == []
    assert network.eval()(images[:1]).shape == (1, 11, 48, 64)
    assert NETWORKS[name].source in ("ours", "SMP", "torchvision")


def test_networks_of_others_see_normalised_images():
    seen = []
    network = NETWORKS["LinkNet"].build()
    network.network.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    network(torch.full((2, 3, 48, 64), 0.485))
    assert seen[0][:, 0].abs().max() < 1e-6 and seen[0][:, 1].mean() == pytest.approx((0.485 - 0.456) / 0.224)


def test_costs_by_hand():
    found = Costs((8, 4), 2)(Flat(), None)
    assert found[MACS] == pytest.approx(8 * 4 * 3 * 11 / 1e6)
    weights = 4 * (3 * 11 + 11)
    images, logits = 4 * 2 * 3 * 8 * 4, 4 * 2 * 11 * 8 * 4
    least = 3 * weights + images + logits  # the weights, and what AdamW keeps of them
    assert least <= 1e6 * found[MEMORY] <= least + 2 * weights + 2 * logits


def test_answers_are_timed_in_turns_and_the_least_of_each_counts_after_a_first(monkeypatch):
    answers = [(0.001, 0.001), (9, 4), (7, 5), (8, 6)]  # seconds of A and B, in each round
    clock = iter(np.cumsum([each for pair in answers for seconds in pair for each in (0, seconds)]).tolist())
    monkeypatch.setattr("studies.which.times.time", SimpleNamespace(process_time=lambda: next(clock)))
    found = times.in_turns(A | B, (8, 4), rounds=3)
    assert found == pytest.approx({"A": 7000, "B": 4000})


def test_times_are_stored_by_size(rows, monkeypatch):
    monkeypatch.setattr(times, "in_turns", lambda networks, size: dict.fromkeys(networks, float(size[0])))
    times.measure([(8, 4), (16, 4)], {"machine": "one"}, A)
    assert times.stored((16, 4)) == {"A": 16.0} and times.stored((8, 4)) == {"A": 8.0}
    assert times.stored((9, 9)) == {}


def test_a_network_that_is_not_timed_is_told(rows):
    rows(TUNING, tuned("A"))
    rows(STEPS, scored(A=[0.5, 0.52]))
    times_of()
    with pytest.raises(
        ValueError, match=r"the time of A's answer is not stored; make it by python -m studies\.which"
    ):
        _ = Answer(networks=THREE).table


@pytest.mark.parametrize("size", command.SIZES)
def test_the_answers_of_all_networks_are_timed(size):
    assert list(times.stored(size)) == list(NETWORKS)
    assert min(times.stored(size).values()) > 0


class WithAux(Flat):
    calls: ClassVar[list] = []

    def forward_with_aux(self, images):
        self.calls.append((self.training, tuple(images.shape)))
        return self(images), self(images)


def test_memory_is_of_a_training_with_the_auxiliary_head():
    Costs((8, 4), 2).bytes(WithAux().eval())
    assert WithAux.calls == [(True, (2, 3, 8, 4))] * 2


# The terms


def test_tuning_never_sees_test():
    assert isinstance(DATA["street"].tuning, OnVal)
    small = OnVal(size=(32, 40), scenes=8)
    assert len(small.data("test")) == len(small.data("val")) == 100
    assert np.array_equal(small.data("test").images[0], small.data("val").images[0])
    assert not np.array_equal(small.data("val").images[0], Protocol(size=(32, 40)).data("test").images[0])


def test_all_have_the_same_terms():
    studies = [tuning(DATA["street"]), *(final(DATA["street"], terms) for terms in (STEPS, TIME))]
    for study in studies:
        assert all(set(way.terms) == {"lr"} for way in study.ways.values())
        fixed = {
            name: value for name, value in vars(study.protocol).items() if name not in ("epochs", "seconds")
        }
        # those of the other lessons' studies
        assert fixed == {name: vars(Protocol())[name] for name in fixed}
    assert {way.terms["lr"] for way in studies[0].ways.values()} == set(RATES)
    assert len(studies[0].ways) == len(RATES) * len(NETWORKS)
    assert [list(study.measures) for study in studies] == [[], ["costs"], ["costs"]]
    assert (DATA["street"].finals[STEPS].steps, DATA["street"].tuning.steps) == (592, 296)


def test_seeds_of_tuning_are_no_others():
    first = tuning(DATA["street"], A)
    second = replace(first, lesson="24_street_equal_steps")
    assert first.seed_of("A", 0) != second.seed_of("A", 0)


class Clock:
    """A processor's clock that trainings move on: `a_scene` seconds for each scene of an epoch."""

    def __init__(self, a_scene: float) -> None:
        self.a_scene, self.now, self.epochs = a_scene, 100.0, []

    def train(self, network, protocol, train, valid, seed):
        self.now += self.a_scene * (len(train) + len(valid) / 3) * protocol.epochs
        self.epochs.append((protocol.epochs, len(train)))

    def process_time(self) -> float:
        return self.now


@pytest.mark.parametrize("a_scene, epochs", [(0.01, 9), (0.0305, 3), (0.05, 2), (1.0, 1), (0.001, 90)])
def test_epochs_at_equal_time(monkeypatch, a_scene, epochs):
    """300 scenes and 100 of val at a third of the price: an epoch takes 333 times a scene's seconds."""
    clock = Clock(a_scene)
    monkeypatch.setattr("studies.which.terms.time", clock)
    protocol = EqualTime(seconds=30, epochs=28)
    found = protocol.fitted(Way(build=Flat, train=clock.train), range(300), range(100))
    assert found == replace(protocol, epochs=epochs)
    assert clock.epochs == [(1, 16), (1, 300)]  # the first warms up
    assert f"{epochs} epochs" in str(found) and str(found).endswith("for 30 CPU seconds")


def test_a_row_at_equal_time_counts_its_own_seconds(monkeypatch):
    few = EqualTime(size=(32, 40), scenes=8, seconds=1e-9)
    study = replace(final(DATA["street"], TIME, {}), ways={"A": Way(build=Flat)}, protocol=few)
    row = make_row(study, "A", 0)
    assert row["steps"] == 1 and len(row["curve"]) == 1
    assert set(row["measures"]) == {"mean IoU", MACS, MEMORY}
    assert row["command"] == "python -m studies.which run"


# Rows, made up


def row(way, seed, score, **more) -> dict:
    costs = {MACS: 60.0, MEMORY: 30.0}
    fields = {"way": way, "seed": seed, "measures": {"mean IoU": score} | costs, "parameters": 1000}
    fields |= {"cpu_seconds": 30.0, "steps": 608, "machine": "a machine", "protocol": "", "curve": [[1, 0.1]]}
    return fields | {"iou": {"Sky": score, "Car": score / 2}} | more


def times_of(**milliseconds: float) -> None:
    """Store the times of answers, the same for pictures of both sizes."""
    path = times.study.RESULTS / times.NAME
    path.write_text(json.dumps({"results": dict.fromkeys(("48 x 64", "96 x 128"), milliseconds)}))


@pytest.fixture
def rows(tmp_path, monkeypatch):
    """A function that stores rows for one of the three turns."""
    monkeypatch.setattr("studies.study.RESULTS", tmp_path)

    def store(terms: str, stored: list[dict]) -> None:
        path = tmp_path / f"24_street_{terms.replace(' ', '_')}.json"
        path.write_text(json.dumps(stored))

    times_of(A=2.0, B=2.0, C=2.0)
    return store


def tuned(names="ABC") -> list[dict]:
    return [row(tried(name, rate), 0, 0.5 if rate == 3e-3 else 0.4) for name in names for rate in RATES]


def scored(**scores) -> list[dict]:
    return [row(name, seed, score) for name, each in scores.items() for seed, score in enumerate(each)]


def test_val_chooses_the_rate(rows):
    stored = [row(tried("A", rate), 0, score) for rate, score in zip(RATES, (0.3, 0.2, 0.1))]
    stored += [row(tried("B", rate), 0, score) for rate, score in zip(RATES, (0.3, 0.2, 0.4))]
    rows(TUNING, stored + [row(tried("C", RATES[0]), 0, 0.9)])  # not tried with all of them yet
    assert chosen(tuning(DATA["street"], THREE), THREE) == {"A": RATES[0], "B": RATES[2]}
    for terms in (STEPS, TIME):
        ways = final(DATA["street"], terms, THREE).ways
        assert {name: way.terms["lr"] for name, way in ways.items()} == {"A": RATES[0], "B": RATES[2]}
    assert "**0.001** for A; **0.01** for B" in Answer(networks=THREE).rates
    assert "For 2 of 2 that is the lowest or the highest" in Answer(networks=THREE).rates


def test_what_a_borrowed_rate_costs(rows, tmp_path):
    """A wants another rate on photographs, B does too, and C the same; D has been tried on one of them alone."""
    networks = THREE | {"D": Network(Flat, "ours")}
    rows(TUNING, tuned())  # 0.003 for all
    scores = {"A": (0.50, 0.47, 0.30), "B": (0.20, 0.31, 0.40), "C": (0.20, 0.40, 0.30), "D": (0.5, 0.4, 0.3)}
    stored = [row(tried(name, rate), 0, score) for name in scores for rate, score in zip(RATES, scores[name])]
    (tmp_path / "24_camvid_small_tuning.json").write_text(json.dumps(stored))
    street, small = Answer(networks=networks), Answer("camvid_small", networks)
    assert small.chosen == {"A": RATES[0], "B": RATES[2], "C": RATES[1], "D": RATES[0]}
    assert small.rates.startswith(
        "Of 0.001, 0.003 and 0.01, the held-out photographs chose **0.001** for A and D;"
    )
    assert small.borrowed(street) == (
        "For 2 of 3 networks the two tunings chose different rates. The other's rate scores 0.060 lower in this one, on "
        "average over these, and 0.090 with **B**. In the median a network's best rate is 0.095 ahead of its second here."
    )
    assert street.borrowed(street) == "Both tunings chose the same rate for all 3 networks."


def test_the_least_difference_is_scipys():
    groups = np.random.default_rng(0).normal(size=(6, 5)) * 0.01 + 0.5
    found = spread(groups.tolist())
    interval = tukey_hsd(*groups).confidence_interval(0.95)
    assert found.least_difference == pytest.approx((interval.high - interval.low)[0, 1] / 2, rel=1e-4)
    assert found.freedom == 24 and found.deviation == pytest.approx(np.sqrt(groups.var(1, ddof=1).mean()))
    pair = spread(groups[:2].tolist())  # of two groups it is that of Student's t-test
    from scipy.stats import t

    assert pair.least_difference == pytest.approx(t.ppf(0.975, 8) * pair.deviation * np.sqrt(2 / 5), rel=1e-4)


def test_the_spread_of_unequal_and_of_too_few():
    found = spread([[1.0, 3.0], [2.0, 2.0, 2.0]])
    assert found.deviation == pytest.approx(np.sqrt(2 / 3)) and (found.freedom, found.seeds) == (3, 2)
    assert np.isnan(spread([[1.0, 2.0]]).least_difference)
    for groups in ([], [[1.0, 2.0], [1.0]]):
        with pytest.raises(ValueError, match="there must be one at least, and two seeds in each"):
            spread(groups)


def test_nothing_is_said_without_rows(rows):
    answer = Answer(networks=THREE)
    for said in (answer.table, answer.least, answer.decisions, answer.rates, answer.borrowed(answer)):
        assert said == EMPTY
    rows(TUNING, tuned())
    rows(STEPS, scored(A=[0.5]))  # one seed says nothing
    assert Answer(networks=THREE).decisions == EMPTY


def test_one_network_alone(rows):
    rows(TUNING, tuned("A"))
    rows(STEPS, scored(A=[0.5, 0.52]))
    answer = Answer(networks=THREE)
    assert answer.decisions == (
        "- Most accurate after 592 steps: **A** (0.510), the only one that has been tried."
    )
    assert answer.least == EMPTY and "| A | ours | 1,000 | 60 |" in answer.table


def test_what_follows(rows):
    """A and B lie together, C far below, and C answers fastest; at equal time C comes out ahead of both."""
    rows(TUNING, tuned())
    steps = scored(A=[0.50, 0.51, 0.52], B=[0.49, 0.50, 0.51], C=[0.30, 0.31, 0.32])
    for each in steps:
        each["parameters"] = {"A": 3000, "B": 2000, "C": 2500}[each["way"]]
    rows(STEPS, steps)
    times_of(A=2.0, B=3.0, C=1.5)
    rows(TIME, scored(A=[0.40, 0.41, 0.42], B=[0.39, 0.40, 0.41], C=[0.60, 0.61, 0.62]))
    answer = Answer(networks=THREE)
    assert list(answer.scores(STEPS)) == ["A", "B", "C"] and list(answer.scores(TIME)) == ["C", "A", "B"]
    assert answer.alike(STEPS) == ["A", "B"] and answer.alike(TIME) == ["C"]
    least = f"{answer.spreads[STEPS].least_difference:.3f}"
    lines = answer.decisions.splitlines()
    assert (
        lines[0]
        == f"- Most accurate after 592 steps: **A** (0.510). Not to be told from it, within {least}: B."
    )
    assert lines[1] == (
        f"- Most accurate within 30 CPU s: **C** (0.610), and no other comes within the least difference of {least}."
    )
    assert "- Fewest parameters of those that lead after 592 steps: **B** (2,000)." in lines
    assert "- Fastest answer of those that lead after 592 steps: **A** (2 CPU ms)." in lines
    assert "- Fastest answer of all, at a price of 0.200 of mean IoU: **C** (1.5 CPU ms)." in lines
    assert (
        "- Beaten by none in both speed and score: **C** (1.5 CPU ms, 0.310) and **A** (2.0 CPU ms, 0.510)."
        in lines
    )
    assert "Kendall's tau = -0.33" in lines[-1]
    assert "Ahead after equal steps and behind after equal time, beyond the least differences" in lines[-1]
    assert lines[-1].endswith(": **A** of C; **B** of C.")
    assert f"**{least}** apart" in answer.least and "3 networks, 3 seeds" in answer.least
    table = answer.table.splitlines()
    assert table[2].startswith("| A | ours | 3,000 | 60 | 2.0 | 30 | **0.510** | 30 | 0.410 | 608 |")
    assert "Trainings at equal time took 30 to 30 CPU s. Made on" in table[-1]
    assert table[4].startswith("| C |") and "| 0.310 | 30 | **0.610** |" in table[4]
    assert answer.per_class(STEPS)["A"] == pytest.approx({"Sky": 0.51, "Car": 0.255})


def test_what_follows_on_photographs(rows, tmp_path):
    """Both terms lay the seconds down, so that the steps are told, and no training is the shortest."""
    rows(TUNING, tuned())
    stored = scored(A=[0.50, 0.51, 0.52], B=[0.30, 0.31, 0.32], C=[0.10, 0.11, 0.12])
    for each in stored:
        each["cpu_seconds"] = {"A": 121.0, "B": 119.0, "C": 120.0}[each["way"]]
    (tmp_path / "24_camvid_one_minute.json").write_text(json.dumps(stored))
    longer = tmp_path / "24_camvid_five_minutes.json"
    longer.write_text(json.dumps(scored(A=[0.50, 0.51, 0.52], B=[0.60, 0.61, 0.62])))
    assert "Kendall" not in Answer("camvid", THREE).decisions  # two networks have no order to speak of
    longer.write_text(json.dumps(scored(A=[0.50, 0.51, 0.52], B=[0.60, 0.61, 0.62], C=[0.10, 0.11, 0.12])))
    answer = Answer("camvid", THREE)
    table = answer.table.splitlines()
    assert table[0].endswith("| mean IoU, 120 CPU s | in steps | mean IoU, 600 CPU s | in steps |")
    assert table[2].endswith("| 30 | **0.510** | 608 | 0.510 | 608 |")
    assert "for one picture of 96 x 128" in table[-1] and "Scored on all 101 photographs of val" in table[-1]
    assert "- Most accurate within 120 CPU s: **A** (0.510)" in answer.decisions
    assert (
        "Ahead after one minute and behind after five minutes, beyond the least differences: **A** of B."
        in answer.decisions
    )
    assert "Shortest training" not in answer.decisions
    assert "At five minutes (3 networks, 3 seeds" in answer.least
    assert "`python -m studies.which run --data camvid`" in Answer("camvid", {}).table


def test_whether_photographs_order_as_the_street_does(rows, tmp_path):
    rows(TUNING, tuned())
    rows(TIME, scored(A=[0.50, 0.51, 0.52], B=[0.30, 0.31, 0.32], C=[0.10, 0.11, 0.12]))
    stored = scored(B=[0.50, 0.51, 0.52], A=[0.30, 0.31, 0.32])
    (tmp_path / "24_camvid_one_minute.json").write_text(json.dumps(stored))
    street, photographs = Answer(networks=THREE), Answer("camvid", THREE)
    assert "mean IoU, 600" not in photographs.table  # no rows
    drawn = street.ranked(TIME, "half a minute of drawings")
    assert drawn.agrees(photographs.ranked(MINUTE)) == (
        "Half a minute of drawings and one minute agree by Kendall's tau = -1.00. Ahead after "
        "half a minute of drawings and behind after one minute, beyond the least differences: **A** of B."
    )
    with pytest.raises(
        ValueError, match="equal time and none have 0 networks in common, but an order needs two"
    ):
        street.ranked(TIME).agrees(Ranked("none", {"D": [0.1, 0.2]}, 0.1))


def test_who_falls_behind_several_is_told_once(rows):
    rows(TUNING, tuned())
    rows(STEPS, scored(A=[0.50, 0.51, 0.52], B=[0.30, 0.31, 0.32], C=[0.10, 0.11, 0.12]))
    rows(TIME, scored(A=[0.10, 0.11, 0.12], B=[0.30, 0.31, 0.32], C=[0.30, 0.31, 0.32]))
    assert Answer(networks=THREE).decisions.endswith("beyond the least differences: **A** of B and C.")


def test_the_best_is_so_on_average_and_costs_are_medians(rows):
    rows(TUNING, tuned())
    stored = scored(A=[0.50, 0.60, 0.55], B=[0.40, 0.69, 0.55])
    for each, seconds in zip(stored, (10.0, 60.0, 20.0, 1.0, 1.0, 1.0)):
        each["cpu_seconds"] = seconds
    rows(STEPS, stored)
    answer = Answer(networks=THREE)
    assert list(answer.scores(STEPS)) == ["A", "B"] and answer.cost("A", "CPU s") == 20
    assert "Shortest training of those that lead after 592 steps: **B** (1 CPU s)." in answer.decisions


def test_who_is_slower_and_no_better_is_not_at_the_front(rows):
    rows(TUNING, tuned())
    stored = scored(A=[0.5, 0.5], B=[0.5, 0.5])
    rows(STEPS, stored)
    times_of(A=2.0, B=1.0)
    assert "speed and score: **B** (1.0 CPU ms, 0.500)." in Answer(networks=THREE).decisions


def test_changes_of_place_count_beyond_both_differences():
    one = Ranked("one", {"A": [0.5], "B": [0.4]}, 0.15)
    other = Ranked("other", {"B": [0.6], "A": [0.3]}, 0.1)  # the better first
    for first, second in ((one, other), (other, one)):  # A is ahead by 0.1, where 0.15 mean something
        assert first.agrees(second).endswith(
            "= -1.00. No two networks change places beyond the least differences."
        )
    with pytest.raises(ValueError, match="one and none have 1 networks in common"):
        one.agrees(Ranked("none", {"B": [0.1]}, 0.1))


def test_ties_and_agreement(rows):
    rows(TUNING, tuned())
    rows(STEPS, scored(A=[0.5, 0.5], B=[0.5, 0.5], C=[0.4, 0.4]))
    rows(TIME, scored(A=[0.5, 0.5], B=[0.5, 0.5], C=[0.4, 0.4]))
    answer = Answer(networks=THREE)
    assert answer.alike(STEPS) == ["A", "B"]  # the least difference is 0, and they are equal
    assert "tau = 1.00. No two networks change places beyond the least differences." in answer.decisions


def test_a_network_without_rows_at_equal_time(rows):
    rows(TUNING, tuned())
    rows(STEPS, scored(A=[0.5, 0.6], B=[0.4, 0.5]))
    rows(TIME, scored(A=[0.5, 0.6]))
    answer = Answer(networks=THREE)
    assert "Kendall" not in answer.decisions
    assert answer.table.splitlines()[3].endswith("| 30 |  |  |")


def test_unknown_data():
    with pytest.raises(
        ValueError, match="no rows are planned on 'moon'; there are street, street_muon, camvid, camvid_muon"
    ):
        Answer("moon")


# The command


def test_the_command_names_what_there_is(capsys):
    with pytest.raises(SystemExit):
        command.main(["run", "--only", "UNet"])
    assert "no network UNet; there are U-Net, U-Net with CBAM" in capsys.readouterr().err


def test_the_order_of_the_rows(monkeypatch):
    calls = []
    monkeypatch.setattr(command, "run_seed", lambda study, seed, end: calls.append((study.lesson, seed)))
    monkeypatch.setattr(command, "torch", SimpleNamespace(set_num_threads=lambda count: None))
    monkeypatch.setattr(
        command, "fit_budgets", lambda study, seed: calls.append((f"{study.lesson}, fitted", seed))
    )
    command.main(["run", "--only", "U-Net", "--seeds", "2"])
    steps, timed = "24_street_equal_steps", "24_street_equal_time"
    assert calls == [("24_street_tuning", 0), (steps, 0), (steps, 1), (timed, 0), (timed, 1)]
    calls.clear()
    command.main(["run", "--data", "camvid", "--only", "U-Net", "--seeds", "1"])
    minute, minutes = "24_camvid_one_minute", "24_camvid_five_minutes"
    fitted = [(f"{each}, fitted", 0) for each in (minute, minutes)]
    assert calls == [("24_street_tuning", 0), fitted[0], (minute, 0), fitted[1], (minutes, 0)]


# The rows that are stored, and the page


def said_by_24() -> dict[str, str]:
    answer, photographs = map(Answer, ("street", "camvid"))
    said = {f"answer.{name}": getattr(answer, name) for name in SAYING}
    said |= {f"photographs.{name}": getattr(photographs, name) for name in ("least", "table")}
    muon, also = optimizers(), optimizers("camvid")
    said |= {"muon.in_tuning": muon.in_tuning, "muon.says": muon.says, "also.says": also.says}
    said |= {"longer.says": optimizers("camvid", MINUTES).says}
    return said | {'also.answers["Muon"].decisions': also.answers["Muon"].decisions}


def said_by_27() -> dict[str, str]:
    small = Answer("camvid_small")
    said = {f"small.{name}": getattr(small, name) for name in ("least", "rates")}
    return said | {"small.borrowed(drawings)": small.borrowed(Answer("street")), "rates.says": tunings().says}


@pytest.mark.parametrize(
    "name, saying", [("24_which_network", said_by_24), ("27_drawings_to_photographs", said_by_27)]
)
def test_the_page_says_what_the_rows_say(name, saying):
    page, said = nbformat.read(ROOT / "notebooks" / f"{name}.ipynb", as_version=4), saying()
    shown = {cell.source: cell.outputs for cell in page.cells if cell.source in said}
    assert shown.keys() == said.keys()
    for source, (output,) in shown.items():
        assert output.data["text/markdown"] == said[source], "execute the page again: make notebooks"


@pytest.mark.parametrize("data, terms", [(name, terms) for name in DATA for terms in DATA[name].finals])
def test_rows_have_the_rate_that_tuning_chose(data, terms):
    """And those of tuning its steps, on the plain processor that `python -m studies.which` asks for."""
    study = final(DATA[data], terms)
    for each in tuning(DATA[data]).rows:
        assert "296 steps" in each["protocol"], each["way"]
    for each in study.rows:
        assert f"learning rate {study.ways[each['way']].terms['lr']:g}," in each["protocol"], each["way"]
        assert each["machine"].endswith("1 threads, AVX2"), each["way"]


# The same networks twice


@pytest.fixture
def by_both(tmp_path, monkeypatch):
    """A function that stores rows of equal time on the street, by AdamW and by Muon."""
    monkeypatch.setattr("studies.study.RESULTS", tmp_path)

    def store(adamw: list[dict], muon: list[dict]) -> Versus:
        for data, stored in (("street", adamw), ("street_muon", muon)):
            rates = DATA[data].rates
            tried_all = [row(tried(name, rate), 0, 0.1) for name in THREE for rate in rates]
            (tmp_path / f"24_{data}_tuning.json").write_text(json.dumps(tried_all))
            (tmp_path / f"24_{data}_equal_time.json").write_text(json.dumps(stored))
        found = optimizers()
        found.answers = {name: Answer(answer.data.name, THREE) for name, answer in found.answers.items()}
        return found

    return store


def test_what_an_optimizer_brings_follows_from_the_rows(by_both):
    adamw = scored(A=[0.50, 0.51], B=[0.40, 0.41], C=[0.30, 0.31])
    found = by_both(adamw, scored(A=[0.60, 0.61], B=[0.40, 0.41], C=[0.20, 0.21]))
    groups = [[0.50, 0.51], [0.40, 0.41], [0.30, 0.31], [0.60, 0.61], [0.40, 0.41], [0.20, 0.21]]
    assert found.spread == spread(groups) and found.spread.least_difference < 0.1
    assert found.gains == pytest.approx({"A": 0.1, "B": 0.0, "C": -0.1})
    assert "Muon is ahead of AdamW beyond that with **A** (+0.100)." in found.says
    assert "AdamW is ahead of Muon beyond that with **C** (-0.100)." in found.says
    assert "cannot be told apart with **B** (+0.000)" in found.says and "tau = 1.00" in found.says
    assert list(found.ranking) == list(found.differences) == ["AdamW", "Muon"]


def test_what_an_optimizer_brings_in_tuning(by_both, tmp_path):
    """The best of each network's rates by the one against the best by the other, and networks as pairs."""
    found = by_both([], [])
    best = {"A": (0.40, 0.45), "B": (0.30, 0.34), "C": (0.50, 0.49)}
    for place, data in enumerate(("street", "street_muon")):
        low, middle, high = DATA[data].rates
        stored = [
            row(tried(name, rate), 0, score)
            for name, scores in best.items()
            for rate, score in ((low, 0.1), (middle, scores[place]), (high, 0.2))
        ]
        (tmp_path / f"24_{data}_tuning.json").write_text(json.dumps(stored))
    found.answers = {name: Answer(answer.data.name, THREE) for name, answer in found.answers.items()}
    pairs = difference([0.45, 0.34, 0.49], [0.40, 0.30, 0.50], paired=True)
    assert (
        "Muon scores higher than AdamW on val with **2 of 3** networks, by **0.027** on av" in found.in_tuning
    )
    assert f"{pairs.low:.3f} to {pairs.high:.3f}, p = {pairs.p:.2g}," in found.in_tuning
    only = {"A": THREE["A"]}
    found.answers = {name: Answer(answer.data.name, only) for name, answer in found.answers.items()}
    assert found.in_tuning == NOTHING.format(command="python -m studies.which run --data street_muon")


def test_only_what_both_have_trained_is_compared(by_both):
    found = by_both(scored(A=[0.5, 0.6], B=[0.4, 0.5], C=[0.4]), scored(B=[0.6, 0.7], C=[0.6, 0.7]))
    assert list(found.gains) == ["B"] and "tau" not in found.says
    nothing = by_both(scored(A=[0.5, 0.6]), [])
    assert nothing.says == NOTHING.format(command="python -m studies.which run --data street_muon")


def test_tunings_differ_in_nothing_but_where_the_rates_come_from():
    drawings, photographs = tunings().answers.values()
    assert drawings.tuning.path == tuning(DATA["street"]).path
    assert photographs.tuning.path.name == "24_camvid_small_tuning.json"
    first, second = (answer.studies[STEPS] for answer in (drawings, photographs))
    assert first.protocol == second.protocol and first.path != second.path
    differing = {name for name, rate in Answer().chosen.items() if photographs.chosen[name] != rate}
    # with equal rates, luck alone would be compared
    assert set(tunings().gains) == set(drawings.networks) == differing


@pytest.mark.parametrize("data", ["street", "camvid"])
def test_muon_has_the_same_terms_but_for_its_rates(data):
    adamw, muon = optimizers(data).answers.values()
    for one, other in (
        (adamw.tuning, muon.tuning),
        *((adamw.studies[terms], muon.studies[terms]) for terms in muon.studies),
    ):
        told = {each.name: getattr(other.protocol, each.name) for each in fields(one.protocol)}
        assert replace(one.protocol, options={"optimizer": "muon"}) == type(one.protocol)(**told)
        assert other.protocol.options == {"optimizer": "muon"} and "by Muon" in str(other.protocol)
    assert len(muon.data.rates) == len(adamw.data.rates) and muon.data.tuned_on == "street_muon"
