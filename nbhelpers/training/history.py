"""What a training went through."""

import math
from dataclasses import dataclass, field


@dataclass
class History:
    """One row an epoch: epoch, lr, train_loss, valid_loss, mean_iou, pixel_accuracy, seconds, loader_share.

    `loader_share` is the fraction of the epoch's training time that was spent waiting for data.
    """

    rows: list[dict[str, float]] = field(default_factory=list)

    @property
    def best(self) -> dict[str, float]:
        """The row of the highest mean IoU, the first of equals; nan never wins. `fit` leaves its weights in the model."""
        if not self.rows:
            raise ValueError("the history is empty: no epoch was finished")
        return max(self.rows, key=lambda row: -math.inf if math.isnan(row["mean_iou"]) else row["mean_iou"])

    def plot(self):
        """The learning curves, as a picture."""
        from nbhelpers.visualisation import show_curves  # pictures are heavy, and training does not need them

        return show_curves(self)
