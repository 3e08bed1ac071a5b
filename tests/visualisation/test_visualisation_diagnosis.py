"""Pictures of sick trainings say what is in them."""

from math import inf, nan
from types import SimpleNamespace

import pytest
import torch

from nbhelpers import visualisation as vis
from nbhelpers.datasets import Street, in_memory


def history(*losses, score=0.3):
    return SimpleNamespace(
        rows=[
            {"epoch": index + 1, "train_loss": loss, "valid_loss": loss + 0.5, "mean_iou": score}
            for index, loss in enumerate(losses)
        ]
    )


@pytest.fixture(scope="module")
def data():
    return in_memory(Street("val", (36, 48), length=2))


def test_a_patient_is_put_into_words(data):
    known = torch.from_numpy(data.masks[0])
    right = [known.masked_fill(known == 255, 0), torch.zeros(36, 48, dtype=torch.long)]
    picture = vis.show_patient(history(2.0, 1.0), history(2.0, 0.5, score=0.4), right, data)
    assert "training loss 2 to 1, validation loss 2.5 to 1.5, mean IoU 0.30 to 0.30" in picture.alt
    assert "the healthy one: training loss 2 to 0.5" in picture.alt
    assert "Image 0: mean IoU 1.00" in picture.alt and "taken for Sky" in picture.alt
    again = vis.show_patient(history(2.0), history(2.0), right[:1] * 2, data, (0, 0))
    assert again.alt.count("Image 0: mean IoU 1.00") == 2


def test_a_patient_has_two_pictures(data):
    with pytest.raises(ValueError, match="1 predictions for 2 indices"):
        vis.show_patient(history(1.0), history(1.0), [torch.zeros(36, 48).long()], data)


def test_many_are_shown_over_one():
    runs = {"healthy": history(2.0, 1.0)} | {name: history(3.0, 2.0) for name in "abcde"}
    runs["negative"], runs["explodes"] = history(-5.0, -300.0), history(2.0, 4000.0)
    picture = vis.show_against(runs, "healthy")
    assert picture.alt.startswith("Curves of 7 trainings, each over healthy (training loss 2 to 1")
    assert (
        "negative: training loss -5 to -300" in picture.alt
        and "explodes: training loss 2 to 4e+03" in picture.alt
    )


@pytest.mark.parametrize("best, top", [(0.5, 0.5), (0.51, 1), (nan, 0.5)])
def test_low_scores_have_an_axis_of_their_own_and_all_the_same(monkeypatch, best, top):
    monkeypatch.setattr("nbhelpers.visualisation.diagnosis.Picture", lambda figure, alt: figure)
    runs = {"healthy": history(2.0), "a": history(2.0, score=best), "b": history(2.0, score=0.1)}
    ends = [axes.get_ylim() for axes in vis.show_against(runs, "healthy").axes[-2:]]
    assert ends == [(0, top)] * 2


@pytest.mark.parametrize("reference", [history(nan, nan, score=nan), history(nan, 2.0), history(inf, 2.0)])
def test_a_reference_that_is_not_finite_leaves_the_others_readable(reference):
    picture = vis.show_against({"a": reference, "b": history(3.0, 2.0)}, "a")
    assert "b: training loss 3 to 2" in picture.alt and picture.data


@pytest.mark.parametrize(("runs", "reference"), [({"a": history(1.0)}, "a"), ({"a": history(1.0)}, "b")])
def test_a_reference_and_another_are_needed(runs, reference):
    with pytest.raises(ValueError, match=f"the reference is '{reference}' and the trainings are 'a'"):
        vis.show_against(runs, reference)
