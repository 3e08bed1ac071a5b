"""22 Losses: which loss, at which rarity?"""

from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn

from nbhelpers.datasets import InMemory, Specks
from nbhelpers.losses import (
    boundary_loss,
    dice_loss,
    focal_loss,
    lovasz_loss,
    ohem_loss,
    pixel_loss,
    tversky_loss,
)
from nbhelpers.metrics.calibration import Calibration, fit_temperature, to_probabilities
from nbhelpers.metrics.decisions import by_expected_dice
from nbhelpers.models.unet import UNet
from studies import Claim, Protocol, Study, Way
from studies.study import Page

SHARES = {"10 %": 0.1, "1 %": 0.01, "0.1 %": 0.001}  # of the pixels, that are specks
THRESHOLDS = torch.linspace(-7, 7, 57).sigmoid()
IOU, TUNED_IOU, ERROR = "IoU of the speck", "IoU of the speck, threshold tuned", "calibration error"
DICE = "Dice of a picture"
TUNED_DICE = "Dice of a picture, threshold tuned"
BEST_DICE = "Dice of a picture, expected"
CALM_DICE = "Dice of a picture, expected, calibrated"


def dice_and_boundary(logits: Tensor, masks: Tensor) -> Tensor:
    """As in the paper's section 3.2, with its first weight, 0.01, throughout."""
    return dice_loss(logits, masks) + 0.01 * boundary_loss(logits, masks)


def losses(share: float) -> dict[str, Callable[[Tensor, Tensor], Tensor]]:
    """The losses that are compared; the weights are the classes' inverse shares, background's 1."""
    return {
        "cross-entropy": pixel_loss,
        "weighted": partial(pixel_loss, class_weights=torch.tensor([1, 1 / share - 1])),
        "focal": focal_loss,
        "OHEM": ohem_loss,
        "Dice": dice_loss,
        "Tversky": tversky_loss,
        "Lovász": lovasz_loss,
        "Dice + boundary": dice_and_boundary,
    }


def specks(share: float, split: str, size: tuple[int, int], length: int) -> Specks:
    """Four times as many pictures to be tested on, since at 0.1 % few hold a speck."""
    return Specks(split, size, 4 * length if split == "test" else length, share=share)


def dice_of_pictures(masks: Tensor, truths: Tensor) -> Tensor:
    """Of bool (N, H, W) both; only those count whose truth is not empty."""
    true = truths.sum((1, 2))
    both, either = (masks & truths).sum((1, 2)), masks.sum((1, 2)) + true
    return (2 * both / either)[true > 0]


def iou_of_all(masks: Tensor, truths: Tensor) -> float:
    either = (masks | truths).sum().item()
    return (masks & truths).sum().item() / either if either else 1.0


def judged(network: nn.Module, test: InMemory) -> dict[str, float]:
    """Scores of the second half of the pictures; thresholds and temperature are fitted on the first."""
    images = torch.from_numpy(np.stack(test.images)).permute(0, 3, 1, 2).float() / 255
    with torch.no_grad():
        logits = torch.cat([network(part) for part in images.split(50)])
    masks = torch.from_numpy(np.stack(test.masks)).long()
    half = len(masks) // 2
    told, truth = to_probabilities(logits[:, 0:1]), masks == 1
    fitted = [
        (
            iou_of_all(told[:half, 0] > t, truth[:half]),
            dice_of_pictures(told[:half, 0] > t, truth[:half]).mean().item(),
        )
        for t in THRESHOLDS
    ]
    best_iou, best_dice = (THRESHOLDS[int(np.argmax(scores))] for scores in zip(*fitted))
    try:
        temperature = fit_temperature(logits[:half], masks[:half])
    except ValueError:  # the hottest would be best, after a training that came to nothing
        temperature = 1.0
    told, truth = told[half:], truth[half:]
    calm = to_probabilities(logits[half:], temperature)
    found = {
        IOU: iou_of_all(told[:, 0] > 0.5, truth),
        TUNED_IOU: iou_of_all(told[:, 0] > best_iou, truth),
        "threshold for IoU": best_iou.item(),
        "share called speck, %": 100 * (told > 0.5).float().mean().item(),
        "temperature": temperature,
    }
    for name, probabilities in (("", told), (", calibrated", calm)):
        calibration = Calibration(class_id=1)
        calibration.update(probabilities, masks[half:])
        found |= {f"{ERROR}{name}": calibration.error, f"Brier score{name}": calibration.brier}
    holds = truth.flatten(1).any(dim=1)
    told, calm, truth = told[holds], calm[holds], truth[holds]
    decided = {
        DICE: told[:, 0] > 0.5,
        TUNED_DICE: told[:, 0] > best_dice,
        BEST_DICE: by_expected_dice(told, empty=0.0)[:, 0],
        CALM_DICE: by_expected_dice(calm, empty=0.0)[:, 0],
    }
    return found | {name: dice_of_pictures(each, truth).mean().item() for name, each in decided.items()}


