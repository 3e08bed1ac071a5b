"""What lesson 22 says is made of rows, however many there are; and each row of scores as they are defined."""

import re
from dataclasses import replace

import pytest
import torch
from torch import nn

from nbhelpers.datasets import in_memory
from nbhelpers.metrics import ConfusionMatrix
from studies.lesson22 import (
    BEST_DICE,
    DICE,
    IOU,
    SHARES,
    STUDY,
    answer,
    dice_of_pictures,
    judged,
    losses,
    specks,
    table,
)


def with_rows(scores):
    """The study with such rows: {way: IoU of each seed}."""
    study = replace(STUDY)
    rows = [
        {"way": way, "seed": seed, "measures": {"mean IoU": 0.5, IOU: iou}}
        for way, values in scores.items()
        for seed, iou in enumerate(values)
    ]
    study.__dict__["rows"] = rows
    return study


def test_without_rows_nothing_is_claimed():
    study = with_rows({})
    assert answer(study).count("0 seeds a loss): no verdict before two seeds a loss.") == len(SHARES)
    assert table(study, IOU).count("| - | - | - |") == len(losses(0.1))


def test_one_seed_gives_means_and_no_verdict():
    study = with_rows({"1 %, Dice": [0.6], "1 %, cross-entropy": [0.0]})
    assert "| Dice | - | 0.600 | - |" in table(study, IOU)
    line = answer(study).splitlines()[1]
    assert "1 % of the pixels** (0 to 1 seeds a loss): no verdict" in line
    assert line.endswith("Found no speck at all, in most seeds: cross-entropy.")


def test_sentences_follow_the_verdicts():
    seeds = [0.001 * seed for seed in range(6)]
    means = dict.fromkeys(losses(0.1), 0.4) | {"Dice": 0.6, "weighted": 0.3}
    scores = {
        f"{rarity}, {name}": [mean + s for s in seeds] for rarity in SHARES for name, mean in means.items()
    }
    line = answer(with_rows(scores)).splitlines()[2]
    assert line.startswith(
        "- **0.1 % of the pixels** (6 seeds a loss): above cross-entropy: Dice (+0.200); below it: "
    )
    assert "below it: weighted (-0.100); not to be told from it: focal (+0.000), OHEM" in line
    assert re.search(r"Dice \+ boundary \(\+0\.000\)\.$", line)


def test_dice_of_pictures():
    masks = torch.tensor([[[0, 0]], [[1, 0]], [[1, 1]]]).bool()
    truths = torch.tensor([[[0, 0]], [[0, 0]], [[0, 1]]]).bool()
    assert dice_of_pictures(masks, truths).tolist() == [pytest.approx(2 / 3)]  # of the picture that holds one


class Bright(nn.Module):
    """A logit that grows with the brightness: no network, and better than nothing."""

    def forward(self, images):
        blurred = nn.functional.avg_pool2d(images.mean(1, keepdim=True), 3, 1, 1)
        return 20 * (blurred - 0.5)


def test_a_row_is_scored_on_the_second_half():
    test = in_memory(specks(0.1, "test", (32, 48), 4))
    found = judged(Bright(), test)
    confusion = ConfusionMatrix(2)
    for image, mask in [test[index] for index in range(8, 16)]:
        confusion.update((Bright()(image[None] / 255)[:, 0] > 0).long(), mask[None].long())
    assert found[IOU] == pytest.approx(confusion.iou[1].item())
    assert found["Brier score, calibrated"] < found["Brier score"] + 1e-3
    assert 0 < found[DICE] <= 1 and 0 < found[BEST_DICE] <= 1
