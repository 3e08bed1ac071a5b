"""Every picture of the collection. Each has one colour a class, a legend, and alt text made from its data."""

from nbhelpers.visualisation.alternatives import show_alternatives
from nbhelpers.visualisation.architecture import show_feature_maps, show_receptive_field
from nbhelpers.visualisation.attention import (
    attention_by_class,
    attention_weights,
    channel_gate,
    place_gate,
    show_attention,
    show_attention_by_class,
    show_channel_gates,
    show_place_gate,
)
from nbhelpers.visualisation.canvas import Picture
from nbhelpers.visualisation.charts import show_confusion, show_curves, show_iou
from nbhelpers.visualisation.comparison import show_comparison
from nbhelpers.visualisation.competition import (
    show_folds,
    show_gains,
    show_leaderboard,
    show_objects,
    show_tuning,
)
from nbhelpers.visualisation.costs import Convolutions, LiveBytes, show_lines, show_measures
from nbhelpers.visualisation.diagnosis import show_against, show_patient
from nbhelpers.visualisation.error_kinds import KINDS, error_kinds, error_shares, show_error_kinds
from nbhelpers.visualisation.first_steps import show_ids, show_scores, show_tasks
from nbhelpers.visualisation.grid import show_changes
from nbhelpers.visualisation.iris import show_boundaries, show_rubber_sheet
from nbhelpers.visualisation.judging import show_pulls, show_reliability
from nbhelpers.visualisation.labels import colour_mask
from nbhelpers.visualisation.links import show_links
from nbhelpers.visualisation.nested import show_nested
from nbhelpers.visualisation.numbers import show_numbers
from nbhelpers.visualisation.pictures import show_batch, show_overlay, show_predictions
from nbhelpers.visualisation.probe import effective_receptive_field, predict_ids
from nbhelpers.visualisation.ranking import show_heat, show_ranking
from nbhelpers.visualisation.source import show_source
from nbhelpers.visualisation.staircase import show_staircase
from nbhelpers.visualisation.studies import show_study
from nbhelpers.visualisation.tracing import trace_shapes
from nbhelpers.visualisation.verification import show_distances, show_roc

__all__ = [
    "KINDS",
    "Convolutions",
    "LiveBytes",
    "Picture",
    "colour_mask",
    "effective_receptive_field",
    "error_kinds",
    "error_shares",
    "predict_ids",
    "show_alternatives",
    "show_batch",
    "show_boundaries",
    "show_changes",
    "show_comparison",
    "show_confusion",
    "show_curves",
    "show_distances",
    "show_error_kinds",
    "show_folds",
    "show_gains",
    "show_leaderboard",
    "show_objects",
    "show_feature_maps",
    "show_heat",
    "show_ids",
    "show_iou",
    "show_lines",
    "show_links",
    "show_measures",
    "show_nested",
    "show_numbers",
    "show_overlay",
    "show_predictions",
    "show_pulls",
    "show_ranking",
    "show_receptive_field",
    "show_reliability",
    "show_roc",
    "show_rubber_sheet",
    "show_scores",
    "show_source",
    "show_staircase",
    "show_study",
    "show_tasks",
    "show_tuning",
    "trace_shapes",
    "attention_by_class",
    "attention_weights",
    "channel_gate",
    "place_gate",
    "show_attention",
    "show_attention_by_class",
    "show_channel_gates",
    "show_place_gate",
    "show_against",
    "show_patient",
]
