"""The ranking study's scores are the package's, drawn anew or not, and what it counts is what it says."""

import math
from contextlib import nullcontext

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from nbhelpers.datasets import Street, in_memory
from nbhelpers.metrics import (
    ConfusionMatrix,
    mean_over_classes,
    mean_over_images,
    mean_over_pairs,
    pooled,
    scores_per_image,
)
from studies import Protocol, Study, Way
from studies.packing import pack
from studies.rankings import compared, main, networks, per_image, scores, sentence, stored, table
from tests.flat import Flat


def scenes(images=5, classes=3):
    rng = np.random.default_rng(0)
    masks = rng.integers(classes - 1, size=(images, 6, 8))  # the last class is nowhere, unless predicted
    found = np.where(rng.random(masks.shape) < 0.7, masks, rng.integers(classes, size=masks.shape))
    masks[rng.random(masks.shape) < 0.1] = 255
    return found, masks


@pytest.mark.parametrize("draw", [(1, 1, 1, 1, 1), (0, 2, 1, 0, 2)])
def test_scores_are_those_of_the_package(draw):
    found, masks = scenes()
    matrices = []
    for image in np.repeat(np.arange(5), draw):
        matrices.append(ConfusionMatrix(3))
        matrices[-1].update(torch.from_numpy(found[image]), torch.from_numpy(masks[image]))
    parts = per_image(found, masks, 3)
    of_study = {name: value[0] for name, value in scores(parts, np.array([draw], float)).items()}
    ious, whole = scores_per_image(matrices), pooled(matrices)
    assert of_study["mean IoU"] == pytest.approx(whole.mean_iou)
    assert of_study["mean Dice"] == pytest.approx(whole.mean_dice)
    assert of_study["pixel accuracy"] == pytest.approx(whole.pixel_accuracy)
    assert of_study["IoU, mean over images"] == pytest.approx(mean_over_images(ious))
    assert of_study["IoU, mean over classes"] == pytest.approx(mean_over_classes(ious))
    assert of_study["IoU, mean over pairs"] == pytest.approx(mean_over_pairs(ious))
    for name, part, sign in (
        ("surface Dice, 1 px", "surface", 1),
        ("Boundary IoU, 1 px", "boundary", 1),
        ("HD95", "hd95", -1),
    ):
        drawn = torch.from_numpy(parts[part]).repeat_interleave(torch.tensor(draw), dim=0)
        assert of_study[name] == pytest.approx(sign * mean_over_pairs(drawn))  # the higher the better


def test_a_class_that_is_not_found_is_a_diagonal_away():
    masks = np.zeros((1, 6, 8), int)
    found = masks.copy()
    found[0, 2, 2] = 1
    assert per_image(found, masks, 2)["hd95"][0, 1] == pytest.approx(10)


def two_scores(first, second):
    """By the first a > b > c, in every draw; by the second b > a in every draw, and c > b in two of four."""
    one = {"a": [3] * 5, "b": [2] * 5, "c": [1] * 5}
    two = {"a": [0] * 5, "b": [2] * 5, "c": [1, 1, 1, 3, 3]}
    return compared({name: {first: np.array(one[name]), second: np.array(two[name])} for name in "abc"})


def test_what_is_counted():
    result = two_scores("one", "two")
    assert result["pairs"] == 3 and result["best"] == {"one": "a", "two": "b"}
    assert result["against"]["one"]["two"]["ordered_otherwise"] == 2  # a and b, a and c
    assert result["against"]["one"]["two"]["otherwise_beyond_noise"] == 2
    assert result["against"]["one"]["two"]["kendall_tau"] == pytest.approx(-1 / 3, abs=1e-3)
    assert result["beyond_noise"] == {"one": 3, "two": 2}  # b and c may swap
    assert result["ordered_otherwise_by_other_scenes"]["two"] == pytest.approx(0.5 / 3, abs=1e-4)
    assert not math.isnan(result["scores"]["a"]["one"])


@pytest.mark.parametrize("count", [0, 1, 2])
def test_a_ranking_is_of_two_networks_and_written_whole(monkeypatch, tmp_path, count):
    monkeypatch.setattr("studies.rankings.RESULTS", tmp_path)
    monkeypatch.setattr("studies.rankings.networks", lambda lessons: [(str(n), Flat()) for n in range(count)])
    monkeypatch.setattr("studies.rankings.DRAWS", 3)
    monkeypatch.setattr(Protocol, "data", lambda *_: in_memory(Street("test", (32, 40), 2)))
    with pytest.raises(SystemExit, match=f"{count} networks are stored") if count < 2 else nullcontext():
        main([])
    assert [path.name for path in tmp_path.iterdir()] == ["rankings.json"] * (count == 2)
    if count < 2:
        with pytest.raises(FileNotFoundError, match="not stored; make it: python -m studies.rankings"):
            stored()
    else:
        assert (stored()["networks"], stored()["images"], stored()["pairs"]) == (2, 2, 1)


def test_networks_of_other_sizes_are_not_ranked(monkeypatch, tmp_path):
    """Nor those that were not kept."""
    ways = {
        "kept": Way(build=Flat),
        "small": Way(build=Flat, terms={"size": (32, 40)}),
        "gone": Way(build=Flat),
    }
    study = Study(lesson="99", question="", ways=ways, claims=())
    monkeypatch.setattr("studies.study.CHECKPOINTS", tmp_path)
    monkeypatch.setattr("studies.rankings.load", {"99": study}.get)
    for name in ("kept", "small"):
        save_file(pack(Flat().state_dict()), study.checkpoint(name))
    assert [name for name, _ in networks(["99"])] == ["99 kept"]


def test_equal_networks_are_in_no_order():
    """a and b are one network twice; c is behind by the first score, ahead by the second, and alike by the third."""
    values = {"a": (2, 2, 2), "b": (2, 2, 2), "c": (1, 3, 2)}
    result = compared(
        {
            name: {kind: np.full(5, value) for kind, value in zip(("one", "two", "three"), each)}
            for name, each in values.items()
        }
    )
    assert result["beyond_noise"] == {"one": 2, "two": 2, "three": 0}
    assert set(result["ordered_otherwise_by_other_scenes"].values()) == {0}
    otherwise = {
        key: result["against"][key[0]][key[1]] for key in (("one", "two"), ("one", "three"), ("three", "two"))
    }
    assert [found["ordered_otherwise"] for found in otherwise.values()] == [2, 0, 0]
    assert [found["otherwise_beyond_noise"] for found in otherwise.values()] == [2, 0, 0]


def test_what_is_said_follows_from_what_is_counted():
    """Of three pairs two are ordered otherwise; the second score alone disagrees with itself, in half the draws of one."""
    found = {"networks": 3, "images": 200} | two_scores("mean IoU", "HD95")
    assert table(found).splitlines()[2:] == ["| mean IoU | - | - | 0% | a |", "| HD95 | 67% | 2 | 17% | b |"]
    said = sentence(found)
    assert said.startswith("Take two of the 3 networks and two of the 2 scores: in **67%** of all cases")
    assert "drawn from the same 200, disagrees with itself in 8%." in said
    assert "are **2 of 3** cases (66.7%). Which network is best: the scores name 2 of them." in said


@pytest.mark.parametrize(("draws", "sure"), [(39, 1), (38, 0)])  # of 40: 97.5 % and less
def test_a_winner_is_sure_from_975_of_1000_draws(draws, sure):
    values = {"a": np.ones(41), "b": np.repeat([0.0, 2.0], [1 + draws, 40 - draws])}
    assert compared({name: {"one": each} for name, each in values.items()})["beyond_noise"] == {"one": sure}
