"""How well a segmentation fits: every score is read from one confusion matrix.

Count the pixels of each pair (true class, predicted class) once, over the whole data set; then IoU, Dice
and accuracy are a few lines each. Definitions: Long et al., 2015, https://arxiv.org/abs/1411.4038 (section 5)
for accuracies and IoU; Dice, 1945, "Measures of the amount of ecologic association between species".
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor


def to_ids(logits: Tensor) -> Tensor:
    """Decide the class of each pixel: logits (N, C, H, W) -> ids int64 (N, H, W).

    C channels: the largest logit wins. One channel: class 1 where the logit is above 0, which is where the
    sigmoid is above 0.5; score such a model with `ConfusionMatrix(2)`.
    Raises ValueError for anything but four dimensions of floats, and FloatingPointError for nan, which is no decision.
    """
    if not isinstance(logits, Tensor):
        raise ValueError(
            f"logits are {type(logits).__name__}, but must be a tensor (N, num_classes, H, W): "
            "nbhelpers.checks.check_logits says how to get it out of what a model returns"
        )
    if logits.ndim != 4 or not logits.is_floating_point():
        raise ValueError(
            f"logits are {_describe(logits)}, but must be floats (N, num_classes, H, W): "
            "pass what the model returned, with its batch axis"
        )
    if logits.shape[1] == 1:
        largest, ids = logits[:, 0], (logits[:, 0] > 0).long()
    else:
        largest, ids = logits.max(dim=1)  # the ids of argmax(1), at a quarter of its time on the CPU
    if largest.isnan().any():  # max gives nan where any channel is
        raise FloatingPointError(
            "logits hold nan, so no class can be decided: nbhelpers.checks.first_non_finite(model, images) names the layer"
        )
    return ids


class ConfusionMatrix:
    """Counts of pixels by true class (rows) and predicted class (columns), and the scores read from them.

    All scores are fractions in [0, 1] over every pixel seen so far, not means over images or batches.
    Void pixels, whose mask holds `ignore_index`, are not counted: what is predicted there changes nothing.

    The empty cases, decided once:
    - A class absent from truth and prediction alike has IoU and Dice nan, and the means leave it out.
    - A class absent from truth but predicted somewhere has IoU and Dice 0, and the means count it.
    - `class_accuracy` of a class absent from truth is nan, predicted or not.
    - Where no pixel was scored (no update yet, or nothing but void) every score is nan: neither 0 nor 1.
    - An image without foreground, predicted without foreground: the foreground is nan, the background 1.

    Raises ValueError if `num_classes` is below 2, or if `ignore_index` is one of the classes.
    """

    def __init__(self, num_classes: int, ignore_index: int = 255) -> None:
        if num_classes < 2:
            raise ValueError(
                f"num_classes is {num_classes}, but a confusion matrix needs at least 2: "
                "a model with one channel tells background (0) from foreground (1), so pass 2"
            )
        if 0 <= ignore_index < num_classes:
            raise ValueError(
                f"ignore_index {ignore_index} is one of the classes 0..{num_classes - 1}; "
                "void needs an id of its own: pass 255 or -1"
            )
        self.num_classes = num_classes
        self.ignore_index = ignore_index
        self.counts = torch.zeros(num_classes, num_classes, dtype=torch.int64)

    def __repr__(self) -> str:
        pixels = int(self.counts.sum())
        if not pixels:
            return f"ConfusionMatrix({self.num_classes} classes, no labelled pixel: every score is nan)"
        return f"ConfusionMatrix({self.num_classes} classes, {pixels} pixels, mean IoU {self.mean_iou:.3f})"

    def update(self, predictions: Tensor, masks: Tensor) -> None:
        """Count predicted ids against true ids, both (N, H, W) or (H, W), of any integer type.

        Counting happens on the device of `predictions`; `counts` stays on the CPU.
        Raises ValueError for floats, for shapes that differ, and for ids outside 0..num_classes-1
        (masks may hold `ignore_index` too). Nothing is counted then.
        """
        classes = f"0..{self.num_classes - 1}"
        for name, ids in (("predictions", predictions), ("masks", masks)):
            if not isinstance(ids, Tensor) or ids.is_complex():
                kind = _describe(ids) if isinstance(ids, Tensor) else type(ids).__name__
                raise ValueError(
                    f"{name} are {kind}, but must be a tensor of class ids {classes}: torch.as_tensor(ids)"
                )
        if predictions.is_floating_point():
            raise ValueError(
                f"predictions are {_describe(predictions)}, but must be class ids {classes}: "
                "take logits.argmax(1), or predictions = to_ids(logits)"
            )
        if masks.is_floating_point():
            raise ValueError(
                f"masks are {_describe(masks)}, but must be class ids {classes} or {self.ignore_index} = ignore: "
                "resize masks by nearest neighbour, then masks.long()"
            )
        if predictions.shape != masks.shape or predictions.ndim not in (2, 3):
            raise ValueError(
                f"predictions are {tuple(predictions.shape)} and masks {tuple(masks.shape)}, but both must be "
                "the same (N, H, W) or (H, W): predict at the size of the mask, and drop the channel axis"
            )
        predictions = predictions.long()
        masks = masks.to(predictions.device).long()
        void = masks == self.ignore_index
        self._check_range("predictions", predictions, classes, "does the model have more channels?")
        self._check_range(
            "masks",
            masks.masked_fill(void, 0),
            f"{classes} and {self.ignore_index} = ignore",
            "divide 0/255 masks by 255, or set num_classes to the number of classes",
        )
        cells = self.num_classes**2  # cell = truth * num_classes + prediction; one more, at the end, for void
        pairs = masks.mul(self.num_classes).add_(predictions).masked_fill_(void, cells)
        counts = torch.bincount(pairs.flatten(), minlength=cells)[:cells]
        self.counts += counts.view(self.num_classes, self.num_classes).cpu()

    def _check_range(self, name: str, ids: Tensor, allowed: str, cure: str) -> None:
        if ids.numel() == 0:
            return
        low, high = (int(end) for end in ids.aminmax())
        if low < 0 or high >= self.num_classes:
            wrong = low if low < 0 else high
            raise ValueError(f"{name} hold the id {wrong}, but the classes are {allowed}: {cure}")

    def __add__(self, other: "ConfusionMatrix") -> "ConfusionMatrix":
        """Merge what two processes, or two images, have counted. Raises ValueError if their classes differ."""
        if (self.num_classes, self.ignore_index) != (other.num_classes, other.ignore_index):
            raise ValueError(
                f"matrices of {self.num_classes} classes (ignore {self.ignore_index}) and {other.num_classes} "
                f"classes (ignore {other.ignore_index}) cannot be added: make both with the same arguments"
            )
        merged = ConfusionMatrix(self.num_classes, self.ignore_index)
        merged.counts = self.counts + other.counts
        return merged

    @property
    def _hits(self) -> Tensor:
        """Pixels of each class predicted right, float64 (num_classes,)."""
        return self.counts.diagonal().double()

    @property
    def _truth(self) -> Tensor:
        """Pixels of each class in the masks, float64 (num_classes,)."""
        return self.counts.sum(dim=1).double()

    @property
    def _predicted(self) -> Tensor:
        """Pixels predicted as each class, float64 (num_classes,)."""
        return self.counts.sum(dim=0).double()

    @property
    def iou(self) -> Tensor:
        """IoU per class, truth and prediction over truth or prediction: float64 (num_classes,); nan if absent."""
        return self._hits / (self._truth + self._predicted - self._hits)

    @property
    def mean_iou(self) -> float:
        """Mean of `iou` over the classes that occur in truth or prediction."""
        return self.iou.nanmean().item()

    @property
    def dice(self) -> Tensor:
        """Dice per class, 2 hits / (truth + predicted), also called F1: float64 (num_classes,); nan if absent."""
        return 2 * self._hits / (self._truth + self._predicted)

    @property
    def mean_dice(self) -> float:
        """Mean of `dice` over the classes that occur in truth or prediction."""
        return self.dice.nanmean().item()

    @property
    def pixel_accuracy(self) -> float:
        """Share of scored pixels that are right. High on its own where one class is large: see the baseline."""
        return (self._hits.sum() / self._truth.sum()).item()

    @property
    def class_accuracy(self) -> Tensor:
        """Share of each true class that is found (recall): float64 (num_classes,); nan if absent from truth."""
        return self._hits / self._truth

    @property
    def frequency_weighted_iou(self) -> float:
        """Mean of `iou` weighted by each class's share of the true pixels."""
        share = self._truth / self._truth.sum()
        # an absent class has share 0; no pixel: 0 / 0 = nan
        return (share * self.iou.nan_to_num()).sum().item()

    @property
    def micro_iou(self) -> float:
        """One IoU of all classes pooled: hits / (truth + predicted - hits), each summed over the classes.

        Large classes rule it, as in `pixel_accuracy` a: it equals a / (2 - a). Not the mean IoU of papers.
        """
        hits = self._hits.sum()
        return (hits / (self._truth.sum() + self._predicted.sum() - hits)).item()

    def majority_baseline(self) -> "ConfusionMatrix":
        """What always predicting the most frequent true class would have counted on the same pixels."""
        baseline = ConfusionMatrix(self.num_classes, self.ignore_index)
        truth = self.counts.sum(dim=1)
        baseline.counts[:, truth.argmax()] = truth
        return baseline

    def table(self, class_names: Sequence[str]) -> str:
        """A text table: a row per class, then the means with the majority baseline's beside them.

        `-` marks a class that neither truth nor prediction holds.
        Raises ValueError if there is not one name per class.
        """
        if len(class_names) != self.num_classes:
            raise ValueError(
                f"class_names has {len(class_names)} names for {self.num_classes} classes: pass dataset.classes"
            )
        width = max(len("class"), *(len(name) for name in class_names))
        share = 100 * self._truth / self._truth.sum()
        lines = [f"{'class':<{width}}  truth %    IoU   Dice"]
        for name, percent, iou, dice in zip(class_names, share, self.iou, self.dice):
            lines.append(f"{name:<{width}}  {_cell(percent, 7, 2)}  {_cell(iou)}  {_cell(dice)}")
        baseline = self.majority_baseline()
        majority = class_names[int(self._truth.argmax())]
        lines.append(
            f"{'mean':<{width}}  {'':7}  {_cell(self.mean_iou)}  {_cell(self.mean_dice)}"
            f"   (always {majority}: IoU {_cell(baseline.mean_iou, 1)}, Dice {_cell(baseline.mean_dice, 1)})"
        )
        if not self.counts.any():
            lines.append("no labelled pixel was scored: every score is nan")
        return "\n".join(lines)


def _describe(tensor: Tensor) -> str:
    return f"{str(tensor.dtype).removeprefix('torch.')} of shape {tuple(tensor.shape)}"


def _cell(value: float | Tensor, width: int = 5, digits: int = 3) -> str:
    value = float(value)
    return f"{'-':>{width}}" if math.isnan(value) else f"{value:>{width}.{digits}f}"
