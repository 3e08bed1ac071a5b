"""Every study's file, rows and sentences; and that the pages say what the rows say."""

import ast
import json
import re
from contextlib import suppress
from math import comb, inf
from pathlib import Path
from types import SimpleNamespace

import nbformat
import numpy as np
import pytest
import torch
from torch import nn

from nbhelpers.datasets import Street
from nbhelpers.training import History, fit
from nbhelpers.training.engine import Engine
from nbhelpers.training.randomness import Batches
from studies import Claim, Protocol, Study, Way, load
from studies.__main__ import main
from studies.measures import borders_and_interiors, kinds_of_error, near_border, recall_by_size
from studies.protocol import train_by_fit
from studies.running import _commit, _store, make_row, run_missing, run_seed
from studies.statistics import LEVEL
from studies.study import CHECKPOINTS, HERE, RESULTS, last_fifth
from tests.flat import Flat
from tests.full_disk import full_disk
from tools.execution import ROOT

LESSONS = sorted(file.stem.removeprefix("lesson") for file in HERE.glob("lesson*.py"))
KEYS = {
    *("way", "seed", "measures", "iou", "curve", "steps", "parameters", "seconds", "cpu_seconds"),
    *("protocol", "command", "machine", "versions", "commit"),
}


def tiny(**changes) -> Study:
    fields = {
        "lesson": "tiny",
        "question": "Is one rate better?",
        "protocol": Protocol(size=(32, 40), scenes=8, epochs=2),
        "ways": {
            "slow": Way(build=Flat, terms={"lr": 1e-4}, keep=True),
            "fast": Way(build=Flat, terms={"lr": 1e-1}),
        },
        "claims": (Claim("fast", "slow"),),
    }
    return Study(**fields | changes)


@pytest.fixture
def folders(tmp_path, monkeypatch):
    for module in ("studies.study", "studies.running"):
        for name in ("RESULTS", "CHECKPOINTS"):
            monkeypatch.setattr(f"{module}.{name}", tmp_path / name.lower(), raising=False)
    monkeypatch.setattr("studies.running.LOCKS", tmp_path / "locks")
    return tmp_path


# A run of the harness


def test_an_interrupted_run_goes_on_and_makes_no_row_twice(folders, monkeypatch, capsys):
    monkeypatch.setattr("studies.running.load", lambda _: tiny())
    run_missing(["tiny"], seeds=1, minutes=10)
    first = json.loads((folders / "results" / "tiny.json").read_text())
    assert [(row["way"], row["seed"]) for row in first] == [("fast", 0), ("slow", 0)]
    run_missing(["tiny"], seeds=2, minutes=10)
    second = json.loads((folders / "results" / "tiny.json").read_text())
    assert [row for row in second if row["seed"] == 0] == first
    assert len(second) == 4
    assert "fast, seed 0" in capsys.readouterr().out


def test_a_stored_network_scores_as_its_row_says(folders, monkeypatch):
    monkeypatch.setattr("studies.running.load", lambda _: tiny())
    run_missing(["tiny"], seeds=2, minutes=10)
    study = tiny()
    # the first seed's is kept
    (row,) = (row for row in study.rows if (row["way"], row["seed"]) == ("slow", 0))
    from nbhelpers.training import evaluate

    score = evaluate(study.network("slow"), study.protocol.data("test"), precision="fp32").mean_iou
    assert score == pytest.approx(row["measures"]["mean IoU"], abs=5e-3)  # weights in eight bits
    with pytest.raises(FileNotFoundError, match="python -m studies run tiny"):
        study.network("fast")


def made_up(study: Study, way: str, seed: int) -> dict:
    scores = {"measures": {"mean IoU": 0.5}, "cpu_seconds": 1.0, "protocol": 500 * "long "}
    return {"way": way, "seed": seed} | scores


def test_two_runs_at_once_share_the_rows(folders, monkeypatch):
    """While the first makes a row, the second passes over it and makes the other, which the first finds and keeps."""
    made = []

    def make(study, way, seed):
        made.append(way)
        if len(made) == 1:
            run_seed(tiny(), seed, end=inf)
        return made_up(study, way, seed)

    monkeypatch.setattr("studies.running.make_row", make)
    folders.joinpath("locks").mkdir()
    run_seed(tiny(), 0, end=inf)
    assert sorted(made) == ["fast", "slow"]
    assert [row["way"] for row in json.loads((folders / "results" / "tiny.json").read_text())] == sorted(made)


def test_a_row_that_is_made_again_takes_the_place_of_the_first(folders):
    """As where two machines, whose locks are their own, share a disk."""
    folders.joinpath("locks").mkdir()
    study = tiny()
    for seconds in (1.0, 2.0):
        _store(study, made_up(study, "slow", 0) | {"cpu_seconds": seconds})
    assert [row["cpu_seconds"] for row in study.rows] == [2.0]


