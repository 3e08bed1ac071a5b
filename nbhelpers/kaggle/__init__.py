"""A mask competition from the folder to the submission: codes, files, folds, scores, tuning, and the offline bundle."""

from nbhelpers.kaggle.bowl import Bowl, TrainImages, draw_competition, lay_out, score_submission, to_instances
from nbhelpers.kaggle.budget import time_budget
from nbhelpers.kaggle.bundle import find_bundle, find_input, find_weights
from nbhelpers.kaggle.decisions import by_mask, by_presence
from nbhelpers.kaggle.folds import (
    fold_notes,
    make_folds,
    near_duplicates,
    noted_folds,
    out_of_fold,
    perceptual_hash,
)
from nbhelpers.kaggle.instances import by_components, by_watershed
from nbhelpers.kaggle.kinds import strata
from nbhelpers.kaggle.linting import lint_submission
from nbhelpers.kaggle.looks import alike, stain, top_hat
from nbhelpers.kaggle.present import presence
from nbhelpers.kaggle.pseudo import sure_mask, with_pseudo_labels
from nbhelpers.kaggle.rle import CONVENTIONS, Convention, conventions_table, rle_decode, rle_encode
from nbhelpers.kaggle.scores import bowl_score, dice, iou, mean_iou, surface_dice, uw_madison_score
from nbhelpers.kaggle.submissions import (
    class_rows,
    image_rows,
    instance_rows,
    read_submission,
    write_submission,
)
from nbhelpers.kaggle.tuning import paired_gain, simulate_leaderboard, tune, tune_by_folds

__all__ = [
    "CONVENTIONS",
    "Bowl",
    "Convention",
    "TrainImages",
    "alike",
    "bowl_score",
    "by_components",
    "by_mask",
    "by_presence",
    "by_watershed",
    "class_rows",
    "conventions_table",
    "dice",
    "draw_competition",
    "find_bundle",
    "find_input",
    "find_weights",
    "fold_notes",
    "image_rows",
    "instance_rows",
    "iou",
    "lay_out",
    "lint_submission",
    "make_folds",
    "mean_iou",
    "near_duplicates",
    "noted_folds",
    "out_of_fold",
    "paired_gain",
    "perceptual_hash",
    "presence",
    "read_submission",
    "rle_decode",
    "rle_encode",
    "score_submission",
    "simulate_leaderboard",
    "stain",
    "strata",
    "sure_mask",
    "surface_dice",
    "time_budget",
    "to_instances",
    "top_hat",
    "tune",
    "tune_by_folds",
    "uw_madison_score",
    "with_pseudo_labels",
    "write_submission",
]
