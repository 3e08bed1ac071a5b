"""Every picture of the collection. Each has one colour a class, a legend, and alt text made from its data."""

from nbhelpers.visualisation.architecture import show_feature_maps, show_receptive_field, show_staircase
from nbhelpers.visualisation.canvas import Picture
from nbhelpers.visualisation.charts import show_comparison, show_confusion, show_curves, show_iou
from nbhelpers.visualisation.first_steps import show_ids, show_scores, show_tasks
from nbhelpers.visualisation.labels import colour_mask
from nbhelpers.visualisation.pictures import show_batch, show_overlay, show_predictions
from nbhelpers.visualisation.probe import effective_receptive_field, predict_ids, trace_shapes
from nbhelpers.visualisation.source import show_source

__all__ = [
    "Picture",
    "colour_mask",
    "effective_receptive_field",
    "predict_ids",
    "show_batch",
    "show_comparison",
    "show_confusion",
    "show_curves",
    "show_feature_maps",
    "show_ids",
    "show_iou",
    "show_overlay",
    "show_predictions",
    "show_receptive_field",
    "show_scores",
    "show_source",
    "show_staircase",
    "show_tasks",
    "trace_shapes",
]