def test_rows_that_cannot_be_written_leave_those_before(folders, monkeypatch):
    monkeypatch.setattr("studies.running.load", lambda _: tiny())
    monkeypatch.setattr("studies.running.make_row", made_up)
    run_missing(["tiny"], seeds=2, minutes=10)
    before = (folders / "results" / "tiny.json").read_bytes()
    with full_disk(after=2000), pytest.raises(OSError, match="tiny.json was not written .* as it was before"):
        run_missing(["tiny"], seeds=3, minutes=10)
    assert (folders / "results" / "tiny.json").read_bytes() == before


def test_all_of_one_seed_come_before_the_next(folders, monkeypatch):
    """By default as many seeds as each study says."""
    studies = {"a": tiny(lesson="a", seeds=1), "b": tiny(lesson="b", seeds=2)}
    order = []
    monkeypatch.setattr("studies.running.load", studies.get)
    monkeypatch.setattr(
        "studies.running.run_seed", lambda study, seed, end: order.append((study.lesson, seed))
    )
    run_missing(["a", "b"], seeds=None, minutes=10)
    assert order == [("a", 0), ("b", 0), ("b", 1)]
    run_missing(["a", "b"], seeds=2, minutes=10)
    assert order[3:] == [("a", 0), ("b", 0), ("a", 1), ("b", 1)]


def by_itself(network, protocol, train, valid, seed):
    """The training of a way that has its own."""
    return fit(nn.Sequential(network), train, valid, epochs=protocol.epochs, precision="fp32", quiet=True)


@pytest.mark.parametrize("train", [train_by_fit, by_itself])
@pytest.mark.parametrize("epochs", [0, 1])
def test_a_training_that_is_stopped_makes_no_row(folders, monkeypatch, train, epochs):
    """`fit` ends quietly at Ctrl-C, with the history so far; a run ends too, and goes on with that row."""
    taken, step = [], Engine.step

    def stopped(*given):
        taken.append(1)
        if len(taken) > epochs:  # of one step each
            raise KeyboardInterrupt
        return step(*given)

    monkeypatch.setattr(Engine, "step", stopped)
    ways = dict.fromkeys(("fast", "slow"), Way(build=Flat, train=train))
    monkeypatch.setattr("studies.running.load", lambda _: tiny(ways=ways))
    with pytest.raises(KeyboardInterrupt, match=f"after {epochs} of 2 epochs; no row was made"):
        run_missing(["tiny"], seeds=1, minutes=10)
    assert len(taken) == epochs + 1 and not (folders / "results").exists()


