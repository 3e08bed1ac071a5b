"""First aid: is this a sample, a batch, a data set, a model's answer? `doctor` has the full examination.

    check_sample, check_batch, check_masks   raise ValueError that says what it is, what it must be, and the cure
    Gate                                     judges a whole data set, before and while it is trained on or scored
    logits_of, check_logits, check_finite    judge what a model gives
    first_non_finite, overfit_one_batch      find the layer that breaks, and whether a model can learn at all

Samples are judged before anything is cast. What a sample is stands in `nbhelpers.datasets.contract`.
"""

from nbhelpers.checks.answers import (
    answer_fault,
    check_finite,
    check_logits,
    cure_of_type,
    first_non_finite,
    logits_of,
    mismatch_explained,
)
from nbhelpers.checks.care import evaluating, independent_copy, random_state_kept
from nbhelpers.checks.overfit import overfit_one_batch
from nbhelpers.datasets.contract import check_batch, check_masks, check_sample
from nbhelpers.datasets.gate import Gate

__all__ = [
    "Gate",
    "answer_fault",
    "check_batch",
    "check_finite",
    "check_logits",
    "check_masks",
    "check_sample",
    "cure_of_type",
    "evaluating",
    "first_non_finite",
    "independent_copy",
    "logits_of",
    "mismatch_explained",
    "overfit_one_batch",
    "random_state_kept",
]