def way_of(share: float, loss: Callable) -> Way:
    terms = {"dataset": partial(specks, share), "options": {"loss": loss}}
    return Way(build=lambda: UNet(num_classes=1, widths=(8, 16)), terms=terms)


STUDY = Study(
    lesson="22",
    question="Which loss, at which rarity?",
    protocol=Protocol(scenes=800, epochs=8, lr=4e-3, schedule="onecycle"),
    ways={
        f"{rarity}, {name}": way_of(share, losses(share)[name])
        for name in losses(0.1)
        for rarity, share in SHARES.items()
    },
    measures={"judged": judged},
    claims=tuple(
        Claim(f"{rarity}, {name}", f"{rarity}, cross-entropy", IOU)
        for rarity, share in SHARES.items()
        for name in losses(share)
        if name != "cross-entropy"
    ),
    seeds=6,  # against 6 the smallest exact p is 1 in 462, which 21 claims' correction leaves below 0.05
)


def table(study: Study, measure: str, digits: int = 3) -> Page:
    """A row a loss, a column a rarity, the mean over the seeds that are stored; - where none is."""
    lines = [f"| {measure} | {' | '.join(SHARES)} |", f"|---|{'--:|' * len(SHARES)}"]
    for name in losses(0.1):
        values = [study.values(f"{rarity}, {name}", measure) for rarity in SHARES]
        cells = [f"{np.mean(found):.{digits}f}" if found else "-" for found in values]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return Page("\n".join(lines))


def answer(study: Study) -> Page:
    """For each rarity, which losses beat cross-entropy, which lose to it, which collapse, which is open."""
    lines = []
    for rarity in SHARES:
        verdicts = [each for each in study.verdicts if each.claim.first.startswith(f"{rarity},")]
        seeds = sorted({len(study.values(f"{rarity}, {name}")) for name in losses(0.1)})
        groups = {"above cross-entropy": [], "below it": [], "not to be told from it": []}
        for verdict in verdicts:
            name = f"{verdict.claim.first.split(', ')[1]} ({verdict.found.mean:+.3f})"
            higher = "above cross-entropy" if verdict.found.mean > 0 else "below it"
            groups[higher if verdict.beyond else "not to be told from it"].append(name)
        told = "; ".join(f"{what}: {', '.join(names)}" for what, names in groups.items() if names)
        dead = [name for name in losses(0.1) if collapsed(study, f"{rarity}, {name}")]
        counted = " to ".join(map(str, seeds[:: max(1, len(seeds) - 1)]))
        lines.append(
            f"- **{rarity} of the pixels** ({counted} seeds a loss): {told or 'no verdict before two seeds a loss'}"
            + (f". Found no speck at all, in most seeds: {', '.join(dead)}." if dead else ".")
        )
    return Page("\n".join(lines))


def collapsed(study: Study, way: str) -> bool:
    """Whether most seeds of a way ended with an IoU of the speck below 0.02."""
    found = study.values(way, IOU)
    return bool(found) and float(np.median(found)) < 0.02
