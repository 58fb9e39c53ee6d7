"""Counting right and wrong decisions, at the place where Keras has it."""

import torch

from .. import backend as K
from ..metrics.base import Reduction, update_state_wrapper
from ..metrics.confusion import (
    NEG_INF,
    AUCCurve,
    AUCSummationMethod,
    ConfusionMatrix,
    assert_thresholds_range,
    filter_top_k,
    parse_init_thresholds,
    update_confusion_matrix_variables,
)
from .generic_utils import to_list

__all__ = [
    "NEG_INF",
    "AUCCurve",
    "AUCSummationMethod",
    "ConfusionMatrix",
    "Reduction",
    "assert_thresholds_range",
    "filter_top_k",
    "parse_init_thresholds",
    "result_wrapper",
    "to_list",
    "update_confusion_matrix_variables",
    "update_state_wrapper",
    "weighted_assign_add",
]


def result_wrapper(result_fn):
    """A decorator for `result` methods of metrics. A value knows what it depends on by itself, so
    that it changes nothing."""
    return result_fn


def weighted_assign_add(label, pred, weights, var):
    """Adds to `var` (n,) the weights where both `label` and `pred` (n, samples) are true."""
    hits = K.cast(torch.logical_and(label, pred), K.floatx())
    return var.assign_add(K.sum(hits if weights is None else hits * weights, axis=1))
