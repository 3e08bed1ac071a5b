"""Are the probabilities true: of the pixels called 0.8, are four in five right? And a cure where they are not.

Of many pixels with one probability the share that is right should be that probability. Guo et al., 2017, "On
calibration of modern neural networks", https://arxiv.org/abs/1706.04599, for expected calibration error, reliability
diagrams and temperature scaling; Brier, 1950, "Verification of forecasts expressed in terms of probability".
"""

import scipy
import torch
import torch.nn.functional as F
from torch import Tensor

SLACK = 1e-3  # by which averaged or rounded probabilities may leave 0..1


def to_probabilities(logits: Tensor, temperature: float = 1.0) -> Tensor:
    """softmax(logits / temperature), of one channel the sigmoid: (N, C, H, W) -> float32 or better, the same shape.

    A temperature above 1 makes every pixel less certain, and changes no argmax. Raises ValueError for one not above 0.
    """
    if not temperature > 0:
        raise ValueError(f"temperature is {temperature}; it must be above 0, and 1 changes nothing")
    logits = logits.to(torch.promote_types(logits.dtype, torch.float32)) / temperature
    return logits.sigmoid() if logits.shape[1] == 1 else logits.softmax(dim=1)


class Calibration:
    """How often the pixels of each probability were right; from it the calibration error and the Brier score.

    class_id: None judges the decision: its probability, and whether it was right. A number judges one class: its
        probability everywhere, and where it truly is. Take that for a rare class: where 99 of 100 pixels are surely
        background, the decision looks calibrated whatever the rare class does.
    bins: equal steps of probability from 0 to 1, each with its lower end; 1 belongs to the last.
    Void pixels, whose mask holds `ignore_index`, are left out. Without a pixel every score is nan.
    Raises ValueError for fewer than 1 bin, and a negative class.
    """

    def __init__(self, class_id: int | None = None, bins: int = 15, ignore_index: int = 255) -> None:
        if bins < 1 or (class_id is not None and class_id < 0):
            raise ValueError(f"bins is {bins} and class_id {class_id}; there is at least 1 bin, and class 0")
        self.class_id, self.bins, self.ignore_index = class_id, bins, ignore_index
        self.counts = torch.zeros(bins, dtype=torch.int64)  # pixels
        self.certain = torch.zeros(bins, dtype=torch.float64)  # sum of their probabilities
        self.right = torch.zeros(bins, dtype=torch.int64)  # of which were right
        self._squares = 0.0

    def __repr__(self) -> str:
        what = "decisions" if self.class_id is None else f"class {self.class_id}"
        return f"Calibration({what}, {int(self.counts.sum())} pixels, error {self.error:.4f}, Brier {self.brier:.4f})"

    def update(self, probabilities: Tensor, masks: Tensor) -> None:
        """Count a batch: probabilities (N, C, H, W) in 0..1, one channel for class 1's, and masks (N, H, W) of ids.

        `to_probabilities(logits)` and `nbhelpers.inference.predict` give them. Raises ValueError for other shapes,
        for numbers outside 0..1, and for ids without a channel. Nothing is counted then.
        """
        both = of_every_class(judged_probabilities(probabilities)).double()
        classes = both.shape[1]
        if self.class_id is not None and self.class_id >= classes:
            raise ValueError(f"class_id is {self.class_id}, but the classes are 0..{classes - 1}")
        pixels, truth = _labelled(both, masks, self.ignore_index, "probabilities")
        if self.class_id is None:
            certain, decided = pixels.max(dim=1)
            right = decided == truth
            squares = (pixels - F.one_hot(truth, classes)).square().sum()
        else:
            certain, right = pixels[:, self.class_id], truth == self.class_id
            squares = (certain - right.double()).square().sum()
        place = (certain * self.bins).long().clamp(0, self.bins - 1)
        self.counts += place.bincount(minlength=self.bins).cpu()
        self.certain += place.bincount(certain, minlength=self.bins).cpu()
        self.right += place[right].bincount(minlength=self.bins).cpu()
        self._squares += squares.item()

    @property
    def confidence(self) -> Tensor:
        """Mean probability of each bin's pixels, float64 (bins,); nan for an empty bin."""
        return self.certain / self.counts

    @property
    def frequency(self) -> Tensor:
        """Share of each bin's pixels that were right, or of the class: float64 (bins,); nan for an empty bin."""
        return self.right / self.counts.double()

    @property
    def error(self) -> float:
        """Expected calibration error: the mean over pixels of |confidence - frequency| of their bin, in [0, 1].

        Its size depends on the bins, and it says nothing about how good the network is: who always says the base rate
        has 0.
        """
        return ((self.certain - self.right).abs().sum() / self.counts.sum()).item()

    @property
    def brier(self) -> float:
        """Mean squared distance of probabilities and truth; 0 is perfect, and unlike `error` it cannot be fooled.

        For the decision summed over the classes, in [0, 2], as Brier wrote it; for one class its own square, in [0, 1],
        as in scikit-learn.
        """
        pixels = int(self.counts.sum())
        return self._squares / pixels if pixels else float("nan")