def test_without_git_a_row_says_so(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert _commit() == "unknown"


def test_no_time_no_row(folders, monkeypatch):
    monkeypatch.setattr("studies.running.load", lambda _: tiny())
    run_missing(["tiny"], seeds=1, minutes=-1)
    assert not (folders / "results" / "tiny.json").exists()


def test_a_row_can_be_made_again():
    seeds = []

    def train(*given):
        seeds.append(given[-1])
        return train_by_fit(*given)

    study = tiny(ways={"fast": Way(build=Flat, terms={"lr": 1e-1}, train=train)}, claims=())
    first, second = (make_row(study, "fast", 3) for _ in range(2))
    assert first["measures"] == second["measures"] and first["curve"] == second["curve"]
    assert make_row(study, "fast", 4)["measures"] != first["measures"]
    assert set(first) == KEYS
    assert seeds == [study.seed_of("fast", seed) for seed in (3, 3, 4)]  # no other way's order of pictures


def test_fit_is_told_the_protocol(monkeypatch):
    asked = []
    history = History([{"epoch": 1}, {"epoch": 2}])
    monkeypatch.setattr(
        "studies.protocol.fit", lambda *given, **options: asked.extend([given, options]) or history
    )
    told = {"epochs": 2, "lr": 0.1, "batch_size": 3, "schedule": "onecycle"}
    protocol = Protocol(**told, options={"optimizer": "muon"})
    assert train_by_fit("network", protocol, "train", "valid", 7) is history
    fixed = {"precision": "fp32", "seed": 7, "quiet": True, "optimizer": "muon"}
    assert asked == [("network", "train", "valid"), told | fixed]


def test_a_row_holds_all_measures_of_the_200_scenes():
    measures = {"one": lambda _, test: len(test), "more": lambda _, test: {"a": 0.123456, "b": 2}}
    study = tiny(measures=measures)
    row = make_row(study, "fast", 0)
    assert row["measures"] == {"mean IoU": row["measures"]["mean IoU"], "one": 200, "a": 0.12346, "b": 2}
    assert [len(study.protocol.data(split)) for split in ("train", "val", "test")] == [8, 100, 200]


def test_seeds_are_independent():
    study = tiny()
    seeds = {study.seed_of(way, seed) for way in study.ways for seed in range(50)}
    assert len(seeds) == 100
    assert study.seed_of("slow", 0) == 698894105  # in every session, or no row could be made again


def test_an_unplanned_claim_is_no_verdict():
    with pytest.raises(ValueError, match="A claim is planned in the study's file"):
        load("02").verdict("half as wide", "without skips")
    with pytest.raises(ValueError, match=r"claims something of \['absent'\]"):
        tiny(claims=(Claim("fast", "absent"),))
    with pytest.raises(ValueError, match="no study of lesson '99'; there are 02"):
        load("99")


def test_the_table_tells_the_terms_of_each_way():
    study = tiny()
    row = {"parameters": 44, "cpu_seconds": 1.0, "measures": {"mean IoU": 0.5}, "curve": [[1, 0.4], [2, 0.5]]}
    vars(study)["rows"] = [{**row, "way": way, "seed": 0} for way in study.ways]
    caption = study.table.splitlines()[-1]
    assert caption.startswith("**slow**: 8 scenes of 32 x 40") and "learning rate 0.0001" in caption
    assert (
        ". **fast**: 8 scenes of 32 x 40" in caption
        and "learning rate 0.1, falling all the time; ±" in caption
    )
    same = tiny(ways=dict.fromkeys(("slow", "fast"), Way(build=Flat)))
    vars(same)["rows"] = study.rows
    assert same.table.splitlines()[-1].startswith("Each: 8 scenes of 32 x 40")


def test_the_last_fifth():
    assert last_fifth([(0, 0.0), (80, 0.5), (100, 0.6)]) == pytest.approx(0.1)
    assert last_fifth([(50, 0.4), (100, 0.6)]) == pytest.approx(0.08)  # 0.52 at step 80, between the points


# Measures


def test_near_border():
    mask = torch.zeros(5, 6, dtype=torch.uint8).numpy()
    mask[:, 3:] = 1
    assert near_border(mask).tolist() == [[False, False, True, True, False, False]] * 5


class Perfect(nn.Module):
    """Answers with the truth of the picture it is asked for."""

    def __init__(self, test) -> None:
        super().__init__()
        self.truth = {image.numpy().tobytes(): mask for image, mask in test}

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        masks = [
            self.truth[(image * 255).round().to(torch.uint8).numpy().tobytes()].long().clamp(max=10)
            for image in images
        ]
        return nn.functional.one_hot(torch.stack(masks), 11).movedim(-1, 1).float()


def test_measures_of_a_perfect_network_are_one():
    from nbhelpers.datasets import in_memory

    test = in_memory(Street("test", (48, 64), 4))
    network = Perfect(test)
    for measure in (borders_and_interiors, recall_by_size):
        assert set(measure(network, test).values()) == {1.0}


def test_measures_by_hand(monkeypatch):
    """Things of 2, 16 and 64 pixels, each without one pixel or one column, on a ground that has one too few."""
    mask = np.zeros((20, 40), np.uint8)
    mask[0], mask[2:6, 2:6], mask[8:16, 8:16], mask[18, 30:32] = 255, 1, 2, 1
    found = np.where(mask == 255, 0, mask)
    found[2:6, 2], found[8:16, 8], found[18, 30], found[19, 0] = 0, 0, 0, 1
    monkeypatch.setattr("studies.measures.predictions", lambda *_: found[None])
    monkeypatch.setattr("studies.measures.error_shares", lambda *_: {"patch": 0.25})
    test = SimpleNamespace(masks=[mask], num_classes=3)
    shares = {"1 to 15 px": 1 / 2, "16 to 63 px": 3 / 4, "64 to 255 px": 7 / 8, "256 px and more": 677 / 678}
    assert recall_by_size(None, test) == pytest.approx(
        {f"recall, {name}": share for name, share in shares.items()}
    )
    assert kinds_of_error(None, test) == {"patch, % of pixels": 25.0}

    windows = np.lib.stride_tricks.sliding_window_view(np.pad(mask, 1, mode="edge"), (3, 3))
    near = np.array([[len(np.unique(window)) > 1 for window in row] for row in windows])
    for part, where in {"borders": near, "interiors": ~near}.items():
        pairs = [((found == each) & where & (mask != 255), (mask == each) & where) for each in range(3)]
        expected = np.mean([(one & other).sum() / (one | other).sum() for one, other in pairs])
        assert borders_and_interiors(None, test)[f"mean IoU, {part}"] == pytest.approx(expected)


# The lessons' studies


@pytest.mark.parametrize("lesson", LESSONS)
def test_every_way_can_be_built(lesson):
    study = load(lesson)
    for way in study.ways.values():
        if way.build.__name__ not in ("pretrained", "started"):  # those train first, or load what was trained
            assert isinstance(way.build(), nn.Module)


@pytest.mark.parametrize("lesson", LESSONS)
def test_rows_are_whole(lesson):
    study = load(lesson)
    seen = set()
    for row in study.rows:
        assert set(row) == KEYS, row["way"]
        assert row["way"] in study.ways and (row["way"], row["seed"]) not in seen
        seen.add((row["way"], row["seed"]))
        assert row["protocol"] == str(study.ways[row["way"]].protocol(study.protocol))
        assert f"{row['steps']:,} steps" in row["protocol"]  # none that was stopped
        assert row["curve"][-1][0] == row["steps"]
        assert all(0 <= score <= 1 for score in row["iou"].values() if score == score)


@pytest.mark.parametrize("lesson", LESSONS)
def test_sentences_have_the_numbers_of_the_rows(lesson):
    """Re-derived here from the file: the means that a sentence names, and the word that the p-value allows."""
    rows = (
        json.loads((RESULTS / f"{lesson}.json").read_text()) if (RESULTS / f"{lesson}.json").exists() else []
    )
    for verdict in load(lesson).verdicts:
        claim, means = verdict.claim, []
        for way, measure in ((claim.first, claim.measure), (claim.second, claim.against or claim.measure)):
            values = [row["measures"][measure] for row in rows if row["way"] == way]
            means.append(sum(values) / len(values))
        assert f"({means[0]:.3f} against {means[1]:.3f}" in str(verdict)
        assert (": beyond the noise" in str(verdict)) == (verdict.p < 0.05)
        assert f"{abs(means[0] - means[1]):.3f}" in str(verdict)


@pytest.mark.parametrize("lesson", LESSONS)
def test_every_claim_could_be_beyond_the_noise(lesson):
    """With all its seeds: the smallest p that the exact test can give passes Holm's correction."""
    study = load(lesson)
    for claim in study.claims:
        least = 2 / 2**study.seeds if claim.paired else 2 / comb(2 * study.seeds, study.seeds)
        assert least * len(study.claims) < LEVEL, f"{claim}: more seeds or fewer claims"


def test_stored_networks_are_small_and_known():
    files = sorted(CHECKPOINTS.glob("*.safetensors"))
    larger = [file.stem for file in files if file.stat().st_size > 2**20]
    assert larger in ([], ["20_queries"])  # a million weights: 1.1 MB
    assert sum(file.stat().st_size for file in files) <= 12 * 2**20
    studies = [load(lesson) for lesson in LESSONS]
    known = {study.checkpoint(way).name for study in studies for way in study.ways if study.ways[way].keep}
    assert {file.name for file in files} <= known


# The pages

SAYING = re.compile(r"^study\.(says|table|verdict\(.*\))$", re.S)


def constants(source: str) -> dict:
    """The names that a cell gives to literals."""
    found = {}
    for node in ast.parse(source).body:
        if isinstance(node, ast.Assign):
            with suppress(ValueError):  # not a literal
                ast.literal_eval(node.value)
                exec(ast.unparse(node), found)
    return {name: value for name, value in found.items() if name != "__builtins__"}


@pytest.mark.parametrize("path", sorted((ROOT / "notebooks").glob("*.ipynb")), ids=lambda path: path.stem)
def test_the_page_says_what_the_rows_say(path: Path):
    """Each committed table and sentence, made anew from the results file."""
    names = {}
    for cell in nbformat.read(path, as_version=4).cells:
        last = cell.source.rstrip().splitlines()[-1:] or [""]
        if cell.cell_type == "code" and "study" in cell.source:
            names |= constants(cell.source)
        if cell.cell_type == "code" and SAYING.match(last[0]) and cell.outputs:
            study = load(path.stem[:2])
            said = eval(last[0], names | {"study": study})
            assert cell.outputs[-1].data["text/markdown"] == str(said), (
                "execute the page again: make notebooks"
            )


@pytest.mark.parametrize("scenes", (300, 320, 100, 5))
def test_steps_are_counted_as_fit_makes_them(scenes):
    protocol = Protocol(scenes=scenes, epochs=3, batch_size=8)
    assert protocol.steps == 3 * len(Batches(scenes, 8, seed=0))


@pytest.mark.parametrize("asked", [["99"], ["06", "run"], ["run", "24"]])
def test_a_lesson_without_a_study_is_named(asked, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["studies", *asked])
    with pytest.raises(SystemExit):
        main()
    assert f"no study of lesson '{asked[-1]}'; there are 02, 03" in capsys.readouterr().err
