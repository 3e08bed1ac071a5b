"""How well a segmentation fits: classes decided, pixels counted, and the scores read from the counts."""

from nbhelpers.metrics.confusion import ConfusionMatrix, to_ids

__all__ = ["ConfusionMatrix", "to_ids"]
