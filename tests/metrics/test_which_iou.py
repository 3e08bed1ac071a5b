"""Each library's mean IoU, as stored with its version, is one of our named means; nothing has to be installed for it."""

import json

import numpy as np
import pytest
import torch

from nbhelpers.metrics import ConfusionMatrix, mean_over_images, mean_over_pairs, pooled, scores_per_image
from tools.execution import ROOT

RESULTS = json.loads((ROOT / "benchmarks/results/which_iou.json").read_text("utf-8"))["results"]


def over_images(absent):
    return lambda matrices: mean_over_images(scores_per_image(matrices, absent=absent))


OURS = {
    "pixels of the data set pooled, then the mean over classes": lambda matrices: pooled(matrices).mean_iou,
    "the same, an absent class counts 1": lambda matrices: pooled(matrices).iou.nan_to_num(1).mean(),
    "the same, an absent class counts 0": lambda matrices: pooled(matrices).iou.nan_to_num(0).mean(),
    "pixels and classes pooled": lambda matrices: pooled(matrices).micro_iou,
    "classes pooled, then the mean over images": lambda matrices: np.mean(
        [one.micro_iou for one in matrices]
    ),
    "mean over images": over_images("skip"),
    "mean over images, an absent class counts 1": over_images("one"),
    "mean over images, false alarms cost nothing": over_images("skip unless true"),
    "mean over image-class pairs, an absent class counts 1": lambda matrices: mean_over_pairs(
        scores_per_image(matrices, absent="one")
    ),
}


def matrices(masks):
    counted = []
    for prediction, truth in zip(RESULTS["prediction"], RESULTS[masks]):
        counted.append(ConfusionMatrix(4))
        counted[-1].update(torch.tensor(prediction), torch.tensor(truth))
    return counted


@pytest.mark.parametrize("call", RESULTS["libraries"])
def test_a_librarys_mean_iou_is_the_one_it_is_called(call):
    row = RESULTS["libraries"][call]
    ours = OURS[row["averages"]]
    assert float(ours(matrices("truth"))) == pytest.approx(row["value"], rel=1e-6)
    if row["with_void"] is not None:
        assert float(ours(matrices("truth_with_void"))) == pytest.approx(row["with_void"], rel=1e-6)


def test_the_example_tells_all_of_them_apart():
    values = sorted(float(ours(matrices("truth"))) for ours in OURS.values())
    gaps = np.diff(values)
    # over images and over pairs agree where no image has a class more
    assert (gaps > 1e-3).sum() == len(OURS) - 2
    assert {row["averages"] for row in RESULTS["libraries"].values()} == set(OURS)