def fit_temperature(logits: Tensor, masks: Tensor, ignore_index: int = 255) -> float:
    """The temperature with the smallest cross-entropy on held-out pixels: one number above 0.

    logits (N, C, H, W), one channel for class 1's, and masks (N, H, W) of ids, of images that were not trained on;
    void is left out. Above 1: the network was too certain. Score it on yet other images.
    Raises ValueError for other shapes, for ids without a channel and for logits that are not finite, and where no
    temperature is best: no labelled pixel, all of them right (the colder the better), or logits that tell nothing of
    the truth (the hotter the better).
    """
    if logits.ndim != 4:
        raise ValueError(
            f"logits are {tuple(logits.shape)}, but must be (N, C, H, W), or (N, 1, H, W) for those of class 1"
        )
    logits = logits.detach().double()
    if logits.shape[1] == 1:
        logits = torch.cat([torch.zeros_like(logits), logits], dim=1)
    scores, truth = _labelled(logits, masks, ignore_index, "logits")
    if not len(truth):
        raise ValueError("masks hold no labelled pixel, so no temperature can be fitted: take other images")
    if not scores.isfinite().all():
        raise ValueError("logits hold nan or infinity; leave out masked classes")
    scores = scores - scores.gather(1, truth[:, None])  # above the truth's; its own are 0

    def slope(coldness: float) -> float:
        """Of the cross-entropy, as a function of 1 / temperature, in which it is convex."""
        return ((scores * coldness).softmax(dim=1) * scores).sum(dim=1).mean().item()

    if slope(0.0) >= 0:
        raise ValueError(
            "the logits tell nothing of these masks, so the hottest temperature would be best: do images and masks "
            "belong together?"
        )
    if not (scores > 0).any():
        raise ValueError(
            f"all {len(truth)} held-out pixels are right, so the coldest temperature would be best: take more or "
            "harder images that were not trained on"
        )
    coldest = 1.0
    while slope(coldest) < 0:
        coldest *= 2
    return 1 / scipy.optimize.brentq(slope, 0.0, coldest, rtol=1e-10)


def _labelled(both: Tensor, masks: Tensor, ignore_index: int, what: str) -> tuple[Tensor, Tensor]:
    """The pixels (P, C) of `both` (N, C, H, W) that have a label, and their ids (P,); void is left out.

    Raises ValueError for masks of another shape, floats, and ids without a channel; `what` names `both`.
    """
    wanted, classes = (len(both), *both.shape[2:]), both.shape[1]
    if masks.shape != wanted or masks.is_floating_point():
        raise ValueError(
            f"masks are {str(masks.dtype).removeprefix('torch.')} {tuple(masks.shape)}, but must be ids {wanted}, "
            f"as large as the {what}"
        )
    masks = masks.to(both.device).long()
    keep = masks != ignore_index
    pixels, truth = both.movedim(1, -1)[keep], masks[keep]
    bad = truth[(truth < 0) | (truth >= classes)]
    if len(bad):
        raise ValueError(f"masks hold the id {int(bad[0])}, but the classes are 0..{classes - 1}")
    return pixels, truth


def judged_probabilities(probabilities: Tensor) -> Tensor:
    """The same, if it is floats (N, C, H, W) in 0..1. Raises ValueError."""
    if probabilities.ndim != 4 or not probabilities.is_floating_point():
        raise ValueError(
            f"probabilities are {str(probabilities.dtype).removeprefix('torch.')} {tuple(probabilities.shape)}, but "
            "must be floats (N, C, H, W), or (N, 1, H, W) for those of class 1"
        )
    low, high = (end.item() for end in probabilities.aminmax()) if probabilities.numel() else (0, 1)
    if not (-SLACK <= low and high <= 1 + SLACK):
        raise ValueError(
            f"probabilities run from {low:.3g} to {high:.3g}, but must lie in 0..1: to_probabilities(logits) makes them"
        )
    return probabilities


def of_every_class(probabilities: Tensor) -> Tensor:
    """Those of every class: (N, 1, H, W) -> (N, 2, H, W), background first; more channels stay as they are."""
    if probabilities.shape[1] > 1:
        return probabilities
    return torch.cat([1 - probabilities, probabilities], dim=1)
